//! What an HTTP client has to do for a store.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use url::Url;

/// What sends HTTP requests, and knows the time.
pub trait Http {
    /// Unix milliseconds.
    fn now_ms(&self) -> i64;

    /// A number in [0, 1), to spread attempts.
    fn random(&self) -> f64;

    /// Comes back after so many milliseconds.
    fn wait(&self, ms: u32) -> impl Future<Output = ()>;

    /// The SHA-256 of bytes, by whatever is fastest there.
    ///
    /// # Errors
    /// [`HttpError::Network`] where the platform does not do what it promises.
    fn sha256(&self, bytes: &[u8]) -> impl Future<Output = Result<[u8; 32], HttpError>> {
        std::future::ready(Ok(Sha256::digest(bytes).into()))
    }

    /// Sends a request and reads its answer, of at most `answer_bytes_max` bytes. Follows no redirect and waits for a bounded time.
    ///
    /// # Errors
    /// [`HttpError`]; also for a body that is shorter than its answer says.
    fn send(
        &self,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
    ) -> impl Future<Output = Result<HttpAnswer, HttpError>>;
}

/// A request to be sent.
#[derive(Debug)]
pub struct HttpRequest<'a> {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// Where, signed.
    pub url: Url,
    /// Names in lower case. Those that the signature covers.
    pub headers: Vec<(String, String)>,
    /// What; `None` for none.
    pub body: Option<&'a [u8]>,
}

/// What came back.
#[derive(Debug)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, a broken one, or not in time. The text must not have the URL's query, since that holds a signature.
    #[error("{0}")]
    Network(String),
    /// The answer's body is larger than the asker bears.
    #[error("the answer is over {max} bytes, which is the limit")]
    TooLarge {
        /// The limit.
        max: usize,
    },
}
