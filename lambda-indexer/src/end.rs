//! Looks at a session. Before a manifest is written, a delayed message is sent that names its chunks. When it comes and these are still the
//! manifest's, a listing finds what came meanwhile, and that is merged, with one write and the next message. Where nothing came for a hop,
//! nobody is there any more: the session gets its last rows and, where it is to be kept, its tape.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tapedeck_core::ids::{ContentHash, ProjectId, SessionId, SetHash};
use tapedeck_core::manifest::{Manifest, Rules, TapeMark, Union, set_of};
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName, PinKey};
use tapedeck_core::request::DOCUMENT_BYTES_MAX;
use tapedeck_core::retention::decide_class;
use tapedeck_core::store::{OwnedStore, StoreError};
use tapedeck_core::tables::TableRows;

use crate::anew::{Anew, AnewError};
use crate::chunk::ChunkError;
use crate::clock::ms;
use crate::listing::chunks_of;
use crate::merge::{Basis, Known, MergeError, Merged, Permit, Read, Stored, Update, read};
use crate::outbox::{Outbox, OutboxError};
use crate::rows::rows_of_chunks;
use crate::rules::ProjectRules;
use crate::session_tape::{SessionTapeError, delete_others, record};
use crate::sessions::{ChunksError, MergedChunks, Told, merge_chunks, read_chunks};
use crate::settings::Settings;
use crate::shell::{ConfigReadError, Shell};
use crate::task::Task;
use crate::tombstone::{TombstoneError, is_erased};

/// Why a session's end is not done. It has to be tried again; each step of it may be.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The store failed or refused.
    #[error("end of session {session} cannot be written")]
    Store {
        /// Which.
        session: SessionId,
        /// What the store says.
        source: StoreError,
    },
    /// A chunk that no event brought, or the manifest.
    #[error(transparent)]
    Chunks(#[from] ChunksError),
    /// The manifest.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The tape.
    #[error("session {session} gets no tape")]
    Tape {
        /// Which.
        session: SessionId,
        /// Why.
        source: SessionTapeError,
    },
    /// Whether it is erased is not known.
    #[error(transparent)]
    Tombstone(#[from] TombstoneError),
    /// Its manifest is by other rules, and all of it has to be read.
    #[error(transparent)]
    Anew(#[from] AnewError),
    /// The next message.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// By which rules it is merged and kept.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// A chunk that a listing found.
    #[error(transparent)]
    Chunk(ChunkError),
}

/// What became of a look at a session.
#[derive(Debug)]
pub struct Looked {
    /// Whether it has ended.
    pub ended: Ended,
    /// Rows that have to be written.
    pub rows: TableRows,
    /// What was merged of what a listing found.
    pub merged: Option<MergedChunks>,
}

impl Looked {
    fn only(ended: Ended) -> Self {
        Self { ended, rows: TableRows::new(), merged: None }
    }
}

/// Whether a session has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It goes on, and a message is on its way that looks at it again.
    Open,
    /// There is nothing of it any more.
    Gone,
    /// It has ended.
    Ended {
        /// As it is stored.
        manifest: Box<Manifest>,
        /// Whether it is pinned.
        pinned: bool,
    },
}

/// What a message says that asks for a look; see [`Task::End`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// The chunks of the manifest that it looks after.
    pub set: Option<SetHash>,
    /// When it was sent, Unix milliseconds.
    pub sent_ms: Option<i64>,
    /// When the manifest was written that a listing found whole, Unix milliseconds.
    pub listed_ms: Option<i64>,
    /// Chunks whose rows it brings.
    pub rows: Vec<ChunkName>,
}

/// Who sends a message ends within this, in milliseconds: an invocation takes no longer.
const PENDING_MS_MAX: i64 = 120_000;

async fn send<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    Look { set, sent_ms, listed_ms, rows }: Look,
    delay: Duration,
) -> Result<(), OutboxError> {
    let (project, session) = (project.clone(), session.clone());
    shell.outbox.send(&Task::End { project, session, set, sent_ms, listed_ms, rows }, delay).await
}

/// Sends the message that looks after the manifest that is about to be written with the chunks `set`. It also brings `rows`.
///
/// # Errors
/// [`OutboxError`]
pub async fn look_later<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    set: SetHash,
    rows: Vec<ChunkName>,
) -> Result<(), OutboxError> {
    let look = Look { set: Some(set), sent_ms: Some((shell.now_ms)()), listed_ms: None, rows };
    send(shell, project, session, look, shell.settings.look_after()).await
}

/// Sends a message that looks at a session now: at the manifest of these chunks, or at whatever is there.
///
/// # Errors
/// [`OutboxError`]
pub async fn look_now<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    set: Option<SetHash>,
) -> Result<(), OutboxError> {
    send(shell, project, session, Look { set, ..Look::default() }, Duration::ZERO).await
}

/// For how long nothing was written; the longest time where the store does not tell.
fn age_ms(stored: &Stored, now_ms: i64) -> i64 {
    stored.modified_ms.map_or(i64::MAX, |modified_ms| now_ms.saturating_sub(modified_ms))
}

/// Whether the end wrote this manifest, to name the tape of all its chunks.
fn is_ended(manifest: &Manifest) -> bool {
    manifest.tape.as_ref().is_some_and(|tape| tape.chunks >= manifest.counts.chunks)
}

/// Whether the message is still to come that looks after this manifest: then what is stored before now is found by it. The manifest's age is by two
/// clocks, hence the reserve.
#[must_use]
pub fn is_looked_after(stored: &Stored, now_ms: i64, settings: &Settings) -> bool {
    let wait_ms = ms(settings.look_after());
    !is_ended(&stored.manifest) && age_ms(stored, now_ms) < wait_ms - wait_ms / 15
}

/// What of a session's chunks a manifest has seen: their set, and where there are some that it does not list, what it knows of these.
#[must_use]
pub fn seen(manifest: &Manifest) -> SetHash {
    let listed = set_of(&manifest.chunk_names().collect::<Vec<_>>());
    let Some(more) = &manifest.more else { return listed };
    let hashes: Vec<&str> = more.hashes.iter().map(ContentHash::as_str).collect();
    SetHash::of_digest(&Sha256::digest(format!("{listed} {} {}", more.last_ms, hashes.join(" "))))
}

/// Looks at a session: merges what a listing finds and its manifest does not have; where there is nothing, and nothing came for a hop, ends
/// it.
///
/// # Errors
/// [`EndError`]; all of it may be repeated.
pub async fn look<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    look: &Look,
) -> Result<Looked, EndError> {
    let now_ms = (shell.now_ms)();
    let Some(read) = read(&shell.store, project, session).await? else {
        // Never written, expired or erased: what is there of the session says which.
        let caught = catch_up(shell, project, session, None).await?;
        let ended = if caught.is_written() { Ended::Open } else { Ended::Gone };
        return Ok(caught.looked(ended));
    };
    let stored = &read.stored;
    let again = rows_again(shell, project, session, &stored.manifest, &look.rows).await?;
    let with_rows = |mut looked: Looked| {
        looked.rows.extend(again);
        looked
    };
    let found = seen(&stored.manifest);
    if look.set.as_ref().is_some_and(|set| *set != found) {
        if is_pending(stored, look, now_ms) {
            let later = Look { rows: Vec::new(), ..look.clone() };
            send(shell, project, session, later, shell.settings.look_after()).await?;
        }
        // Whoever wrote what is there sent a message of its own.
        return Ok(with_rows(Looked::only(Ended::Open)));
    }
    // Where chunks are merged as they come, a message is delayed by a hop: that it has come says how old the manifest is.
    let age_ms = if shell.settings.merge_every.is_zero() { i64::MAX } else { age_ms(stored, now_ms) };
    let (wait_ms, hop_ms) = (ms(shell.settings.look_after()), ms(shell.settings.hop));
    let left = |of_ms: i64| Duration::from_millis(u64::try_from(of_ms.saturating_sub(age_ms)).unwrap_or(0));
    // Until then a chunk may be left to this look that is stored behind its listing.
    if !is_ended(&stored.manifest) && age_ms < wait_ms - wait_ms / 30 {
        let later = Look { set: Some(found), rows: Vec::new(), ..look.clone() };
        send(shell, project, session, later, left(wait_ms)).await?;
        return Ok(with_rows(Looked::only(Ended::Open)));
    }
    let mut names = None;
    if look.listed_ms.is_none() || look.listed_ms != stored.modified_ms {
        let caught = catch_up(shell, project, session, Some(&read)).await?;
        if caught.is_written() {
            return Ok(with_rows(caught.looked(Ended::Open)));
        }
        if age_ms < hop_ms - hop_ms / 15 {
            let listed_ms = stored.modified_ms;
            let end = Look { set: Some(found), sent_ms: Some(now_ms), listed_ms, rows: Vec::new() };
            send(shell, project, session, end, left(hop_ms)).await?;
            return Ok(with_rows(caught.looked(Ended::Open)));
        }
        names = Some(caught.names);
    }
    Ok(with_rows(Box::pin(end(shell, project, session, read, names)).await?))
}

/// Whether who sent a message may still be about to write the manifest that it looks after: then the message has to come again.
fn is_pending(stored: &Stored, look: &Look, now_ms: i64) -> bool {
    let (Some(sent_ms), Some(modified_ms)) = (look.sent_ms, stored.modified_ms) else { return false };
    modified_ms < sent_ms && now_ms.saturating_sub(sent_ms) < PENDING_MS_MAX
}

/// The rows of these chunks once more, unless the session is erased.
async fn rows_again<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    manifest: &Manifest,
    names: &[ChunkName],
) -> Result<TableRows, EndError> {
    if names.is_empty() || is_erased(&shell.store, project, session).await? {
        return Ok(TableRows::new());
    }
    let rules = shell.rules.of(&shell.store, project).await?;
    let keys: Vec<ChunkKey> = names.iter().map(|name| key(project, session, name)).collect();
    let read = read_chunks(shell, &keys, rules.clicks).await?;
    if let Some((_, error)) = read.failed.into_iter().next() {
        return Err(EndError::Chunk(error));
    }
    Ok(rows_of_chunks(manifest, &read.summaries, &rules.rows))
}

/// What a listing found of a session.
struct Caught {
    /// All its chunks but the damaged ones.
    names: BTreeSet<ChunkName>,
    merged: Option<MergedChunks>,
    rows: TableRows,
}

impl Caught {
    fn is_written(&self) -> bool {
        self.merged.as_ref().is_some_and(|merged| merged.merged == Merged::Written)
    }

    fn looked(self, ended: Ended) -> Looked {
        Looked { ended, rows: self.rows, merged: self.merged }
    }
}

/// Chunks that are merged at a time; the others are found by the next look.
const MERGED_AT_ONCE: usize = 1_000;

fn key(project: &ProjectId, session: &SessionId, name: &ChunkName) -> ChunkKey {
    ChunkKey { project: project.clone(), session: session.clone(), name: name.clone() }
}

/// Merges what is in the bucket of a session and its manifest does not have; all of it, where the manifest is by other rules than those of now.
async fn catch_up<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    read: Option<&Read>,
) -> Result<Caught, EndError> {
    let failed = |source| EndError::Store { session: session.clone(), source };
    let rules = shell.rules.of(&shell.store, project).await?;
    let mut names: BTreeSet<ChunkName> =
        chunks_of(&shell.store, project, session).await.map_err(failed)?.into_iter().collect();
    let manifest = read.map(|read| &read.stored.manifest);
    let is_other = manifest.is_some_and(|manifest| manifest.rules(&rules.clicks) != Rules::Same);
    let listed: BTreeSet<ChunkName> = manifest.into_iter().flat_map(Manifest::chunk_names).collect();
    let more = manifest.and_then(|manifest| manifest.more.as_ref());
    let is_known =
        |name: &ChunkName| listed.contains(name) || more.is_some_and(|more| more.hashes.contains(&name.hash));
    let missing: Vec<ChunkKey> = names
        .iter()
        .filter(|name| is_other || !is_known(name))
        .take(MERGED_AT_ONCE)
        .map(|name| key(project, session, name))
        .collect();
    if missing.is_empty() {
        return Ok(Caught { names, merged: None, rows: TableRows::new() });
    }
    let known = Known::Manifest(read.cloned().map(Box::new));
    let mut merged =
        Box::pin(merge_chunks(shell, project, session, &missing, &rules, Told::ByListing, known)).await?;
    if let Some((_, error)) = merged.failed.pop() {
        return Err(EndError::Chunk(error));
    }
    names.retain(|name| !merged.damaged.contains(name));
    let rows = match &merged.manifest {
        Some(manifest) if merged.merged != Merged::Refused => {
            rows_of_chunks(manifest, &merged.summaries, &rules.rows)
        }
        _ => TableRows::new(),
    };
    Ok(Caught { names, merged: Some(merged), rows })
}

/// Ends a session that nothing has come of for a hop. `names` are those of its chunks, if they were just listed. Where it gets a tape and a
/// listing finds more, that is merged instead.
async fn end<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    read: Read,
    names: Option<BTreeSet<ChunkName>>,
) -> Result<Looked, EndError> {
    let failed = |source| EndError::Store { session: session.clone(), source };
    if is_erased(&shell.store, project, session).await? {
        return Ok(Looked::only(Ended::Gone));
    }
    let rules = shell.rules.of(&shell.store, project).await?;
    let pin = PinKey { project: project.clone(), session: session.clone() };
    let pinned = shell.store.get(&pin.to_string(), DOCUMENT_BYTES_MAX).await.map_err(failed)?.is_some();
    let manifest = &read.stored.manifest;
    let class = if pinned { Some(ArchiveClass::Pinned) } else { decide_class(&rules.retention, manifest) };
    let manifest = match class {
        None => Some(read.stored.manifest),
        // Also those that the manifest has no room for; and those that it lists and that are gone, so that no tape pretends to be whole.
        Some(class) => {
            let names = if let Some(names) = names {
                names
            } else {
                let caught = catch_up(shell, project, session, Some(&read)).await?;
                if caught.is_written() {
                    return Ok(caught.looked(Ended::Open));
                }
                caught.names
            };
            let names = read.stored.manifest.chunk_names().chain(names).collect();
            keep(shell, project, session, class, read.stored.manifest, &names, &rules).await?
        }
    };
    let Some(manifest) = manifest else { return Ok(Looked::only(Ended::Gone)) };
    Ok(Looked::only(Ended::Ended { manifest: Box::new(manifest), pinned }))
}

/// Gives a session its tape of a class and names it in the manifest. `None` if the session is gone meanwhile.
async fn keep<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    class: ArchiveClass,
    manifest: Manifest,
    names: &BTreeSet<ChunkName>,
    rules: &ProjectRules,
) -> Result<Option<Manifest>, EndError> {
    let failed = |source| EndError::Tape { session: session.clone(), source };
    let is_there = |tape: &TapeMark| tape.chunks == names.len() as u64 && tape.class >= class;
    if manifest.tape.as_ref().is_some_and(is_there) {
        return Ok(Some(manifest));
    }
    let recorded = match record(&shell.store, project, session, names, rules.clicks).await {
        Ok(Some(recorded)) => recorded,
        Ok(None) => return Ok(Some(manifest)),
        Err(SessionTapeError::TooLarge) => {
            let error = SessionTapeError::TooLarge.to_string();
            tracing::warn!(%project, %session, error, "session is not kept longer than its chunks");
            return Ok(Some(manifest));
        }
        Err(error) => return Err(failed(error)),
    };
    let mark = recorded.publish(&shell.store, class, project, session).await.map_err(failed)?;
    let manifest = name_tape(shell, project, session, rules, Some(mark.clone()), false).await?;
    if manifest.is_none() {
        // Erased meanwhile: what was just written goes again.
        delete_others(&shell.store, class, project, session, None).await.map_err(failed)?;
        return Ok(None);
    }
    if class == ArchiveClass::Pinned {
        // No lifecycle rule ends these.
        delete_others(&shell.store, class, project, session, Some(&mark.set)).await.map_err(failed)?;
    }
    Ok(manifest)
}

/// Names a tape in a session's manifest: the greater one, or `replaces` whatever is named. `None` where the session is erased or has no
/// manifest.
///
/// # Errors
/// [`EndError`]
pub async fn name_tape<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    rules: &ProjectRules,
    tape: Option<TapeMark>,
    replaces: bool,
) -> Result<Option<Manifest>, EndError> {
    let name = |union: &mut Union| {
        let before = union.clone();
        if replaces {
            union.replace_tape(tape.clone());
        } else {
            union.insert_tape(tape.clone());
        }
        *union != before
    };
    let mut permit = async |stored: Option<&Stored>, _: &Manifest| {
        let gone = stored.is_none() || is_erased(&shell.store, project, session).await?;
        Ok::<_, EndError>(if gone { Permit::Refuse } else { Permit::Write })
    };
    let update = shell.update(project, session, rules.clicks);
    let named = match Box::pin(update.run(Known::Nothing, name, &mut permit)).await {
        Err(EndError::Merge(MergeError::OtherRules { .. })) => {
            let anew = Box::pin(Anew::find(&shell.store, project, session, rules.clicks)).await?;
            let change = |union: &mut Union| anew.replace(union) | name(union);
            Box::pin(Update { basis: Basis::Anew, ..update }.run(Known::Nothing, change, &mut permit)).await?
        }
        named => named?,
    };
    match named {
        (Merged::Refused, _) => Ok(None),
        (Merged::Written | Merged::Unchanged, manifest) => {
            // Also where nothing had to be written: a tape of an erased session must not stay.
            Ok(if is_erased(&shell.store, project, session).await? { None } else { manifest })
        }
    }
}
