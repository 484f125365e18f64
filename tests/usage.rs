//! What projects were admitted, as the indexer's binary counts it (`spec/usage.md`): once, however it is told.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use tapedeck_core::ids::{SessionId, shard};
use tapedeck_core::manifest::set_of;
use tapedeck_core::store::{NewObject, Store as _};
use tapedeck_local::lambda::Function;
use tapedeck_local::queue::QueueConfig;
use tapedeck_tests::recording::{PAGE, Recorded, chunk, project, session};
use tapedeck_tests::{BUCKET, Stack};

const DAY: &str = "usage/demo/2023-11-14.json";
const HOUR: &str = "usage/demo/2023-11-14/22.json";

/// A queue's batch of a message for each chunk.
fn uploaded(chunks: &[Recorded]) -> Value {
    batch(chunks.iter().map(|chunk| {
        let s3 = json!({"bucket": {"name": BUCKET}, "object": {"key": chunk.key.to_string()}});
        json!({"Records": [{"eventSource": "aws:s3", "s3": s3}]})
    }))
}

/// The message that finds that nothing came of a session any more.
fn ended(session: &SessionId, chunks: &[Recorded]) -> Value {
    let names = chunks.iter().filter(|chunk| chunk.key.session == *session).map(|chunk| &chunk.key.name);
    json!({"tapedeck": "end", "project": "demo", "session": session, "set": set_of(names)})
}

fn batch(bodies: impl Iterator<Item = Value>) -> Value {
    let records: Vec<Value> = bodies
        .enumerate()
        .map(|(id, body)| json!({"eventSource": "aws:sqs", "messageId": id.to_string(), "body": body.to_string()}))
        .collect();
    json!({ "Records": records })
}

async fn invoke(function: &Function, payload: &Value) {
    let answer = function.invoke(payload).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "{payload}");
}

async fn read(stack: &Stack, key: &str) -> Option<Value> {
    let (_, body) = stack.bucket.get(key).await.unwrap()?;
    Some(serde_json::from_slice(&body).unwrap())
}

async fn version(stack: &Stack, key: &str) -> String {
    format!("{:?}", stack.bucket.get(key).await.unwrap().unwrap().0.sequencer)
}

/// Chunks of sessions 1 to `sessions`, stored.
async fn recorded(stack: &Stack, sessions: u64, chunks: u32) -> Vec<Recorded> {
    let mut all = Vec::new();
    for n in 1..=sessions {
        for seq in 0..chunks {
            let chunk = chunk(&session(n), PAGE, seq);
            stack.upload(&chunk).await;
            all.push(chunk);
        }
    }
    all
}

/// Every byte is a thousandth of this budget or more: nothing waits for its session's end.
async fn with_budget(stack: &Stack) {
    let config = json!({"version": 1, "revision": 1, "project": "demo", "keys": [], "origins": ["*"],
        "sampling": [{"from_ms": 0, "all": 1}], "budget": {"bytes_per_day": 1_000}});
    let body = config.to_string();
    let object = NewObject { body: body.as_bytes(), content_type: "application/json", metadata: &[] };
    stack.store("admin").await.create("config/projects/demo.json", object).await.unwrap();
}

fn expect_all(day: &Value, hour: &Value, chunks: &[Recorded]) {
    let bytes: usize = chunks.iter().map(|chunk| chunk.body.len()).sum();
    let count = chunks.len();
    assert_eq!(*day, json!({"version": 1, "bytes": bytes, "chunks": count, "hours": {"22": [count, bytes]}}));
    let sessions = hour["sessions"].as_object().unwrap();
    let of = |n: u64| {
        let of_session = chunks.iter().filter(|chunk| chunk.key.session == session(n));
        let sizes: Vec<usize> = of_session.map(|chunk| chunk.body.len()).collect();
        json!([sizes.len(), sizes.iter().sum::<usize>()])
    };
    for (mark, amount) in sessions {
        assert_eq!(*amount, of(u64::from_str_radix(mark, 16).unwrap()), "{mark}");
    }
}

#[tokio::test]
async fn without_a_budget_a_session_is_counted_at_its_end_and_once() {
    let stack = Stack::start(QueueConfig::default()).await;
    let function = stack.indexer(&stack.server.endpoint(), 1);
    let chunks = recorded(&stack, 3, 2).await;
    invoke(&function, &uploaded(&chunks)).await;
    assert_eq!(read(&stack, DAY).await, None, "nobody waits for the sum");
    let ends: Vec<Value> = (1..=3).map(|n| ended(&session(n), &chunks)).collect();
    let writes = || stack.bucket.counters().get("indexer", "PutObject").requests;
    let before = writes();
    invoke(&function, &batch(ends.iter().cloned())).await;
    // Manifest and tape of each session, since they have errors; files of sessions and pages; the hour and the day.
    assert_eq!(writes() - before, 3 * 2 + 2 + 2, "sessions that end together are counted together");
    expect_all(&read(&stack, DAY).await.unwrap(), &read(&stack, HOUR).await.unwrap(), &chunks);
    let known = (version(&stack, DAY).await, version(&stack, HOUR).await);
    for end in &ends {
        invoke(&function, &batch([end.clone(), end.clone()].into_iter())).await;
    }
    assert_eq!((version(&stack, DAY).await, version(&stack, HOUR).await), known);
}

#[tokio::test]
async fn a_budget_fills_at_once_whoever_counts_and_in_whatever_order() {
    let stack = Stack::start(QueueConfig::default()).await;
    with_budget(&stack).await;
    let (one, other) =
        (stack.indexer(&stack.server.endpoint(), 1), stack.indexer(&stack.server.endpoint(), 1));
    let chunks = recorded(&stack, 8, 3).await;
    let mut backwards = chunks.clone();
    backwards.reverse();
    // Each chunk by both, in opposite orders, five at a time: the two meet in every document.
    let forth = async {
        for some in chunks.chunks(5) {
            invoke(&one, &uploaded(some)).await;
        }
    };
    let back = async {
        for some in backwards.chunks(5) {
            invoke(&other, &uploaded(some)).await;
        }
    };
    tokio::join!(forth, back);
    expect_all(&read(&stack, DAY).await.unwrap(), &read(&stack, HOUR).await.unwrap(), &chunks);
    let known = (version(&stack, DAY).await, version(&stack, HOUR).await);
    invoke(&one, &uploaded(&chunks)).await;
    assert_eq!((version(&stack, DAY).await, version(&stack, HOUR).await), known);
}

#[tokio::test]
async fn what_is_made_anew_is_counted_anew() {
    let stack = Stack::start(QueueConfig::default()).await;
    with_budget(&stack).await;
    let function = stack.indexer(&stack.server.endpoint(), 1);
    let chunks = recorded(&stack, 4, 2).await;
    invoke(&function, &uploaded(&chunks)).await;
    let before = (read(&stack, DAY).await.unwrap(), read(&stack, HOUR).await.unwrap());
    let reindex = async |run: &str| {
        for n in 1..=4 {
            let shard = shard(&project(), &session(n));
            let task = json!({"tapedeck": "reindex", "project": "demo", "run": run, "shard": shard});
            function.invoke(&task).await.unwrap();
        }
    };
    reindex("first").await;
    assert_eq!((read(&stack, DAY).await.unwrap(), read(&stack, HOUR).await.unwrap()), before);
    let admin = stack.client("admin").await;
    for key in [DAY, HOUR] {
        admin.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    reindex("second").await;
    assert_eq!((read(&stack, DAY).await.unwrap(), read(&stack, HOUR).await.unwrap()), before);
}

#[tokio::test]
async fn a_counter_that_is_not_ours_says_what_to_do() {
    let stack = Stack::start(QueueConfig::default()).await;
    with_budget(&stack).await;
    let function = stack.indexer(&stack.server.endpoint(), 1);
    let object = NewObject { body: b"garbage", content_type: "application/json", metadata: &[] };
    stack.store("admin").await.create(HOUR, object).await.unwrap();
    let chunks = recorded(&stack, 1, 1).await;
    let answer = function.invoke(&uploaded(&chunks)).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{"itemIdentifier": "0"}]));
    assert!(stack.manifest(&session(1)).await.is_some(), "the session is there all the same");
}
