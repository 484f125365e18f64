//! What a session asks of the bucket and the queue: counted at their servers, with the indexer's own binary between them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapedeck_core::ids::{ContentHash, SessionId};
use tapedeck_core::inflate::{deflate, inflate};
use tapedeck_core::manifest::set_of;
use tapedeck_core::object_key::{ChunkKey, ChunkName};
use tapedeck_local::lambda::Function;
use tapedeck_local::queue::QueueConfig;
use tapedeck_tests::recording::{Recorded, chunk, session};
use tapedeck_tests::{BUCKET, Stack};

/// Of a session of ten minutes on one page, by the recorder's schedule.
const UPLOADS: u32 = 13;

/// Sessions whose requests are counted together.
const SESSIONS: u64 = 20;

/// As bench sessions' page loads are called.
const PAGE: &str = "a1B2c3D4";

/// Sessions of these numbers and behind have an error in each chunk, and so get a tape.
const WITH_ERRORS: u64 = 10_000;

/// A batch of session `n`.
fn batch(n: u64, seq: u32) -> Result<Recorded> {
    let recorded = chunk(&session(n), PAGE, seq);
    if n >= WITH_ERRORS {
        return Ok(recorded);
    }
    let text = String::from_utf8(inflate(&recorded.body, 1 << 20, usize::MAX)?.bytes)?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("tapedeck.error")).collect();
    let text = lines.join("\n");
    let name = ChunkName { hash: ContentHash::of_digest(&Sha256::digest(&text)), ..recorded.key.name };
    let key = ChunkKey { name, ..recorded.key };
    Ok(Recorded { key, body: deflate(text.as_bytes()), ..recorded })
}

/// Requests by operation; and `cpu_ms`, what the indexer computed meanwhile.
type Counts = BTreeMap<String, f64>;

struct Bench {
    stack: Stack,
    function: Function,
}

impl Bench {
    /// By operation, what the indexer has asked the bucket for so far.
    fn counts(&self) -> Result<Counts> {
        let counts = self.stack.bucket.counters().snapshot();
        let of = counts.get("indexer").into_iter().flatten();
        let mut counts: Counts =
            of.map(|(operation, count)| (operation.clone(), float(count.requests))).collect();
        counts.insert("cpu_ms".to_owned(), children_cpu_ms()?);
        Ok(counts)
    }

    /// What the function asks the bucket for while it works on a batch of messages.
    async fn counted(&self, bodies: Vec<Value>) -> Result<Counts> {
        let records: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(id, body)| {
                json!({"eventSource": "aws:sqs", "messageId": id.to_string(), "body": body.to_string()})
            })
            .collect();
        let before = self.counts()?;
        let answer = match self.function.invoke(&json!({ "Records": records })).await {
            Ok(answer) => answer,
            Err(error) => bail!("the indexer failed: {error:?}"),
        };
        ensure!(answer["batchItemFailures"] == json!([]), "messages failed: {answer}");
        let less = |(operation, count): (String, f64)| {
            let before = before.get(&operation).copied().unwrap_or_default();
            (operation, count - before)
        };
        Ok(self.counts()?.into_iter().map(less).filter(|(_, count)| *count > 0.0).collect())
    }

    /// One batch of the next chunk of each session.
    async fn chunks(&self, sessions: std::ops::Range<u64>, seqs: std::ops::Range<u32>) -> Result<Counts> {
        let mut bodies = Vec::new();
        for n in sessions {
            for seq in seqs.clone() {
                let chunk = batch(n, seq)?;
                self.stack.upload(&chunk).await;
                let object = json!({"bucket": {"name": BUCKET}, "object": {"key": chunk.key.to_string()}});
                bodies.push(json!({"Records": [{"eventSource": "aws:s3", "s3": object}]}));
            }
        }
        self.counted(bodies).await
    }

    /// One batch of the looks at sessions that saw so many chunks.
    async fn looks(&self, sessions: std::ops::Range<u64>, seen: u32) -> Result<Counts> {
        let mut bodies = Vec::new();
        for n in sessions {
            let session: SessionId = session(n);
            let names: Vec<ChunkName> =
                (0..seen).map(|seq| Ok(batch(n, seq)?.key.name)).collect::<Result<_>>()?;
            bodies.push(
                json!({"tapedeck": "end", "project": "demo", "session": session, "set": set_of(&names)}),
            );
        }
        self.counted(bodies).await
    }
}

/// Requests of each step, for one session alone and for many at once.
pub(crate) fn requests() -> Result<Value> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let stack = Stack::start(QueueConfig::default()).await;
        let function = stack.indexer(&stack.server.endpoint(), 1);
        let bench = Bench { stack, function };
        let mut steps: BTreeMap<&str, Value> = BTreeMap::new();
        for (from, count, names) in [
            (0, 1, ["first_1", "next_1", "hop_1", "end_1"]),
            (1_000, SESSIONS, ["first_many", "next_many", "hop_many", "end_many"]),
            (WITH_ERRORS, 1, ["first_error", "next_error", "hop_error", "end_error"]),
        ] {
            let sessions = from..from + count;
            steps.insert(names[0], json!(bench.chunks(sessions.clone(), 0..1).await?));
            let mut next = Counts::new();
            for seq in 1..UPLOADS {
                for (operation, requests) in bench.chunks(sessions.clone(), seq..seq + 1).await? {
                    *next.entry(operation).or_default() += requests;
                }
            }
            let each: BTreeMap<&String, f64> =
                next.iter().map(|(operation, n)| (operation, n / f64::from(UPLOADS - 1))).collect();
            steps.insert(names[1], json!(each));
            // The first look saw the first chunk alone, and the second one sees all.
            steps.insert(names[2], json!(bench.looks(sessions.clone(), 1).await?));
            steps.insert(names[3], json!(bench.looks(sessions, UPLOADS).await?));
        }
        // A session of which two chunks come in one batch.
        bench.chunks(2_000..2_001, 0..1).await?;
        steps.insert("two_chunks_1", json!(bench.chunks(2_000..2_001, 1..3).await?));
        let manifest = bench.stack.manifest(&session(0)).await.context("a manifest")?;
        Ok(json!({"uploads": UPLOADS, "sessions": SESSIONS, "manifest_bytes": manifest.len(), "steps": steps}))
    })
}

/// Milliseconds of a processor that this process's children have had, all threads: the indexer is the only one.
///
/// Form: `proc(5)`, `/proc/pid/task/tid/schedstat` and `/proc/pid/stat`.
fn children_cpu_ms() -> Result<f64> {
    let own = std::process::id().to_string();
    let mut ns = 0;
    for entry in std::fs::read_dir("/proc")? {
        let place = entry?.path();
        let Ok(stat) = std::fs::read_to_string(place.join("stat")) else { continue };
        // The name before it may hold anything, brackets and spaces included.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent != Some(own.as_str()) {
            continue;
        }
        for thread in std::fs::read_dir(place.join("task"))? {
            let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            ns += text.split(' ').next().context("schedstat is empty")?.parse::<u64>()?;
        }
    }
    Ok(float(ns) / 1e6)
}

#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}
