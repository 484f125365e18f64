//! One invocation: which objects and tasks, what became of them, and what to tell the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::object_key::{ChunkKey, RequestKey};
use tapedeck_core::store::OwnedStore;
use tapedeck_core::tables::TableRows;
use tapedeck_core::usage::Counted;

use crate::deadline::Deadline;
use crate::event::{Event, EventError, Message, ObjectRef, Work, parse_event};
use crate::failure::chain;
use crate::merge::{Merged, Patience};
use crate::metrics::Counts;
use crate::outbox::Outbox;
use crate::rows::rows_of_chunks;
use crate::rules::KnownRules;
use crate::sessions::{ChunksError, MergedChunks, receive_chunks};
use crate::settings::Settings;
use crate::shell::Shell;
use crate::tables::write_tables;
use crate::task::Task;
use crate::usage::{is_counted_now, write_usage};
use crate::work::carry_out;

/// Sessions worked on at once: bounds memory, since each may have several chunks and a manifest in it.
const SESSIONS_AT_ONCE: usize = 4;

const CHUNKS: &str = "chunks/";
const REQUESTS: &str = "requests/";

/// The answer to a queue: which messages are to come again. Without `ReportBatchItemFailures` on the event source mapping, AWS
/// would take any answer for success of the whole batch.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The messages whose work failed, in the order in which they came.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// One message that is to come again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// The message's id.
    pub item_identifier: String,
}

/// Why an invocation failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The payload is of no kind that is known.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The bucket, a schedule or a person called, and not all is done.
    #[error("{failed} of {units} objects and tasks failed, the first: {first}")]
    Units {
        /// How many.
        failed: usize,
        /// Of how many.
        units: usize,
        /// Which one and why.
        first: String,
    },
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        let error_type = match error {
            InvocationError::Event(_) => "Event",
            InvocationError::Units { .. } => "Units",
        };
        Self { error_type: error_type.to_owned(), error_message: chain(&error) }
    }
}

/// What can succeed or fail on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Object(ObjectRef),
    Task(Task),
}

/// Why a unit is not done.
#[derive(Debug, Clone)]
struct Failure {
    reason: String,
    /// Whether it would fail again for the same reason, whenever it came.
    is_final: bool,
}

/// What an invocation acts with, whatever the bucket.
#[derive(Debug)]
pub struct Means<'a, F, O> {
    /// The store of a bucket's name.
    pub store_of: F,
    /// Where messages go.
    pub outbox: &'a O,
    /// How long things wait.
    pub settings: &'a Settings,
    /// How often a contended write is tried.
    pub patience: Patience,
    /// When to stop.
    pub deadline: Deadline,
    /// The clock: Unix milliseconds.
    pub now_ms: fn() -> i64,
}

impl<'a, S: OwnedStore, F: Fn(&str) -> S, O: Outbox> Means<'a, F, O> {
    fn shell<'b>(&self, bucket: &str, rules: &'b KnownRules) -> Shell<'b, S, O>
    where
        'a: 'b,
    {
        Shell {
            store: (self.store_of)(bucket),
            outbox: self.outbox,
            settings: self.settings,
            patience: self.patience,
            deadline: self.deadline,
            now_ms: self.now_ms,
            rules,
        }
    }
}

/// Does what `payload` asks for.
///
/// # Errors
/// [`InvocationError`] if the caller has to repeat the whole; failed messages of a queue are an [`Answer`] instead.
pub async fn invoke<S: OwnedStore, F: Fn(&str) -> S, O: Outbox>(
    payload: &str,
    means: Means<'_, F, O>,
) -> Result<Answer, InvocationError> {
    let begun = Instant::now();
    let mut counts = Counts::default();
    let answer = match parse_event(payload)? {
        Event::Direct(work) => {
            let units: BTreeSet<Unit> = units(&work).collect();
            let count = units.len();
            let failed = work_on(units, &means, &mut counts).await;
            match failed.first_key_value() {
                None => Ok(Answer::default()),
                Some((unit, first)) => Err(InvocationError::Units {
                    failed: failed.len(),
                    units: count,
                    first: format!("{}: {}", name(unit), first.reason),
                }),
            }
        }
        Event::Queue(messages) => {
            counts.messages = messages.len() as u64;
            let asked = messages.iter().filter_map(|message| message.work.as_ref().ok());
            let failed = work_on(asked.flat_map(units).collect(), &means, &mut counts).await;
            let mut answer = Answer::default();
            for message in messages {
                if !is_settled(&message, &failed, &means, &mut counts).await {
                    answer.batch_item_failures.push(ItemFailure { item_identifier: message.id });
                }
            }
            Ok(answer)
        }
    };
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    println!("{}", counts.line(duration_ms));
    answer
}

fn units(work: &Work) -> impl Iterator<Item = Unit> {
    let (objects, task) = match work {
        Work::Objects(objects) => (objects.clone(), None),
        Work::Task(task) => (Vec::new(), Some(task.clone())),
    };
    objects.into_iter().map(Unit::Object).chain(task.map(Unit::Task))
}

fn name(unit: &Unit) -> String {
    match unit {
        Unit::Object(object) => object.key.clone(),
        Unit::Task(task) => format!("task {}", task.name()),
    }
}

/// Whether a message is done with: its work is done, or it is put aside with the reason, since coming again would not help or did not.
async fn is_settled<F, O: Outbox>(
    message: &Message,
    failed: &BTreeMap<Unit, Failure>,
    means: &Means<'_, F, O>,
    counts: &mut Counts,
) -> bool {
    let failure = match &message.work {
        Ok(work) => {
            units(work).find_map(|unit| Some((name(&unit), failed.get(&unit)?))).map(|(name, failure)| {
                Failure { reason: format!("{name}: {}", failure.reason), is_final: failure.is_final }
            })
        }
        Err(error) => Some(Failure { reason: chain(error), is_final: true }),
    };
    let Some(Failure { reason, is_final }) = failure else { return true };
    if !is_final && message.receives < means.settings.receives_max {
        return false;
    }
    match means.outbox.bury(&message.body, &reason).await {
        Ok(()) => {
            counts.dead_letters += 1;
            tracing::error!(
                message_id = message.id,
                reason,
                receives = message.receives,
                "message is a dead letter"
            );
            true
        }
        Err(error) => {
            tracing::error!(
                message_id = message.id,
                reason,
                error = chain(&error),
                "dead letter cannot be put aside"
            );
            false
        }
    }
}

/// The sessions that chunks belong to, by bucket.
type Sessions = BTreeMap<(String, ProjectId, SessionId), Vec<(Unit, ChunkKey)>>;

/// Sorts what is asked for: chunks by their session, and tasks with the bucket that they are about.
fn sort(
    units: BTreeSet<Unit>,
    bucket: &str,
    failed: &mut BTreeMap<Unit, Failure>,
    counts: &mut Counts,
) -> (Sessions, BTreeMap<Unit, (String, Task)>) {
    let mut sessions = Sessions::new();
    let mut tasks = BTreeMap::new();
    for unit in units {
        let object = match &unit {
            Unit::Task(task) => {
                tasks.insert(unit.clone(), (bucket.to_owned(), task.clone()));
                continue;
            }
            Unit::Object(object) => object,
        };
        counts.objects += 1;
        let wrong_key = if object.key.starts_with(CHUNKS) {
            match object.key.parse::<ChunkKey>() {
                Ok(key) => {
                    counts.chunks += 1;
                    let session = (object.bucket.clone(), key.project.clone(), key.session.clone());
                    sessions.entry(session).or_default().push((unit, key));
                    continue;
                }
                Err(error) => chain(&error),
            }
        } else if object.key.starts_with(REQUESTS) {
            match object.key.parse::<RequestKey>() {
                Ok(key) => {
                    let task = Task::Request { project: key.project, request: key.id, from: None };
                    let bucket = object.bucket.clone();
                    tasks.insert(unit, (bucket, task));
                    continue;
                }
                Err(error) => chain(&error),
            }
        } else {
            counts.ignored += 1;
            continue;
        };
        fail(failed, unit, wrong_key, true);
    }
    (sessions, tasks)
}

/// What an invocation has to write into a bucket, and for whom.
#[derive(Default)]
struct Found {
    rows: TableRows,
    usage: Counted,
    /// By project: what may be counted, and how many bytes came with these messages.
    admitted: BTreeMap<ProjectId, (Counted, u64)>,
    units: Vec<Unit>,
}

impl Found {
    /// Notes what was merged, and what of it may be counted.
    fn take(&mut self, merged: &MergedChunks, counts: &mut Counts) {
        counts.deferred += merged.deferred as u64;
        counts.gone += merged.gone as u64;
        counts.damaged += merged.damaged.len() as u64;
        counts.written += u64::from(merged.merged == Merged::Written);
        counts.refused += u64::from(merged.merged == Merged::Refused);
        if let (Some(manifest), false) = (&merged.manifest, merged.merged == Merged::Refused) {
            let admitted = self.admitted.entry(manifest.project.clone()).or_default();
            admitted.0.insert(manifest);
            admitted.1 += merged.summaries.iter().map(|read| read.facts.bytes).sum::<u64>();
        }
    }
}

/// Does all of it. Returns what is not done, each with the reason, which is logged too.
async fn work_on<S: OwnedStore, F: Fn(&str) -> S, O: Outbox>(
    units: BTreeSet<Unit>,
    means: &Means<'_, F, O>,
    counts: &mut Counts,
) -> BTreeMap<Unit, Failure> {
    let mut failed = BTreeMap::new();
    let (sessions, tasks) = sort(units, &means.settings.bucket, &mut failed, counts);
    counts.sessions = sessions.len() as u64;
    let buckets = sessions.keys().map(|(bucket, ..)| bucket).chain(tasks.values().map(|(bucket, _)| bucket));
    let rules: BTreeMap<String, KnownRules> =
        buckets.map(|bucket| (bucket.clone(), KnownRules::default())).collect();
    let mut found: BTreeMap<String, Found> = BTreeMap::new();

    let mut receipts = stream::iter(sessions)
        .map(|((bucket, project, session), chunks)| {
            let rules = &rules[&bucket];
            async move {
                if means.deadline.is_near() {
                    return (bucket, chunks, None);
                }
                let keys: Vec<ChunkKey> = chunks.iter().map(|(_, key)| key.clone()).collect();
                let shell = means.shell(&bucket, rules);
                // On the heap: the SDK's futures are large, and nest deeply.
                let merged = Box::pin(receive(&shell, &project, &session, &keys)).await;
                (bucket, chunks, Some(merged))
            }
        })
        .buffer_unordered(SESSIONS_AT_ONCE);
    while let Some((bucket, chunks, merged)) = receipts.next().await {
        match merged {
            Some(Ok((merged, rows))) => {
                let found = found.entry(bucket).or_default();
                found.take(&merged, counts);
                found.rows.extend(rows);
                found.units.extend(chunks.iter().map(|(unit, _)| unit.clone()));
                for (key, error) in merged.failed {
                    let unit = chunks.iter().find(|(_, known)| *known == key).map(|(unit, _)| unit.clone());
                    if let Some(unit) = unit {
                        fail(&mut failed, unit, chain(&error), false);
                    }
                }
            }
            Some(Err(error)) => {
                let reason = chain(&error);
                for (unit, _) in chunks {
                    fail(&mut failed, unit, reason.clone(), false);
                }
            }
            None => {
                for (unit, _) in chunks {
                    late(&mut failed, unit);
                }
            }
        }
    }
    drop(receipts);

    // Looks wait for the store most of the time. Other tasks work on many objects each, one after the other.
    let (looks, others): (Vec<_>, Vec<_>) =
        tasks.into_iter().partition(|(_, (_, task))| matches!(task, Task::End { .. }));
    for (tasks, at_once) in [(looks, SESSIONS_AT_ONCE), (others, 1)] {
        let mut works = stream::iter(tasks)
            .map(|(unit, (bucket, task))| {
                let rules = &rules[&bucket];
                async move {
                    if means.deadline.is_near() {
                        return (unit, bucket, None);
                    }
                    let shell = means.shell(&bucket, rules);
                    let done = Box::pin(carry_out(&shell, &task)).await;
                    (unit, bucket, Some(done))
                }
            })
            .buffer_unordered(at_once);
        while let Some((unit, bucket, done)) = works.next().await {
            counts.tasks += u64::from(done.is_some());
            match done {
                Some(Ok(done)) => {
                    let found = found.entry(bucket).or_default();
                    if let Some(merged) = &done.merged {
                        found.take(merged, counts);
                    }
                    counts.ended += u64::from(done.is_end);
                    found.rows.extend(done.rows);
                    found.usage.extend(done.usage);
                    found.units.push(unit);
                }
                Some(Err(error)) => fail(&mut failed, unit, chain(&error), false),
                None => late(&mut failed, unit),
            }
        }
    }
    count(&mut found, &rules, means, &mut failed).await;
    write(found, means, counts, &mut failed).await;
    counts.failed = failed.len() as u64;
    failed
}

/// Takes the chunks of a session, and returns with what became of them the rows that they bring.
async fn receive<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    keys: &[ChunkKey],
) -> Result<(MergedChunks, TableRows), ChunksError> {
    let merged = receive_chunks(shell, project, session, keys).await?;
    let rows = match &merged.manifest {
        Some(manifest) if merged.merged != Merged::Refused => {
            let rules = shell.rules.of(&shell.store, project).await?;
            rows_of_chunks(manifest, &merged.summaries, &rules.rows)
        }
        _ => TableRows::new(),
    };
    Ok((merged, rows))
}

/// Decides what of that which was admitted is counted now.
async fn count<S: OwnedStore, F: Fn(&str) -> S, O: Outbox>(
    found: &mut BTreeMap<String, Found>,
    rules: &BTreeMap<String, KnownRules>,
    means: &Means<'_, F, O>,
    failed: &mut BTreeMap<Unit, Failure>,
) {
    for (bucket, found) in found {
        for (project, (counted, bytes)) in std::mem::take(&mut found.admitted) {
            match rules[bucket].of(&(means.store_of)(bucket), &project).await {
                Ok(rules) if is_counted_now(rules.budget.as_ref(), bytes, fastrand::f64()) => {
                    found.usage.extend(counted);
                }
                Ok(_) => {}
                Err(error) => {
                    for unit in &found.units {
                        fail(failed, unit.clone(), chain(&error), false);
                    }
                }
            }
        }
    }
}

/// Writes rows and usage of each bucket. Where that fails, everything that they came of has to come again.
async fn write<S: OwnedStore, F: Fn(&str) -> S, O: Outbox>(
    found: BTreeMap<String, Found>,
    means: &Means<'_, F, O>,
    counts: &mut Counts,
    failed: &mut BTreeMap<Unit, Failure>,
) {
    for (bucket, Found { rows, usage, units, .. }) in found {
        let store = (means.store_of)(&bucket);
        let tables = Box::pin(write_tables(&store, &rows)).await;
        let usage = Box::pin(write_usage(&store, &usage, means.patience)).await;
        counts.files += tables.as_ref().map_or(0, |keys| keys.len() as u64);
        counts.usage += usage.as_ref().map_or(0, |written| *written);
        let reason = tables.err().map(|error| chain(&error)).or(usage.err().map(|error| chain(&error)));
        if let Some(reason) = reason {
            for unit in units {
                fail(failed, unit, reason.clone(), false);
            }
        }
    }
}

fn fail(failed: &mut BTreeMap<Unit, Failure>, unit: Unit, reason: String, is_final: bool) {
    tracing::error!(unit = name(&unit), error = reason, "not done");
    failed.insert(unit, Failure { reason, is_final });
}

fn late(failed: &mut BTreeMap<Unit, Failure>, unit: Unit) {
    fail(failed, unit, "not begun, since the invocation's time is nearly over".to_owned(), false);
}
