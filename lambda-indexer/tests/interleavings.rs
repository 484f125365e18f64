//! A model check of whole invocations: two programs at once over one session, in every order of their requests about what they
//! share (manifest, tombstones, listings, tapes, deletions) with one or two switches from one to the other, and a crash of either before or after any of them. Requests about objects
//! that are written once under the name of their content, or never written, happen at once: nobody can tell when.
//!
//! Whatever happens, once everything was delivered again, the manifest is the one that the chunks alone decide; and of what is erased
//! nothing is left.

#![allow(clippy::unwrap_used)]

mod paths;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{chunks_prefix, manifest_key};
use tapedeck_core::store::gated::{Gate, Gated, Operation, lost};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store, StoreError};
use tapedeck_indexer::deadline::Deadline;
use tapedeck_indexer::invocation::{Answer, InvocationError, Means, invoke};
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::outbox::{Outbox, OutboxError};
use tapedeck_indexer::settings::Settings;
use tapedeck_indexer::task::Task;

use self::paths::Path;

const PATIENCE: Patience = Patience { tries_max: 5, pause_first: Duration::ZERO };

const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";
const REQUEST: &str = "1700000000000-0000000000000002";

/// What becomes of the next request of whoever goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The store did it, and whoever asked ends before the answer.
    ReplyLost,
}

/// Lets each request about what is shared wait until the driver polls again.
struct Stepped<'a>(&'a Cell<Fate>);

impl Gate for Stepped<'_> {
    async fn pass<T>(
        &self,
        operation: Operation,
        key: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let is_shared = operation == Operation::Delete
            || operation == Operation::List
            || ["manifests/", "erasures/demo/sessions/", "archive/"]
                .iter()
                .any(|prefix| key.starts_with(prefix));
        if !is_shared {
            return request.await;
        }
        let mut waited = false;
        std::future::poll_fn(|context| {
            // What holds several futures asks only those again that woke it.
            context.waker().wake_by_ref();
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.0.get() {
            Fate::Answered => request.await,
            Fate::ReplyLost => request.await.and(Err(lost("reply lost"))),
        }
    }
}

thread_local! {
    /// The clock of programs and store, Unix milliseconds; 0 for a store that tells no times.
    static NOW_MS: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> i64 {
    NOW_MS.get()
}

#[derive(Default)]
struct Queue(Mutex<VecDeque<String>>);

impl Outbox for Queue {
    // At any time: a look that comes too early waits by itself.
    async fn send(&self, task: &Task, _: Duration) -> Result<(), OutboxError> {
        self.0.lock().unwrap().push_back(serde_json::to_string(task)?);
        Ok(())
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        panic!("{body} is a dead letter: {reason}")
    }
}

/// For futures that wait for nothing but their own turn.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn project() -> ProjectId {
    "demo".parse().unwrap()
}

fn session() -> SessionId {
    SESSION.parse().unwrap()
}

fn key(seq: u32) -> String {
    format!("{}a1B2c3D4-{seq:05}-{seq:08x}.ndjson.gz", chunks_prefix(&project(), &session()))
}

fn put(store: &MemoryStore, key: &str, body: &[u8]) {
    now(store.create(key, NewObject { body, content_type: "", metadata: &[] })).unwrap();
}

/// A chunk with an error, so that the session gets a tape.
fn put_chunk(store: &MemoryStore, seq: u32) {
    let at_ms = 1_700_000_000_000 + i64::from(seq) * 1_000;
    let meta = json!({"type": 4, "timestamp": at_ms, "data": {"href": "https://shop.example/"}});
    let error = json!({"type": 5, "timestamp": at_ms + 1, "data": {"tag": "tapedeck.error", "payload": {"message": "x is undefined"}}});
    put(store, &key(seq), &deflate(format!("{meta}\n{error}\n").as_bytes()));
}

/// An event of a chunk or of a request.
fn event(key: &str) -> String {
    json!({"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]})
        .to_string()
}

fn ask_for_erasure(store: &MemoryStore) -> String {
    let key = format!("requests/demo/{REQUEST}.json");
    let request = json!({"version": 1, "id": REQUEST, "project": "demo", "requested_ms": 1_700_000_000_000_i64, "by": "tests", "action": "erase_session", "session": SESSION});
    put(store, &key, request.to_string().as_bytes());
    event(&key)
}

fn end(store: &MemoryStore) -> String {
    let manifest = stored(store).unwrap();
    json!({"tapedeck": "end", "project": "demo", "session": SESSION, "set": tapedeck_indexer::end::seen(&manifest)}).to_string()
}

/// Chunks are merged as they come where there is no time, and every five minutes where there is.
fn settings() -> Settings {
    let timeless = Settings { receives_max: 99, ..Settings::at_once() };
    if NOW_MS.get() == 0 {
        return timeless;
    }
    Settings { hop: Settings::HOP, merge_every: Settings::MERGE_EVERY, ..timeless }
}

fn in_batch(body: &str) -> String {
    json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]}).to_string()
}

/// Works on one message. Tells whether it is done.
fn work(store: &MemoryStore, queue: &Queue, body: &str) -> bool {
    let means = Means {
        store_of: |_: &str| store,
        outbox: queue,
        settings: &settings(),
        patience: PATIENCE,
        deadline: Deadline::within(Duration::from_mins(1)),
        now_ms: clock,
    };
    now(invoke(&in_batch(body), means)).unwrap().batch_item_failures.is_empty()
}

/// Works on messages one by one until there are none. Time goes on in between, if there is any.
fn settle(store: &MemoryStore, queue: &Queue) {
    for _ in 0..200 {
        let Some(body) = queue.0.lock().unwrap().pop_front() else { return };
        if NOW_MS.get() != 0 {
            pass(store, Duration::from_mins(2));
        }
        if !work(store, queue, &body) {
            queue.0.lock().unwrap().push_back(body);
        }
    }
    panic!("the queue does not come to rest");
}

fn pass(store: &MemoryStore, time: Duration) {
    NOW_MS.set(NOW_MS.get() + i64::try_from(time.as_millis()).unwrap());
    store.set_now_ms(NOW_MS.get());
}

fn stored(store: &MemoryStore) -> Option<Manifest> {
    let object = now(store.get(&manifest_key(&project(), &session()), usize::MAX)).unwrap()?;
    Some(Manifest::parse(&object.body).unwrap())
}

type Program<'a> = Pin<Box<dyn Future<Output = Result<Answer, InvocationError>> + 'a>>;

/// Runs two messages at once, in every order of their steps with at most `switches_max` switches from one that could go on to the other, and at
/// most `crashes_max` crashes, over what `prepare` puts there and
/// says. Then everything is delivered again, and `hold` has to hold. Returns how many runs there were.
fn check(
    prepare: impl Fn(&MemoryStore, &Queue) -> [String; 2],
    (switches_max, crashes_max): (usize, usize),
    hold: impl Fn(&MemoryStore, &dyn Fn() -> String),
) -> usize {
    let mut path = Path::default();
    let settings = settings();
    let begun_ms = NOW_MS.get();
    for runs in 1.. {
        NOW_MS.set(begun_ms);
        let (memory, queue, fate) = (MemoryStore::default(), Queue::default(), Cell::new(Fate::Answered));
        memory.set_now_ms(begun_ms);
        let messages = prepare(&memory, &queue);
        let payloads = messages.clone().map(|body| in_batch(&body));
        let mut context = Context::from_waker(Waker::noop());
        let mut again: Vec<String> = Vec::new();
        {
            let mut live: Vec<(String, Program<'_>)> = Vec::new();
            for (body, payload) in messages.iter().zip(&payloads) {
                let means = Means {
                    store_of: |_: &str| Gated { store: &memory, gate: Stepped(&fate) },
                    outbox: &queue,
                    settings: &settings,
                    patience: PATIENCE,
                    deadline: Deadline::within(Duration::from_mins(1)),
                    now_ms: clock,
                };
                let mut program: Program<'_> = Box::pin(invoke(payload, means));
                // Up to its first request about what is shared.
                assert!(program.as_mut().poll(&mut context).is_pending());
                live.push((body.clone(), program));
            }
            let (mut crashes, mut switches, mut last) = (0, 0, None);
            while !live.is_empty() {
                // It goes on; it is gone before its request; it is gone behind it.
                let events = if crashes < crashes_max { 3 } else { 1 };
                let same = last.and_then(|last| live.iter().position(|(body, _)| *body == last));
                let (first, among) = match same {
                    Some(same) if switches >= switches_max => (same, 1),
                    _ => (0, live.len()),
                };
                let choice = path.choose(among * events);
                let (index, crash) = (first + choice / events, choice % events);
                switches += usize::from(same.is_some_and(|same| same != index));
                last = Some(live[index].0.clone());
                fate.set(if crash == 2 { Fate::ReplyLost } else { Fate::Answered });
                let answer =
                    if crash == 1 { Poll::Pending } else { live[index].1.as_mut().poll(&mut context) };
                if crash > 0 {
                    crashes += 1;
                    again.push(live.remove(index).0);
                } else if let Poll::Ready(answer) = answer {
                    let (body, _) = live.remove(index);
                    if !answer.unwrap().batch_item_failures.is_empty() {
                        again.push(body);
                    }
                }
            }
        }
        queue.0.lock().unwrap().extend(again);
        settle(&memory, &queue);
        // At least once.
        queue.0.lock().unwrap().extend(messages);
        settle(&memory, &queue);
        hold(&memory, &|| format!("{:?}", path.choices));
        if !path.next() {
            return runs;
        }
    }
    unreachable!("every tree of choices here is finite")
}

/// What a session of these chunks is in the end, undisturbed.
fn undisturbed(seqs: std::ops::Range<u32>) -> Manifest {
    let (memory, queue) = (MemoryStore::default(), Queue::default());
    with_chunks(&memory, &queue, seqs);
    stored(&memory).unwrap()
}

fn with_chunks(memory: &MemoryStore, queue: &Queue, seqs: std::ops::Range<u32>) {
    for seq in seqs {
        put_chunk(memory, seq);
        queue.0.lock().unwrap().push_back(event(&key(seq)));
    }
    settle(memory, queue);
}

/// A session of one chunk, of whose end no message tells yet.
fn with_an_open_session(memory: &MemoryStore, queue: &Queue) {
    put_chunk(memory, 0);
    assert!(work(memory, queue, &event(&key(0))));
    queue.0.lock().unwrap().clear();
}

/// Nothing but the request, its state and the tombstone names an erased session.
fn is_forgotten(memory: &MemoryStore, path: &dyn Fn() -> String) {
    for listed in now(memory.list("", None, 1_000)).unwrap() {
        let is_record = listed.key.starts_with("requests/") || listed.key.starts_with("erasures/");
        let body = now(memory.get(&listed.key, usize::MAX)).unwrap().unwrap().body;
        let names = listed.key.contains(SESSION) || String::from_utf8_lossy(&body).contains(SESSION);
        assert!(is_record || !names, "{} is left: {}", listed.key, path());
    }
    let state = format!("erasures/demo/state/{REQUEST}.json");
    let state = now(memory.get(&state, usize::MAX)).unwrap().unwrap().body;
    let state: Value = serde_json::from_slice(&state).unwrap();
    assert_eq!(state["state"], "done", "{}", path());
}

#[test]
fn two_chunks_at_once() {
    let expected = undisturbed(0..2);
    let runs = check(
        |memory, _| {
            put_chunk(memory, 0);
            put_chunk(memory, 1);
            [event(&key(0)), event(&key(1))]
        },
        (1, 1),
        |memory, path| assert_eq!(stored(memory).as_ref(), Some(&expected), "{}", path()),
    );
    println!("{runs} runs");
    assert!(runs > 40, "{runs} runs");
}

#[test]
fn a_chunk_while_the_session_ends() {
    let expected = undisturbed(0..2);
    let runs = check(
        |memory, queue| {
            with_an_open_session(memory, queue);
            put_chunk(memory, 1);
            [end(memory), event(&key(1))]
        },
        (1, 1),
        |memory, path| assert_eq!(stored(memory).as_ref(), Some(&expected), "{}", path()),
    );
    println!("{runs} runs");
    assert!(runs > 40, "{runs} runs");
}

#[test]
fn an_erasure_while_a_chunk_of_an_open_tab_comes() {
    let runs = check(
        |memory, queue| {
            with_chunks(memory, queue, 0..1);
            put_chunk(memory, 1);
            [ask_for_erasure(memory), event(&key(1))]
        },
        (2, 0),
        is_forgotten,
    );
    println!("{runs} runs");
    assert!(runs > 40, "{runs} runs");
}

/// A session of one chunk whose manifest is so old, and a second chunk that nobody merged.
fn with_a_waiting_chunk(memory: &MemoryStore, queue: &Queue, age: Duration) {
    with_an_open_session(memory, queue);
    put_chunk(memory, 1);
    pass(memory, age);
}

#[test]
fn a_chunk_while_the_session_is_looked_at() {
    NOW_MS.set(1_700_000_000_000);
    let expected = undisturbed(0..3);
    for age_s in [200, 281, 300, 400] {
        NOW_MS.set(1_700_000_000_000);
        let runs = check(
            |memory, queue| {
                with_a_waiting_chunk(memory, queue, Duration::from_secs(age_s));
                put_chunk(memory, 2);
                [end(memory), event(&key(2))]
            },
            (2, 1),
            |memory, path| {
                assert_eq!(stored(memory).as_ref(), Some(&expected), "{age_s} s: {}", path());
            },
        );
        println!("{runs} runs at {age_s} s");
        assert!(runs > 5, "{runs} runs");
    }
}

#[test]
fn two_looks_at_once() {
    NOW_MS.set(1_700_000_000_000);
    let expected = undisturbed(0..2);
    NOW_MS.set(1_700_000_000_000);
    let runs = check(
        |memory, queue| {
            with_a_waiting_chunk(memory, queue, Settings::MERGE_EVERY);
            let look: Value = serde_json::from_str(&end(memory)).unwrap();
            // As a second message for the same manifest: at least once.
            let mut again = look.clone();
            again["sent_ms"] = json!(NOW_MS.get());
            [look.to_string(), again.to_string()]
        },
        (1, 1),
        |memory, path| assert_eq!(stored(memory).as_ref(), Some(&expected), "{}", path()),
    );
    println!("{runs} runs");
    assert!(runs > 40, "{runs} runs");
}

#[test]
fn an_erasure_while_a_look_merges() {
    NOW_MS.set(1_700_000_000_000);
    let runs = check(
        |memory, queue| {
            with_a_waiting_chunk(memory, queue, Settings::MERGE_EVERY);
            [ask_for_erasure(memory), end(memory)]
        },
        (2, 0),
        is_forgotten,
    );
    println!("{runs} runs");
    assert!(runs > 40, "{runs} runs");
}

#[test]
fn an_erasure_while_the_session_ends() {
    let runs = check(
        |memory, queue| {
            with_an_open_session(memory, queue);
            [ask_for_erasure(memory), end(memory)]
        },
        (2, 0),
        is_forgotten,
    );
    println!("{runs} runs");
    assert!(runs > 40, "{runs} runs");
}
