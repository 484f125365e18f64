//! A model check of the merge: several writers of one manifest, at every interleaving of their requests to the store, with
//! crashes and lost requests and replies between them. Whatever happens, nothing acknowledged is lost, the manifest is always
//! whole, and once everything was delivered again it is the one that the chunks alone decide.

mod paths;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{Manifest, Union};
use tapedeck_core::object_key::{ChunkName, manifest_key};
use tapedeck_core::store::gated::{Gate, Gated, Operation, lost};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store, StoreError};
use tapedeck_core::summary::{ChunkMetadata, ChunkSummary, Summariser};
use tapedeck_indexer::merge::{MergeError, Merged, Patience, merge};

use self::paths::Path;

const PATIENCE: Patience = Patience { tries_max: 5, pause_first: Duration::ZERO };

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The store never saw it.
    RequestLost,
    /// The store did it, and the writer does not know.
    ReplyLost,
}

/// Lets each request wait until the driver polls again, and then lets happen what the driver chose.
struct Stepped<'a>(&'a Cell<Fate>);

impl Gate for Stepped<'_> {
    async fn pass<T>(
        &self,
        _: Operation,
        _: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut waited = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.0.get() {
            Fate::Answered => request.await,
            Fate::RequestLost => Err(lost("request lost")),
            Fate::ReplyLost => request.await.and(Err(lost("reply lost"))),
        }
    }
}

fn project() -> ProjectId {
    "demo".parse().expect("a project")
}

fn session() -> SessionId {
    "6553f10018f45d4a71053ad0482c3b0e".parse().expect("a session")
}

/// A chunk with something for every part of the manifest.
fn chunk(page: char, seq: u32) -> ChunkSummary {
    let name: ChunkName =
        format!("{}-{seq:05}-{seq:08x}", page.to_string().repeat(8)).parse().expect("a chunk name");
    let metadata = ChunkMetadata {
        skew_ms: Some(i64::from(seq)),
        segments: vec![format!("segment {seq}")],
        country: Some("DE".to_owned()),
        reason: None,
    };
    let mut summariser = Summariser::new(name, 100, metadata);
    let at_ms = 1_700_000_000_000 + i64::from(seq) * 1_000;
    for line in [
        format!(r#"{{"type":4,"timestamp":{at_ms},"data":{{"href":"https://shop.example/"}}}}"#),
        format!(r#"{{"type":2,"timestamp":{at_ms},"data":{{}}}}"#),
        format!(
            r#"{{"type":5,"timestamp":{at_ms},"data":{{"tag":"tapedeck.session","payload":{{"release":"{seq}"}}}}}}"#
        ),
        format!(
            r#"{{"type":5,"timestamp":{at_ms},"data":{{"tag":"tapedeck.error","payload":{{"message":"{seq}"}}}}}}"#
        ),
    ] {
        summariser.line(&line).expect("an event");
    }
    summariser.finish().expect("a summary")
}

/// The bytes that the set of chunks alone decides.
fn manifest_of<'a>(chunks: impl IntoIterator<Item = &'a ChunkSummary>) -> Vec<u8> {
    let mut union = Union::new(project(), session());
    chunks.into_iter().for_each(|chunk| union.insert(chunk.clone()));
    union.derive().expect("at least one chunk").encode().expect("json")
}

/// For futures that are never pending.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a store in memory never waits"),
    }
}

fn stored(store: &MemoryStore) -> Option<Vec<u8>> {
    now(store.get(&manifest_key(&project(), &session()), usize::MAX))
        .expect("in memory")
        .map(|object| object.body)
}

type Writer<'a> = Pin<Box<dyn Future<Output = Result<Merged, MergeError>> + 'a>>;

/// What happens next to one of the writers.
const EVENTS: [Option<Fate>; 4] =
    [Some(Fate::Answered), Some(Fate::RequestLost), Some(Fate::ReplyLost), None];

/// Runs `deliveries` at once over a manifest of `before`, in every order, with at most `faults_max` faults. Returns how many runs
/// there were.
fn check(before: &[ChunkSummary], deliveries: &[Vec<ChunkSummary>], faults_max: usize) -> usize {
    let all: BTreeMap<ChunkName, ChunkSummary> = before
        .iter()
        .chain(deliveries.iter().flatten())
        .map(|chunk| (chunk.name.clone(), chunk.clone()))
        .collect();
    let expected = manifest_of(all.values());
    let mut path = Path::default();
    for runs in 1.. {
        let memory = MemoryStore::default();
        if !before.is_empty() {
            let merged = now(merge(&memory, &project(), &session(), before, PATIENCE));
            assert_eq!(merged.expect("undisturbed"), Merged::Written);
        }
        let acknowledged = run(&memory, deliveries, faults_max, &mut path);

        if let Some(bytes) = stored(&memory) {
            let manifest = Manifest::parse(&bytes).expect("always whole");
            let names: Vec<ChunkName> = manifest.chunk_names().collect();
            assert_eq!(bytes, manifest_of(names.iter().map(|name| &all[name])), "{:?}", path.choices);
            let kept = before.iter().chain(acknowledged.into_iter().flatten());
            for chunk in kept {
                assert!(names.contains(&chunk.name), "{} is lost: {:?}", chunk.name, path.choices);
            }
        } else {
            assert!(before.is_empty() && acknowledged.is_empty(), "{:?}", path.choices);
        }

        // At least once: what was not acknowledged comes again, and so may the rest.
        for delivery in deliveries.iter().rev() {
            now(merge(&memory, &project(), &session(), delivery, PATIENCE)).expect("undisturbed");
        }
        assert_eq!(stored(&memory), Some(expected.clone()), "{:?}", path.choices);

        if !path.next() {
            return runs;
        }
    }
    unreachable!("every tree of choices here is finite")
}

/// One run; returns the deliveries whose writers were told that all is well.
fn run<'a>(
    memory: &MemoryStore,
    deliveries: &'a [Vec<ChunkSummary>],
    faults_max: usize,
    path: &mut Path,
) -> Vec<&'a Vec<ChunkSummary>> {
    let fate = Cell::new(Fate::Answered);
    let store = Gated { store: memory, gate: Stepped(&fate) };
    let (project, session) = (project(), session());
    let mut context = Context::from_waker(Waker::noop());
    let mut live: Vec<(&Vec<ChunkSummary>, Writer<'_>)> = Vec::new();
    for delivery in deliveries {
        let mut writer: Writer<'_> = Box::pin(merge(&store, &project, &session, delivery, PATIENCE));
        // Up to its first request.
        assert!(writer.as_mut().poll(&mut context).is_pending());
        live.push((delivery, writer));
    }
    let mut acknowledged = Vec::new();
    let mut faults = 0;
    while !live.is_empty() {
        let events = if faults < faults_max { &EVENTS[..] } else { &EVENTS[..1] };
        let choice = path.choose(live.len() * events.len());
        let (index, event) = (choice / events.len(), events[choice % events.len()]);
        let Some(chosen) = event else {
            // A crash: the process is gone between two of its requests.
            faults += 1;
            drop(live.remove(index));
            continue;
        };
        faults += usize::from(chosen != Fate::Answered);
        fate.set(chosen);
        if let Poll::Ready(result) = live[index].1.as_mut().poll(&mut context) {
            let (delivery, _) = live.remove(index);
            match result {
                Ok(_) => acknowledged.push(delivery),
                Err(error) => assert!(faults > 0, "{error} without any fault: {:?}", path.choices),
            }
        }
    }
    acknowledged
}

#[test]
fn two_writers_of_a_new_manifest() {
    let runs = check(&[], &[vec![chunk('a', 0)], vec![chunk('a', 1), chunk('b', 2)]], 2);
    assert!(runs > 900, "{runs} runs");
}

#[test]
fn two_writers_of_a_manifest_that_is_there() {
    let runs = check(&[chunk('a', 0)], &[vec![chunk('a', 1)], vec![chunk('b', 2)]], 2);
    assert!(runs > 900, "{runs} runs");
}

#[test]
fn one_event_delivered_to_two_at_once() {
    let delivery = vec![chunk('a', 0), chunk('a', 1)];
    check(&[chunk('a', 0)], &[delivery.clone(), delivery], 2);
}

#[test]
fn three_writers() {
    let runs = check(&[], &[vec![chunk('a', 0)], vec![chunk('a', 1)], vec![chunk('b', 2)]], 0);
    assert!(runs > 400, "{runs} runs");
}

#[test]
fn a_manifest_that_is_removed_in_between_is_made_again() {
    let memory = MemoryStore::default();
    let fate = Cell::new(Fate::Answered);
    let store = Gated { store: &memory, gate: Stepped(&fate) };
    let (project, session) = (project(), session());
    now(merge(&memory, &project, &session, &[chunk('a', 0)], PATIENCE)).expect("undisturbed");

    let delivery = [chunk('a', 1)];
    let mut writer = Box::pin(merge(&store, &project, &session, &delivery, PATIENCE));
    let mut context = Context::from_waker(Waker::noop());
    // It comes to its first request, reads, and is about to write.
    assert!(writer.as_mut().poll(&mut context).is_pending());
    assert!(writer.as_mut().poll(&mut context).is_pending());
    memory.remove(&manifest_key(&project, &session));
    let merged = loop {
        if let Poll::Ready(merged) = writer.as_mut().poll(&mut context) {
            break merged;
        }
    };
    assert_eq!(merged.expect("made again"), Merged::Written);
    assert_eq!(stored(&memory), Some(manifest_of(&delivery)));
}

#[test]
fn a_manifest_of_another_version_is_left_alone() {
    let memory = MemoryStore::default();
    let key = manifest_key(&project(), &session());
    let newer = NewObject { body: br#"{"version":2}"#, content_type: "application/json", metadata: &[] };
    now(memory.create(&key, newer)).expect("in memory");
    let error =
        now(merge(&memory, &project(), &session(), &[chunk('a', 0)], PATIENCE)).expect_err("not ours");
    assert!(matches!(error, MergeError::Manifest { .. }), "{error}");
    assert_eq!(stored(&memory), Some(newer.body.to_vec()));
}

#[test]
fn a_manifest_by_newer_rules_is_left_alone() {
    let memory = MemoryStore::default();
    now(merge(&memory, &project(), &session(), &[chunk('a', 0)], PATIENCE)).expect("undisturbed");
    let text = String::from_utf8(stored(&memory).expect("written")).expect("json");
    let newer = text.replacen("\"core\":", "\"core\":9", 1);
    let key = manifest_key(&project(), &session());
    memory.remove(&key);
    let object = NewObject { body: newer.as_bytes(), content_type: "application/json", metadata: &[] };
    now(memory.create(&key, object)).expect("in memory");
    let error = now(merge(&memory, &project(), &session(), &[chunk('a', 1)], PATIENCE)).expect_err("newer");
    assert!(matches!(error, MergeError::Newer { .. }), "{error}");
    assert_eq!(stored(&memory), Some(newer.into_bytes()));
}
