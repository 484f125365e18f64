//! The indexer's binary behind the Runtime API and the S3 protocol: any order, any number of times, and what is malformed.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_core::ids::SessionId;
use tapedeck_core::object_key::{QuarantineKey, manifest_key};
use tapedeck_core::store::{NewObject, Store as _};
use tapedeck_local::lambda::{Function, InvokeError};
use tapedeck_local::mapping::{Mapping, MappingConfig};
use tapedeck_local::queue::{Depth, QueueConfig};
use tapedeck_tests::recording::{OTHER_PAGE, PAGE, Recorded, chunk, manifest_of, project, session};
use tapedeck_tests::{BUCKET, Stack, eventually};

/// A bucket, and an indexer that is called by hand.
struct Fixture {
    stack: Stack,
    function: Function,
}

impl Fixture {
    async fn new() -> Self {
        let stack = Stack::start(QueueConfig::default()).await;
        let function = stack.indexer(&stack.server.endpoint(), 1);
        Self { stack, function }
    }

    async fn uploaded(&self, session: &SessionId, seqs: std::ops::Range<u32>) -> Vec<Recorded> {
        let chunks: Vec<Recorded> = seqs.map(|seq| chunk(session, PAGE, seq)).collect();
        for chunk in &chunks {
            self.stack.upload(chunk).await;
        }
        chunks
    }

    /// What the function answers to a queue's batch: the ids of the messages that are to come again.
    async fn batch(&self, messages: &[(&str, String)]) -> Vec<String> {
        let records: Vec<Value> = messages
            .iter()
            .map(|(id, body)| json!({"eventSource": "aws:sqs", "messageId": id, "body": body}))
            .collect();
        let answer = self.function.invoke(&json!({ "Records": records })).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// The error of an invocation that fails whole.
    async fn error(&self, payload: &Value) -> String {
        match self.function.invoke(payload).await {
            Err(InvokeError::Function(error)) => format!("{}: {}", error.error_type, error.error_message),
            other => panic!("{payload} gives {other:?}"),
        }
    }

    async fn put(&self, key: &str, body: &[u8]) {
        let object = NewObject { body, content_type: "application/gzip", metadata: &[] };
        self.stack.store("admin").await.create(key, object).await.unwrap();
    }

    async fn remove(&self, key: &str) {
        self.stack.client("admin").await.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
}

fn notification(keys: &[String]) -> Value {
    let records: Vec<Value> = keys
        .iter()
        .map(|key| json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}))
        .collect();
    json!({ "Records": records })
}

fn of(chunks: &[Recorded]) -> Value {
    notification(&chunks.iter().map(|chunk| chunk.key.to_string()).collect::<Vec<_>>())
}

fn message(chunks: &[Recorded]) -> String {
    of(chunks).to_string()
}

#[tokio::test]
async fn a_bare_notification_makes_the_manifest() {
    let fixture = Fixture::new().await;
    let session = session(1);
    let chunks = fixture.uploaded(&session, 0..3).await;
    fixture.function.invoke(&of(&chunks[..1])).await.unwrap();
    assert_eq!(fixture.stack.manifest(&session).await, Some(manifest_of(&chunks[..1])));
    fixture.function.invoke(&of(&chunks[1..])).await.unwrap();
    assert_eq!(fixture.stack.manifest(&session).await, Some(manifest_of(&chunks)));
}

#[tokio::test]
async fn uploads_reach_the_manifest_by_way_of_the_queue() {
    let stack = Stack::start(QueueConfig::default()).await;
    let function = stack.indexer(&stack.server.endpoint(), 1);
    let config =
        MappingConfig { batch_max: 10, window: Duration::from_millis(100), ..MappingConfig::default() };
    let _mapping = Mapping::start(&stack.queue, &function, &config);
    // Each message twice, and batches in reverse.
    stack.queue.set_hostile(true);
    let (first, second) = (session(1), session(2));
    let mut chunks = Vec::new();
    for seq in 0..6 {
        for (session, page) in [(&first, PAGE), (&first, OTHER_PAGE), (&second, PAGE)] {
            let chunk = chunk(session, page, seq);
            stack.upload(&chunk).await;
            chunks.push(chunk);
        }
    }
    for session in [&first, &second] {
        let expected = manifest_of(chunks.iter().filter(|chunk| chunk.key.session == *session));
        eventually("the manifest has all chunks", async || {
            (stack.manifest(session).await.as_ref() == Some(&expected)).then_some(())
        })
        .await;
    }
    eventually("the queue is empty", async || stack.queue.depth().await.unwrap().is_idle().then_some(()))
        .await;
}

#[tokio::test]
async fn every_order_gives_the_same_bytes() {
    let fixture = Fixture::new().await;
    let session = session(1);
    let chunks = [
        chunk(&session, PAGE, 0),
        chunk(&session, PAGE, 2),
        chunk(&session, OTHER_PAGE, 0),
        chunk(&session, OTHER_PAGE, 1),
    ];
    for chunk in &chunks {
        fixture.stack.upload(chunk).await;
    }
    let expected = manifest_of(&chunks);
    for order in permutations(&chunks) {
        for chunk in &order {
            assert!(fixture.batch(&[("id", message(std::slice::from_ref(chunk)))]).await.is_empty());
        }
        assert_eq!(fixture.stack.manifest(&session).await.as_ref(), Some(&expected));
        fixture.remove(&manifest_key(&project(), &session)).await;
    }
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |first: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(first);
        permutations(&rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
    };
    (0..items.len()).flat_map(with_first).collect()
}

#[tokio::test]
async fn what_comes_again_changes_nothing() {
    let fixture = Fixture::new().await;
    let session = session(1);
    let chunks = fixture.uploaded(&session, 0..4).await;
    let batch = [("1", message(&chunks[..2])), ("2", message(&chunks[1..]))];
    assert!(fixture.batch(&batch).await.is_empty());
    let expected = manifest_of(&chunks);
    assert_eq!(fixture.stack.manifest(&session).await.as_ref(), Some(&expected));
    let written = || fixture.stack.bucket.counters().get("indexer", "PutObject").requests;
    assert_eq!(written(), 1 + 3, "chunks of one session cost one write, and a file a table");
    let key = manifest_key(&project(), &session);
    let version = async || fixture.stack.bucket.get(&key).await.unwrap().unwrap().0.sequencer;
    let before = version().await;
    for _ in 0..3 {
        assert!(fixture.batch(&batch).await.is_empty());
    }
    assert_eq!(fixture.stack.manifest(&session).await, Some(expected));
    assert_eq!(version().await, before, "what is known is not written again");
}

#[tokio::test]
async fn malformed_messages_fail_alone() {
    let fixture = Fixture::new().await;
    let session = session(1);
    let chunks = fixture.uploaded(&session, 0..1).await;
    let failed = fixture
        .batch(&[
            ("garbage", "\u{1}garbage".to_owned()),
            ("empty", String::new()),
            ("no records", "{}".to_owned()),
            ("no key", json!({"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": BUCKET}, "object": {}}}]}).to_string()),
            ("no bucket", json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": chunks[0].key.to_string()}}}]}).to_string()),
            ("another service", json!({"Records": [{"eventSource": "aws:sns", "Sns": {}}]}).to_string()),
            ("another bucket", message(&chunks).replace(BUCKET, "elsewhere")),
            ("no chunk's key", notification(&["chunks/demo/readme.txt".to_owned()]).to_string()),
            ("not under chunks", notification(&["config/projects/demo.json".to_owned(), "chunks".to_owned()]).to_string()),
            ("test", json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}).to_string()),
            ("good", message(&chunks)),
        ])
        .await;
    // What another indexer, or another role, could do comes again.
    assert_eq!(failed, ["another bucket"]);
    let dead = fixture.stack.queue.dead_letters().await.unwrap();
    let reasons: Vec<String> = dead.into_iter().map(|letter| letter.reason.unwrap()).collect();
    assert_eq!(reasons.len(), 7, "{reasons:#?}");
    assert!(reasons[0].starts_with("expected an S3 notification, a task, or an SQS batch"), "{reasons:#?}");
    assert!(reasons[6].starts_with("chunks/demo/readme.txt: key"), "{reasons:#?}");
    assert_eq!(fixture.stack.manifest(&session).await, Some(manifest_of(&chunks)));
}

#[tokio::test]
async fn an_unknown_payload_is_named() {
    let fixture = Fixture::new().await;
    let error = fixture.error(&json!({"source": "aws.events", "detail": {}})).await;
    assert!(
        error.starts_with("Event: expected at least one record of an S3 notification or an SQS batch"),
        "{error}"
    );
    assert!(error.contains("aws.events"), "{error}");
    let error = fixture.error(&json!("text")).await;
    assert!(
        error.starts_with(
            "Event: expected an S3 notification, a task, or an SQS batch of them, found \"text\""
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_chunk_that_is_gone_is_done() {
    let fixture = Fixture::new().await;
    let (first, second) = (session(1), session(2));
    let chunks = fixture.uploaded(&first, 0..2).await;
    let gone = chunk(&second, PAGE, 0);
    fixture.remove(&chunks[0].key.to_string()).await;
    let failed = fixture.batch(&[("part", message(&chunks)), ("all", message(&[gone]))]).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(fixture.stack.manifest(&first).await, Some(manifest_of(&chunks[1..])));
    assert_eq!(fixture.stack.manifest(&second).await, None);
}

#[tokio::test]
async fn a_damaged_chunk_is_set_apart_and_nothing_else() {
    let fixture = Fixture::new().await;
    let session = session(1);
    let chunks = fixture.uploaded(&session, 0..3).await;
    let whole = chunk(&session, PAGE, 7).body;
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let damages: [(&str, u32, &[u8]); 5] = [
        ("no gzip", 3, b"no gzip"),
        ("cut", 4, &whole[..whole.len() - 9]),
        ("flipped", 5, &flipped),
        ("empty", 6, b""),
        ("no events", 7, &tapedeck_core::inflate::deflate(b"<html>")),
    ];
    let mut messages = vec![("good", message(&chunks[..2]))];
    for (name, seq, body) in damages {
        let key = chunk(&session, PAGE, seq).key;
        fixture.put(&key.to_string(), body).await;
        messages.push((name, notification(&[key.to_string()]).to_string()));
    }
    messages.push(("also good", message(&chunks[2..])));
    assert!(fixture.batch(&messages).await.is_empty());
    assert_eq!(fixture.stack.manifest(&session).await, Some(manifest_of(&chunks)));

    for (seq, reason) in [(3, "gzip"), (4, "gzip"), (5, "gzip"), (6, "gzip"), (7, "events")] {
        let chunk = chunk(&session, PAGE, seq).key;
        let (_, marker) =
            fixture.stack.bucket.get(&QuarantineKey { chunk }.to_string()).await.unwrap().unwrap();
        let marker: Value = serde_json::from_slice(&marker).unwrap();
        assert_eq!((&marker["version"], &marker["reason"]), (&json!(1), &json!(reason)), "{marker}");
    }
}

#[tokio::test]
async fn what_keeps_failing_ends_in_the_dead_letters() {
    let stack = Stack::start(QueueConfig::default()).await;
    let function = stack.indexer_with(&stack.server.endpoint(), 1, &[("TAPEDECK_RECEIVES_MAX", "2")]);
    let config =
        MappingConfig { batch_max: 10, window: Duration::from_millis(100), ..MappingConfig::default() };
    let (session, newer) = (session(1), session(2));
    let (good, bad) = (chunk(&session, PAGE, 0), chunk(&newer, PAGE, 1));
    let object = NewObject { body: br#"{"version":2}"#, content_type: "application/json", metadata: &[] };
    stack.store("admin").await.create(&manifest_key(&project(), &newer), object).await.unwrap();
    stack.upload(&bad).await;
    stack.queue.send("garbage".to_owned(), Duration::ZERO).await.unwrap();
    stack.upload(&good).await;
    let _mapping = Mapping::start(&stack.queue, &function, &config);
    let dead = eventually("two dead letters and nothing else", async || {
        let depth = stack.queue.depth().await.unwrap();
        if depth == (Depth { delayed: depth.delayed, dead: 2, ..Depth::default() }) {
            stack.queue.dead_letters().await.ok()
        } else {
            None
        }
    })
    .await;
    let by_reason = |start: &str| {
        dead.iter()
            .find(|letter| letter.reason.as_ref().is_some_and(|reason| reason.starts_with(start)))
            .unwrap()
    };
    assert_eq!(by_reason("expected an S3 notification").body, "garbage");
    let key = bad.key.to_string();
    assert!(by_reason(&key).body.contains(&key), "as it came");
    assert_eq!(stack.manifest(&session).await, Some(manifest_of([&good])));
}
