//! What becomes of each thing that a store, or something in between, may answer: over real connections, attempt by attempt.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusty_s3::Credentials;
use tapedeck_core::config::StoreLocation;
use tapedeck_core::store::{Created, NewObject, Object, Replaced, Store, StoreError};
use tapedeck_s3_store::{Addressing, NativeHttp, Retries, S3Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long the client waits for an answer here.
const ANSWER_MAX: Duration = Duration::from_millis(300);

/// What the server does with one request.
#[derive(Debug, Clone)]
enum Turn {
    /// These bytes, and then the end of the connection.
    Say(String),
    /// The connection ends without an answer.
    Hang,
    /// Nothing, for longer than anybody waits.
    Silence,
    /// A head, and then a byte now and then.
    Drip,
}

fn status(status: u16, body: &str) -> Turn {
    Turn::Say(format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn error(code: u16, word: &str) -> Turn {
    status(code, &format!("<?xml version=\"1.0\"?><Error><Code>{word}</Code><Message>m</Message></Error>"))
}

fn object(body: &str) -> Turn {
    let length = body.len();
    Turn::Say(format!(
        "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nx-amz-meta-Sdk: s/1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

/// A store that takes each request as it comes to the next turn; the last one stays. And how many requests came, with the first line of each.
struct Scripted {
    store: S3Store<NativeHttp>,
    seen: Arc<Mutex<Vec<String>>>,
}

async fn store_that(turns: Vec<Turn>) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let number = lines.lock().unwrap().len();
            let turn = turns[number.min(turns.len() - 1)].clone();
            lines.lock().unwrap().push(String::new());
            let lines = Arc::clone(&lines);
            tokio::spawn(async move { take_turn(stream, turn, number, &lines).await });
        }
    });
    let location = StoreLocation { endpoint, bucket: "tapes".to_owned(), region: "eu-central-1".to_owned() };
    let http = NativeHttp::new(ANSWER_MAX).unwrap();
    let store =
        S3Store::new(http, &location, Addressing::Automatic, Credentials::new("id", "secret of the store"));
    let store = store.unwrap().with_retries(Retries { wait_ms_max: 5, ..Retries::default() });
    Scripted { store, seen }
}

async fn take_turn(mut stream: TcpStream, turn: Turn, number: usize, lines: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let body_end = loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.unwrap_or(0);
        request.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&request);
        if let Some(head_end) = text.find("\r\n\r\n") {
            let length = text.to_lowercase();
            let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            break head_end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
        }
        assert!(n > 0, "the request broke off");
    };
    while request.len() < body_end {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.unwrap_or(0);
        request.extend_from_slice(&piece[..n]);
    }
    lines.lock().unwrap()[number] = String::from_utf8_lossy(&request).into_owned();
    match turn {
        Turn::Say(answer) => {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        Turn::Hang => drop(stream),
        Turn::Silence => tokio::time::sleep(Duration::from_mins(1)).await,
        Turn::Drip => {
            let head = b"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 1000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn batch() -> NewObject<'static> {
    NewObject { body: b"a batch", content_type: "application/gzip", metadata: &[] }
}

impl Scripted {
    fn attempts(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    async fn create(&self) -> Result<Created, StoreError> {
        self.store.create("chunks/k", batch()).await
    }

    async fn replace(&self) -> Result<Replaced, StoreError> {
        self.store.replace("manifests/k", "\"1\"", batch()).await
    }

    async fn get(&self) -> Result<Option<Object>, StoreError> {
        self.store.get("config/k", 100).await
    }
}

/// The store is asked so many times and then called away, for all that writes and reads.
async fn is_unavailable(turn: Turn, attempts: usize) {
    let store = store_that(vec![turn.clone()]).await;
    let results = [
        store.create().await.map(|_| ()),
        store.get().await.map(|_| ()),
        store.store.list("chunks/", None, 10).await.map(|_| ()),
    ];
    for error in results.map(|result| result.expect_err("no answer")) {
        assert!(error.is_transient(), "{turn:?}: {error}");
        assert!(!error.to_string().contains("X-Amz"), "{error}");
        assert!(!error.to_string().contains("secret of"), "{error}");
    }
    assert_eq!(store.attempts(), 3 * attempts, "{turn:?}");
}

/// The operator has to mend it: asked once.
async fn is_refused(turn: Turn, status: u16) {
    let store = store_that(vec![turn.clone()]).await;
    let results = [
        store.create().await.map(|_| ()),
        store.replace().await.map(|_| ()),
        store.get().await.map(|_| ()),
        store.store.list("chunks/", None, 10).await.map(|_| ()),
    ];
    for error in results.map(|result| result.expect_err("a refusal")) {
        assert!(
            matches!(error, StoreError::Refused { status: found, .. } if found == status),
            "{turn:?}: {error}"
        );
    }
    assert_eq!(store.attempts(), 4, "{turn:?}");
}

#[tokio::test]
async fn what_passes_is_asked_again_with_the_same_request() {
    let turns = vec![error(503, "SlowDown"), error(500, "InternalError"), Turn::Hang, object("")];
    let store = store_that(turns).await;
    assert_eq!(store.create().await.unwrap(), Created::Stored);
    let seen = store.seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|request| *request == seen[0]), "{seen:#?}");
    assert!(seen[0].starts_with("PUT /tapes/chunks/k?"), "{}", seen[0]);
    assert!(seen[0].ends_with("\r\n\r\na batch"), "{}", seen[0]);
}

#[tokio::test]
async fn what_does_not_pass_is_given_up() {
    is_unavailable(error(500, "InternalError"), 4).await;
    is_unavailable(error(503, "SlowDown"), 4).await;
    is_unavailable(status(502, "<html>bad gateway</html>"), 4).await;
    is_unavailable(status(429, ""), 4).await;
    is_unavailable(Turn::Hang, 4).await;
}

#[tokio::test]
async fn what_is_no_http_is_given_up() {
    is_unavailable(Turn::Say("SSH-2.0-OpenSSH_9.2\r\n".to_owned()), 4).await;
    is_unavailable(Turn::Say("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_owned()), 4).await;
    is_unavailable(Turn::Say(String::new()), 4).await;
}

#[tokio::test]
async fn silence_is_given_up_in_time() {
    for turn in [Turn::Silence, Turn::Drip] {
        let begun = Instant::now();
        let store = store_that(vec![turn]).await;
        assert!(store.create().await.unwrap_err().is_transient());
        assert_eq!(store.attempts(), 4);
        assert!(begun.elapsed() < 6 * ANSWER_MAX, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn time_ends_attempts_before_their_number_does() {
    let Scripted { store, seen } = store_that(vec![Turn::Silence]).await;
    let store = store.with_retries(Retries { attempts_max: 100, ms_max: 700, wait_ms_max: 1 });
    assert!(store.create("chunks/k", batch()).await.unwrap_err().is_transient());
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn refusals_are_the_operators() {
    is_refused(error(403, "AccessDenied"), 403).await;
    is_refused(error(400, "InvalidRequest"), 400).await;
    is_refused(error(404, "NoSuchBucket"), 404).await;
    is_refused(status(404, "<html>not found</html>"), 404).await;
    is_refused(
        Turn::Say(
            "HTTP/1.1 307 X\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        307,
    )
    .await;
}

#[tokio::test]
async fn conditions() {
    let once = async |turn| store_that(vec![turn]).await;
    assert_eq!(once(error(412, "PreconditionFailed")).await.create().await.unwrap(), Created::Exists);
    assert_eq!(once(error(412, "PreconditionFailed")).await.replace().await.unwrap(), Replaced::Changed);
    assert_eq!(once(error(404, "NoSuchKey")).await.replace().await.unwrap(), Replaced::Changed);
    assert_eq!(
        once(error(409, "ConditionalRequestConflict")).await.replace().await.unwrap(),
        Replaced::Changed
    );
    assert_eq!(once(error(404, "NoSuchKey")).await.get().await.unwrap(), None);
    // A creator that met another asks again, and hears who has won.
    let conflict = vec![error(409, "ConditionalRequestConflict"), error(412, "PreconditionFailed")];
    assert_eq!(store_that(conflict).await.create().await.unwrap(), Created::Exists);
    let forever = once(error(409, "ConditionalRequestConflict")).await;
    assert!(forever.create().await.unwrap_err().is_transient());
    assert_eq!(forever.attempts(), 4);
}

#[tokio::test]
async fn a_200_that_is_not_the_stores_is_no_success() {
    let store = store_that(vec![status(200, "<html>welcome</html>")]).await;
    assert!(store.create().await.unwrap_err().is_transient());
    assert!(store.replace().await.unwrap_err().is_transient());
    assert!(store.get().await.unwrap_err().is_transient());
    for page in ["", "<html>welcome</html>", "<ListBucketResult>", "{}"] {
        let store = store_that(vec![status(200, page)]).await;
        assert!(store.store.list("chunks/", None, 10).await.unwrap_err().is_transient(), "{page}");
    }
}

#[tokio::test]
async fn a_short_body_is_not_an_object() {
    let short = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\nConnection: close\r\n\r\nshort";
    let store = store_that(vec![Turn::Say(short.to_owned()), object("whole")]).await;
    assert_eq!(store.get().await.unwrap().unwrap().body, b"whole");
    assert_eq!(store.attempts(), 2);
    is_unavailable(Turn::Say(short.to_owned()), 4).await;
}

#[tokio::test]
async fn an_object_is_bounded_and_an_error_of_more_is_still_understood() {
    let store = store_that(vec![object(&"x".repeat(101))]).await;
    assert!(matches!(store.get().await.unwrap_err(), StoreError::TooLarge { max: 100, .. }));
    let store = store_that(vec![object(&"x".repeat(50_000))]).await;
    assert!(matches!(store.get().await.unwrap_err(), StoreError::TooLarge { .. }));
    let absent = store_that(vec![error(404, "NoSuchKey")]).await;
    assert_eq!(absent.store.get("config/k", 0).await.unwrap(), None);
}

#[tokio::test]
async fn a_listing_ends() {
    let page = |next: &str| {
        let object = "<Contents><ETag>\"1\"</ETag><Key>a</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>";
        let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
        status(200, &format!("<ListBucketResult xmlns=\"{namespace}\">{object}{next}</ListBucketResult>"))
    };
    let next = page("<NextContinuationToken>t</NextContinuationToken>");
    let endless = store_that(vec![next.clone()]).await;
    assert!(endless.store.list("chunks/", None, 1_000).await.unwrap_err().to_string().contains("has no end"));
    assert_eq!(endless.attempts(), 20);
    let two = store_that(vec![next, page("")]).await;
    assert_eq!(two.store.list("chunks/", None, 1_000).await.unwrap().len(), 2);
    let generous = store_that(vec![page("")]).await;
    assert_eq!(generous.store.list("chunks/", None, 1).await.unwrap().len(), 1);
}
