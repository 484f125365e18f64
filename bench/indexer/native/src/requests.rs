//! What a session asks of the bucket and the queue: counted at their servers, with the indexer's own binary between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapedeck_core::ids::{ContentHash, SessionId};
use tapedeck_core::inflate::{deflate, inflate};
use tapedeck_core::manifest::{Manifest, set_of};
use tapedeck_core::object_key::{ChunkKey, ChunkName, manifest_key};
use tapedeck_core::store::Store as _;
use tapedeck_local::lambda::Function;
use tapedeck_local::queue::QueueConfig;
use tapedeck_tests::recording::{PAGE, Recorded, chunk, project, session};
use tapedeck_tests::{BUCKET, Stack};

/// Of a session of ten minutes on one page, by the recorder's schedule.
const UPLOADS: u32 = 13;

/// Sessions whose requests are counted together.
const SESSIONS: u64 = 20;

/// Sessions of these numbers and behind have an error in some chunks, and so get a tape.
const WITH_ERRORS: u64 = 10_000;

/// In these of their chunks: one that the first look finds, one that the second does.
const ERRORS_IN: [u32; 2] = [3, 9];

/// A batch of session `n`.
fn batch(n: u64, seq: u32) -> Result<Recorded> {
    let recorded = chunk(&session(n), PAGE, seq);
    if n >= WITH_ERRORS && ERRORS_IN.contains(&seq) {
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

/// How often chunks are merged where looks come too early, late enough, and behind the end. What is counted does not depend on how long is waited.
const RECEIVING: [(&str, &str); 2] = [("TAPEDECK_MERGE_EVERY_S", "900"), ("TAPEDECK_HOP_S", "900")];
const LOOKING: [(&str, &str); 2] = [("TAPEDECK_MERGE_EVERY_S", "1"), ("TAPEDECK_HOP_S", "900")];
const ENDING: [(&str, &str); 2] = [("TAPEDECK_MERGE_EVERY_S", "1"), ("TAPEDECK_HOP_S", "1")];

struct Bench {
    stack: Stack,
    receiving: Function,
    looking: Function,
    ending: Function,
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
    async fn counted(&self, function: &Function, bodies: Vec<Value>) -> Result<Counts> {
        let records: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(id, body)| {
                json!({"eventSource": "aws:sqs", "messageId": id.to_string(), "body": body.to_string()})
            })
            .collect();
        let before = self.counts()?;
        let answer = match function.invoke(&json!({ "Records": records })).await {
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

    /// One batch of the events of chunks `seq` of each session.
    async fn chunks(&self, sessions: Range<u64>, seq: u32) -> Result<Counts> {
        let mut bodies = Vec::new();
        for n in sessions {
            let chunk = batch(n, seq)?;
            self.stack.upload(&chunk).await;
            let object = json!({"bucket": {"name": BUCKET}, "object": {"key": chunk.key.to_string()}});
            bodies.push(json!({"Records": [{"eventSource": "aws:s3", "s3": object}]}));
        }
        self.counted(&self.receiving, bodies).await
    }

    /// One batch of the looks at sessions whose manifests have so many chunks, once these are old enough.
    async fn looks(
        &self,
        function: &Function,
        sessions: Range<u64>,
        seen: u32,
        is_listed: bool,
    ) -> Result<Counts> {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let store = self.stack.store("admin").await;
        let mut bodies = Vec::new();
        for n in sessions {
            let session: SessionId = session(n);
            let names: Vec<ChunkName> =
                (0..seen).map(|seq| Ok(batch(n, seq)?.key.name)).collect::<Result<_>>()?;
            let mut body =
                json!({"tapedeck": "end", "project": "demo", "session": session, "set": set_of(&names)});
            if is_listed {
                let manifest = store.get(&manifest_key(&project(), &session), usize::MAX).await?;
                body["listed_ms"] = json!(manifest.context("a manifest")?.modified_ms);
            }
            bodies.push(body);
        }
        self.counted(function, bodies).await
    }

    /// Whether each manifest has so many chunks.
    async fn ensure_merged(&self, sessions: Range<u64>, chunks: u32) -> Result<()> {
        for n in sessions {
            let body = self.stack.manifest(&session(n)).await.context("a manifest")?;
            let found = Manifest::parse(&body)?.counts.chunks;
            ensure!(
                found == u64::from(chunks),
                "session {n} has {found} chunks in its manifest, expected {chunks}"
            );
        }
        Ok(())
    }
}

/// Uploads of a session of ten minutes that the first look finds, and those that the second does: by the recorder's schedule after 2, 8, 26, 80
/// and each further 60 seconds, and looks five minutes apart (`lambda-indexer/tests/deferral.rs`).
const FOUND: [Range<u32>; 2] = [1..8, 8..UPLOADS];

/// Requests of each step of a session's life, for one session alone and for many at once.
pub(crate) fn requests() -> Result<Value> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let stack = Stack::start(QueueConfig::default()).await;
        let [receiving, looking, ending] = [RECEIVING, LOOKING, ENDING]
            .map(|settings| stack.indexer_with(&stack.server.endpoint(), 1, &settings));
        for function in [&receiving, &looking, &ending] {
            // What a start costs is none of a step's.
            function.warm().await?;
        }
        let bench = Bench { stack, receiving, looking, ending };
        let mut lives: BTreeMap<&str, Value> = BTreeMap::new();
        for (name, from, count) in [("one", 0, 1), ("many", 1_000, SESSIONS), ("error", WITH_ERRORS, 1)] {
            let sessions = from..from + count;
            let mut steps = Vec::new();
            let mut step = |kind: &str, counts: Counts| steps.push(json!({"kind": kind, "requests": counts}));
            step("first", bench.chunks(sessions.clone(), 0).await?);
            for found in FOUND {
                bench.ensure_merged(sessions.clone(), found.start).await?;
                for seq in found.clone() {
                    step("chunk", bench.chunks(sessions.clone(), seq).await?);
                }
                step("look", bench.looks(&bench.looking, sessions.clone(), found.start, false).await?);
                bench.ensure_merged(sessions.clone(), found.end).await?;
            }
            step("quiet", bench.looks(&bench.looking, sessions.clone(), UPLOADS, false).await?);
            step("end", bench.looks(&bench.ending, sessions, UPLOADS, true).await?);
            lives.insert(name, json!(steps));
        }
        let manifest = bench.stack.manifest(&session(0)).await.context("a manifest")?;
        Ok(json!({"uploads": UPLOADS, "sessions": SESSIONS, "manifest_bytes": manifest.len(), "lives": lives}))
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
