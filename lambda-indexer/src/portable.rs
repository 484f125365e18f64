//! A session out of a bucket as one tape, and a tape into a bucket: what `tapedeck export` and `tapedeck import` do.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_core::ids::{ProjectId, RequestId, SessionId};
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName, TapeKey};
use tapedeck_core::retention::{UNPINNED, decide_class};
use tapedeck_core::store::{OwnedStore, Store, StoreError};
use tapedeck_core::summary::ChunkMetadata;
use tapedeck_core::tables::rows_of;
use tapedeck_core::tape::{Tape, TapeError};
use tapedeck_core::usage::Counted;

use crate::anew::{Anew, AnewError, RereadError, beside, reread};
use crate::chunk::OBJECT_BYTES_MAX;
use crate::clock::ms;
use crate::erase::{EraseError, delete_session};
use crate::listing::chunks_of;
use crate::merge::{MergeError, Patience, stored};
use crate::quarantine::damaged;
use crate::reindex::{ReindexError, put, state_of};
use crate::rules::ProjectRules;
use crate::session_tape::{Maker, Recorded, SessionTapeError, best, classes, tapes, text_of};
use crate::settings::Settings;
use crate::shell::ConfigReadError;
use crate::tables::{TableError, write_tables};
use crate::tombstone::{TombstoneError, bury_session, erased_user, is_erased};
use crate::usage::{UsageWriteError, write_usage};

/// Why a session is not exported, or not imported. What was written before may be written again.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The store failed or refused.
    #[error("the session cannot be read or written")]
    Store(#[from] StoreError),
    /// There is nothing of it.
    #[error("there is no chunk and no tape of session {session} of project {project}{}", .hint)]
    Absent {
        /// Whose.
        project: ProjectId,
        /// Which.
        session: SessionId,
        /// What is there instead.
        hint: &'static str,
    },
    /// It was erased.
    #[error("session {session} was erased{}: what was asked to be forgotten is not brought back", .by.as_ref().map(|id| format!(" by request {id}")).unwrap_or_default())]
    Erased {
        /// Which.
        session: SessionId,
        /// By the erasure of one of its users, if so.
        by: Option<RequestId>,
    },
    /// Not a class that something can be imported into.
    #[error("class is pinned, expected a number of days as 90d: import it, and pin it where it is watched")]
    Pinned,
    /// The tape is not sound.
    #[error("the tape is not sound: export it again")]
    Tape(#[from] TapeError),
    /// As above.
    #[error("the tape cannot be read anew: export it again")]
    Reread(#[from] RereadError),
    /// A tape.
    #[error(transparent)]
    SessionTape(#[from] SessionTapeError),
    /// A manifest.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// What is there of it already.
    #[error(transparent)]
    Anew(#[from] AnewError),
    /// The manifest.
    #[error(transparent)]
    Put(#[from] ReindexError),
    /// Rows.
    #[error(transparent)]
    Table(#[from] TableError),
    /// What the project was admitted.
    #[error(transparent)]
    Usage(#[from] UsageWriteError),
    /// Who is erased is not known.
    #[error(transparent)]
    Tombstone(#[from] TombstoneError),
    /// The project's rules.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// What was erased meanwhile.
    #[error(transparent)]
    Erase(#[from] EraseError),
}

/// A session as one file.
#[derive(Debug)]
pub struct Exported {
    /// The tape.
    pub tape: Recorded,
    /// Chunks that are damaged and not on it.
    pub damaged: BTreeSet<ChunkName>,
}

/// All that is stored of a session, as a tape: of its chunks, and of its best tape where chunks have expired. A store without metadata, as a folder
/// of copied objects, gives what the session's manifest has of it.
///
/// # Errors
/// [`PortError`]
pub async fn export(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<Exported, PortError> {
    if is_erased(store, project, session).await? {
        return Err(PortError::Erased { session: session.clone(), by: None });
    }
    let manifest = stored(store, project, session).await?;
    let clicks = manifest.as_ref().map(|manifest| manifest.clicks).unwrap_or_default();
    let mut beside = manifest.as_ref().map(beside).unwrap_or_default();
    let mut names: BTreeSet<ChunkName> = chunks_of(store, project, session).await?.into_iter().collect();
    let damaged = damaged(store, project, session).await?;
    names.retain(|name| !damaged.contains(name));
    let keys = tapes(store, &classes(store).await?, project, session).await?;
    let best = best(store, &keys).await?.map(|(_, tape)| tape);
    // Chunks of which only a tape remains.
    let mut expired: BTreeMap<ChunkName, (String, u64, ChunkMetadata)> = BTreeMap::new();
    if let Some(recorded) = best {
        let tape = Tape::parse(recorded.bytes())?;
        let on_tape: BTreeSet<ChunkName> = tape.header().manifest.chunk_names().collect();
        if names.is_subset(&on_tape)
            && tape.header().manifest.rules(&clicks) == tapedeck_core::manifest::Rules::Same
        {
            tape.verify()?;
            return Ok(Exported { tape: recorded, damaged });
        }
        let mut known = self::beside(&tape.header().manifest);
        tape.each_chunk(|name, text| {
            let (bytes, metadata) = known.remove(&name).unwrap_or_default();
            if !names.contains(&name) {
                expired.insert(name, (text, bytes, metadata));
            }
            Ok::<(), TapeError>(())
        })?;
    }
    let all: BTreeSet<ChunkName> = names.iter().chain(expired.keys()).cloned().collect();
    let mut maker = Maker::new(project, session, clicks);
    for name in &all {
        if let Some((text, bytes, metadata)) = expired.remove(name) {
            maker.chunk(name, &text, bytes, metadata)?;
            continue;
        }
        let key = ChunkKey { project: project.clone(), session: session.clone(), name: name.clone() };
        // Gone since the listing: it expired, or the session is being erased.
        let Some(object) = store.get(&key.to_string(), OBJECT_BYTES_MAX).await? else { continue };
        let metadata = match beside.remove(name) {
            Some((_, metadata)) if object.metadata.is_empty() => metadata,
            _ => ChunkMetadata::read(|name| object.metadata.get(name).map(String::as_str)),
        };
        maker.chunk(name, &text_of(&key, &object.body)?, object.body.len() as u64, metadata)?;
    }
    match maker.finish()? {
        Some(tape) => Ok(Exported { tape, damaged }),
        None => Err(absent(store, project, session).await?),
    }
}

/// Says what is there instead, so that a mistyped project is told from a mistyped session.
async fn absent(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<PortError, StoreError> {
    let hint = if !store.list(&format!("chunks/{project}/"), None, 1).await?.is_empty() {
        ": it has expired, or the id is another one"
    } else if !store.list("chunks/", None, 1).await?.is_empty() {
        ": there is no chunk of that project, but of others"
    } else {
        ": there are no chunks at all; is it the bucket that the indexer works on?"
    };
    Ok(PortError::Absent { project: project.clone(), session: session.clone(), hint })
}

/// The same tape for another project.
///
/// # Errors
/// [`PortError`]
pub fn for_project(recorded: Recorded, project: &ProjectId) -> Result<Recorded, PortError> {
    let tape = Tape::parse(recorded.bytes())?;
    let manifest = &tape.header().manifest;
    if manifest.project == *project {
        return Ok(recorded);
    }
    let mut known = beside(manifest);
    let mut maker = Maker::new(project, &manifest.session, manifest.clicks);
    tape.each_chunk(|name, text| {
        let (bytes, metadata) = known.remove(&name).unwrap_or_default();
        maker.chunk(&name, &text, bytes, metadata).map_err(PortError::from)
    })?;
    let session = manifest.session.clone();
    maker.finish()?.ok_or_else(|| PortError::Absent {
        project: project.clone(),
        session,
        hint: ": the tape is empty",
    })
}

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The session's manifest as it is stored now.
    pub manifest: Manifest,
    /// Where the tape is.
    pub tape: String,
    /// Files of tables that its rows are in.
    pub rows: Vec<String>,
}

/// Puts a session into a bucket by its tape: the tape, in `class` or in that which the project's rules say, its manifest, united with what
/// is there of the session already, and its rows. Importing it again changes nothing. Nothing of what is erased is brought back.
///
/// # Errors
/// [`PortError`]
pub async fn import(
    store: &impl OwnedStore,
    recorded: &Recorded,
    class: Option<ArchiveClass>,
    patience: Patience,
) -> Result<Imported, PortError> {
    if class == Some(ArchiveClass::Pinned) {
        return Err(PortError::Pinned);
    }
    let tape = Tape::parse(recorded.bytes())?;
    let manifest = &tape.header().manifest;
    let (project, session) = (&manifest.project, &manifest.session);
    let rules = ProjectRules::read(store, project).await?;
    let users: BTreeSet<String> =
        reread(&tape, rules.clicks)?.into_iter().flat_map(|summary| summary.users).collect();
    let erased = async || -> Result<Option<PortError>, PortError> {
        let by = erased_user(store, project, rules.user_hash_key.as_ref(), &users).await?;
        let is_erased = by.is_some() || is_erased(store, project, session).await?;
        Ok(is_erased.then(|| PortError::Erased { session: session.clone(), by }))
    };
    if let Some(error) = erased().await? {
        return Err(error);
    }
    let class = class.unwrap_or_else(|| {
        decide_class(&rules.retention, manifest).map_or(UNPINNED, |class| class.max(UNPINNED))
    });
    let mark = recorded.publish(store, class, project, session).await?;
    let tape =
        TapeKey { class, project: project.clone(), session: session.clone(), set: mark.set }.to_string();
    let names = chunks_of(store, project, session).await?;
    let anew =
        Box::pin(Anew::read(store, &classes(store).await?, project, session, names, rules.clicks)).await?;
    let done = Box::pin(put(store, project, session, &rules, patience, &anew)).await?;
    if let Some(error) = erased().await? {
        // Meanwhile: what was just written goes again.
        if let PortError::Erased { by: Some(request), .. } = &error {
            bury_session(store, project, session, request).await?;
        }
        delete_session(store, &classes(store).await?, project, session).await?;
        return Err(error);
    }
    let Some((manifest, _)) = done else {
        return Err(PortError::Erased { session: session.clone(), by: None });
    };
    let hop_ms = ms(Settings::HOP);
    let state = state_of(store, &manifest, hop_ms).await?;
    let rows = write_tables(store, &rows_of(&manifest, &anew.summaries, &rules.rows, state)).await?;
    let mut usage = Counted::default();
    usage.insert(&manifest);
    write_usage(store, &usage, patience).await?;
    Ok(Imported { manifest, tape, rows })
}
