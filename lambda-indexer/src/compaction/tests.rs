use super::*;
use std::cell::Cell as Counter;
use tapedeck_core::store::Store as _;
use tapedeck_core::store::gated::{Gate, Gated, Operation, lost};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::tables::{Cell, FILES_MIN, TableRows};

use crate::tables::write_tables;

/// As few as are compacted.
const FILES: u32 = 64;

const HOUR_MS: i64 = Replaced::GRACE_MS;

fn project() -> ProjectId {
    "demo".parse().expect("a project")
}

fn day() -> Day {
    "2023-11-14".parse().expect("a day")
}

/// A row of `errors`, by session and event.
fn row(session: u32, event: i32, chunks: i32) -> Row {
    let mut row = Row::empty(Table::Errors);
    let mut set = |name, cell| row.set(Table::Errors, name, cell);
    set("session", Cell::Text(format!("6553f1000000000000000000{session:08x}")));
    set("core", Cell::Int(1));
    set("config", Cell::Long(1));
    set("chunks", Cell::Int(chunks));
    set("page", Cell::Text("a1B2c3D4".to_owned()));
    set("seq", Cell::Int(0));
    set("hash", Cell::Text("1a2b3c4d".to_owned()));
    set("event", Cell::Int(event));
    set("fingerprint", Cell::Text(format!("v1:{:016x}", event % 7)));
    row
}

/// A day of `files` small files, with some rows repeated.
async fn filled(files: u32) -> (MemoryStore, Vec<Row>) {
    let store = MemoryStore::default();
    let mut all = Vec::new();
    for file in 0..files {
        let rows = [row(file, 1, 1), row(file, 2, 2), row(file / 2, 3, 4)];
        let mut table = TableRows::new();
        table.add(&project(), Table::Errors, day(), rows.clone());
        write_tables(&store, &table).await.expect("a store in memory");
        all.extend(rows);
    }
    (store, fold(Table::Errors, all))
}

/// All rows that a reader gets.
async fn read(store: &MemoryStore) -> Vec<Row> {
    let mut rows = Vec::new();
    for file in list_all(store, "index/").await.expect("a store in memory") {
        if file.key.ends_with(".parquet") {
            let object =
                store.get(&file.key, FILE_BYTES_MAX).await.expect("a store in memory").expect("listed");
            rows.extend(decode_file(Table::Errors, object.body).expect("a file"));
        }
    }
    fold(Table::Errors, rows)
}

async fn run(store: &impl OwnedStore, now_ms: i64) -> Result<Compacted, CompactError> {
    compact(store, &project(), Table::Errors, day(), now_ms, |_| true).await
}

async fn keys(store: &MemoryStore, part: &str) -> usize {
    let files = list_all(store, "index/").await.expect("a store in memory");
    files.iter().filter(|file| file.key.contains(part)).count()
}

#[tokio::test]
async fn many_small_files_become_one() {
    let (store, rows) = filled(FILES + 6).await;
    let done = run(&store, 0).await.expect("compacted");
    assert_eq!((done.files, done.rows, done.removed), (FILES_MIN + 6, rows.len(), 0));
    assert_eq!(read(&store).await, rows);
    assert_eq!((keys(&store, "/l0/").await, keys(&store, "/l1/").await), (FILES_MIN + 6, 1));
    // Nothing to do, and nothing removed, before the hour is over.
    assert_eq!(run(&store, HOUR_MS - 1).await.expect("idle"), Compacted::default());
    let done = run(&store, HOUR_MS).await.expect("removed");
    assert_eq!((done.files, done.removed), (0, FILES_MIN + 6));
    assert_eq!(read(&store).await, rows);
    assert_eq!(
        (keys(&store, "/l0/").await, keys(&store, "/l1/").await, keys(&store, "/replaced/").await),
        (0, 1, 0)
    );
}

#[tokio::test]
async fn few_files_are_left_alone() {
    let (store, _) = filled(FILES - 1).await;
    assert_eq!(run(&store, 0).await.expect("idle"), Compacted::default());
}

#[tokio::test]
async fn erased_rows_are_left_out() {
    let (store, rows) = filled(FILES).await;
    let erased = |row: &Row| row.get(Table::Errors, "session") == rows[0].get(Table::Errors, "session");
    compact(&store, &project(), Table::Errors, day(), 0, |row| !erased(row)).await.expect("compacted");
    run(&store, HOUR_MS).await.expect("removed");
    let expected: Vec<Row> = rows.iter().filter(|row| !erased(row)).cloned().collect();
    assert_eq!(read(&store).await, expected);
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_named() {
    let (store, _) = filled(FILES).await;
    let key = format!("{}l0/0000000000000000.parquet", index_day_prefix(&project(), Table::Errors, day()));
    let object = NewObject { body: b"PAR1", content_type: "", metadata: &[] };
    store.create(&key, object).await.expect("a store in memory");
    let error = run(&store, 0).await.expect_err("no parquet");
    assert_eq!(error.to_string(), format!("{key} cannot be read; delete it and reindex its day"));
}

/// Lets requests pass until one of a given number, and from then on nothing: as a program that is killed. Reading an object changes
/// nothing and is not counted.
struct Dying {
    left: Counter<usize>,
    /// Whether the last request still reaches the store, its answer being lost.
    reaches: bool,
}

impl Gate for Dying {
    async fn pass<T>(
        &self,
        operation: Operation,
        _: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if operation == Operation::Get {
            return request.await;
        }
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        match left {
            1 if self.reaches => request.await.and(Err(lost("killed"))),
            0 | 1 => Err(lost("killed")),
            _ => request.await,
        }
    }
}

/// Killed at a request, before or after it reached the store, in a run that folds and in one that removes: no row is missing, and
/// further runs bring the same end.
#[tokio::test]
async fn a_crash_anywhere_loses_nothing() {
    // Listing, creating the file, naming what it replaces; listing, and then one removal after the other.
    for (fatal, reaches) in [2, 3, 5, 40, 69].into_iter().flat_map(|fatal| [(fatal, false), (fatal, true)]) {
        let (store, rows) = filled(FILES).await;
        let dying = Gated { store: &store, gate: Dying { left: Counter::new(fatal), reaches } };
        for now_ms in [0, HOUR_MS] {
            let _killed = run(&dying, now_ms).await;
        }
        assert_eq!(read(&store).await, rows, "killed at request {fatal}");
        for now_ms in [2 * HOUR_MS, 3 * HOUR_MS, 4 * HOUR_MS] {
            run(&store, now_ms).await.expect("a store in memory");
        }
        assert_eq!(read(&store).await, rows, "after request {fatal}");
        let left = (keys(&store, "/l0/").await, keys(&store, "/l1/").await, keys(&store, "/replaced/").await);
        assert_eq!(left, (0, 1, 0), "after request {fatal}");
    }
}

/// Lets each request wait a while, so that several programs at once take turns in some order.
struct Slow(std::cell::RefCell<fastrand::Rng>);

impl Gate for Slow {
    async fn pass<T>(
        &self,
        _: Operation,
        _: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let turns = self.0.borrow_mut().u8(0..4);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        request.await
    }
}

/// Three runs at once, in many orders, while rows are added, and then runs that remove while others fold: readers get every row
/// at any moment between.
#[tokio::test]
async fn runs_overlap_in_any_order() {
    for seed in 0..2 {
        let (store, mut rows) = filled(FILES).await;
        let slow =
            |n: u64| Gated { store: &store, gate: Slow(fastrand::Rng::with_seed(seed * 7 + n).into()) };
        let adding = async |from: u32| {
            for n in from..from + 70 {
                let mut late = TableRows::new();
                late.add(&project(), Table::Errors, day(), [row(n, 1, 1)]);
                write_tables(&slow(u64::from(n)), &late).await.expect("a store in memory");
            }
        };
        for (round, now_ms) in [(1, 0), (2, HOUR_MS), (3, 2 * HOUR_MS)] {
            let from = 1000 * round;
            let (a, b, c) = (slow(1), slow(2), slow(3));
            let (a, b, c, ()) = tokio::join!(run(&a, now_ms), run(&b, now_ms), run(&c, now_ms), adding(from));
            assert!(a.is_ok() && b.is_ok() && c.is_ok());
            rows.extend((from..from + 70).map(|n| row(n, 1, 1)));
            assert_eq!(read(&store).await, fold(Table::Errors, rows.clone()), "seed {seed}, round {round}");
        }
    }
}
