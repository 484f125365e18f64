//! Whole invocations over a store in memory: what is written, and which messages are asked for again.

use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_core::ids::SessionId;
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ChunkKey, chunks_prefix, manifest_key};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store};
use tapedeck_indexer::invocation::{InvocationError, invoke};
use tapedeck_indexer::merge::Patience;

const PATIENCE: Patience = Patience { tries_max: 3, pause_first: Duration::ZERO };
const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";
const OTHER: &str = "6553f1009b9cf7cdca965edc0c23444b";

#[derive(Default)]
struct Bucket(MemoryStore);

impl Bucket {
    /// The key of one chunk, which lies in the bucket.
    async fn chunk(&self, session: &str, seq: u32) -> String {
        let event = format!(r#"{{"type":3,"timestamp":{},"data":{{}}}}"#, 1_700_000_000_000 + i64::from(seq));
        self.put(session, seq, &deflate(event.as_bytes())).await
    }

    async fn put(&self, session: &str, seq: u32, body: &[u8]) -> String {
        let key = key(session, seq);
        let object = NewObject { body, content_type: "application/gzip", metadata: &[] };
        self.0.create(&key, object).await.expect("in memory");
        key
    }

    /// The seqs that a session's manifest has.
    async fn seqs(&self, session: &str) -> Vec<u32> {
        let key = manifest_key(&"demo".parse().expect("a project"), &session.parse().expect("a session"));
        let Some(object) = self.0.get(&key, usize::MAX).await.expect("in memory") else { return Vec::new() };
        Manifest::parse(&object.body).expect("whole").chunk_names().map(|name| name.seq.get()).collect()
    }

    /// The ids of the messages that are to come again.
    async fn queue(&self, messages: &[(&str, String)]) -> Vec<String> {
        let records: Vec<Value> = messages
            .iter()
            .map(|(id, body)| json!({"eventSource": "aws:sqs", "messageId": id, "body": body}))
            .collect();
        let payload = json!({ "Records": records }).to_string();
        let answer = invoke(&payload, |_| &self.0, PATIENCE).await.expect("an answer");
        answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }
}

fn key(session: &str, seq: u32) -> String {
    let session: SessionId = session.parse().expect("a session");
    let prefix = chunks_prefix(&"demo".parse().expect("a project"), &session);
    let key = format!("{prefix}a1B2c3D4-{seq:05}-{seq:08x}.ndjson.gz");
    assert!(key.parse::<ChunkKey>().is_ok());
    key
}

fn notification(keys: &[&str]) -> String {
    let records: Vec<Value> = keys
        .iter()
        .map(|key| json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}))
        .collect();
    json!({ "Records": records }).to_string()
}

#[tokio::test]
async fn a_bare_notification_brings_the_manifest_up_to_date() {
    let bucket = Bucket::default();
    let (first, second) = (bucket.chunk(SESSION, 0).await, bucket.chunk(SESSION, 1).await);
    for keys in [&[first.as_str()][..], &[&first, &second]] {
        invoke(&notification(keys), |_| &bucket.0, PATIENCE).await.expect("done");
    }
    assert_eq!(bucket.seqs(SESSION).await, [0, 1]);
}

#[tokio::test]
async fn a_bare_notification_fails_whole() {
    let bucket = Bucket::default();
    let (good, bad) = (bucket.chunk(SESSION, 0).await, bucket.put(SESSION, 1, b"no gzip").await);
    let error = invoke(&notification(&[&good, &bad]), |_| &bucket.0, PATIENCE).await.expect_err("damaged");
    let text = error.to_string();
    assert!(text.starts_with(&format!("1 of 2 objects failed, the first: {bad} is damaged")), "{text}");
    assert_eq!(bucket.seqs(SESSION).await, [0], "the good chunk is there all the same");
    let error = invoke("{}", |_| &bucket.0, PATIENCE).await.expect_err("nothing to do");
    assert!(matches!(error, InvocationError::Event(_)), "{error}");
}

#[tokio::test]
async fn only_what_failed_comes_again() {
    let bucket = Bucket::default();
    let keys = [bucket.chunk(SESSION, 0).await, bucket.chunk(SESSION, 1).await, bucket.chunk(OTHER, 0).await];
    let damaged = bucket.put(SESSION, 2, b"\x1f\x8b damaged").await;
    let wrong_shard = keys[2].replace(OTHER, SESSION);
    let failed = bucket
        .queue(&[
            ("good", notification(&[&keys[0]])),
            ("damaged", notification(&[&damaged])),
            ("good and damaged", notification(&[&keys[1], &damaged])),
            ("malformed", "garbage".to_owned()),
            ("other session", notification(&[&keys[2]])),
            ("gone", notification(&[&key(SESSION, 9)])),
            ("no chunk", notification(&["config/projects/demo.json", "chunksandmore"])),
            ("no chunk's key", notification(&["chunks/readme.txt"])),
            ("wrong shard", notification(&[&wrong_shard])),
            ("test", r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#.to_owned()),
        ])
        .await;
    assert_eq!(failed, ["damaged", "good and damaged", "malformed", "no chunk's key", "wrong shard"]);
    assert_eq!(bucket.seqs(SESSION).await, [0, 1]);
    assert_eq!(bucket.seqs(OTHER).await, [0]);
}

#[tokio::test]
async fn chunks_of_one_session_cost_one_write() {
    let bucket = Bucket::default();
    let mut messages = Vec::new();
    for seq in 0..10 {
        messages.push(("id", notification(&[&bucket.chunk(SESSION, seq).await])));
    }
    assert!(bucket.queue(&messages).await.is_empty());
    let manifest = manifest_key(&"demo".parse().expect("a project"), &SESSION.parse().expect("a session"));
    let etag = async || bucket.0.get(&manifest, usize::MAX).await.expect("in memory").expect("there").etag;
    // The store counts writes: ten chunks and one manifest.
    assert_eq!(etag().await, "\"11\"");
    assert!(bucket.queue(&messages).await.is_empty());
    assert_eq!(etag().await, "\"11\"", "what is known is not written again");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_fails_its_session_alone() {
    let bucket = Bucket::default();
    let manifest = manifest_key(&"demo".parse().expect("a project"), &SESSION.parse().expect("a session"));
    let newer = NewObject { body: br#"{"version":2}"#, content_type: "application/json", metadata: &[] };
    bucket.0.create(&manifest, newer).await.expect("in memory");
    let (first, second) = (bucket.chunk(SESSION, 0).await, bucket.chunk(OTHER, 0).await);
    let failed =
        bucket.queue(&[("newer", notification(&[&first])), ("good", notification(&[&second]))]).await;
    assert_eq!(failed, ["newer"]);
    assert_eq!(bucket.seqs(OTHER).await, [0]);
}
