//! One invocation: which objects, what is in them, whose manifests they belong into, and what to tell the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::object_key::{ChunkKey, KeyError};
use tapedeck_core::store::Store;
use tapedeck_core::summary::ChunkSummary;

use crate::chunk::{ChunkError, read_chunk};
use crate::event::{Event, EventError, ObjectRef, parse_event};
use crate::merge::{MergeError, Merged, Patience, merge};

/// Chunks read at once: bounds memory, since each may be 16 MiB as stored.
const READS_AT_ONCE: usize = 8;

/// Manifests merged at once: bounds memory, since each may be 4 MiB.
const MERGES_AT_ONCE: usize = 8;

/// Where chunks lie; other objects are no business of this program.
const CHUNKS: &str = "chunks/";

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
    /// The bucket called, and not all of its objects are done.
    #[error("{failed} of {objects} objects failed, the first: {first}")]
    Objects {
        /// How many.
        failed: usize,
        /// Of how many.
        objects: usize,
        /// Which one and why.
        first: String,
    },
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        let error_type = match error {
            InvocationError::Event(_) => "Event",
            InvocationError::Objects { .. } => "Objects",
        };
        Self { error_type: error_type.to_owned(), error_message: chain(&error) }
    }
}

/// Why one object is not in its session's manifest.
#[derive(Debug, thiserror::Error)]
enum ObjectError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The same for all chunks of the session in this invocation.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

/// What an invocation did, for its one line in the log.
#[derive(Debug, Default)]
struct Counts {
    messages: usize,
    malformed: usize,
    objects: usize,
    ignored: usize,
    chunks: usize,
    gone: usize,
    sessions: usize,
    written: usize,
    failed: usize,
}

/// Does what `payload` asks for, in the stores that `store_of` gives for a bucket's name.
///
/// # Errors
/// [`InvocationError`] if the caller has to repeat the whole; failed messages of a queue are an [`Answer`] instead.
pub async fn invoke<S: Store>(
    payload: &str,
    store_of: impl Fn(&str) -> S,
    patience: Patience,
) -> Result<Answer, InvocationError> {
    let begun = Instant::now();
    let mut counts = Counts::default();
    let answer = match parse_event(payload)? {
        Event::Bucket(objects) => {
            let failed = index(objects.iter().cloned().collect(), store_of, patience, &mut counts).await;
            match failed.first_key_value() {
                None => Ok(Answer::default()),
                Some((_, first)) => Err(InvocationError::Objects {
                    failed: failed.len(),
                    objects: counts.objects,
                    first: first.clone(),
                }),
            }
        }
        Event::Queue(messages) => {
            counts.messages = messages.len();
            for message in &messages {
                if let Err(error) = &message.objects {
                    counts.malformed += 1;
                    tracing::error!(message_id = message.id, error = chain(error), "message is malformed");
                }
            }
            let objects = messages.iter().filter_map(|message| message.objects.as_ref().ok());
            let failed = index(objects.flatten().cloned().collect(), store_of, patience, &mut counts).await;
            let is_failed = |objects: &[ObjectRef]| objects.iter().any(|object| failed.contains_key(object));
            let failures = messages
                .into_iter()
                .filter(|message| message.objects.as_deref().map_or(true, is_failed))
                .map(|message| ItemFailure { item_identifier: message.id });
            Ok(Answer { batch_item_failures: failures.collect() })
        }
    };
    log(&counts, begun);
    answer
}

/// Brings the manifests of these objects' sessions up to date. Returns the objects for which that failed, each
/// with the reason, which is logged too.
async fn index<S: Store>(
    objects: BTreeSet<ObjectRef>,
    store_of: impl Fn(&str) -> S,
    patience: Patience,
    counts: &mut Counts,
) -> BTreeMap<ObjectRef, String> {
    counts.objects = objects.len();
    let mut failed = BTreeMap::new();
    let mut fail = |object: ObjectRef, error: &ObjectError| {
        let error = chain(error);
        tracing::error!(bucket = object.bucket, key = object.key, error, "object failed");
        failed.insert(object, error);
    };

    let mut chunks = Vec::new();
    for object in objects {
        if !object.key.starts_with(CHUNKS) {
            counts.ignored += 1;
            tracing::debug!(bucket = object.bucket, key = object.key, "object is no chunk");
            continue;
        }
        match object.key.parse::<ChunkKey>() {
            Ok(key) => chunks.push((object, key)),
            Err(error) => fail(object, &error.into()),
        }
    }
    counts.chunks = chunks.len();

    let store_of = &store_of;
    let mut reads = stream::iter(chunks)
        .map(|(object, key)| async move {
            let summary = read_chunk(&store_of(&object.bucket), &key).await;
            (object, key, summary)
        })
        .buffer_unordered(READS_AT_ONCE);
    let mut sessions: BTreeMap<(String, ProjectId, SessionId), Vec<(ObjectRef, ChunkSummary)>> =
        BTreeMap::new();
    while let Some((object, key, summary)) = reads.next().await {
        match summary {
            Ok(Some(summary)) => {
                let session = (object.bucket.clone(), key.project, key.session);
                sessions.entry(session).or_default().push((object, summary));
            }
            Ok(None) => {
                counts.gone += 1;
                tracing::debug!(bucket = object.bucket, key = object.key, "chunk is gone");
            }
            Err(error) => fail(object, &error.into()),
        }
    }
    counts.sessions = sessions.len();

    let mut merges = stream::iter(sessions)
        .map(|((bucket, project, session), chunks)| async move {
            let (objects, summaries): (Vec<_>, Vec<_>) = chunks.into_iter().unzip();
            let merged = merge(&store_of(&bucket), &project, &session, &summaries, patience).await;
            (objects, merged)
        })
        .buffer_unordered(MERGES_AT_ONCE);
    while let Some((objects, merged)) = merges.next().await {
        match merged {
            Ok(Merged::Written) => counts.written += 1,
            Ok(Merged::Unchanged) => {}
            Err(error) => {
                let error = ObjectError::Merge(error);
                for object in objects {
                    fail(object, &error);
                }
            }
        }
    }
    counts.failed = failed.len();
    failed
}

fn log(counts: &Counts, begun: Instant) {
    let Counts { messages, malformed, objects, ignored, chunks, gone, sessions, written, failed } = counts;
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        messages,
        malformed,
        objects,
        ignored,
        chunks,
        gone,
        sessions,
        written,
        failed,
        duration_ms,
        "invocation"
    );
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
