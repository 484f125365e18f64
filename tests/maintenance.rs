//! The indexer's binary at what its schedules and a person ask of it, with the real S3 server: the sweep, compaction, erasure beside them, making
//! the index anew; a long session, and many sessions.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};
use tapedeck_core::ids::SessionId;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::store::{NewObject, OwnedStore as _, Store as _};
use tapedeck_core::tables::{Cell, Row, Table, fold};
use tapedeck_core::tape::Tape;
use tapedeck_indexer::listing::{keys, list_all};
use tapedeck_indexer::parquet_file::decode_file;
use tapedeck_infra::reindex::{SHARDS, reindex};
use tapedeck_local::lambda::Function;
use tapedeck_local::mapping::{Mapping, MappingConfig};
use tapedeck_local::queue::QueueConfig;
use tapedeck_local::s3::{Condition, Content};
use tapedeck_local::schedule::call;
use tapedeck_tests::recording::{OTHER_PAGE, PAGE, Recorded, chunk, manifest_of, project, session};
use tapedeck_tests::{BUCKET, Stack, eventually};

struct Fixture {
    stack: Stack,
    function: Function,
}

impl Fixture {
    /// A session ends a second or two after its last chunk.
    async fn new() -> Self {
        let stack = Stack::start(QueueConfig::default()).await;
        let hops = [("TAPEDECK_HOP_S", "1"), ("TAPEDECK_SECOND_PASS_S", "2")];
        let function = stack.indexer_with(&stack.server.endpoint(), 2, &hops);
        Self { stack, function }
    }

    fn feed(&self) -> Mapping {
        let config = MappingConfig { window: Duration::from_millis(50), ..MappingConfig::default() };
        Mapping::start(&self.stack.queue, &self.function, &config)
    }

    /// Stores a chunk whose event is never delivered.
    async fn unannounced(&self, chunk: &Recorded) {
        self.put(chunk).await;
        let batch = self.stack.queue.receive(10).await.unwrap();
        assert!(!batch.is_empty());
        for message in batch {
            self.stack.queue.delete(message.receipt).await.unwrap();
        }
    }

    /// Past the protocol, as fast as this machine is.
    async fn put(&self, chunk: &Recorded) {
        let metadata =
            chunk.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let content = Content { metadata, ..Content::default() };
        let body = Bytes::copy_from_slice(&chunk.body);
        self.stack.bucket.put(&chunk.key.to_string(), body, content, Condition::Absent).await.unwrap();
    }

    /// What a schedule of the template does when its time has come, with its role and its payload.
    async fn at_the_time_of(&self, schedule: &str) {
        let cloud = &self.stack.cloud;
        let schedule = cloud.deployment.schedules.iter().find(|known| known.name == schedule).unwrap();
        call(cloud, &self.function, schedule).await.unwrap();
    }

    async fn ask(&self, task: &Value) {
        self.function.invoke(task).await.unwrap();
    }

    async fn manifest(&self, session: &SessionId) -> Option<Manifest> {
        Some(Manifest::parse(&self.stack.manifest(session).await?).unwrap())
    }

    /// Waits until a session has a tape of so many chunks.
    async fn ended(&self, session: &SessionId, chunks: u64) -> Manifest {
        let manifest = eventually("the session ends", async || {
            let manifest = self.manifest(session).await?;
            manifest.tape.as_ref().is_some_and(|tape| tape.chunks == chunks).then_some(manifest)
        })
        .await;
        self.at_rest().await;
        manifest
    }

    /// Waits until there is no message any more, also none that waits for its time.
    async fn at_rest(&self) {
        eventually("the queue is empty", async || {
            let depth = self.stack.queue.depth().await.unwrap();
            (depth.is_idle() && depth.delayed == 0).then_some(())
        })
        .await;
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        keys(&self.stack.store("admin").await, prefix).await.unwrap()
    }

    /// The rows that readers end up with.
    async fn rows(&self, table: Table) -> Vec<Row> {
        let store = self.stack.store("admin").await;
        let mut rows = Vec::new();
        for key in self.keys(&format!("index/demo/{table}/")).await {
            if key.ends_with(".parquet") {
                rows.extend(
                    decode_file(table, store.get(&key, usize::MAX).await.unwrap().unwrap().body).unwrap(),
                );
            }
        }
        fold(table, rows)
    }
}

/// The bucket's announcement of a chunk.
fn record(chunk: &Recorded) -> Value {
    json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": BUCKET}, "object": {"key": chunk.key.to_string()}}})
}

fn text<'a>(row: &'a Row, table: Table, name: &str) -> &'a str {
    let Cell::Text(text) = row.get(table, name) else { panic!("{table} has no text {name}") };
    text
}

#[tokio::test]
async fn the_sweep_finds_what_no_event_brought_and_nothing_else() {
    let fixture = Fixture::new().await;
    let (lost, half, whole) = (session(1), session(2), session(3));
    for seq in 0..2 {
        fixture.unannounced(&chunk(&lost, PAGE, seq)).await;
    }
    fixture.unannounced(&chunk(&half, PAGE, 0)).await;
    let _mapping = fixture.feed();
    fixture.stack.upload(&chunk(&whole, PAGE, 0)).await;
    fixture.ended(&whole, 1).await;
    assert_eq!(fixture.manifest(&lost).await, None);
    eventually("they are old enough to be looked at", async || {
        fixture.at_the_time_of("Sweep").await;
        fixture.manifest(&lost).await.and(fixture.manifest(&half).await)
    })
    .await;
    for (session, chunks) in [(&lost, 2), (&half, 1)] {
        fixture.ended(session, chunks).await;
    }
    let rows = fixture.rows(Table::Sessions).await;
    let ended = rows.iter().filter(|row| text(row, Table::Sessions, "state") == "ended");
    assert_eq!(ended.count(), 3);

    // Again: it reads, and hands on nothing.
    let sent = || fixture.stack.bucket.counters().get("indexer", "PutObject").requests;
    let before = sent();
    fixture.at_the_time_of("Sweep").await;
    let depth = fixture.stack.queue.depth().await.unwrap();
    assert!(depth.is_idle() && depth.delayed == 0, "{depth:?}");
    assert_eq!(sent(), before);
}

/// So many requests are in the sum of what an idle environment costs, `infra/tests/template.rs`.
#[tokio::test]
async fn schedules_ask_little_of_an_idle_bucket() {
    let fixture = Fixture::new().await;
    for schedule in ["Sweep", "Compaction"] {
        let count = |operations: &[&str]| -> u64 {
            let counters = fixture.stack.bucket.counters();
            operations.iter().map(|operation| counters.get("indexer", operation).requests).sum()
        };
        let counts = || [count(&["ListObjectsV2", "PutObject"]), count(&["GetObject", "HeadObject"])];
        let before = counts();
        fixture.at_the_time_of(schedule).await;
        let after = counts();
        assert!(after[0] - before[0] <= 2 && after[1] - before[1] <= 2, "{schedule}: {before:?}, {after:?}");
    }
}

#[tokio::test]
async fn days_of_many_files_are_compacted_while_a_user_is_erased_and_a_tab_uploads() {
    let fixture = Fixture::new().await;
    let sessions: Vec<SessionId> = (0..64).map(session).collect();
    // One invocation and so one file a table for each: as if the traffic were thin.
    for session in &sessions {
        let chunk = chunk(session, PAGE, 0);
        fixture.put(&chunk).await;
        fixture.ask(&json!({"Records": [record(&chunk)]})).await;
    }
    assert!(fixture.keys("index/demo/sessions/").await.len() >= 64);
    let gone = &sessions[7];
    let damaged = Recorded { body: b"\x1f\x8b damaged".to_vec(), ..chunk(gone, PAGE, 1) };
    fixture.put(&damaged).await;
    fixture.ask(&json!({"Records": [record(&damaged)]})).await;
    let set_apart = async || fixture.keys("quarantine/").await.len();
    assert_eq!(set_apart().await, 1);
    let id = "1700000000000-0000000000000001";
    let request = json!({"version": 1, "id": id, "project": "demo", "requested_ms": 1_700_000_000_000_i64, "by": "tests", "action": "erase_session", "session": gone});
    let (key, request) = (format!("requests/demo/{id}.json"), request.to_string());
    let object = NewObject { body: request.as_bytes(), content_type: "application/json", metadata: &[] };
    fixture.stack.store("edge").await.create(&key, object).await.unwrap();
    let _mapping = fixture.feed();
    let compact = async {
        fixture.at_the_time_of("Compaction").await;
    };
    let tab = async {
        for seq in 1..20 {
            fixture.stack.upload(&chunk(gone, OTHER_PAGE, seq)).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::join!(compact, tab);
    let state = format!("erasures/demo/state/{id}.json");
    let store = fixture.stack.store("admin").await;
    eventually("it is erased", async || {
        let state = store.get(&state, usize::MAX).await.unwrap()?;
        let state: Value = serde_json::from_slice(&state.body).unwrap();
        (state["state"] == "done").then_some(())
    })
    .await;
    fixture.at_rest().await;
    fixture.at_the_time_of("Compaction").await;
    let left: Vec<String> =
        fixture.keys("").await.into_iter().filter(|key| key.contains(gone.as_str())).collect();
    assert!(left.iter().all(|key| key.starts_with("erasures/")), "{left:?}");
    assert_eq!(set_apart().await, 0);
    for table in Table::ALL {
        let rows = fixture.rows(table).await;
        let sessions: BTreeSet<&str> = rows.iter().map(|row| text(row, table, "session")).collect();
        assert_eq!(sessions.len(), 63, "{table}");
        assert!(!sessions.contains(gone.as_str()), "{table}");
        let files = fixture.keys(&format!("index/demo/{table}/")).await;
        assert!(files.iter().any(|key| key.contains("/l1/")), "{table}: {files:?}");
    }
}

#[tokio::test]
async fn a_session_of_four_hundred_chunks() {
    let fixture = Fixture::new().await;
    let session = session(1);
    let chunks: Vec<Recorded> =
        (0..200).flat_map(|seq| [chunk(&session, PAGE, seq), chunk(&session, OTHER_PAGE, seq)]).collect();
    let _mapping = fixture.feed();
    for chunk in &chunks {
        fixture.put(chunk).await;
    }
    let manifest = fixture.ended(&session, 400).await;
    let written = fixture.stack.manifest(&session).await.unwrap();
    assert!(written.len() <= 256 * 1024, "{} bytes", written.len());
    assert_eq!(Manifest { tape: None, ..manifest }.encode().unwrap(), manifest_of(&chunks));
    let tapes = fixture.keys("archive/").await;
    let store = fixture.stack.store("admin").await;
    let whole = store.get(tapes.last().unwrap(), usize::MAX).await.unwrap().unwrap().body;
    assert_eq!(Tape::parse(&whole).unwrap().verify().unwrap().chunks, 400);
}

/// `TAPEDECK_TEST_SESSIONS` sessions (1,000) of one or two chunks; then their index is removed and made anew by the program's own command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sessions_and_their_index_made_anew() {
    let count: u64 = std::env::var("TAPEDECK_TEST_SESSIONS").map_or(1_000, |count| count.parse().unwrap());
    let fixture = Fixture::new().await;
    let _mapping = fixture.feed();
    for n in 0..count {
        for seq in 0..=u32::from(n % 2 == 0) {
            fixture.put(&chunk(&session(n), PAGE, seq)).await;
        }
    }
    // In groups, since each waits for a minute at most.
    for n in 0..count {
        let chunks = 1 + u64::from(n % 2 == 0);
        eventually("each session has its chunks and its tape", async || {
            let manifest = fixture.manifest(&session(n)).await?;
            manifest.tape.is_some_and(|tape| tape.chunks == chunks).then_some(())
        })
        .await;
    }
    fixture.at_rest().await;
    let store = &fixture.stack.store("admin").await;
    let etags = async || -> Vec<(String, Vec<u8>)> {
        let manifests = keys(store, "manifests/").await.unwrap();
        let read = async |key: String| {
            let body = store.get(&key, usize::MAX).await.unwrap().unwrap().body;
            (key, body)
        };
        stream::iter(manifests).map(read).buffered(8).collect().await
    };
    let before = (etags().await, fixture.rows(Table::Sessions).await, fixture.rows(Table::Pages).await);
    assert_eq!(before.0.len() as u64, count);
    for prefix in ["manifests/", "index/"] {
        let listed = list_all(store, prefix).await.unwrap();
        stream::iter(listed)
            .for_each_concurrent(8, async |object| store.delete(&object.key).await.unwrap())
            .await;
    }
    let mut steps = Vec::new();
    let invoke = async |task: &Value| {
        fixture.ask(task).await;
        Ok(())
    };
    let done = reindex(store, invoke, &project(), "r1", |progress| steps.push(progress)).await.unwrap();
    assert_eq!((done.shards, done.sessions, done.written), (SHARDS, count, count));
    assert_eq!(done.chunks, count + count.div_ceil(2));
    assert_eq!((steps.first().unwrap().shards, steps.last()), (0, Some(&done)));
    let after = (etags().await, fixture.rows(Table::Sessions).await, fixture.rows(Table::Pages).await);
    assert_eq!(after, before, "manifests byte for byte, rows row for row");

    // The same run again: all is done.
    let never = async |_: &Value| panic!("nothing is left to be asked for");
    assert_eq!(reindex(store, never, &project(), "r1", |_| {}).await.unwrap(), done);
}
