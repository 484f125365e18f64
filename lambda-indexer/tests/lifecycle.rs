//! A session from its first chunk to its end, its erasure and back from its tape, over a store in memory and a queue that delivers at once:
//! undisturbed, and with each single request to the store failing in turn, before or after it was carried out.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_core::ids::SessionId;
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ArchiveClass, chunks_prefix, manifest_key};
use tapedeck_core::store::gated::{Gate, Gated, Operation, lost};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store, StoreError};
use tapedeck_core::tables::{Cell, Row, Table, fold};
use tapedeck_core::tape::Tape;
use tapedeck_core::user_hash::{UserHash, UserHashKey};
use tapedeck_indexer::clock::now_ms;
use tapedeck_indexer::deadline::Deadline;
use tapedeck_indexer::invocation::{Means, invoke};
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::outbox::{Outbox, OutboxError};
use tapedeck_indexer::parquet_file::decode_file;
use tapedeck_indexer::settings::Settings;
use tapedeck_indexer::task::Task;

const PATIENCE: Patience = Patience { tries_max: 3, pause_first: Duration::ZERO };
const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";
const OTHER: &str = "6553f1009b9cf7cdca965edc0c23444b";
const USER: &str = "user-canary-4711";
const CONFIG: &str = "config/projects/demo.json";
const HASH_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Lets one request fail: it is not carried out, or it is and nobody hears of it. And lets requests wait by chance, so that programs at once
/// take turns.
#[derive(Default)]
struct Faulty {
    requests: AtomicUsize,
    fault: Mutex<Option<(usize, bool)>>,
    turns: Mutex<Option<fastrand::Rng>>,
}

impl Gate for Faulty {
    async fn pass<T>(
        &self,
        _: Operation,
        _: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let turns = self.turns.lock().unwrap().as_mut().map_or(0, |random| random.u8(0..4));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let fault = self.fault.lock().unwrap().take_if(|(nth, _)| *nth == number);
        match fault {
            None => request.await,
            Some((_, false)) => Err(lost("request lost")),
            Some((_, true)) => request.await.and(Err(lost("reply lost"))),
        }
    }
}

#[derive(Default)]
struct Queue {
    bodies: Mutex<VecDeque<String>>,
    dead: Mutex<Vec<(String, String)>>,
}

impl Outbox for Queue {
    async fn send(&self, task: &Task, _: Duration) -> Result<(), OutboxError> {
        self.bodies.lock().unwrap().push_back(serde_json::to_string(task)?);
        Ok(())
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        self.dead.lock().unwrap().push((body.to_owned(), reason.to_owned()));
        Ok(())
    }
}

#[derive(Default)]
struct World {
    store: Gated<MemoryStore, Faulty>,
    queue: Queue,
}

impl World {
    async fn new() -> Self {
        let world = Self::default();
        world.configure(&json!({})).await;
        world
    }

    /// Puts a configuration with these thresholds in the place of the one before.
    async fn configure(&self, clicks: &Value) {
        let config = json!({"version": 1, "revision": 3, "project": "demo", "keys": ["pk_0123456789ABCDEFGHIJKL"],
            "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 1}], "user_hash_key": HASH_KEY, "clicks": clicks});
        self.store.store.remove(CONFIG);
        self.put(CONFIG, config.to_string().as_bytes()).await;
    }

    fn remove_all(&self, objects: &[(String, Vec<u8>)]) {
        for (key, _) in objects {
            self.store.store.remove(key);
        }
    }

    async fn put(&self, key: &str, body: &[u8]) {
        let object = NewObject { body, content_type: "application/json", metadata: &[] };
        self.store.store.create(key, object).await.unwrap();
    }

    /// Stores a chunk, and says so unless its event is lost.
    async fn chunk(&self, session: &str, seq: u32, events: &[Value], is_announced: bool) {
        let at_ms = 1_700_000_000_000 + i64::from(seq) * 1_000;
        let meta = json!({"type": 4, "timestamp": at_ms, "data": {"href": "https://shop.example/", "width": 1, "height": 1}});
        let lines: Vec<String> = [meta].iter().chain(events).map(Value::to_string).collect();
        let id: SessionId = session.parse().unwrap();
        let key =
            format!("{}a1B2c3D4-{seq:05}-{seq:08x}.ndjson.gz", chunks_prefix(&"demo".parse().unwrap(), &id));
        self.put(&key, &deflate(lines.join("\n").as_bytes())).await;
        if is_announced {
            self.announce(&key);
        }
    }

    fn announce(&self, key: &str) {
        let record =
            json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}});
        self.queue.bodies.lock().unwrap().push_back(json!({"Records": [record]}).to_string());
    }

    /// Asks as the edge does.
    async fn ask(&self, number: u32, asks: Value) {
        let id = format!("1700000000000-{number:016x}");
        let mut request = json!({"version": 1, "id": id, "project": "demo", "requested_ms": 1_700_000_000_000_i64, "by": "tests"});
        request.as_object_mut().unwrap().extend(asks.as_object().unwrap().clone());
        let key = format!("requests/demo/{id}.json");
        self.put(&key, request.to_string().as_bytes()).await;
        self.announce(&key);
    }

    /// Works on one message. Tells whether it is done.
    async fn work(&self, body: &str) -> bool {
        let settings = Settings::at_once();
        let record = json!({"eventSource": "aws:sqs", "messageId": "m", "body": body});
        let deadline = Deadline::within(Duration::from_mins(1));
        let (store_of, outbox, settings) = (|_: &str| &self.store, &self.queue, &settings);
        let means = Means { store_of, outbox, settings, patience: PATIENCE, deadline, now_ms };
        let answer = invoke(&json!({ "Records": [record] }).to_string(), means).await.unwrap();
        answer.batch_item_failures.is_empty()
    }

    /// The keys of all objects under a prefix, however many.
    async fn objects_of(&self, prefix: &str) -> Vec<String> {
        tapedeck_indexer::listing::keys(&self.store.store, prefix).await.unwrap()
    }

    /// Announces many chunks in one message.
    fn announce_all(&self, keys: &[String]) {
        let record = |key: &String| json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}});
        let records: Vec<Value> = keys.iter().map(record).collect();
        self.queue.bodies.lock().unwrap().push_back(json!({ "Records": records }).to_string());
    }

    /// Works on the first messages of the queue at once, each in an invocation of its own. What fails comes again.
    async fn at_once(&self, count: usize) {
        let bodies: Vec<String> = self.queue.bodies.lock().unwrap().drain(..count).collect();
        let works = bodies.into_iter().map(|body| async move {
            if self.work(&body).await {
                return;
            }
            self.queue.bodies.lock().unwrap().push_back(body);
        });
        futures_util::future::join_all(works).await;
    }

    async fn reindex(&self, run: &str) {
        let task = json!({"tapedeck": "reindex", "project": "demo", "run": run});
        self.queue.bodies.lock().unwrap().push_back(task.to_string());
        self.settle().await;
    }

    /// Works on the queue until it is empty. What fails comes again.
    async fn settle(&self) {
        self.settle_at_most(500).await;
    }

    /// As [`World::settle`], with so many invocations.
    async fn settle_at_most(&self, invocations: usize) {
        for _ in 0..=invocations {
            let Some(body) = self.queue.bodies.lock().unwrap().pop_front() else {
                assert_eq!(*self.queue.dead.lock().unwrap(), []);
                return;
            };
            if !self.work(&body).await {
                self.queue.bodies.lock().unwrap().push_back(body);
            }
        }
        panic!("the queue does not come to rest: {:?}", self.queue.bodies.lock().unwrap());
    }

    /// Keys and bytes of all objects under a prefix.
    async fn objects(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for key in self.objects_of(prefix).await {
            let object = self.store.store.get(&key, usize::MAX).await.unwrap().unwrap();
            found.push((key, object.body));
        }
        found
    }

    async fn manifest(&self, session: &str) -> Option<Manifest> {
        let key = manifest_key(&"demo".parse().unwrap(), &session.parse().unwrap());
        let object = self.store.store.get(&key, usize::MAX).await.unwrap()?;
        Some(Manifest::parse(&object.body).unwrap())
    }

    async fn state(&self, number: u32) -> Value {
        let key = format!("erasures/demo/state/1700000000000-{number:016x}.json");
        serde_json::from_slice(&self.store.store.get(&key, usize::MAX).await.unwrap().unwrap().body).unwrap()
    }

    /// The keys of objects in which a text is found, whatever they are packed in.
    async fn with(&self, canary: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (key, body) in self.objects("").await {
            if key.contains(canary) || unpacked(&key, &body).iter().any(|text| contains(text, canary)) {
                found.push(key);
            }
        }
        found
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// An object as it is, and everything in it: gzip, tapes frame by frame, rows of tables.
fn unpacked(key: &str, body: &[u8]) -> Vec<Vec<u8>> {
    let mut texts = vec![body.to_vec()];
    let kind = key.rsplit('.').next();
    if kind == Some("gz") {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(body).read_to_end(&mut text).unwrap();
        texts.push(text);
    } else if kind == Some("tape") {
        let tape = Tape::parse(body).unwrap();
        texts.push(serde_json::to_vec(tape.header()).unwrap());
        texts.extend((0..tape.header().frames.len()).map(|index| tape.frame(index).unwrap().into_bytes()));
    } else if kind == Some("parquet") {
        let table: Table = key.split('/').nth(2).unwrap().parse().unwrap();
        texts.extend(
            decode_file(table, body.to_vec()).unwrap().iter().map(|row| format!("{row:?}").into_bytes()),
        );
    }
    texts
}

fn custom(tag: &str, payload: &Value) -> Value {
    json!({"type": 5, "timestamp": 1_700_000_000_500_i64, "data": {"tag": format!("tapedeck.{tag}"), "payload": payload}})
}

fn an_error() -> Value {
    custom("error", &json!({"type": "TypeError", "message": "x is undefined"}))
}

fn identified() -> Value {
    custom("identify", &json!({"user": USER}))
}

/// A session of three chunks with an error, of which one's event is lost; it ends.
async fn ended() -> World {
    let world = World::new().await;
    world.chunk(SESSION, 0, &[an_error(), identified()], true).await;
    world.chunk(SESSION, 1, &[], true).await;
    world.chunk(SESSION, 2, &[], false).await;
    world.chunk(OTHER, 0, &[], true).await;
    world
}

#[tokio::test]
async fn a_session_ends_with_all_of_its_chunks_on_a_tape() {
    let world = ended().await;
    world.settle().await;
    let manifest = world.manifest(SESSION).await.unwrap();
    assert_eq!(manifest.counts.chunks, 3, "also that whose event was lost");
    let mark = manifest.tape.clone().unwrap();
    assert_eq!((mark.chunks, mark.class), (3, ArchiveClass::Days(90)));
    let tapes = world.objects("archive/").await;
    assert_eq!(tapes.len(), 1, "a session without errors has none");
    assert!(tapes[0].0.starts_with("archive/90d/demo/"));
    let tape = Tape::parse(&tapes[0].1).unwrap();
    assert_eq!(tape.verify().unwrap().chunks, 3);
    assert_eq!(tape.header().manifest, Manifest { tape: None, ..manifest });
    assert_eq!(world.manifest(OTHER).await.unwrap().tape, None);
    let rows = rows(&world, Table::Sessions).await;
    assert!(rows.iter().filter(|(_, state)| state == "ended").count() >= 2, "{rows:?}");
}

/// Session and state of all rows.
async fn rows(world: &World, table: Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, body) in world.objects(&format!("index/demo/{table}/")).await {
        if key.ends_with(".parquet") {
            for row in decode_file(table, body).unwrap() {
                let text = |name| {
                    if let Cell::Text(text) = row.get(table, name) { text.clone() } else { String::new() }
                };
                found.push((text("session"), text("state")));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_chunk_after_the_end_ends_it_again() {
    let world = ended().await;
    world.settle().await;
    world.chunk(SESSION, 3, &[], true).await;
    world.settle().await;
    let manifest = world.manifest(SESSION).await.unwrap();
    assert_eq!(manifest.counts.chunks, 4);
    assert_eq!(manifest.tape.unwrap().chunks, 4);
    assert_eq!(world.objects("archive/90d/").await.len(), 2, "another set of chunks is another tape");
}

#[tokio::test]
async fn a_user_is_erased_everywhere() {
    let world = ended().await;
    world.settle().await;
    world.ask(1, json!({"action": "pin", "session": SESSION})).await;
    world.settle().await;
    let before = world.with(USER).await;
    for prefix in [
        "chunks/",
        "manifests/",
        "archive/90d/",
        "archive/pinned/",
        "index/demo/sessions/",
        "index/demo/errors/",
    ] {
        assert!(before.iter().any(|key| key.starts_with(prefix)), "{prefix}: {before:?}");
    }

    let key: UserHashKey = serde_json::from_value(json!(HASH_KEY)).unwrap();
    world.ask(2, json!({"action": "erase_user", "user": UserHash::of(USER, &key)})).await;
    world.settle().await;
    let state = world.state(2).await;
    assert_eq!(state["state"], "done", "{state}");
    assert_eq!(state["sessions"], 1);
    assert_eq!(world.with(USER).await, [""; 0]);
    let named = world.with(SESSION).await;
    // What asked for it, what keeps it away, and who saw it (`spec/requests.md`).
    assert!(
        named.iter().all(|key| key.starts_with("requests/") || key.starts_with("erasures/")),
        "{named:?}"
    );
    assert_eq!(world.manifest(OTHER).await.unwrap().counts.chunks, 1, "others stay");

    // A tab that is still open, and a new session of the same user.
    world.chunk(SESSION, 9, &[an_error()], true).await;
    world.chunk("6553f1009b9cf7cdca965edc0c234400", 0, &[identified()], true).await;
    world.settle().await;
    assert!(world.objects("chunks/").await.iter().all(|(key, _)| key.contains(OTHER)));
    assert_eq!(world.manifest(SESSION).await, None);
    assert_eq!(world.with(USER).await, [""; 0]);
}

#[tokio::test]
async fn pins_keep_and_let_go() {
    let world = ended().await;
    world.settle().await;
    world.ask(1, json!({"action": "pin", "session": OTHER})).await;
    world.settle().await;
    assert_eq!(world.state(1).await["state"], "done");
    assert_eq!(world.objects("pins/").await.len(), 1);
    assert_eq!(world.objects("archive/pinned/").await.len(), 1);
    assert_eq!(world.manifest(OTHER).await.unwrap().tape.unwrap().class, ArchiveClass::Pinned);
    world.ask(2, json!({"action": "unpin", "session": OTHER})).await;
    world.settle().await;
    assert!(world.objects("pins/").await.is_empty() && world.objects("archive/pinned/").await.is_empty());
    assert_eq!(world.objects("archive/30d/").await.len(), 1);
    assert_eq!(world.manifest(OTHER).await.unwrap().tape.unwrap().class, ArchiveClass::Days(30));

    world.ask(3, json!({"action": "pin", "session": "6553f1009b9cf7cdca965edc0c234401"})).await;
    world.settle().await;
    assert_eq!(world.state(3).await["state"], "failed", "there is no such session");
}

#[tokio::test]
async fn manifests_are_made_again_byte_for_byte() {
    let world = ended().await;
    world.settle().await;
    let manifests = world.objects("manifests/").await;
    let ended: std::collections::BTreeSet<_> =
        rows(&world, Table::Sessions).await.into_iter().filter(|(_, state)| state == "ended").collect();
    world.remove_all(&manifests);
    world.remove_all(&world.objects("index/").await);
    world.reindex("r1").await;
    assert_eq!(world.objects("manifests/").await, manifests);
    assert_eq!(
        rows(&world, Table::Sessions).await.into_iter().collect::<std::collections::BTreeSet<_>>(),
        ended
    );
    assert_eq!(world.objects("index/demo/reindex/r1/").await.len(), 256);
}

/// Two clicks in one place of the chunk's own, half a second apart.
fn two_clicks(seq: i64) -> [Value; 2] {
    [300, 800].map(|after_ms| {
        json!({"type": 3, "timestamp": 1_700_000_000_000_i64 + seq * 1_000 + after_ms, "data": {"source": 2, "type": 2, "id": 4, "x": 100 * seq, "y": 10}})
    })
}

#[tokio::test]
async fn a_projects_own_thresholds_tell_rage_and_dead_clicks() {
    let world = World::new().await;
    world.configure(&json!({"rage_count": 2, "dead_ms": 3_000})).await;
    let click = |effect_ms: u32| {
        custom(
            "click",
            &json!({"selector": "button.buy", "role": "button", "effects": ["mutation"], "effect_ms": effect_ms}),
        )
    };
    let [first, second] = two_clicks(0);
    world.chunk(SESSION, 0, &[first, second, click(2_000), click(3_001)], true).await;
    world.settle().await;
    let manifest = world.manifest(SESSION).await.unwrap();
    let counts = manifest.counts.counts;
    // By the default thresholds there would be no burst, and two dead clicks.
    assert_eq!((counts.rage_clicks, counts.dead_clicks), (1, 1));
    assert_eq!(manifest.clicks.rage_count, 2);
}

#[tokio::test]
async fn a_manifest_by_other_thresholds_is_made_anew_from_all_chunks() {
    let world = World::new().await;
    let chunk = async |seq: u32| {
        world.chunk(SESSION, seq, &[&two_clicks(seq.into())[..], &[an_error()]].concat(), true).await;
        world.settle().await;
    };
    chunk(0).await;
    chunk(1).await;
    assert_eq!(world.manifest(SESSION).await.unwrap().counts.counts.rage_clicks, 0);
    world.configure(&json!({"rage_count": 2, "rage_ms": 600})).await;
    chunk(2).await;
    let manifest = world.manifest(SESSION).await.unwrap();
    assert_eq!(manifest.counts.chunks, 3);
    assert_eq!(manifest.counts.counts.rage_clicks, 3, "also of the chunks from before");
    assert_eq!(manifest.tape.as_ref().unwrap().chunks, 3);

    // The same, with nothing known before.
    let manifests = world.objects("manifests/").await;
    world.remove_all(&manifests);
    world.reindex("r1").await;
    assert_eq!(world.objects("manifests/").await, manifests);
}

/// A manifest as a program with older rules would have left it.
async fn age(world: &World, session: &str) {
    let key = manifest_key(&"demo".parse().unwrap(), &session.parse().unwrap());
    let object = world.store.store.get(&key, usize::MAX).await.unwrap().unwrap();
    let mut manifest = Manifest::parse(&object.body).unwrap();
    manifest.core -= 1;
    manifest.routes.insert("/told/by/older/rules".to_owned());
    world.store.store.remove(&key);
    world.put(&key, &manifest.encode().unwrap()).await;
}

#[tokio::test]
async fn a_manifest_by_older_rules_is_made_anew_by_a_chunk_an_end_and_a_pin() {
    let world = ended().await;
    world.settle().await;
    let expected = world.manifest(SESSION).await.unwrap();

    age(&world, SESSION).await;
    let task = json!({"tapedeck": "end", "project": "demo", "session": SESSION});
    world.queue.bodies.lock().unwrap().push_back(task.to_string());
    world.settle().await;
    assert_eq!(world.manifest(SESSION).await, Some(expected.clone()), "by its end");

    age(&world, SESSION).await;
    world.announce(&world.objects("chunks/").await.iter().find(|(key, _)| key.contains(SESSION)).unwrap().0);
    world.settle().await;
    assert_eq!(world.manifest(SESSION).await, Some(expected.clone()), "by a chunk that came again");

    age(&world, SESSION).await;
    world.ask(1, json!({"action": "pin", "session": SESSION})).await;
    world.settle().await;
    let pinned = world.manifest(SESSION).await.unwrap();
    assert_eq!(pinned.tape.as_ref().unwrap().class, ArchiveClass::Pinned);
    assert_eq!(Manifest { tape: None, ..pinned }, Manifest { tape: None, ..expected }, "by a pin");
}

#[tokio::test]
async fn a_session_of_which_only_the_tape_remains_is_made_again() {
    let world = ended().await;
    world.settle().await;
    let key = manifest_key(&"demo".parse().unwrap(), &SESSION.parse().unwrap());
    let manifest = world.store.store.get(&key, usize::MAX).await.unwrap().unwrap().body;
    let before = rows_at_end(&world).await;
    for prefix in ["chunks/", "manifests/", "index/"] {
        world.remove_all(&world.objects(prefix).await);
    }
    world.reindex("r1").await;
    let found = world.objects("manifests/").await;
    assert_eq!(found, [(key, manifest)], "byte for byte, and no other session had a tape");
    let expected: Vec<String> = before.into_iter().filter(|row| row.contains(SESSION)).collect();
    assert_eq!(rows_at_end(&world).await, expected, "row for row");

    // By other thresholds than the tape was written with, its events tell.
    world.configure(&json!({"rage_count": 2})).await;
    world.reindex("r2").await;
    let manifest = world.manifest(SESSION).await.unwrap();
    assert_eq!((manifest.clicks.rage_count, manifest.counts.chunks), (2, 3));
}

#[tokio::test]
async fn a_session_of_more_chunks_than_a_manifest_lists_ends_once_and_whole() {
    const CHUNKS: u32 = 1_100;
    let world = World::new().await;
    for seq in 0..CHUNKS {
        world.chunk(SESSION, seq, &[an_error()], false).await;
    }
    let chunks = world.objects_of("chunks/").await;
    // As few messages, so that it takes no time.
    world.announce_all(&chunks);
    world.settle_at_most(6).await;
    let manifest = world.manifest(SESSION).await.unwrap();
    let more = manifest.more.clone().unwrap();
    assert!(manifest.encode().unwrap().len() <= 256 * 1024);
    assert!(
        manifest.counts.chunks > 400 && more.chunks > 100,
        "{} and {}",
        manifest.counts.chunks,
        more.chunks
    );
    assert_eq!(manifest.tape.as_ref().unwrap().chunks, u64::from(CHUNKS), "the tape has all of them");
    let tapes = world.objects("archive/").await;
    assert_eq!(tapes.len(), 1);
    assert_eq!(Tape::parse(&tapes[0].1).unwrap().verify().unwrap().chunks, CHUNKS as usize);

    // Listed or not, a chunk that comes again changes nothing, and nobody looks whether the session ended once more.
    world.announce(&chunks[3]);
    world.announce(chunks.last().unwrap());
    world.settle_at_most(2).await;
    assert_eq!(world.manifest(SESSION).await, Some(manifest.clone()));

    // A new one that is not listed either ends the session again.
    world.chunk(SESSION, CHUNKS, &[], true).await;
    world.settle_at_most(6).await;
    let later = world.manifest(SESSION).await.unwrap();
    assert_eq!(later.tape.as_ref().unwrap().chunks, u64::from(CHUNKS) + 1);
    assert_eq!(later.counts.chunks, manifest.counts.chunks);

    // The same, made anew.
    let manifests = world.objects("manifests/").await;
    world.remove_all(&manifests);
    world.reindex("r1").await;
    assert_eq!(world.objects("manifests/").await, manifests);
}

/// A day of one small file for each of so many sessions of `USER`.
async fn a_day(sessions: u32) -> World {
    let world = World::new().await;
    for n in 0..sessions {
        world.chunk(&format!("6553f100{n:024x}"), 0, &[identified()], true).await;
    }
    world.settle().await;
    world.queue.bodies.lock().unwrap().clear();
    world
}

#[tokio::test]
async fn compaction_bears_the_failure_of_each_request() {
    let full = a_day(64).await;
    // One table: the others are folded by the same requests.
    let mut files = full.objects("index/demo/sessions/").await;
    files.truncate(64);
    let expected = rows_of_files(&files);
    for carried_out in [false, true] {
        // A read that was carried out and not heard of is one that was not.
        for nth in if carried_out { 64.. } else { 0.. } {
            let world = World::new().await;
            for (key, body) in &files {
                world.put(key, body).await;
            }
            *world.store.gate.fault.lock().unwrap() = Some((nth, carried_out));
            let compact = json!({"tapedeck": "compact"}).to_string();
            let is_done = world.work(&compact).await;
            let was_last = world.store.gate.fault.lock().unwrap().take().is_some();
            let when = format!("request {nth}, carried out: {carried_out}");
            // What is replaced stays for those who hold a URL of it.
            let after = world.objects("index/demo/sessions/").await;
            assert!(files.iter().all(|file| after.contains(file)), "{when}");
            assert_eq!(is_done, was_last, "{when}");
            // Before anything is written, coming again is beginning.
            if nth > 64 {
                assert!(world.work(&compact).await, "{when}");
                let mut after = world.objects("index/demo/sessions/").await;
                after.retain(|(key, _)| key.contains("/l1/"));
                assert_eq!(after.len(), 1, "{when}");
                assert_eq!(rows_of_files(&after), expected, "{when}");
            }
            if was_last {
                assert!(nth > 64, "so few requests: {nth}");
                break;
            }
        }
    }
}

fn rows_of_files(files: &[(String, Vec<u8>)]) -> Vec<Row> {
    let files = files.iter().filter(|(key, _)| key.ends_with(".parquet"));
    let rows = files.flat_map(|(_, body)| decode_file(Table::Sessions, body.clone()).unwrap());
    fold(Table::Sessions, rows.collect::<Vec<_>>())
}

/// Requests take turns by chance: an erasure's first pass while the day is compacted and a tab of the user's uploads. Its last pass comes when
/// both have ended, as its delay sees to.
#[tokio::test]
async fn an_erasure_while_rows_are_compacted_and_a_tab_uploads() {
    let full = a_day(64).await;
    let before = full.objects("").await;
    let key: UserHashKey = serde_json::from_value(json!(HASH_KEY)).unwrap();
    for seed in 0..6 {
        let world = World::new().await;
        for (key, body) in &before {
            if key != CONFIG {
                world.put(key, body).await;
            }
        }
        assert!(world.with(USER).await.len() > 64);
        world.ask(2, json!({"action": "erase_user", "user": UserHash::of(USER, &key)})).await;
        world.queue.bodies.lock().unwrap().push_back(json!({"tapedeck": "compact"}).to_string());
        world.chunk("6553f100000000000000000000000007", 1, &[an_error(), identified()], true).await;
        *world.store.gate.turns.lock().unwrap() = Some(fastrand::Rng::with_seed(seed));
        world.at_once(3).await;
        *world.store.gate.turns.lock().unwrap() = None;
        world.settle().await;
        assert_eq!(world.state(2).await["state"], "done", "seed {seed}");
        assert_eq!(world.with(USER).await, [""; 0], "seed {seed}");
    }
}

/// Every row that readers end up with: of each key the highest revision. Those of errors without how many chunks the session had when they
/// were written.
async fn rows_at_end(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for table in Table::ALL {
        let mut rows = Vec::new();
        for (key, body) in world.objects(&format!("index/demo/{table}/")).await {
            if key.ends_with(".parquet") {
                rows.extend(decode_file(table, body).unwrap());
            }
        }
        found.extend(fold(table, rows).into_iter().map(|mut row| {
            if table == Table::Errors {
                row.set(table, "chunks", Cell::Null);
            }
            format!("{table} {row:?}")
        }));
    }
    found
}

#[tokio::test]
async fn a_run_goes_on_with_the_shards_that_are_left() {
    let world = ended().await;
    world.settle().await;
    world.reindex("r1").await;
    let done = world.objects("index/demo/reindex/r1/").await;
    assert_eq!(done.len(), 256);
    world.remove_all(&done[..3]);
    let task = json!({"tapedeck": "reindex", "project": "demo", "run": "r1"});
    world.queue.bodies.lock().unwrap().push_back(task.to_string());
    world.settle_at_most(1 + 3).await;
    assert_eq!(world.objects("index/demo/reindex/r1/").await.len(), 256);
}

/// Runs `story` with each of its requests to the store failing in turn; `check` has to hold each time.
async fn each_request_fails(story: impl AsyncFn(&World), check: impl AsyncFn(&World, &str)) {
    for carried_out in [false, true] {
        for nth in 0.. {
            let world = ended().await;
            *world.store.gate.fault.lock().unwrap() = Some((nth, carried_out));
            story(&world).await;
            check(&world, &format!("request {nth}, carried out: {carried_out}")).await;
            if world.store.gate.fault.lock().unwrap().is_some() {
                assert!(nth > 10, "so few requests: {nth}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_end_bears_each_failure() {
    let undisturbed = ended().await;
    undisturbed.settle().await;
    let expected = undisturbed.objects("manifests/").await;
    each_request_fails(
        async |world| world.settle().await,
        async |world, when| assert_eq!(world.objects("manifests/").await, expected, "{when}"),
    )
    .await;
}

#[tokio::test]
async fn an_erasure_bears_each_failure() {
    each_request_fails(
        async |world| {
            world.settle().await;
            world.ask(2, json!({"action": "erase_session", "session": SESSION})).await;
            world.settle().await;
        },
        async |world, when| {
            assert_eq!(world.with(USER).await, [""; 0], "{when}");
            assert_eq!(world.state(2).await["state"], "done", "{when}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_pin_and_an_unpin_bear_each_failure() {
    each_request_fails(
        async |world| {
            world.settle().await;
            for (number, action) in [(1, "pin"), (2, "unpin")] {
                world.ask(number, json!({"action": action, "session": OTHER})).await;
                world.settle().await;
            }
        },
        async |world, when| {
            assert_eq!(
                world.manifest(OTHER).await.unwrap().tape.unwrap().class,
                ArchiveClass::Days(30),
                "{when}"
            );
            assert!(world.objects("archive/pinned/").await.is_empty(), "{when}");
            assert!(world.objects("pins/").await.is_empty(), "{when}");
        },
    )
    .await;
}
