//! The bucket's operations behind the S3 protocol.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderMap;
use http::header::ORIGIN;
use http_body_util::{BodyExt as _, Limited};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{Credentials, S3Auth, SecretKey};
use s3s::checksum::ChecksumHasher;
use s3s::dto;
use s3s::dto::{ETag, ETagCondition, StreamingBlob};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use tapedeck_core::ids::hex;

use super::counters::Counters;
use super::event::object_created;
use super::objects::{Condition, Content, ObjectMeta, Objects, PutError};
use super::policy::{Credential, signed_ms};

use crate::clock::now_ms;
use crate::cloud::Cloud;
use crate::digest::md5_hex;
use crate::queue::Queue;
use crate::store::{Store, StoreError};

/// Larger bodies are refused, since each is held in memory while it is verified. AWS takes 5 GiB.
const BODY_BYTES_MAX: usize = 256 << 20;
/// What one listing returns at most, as in AWS.
const LIST_MAX: usize = 1000;

/// A bucket and who may use it.
#[derive(Clone, Debug)]
pub struct BucketConfig {
    /// What the template says of it: its name, in the path of every URL; what it announces; which pages may read it; how long
    /// objects live; who may do what. Signatures of any region are accepted.
    pub cloud: Cloud,
    /// Who has which key.
    pub credentials: Vec<Credential>,
}

impl BucketConfig {
    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cloud.deployment.bucket.name
    }

    /// The region of its events.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.cloud.deployment.place.region
    }
}

/// The bucket. Clones share it.
#[derive(Clone, Debug)]
pub struct Bucket {
    config: Arc<BucketConfig>,
    objects: Objects,
    queue: Queue,
    counters: Counters,
}

impl Bucket {
    /// The bucket kept in `store`, which must be the one that `queue` is kept in.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(store: Store, queue: Queue, config: BucketConfig) -> Result<Self, StoreError> {
        Ok(Self {
            config: Arc::new(config),
            objects: Objects::open(store)?,
            queue,
            counters: Counters::default(),
        })
    }

    /// What it was opened with.
    #[must_use]
    pub fn config(&self) -> &BucketConfig {
        &self.config
    }

    /// What it was asked for.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Writes an object as its owner, past the protocol and the counters.
    ///
    /// # Errors
    /// [`PutError`]; then nothing was written.
    pub async fn put(
        &self,
        key: &str,
        body: Bytes,
        content: Content,
        condition: Condition,
    ) -> Result<ObjectMeta, PutError> {
        let etag = md5_hex(&body);
        self.write("Put", key.to_owned(), body, etag, content, condition).await
    }

    /// An object's record and body, past the protocol and the counters.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, key: &str) -> Result<Option<(ObjectMeta, Bytes)>, StoreError> {
        self.objects.get(key.to_owned()).await
    }

    /// The S3 protocol on top of this bucket.
    #[must_use]
    pub fn service(&self) -> S3Service {
        let mut builder = S3ServiceBuilder::new(self.clone());
        builder.set_auth(self.clone());
        builder.set_access(self.clone());
        builder.build()
    }

    async fn write(
        &self,
        event: &'static str,
        key: String,
        body: Bytes,
        etag: String,
        content: Content,
        condition: Condition,
    ) -> Result<ObjectMeta, PutError> {
        let kind = format!("ObjectCreated:{event}");
        let notifications = &self.config.cloud.deployment.bucket.notifications;
        let announced = notifications.iter().any(|notification| notification.announces(&kind, &key))
            && self.config.cloud.may_announce();
        let config = Arc::clone(&self.config);
        let announced_key = announced.then(|| key.clone());
        let meta = self
            .objects
            .put(key, body, etag, content, condition, move |transaction, meta| {
                let Some(key) = announced_key else { return Ok(()) };
                let notification = object_created(config.name(), config.region(), event, &key, meta);
                Queue::send_within(transaction, notification.to_string(), std::time::Duration::ZERO)
            })
            .await?;
        if announced {
            self.queue.announce();
        }
        Ok(meta)
    }

    /// Removes what has outlived its lifetime, and says how much that was: what S3 does once a day.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire(&self, now_ms: u64) -> Result<u64, StoreError> {
        let lifetimes = self.config.cloud.deployment.bucket.clone();
        self.objects
            .remove_where(move |key, meta| {
                lifetimes.days(key).is_some_and(|days| expires_ms(meta.modified_ms, days) <= now_ms)
            })
            .await
    }

    /// As [`Bucket::expire`], by this machine's clock.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire_now(&self) -> Result<u64, StoreError> {
        self.expire(now_ms()).await
    }

    fn check_name(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.config.name() { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    /// Who is counted for a request. A web page uses URLs that a part has signed, and always names its origin.
    fn part(&self, access_key_id: &str, headers: &HeaderMap) -> Option<&str> {
        let credential = self.credential(access_key_id)?;
        Some(if headers.contains_key(ORIGIN) { "browser" } else { &credential.part })
    }

    fn credential(&self, access_key_id: &str) -> Option<&Credential> {
        self.config.credentials.iter().find(|credential| credential.access_key_id == access_key_id)
    }

    fn count_bytes<T>(&self, request: &S3Request<T>, operation: &str, bytes: u64) {
        let credentials = request.credentials.as_ref();
        if let Some(part) = credentials.and_then(|found| self.part(&found.access_key, &request.headers)) {
            self.counters.bytes(part, operation, bytes);
        }
    }

    async fn find(&self, key: &str, credentials: Option<&Credentials>) -> S3Result<(ObjectMeta, Bytes)> {
        let found = self.objects.get(key.to_owned()).await.map_err(internal)?;
        found.ok_or_else(|| self.missing(credentials))
    }

    /// Only who may list the bucket learns that an object is not there.
    fn missing(&self, credentials: Option<&Credentials>) -> S3Error {
        let may_list = self.caller(credentials).is_ok_and(|credential| {
            credential.may(&self.config.cloud, "ListObjectsV2", None, &HeaderMap::new(), None)
        });
        if may_list { s3_error!(NoSuchKey) } else { s3_error!(AccessDenied, "Access Denied") }
    }

    fn caller(&self, credentials: Option<&Credentials>) -> S3Result<&Credential> {
        let key = credentials.and_then(|found| self.credential(&found.access_key));
        key.ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))
    }
}

#[async_trait::async_trait]
impl S3Auth for Bucket {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.credential(access_key)
            .map(|credential| SecretKey::from(credential.secret_access_key.as_str()))
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}

#[async_trait::async_trait]
impl S3Access for Bucket {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let denied = || s3_error!(AccessDenied, "Access Denied");
        let access_key = context.credentials().ok_or_else(denied)?.access_key.clone();
        let credential = self.credential(&access_key).ok_or_else(denied)?;
        let operation = context.s3_op().name();
        if let Some(part) = self.part(&access_key, context.headers()) {
            self.counters.request(part, operation);
        }
        let key = context.s3_path().get_object_key();
        let signed_ms = context.uri().query().and_then(signed_ms);
        let may = credential.may(&self.config.cloud, operation, key, context.headers(), signed_ms);
        if may { Ok(()) } else { Err(denied()) }
    }
}

/// What `GetObject` and `HeadObject` both tell of an object: two types of s3s with the same fields.
macro_rules! described {
    ($output:ident, $meta:ident, $checksum:ident) => {
        dto::$output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: $meta.content.cache_control.clone(),
            checksum_crc32: $checksum("crc32"),
            checksum_crc32c: $checksum("crc32c"),
            checksum_crc64nvme: $checksum("crc64nvme"),
            checksum_sha1: $checksum("sha1"),
            checksum_sha256: $checksum("sha256"),
            content_disposition: $meta.content.content_disposition.clone(),
            content_encoding: $meta.content.content_encoding.clone(),
            content_language: $meta.content.content_language.clone(),
            content_type: Some(content_type(&$meta)),
            e_tag: Some(ETag::Strong($meta.etag.clone())),
            last_modified: Some(last_modified(&$meta)),
            metadata: Some($meta.content.metadata.clone().into_iter().collect()),
            ..Default::default()
        }
    };
}

#[async_trait::async_trait]
impl S3 for Bucket {
    async fn head_bucket(
        &self,
        request: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.check_name(&request.input.bucket)?;
        let region = Some(self.config.region().to_owned());
        Ok(S3Response::new(dto::HeadBucketOutput { bucket_region: region, ..Default::default() }))
    }

    async fn put_object(
        &self,
        mut request: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        self.check_name(&request.input.bucket)?;
        let condition =
            write_condition(request.input.if_match.as_ref(), request.input.if_none_match.as_ref())?;
        let body = read_body(request.input.body.take()).await?;
        let etag = md5_hex(&body);
        let checksums = verify(&request, &body, &etag)?;
        self.count_bytes(&request, "PutObject", body.len() as u64);
        let input = request.input;
        let content = Content {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.into_iter().flatten().collect(),
            checksums,
        };
        let meta = self.write("Put", input.key, body, etag, content, condition).await.map_err(put_error)?;
        let checksum = |algorithm: &str| meta.content.checksums.get(algorithm).cloned();
        Ok(S3Response::new(dto::PutObjectOutput {
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
            e_tag: Some(ETag::Strong(meta.etag)),
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let input = &request.input;
        self.check_name(&input.bucket)?;
        let (meta, body) = self.find(&input.key, request.credentials.as_ref()).await?;
        read_condition(&meta, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let (body, content_range) = match input.range {
            None => (body, None),
            Some(range) => {
                let range = range.check(meta.size).map_err(|_| s3_error!(InvalidRange))?;
                let header = format!("bytes {}-{}/{}", range.start, range.end - 1, meta.size);
                let index = |at: u64| usize::try_from(at).map_err(|_| s3_error!(InvalidRange));
                (body.slice(index(range.start)?..index(range.end)?), Some(header))
            }
        };
        self.count_bytes(&request, "GetObject", body.len() as u64);
        // A checksum is of the whole object, so AWS leaves it out where only a part is sent.
        let asked = input.checksum_mode.is_some() && content_range.is_none();
        let checksum = |algorithm: &str| {
            if asked { meta.content.checksums.get(algorithm).cloned() } else { None }
        };
        Ok(S3Response::new(dto::GetObjectOutput {
            content_length: Some(to_i64(body.len() as u64)),
            content_range,
            body: Some(StreamingBlob::from(Body::from(body))),
            ..described!(GetObjectOutput, meta, checksum)
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        let input = request.input;
        self.check_name(&input.bucket)?;
        let found = self.objects.head(input.key).await.map_err(internal)?;
        let meta = found.ok_or_else(|| self.missing(request.credentials.as_ref()))?;
        read_condition(&meta, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let checksum = |algorithm: &str| {
            if input.checksum_mode.is_some() { meta.content.checksums.get(algorithm).cloned() } else { None }
        };
        Ok(S3Response::new(dto::HeadObjectOutput {
            content_length: Some(to_i64(meta.size)),
            ..described!(HeadObjectOutput, meta, checksum)
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let input = request.input;
        self.check_name(&input.bucket)?;
        let condition = write_condition(input.if_match.as_ref(), None)?;
        self.objects.delete(input.key, condition).await.map_err(put_error)?;
        Ok(S3Response::with_status(dto::DeleteObjectOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn delete_objects(
        &self,
        request: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        let credential = self.caller(request.credentials.as_ref())?;
        let headers = request.headers;
        let input = request.input;
        self.check_name(&input.bucket)?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            if !credential.may(&self.config.cloud, "DeleteObject", Some(&object.key), &headers, None) {
                let code = Some("AccessDenied".to_owned());
                errors.push(dto::Error { code, key: Some(object.key), ..Default::default() });
                continue;
            }
            self.objects.delete(object.key.clone(), Condition::None).await.map_err(put_error)?;
            deleted.push(dto::DeletedObject { key: Some(object.key), ..Default::default() });
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let deleted = (!quiet).then_some(deleted);
        let errors = (!errors.is_empty()).then_some(errors);
        Ok(S3Response::new(dto::DeleteObjectsOutput { deleted, errors, ..Default::default() }))
    }

    async fn copy_object(
        &self,
        request: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        let input = &request.input;
        self.check_name(&input.bucket)?;
        let dto::CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        self.check_name(bucket)?;
        let credential = self.caller(request.credentials.as_ref())?;
        if !credential.may(&self.config.cloud, "GetObject", Some(key), &request.headers, None) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        let (source, body) = self.find(key, request.credentials.as_ref()).await?;
        let input = request.input;
        let replaced = input.metadata_directive.as_ref().map(dto::MetadataDirective::as_str)
            == Some(dto::MetadataDirective::REPLACE);
        let content = if replaced {
            Content {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                metadata: input.metadata.into_iter().flatten().collect(),
                checksums: source.content.checksums,
            }
        } else {
            source.content
        };
        let meta = self
            .write("Copy", input.key, body, source.etag, content, Condition::None)
            .await
            .map_err(put_error)?;
        let result = dto::CopyObjectResult {
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            last_modified: Some(last_modified(&meta)),
            ..Default::default()
        };
        Ok(S3Response::new(dto::CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        let input = request.input;
        self.check_name(&input.bucket)?;
        let after = match &input.continuation_token {
            Some(token) => Some(decode_token(token)?),
            None => input.start_after.clone(),
        };
        let max = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap_or(0).min(LIST_MAX);
        let listing = self
            .objects
            .list(input.prefix.clone().unwrap_or_default(), input.delimiter.clone(), after, max)
            .await
            .map_err(internal)?;
        let encode = |key: &str| match &input.encoding_type {
            Some(encoding) if encoding.as_str() == dto::EncodingType::URL => {
                form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/")
            }
            _ => key.to_owned(),
        };
        let contents: Vec<dto::Object> = listing
            .objects
            .iter()
            .map(|(key, meta)| dto::Object {
                e_tag: Some(ETag::Strong(meta.etag.clone())),
                key: Some(encode(key)),
                last_modified: Some(last_modified(meta)),
                size: Some(to_i64(meta.size)),
                storage_class: Some(dto::ObjectStorageClass::from_static(dto::ObjectStorageClass::STANDARD)),
                ..Default::default()
            })
            .collect();
        let common_prefixes: Vec<dto::CommonPrefix> = listing
            .common_prefixes
            .iter()
            .map(|prefix| dto::CommonPrefix { prefix: Some(encode(prefix)) })
            .collect();
        let count = contents.len() + common_prefixes.len();
        Ok(S3Response::new(dto::ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(input.prefix.unwrap_or_default()),
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            max_keys: Some(i32::try_from(max).unwrap_or(i32::MAX)),
            key_count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
            is_truncated: Some(listing.next.is_some()),
            next_continuation_token: listing.next.map(|key| BASE64_URL_SAFE_NO_PAD.encode(key)),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            ..Default::default()
        }))
    }
}

/// S3 adds the days and rounds up to the next midnight, UTC.
fn expires_ms(modified_ms: u64, days: u32) -> u64 {
    const DAY_MS: u64 = 86_400_000;
    (modified_ms + u64::from(days) * DAY_MS).next_multiple_of(DAY_MS)
}

async fn read_body(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    match Limited::new(Body::from(body), BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(s3_error!(EntityTooLarge)),
        // A wrong signature or hash inside a signed stream comes out here as well as a connection that ended early.
        Err(error) => match error.downcast::<S3Error>() {
            Ok(error) => Err(*error),
            Err(error) => Err(S3Error::with_source(S3ErrorCode::IncompleteBody, error)),
        },
    }
}

/// The checksums that the request names, compared with the body; where it names none, CRC-64/NVME as AWS adds.
fn verify(
    request: &S3Request<dto::PutObjectInput>,
    body: &Bytes,
    etag: &str,
) -> S3Result<std::collections::BTreeMap<String, String>> {
    let input = &request.input;
    if let Some(claimed) = &input.content_md5 {
        let claimed = BASE64_STANDARD.decode(claimed).map_err(|_| s3_error!(InvalidDigest))?;
        if hex(&claimed) != etag {
            return Err(s3_error!(BadDigest, "content-md5 is not that of the body"));
        }
    }
    let trailers = request.trailing_headers.as_ref().and_then(s3s::TrailingHeaders::take).unwrap_or_default();
    let claims = [
        ("crc32", &input.checksum_crc32),
        ("crc32c", &input.checksum_crc32c),
        ("crc64nvme", &input.checksum_crc64nvme),
        ("sha1", &input.checksum_sha1),
        ("sha256", &input.checksum_sha256),
    ]
    .map(|(algorithm, header)| (algorithm, header.clone().or_else(|| trailer(&trailers, algorithm))));
    let mut hasher = ChecksumHasher::default();
    for (algorithm, _) in claims.iter().filter(|(_, claim)| claim.is_some()) {
        match *algorithm {
            "crc32" => hasher.crc32 = Some(s3s::crypto::Crc32::default()),
            "crc32c" => hasher.crc32c = Some(s3s::crypto::Crc32c::default()),
            "sha1" => hasher.sha1 = Some(s3s::crypto::Sha1::default()),
            "sha256" => hasher.sha256 = Some(s3s::crypto::Sha256::default()),
            _ => hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::default()),
        }
    }
    let claimed = claims.iter().any(|(_, claim)| claim.is_some());
    if !claimed {
        hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::default());
    }
    hasher.update(body);
    let found = hasher.finalize();
    let found = [
        found.checksum_crc32,
        found.checksum_crc32c,
        found.checksum_crc64nvme,
        found.checksum_sha1,
        found.checksum_sha256,
    ];
    let mut checksums = std::collections::BTreeMap::new();
    for ((algorithm, claim), found) in claims.into_iter().zip(found) {
        if claimed && claim != found {
            return Err(s3_error!(
                BadDigest,
                "The {} you specified did not match the calculated checksum.",
                algorithm.to_uppercase()
            ));
        }
        if let Some(found) = found {
            checksums.insert(algorithm.to_owned(), found);
        }
    }
    Ok(checksums)
}

fn trailer(trailers: &HeaderMap, algorithm: &str) -> Option<String> {
    let value = trailers.get(format!("x-amz-checksum-{algorithm}"))?;
    value.to_str().ok().map(str::to_owned)
}

fn write_condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::None),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present(None)),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::Present(Some(etag.value().to_owned()))),
        // AWS knows If-None-Match on writes only with `*`, and only one of the two at a time.
        _ => Err(s3_error!(
            NotImplemented,
            "A header you provided implies functionality that is not implemented"
        )),
    }
}

fn read_condition(
    meta: &ObjectMeta,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == meta.etag,
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        let mut error = S3Error::new(S3ErrorCode::NotModified);
        let mut headers = HeaderMap::new();
        if let Ok(etag) = format!("\"{}\"", meta.etag).parse() {
            headers.insert(http::header::ETAG, etag);
        }
        error.set_headers(headers);
        return Err(error);
    }
    Ok(())
}

fn decode_token(token: &str) -> S3Result<String> {
    let wrong = || s3_error!(InvalidArgument, "The continuation token provided is incorrect");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn put_error(error: PutError) -> S3Error {
    match error {
        PutError::Precondition => {
            s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
        }
        PutError::Missing => s3_error!(NoSuchKey, "The specified key does not exist."),
        PutError::Store(error) => internal(error),
    }
}

fn internal(error: StoreError) -> S3Error {
    S3Error::with_source(S3ErrorCode::InternalError, Box::new(error))
}

fn content_type(meta: &ObjectMeta) -> String {
    meta.content.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
}

fn last_modified(meta: &ObjectMeta) -> dto::Timestamp {
    // HTTP dates have whole seconds; AWS lists milliseconds as zero too.
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(meta.modified_ms / 1000);
    dto::Timestamp::from(at)
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
