//! Manifests and rows made anew from chunks, tapes, pins and tombstones: invariant I2. A shard at a time; a shard goes on behind the session
//! that it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{Manifest, TapeMark, Union};
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName, PinKey};
use tapedeck_core::request::DOCUMENT_BYTES_MAX;
use tapedeck_core::store::{NewObject, OwnedStore, Store, StoreError};
use tapedeck_core::summary::ChunkSummary;
use tapedeck_core::tables::{State, TableRows, rows_of};
use tapedeck_core::usage::Counted;

use crate::chunk::{ChunkError, read_chunk};
use crate::clock::now_ms;
use crate::merge::{MergeError, Merged, Permit, Stored, update};
use crate::outbox::{Outbox, OutboxError};
use crate::quarantine::set_apart;
use crate::rows::Rules;
use crate::session_tape::{Recorded, SessionTapeError, TAPE_BYTES_MAX, classes, tapes};
use crate::shell::{ConfigReadError, Shell};
use crate::tables::{TableError, write_tables};
use crate::task::Task;
use crate::tombstone::{TombstoneError, is_erased};
use crate::usage::{UsageWriteError, write_usage};

/// Keys of a listing at a time.
const KEYS_AT_ONCE: usize = 1_000;

/// Sessions whose rows are written as one file a table.
const SESSIONS_AT_ONCE: usize = 500;

/// Why a shard is not done. It goes on where it came to.
#[derive(Debug, thiserror::Error)]
pub enum ReindexError {
    /// The store failed or refused.
    #[error("shard cannot be reindexed")]
    Store(#[from] StoreError),
    /// A manifest.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Whether a session is erased is not known.
    #[error(transparent)]
    Tombstone(#[from] TombstoneError),
    /// A tape.
    #[error("tapes of a session cannot be read")]
    Tape(#[from] SessionTapeError),
    /// The project's rules.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// Rows.
    #[error(transparent)]
    Table(#[from] TableError),
    /// What the project was admitted.
    #[error(transparent)]
    Usage(#[from] UsageWriteError),
    /// The message that goes on.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// What became of a shard, as `index/{project}/reindex/{run}/{shard}.json` has it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reindexed {
    version: u32,
    /// Sessions in this part of it.
    pub sessions: u64,
    /// Chunks of these.
    pub chunks: u64,
    /// Manifests that were other than they should be.
    pub written: u64,
}

/// One task for each of the 256 shards.
///
/// # Errors
/// [`OutboxError`]
pub async fn fan_out<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    run: &str,
) -> Result<(), OutboxError> {
    for number in 0..=u8::MAX {
        let shard = Some(format!("{number:02x}"));
        let task = Task::Reindex { project: project.clone(), run: run.to_owned(), shard, from: None };
        shell.outbox.send(&task, Duration::ZERO).await?;
    }
    Ok(())
}

/// Makes the sessions of a shard behind `from` anew. Where the invocation's time ends before the shard does, the rest is sent as a message.
///
/// # Errors
/// [`ReindexError`]
pub async fn reindex_shard<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    run: &str,
    shard: &str,
    from: Option<&SessionId>,
) -> Result<Reindexed, ReindexError> {
    let mut done = Reindexed { version: 1, ..Reindexed::default() };
    let classes = classes(&shell.store).await?;
    let mut sessions: BTreeMap<SessionId, BTreeSet<ChunkName>> = BTreeMap::new();
    for key in keys(&shell.store, &format!("chunks/{project}/{shard}/")).await? {
        if let Ok(key) = key.parse::<ChunkKey>() {
            sessions.entry(key.session).or_default().insert(key.name);
        }
    }
    let mut rules = Rules::default();
    let rules = rules.of(shell, project).await?;
    let mut rows = (TableRows::new(), 0);
    let mut usage = Counted::default();
    for (session, names) in sessions {
        if from.is_some_and(|from| session <= *from) {
            continue;
        }
        if let Some((manifest, summaries, written)) =
            session_anew(shell, &classes, project, &session, names).await?
        {
            done.sessions += 1;
            done.chunks += manifest.counts.chunks;
            done.written += u64::from(written);
            let pin = PinKey { project: project.clone(), session: session.clone() };
            let pinned = shell.store.get(&pin.to_string(), DOCUMENT_BYTES_MAX).await?.is_some();
            let hops_ms = 2 * i64::try_from(shell.settings.hop.as_millis()).unwrap_or(i64::MAX / 2);
            let is_open = now_ms().saturating_sub(manifest.ended_ms) < hops_ms;
            let state = match (is_open, pinned) {
                (true, _) => State::Open,
                (_, true) => State::Pinned,
                (_, false) => State::Ended,
            };
            rows.0.extend(rows_of(&manifest, &summaries, rules, state));
            usage.insert(&manifest);
            rows.1 += 1;
        }
        let is_late = shell.deadline.is_near();
        if rows.1 >= SESSIONS_AT_ONCE || is_late {
            write_tables(&shell.store, &rows.0).await?;
            write_usage(&shell.store, &usage, shell.patience).await?;
            (rows, usage) = ((TableRows::new(), 0), Counted::default());
        }
        if is_late {
            let (shard, from) = (Some(shard.to_owned()), Some(session));
            let task = Task::Reindex { project: project.clone(), run: run.to_owned(), shard, from };
            shell.outbox.send(&task, Duration::ZERO).await?;
            return Ok(done);
        }
    }
    write_tables(&shell.store, &rows.0).await?;
    write_usage(&shell.store, &usage, shell.patience).await?;
    let body = serde_json::to_vec(&done).unwrap_or_default();
    let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
    shell.store.create(&format!("index/{project}/reindex/{run}/{shard}.json"), object).await?;
    Ok(done)
}

/// A session's manifest, its chunks' summaries, and whether the manifest had to be written. `None` where it is erased.
async fn session_anew<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    classes: &[ArchiveClass],
    project: &ProjectId,
    session: &SessionId,
    names: BTreeSet<ChunkName>,
) -> Result<Option<(Manifest, Vec<ChunkSummary>, bool)>, ReindexError> {
    let mut summaries = Vec::new();
    for name in names {
        let key = ChunkKey { project: project.clone(), session: session.clone(), name };
        match read_chunk(&shell.store, &key).await {
            Ok(found) => summaries.extend(found),
            Err(ChunkError::Damaged { source, .. }) => set_apart(&shell.store, &key, &source).await?,
            Err(ChunkError::Store(error)) => return Err(error.into()),
        }
    }
    let tape = best_mark(&shell.store, classes, project, session).await?;
    let mut anew = Union::new(project.clone(), session.clone());
    for summary in &summaries {
        anew.insert(summary.clone());
    }
    anew.insert_tape(tape);
    let change = |union: &mut Union| {
        let mut merged = anew.clone();
        // A chunk that came since the listing stays as its own event made it.
        if let Some(manifest) = union.derive()
            && manifest.chunk_names().any(|name| !anew.contains(&name))
        {
            merged = union.clone();
            merged.merge(anew.clone());
        }
        let changed = merged != *union;
        *union = merged;
        changed
    };
    let permit = async |_: Option<&Stored>, _: &Manifest| {
        let erased = is_erased(&shell.store, project, session).await?;
        Ok::<_, ReindexError>(if erased { Permit::Refuse } else { Permit::Write })
    };
    let (merged, manifest) = update(&shell.store, project, session, shell.patience, change, permit).await?;
    if merged == Merged::Refused || is_erased(&shell.store, project, session).await? {
        return Ok(None);
    }
    Ok(manifest.map(|manifest| (manifest, summaries, merged == Merged::Written)))
}

async fn best_mark(
    store: &impl Store,
    classes: &[ArchiveClass],
    project: &ProjectId,
    session: &SessionId,
) -> Result<Option<TapeMark>, ReindexError> {
    let mut best = None;
    for key in tapes(store, classes, project, session).await? {
        let Some(object) = store.get(&key.to_string(), TAPE_BYTES_MAX).await? else { continue };
        let recorded = Recorded::of(object.body)
            .map_err(|source| SessionTapeError::Tape { key: key.to_string(), source })?;
        best = best.max(Some(recorded.mark(key.class)));
    }
    Ok(best)
}

async fn keys(store: &impl Store, prefix: &str) -> Result<Vec<String>, StoreError> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let listed = store.list(prefix, keys.last().map(String::as_str), KEYS_AT_ONCE).await?;
        let count = listed.len();
        keys.extend(listed.into_iter().map(|listed| listed.key));
        if count < KEYS_AT_ONCE {
            return Ok(keys);
        }
    }
}
