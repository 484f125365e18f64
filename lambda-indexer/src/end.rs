//! The end of a session: a delayed message names the chunks it saw, and if they are still the same when it comes, nobody is there
//! any more. What no event brought is merged then, and the session gets its last rows and, where it is to be kept, its tape.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tapedeck_core::ids::{ContentHash, ProjectId, SessionId, SetHash};
use tapedeck_core::manifest::{Manifest, Rules, TapeMark, Union, set_of};
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName, PinKey};
use tapedeck_core::request::DOCUMENT_BYTES_MAX;
use tapedeck_core::retention::decide_class;
use tapedeck_core::store::{OwnedStore, StoreError};

use crate::anew::{Anew, AnewError};
use crate::listing::chunks_of;
use crate::merge::{Basis, MergeError, Merged, Permit, Stored, Update, stored};
use crate::outbox::{Outbox, OutboxError};
use crate::quarantine::damaged;
use crate::rules::ProjectRules;
use crate::session_tape::{SessionTapeError, delete_others, record};
use crate::sessions::{ChunksError, merge_chunks};
use crate::shell::Shell;
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
    let ended = manifest.tape.as_ref().is_some_and(|tape| tape.chunks >= manifest.counts.chunks);
    let reserve_ms = hop_ms / 15;
    !ended && now_ms.saturating_sub(*modified_ms) < hop_ms - reserve_ms
}

/// What of a session's chunks a manifest has seen: their set, and where there are some that it does not list, what it knows of these.
#[must_use]
pub fn seen(manifest: &Manifest) -> SetHash {
    let listed = set_of(&manifest.chunk_names().collect::<Vec<_>>());
    let Some(more) = &manifest.more else { return listed };
    let hashes: Vec<&str> = more.hashes.iter().map(ContentHash::as_str).collect();
    SetHash::of_digest(&Sha256::digest(format!("{listed} {} {}", more.last_ms, hashes.join(" "))))
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
    rules: &ProjectRules,
) -> Result<Ended, EndError> {
    let manifest = stored(&shell.store, project, session).await?;
    if let Some(manifest) = &manifest {
        let found = seen(manifest);
        if found != *set {
            look_later(shell, project, session, found).await?;
            return Ok(Ended::Open);
        }
    }
    end(shell, project, session, manifest, rules).await
}

/// Ends a session that nothing has come of for a hop; or, where a listing finds chunks that no event brought, or its manifest is by other
/// rules than those of now, mends that and looks again later.
///
/// # Errors
/// [`EndError`]
pub async fn end<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    manifest: Option<Manifest>,
    rules: &ProjectRules,
) -> Result<Ended, EndError> {
    let failed = |source| EndError::Store { session: session.clone(), source };
    let mut names = chunks_of(&shell.store, project, session).await.map_err(failed)?;
    let is_other = manifest.as_ref().is_some_and(|manifest| manifest.rules(&rules.clicks) != Rules::Same);
    let listed: BTreeSet<ChunkName> = manifest.iter().flat_map(Manifest::chunk_names).collect();
    let more = manifest.as_ref().and_then(|manifest| manifest.more.as_ref());
    let is_known =
        |name: &ChunkName| listed.contains(name) || more.is_some_and(|more| more.hashes.contains(&name.hash));
    let key = |name: &ChunkName| ChunkKey {
        project: project.clone(),
        session: session.clone(),
        name: name.clone(),
    };
    if !names.iter().all(is_known) {
        let damaged = damaged(&shell.store, project, session).await.map_err(failed)?;
        names.retain(|name| !damaged.contains(name));
    }
    let missing: Vec<ChunkKey> = names.iter().filter(|name| is_other || !is_known(name)).map(key).collect();
    if !missing.is_empty() {
        let merged = Box::pin(merge_chunks(shell, project, session, &missing, rules)).await?;
        if merged.merged == Merged::Written
            && let Some(manifest) = &merged.manifest
        {
            look_later(shell, project, session, seen(manifest)).await?;
            return Ok(Ended::Open);
        }
    }
    let Some(manifest) = manifest else { return Ok(Ended::Gone) };
    if is_erased(&shell.store, project, session).await? {
        return Ok(Ended::Gone);
    }
    let pin = PinKey { project: project.clone(), session: session.clone() };
    let pinned = shell.store.get(&pin.to_string(), DOCUMENT_BYTES_MAX).await.map_err(failed)?.is_some();
    let class = if pinned { Some(ArchiveClass::Pinned) } else { decide_class(&rules.retention, &manifest) };
    let manifest = match class {
        None => Some(manifest),
        // Also those that the manifest has no room for; and those that it lists and that are gone, so that no tape pretends to be whole.
        Some(class) => {
            let names = listed.into_iter().chain(names).collect();
            keep(shell, project, session, class, manifest, &names, rules).await?
        }
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
    let named = match Box::pin(update.run(name, &mut permit)).await {
        Err(EndError::Merge(MergeError::OtherRules { .. })) => {
            let anew = Box::pin(Anew::find(&shell.store, project, session, rules.clicks)).await?;
            let change = |union: &mut Union| anew.replace(union) | name(union);
            Box::pin(Update { basis: Basis::Anew, ..update }.run(change, &mut permit)).await?
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
