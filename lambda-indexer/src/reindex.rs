//! Manifests and rows made anew from chunks, tapes, pins and tombstones: invariant I2. A shard at a time; a shard goes on behind the session
//! that it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ChunkKey, ChunkName, PinKey, TapeKey};
use tapedeck_core::request::DOCUMENT_BYTES_MAX;
use tapedeck_core::store::{NewObject, OwnedStore, Store, StoreError};
use tapedeck_core::tables::{State, TableRows, rows_of};
use tapedeck_core::usage::Counted;

use crate::anew::{Anew, AnewError};
use crate::clock::{ms, now_ms};
use crate::end::{look_later, seen};
use crate::listing::keys;
use crate::merge::{Basis, Known, MergeError, Merged, Patience, Permit, Stored, Update};
use crate::outbox::{Outbox, OutboxError};
use crate::rules::ProjectRules;
use crate::session_tape::{SessionTapeError, classes};
use crate::shell::{ConfigReadError, Shell};
use crate::tables::{TableError, write_tables};
use crate::task::Task;
use crate::tombstone::{TombstoneError, is_erased};
use crate::usage::{UsageWriteError, write_usage};

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
    /// A session.
    #[error(transparent)]
    Anew(#[from] AnewError),
    /// Not in practice.
    #[error("what was done has no JSON form")]
    Encode(#[from] serde_json::Error),
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

/// What was done of a shard so far; `index/{project}/reindex/{run}/{shard}.json` has it of a whole one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reindexed {
    /// Sessions.
    pub sessions: u64,
    /// Chunks of these.
    pub chunks: u64,
    /// Manifests that were other than they should be.
    pub written: u64,
}

impl Reindexed {
    /// Whether nothing was done yet.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The object that says that a shard is done.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShardDone {
    /// Form of this document.
    pub version: u32,
    /// What was done.
    #[serde(flatten)]
    pub done: Reindexed,
}

/// What the keys of a run's [`ShardDone`] begin with.
#[must_use]
pub fn run_prefix(project: &ProjectId, run: &str) -> String {
    format!("index/{project}/reindex/{run}/")
}

/// One task for each of the 256 shards that a run has not done yet.
///
/// # Errors
/// [`ReindexError`]
pub async fn fan_out<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    run: &str,
) -> Result<(), ReindexError> {
    let prefix = run_prefix(project, run);
    let done: BTreeSet<String> = keys(&shell.store, &prefix).await?.into_iter().collect();
    for shard in (0..=u8::MAX).map(|number| format!("{number:02x}")) {
        if done.contains(&format!("{prefix}{shard}.json")) {
            continue;
        }
        let (project, run, done) = (project.clone(), run.to_owned(), Reindexed::default());
        let task = Task::Reindex { project, run, shard: Some(shard), from: None, done };
        shell.outbox.send(&task, Duration::ZERO).await?;
    }
    Ok(())
}

/// Makes the sessions of a shard behind `from` anew: those with chunks, and those of which only a tape remains. `done` is what was done before.
/// Where the invocation's time ends before the shard does, the rest is sent as a message.
///
/// # Errors
/// [`ReindexError`]
pub async fn reindex_shard<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    run: &str,
    shard: &str,
    from: Option<&SessionId>,
    mut done: Reindexed,
) -> Result<Reindexed, ReindexError> {
    let store = &shell.store;
    let classes = classes(store).await?;
    let mut sessions: BTreeMap<SessionId, BTreeSet<ChunkName>> = BTreeMap::new();
    for key in keys(store, &format!("chunks/{project}/{shard}/")).await? {
        if let Ok(key) = key.parse::<ChunkKey>() {
            sessions.entry(key.session).or_default().insert(key.name);
        }
    }
    for class in &classes {
        for key in keys(store, &format!("archive/{class}/{project}/{shard}/")).await? {
            if let Ok(key) = key.parse::<TapeKey>() {
                sessions.entry(key.session).or_default();
            }
        }
    }
    let rules = ProjectRules::read(store, project).await?;
    let mut rows = (TableRows::new(), 0);
    let mut usage = Counted::default();
    for (session, names) in sessions {
        if from.is_some_and(|from| session <= *from) {
            continue;
        }
        let read = Anew::read(store, &classes, project, &session, names, rules.clicks).await?;
        if let Some((manifest, merged)) = put(store, project, &session, &rules, shell.patience, &read).await?
        {
            done.sessions += 1;
            done.chunks += manifest.counts.chunks;
            done.written += u64::from(merged == Merged::Written);
            let hop_ms = ms(shell.settings.hop);
            let state = state_of(store, &manifest, hop_ms).await?;
            if merged == Merged::Written && state == State::Open {
                // Messages that look after what was there before are dropped, now that there is something else.
                look_later(shell, project, &session, seen(&manifest), Vec::new()).await?;
            }
            rows.0.extend(rows_of(&manifest, &read.summaries, &rules.rows, state));
            usage.insert(&manifest);
            rows.1 += 1;
        }
        let is_late = shell.deadline.is_near();
        if rows.1 >= SESSIONS_AT_ONCE || is_late {
            write_tables(store, &rows.0).await?;
            write_usage(store, &usage, shell.patience).await?;
            (rows, usage) = ((TableRows::new(), 0), Counted::default());
        }
        if is_late {
            let (project, run, shard) = (project.clone(), run.to_owned(), Some(shard.to_owned()));
            let task = Task::Reindex { project, run, shard, from: Some(session), done };
            shell.outbox.send(&task, Duration::ZERO).await?;
            return Ok(done);
        }
    }
    write_tables(store, &rows.0).await?;
    write_usage(store, &usage, shell.patience).await?;
    let body = serde_json::to_vec(&ShardDone { version: 1, done })?;
    let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
    store.create(&format!("{}{shard}.json", run_prefix(project, run)), object).await?;
    Ok(done)
}

/// Puts what was read of a session in the place of its manifest. `None` where it is erased, or nothing of it is left.
///
/// # Errors
/// [`ReindexError`]
pub async fn put(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    rules: &ProjectRules,
    patience: Patience,
    read: &Anew,
) -> Result<Option<(Manifest, Merged)>, ReindexError> {
    let permit = async |_: Option<&Stored>, _: &Manifest| {
        let erased = is_erased(store, project, session).await?;
        Ok::<_, ReindexError>(if erased { Permit::Refuse } else { Permit::Write })
    };
    let update = Update { store, project, session, clicks: rules.clicks, patience, basis: Basis::Anew };
    let (merged, manifest) = update.run(Known::Nothing, |union| read.replace(union), permit).await?;
    if merged == Merged::Refused || is_erased(store, project, session).await? {
        return Ok(None);
    }
    Ok(manifest.map(|manifest| (manifest, merged)))
}

/// What is known of a session beside its chunks.
///
/// # Errors
/// [`StoreError`]
pub async fn state_of(store: &impl Store, manifest: &Manifest, hop_ms: i64) -> Result<State, StoreError> {
    if now_ms().saturating_sub(manifest.ended_ms) < hop_ms.saturating_mul(2) {
        return Ok(State::Open);
    }
    let pin = PinKey { project: manifest.project.clone(), session: manifest.session.clone() };
    let pinned = store.get(&pin.to_string(), DOCUMENT_BYTES_MAX).await?.is_some();
    Ok(if pinned { State::Pinned } else { State::Ended })
}
