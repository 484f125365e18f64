//! Chunks that are merged some minutes later, together: a world with a clock of its own, in which events and messages come late, twice or
//! never, and invocations end at any request.

#![allow(clippy::unwrap_used)]

use std::cell;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{chunks_prefix, manifest_key};
use tapedeck_core::store::gated::{Gate, Gated, Operation, lost};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store, StoreError};
use tapedeck_core::tables::{Cell, Table, fold};
use tapedeck_indexer::deadline::Deadline;
use tapedeck_indexer::invocation::{Means, invoke};
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::outbox::{Outbox, OutboxError};
use tapedeck_indexer::parquet_file::decode_file;
use tapedeck_indexer::settings::Settings;
use tapedeck_indexer::task::Task;

const PATIENCE: Patience = Patience { tries_max: 5, pause_first: Duration::ZERO };
const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";
const START_MS: i64 = 1_700_000_000_000;
const S: i64 = 1_000;
/// As `infra/aws/template.yaml` has them.
const EVERY_MS: i64 = 300 * S;
const HOP_MS: i64 = 900 * S;
const WINDOW_MS: i64 = 20 * S;

thread_local! {
    static NOW_MS: cell::Cell<i64> = const { cell::Cell::new(START_MS) };
}

fn now_ms() -> i64 {
    NOW_MS.get()
}

/// Counts requests, and ends the invocation at one of them.
#[derive(Default)]
struct Counting {
    lists: AtomicUsize,
    manifest_writes: AtomicUsize,
    reads: AtomicUsize,
    /// After so many requests; whether the last is carried out.
    ends: Mutex<Option<(usize, bool)>>,
}

impl Gate for Counting {
    async fn pass<T>(
        &self,
        operation: Operation,
        key: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let counter = match operation {
            Operation::List => Some(&self.lists),
            Operation::Get => Some(&self.reads),
            Operation::Create | Operation::Replace if key.starts_with("manifests/") => {
                Some(&self.manifest_writes)
            }
            _ => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let fate = {
            let mut ends = self.ends.lock().unwrap();
            match *ends {
                // What is ended asks for nothing any more.
                Some((0, false)) => Some(false),
                Some((0, true)) => {
                    *ends = Some((0, false));
                    Some(true)
                }
                Some((left, carried_out)) => {
                    *ends = Some((left - 1, carried_out));
                    None
                }
                None => None,
            }
        };
        match fate {
            None => request.await,
            Some(false) => Err(lost("ended")),
            Some(true) => request.await.and(Err(lost("ended"))),
        }
    }
}

/// What is to come, and when.
#[derive(Default)]
struct Queue(Mutex<Vec<(i64, String)>>);

impl Queue {
    fn add(&self, at_ms: i64, body: String) {
        self.0.lock().unwrap().push((at_ms, body));
    }

    fn next(&self, until_ms: i64) -> Option<(i64, String)> {
        let mut queue = self.0.lock().unwrap();
        let first = queue.iter().enumerate().min_by_key(|(_, (at_ms, _))| *at_ms)?.0;
        (queue[first].0 <= until_ms).then(|| queue.swap_remove(first))
    }
}

impl Outbox for Queue {
    async fn send(&self, task: &Task, delay: Duration) -> Result<(), OutboxError> {
        let delay_ms = i64::try_from(delay.as_secs()).unwrap() * S;
        // It then waits for its batch.
        self.add(now_ms() + delay_ms + WINDOW_MS, serde_json::to_string(task)?);
        Ok(())
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        panic!("{body} is a dead letter: {reason}")
    }
}

#[derive(Default)]
struct World {
    store: Gated<MemoryStore, Counting>,
    queue: Queue,
}

fn chunk_key(seq: u32) -> String {
    let prefix = chunks_prefix(&"demo".parse().unwrap(), &SESSION.parse().unwrap());
    format!("{prefix}a1B2c3D4-{seq:05}-{seq:08x}.ndjson.gz")
}

impl World {
    fn at(now_ms: i64) -> Self {
        let world = Self::default();
        world.set_now(now_ms);
        world
    }

    fn set_now(&self, now_ms: i64) {
        NOW_MS.set(now_ms);
        self.store.store.set_now_ms(now_ms);
    }

    async fn put(&self, key: &str, body: &[u8]) {
        let object = NewObject { body, content_type: "", metadata: &[] };
        self.store.store.create(key, object).await.unwrap();
    }

    /// A chunk with an error.
    async fn chunk(&self, seq: u32) {
        let at_ms = START_MS + i64::from(seq) * S;
        let meta = json!({"type": 4, "timestamp": at_ms, "data": {"href": "https://shop.example/"}});
        let error = json!({"type": 5, "timestamp": at_ms + 1, "data": {"tag": "tapedeck.error", "payload": {"message": "x is undefined"}}});
        self.put(&chunk_key(seq), &deflate(format!("{meta}\n{error}\n").as_bytes())).await;
    }

    fn announce(&self, at_ms: i64, key: &str) {
        let record =
            json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}});
        self.queue.add(at_ms, json!({ "Records": [record] }).to_string());
    }

    /// Works on one message. Tells whether it is done.
    async fn work(&self, body: &str) -> bool {
        let settings = Settings {
            hop: Duration::from_millis(HOP_MS.unsigned_abs()),
            merge_every: Duration::from_millis(EVERY_MS.unsigned_abs()),
            ..Settings::at_once()
        };
        let record = json!({"eventSource": "aws:sqs", "messageId": "m", "body": body});
        let deadline = Deadline::within(Duration::from_mins(1));
        let means = Means {
            store_of: |_: &str| &self.store,
            outbox: &self.queue,
            settings: &settings,
            patience: PATIENCE,
            deadline,
            now_ms,
        };
        let answer = invoke(&json!({ "Records": [record] }).to_string(), means).await.unwrap();
        answer.batch_item_failures.is_empty()
    }

    /// Lets time pass until nothing is to come before `until_ms`.
    async fn run(&self, until_ms: i64) {
        while let Some((at_ms, body)) = self.queue.next(until_ms) {
            self.set_now(at_ms.max(now_ms()));
            if !self.work(&body).await {
                self.queue.add(now_ms() + 120 * S, body);
            }
        }
        self.set_now(until_ms.max(now_ms()));
    }

    async fn manifest(&self) -> Option<Manifest> {
        let key = manifest_key(&"demo".parse().unwrap(), &SESSION.parse().unwrap());
        let object = self.store.store.get(&key, usize::MAX).await.unwrap()?;
        Some(Manifest::parse(&object.body).unwrap())
    }

    async fn seqs(&self) -> BTreeSet<u32> {
        let manifest = self.manifest().await;
        manifest.iter().flat_map(Manifest::chunk_names).map(|name| name.seq.get()).collect()
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        tapedeck_indexer::listing::keys(&self.store.store, prefix).await.unwrap()
    }

    /// The seqs of chunks whose error is in the table, and the state of the session's row.
    async fn found(&self) -> (BTreeSet<i64>, Option<String>) {
        let rows = async |table: Table| {
            let mut rows = Vec::new();
            for key in self.keys(&format!("index/demo/{table}/")).await {
                let object = self.store.store.get(&key, usize::MAX).await.unwrap().unwrap();
                rows.extend(decode_file(table, object.body).unwrap());
            }
            fold(table, rows)
        };
        let seq = |cell: &Cell| if let Cell::Int(seq) = cell { i64::from(*seq) } else { panic!("{cell:?}") };
        let errors = rows(Table::Errors).await;
        let errors = errors.iter().map(|row| seq(row.get(Table::Errors, "seq"))).collect();
        let sessions = rows(Table::Sessions).await;
        let state = sessions.first().map(|row| match row.get(Table::Sessions, "state") {
            Cell::Text(state) => state.clone(),
            cell => panic!("{cell:?}"),
        });
        (errors, state)
    }
}

/// When a session of ten minutes uploads, in seconds, by the recorder's schedule (`recorder/src/schedule.ts`).
const UPLOADS_S: [i64; 13] = [2, 8, 26, 80, 140, 200, 260, 320, 380, 440, 500, 560, 600];

#[tokio::test]
async fn ten_minutes_cost_three_writes_and_no_chunk_waits_longer_than_said() {
    let world = World::at(START_MS);
    let mut stored: Vec<(u32, i64)> = Vec::new();
    for (seq, at_s) in (0..).zip(UPLOADS_S) {
        world.run(START_MS + at_s * S).await;
        world.chunk(seq).await;
        stored.push((seq, now_ms()));
        world.announce(now_ms() + WINDOW_MS, &chunk_key(seq));
        let known = world.seqs().await;
        for (seq, at_ms) in &stored {
            let is_late = now_ms() - at_ms > EVERY_MS + 2 * WINDOW_MS;
            assert!(!is_late || known.contains(seq), "{seq} is late at {at_s} s");
        }
    }
    world.run(START_MS + 3600 * S).await;
    let manifest = world.manifest().await.unwrap();
    assert_eq!(manifest.tape.as_ref().unwrap().chunks, 13, "it has ended");
    assert_eq!(world.found().await, ((0..13).collect(), Some("ended".to_owned())));
    let gate = &world.store.gate;
    // And one that names the tape.
    assert_eq!(gate.manifest_writes.load(Ordering::Relaxed), 3 + 1);
    // Two that find chunks, one that finds none, and what the tape takes.
    assert!(gate.lists.load(Ordering::Relaxed) <= 6, "{} listings", gate.lists.load(Ordering::Relaxed));
    assert!(world.queue.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_session_of_one_chunk_ends_with_one_write() {
    let world = World::at(START_MS);
    let event = json!({"type": 3, "timestamp": START_MS, "data": {}}).to_string();
    world.put(&chunk_key(0), &deflate(event.as_bytes())).await;
    world.announce(now_ms(), &chunk_key(0));
    world.run(START_MS + 3600 * S).await;
    assert_eq!(world.found().await, (BTreeSet::new(), Some("ended".to_owned())));
    let gate = &world.store.gate;
    let counts = [&gate.manifest_writes, &gate.lists].map(|counter| counter.load(Ordering::Relaxed));
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn a_chunk_after_a_pause_is_merged_at_the_next_look() {
    for pause_s in [290, 310, 400, 880, 1_000, 5_000] {
        let world = World::at(START_MS);
        world.chunk(0).await;
        world.announce(now_ms(), &chunk_key(0));
        world.run(START_MS + pause_s * S).await;
        world.chunk(1).await;
        world.announce(now_ms() + WINDOW_MS, &chunk_key(1));
        world.run(now_ms() + EVERY_MS + 3 * WINDOW_MS).await;
        assert_eq!(world.seqs().await, BTreeSet::from([0, 1]), "after {pause_s} s");
        world.run(now_ms() + 2 * HOP_MS).await;
        let (errors, state) = world.found().await;
        assert_eq!((errors.len(), state.as_deref()), (2, Some("ended")), "after {pause_s} s");
        assert_eq!(world.manifest().await.unwrap().tape.unwrap().chunks, 2, "after {pause_s} s");
    }
}

/// Whatever comes late, twice or never, and wherever invocations end: the session has all its chunks, their rows, and has ended.
#[tokio::test]
async fn whatever_happens_nothing_is_lost() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::at(START_MS);
        let count = random.u32(1..14);
        for seq in 0..count {
            // Also pauses behind which the session has ended.
            let pause_s = if random.u8(..8) == 0 { random.i64(200..2_500) } else { random.i64(1..70) };
            let until_ms = now_ms() + pause_s * S;
            while let Some((at_ms, body)) = world.queue.next(until_ms) {
                world.set_now(at_ms.max(now_ms()));
                if random.u8(..4) == 0 {
                    *world.store.gate.ends.lock().unwrap() = Some((random.usize(..14), random.bool()));
                }
                let is_done = world.work(&body).await;
                *world.store.gate.ends.lock().unwrap() = None;
                if !is_done || random.u8(..10) == 0 {
                    world.queue.add(now_ms() + random.i64(0..130) * S, body);
                }
            }
            world.set_now(until_ms.max(now_ms()));
            world.chunk(seq).await;
            // The first one's never comes, too.
            if random.u8(..10) > 0 || count == 1 {
                world.announce(now_ms() + random.i64(0..90) * S, &chunk_key(seq));
            }
        }
        // What is left when no event came at all is found by the sweep.
        world.run(now_ms() + 3 * HOP_MS).await;
        world.queue.add(now_ms(), json!({"tapedeck": "sweep"}).to_string());
        world.run(now_ms() + 3 * HOP_MS).await;
        assert_eq!(world.seqs().await, (0..count).collect(), "seed {seed}");
        let (errors, state) = world.found().await;
        assert_eq!(errors, (0..i64::from(count)).collect(), "seed {seed}");
        assert_eq!(state.as_deref(), Some("ended"), "seed {seed}");
        let tape = world.manifest().await.unwrap().tape.unwrap();
        assert_eq!(tape.chunks, u64::from(count), "seed {seed}");
        assert!(world.queue.0.lock().unwrap().is_empty(), "seed {seed}");
    }
}

#[tokio::test]
async fn an_erased_sessions_chunk_that_waits_goes_with_it() {
    let world = World::at(START_MS);
    world.chunk(0).await;
    world.announce(now_ms(), &chunk_key(0));
    world.run(START_MS + 10 * S).await;
    let id = format!("{START_MS}-0000000000000001");
    let request: Value = json!({"version": 1, "id": id, "project": "demo", "requested_ms": START_MS, "by": "tests", "action": "erase_session", "session": SESSION});
    // Stored and told of while the manifest is there, and after the erasure has listed what there is.
    world.chunk(1).await;
    world.announce(now_ms(), &chunk_key(1));
    world.run(START_MS + 20 * S).await;
    assert_eq!(world.seqs().await, BTreeSet::from([0]), "it waits");
    let key = format!("requests/demo/{id}.json");
    world.put(&key, request.to_string().as_bytes()).await;
    world.announce(now_ms(), &key);
    world.run(START_MS + 30 * S).await;
    world.chunk(2).await;
    world.run(START_MS + 4 * 3600 * S).await;
    for key in world.keys("").await {
        let is_record = key.starts_with("requests/") || key.starts_with("erasures/");
        assert!(is_record || !key.contains(SESSION), "{key} is left");
    }
}
