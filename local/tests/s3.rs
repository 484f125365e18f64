//! The bucket over HTTP, signed as the edge signs.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use rusty_s3::{Bucket as Signer, Credentials, S3Action as _, UrlStyle};
use serde_json::Value;
use tapedeck_local::cloud::{Choices, Cloud};
use tapedeck_local::queue::{Queue, QueueConfig};
use tapedeck_local::s3::{Bucket, S3Server};
use tapedeck_local::secrets::AccessKey;
use tapedeck_local::store::Store;
use tokio::net::TcpListener;

const PAGE: &str = "http://player.example";
const BUCKET: &str = "tapedeck-tests-000000000000-eu-central-1";

struct Fixture {
    queue: Queue,
    bucket: Bucket,
    server: S3Server,
    client: Client,
}

fn key(part: &str) -> AccessKey {
    AccessKey { id: format!("{part}-id"), secret: format!("{part}-secret") }
}

fn cloud() -> Cloud {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/aws/template.yaml");
    let choices = Choices {
        environment: "tests",
        region: "eu-central-1",
        player_origins: &[PAGE.to_owned()],
        concurrency: 2,
        merge_every_s: 0,
    };
    Cloud::read(&template, &choices).unwrap()
}

impl Fixture {
    async fn new() -> Self {
        Self::over(Store::in_memory().unwrap()).await
    }

    async fn over(store: Store) -> Self {
        let queue = Queue::open(store.clone(), QueueConfig::default()).unwrap();
        let config = cloud().bucket(&key("admin"), &key("edge"), &key("indexer"));
        let bucket = Bucket::open(store, queue.clone(), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = S3Server::start(&bucket, listener).unwrap();
        Self { queue, bucket, server, client: Client::new() }
    }

    fn signer(&self) -> Signer {
        let endpoint = self.server.endpoint().parse().unwrap();
        Signer::new(endpoint, UrlStyle::Path, BUCKET, "eu-central-1").unwrap()
    }

    /// Sends a request, signed by `part` together with its headers.
    async fn send(
        &self,
        part: &str,
        method: Method,
        key: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let signer = self.signer();
        let credentials = Credentials::new(format!("{part}-id"), format!("{part}-secret"));
        let minute = Duration::from_mins(1);
        macro_rules! sign {
            ($action:expr) => {{
                let mut action = $action;
                for (name, value) in headers {
                    action.headers_mut().insert((*name).to_owned(), (*value).to_owned());
                }
                action.sign(minute)
            }};
        }
        let url = match method {
            Method::PUT => sign!(signer.put_object(Some(&credentials), key)),
            Method::HEAD => sign!(signer.head_object(Some(&credentials), key)),
            Method::DELETE => sign!(signer.delete_object(Some(&credentials), key)),
            _ => sign!(signer.get_object(Some(&credentials), key)),
        };
        let mut request = self.client.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn put(&self, part: &str, key: &str, headers: &[(&str, &str)], body: &str) -> StatusCode {
        self.send(part, Method::PUT, key, headers, body).await.status()
    }

    async fn get(&self, key: &str, headers: &[(&str, &str)]) -> Response {
        self.send("admin", Method::GET, key, headers, "").await
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_object_comes_back_with_all_that_was_said_of_it() {
    let s3 = Fixture::new().await;
    let headers = [("content-type", "application/gzip"), ("x-amz-meta-received-ms", "17")];
    assert_eq!(s3.put("admin", "a/b c+d.gz", &headers, "hello").await, StatusCode::OK);

    let found = s3.get("a/b c+d.gz", &[]).await;
    assert_eq!(header(&found, "content-type"), "application/gzip");
    assert_eq!(header(&found, "x-amz-meta-received-ms"), "17");
    assert_eq!(header(&found, "etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(found.text().await.unwrap(), "hello");

    let range = s3.get("a/b c+d.gz", &[("range", "bytes=1-2")]).await;
    assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&range, "content-range"), "bytes 1-2/5");
    assert_eq!(range.text().await.unwrap(), "el");
    assert_eq!(
        s3.get("a/b c+d.gz", &[("range", "bytes=5-")]).await.status(),
        StatusCode::RANGE_NOT_SATISFIABLE
    );

    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let same = s3.get("a/b c+d.gz", &[("if-none-match", etag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&same, "etag"), etag);

    let head = s3.send("admin", Method::HEAD, "a/b c+d.gz", &[], "").await;
    assert_eq!(header(&head, "content-length"), "5");
    assert_eq!(s3.get("missing", &[]).await.status(), StatusCode::NOT_FOUND);

    let gone = s3.send("admin", Method::DELETE, "a/b c+d.gz", &[], "").await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(s3.get("a/b c+d.gz", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn conditions_are_those_of_aws() {
    let s3 = Fixture::new().await;
    assert_eq!(s3.put("admin", "m", &[("if-match", "\"x\"")], "0").await, StatusCode::NOT_FOUND);
    assert_eq!(s3.put("admin", "m", &[("if-none-match", "*")], "1").await, StatusCode::OK);
    assert_eq!(s3.put("admin", "m", &[("if-none-match", "*")], "2").await, StatusCode::PRECONDITION_FAILED);
    let etag = header(&s3.get("m", &[]).await, "etag").to_owned();
    assert_eq!(s3.put("admin", "m", &[("if-match", "\"x\"")], "3").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(s3.put("admin", "m", &[("if-match", &etag)], "4").await, StatusCode::OK);
    assert_eq!(s3.put("admin", "m", &[("if-match", &etag)], "5").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(s3.get("m", &[]).await.text().await.unwrap(), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_create_or_replace_at_once_one_wins() {
    let s3 = std::sync::Arc::new(Fixture::new().await);
    for round in 0..10 {
        let created = race(&s3, &format!("r{round}"), ("if-none-match", "*".to_owned())).await;
        assert_eq!(created, 1, "round {round}");
        let etag = header(&s3.get(&format!("r{round}"), &[]).await, "etag").to_owned();
        let replaced = race(&s3, &format!("r{round}"), ("if-match", etag)).await;
        assert_eq!(replaced, 1, "round {round}");
    }
}

async fn race(s3: &std::sync::Arc<Fixture>, key: &str, condition: (&'static str, String)) -> usize {
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (s3, key, condition) = (s3.clone(), key.to_owned(), condition.clone());
        tasks.spawn(async move {
            s3.put("admin", &key, &[(condition.0, &condition.1)], &format!("writer {writer} {}", condition.0))
                .await
        });
    }
    let statuses = tasks.join_all().await;
    assert!(statuses.iter().all(|status| matches!(status.as_u16(), 200 | 412)), "{statuses:?}");
    statuses.iter().filter(|status| status.is_success()).count()
}

#[tokio::test]
async fn a_body_with_a_wrong_checksum_is_never_seen() {
    let s3 = Fixture::new().await;
    let wrong = [("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")];
    assert_eq!(s3.put("admin", "k", &wrong, "hello").await, StatusCode::BAD_REQUEST);
    assert_eq!(s3.get("k", &[]).await.status(), StatusCode::NOT_FOUND);
    let right = [("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")];
    assert_eq!(s3.put("admin", "k", &right, "hello").await, StatusCode::OK);
    let found = s3.get("k", &[("x-amz-checksum-mode", "ENABLED")]).await;
    assert_eq!(header(&found, "x-amz-checksum-sha256"), right[0].1);
}

#[tokio::test]
async fn each_part_may_do_its_work_and_no_more() {
    let s3 = Fixture::new().await;
    let create = [("if-none-match", "*")];
    assert_eq!(s3.put("edge", "chunks/1", &create, "c").await, StatusCode::OK);
    assert_eq!(s3.put("edge", "chunks/1", &[], "c").await, StatusCode::FORBIDDEN);
    assert_eq!(s3.put("edge", "manifests/1", &create, "c").await, StatusCode::FORBIDDEN);
    let delete = s3.send("edge", Method::DELETE, "chunks/1", &[], "").await;
    assert_eq!(delete.status(), StatusCode::FORBIDDEN);
    assert!(delete.text().await.unwrap().contains("<Code>AccessDenied</Code>"));
    assert_eq!(s3.put("indexer", "manifests/1", &[], "m").await, StatusCode::OK);
    assert_eq!(s3.put("indexer", "chunks/2", &create, "m").await, StatusCode::FORBIDDEN);
    assert_eq!(s3.put("stranger", "chunks/2", &create, "m").await, StatusCode::FORBIDDEN);
    assert_eq!(s3.client.get(s3.signer().object_url("chunks/1")).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_presigned_url_is_good_for_its_object_and_time() {
    let s3 = Fixture::new().await;
    s3.put("admin", "chunks/1", &[], "one").await;
    s3.put("admin", "chunks/2", &[], "two").await;
    let credentials = Credentials::new("edge-id", "edge-secret");
    let signer = s3.signer();
    let url = signer.get_object(Some(&credentials), "chunks/1").sign(Duration::from_secs(1));
    let other = url.as_str().replace("chunks/1", "chunks/2");
    assert_eq!(s3.client.get(other).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(s3.client.get(url.clone()).send().await.unwrap().text().await.unwrap(), "one");
    let expired = async {
        while s3.client.get(url.clone()).send().await.unwrap().status() != StatusCode::FORBIDDEN {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), expired).await.unwrap();
}

#[tokio::test]
async fn only_listed_origins_may_read_from_a_page() {
    let s3 = Fixture::new().await;
    s3.put("admin", "k", &[], "hello").await;
    let url = s3.signer().object_url("k");
    let preflight = |origin: &'static str| {
        s3.client
            .request(Method::OPTIONS, url.clone())
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "range")
            .send()
    };
    let allowed = preflight(PAGE).await.unwrap();
    assert_eq!(header(&allowed, "access-control-allow-origin"), PAGE);
    assert_eq!(header(&allowed, "access-control-allow-headers"), "range");
    let refused = preflight("http://elsewhere.example").await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&refused, "access-control-allow-origin"), "");

    let credentials = Credentials::new("edge-id", "edge-secret");
    s3.put("admin", "chunks/1", &[], "hello").await;
    let signed = s3.signer().get_object(Some(&credentials), "chunks/1").sign(Duration::from_mins(1));
    let read = s3.client.get(signed).header("origin", PAGE).send().await.unwrap();
    assert_eq!(header(&read, "access-control-allow-origin"), PAGE);
    assert!(header(&read, "access-control-expose-headers").contains("ETag"));
    assert_eq!(s3.bucket.counters().get("browser", "GetObject").requests, 1);
    assert_eq!(s3.bucket.counters().get("browser", "GetObject").bytes, 5);
    assert_eq!(s3.bucket.counters().get("edge", "GetObject").requests, 0);
}

#[tokio::test]
async fn listings_are_paged_and_rolled_up() {
    let s3 = Fixture::new().await;
    for key in ["a/1", "a/2", "a/b/3", "a/b/4", "a/c/5", "b/6"] {
        s3.put("admin", key, &[], key).await;
    }
    check_listing(&s3, &[("prefix", "a/")], &["a/1", "a/2", "a/b/3", "a/b/4", "a/c/5"]).await;
    check_listing(&s3, &[("prefix", "a/"), ("start-after", "a/2")], &["a/b/3", "a/b/4", "a/c/5"]).await;
    check_listing(&s3, &[("prefix", "a/"), ("delimiter", "/")], &["a/1", "a/2", "a/b/", "a/c/"]).await;
    check_listing(&s3, &[("delimiter", "/")], &["a/", "b/"]).await;
    check_listing(&s3, &[("prefix", "none")], &[]).await;
}

/// Checks what a listing names, at several sizes of its pages.
async fn check_listing(s3: &Fixture, query: &[(&str, &str)], expected: &[&str]) {
    for page in ["1", "2", "1000"] {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let credentials = Credentials::new("edge-id", "edge-secret");
            let signer = s3.signer();
            let mut action = signer.list_objects_v2(Some(&credentials));
            for (name, value) in query {
                action.query_mut().insert((*name).to_owned(), (*value).to_owned());
            }
            action.query_mut().insert("max-keys", page);
            if let Some(token) = token.take() {
                action.query_mut().insert("continuation-token", token);
            }
            let text = s3
                .client
                .get(action.sign(Duration::from_mins(1)))
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            let listed = rusty_s3::actions::ListObjectsV2::parse_response(&text).unwrap();
            found.extend(listed.contents.into_iter().map(|object| object.key));
            found.extend(listed.common_prefixes.into_iter().map(|common| common.prefix));
            token = listed.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        found.sort();
        assert_eq!(found, expected, "{query:?}, {page} a page");
    }
}

#[tokio::test]
async fn what_is_stored_is_announced_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    {
        let s3 = Fixture::over(Store::open(&path).unwrap()).await;
        s3.put("edge", "chunks/a b", &[("if-none-match", "*")], "hello").await;
        s3.put("edge", "chunks/a b", &[("if-none-match", "*")], "hello").await;
        s3.put("indexer", "manifests/m", &[], "not announced").await;
        assert_eq!(s3.queue.depth().await.unwrap().visible, 1);
        s3.server.pause(Duration::ZERO).await;
    }
    let s3 = Fixture::over(reopen(&path).await).await;
    assert_eq!(s3.get("chunks/a b", &[]).await.text().await.unwrap(), "hello");
    let messages = s3.queue.receive(10).await.unwrap();
    assert_eq!(messages.len(), 1);
    let event: Value = serde_json::from_str(&messages[0].body).unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["bucket"]["name"], BUCKET);
    assert_eq!(record["s3"]["object"]["key"], "chunks/a+b");
    assert_eq!(record["s3"]["object"]["size"], 5);
}

/// The database is let go of when the last task that used it has ended.
async fn reopen(path: &std::path::Path) -> Store {
    loop {
        match Store::open(path) {
            Ok(store) => return store,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

#[tokio::test]
async fn a_pause_refuses_connections_and_ends() {
    let s3 = Fixture::new().await;
    s3.put("admin", "k", &[], "hello").await;
    let url = s3
        .signer()
        .get_object(Some(&Credentials::new("admin-id", "admin-secret")), "k")
        .sign(Duration::from_mins(1));
    s3.server.pause(Duration::from_millis(500)).await;
    assert!(s3.client.get(url.clone()).send().await.unwrap_err().is_connect());
    let back = async {
        while s3.client.get(url.clone()).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
}

#[tokio::test]
async fn what_outlived_its_lifetime_goes_at_midnight() {
    const DAY_MS: u64 = 86_400_000;
    let s3 = Fixture::new().await;
    for key in ["chunks/1", "archive/90d/1", "archive/pinned/1", "config/1"] {
        s3.put("admin", key, &[], "x").await;
    }
    let written_ms = s3.bucket.get("chunks/1").await.unwrap().unwrap().0.modified_ms;
    let midnight_ms = (written_ms + 14 * DAY_MS).next_multiple_of(DAY_MS);
    assert_eq!(s3.bucket.expire(midnight_ms - 1).await.unwrap(), 0);
    assert_eq!(s3.bucket.expire(midnight_ms).await.unwrap(), 1);
    assert_eq!(s3.get("chunks/1", &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(s3.bucket.expire(written_ms + 1000 * DAY_MS).await.unwrap(), 1);
    assert_eq!(s3.get("archive/pinned/1", &[]).await.status(), StatusCode::OK);
}
