//! The end of a session: a delayed message names the chunks it saw, and if they are still the same when it comes, nobody is there
//! any more. What no event brought is merged then, and the session gets its last rows and, where it is to be kept, its tape.

use std::collections::BTreeSet;

use tapedeck_core::config::Retention;
use tapedeck_core::ids::{ProjectId, SessionId, SetHash};
use tapedeck_core::manifest::{Manifest, TapeMark, set_of};
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName, PinKey, QuarantineKey, chunks_prefix};
use tapedeck_core::request::DOCUMENT_BYTES_MAX;
use tapedeck_core::retention::decide_class;
use tapedeck_core::store::{OwnedStore, Store, StoreError};

use crate::merge::{MergeError, Merged, Permit, Stored, update};
use crate::outbox::{Outbox, OutboxError};
use crate::session_tape::{SessionTapeError, delete_others, record};
use crate::sessions::{ChunksError, merge_chunks};
use crate::shell::{ConfigReadError, Shell};
use crate::task::Task;
use crate::tombstone::{TombstoneError, is_erased};

/// Keys of a listing at a time.
const KEYS_AT_ONCE: usize = 1_000;

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
    /// How long it is to be kept is not known.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// The next hop.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// What became of a look at a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It goes on: there are more chunks than when the message was sent. It will be looked at again.
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

/// Sends the message that looks whether a session has ended, a hop from now.
///
/// # Errors
/// [`OutboxError`]
pub async fn look_later<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    set: SetHash,
) -> Result<(), OutboxError> {
    let task = Task::End { project: project.clone(), session: session.clone(), set };
    shell.outbox.send(&task, shell.settings.hop).await
}

/// Whether a message looks after a session already: one does while its chunks change, and a hop longer. `now_ms` and the manifest's age are
/// by two clocks, hence the reserve; a second message does no harm.
#[must_use]
pub fn is_looked_after(stored: Option<&Stored>, now_ms: i64, hop_ms: i64) -> bool {
    let Some(Stored { manifest, modified_ms: Some(modified_ms) }) = stored else { return false };
    // The end itself wrote the manifest, to name the tape.
    let ended = manifest.tape.as_ref().is_some_and(|tape| tape.chunks == manifest.counts.chunks);
    let reserve_ms = hop_ms / 15;
    !ended && now_ms.saturating_sub(*modified_ms) < hop_ms - reserve_ms
}

/// Looks at a session whose chunks were `set` a hop ago.
///
/// # Errors
/// [`EndError`]
pub async fn look<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    set: &SetHash,
) -> Result<Ended, EndError> {
    let read = update(
        &shell.store,
        project,
        session,
        shell.patience,
        |_| false,
        async |_, _| Ok::<_, MergeError>(Permit::Refuse),
    );
    let (_, manifest) = read.await?;
    if let Some(manifest) = &manifest {
        let found = set_of(&manifest.chunk_names().collect::<Vec<_>>());
        if found != *set {
            look_later(shell, project, session, found).await?;
            return Ok(Ended::Open);
        }
    }
    end(shell, project, session, manifest).await
}

/// Ends a session that nothing has come of for a hop; or, where a listing finds chunks that no event brought, merges these and looks
/// again later.
///
/// # Errors
/// [`EndError`]
pub async fn end<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    manifest: Option<Manifest>,
) -> Result<Ended, EndError> {
    let failed = |source| EndError::Store { session: session.clone(), source };
    let known: BTreeSet<ChunkName> = manifest.iter().flat_map(Manifest::chunk_names).collect();
    let missing = unmerged(&shell.store, project, session, &known).await.map_err(failed)?;
    if !missing.is_empty() {
        let merged = Box::pin(merge_chunks(shell, project, session, &missing)).await?;
        if merged.merged == Merged::Written
            && let Some(manifest) = &merged.manifest
        {
            let set = set_of(&manifest.chunk_names().collect::<Vec<_>>());
            look_later(shell, project, session, set).await?;
            return Ok(Ended::Open);
        }
    }
    let Some(manifest) = manifest else { return Ok(Ended::Gone) };
    if is_erased(&shell.store, project, session).await? {
        return Ok(Ended::Gone);
    }
    let pin = PinKey { project: project.clone(), session: session.clone() };
    let pinned = shell.store.get(&pin.to_string(), DOCUMENT_BYTES_MAX).await.map_err(failed)?.is_some();
    let retention: Retention =
        shell.config(project).await?.map(|config| config.retention).unwrap_or_default();
    let class = if pinned { Some(ArchiveClass::Pinned) } else { decide_class(&retention, &manifest) };
    let manifest = match class {
        None => Some(manifest),
        Some(class) => keep(shell, project, session, class, manifest).await?,
    };
    let Some(manifest) = manifest else { return Ok(Ended::Gone) };
    Ok(Ended::Ended { manifest: Box::new(manifest), pinned })
}

/// Gives a session its tape of a class and names it in the manifest. `None` if the session is gone meanwhile.
async fn keep<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    class: ArchiveClass,
    manifest: Manifest,
) -> Result<Option<Manifest>, EndError> {
    let failed = |source| EndError::Tape { session: session.clone(), source };
    let names: BTreeSet<ChunkName> = manifest.chunk_names().collect();
    let is_there = |tape: &TapeMark| tape.chunks == names.len() as u64 && tape.class >= class;
    if manifest.tape.as_ref().is_some_and(is_there) {
        return Ok(Some(manifest));
    }
    let recorded = match record(&shell.store, project, session, &names).await {
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
    let manifest = name_tape(shell, project, session, Some(mark.clone()), false).await?;
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
    tape: Option<TapeMark>,
    replaces: bool,
) -> Result<Option<Manifest>, EndError> {
    let change = |union: &mut tapedeck_core::manifest::Union| {
        let before = union.clone();
        if replaces {
            union.replace_tape(tape.clone());
        } else {
            union.insert_tape(tape.clone());
        }
        *union != before
    };
    let permit = async |stored: Option<&Stored>, _: &Manifest| {
        let gone = stored.is_none() || is_erased(&shell.store, project, session).await?;
        Ok::<_, EndError>(if gone { Permit::Refuse } else { Permit::Write })
    };
    match update(&shell.store, project, session, shell.patience, change, permit).await? {
        (Merged::Refused, _) => Ok(None),
        (Merged::Written | Merged::Unchanged, manifest) => {
            // Also where nothing had to be written: a tape of an erased session must not stay.
            Ok(if is_erased(&shell.store, project, session).await? { None } else { manifest })
        }
    }
}

/// Chunks of a session that are in the bucket, not in its manifest, and not known to be damaged.
async fn unmerged(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    known: &BTreeSet<ChunkName>,
) -> Result<Vec<ChunkKey>, StoreError> {
    let prefix = chunks_prefix(project, session);
    let mut missing = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let listed = store.list(&prefix, after.as_deref(), KEYS_AT_ONCE).await?;
        let keys = listed.iter().filter_map(|listed| listed.key.parse::<ChunkKey>().ok());
        missing.extend(keys.filter(|key| !known.contains(&key.name)));
        match listed.last() {
            Some(last) if listed.len() == KEYS_AT_ONCE => after = Some(last.key.clone()),
            _ => break,
        }
    }
    let mut found = Vec::new();
    for chunk in missing {
        let marker = QuarantineKey { chunk: chunk.clone() }.to_string();
        if store.list(&marker, None, 1).await?.is_empty() {
            found.push(chunk);
        }
    }
    Ok(found)
}
