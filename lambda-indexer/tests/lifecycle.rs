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
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{Created, Listed, NewObject, Object, OwnedStore, Replaced, Store, StoreError};
use tapedeck_core::tables::{Cell, Table};
use tapedeck_core::tape::Tape;
use tapedeck_core::user_hash::{UserHash, UserHashKey};
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
const HASH_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A store of which one request fails: it is not carried out, or it is and nobody hears of it.
#[derive(Default)]
struct Faulty {
    inner: MemoryStore,
    requests: AtomicUsize,
    fault: Mutex<Option<(usize, bool)>>,
}

impl Faulty {
    async fn step<T>(&self, request: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let fault = self.fault.lock().unwrap().take_if(|(nth, _)| *nth == number);
        let lost =
            || StoreError::Unavailable { operation: "test", key: number.to_string(), reason: "lost".into() };
        match fault {
            None => request.await,
            Some((_, false)) => Err(lost()),
            Some((_, true)) => {
                request.await?;
                Err(lost())
            }
        }
    }
}

impl Store for Faulty {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        self.step(self.inner.get(key, bytes_max)).await
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        self.step(self.inner.create(key, object)).await
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        self.step(self.inner.replace(key, etag, object)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.step(self.inner.list(prefix, after, keys_max)).await
    }
}

impl OwnedStore for Faulty {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.step(self.inner.delete(key)).await
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
    store: Faulty,
    queue: Queue,
}

impl World {
    async fn new() -> Self {
        let world = Self::default();
        let config = json!({"version": 1, "revision": 3, "project": "demo", "keys": ["pk_0123456789ABCDEFGHIJKL"],
            "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 1}], "user_hash_key": HASH_KEY});
        world.put("config/projects/demo.json", config.to_string().as_bytes()).await;
        world
    }

    async fn put(&self, key: &str, body: &[u8]) {
        let object = NewObject { body, content_type: "application/json", metadata: &[] };
        self.store.inner.create(key, object).await.unwrap();
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

    /// Works on the queue until it is empty. What fails comes again.
    async fn settle(&self) {
        let settings = Settings {
            bucket: "b".into(),
            queue_url: "q".into(),
            dead_letters_url: "d".into(),
            receives_max: 9,
            hop: Duration::ZERO,
            second_pass: Duration::ZERO,
        };
        for _ in 0..500 {
            let Some(body) = self.queue.bodies.lock().unwrap().pop_front() else {
                assert_eq!(*self.queue.dead.lock().unwrap(), []);
                return;
            };
            let record = json!({"eventSource": "aws:sqs", "messageId": "m", "body": body});
            let deadline = Deadline::within(Duration::from_mins(1));
            let means = Means {
                store_of: |_: &str| &self.store,
                outbox: &self.queue,
                settings: &settings,
                patience: PATIENCE,
                deadline,
            };
            let answer = invoke(&json!({"Records": [record]}).to_string(), means).await.unwrap();
            if !answer.batch_item_failures.is_empty() {
                self.queue.bodies.lock().unwrap().push_back(body);
            }
        }
        panic!("the queue does not come to rest: {:?}", self.queue.bodies.lock().unwrap());
    }

    /// Keys and bytes of all objects under a prefix.
    async fn objects(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for listed in self.store.inner.list(prefix, None, 1_000).await.unwrap() {
            let object = self.store.inner.get(&listed.key, usize::MAX).await.unwrap().unwrap();
            found.push((listed.key, object.body));
        }
        found
    }

    async fn manifest(&self, session: &str) -> Option<Manifest> {
        let key = manifest_key(&"demo".parse().unwrap(), &session.parse().unwrap());
        let object = self.store.inner.get(&key, usize::MAX).await.unwrap()?;
        Some(Manifest::parse(&object.body).unwrap())
    }

    async fn state(&self, number: u32) -> Value {
        let key = format!("erasures/demo/state/1700000000000-{number:016x}.json");
        serde_json::from_slice(&self.store.inner.get(&key, usize::MAX).await.unwrap().unwrap().body).unwrap()
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
    for (key, _) in manifests.iter().chain(&world.objects("index/").await) {
        world.store.inner.remove(key);
    }
    let task = json!({"tapedeck": "reindex", "project": "demo", "run": "r1"});
    world.queue.bodies.lock().unwrap().push_back(task.to_string());
    world.settle().await;
    assert_eq!(world.objects("manifests/").await, manifests);
    assert_eq!(
        rows(&world, Table::Sessions).await.into_iter().collect::<std::collections::BTreeSet<_>>(),
        ended
    );
    assert_eq!(world.objects("index/demo/reindex/r1/").await.len(), 256);
}

/// Runs `story` with each of its requests to the store failing in turn; `check` has to hold each time.
async fn each_request_fails(story: impl AsyncFn(&World), check: impl AsyncFn(&World, &str)) {
    for carried_out in [false, true] {
        for nth in 0.. {
            let world = ended().await;
            *world.store.fault.lock().unwrap() = Some((nth, carried_out));
            story(&world).await;
            check(&world, &format!("request {nth}, carried out: {carried_out}")).await;
            if world.store.fault.lock().unwrap().is_some() {
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
