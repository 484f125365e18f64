//! A bucket behind an S3 API: [`Store`] over HTTP, without knowing what sends the requests.
//!
//! Requests are presigned URLs (AWS Signature Version 4 in the query); bodies are covered by a checksum that the store
//! verifies. What AWS answers is the reference: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use instant_xml::FromXml;
use jiff::Timestamp;
use rusty_s3::actions::{ListObjectsV2, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use sha2::{Digest, Sha256};
use tapedeck_core::config::StoreLocation;
use tapedeck_core::store::{Created, Listed, NewObject, Object, Replaced, Store, StoreError};
use url::{Host, Url};

/// Most attempts at one operation.
const ATTEMPTS_MAX: u32 = 4;

/// For how long a further attempt may begin, in milliseconds.
const ATTEMPTS_MS_MAX: i64 = 10_000;

/// Longest wait before the second attempt, in milliseconds; four times as long before each further one.
const WAIT_MS_MAX: f64 = 100.0;

/// How long the signature of a request holds: all its attempts, and clocks that differ as much as AWS bears.
const SIGNED: Duration = Duration::from_mins(15);

/// Largest answer that is no object, in bytes: a listing of 1,000 keys has 350 KB.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most pages that one listing may take. A store may give fewer keys than were asked for; one that gives ever fewer has no end.
const PAGES_MAX: usize = 20;

const METADATA_PREFIX: &str = "x-amz-meta-";

/// What sends HTTP requests, and knows the time.
pub(crate) trait Http {
    /// Unix milliseconds.
    fn now_ms(&self) -> i64;

    /// A number in [0, 1), to spread attempts.
    fn random(&self) -> f64;

    /// Comes back after so many milliseconds.
    fn wait(&self, ms: u32) -> impl Future<Output = ()>;

    /// Sends a request and reads its answer, of at most `answer_bytes_max` bytes. Follows no redirect and waits for a bounded time.
    ///
    /// # Errors
    /// [`HttpError`]
    fn send(
        &self,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
    ) -> impl Future<Output = Result<HttpAnswer, HttpError>>;
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct HttpRequest<'a> {
    /// `GET` or `PUT`.
    pub(crate) method: &'static str,
    /// Where, signed.
    pub(crate) url: Url,
    /// Names in lower case. Those that the signature covers.
    pub(crate) headers: Vec<(String, String)>,
    /// What; `None` for none.
    pub(crate) body: Option<&'a [u8]>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
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

/// Why a location is none that requests can go to. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocationError {
    /// Not a URL.
    #[error("endpoint {found:?} is no URL")]
    Endpoint {
        /// As it was configured.
        found: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Not one that a bucket can be at.
    #[error("bucket {bucket:?} cannot be at {endpoint}: {reason:?}")]
    Bucket {
        /// As it was configured.
        endpoint: String,
        /// As it was configured.
        bucket: String,
        /// What is wrong with it.
        reason: rusty_s3::BucketError,
    },
}

/// How URLs name a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// `https://{bucket}.{endpoint}/{key}`; but in the path where that cannot be: the endpoint is an address or `localhost`, or
    /// the name has a dot, which no wildcard certificate covers.
    Automatic,
    /// `https://{endpoint}/{bucket}/{key}`
    Path,
}

/// One bucket.
#[derive(Debug)]
pub(crate) struct S3Store<H> {
    http: H,
    bucket: Bucket,
    credentials: Credentials,
}

/// What S3 says when it does not do what was asked.
#[derive(FromXml)]
#[xml(rename = "Error")]
struct ErrorBody {
    #[xml(rename = "Code")]
    code: String,
}

impl<H: Http> S3Store<H> {
    /// The bucket at `location`.
    ///
    /// # Errors
    /// [`LocationError`]
    pub(crate) fn new(
        http: H,
        location: &StoreLocation,
        addressing: Addressing,
        credentials: Credentials,
    ) -> Result<Self, LocationError> {
        let StoreLocation { endpoint, bucket, region } = location;
        let url: Url =
            endpoint.parse().map_err(|source| LocationError::Endpoint { found: endpoint.clone(), source })?;
        let style = url_style(&url, bucket, addressing);
        let bucket = Bucket::new(url, style, bucket.clone(), region.clone()).map_err(|reason| {
            LocationError::Bucket { endpoint: endpoint.clone(), bucket: bucket.clone(), reason }
        })?;
        Ok(Self { http, bucket, credentials })
    }

    /// A URL that reads an object for `life_s` seconds from the last full second before `now_ms`.
    pub(crate) fn presign_get(&self, key: &str, now_ms: i64, life_s: u32) -> Url {
        let action = self.bucket.get_object(Some(&self.credentials), key);
        action.sign_with_time(Duration::from_secs(life_s.into()), &timestamp(now_ms))
    }

    /// A request for `action`, whose signature covers `headers` (sorted by name).
    fn sign<'a, A: S3Action<'a>>(
        &self,
        method: &'static str,
        mut action: A,
        headers: Vec<(String, String)>,
    ) -> HttpRequest<'static> {
        for (name, value) in &headers {
            action.headers_mut().insert(name.clone(), value.clone());
        }
        let url = action.sign_with_time(SIGNED, &timestamp(self.http.now_ms()));
        HttpRequest { method, url, headers, body: None }
    }

    /// Writes `object` where the condition holds that the header `name` states.
    async fn put(
        &self,
        operation: &'static str,
        key: &str,
        object: NewObject<'_>,
        condition: (&str, &str),
        is_final: fn(u16) -> bool,
    ) -> Result<HttpAnswer, StoreError> {
        let mut headers = vec![
            (condition.0.to_owned(), condition.1.to_owned()),
            ("content-type".to_owned(), object.content_type.to_owned()),
            ("x-amz-checksum-sha256".to_owned(), STANDARD.encode(Sha256::digest(object.body))),
        ];
        let metadata = object.metadata.iter();
        headers.extend(metadata.map(|(name, value)| (format!("{METADATA_PREFIX}{name}"), value.clone())));
        let action = self.bucket.put_object(Some(&self.credentials), key);
        let request = HttpRequest { body: Some(object.body), ..self.sign("PUT", action, headers) };
        self.send(operation, key, &request, ANSWER_BYTES_MAX, is_final).await
    }

    /// Sends a request until its answer is final: anything but what asks to come again, or what the caller calls final.
    /// Attempts are spread by random waits that grow.
    async fn send(
        &self,
        operation: &'static str,
        key: &str,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
        is_final: fn(u16) -> bool,
    ) -> Result<HttpAnswer, StoreError> {
        let until_ms = self.http.now_ms() + ATTEMPTS_MS_MAX;
        let mut wait_ms_max = WAIT_MS_MAX;
        let mut attempt = 1;
        loop {
            let reason = match self.http.send(request, answer_bytes_max).await {
                Ok(answer) if is_final(answer.status) || !asks_to_come_again(answer.status) => {
                    return Ok(answer);
                }
                Ok(answer) => answer.describe(),
                Err(HttpError::TooLarge { max }) => {
                    return Err(StoreError::TooLarge { operation, key: key.to_owned(), max });
                }
                Err(HttpError::Network(reason)) => reason,
            };
            // At most 6,400, of a random number that is not negative.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let wait_ms = (self.http.random() * wait_ms_max) as u32;
            if attempt == ATTEMPTS_MAX || self.http.now_ms() + i64::from(wait_ms) >= until_ms {
                let reason = format!("{reason} (attempt {attempt})");
                return Err(StoreError::Unavailable { operation, key: key.to_owned(), reason });
            }
            self.http.wait(wait_ms).await;
            wait_ms_max *= 4.0;
            attempt += 1;
        }
    }

    /// One page of a listing, and the token of the next.
    async fn list_page(
        &self,
        prefix: &str,
        from: &ListFrom<'_>,
        keys_max: usize,
    ) -> Result<(Vec<Listed>, Option<String>), StoreError> {
        let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
        action.with_prefix(prefix);
        action.with_max_keys(keys_max);
        match from {
            ListFrom::Start => {}
            ListFrom::After(key) => action.with_start_after(*key),
            ListFrom::Token(token) => action.with_continuation_token(token.as_str()),
        }
        let request = self.sign("GET", action, Vec::new());
        let answer = self.send("list", prefix, &request, ANSWER_BYTES_MAX, |_| false).await?;
        if answer.status != 200 {
            return Err(answer.refused("list", prefix));
        }
        let nonsense =
            |reason: String| StoreError::Unavailable { operation: "list", key: prefix.to_owned(), reason };
        let text = str::from_utf8(&answer.body).map_err(|error| nonsense(error.to_string()))?;
        let page = ListObjectsV2::parse_response(text).map_err(|error| nonsense(error.to_string()))?;
        let listed = page
            .contents
            .into_iter()
            .map(|content| match content.size {
                Some(bytes) => Ok(Listed { key: content.key, bytes, modified_ms: None }),
                None => Err(nonsense(format!("{} is listed without a size", content.key))),
            })
            .collect::<Result<_, _>>()?;
        Ok((listed, page.next_continuation_token))
    }
}

/// Where a page of a listing begins.
enum ListFrom<'a> {
    Start,
    After(&'a str),
    Token(String),
}

impl<H: Http> Store for S3Store<H> {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        let request = self.sign("GET", self.bucket.get_object(Some(&self.credentials), key), Vec::new());
        let answer = self.send("get", key, &request, bytes_max, |_| false).await?;
        match answer.status {
            200 => Ok(Some(Object {
                etag: answer.etag("get", key)?,
                modified_ms: None,
                metadata: answer
                    .headers
                    .iter()
                    .filter_map(|(name, value)| {
                        Some((name.strip_prefix(METADATA_PREFIX)?.to_owned(), value.clone()))
                    })
                    .collect(),
                body: answer.body,
            })),
            // A bucket that is missing is 404 too, and means something else.
            404 if answer.error_code().as_deref() == Some("NoSuchKey") => Ok(None),
            _ => Err(answer.refused("get", key)),
        }
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        let condition = ("if-none-match", "*");
        let answer = self.put("create", key, object, condition, |status| status == 412).await?;
        match answer.status {
            200 => answer.etag("create", key).map(|_| Created::Stored),
            412 => Ok(Created::Exists),
            _ => Err(answer.refused("create", key)),
        }
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        let is_final = |status| matches!(status, 404 | 409 | 412);
        let answer = self.put("replace", key, object, ("if-match", etag), is_final).await?;
        match answer.status {
            200 => answer.etag("replace", key).map(|_| Replaced::Stored),
            409 | 412 => Ok(Replaced::Changed),
            404 if answer.error_code().as_deref() == Some("NoSuchKey") => Ok(Replaced::Changed),
            _ => Err(answer.refused("replace", key)),
        }
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        let mut from = after.map_or(ListFrom::Start, ListFrom::After);
        for _ in 0..PAGES_MAX {
            let (page, next) = self.list_page(prefix, &from, keys_max - listed.len()).await?;
            listed.extend(page);
            match next {
                Some(token) if listed.len() < keys_max => from = ListFrom::Token(token),
                _ => return Ok(listed),
            }
        }
        let reason = format!("the listing has no end after {PAGES_MAX} pages");
        Err(StoreError::Unavailable { operation: "list", key: prefix.to_owned(), reason })
    }
}

impl HttpAnswer {
    /// The version that the answer names. Only S3 answers with one: a 200 without it comes from something in between.
    fn etag(&self, operation: &'static str, key: &str) -> Result<String, StoreError> {
        self.headers.get("etag").cloned().ok_or_else(|| StoreError::Unavailable {
            operation,
            key: key.to_owned(),
            reason: "status 200 without an ETag".to_owned(),
        })
    }

    /// S3's word for what went wrong, if the body has one.
    fn error_code(&self) -> Option<String> {
        let body = str::from_utf8(&self.body).ok()?;
        instant_xml::from_str::<ErrorBody>(body).ok().map(|error| error.code)
    }

    /// Status and S3's word, for people.
    fn describe(&self) -> String {
        let code = self.error_code().unwrap_or_else(|| "no S3 error".to_owned());
        format!("status {}: {code}", self.status)
    }

    fn refused(&self, operation: &'static str, key: &str) -> StoreError {
        StoreError::Refused {
            operation,
            key: key.to_owned(),
            status: self.status,
            reason: self.error_code().unwrap_or_else(|| "no S3 error".to_owned()),
        }
    }
}

/// Statuses after which the same request may succeed: a conditional write that met another (409), and a store that is busy or away.
fn asks_to_come_again(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..)
}

fn url_style(endpoint: &Url, bucket: &str, addressing: Addressing) -> UrlStyle {
    let is_name = matches!(endpoint.host(), Some(Host::Domain(name)) if name != "localhost");
    if addressing == Addressing::Path || !is_name || bucket.contains('.') {
        UrlStyle::Path
    } else {
        UrlStyle::VirtualHost
    }
}

/// Times that a clock does not show become 1970: a signature that the store refuses.
fn timestamp(now_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now_ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoint: &str, bucket: &str, addressing: Addressing, object_url: &str) {
        let endpoint: Url = endpoint.parse().expect("a URL");
        let style = url_style(&endpoint, bucket, addressing);
        let bucket = Bucket::new(endpoint, style, bucket.to_owned(), "r").expect("a bucket");
        assert_eq!(bucket.object_url("k").as_str(), object_url);
    }

    #[test]
    fn a_bucket_is_in_the_host_where_it_can_be() {
        use Addressing::{Automatic, Path};
        let aws = "https://s3.eu-central-1.amazonaws.com";
        check(aws, "tapes", Automatic, "https://tapes.s3.eu-central-1.amazonaws.com/k");
        check(aws, "tapes", Path, "https://s3.eu-central-1.amazonaws.com/tapes/k");
        check(aws, "ta.pes", Automatic, "https://s3.eu-central-1.amazonaws.com/ta.pes/k");
        check("http://127.0.0.1:9000", "tapes", Automatic, "http://127.0.0.1:9000/tapes/k");
        check("http://[::1]:9000", "tapes", Automatic, "http://[::1]:9000/tapes/k");
        check("http://localhost:9000", "tapes", Automatic, "http://localhost:9000/tapes/k");
    }

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer { status, headers: BTreeMap::new(), body: body.into() }
    }

    #[test]
    fn s3s_word_is_read_out_of_its_errors() {
        let code = |body: &str| answer(404, body).error_code();
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key></Error>";
        assert_eq!(code(xml).as_deref(), Some("NoSuchKey"));
        assert_eq!(code(""), None);
        assert_eq!(code("<html>not found</html>"), None);
        assert_eq!(answer(503, "").describe(), "status 503: no S3 error");
    }

    #[test]
    fn what_asks_to_come_again() {
        for status in [408, 409, 425, 429, 500, 503, 599] {
            assert!(asks_to_come_again(status), "{status}");
        }
        for status in [200, 304, 307, 400, 403, 404, 412] {
            assert!(!asks_to_come_again(status), "{status}");
        }
    }
}
