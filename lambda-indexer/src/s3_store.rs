//! [`Store`] over the S3 protocol: AWS, and whatever answers as AWS does.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use tapedeck_core::store::{Created, Listed, NewObject, Object, OwnedStore, Replaced, Store, StoreError};

/// One bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
}

/// A client by the environment: region and credentials as Lambda gives them, and `AWS_ENDPOINT_URL_S3` for another S3 than AWS's.
pub async fn client_from_env() -> Client {
    let mut loader = config_loader();
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_S3") {
        loader = loader.endpoint_url(endpoint);
    }
    client(&loader.load().await)
}

/// What every client of ours begins with: the newest behaviour, and TLS by rustls on ring.
#[must_use]
pub fn config_loader() -> ConfigLoader {
    let tls = tls::Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}

/// A client by `config`. An attempt has 10 s, and the SDK makes three of those that may help.
#[must_use]
pub fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(25))
        .build();
    let config = aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts)
        // AWS's own names resolve as `{bucket}.{host}`; an endpoint of one's own is known by one name.
        .force_path_style(config.endpoint_url().is_some())
        .build();
    Client::from_conf(config)
}

impl S3Store {
    /// The bucket of that name. Its policy has to let the client list it: AWS tells others of a missing object with 403, not 404.
    #[must_use]
    pub fn new(client: Client, bucket: &str) -> Self {
        Self { client, bucket: bucket.to_owned() }
    }

    fn put(&self, key: &str, object: NewObject<'_>) -> PutObjectFluentBuilder {
        let metadata: HashMap<String, String> =
            object.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(object.content_type)
            .set_metadata(Some(metadata))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(object.body.to_vec()))
    }
}

impl Store for S3Store {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        const GET: &str = "get";
        let too_large = || StoreError::TooLarge { operation: GET, key: key.to_owned(), max: bytes_max };
        let output = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(output) => output,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(None);
            }
            Err(error) => return Err(store_error(GET, key, &error)),
        };
        let length = usize::try_from(output.content_length.unwrap_or(0)).unwrap_or(usize::MAX);
        if length > bytes_max {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(length);
        let mut stream = output.body;
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| StoreError::Unavailable {
                operation: GET,
                key: key.to_owned(),
                reason: DisplayErrorContext(&error).to_string(),
            })?;
            // A length that was not told, or was not true.
            if body.len() + part.len() > bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&part);
        }
        Ok(Some(Object {
            body,
            etag: output.e_tag.unwrap_or_default(),
            modified_ms: output.last_modified.and_then(|at| at.to_millis().ok()),
            metadata: output.metadata.unwrap_or_default().into_iter().collect(),
        }))
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        match self.put(key, object).if_none_match("*").send().await {
            Ok(_) => Ok(Created::Stored),
            Err(error) if status(&error) == Some(412) => Ok(Created::Exists),
            Err(error) => Err(store_error("create", key, &error)),
        }
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        match self.put(key, object).if_match(etag).send().await {
            Ok(_) => Ok(Replaced::Stored),
            Err(error) if is_changed(&error) => Ok(Replaced::Changed),
            Err(error) => Err(store_error("replace", key, &error)),
        }
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        let mut continuation = None;
        loop {
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_start_after(after.map(str::to_owned))
                .set_continuation_token(continuation)
                .max_keys(i32::try_from(keys_max - listed.len()).unwrap_or(i32::MAX));
            let page = request.send().await.map_err(|error| store_error("list", prefix, &error))?;
            listed.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let bytes = u64::try_from(object.size.unwrap_or(0)).unwrap_or(0);
                let modified_ms = object.last_modified.and_then(|at| at.to_millis().ok());
                object.key.map(|key| Listed { key, bytes, modified_ms })
            }));
            // A page may be short and yet not the last.
            continuation = page.next_continuation_token.filter(|_| listed.len() < keys_max);
            if continuation.is_none() {
                return Ok(listed);
            }
        }
    }
}

impl OwnedStore for S3Store {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.client.delete_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(store_error("delete", key, &error)),
        }
    }
}

/// Whether a write with `If-Match` failed since another was faster (412, or 409 while that one is under way), or since the object
/// was removed (404): <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.
fn is_changed(error: &SdkError<PutObjectError>) -> bool {
    match status(error) {
        Some(409 | 412) => true,
        Some(404) => error.code() == Some("NoSuchKey"),
        _ => false,
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// What to make of an answer that is none of those expected.
fn store_error<E>(operation: &'static str, key: &str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let key = key.to_owned();
    match status(error) {
        // S3 says RequestTimeout with 400: it waited too long for the body.
        Some(status @ 300..500)
            if !matches!(status, 408 | 409 | 429) && error.code() != Some("RequestTimeout") =>
        {
            let code = error.code().unwrap_or("no code");
            let message = error.message().unwrap_or("no message");
            StoreError::Refused { operation, key, status, reason: format!("{code}: {message}") }
        }
        _ => StoreError::Unavailable { operation, key, reason: DisplayErrorContext(error).to_string() },
    }
}
