//! The platform's clock, chance and HTTP client.

use std::collections::BTreeMap;
use std::time::Duration;

use tapedeck_core::gather::gather;
use tapedeck_core::ids::RequestId;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::ReadableStream;
use web_sys::js_sys::{Math, Uint8Array};
use worker::{
    AbortSignal, CacheMode, Date, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect,
    ResponseBody,
};

use crate::pieces::Pieces;
use tapedeck_s3_store::{Http, HttpAnswer, HttpError, HttpRequest};

/// Longest wait for one answer with its body, in milliseconds.
const ANSWER_MS_MAX: u32 = 5_000;

/// Longest reason kept of a failure, in characters.
const REASON_CHARS_MAX: usize = 200;

/// Unix milliseconds. Stands still while the Worker computes, and moves on with each answer from outside:
/// <https://developers.cloudflare.com/workers/reference/security-model/>.
pub(crate) fn now_ms() -> i64 {
    i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX)
}

#[wasm_bindgen]
extern "C" {
    /// A UUID of version 4: <https://developer.mozilla.org/docs/Web/API/Crypto/randomUUID>.
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    fn random_uuid() -> String;

    /// <https://developer.mozilla.org/docs/Web/API/SubtleCrypto/digest>. The platform's own hash is several times faster than one in wasm. It
    /// takes a copy of the bytes, or has hashed them, when it returns.
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], catch)]
    async fn digest(algorithm: &str, bytes: &[u8]) -> Result<JsValue, JsValue>;
}

/// The platform's hash failed.
#[derive(Debug, thiserror::Error)]
#[error("the platform gives no SHA-256: {0}")]
pub(crate) struct DigestError(String);

/// The SHA-256 of bytes.
///
/// # Errors
/// [`DigestError`]
pub(crate) async fn sha256(bytes: &[u8]) -> Result<[u8; 32], DigestError> {
    let digest = digest("SHA-256", bytes).await.map_err(|error| DigestError(format!("{error:?}")))?;
    let digest = Uint8Array::new(&digest).to_vec();
    digest.try_into().map_err(|digest: Vec<u8>| DigestError(format!("{} bytes", digest.len())))
}

/// The name of something that happens now: the time, and 8 random bytes from a cryptographic generator.
pub(crate) fn new_id() -> RequestId {
    let digits: Vec<u8> = random_uuid().chars().filter_map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let mut random = [0; 8];
    // The last 15 of its 32 digits are chance alone, and so are the first 12, before the version.
    let chance = digits.iter().take(12).chain(digits.iter().skip(17));
    for (i, digit) in chance.take(16).enumerate() {
        random[i / 2] = random[i / 2] << 4 | digit;
    }
    RequestId::new(now_ms(), random)
}

/// What the platform has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Platform;

impl Http for Platform {
    fn now_ms(&self) -> i64 {
        now_ms()
    }

    fn random(&self) -> f64 {
        Math::random()
    }

    async fn wait(&self, ms: u32) {
        Delay::from(Duration::from_millis(ms.into())).await;
    }

    async fn sha256(&self, bytes: &[u8]) -> Result<[u8; 32], HttpError> {
        sha256(bytes).await.map_err(|error| HttpError::Network(error.to_string()))
    }

    async fn send(
        &self,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
    ) -> Result<HttpAnswer, HttpError> {
        send(request, answer_bytes_max).await.map_err(|error| match error {
            SendError::Platform(error) => HttpError::Network(describe(&error)),
            SendError::TooLarge => HttpError::TooLarge { max: answer_bytes_max },
        })
    }
}

enum SendError {
    Platform(worker::Error),
    TooLarge,
}

impl From<worker::Error> for SendError {
    fn from(error: worker::Error) -> Self {
        Self::Platform(error)
    }
}

async fn send(request: &HttpRequest<'_>, answer_bytes_max: usize) -> Result<HttpAnswer, SendError> {
    let headers = Headers::new();
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method.to_owned()))
        .with_headers(headers)
        .with_body(request.body.map(|body| Uint8Array::from(body).into()))
        .with_redirect(RequestRedirect::Manual)
        .with_cache(CacheMode::NoStore);
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(ANSWER_MS_MAX));
    let outgoing = Request::new_with_init(request.url.as_str(), &init)?;
    let answer = Fetch::Request(outgoing).send_with_signal(&signal).await?;

    let headers: BTreeMap<String, String> = gather(answer.headers().entries());
    let is_empty = headers.get("content-length").is_some_and(|length| length == "0");
    let body = match answer.body() {
        ResponseBody::Stream(stream) if !is_empty => read(stream, answer_bytes_max).await?,
        ResponseBody::Body(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    Ok(HttpAnswer { status: answer.status_code(), headers, body })
}

async fn read(stream: &ReadableStream, bytes_max: usize) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    let mut pieces = Pieces::of(stream).map_err(worker::Error::from)?;
    while let Some(piece) = pieces.next().await.map_err(worker::Error::from)? {
        body.extend(piece.to_vec());
        if body.len() > bytes_max {
            return Err(SendError::TooLarge);
        }
    }
    Ok(body)
}

/// What the platform says, without the query of a URL that it may name.
fn describe(error: &worker::Error) -> String {
    let text = error.to_string();
    text.split('?').next().unwrap_or_default().chars().take(REASON_CHARS_MAX).collect()
}
