//! Whole invocations over a store in memory: what is written, and which messages are asked for again.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_core::ids::SessionId;
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ChunkKey, chunks_prefix, manifest_key};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store};
use tapedeck_indexer::clock::now_ms;
use tapedeck_indexer::deadline::Deadline;
use tapedeck_indexer::invocation::{Answer, InvocationError, Means, invoke};
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::outbox::{Outbox, OutboxError};
use tapedeck_indexer::settings::Settings;
use tapedeck_indexer::task::Task;

const PATIENCE: Patience = Patience { tries_max: 3, pause_first: Duration::ZERO };
const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";
const OTHER: &str = "6553f1009b9cf7cdca965edc0c23444b";

#[derive(Default)]
struct Bucket {
    store: MemoryStore,
    outbox: Sent,
}

/// What was sent: tasks, and dead letters with their reasons.
#[derive(Default)]
struct Sent {
    tasks: Mutex<Vec<Task>>,
    dead: Mutex<Vec<(String, String)>>,
}

impl Outbox for Sent {
    async fn send(&self, task: &Task, _: Duration) -> Result<(), OutboxError> {
        self.tasks.lock().expect("no panic").push(task.clone());
        Ok(())
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        self.dead.lock().expect("no panic").push((body.to_owned(), reason.to_owned()));
        Ok(())
    }
}

fn settings() -> Settings {
    Settings { receives_max: 3, hop: Settings::HOP, ..Settings::at_once() }
}

impl Bucket {
    async fn invoke(&self, payload: &str) -> Result<Answer, InvocationError> {
        self.invoke_within(payload, Deadline::within(Duration::from_mins(1))).await
    }

    async fn invoke_within(&self, payload: &str, deadline: Deadline) -> Result<Answer, InvocationError> {
        let settings = &settings();
        let store_of = |_: &str| &self.store;
        let outbox = &self.outbox;
        invoke(payload, Means { store_of, outbox, settings, patience: PATIENCE, deadline, now_ms }).await
    }

    /// Why messages are dead letters.
    fn reasons(&self) -> Vec<String> {
        self.outbox.dead.lock().expect("no panic").iter().map(|(_, reason)| reason.clone()).collect()
    }

    /// The key of one chunk, which lies in the bucket.
    async fn chunk(&self, session: &str, seq: u32) -> String {
        let event = format!(r#"{{"type":3,"timestamp":{},"data":{{}}}}"#, 1_700_000_000_000 + i64::from(seq));
        self.put(session, seq, &deflate(event.as_bytes())).await
    }

    async fn put(&self, session: &str, seq: u32, body: &[u8]) -> String {
        let key = key(session, seq);
        let object = NewObject { body, content_type: "application/gzip", metadata: &[] };
        self.store.create(&key, object).await.expect("in memory");
        key
    }

    /// The seqs that a session's manifest has.
    async fn seqs(&self, session: &str) -> Vec<u32> {
        let key = manifest_key(&"demo".parse().expect("a project"), &session.parse().expect("a session"));
        let Some(object) = self.store.get(&key, usize::MAX).await.expect("in memory") else {
            return Vec::new();
        };
        Manifest::parse(&object.body).expect("whole").chunk_names().map(|name| name.seq.get()).collect()
    }

    /// The ids of the messages that are to come again.
    async fn queue(&self, messages: &[(&str, String)]) -> Vec<String> {
        let records: Vec<Value> = messages
            .iter()
            .map(|(id, body)| json!({"eventSource": "aws:sqs", "messageId": id, "body": body}))
            .collect();
        let payload = json!({ "Records": records }).to_string();
        let answer = self.invoke(&payload).await.expect("an answer");
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
        bucket.invoke(&notification(keys)).await.expect("done");
    }
    assert_eq!(bucket.seqs(SESSION).await, [0, 1]);
}

#[tokio::test]
async fn a_bare_notification_fails_whole() {
    let bucket = Bucket::default();
    let good = bucket.chunk(SESSION, 0).await;
    let bad = "chunks/readme.txt";
    let error = bucket.invoke(&notification(&[&good, bad])).await.expect_err("no chunk");
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("1 of 2 objects and tasks failed, the first: {bad}: key {bad:?}")),
        "{text}"
    );
    assert_eq!(bucket.seqs(SESSION).await, [0], "the good chunk is there all the same");
    let error = bucket.invoke("{}").await.expect_err("nothing to do");
    assert!(matches!(error, InvocationError::Event(_)), "{error}");
}

#[tokio::test]
async fn what_cannot_be_done_is_put_aside_with_the_reason() {
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
    assert_eq!(failed, [""; 0]);
    let reasons = bucket.reasons();
    let expected = ["expected an S3 notification", "chunks/readme.txt: key", &format!("{wrong_shard}: key")];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "{reason}");
    }
    let marker = damaged.replace("chunks/", "quarantine/").replace(".ndjson.gz", ".json");
    let marker = bucket.store.get(&marker, 1_000).await.expect("in memory").expect("a marker");
    assert!(String::from_utf8(marker.body).expect("text").starts_with(r#"{"version":1,"reason":"gzip""#));
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
    let etag =
        async || bucket.store.get(&manifest, usize::MAX).await.expect("in memory").expect("there").etag;
    // The store counts writes: ten chunks, one manifest, and then rows.
    assert_eq!(etag().await, "\"11\"");
    assert!(bucket.queue(&messages).await.is_empty());
    assert_eq!(etag().await, "\"11\"", "what is known is not written again");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_fails_its_session_alone() {
    let bucket = Bucket::default();
    let manifest = manifest_key(&"demo".parse().expect("a project"), &SESSION.parse().expect("a session"));
    let newer = NewObject { body: br#"{"version":2}"#, content_type: "application/json", metadata: &[] };
    bucket.store.create(&manifest, newer).await.expect("in memory");
    let (first, second) = (bucket.chunk(SESSION, 0).await, bucket.chunk(OTHER, 0).await);
    let failed =
        bucket.queue(&[("newer", notification(&[&first])), ("good", notification(&[&second]))]).await;
    assert_eq!(failed, ["newer"]);
    assert_eq!(bucket.seqs(OTHER).await, [0]);
}

#[tokio::test]
async fn what_fails_comes_again_until_it_is_put_aside() {
    let bucket = Bucket::default();
    let manifest = manifest_key(&"demo".parse().expect("a project"), &SESSION.parse().expect("a session"));
    let newer = NewObject { body: br#"{"version":2}"#, content_type: "application/json", metadata: &[] };
    bucket.store.create(&manifest, newer).await.expect("in memory");
    let body = notification(&[&bucket.chunk(SESSION, 0).await]);
    for receives in 1..=3 {
        let record = json!({"eventSource": "aws:sqs", "messageId": "m", "body": body,
            "attributes": {"ApproximateReceiveCount": receives.to_string()}});
        let answer = bucket.invoke(&json!({"Records": [record]}).to_string()).await.expect("an answer");
        assert_eq!(answer.batch_item_failures.len(), usize::from(receives < 3), "time {receives}");
    }
    let dead = bucket.outbox.dead.lock().expect("no panic").clone();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].0, body, "as it came, so that it can be sent again");
    assert!(dead[0].1.contains("manifest has version 2"), "{}", dead[0].1);
}

#[tokio::test]
async fn late_work_is_given_back() {
    let bucket = Bucket::default();
    let key = bucket.chunk(SESSION, 0).await;
    let record = json!({"eventSource": "aws:sqs", "messageId": "m", "body": notification(&[&key])});
    let payload = json!({"Records": [record]}).to_string();
    let late =
        bucket.invoke_within(&payload, Deadline::within(Duration::from_secs(1))).await.expect("an answer");
    assert_eq!(late.batch_item_failures.len(), 1);
    assert!(bucket.seqs(SESSION).await.is_empty());
    assert!(bucket.invoke(&payload).await.expect("an answer").batch_item_failures.is_empty());
    assert_eq!(bucket.seqs(SESSION).await, [0]);
}

#[tokio::test]
async fn each_manifest_that_is_written_has_a_message_of_its_own() {
    let bucket = Bucket::default();
    for seq in 0..3 {
        let key = bucket.chunk(SESSION, seq).await;
        bucket.invoke(&notification(&[&key])).await.expect("done");
    }
    let tasks = bucket.outbox.tasks.lock().expect("no panic").clone();
    let sets: BTreeSet<_> = tasks
        .iter()
        .map(|task| match task {
            Task::End { set: Some(set), .. } => set.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((tasks.len(), sets.len()), (3, 3));
}
