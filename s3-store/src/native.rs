//! An HTTP client for programs of this machine.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};

use crate::http::{Http, HttpAnswer, HttpError, HttpRequest};

/// Hyper, on tokio, with the machine's certificates. Clones share their connections.
#[derive(Debug, Clone)]
pub struct NativeHttp {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    answer_max: Duration,
}

impl NativeHttp {
    /// A client that waits at most so long for one answer with its body.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(answer_max: Duration) -> io::Result<Self> {
        let connector =
            HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), answer_max })
    }

    async fn exchange(
        &self,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
    ) -> Result<HttpAnswer, HttpError> {
        let mut outgoing = http::Request::builder().method(request.method).uri(request.url.as_str());
        for (name, value) in &request.headers {
            outgoing = outgoing.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(request.body.unwrap_or_default()));
        let outgoing = outgoing.body(body).map_err(|error| network(&error))?;
        let (head, mut body) =
            self.client.request(outgoing).await.map_err(|error| network(&error))?.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| network(&error))?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
            if bytes.len() > answer_bytes_max {
                return Err(HttpError::TooLarge { max: answer_bytes_max });
            }
        }
        Ok(HttpAnswer { status: head.status.as_u16(), headers, body: bytes })
    }
}

impl Http for NativeHttp {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn random(&self) -> f64 {
        fastrand::f64()
    }

    async fn wait(&self, ms: u32) {
        sleep(Duration::from_millis(ms.into())).await;
    }

    async fn send(
        &self,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
    ) -> Result<HttpAnswer, HttpError> {
        let late = |_| HttpError::Network(format!("no answer within {} ms", self.answer_max.as_millis()));
        timeout(self.answer_max, self.exchange(request, answer_bytes_max)).await.map_err(late)?
    }
}

/// An error and its causes, from the outside in. None of them names the URL.
fn network(error: &dyn std::error::Error) -> HttpError {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    HttpError::Network(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
