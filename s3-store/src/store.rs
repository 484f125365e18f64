//! One bucket, asked over HTTP.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rusty_s3::actions::S3Action;
use rusty_s3::{Bucket, Credentials};
use tapedeck_core::config::StoreLocation;
use tapedeck_core::gather::gather;
use tapedeck_core::store::{Created, Listed, NewObject, Object, Replaced, Store, StoreError};
use url::Url;

use crate::answer::{Page, parse_page};
use crate::http::{Http, HttpAnswer, HttpError, HttpRequest};
use crate::location::{Addressing, LocationError};
use crate::retries::Retries;

/// How long the signature of a request holds: all its attempts, and clocks that differ as much as AWS bears.
const SIGNED: Duration = Duration::from_mins(15);

/// Largest answer that is no object, in bytes: a listing of 1,000 keys has 350 KB.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What an error of S3's may have, in bytes, where the object that was asked for may have less.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Most pages that one listing may take. A store may give fewer keys than were asked for; one that gives ever fewer has no end.
const PAGES_MAX: usize = 20;

const METADATA_PREFIX: &str = "x-amz-meta-";

/// One bucket.
#[derive(Debug)]
pub struct S3Store<H> {
    http: H,
    bucket: Bucket,
    credentials: Credentials,
    retries: Retries,
}

/// Where a page of a listing begins.
enum ListFrom<'a> {
    Start,
    After(&'a str),
    Token(String),
}

impl<H: Http> S3Store<H> {
    /// The bucket at `location`.
    ///
    /// # Errors
    /// [`LocationError`]
    pub fn new(
        http: H,
        location: &StoreLocation,
        addressing: Addressing,
        credentials: Credentials,
    ) -> Result<Self, LocationError> {
        let bucket = addressing.bucket(location)?;
        Ok(Self { http, bucket, credentials, retries: Retries::default() })
    }

    /// The same, asked again as `retries` says.
    #[must_use]
    pub fn with_retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// A URL that reads an object for `life_s` seconds from the last full second before `now_ms`.
    pub fn presign_get(&self, key: &str, now_ms: i64, life_s: u32) -> Url {
        let action = self.bucket.get_object(Some(&self.credentials), key);
        action.sign_with_time(Duration::from_secs(life_s.into()), &timestamp(now_ms))
    }

    /// The first `bytes` bytes of an object, all of them if there are fewer; `None` if there is none.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_head(&self, key: &str, bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let range = vec![("range".to_owned(), format!("bytes=0-{}", bytes.saturating_sub(1)))];
        let request = self.sign("GET", self.bucket.get_object(Some(&self.credentials), key), range);
        let answer_bytes_max = bytes.max(ERROR_BYTES_MAX);
        let answer = self.send("get", key, &request, answer_bytes_max, |_| false).await?;
        match answer.status {
            200 | 206 => Ok(Some(answer.body)),
            _ if answer.says_no_such_key() => Ok(None),
            _ => Err(answer.refused("get", key)),
        }
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
        let checksum = self.http.sha256(object.body).await.map_err(|error| StoreError::Unavailable {
            operation,
            key: key.to_owned(),
            reason: error.to_string(),
        })?;
        let mut headers = vec![
            (condition.0.to_owned(), condition.1.to_owned()),
            ("content-type".to_owned(), object.content_type.to_owned()),
            ("x-amz-checksum-sha256".to_owned(), STANDARD.encode(checksum)),
        ];
        let metadata = object.metadata.iter();
        headers.extend(metadata.map(|(name, value)| (format!("{METADATA_PREFIX}{name}"), value.clone())));
        let action = self.bucket.put_object(Some(&self.credentials), key);
        let request = HttpRequest { body: Some(object.body), ..self.sign("PUT", action, headers) };
        self.send(operation, key, &request, ANSWER_BYTES_MAX, is_final).await
    }

    /// Sends a request until its answer is final: anything but what asks to come again, or what the caller calls final.
    async fn send(
        &self,
        operation: &'static str,
        key: &str,
        request: &HttpRequest<'_>,
        answer_bytes_max: usize,
        is_final: fn(u16) -> bool,
    ) -> Result<HttpAnswer, StoreError> {
        let begun_ms = self.http.now_ms();
        let mut attempt = 1;
        loop {
            let reason = match self.http.send(request, answer_bytes_max).await {
                Ok(answer) if is_final(answer.status) || !answer.asks_to_come_again() => return Ok(answer),
                Ok(answer) => answer.describe(),
                Err(HttpError::TooLarge { max }) => {
                    return Err(StoreError::TooLarge { operation, key: key.to_owned(), max });
                }
                Err(HttpError::Network(reason)) => reason,
            };
            let taken_ms = self.http.now_ms() - begun_ms;
            let Some(wait_ms) = self.retries.wait_ms(attempt, taken_ms, self.http.random()) else {
                let reason = format!("{reason} (attempt {attempt})");
                return Err(StoreError::Unavailable { operation, key: key.to_owned(), reason });
            };
            self.http.wait(wait_ms).await;
            attempt += 1;
        }
    }

    async fn list_page(
        &self,
        prefix: &str,
        from: &ListFrom<'_>,
        keys_max: usize,
    ) -> Result<Page, StoreError> {
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
        parse_page(&answer.body).map_err(|error| StoreError::Unavailable {
            operation: "list",
            key: prefix.to_owned(),
            reason: error.to_string(),
        })
    }
}

impl<H: Http> Store for S3Store<H> {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        let request = self.sign("GET", self.bucket.get_object(Some(&self.credentials), key), Vec::new());
        let too_large = || StoreError::TooLarge { operation: "get", key: key.to_owned(), max: bytes_max };
        let answer_bytes_max = bytes_max.max(ERROR_BYTES_MAX);
        let answer = match self.send("get", key, &request, answer_bytes_max, |_| false).await {
            Err(StoreError::TooLarge { .. }) => return Err(too_large()),
            answer => answer?,
        };
        match answer.status {
            200 if answer.body.len() > bytes_max => Err(too_large()),
            200 => Ok(Some(Object {
                etag: answer.etag("get", key)?,
                modified_ms: None,
                metadata: gather(answer.headers.iter().filter_map(|(name, value)| {
                    Some((name.strip_prefix(METADATA_PREFIX)?.to_owned(), value.clone()))
                })),
                body: answer.body,
            })),
            _ if answer.says_no_such_key() => Ok(None),
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
            _ if answer.says_no_such_key() => Ok(Replaced::Changed),
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
            let page = self.list_page(prefix, &from, keys_max - listed.len()).await?;
            listed.extend(page.listed);
            // More than was asked for comes from no store that keeps the protocol.
            listed.truncate(keys_max);
            match page.next {
                Some(token) if listed.len() < keys_max => from = ListFrom::Token(token),
                _ => return Ok(listed),
            }
        }
        let reason = format!("the listing has no end after {PAGES_MAX} pages");
        Err(StoreError::Unavailable { operation: "list", key: prefix.to_owned(), reason })
    }
}

/// Times that a clock does not show become 1970: a signature that the store refuses.
fn timestamp(now_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now_ms).unwrap_or_default()
}
