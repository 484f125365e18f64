//! Chunks of one session into its manifest: read, united, and looked after until the session ends.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;
use tapedeck_core::config::Clicks;
use tapedeck_core::ids::{ProjectId, RequestId, SessionId, SetHash};
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ChunkKey, ChunkName, QuarantineKey};
use tapedeck_core::store::{OwnedStore, StoreError};
use tapedeck_core::summary::ChunkSummary;

use crate::anew::{Anew, AnewError};
use crate::chunk::{ChunkError, read_chunk};
use crate::end::{is_looked_after, look_later, look_now, seen};
use crate::erase::{EraseError, delete_session};
use crate::merge::{Basis, Known, MergeError, Merged, Permit, Stored, Update, insert, read};
use crate::outbox::{Outbox, OutboxError};
use crate::quarantine::set_apart;
use crate::rules::ProjectRules;
use crate::session_tape::classes;
use crate::shell::{ConfigReadError, Shell};
use crate::tombstone::{TombstoneError, bury_session, erased_user, is_erased};

/// Chunks of one session read at once: bounds memory, since each may be 16 MiB as stored.
const READS_AT_ONCE: usize = 2;

/// Why chunks of a session are not in its manifest.
#[derive(Debug, thiserror::Error)]
pub enum ChunksError {
    /// The manifest.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Whether it is erased is not known.
    #[error(transparent)]
    Tombstone(#[from] TombstoneError),
    /// By which rules they are merged.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// Nobody would look after it.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// It is erased, and what came has to go.
    #[error("chunks of an erased session cannot be deleted")]
    Delete(#[from] StoreError),
    /// As above, with everything else of the session.
    #[error(transparent)]
    Erase(#[from] Box<EraseError>),
    /// Its manifest is by other rules, and all of it has to be read.
    #[error(transparent)]
    Anew(#[from] AnewError),
}

/// What became of some chunks of a session.
#[derive(Debug, Default)]
pub struct MergedChunks {
    /// What became of the manifest.
    pub merged: Merged,
    /// As it is stored now.
    pub manifest: Option<Manifest>,
    /// What was read.
    pub summaries: Vec<ChunkSummary>,
    /// How many wait for the look at the session that merges them with others.
    pub deferred: usize,
    /// Chunks that were not there any more. That is as good as done.
    pub gone: usize,
    /// Chunks that are set apart.
    pub damaged: Vec<ChunkName>,
    /// Chunks that could not be read; the others are merged.
    pub failed: Vec<(ChunkKey, ChunkError)>,
}

/// Who told of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Each one's own event.
    ByEvents,
    /// A listing.
    ByListing,
}

/// Takes chunks of a session that events told of. A session's first are merged at once, and so are those that come again; others are left
/// to the message that looks after the manifest, so that one write is for all that came within some minutes.
///
/// # Errors
/// [`ChunksError`]; all of it may be repeated.
pub async fn receive_chunks<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    keys: &[ChunkKey],
) -> Result<MergedChunks, ChunksError> {
    let read = read(&shell.store, project, session).await?;
    let mut keys = keys.to_vec();
    let mut deferred = 0;
    if let Some(read) = &read
        && !shell.settings.merge_every.is_zero()
    {
        let listed: BTreeSet<ChunkName> = read.stored.manifest.chunk_names().collect();
        let all = keys.len();
        keys.retain(|key| listed.contains(&key.name));
        deferred = all - keys.len();
        if deferred > 0 && !is_looked_after(&read.stored, (shell.now_ms)(), shell.settings) {
            look_now(shell, project, session, Some(seen(&read.stored.manifest))).await?;
        }
        if keys.is_empty() {
            return Ok(MergedChunks { deferred, ..MergedChunks::default() });
        }
    }
    let rules = shell.rules.of(&shell.store, project).await?;
    let known = Known::Manifest(read.map(Box::new));
    let merged = merge_chunks(shell, project, session, &keys, &rules, Told::ByEvents, known).await?;
    Ok(MergedChunks { deferred, ..merged })
}

/// Reads these chunks of a session and unites them with its manifest, with one write; where that is by other rules, reads all chunks of the
/// session. Before the write, the message is sent that looks after what is written. Chunks of what is erased are deleted instead.
///
/// # Errors
/// [`ChunksError`]; all of it may be repeated.
pub async fn merge_chunks<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    keys: &[ChunkKey],
    rules: &ProjectRules,
    told: Told,
    known: Known,
) -> Result<MergedChunks, ChunksError> {
    let mut done = read_chunks(shell, keys, rules.clicks).await?;
    if done.summaries.is_empty() {
        return Ok(done);
    }
    // An event that comes again brings its chunk's rows again; a listing does not.
    let again: Vec<ChunkName> = match told {
        Told::ByEvents => Vec::new(),
        Told::ByListing => {
            let with_rows = done.summaries.iter().filter(|summary| !summary.errors.is_empty());
            with_rows.map(|summary| summary.name.clone()).collect()
        }
    };
    let mut sent: Option<SetHash> = None;
    let mut erased_by: Option<RequestId> = None;
    let mut permit = async |stored: Option<&Stored>, manifest: &Manifest| {
        if is_erased(&shell.store, project, session).await? {
            return Ok::<_, ChunksError>(Permit::Refuse);
        }
        let known = stored.map(|stored| &stored.manifest.users);
        let new: BTreeSet<String> = manifest
            .users
            .iter()
            .filter(|user| known.is_none_or(|known| !known.contains(*user)))
            .cloned()
            .collect();
        erased_by = erased_user(&shell.store, project, rules.user_hash_key.as_ref(), &new).await?;
        if erased_by.is_some() {
            return Ok(Permit::Refuse);
        }
        let chunks = seen(manifest);
        if sent.as_ref() != Some(&chunks) {
            // Before the write: when this fails or ends here, what told of the chunks comes again, and so does this.
            look_later(shell, project, session, chunks.clone(), again.clone()).await?;
            sent = Some(chunks);
        }
        Ok(Permit::Write)
    };
    let update = shell.update(project, session, rules.clicks);
    let summaries = &done.summaries;
    let merged = match Box::pin(update.run(known, |union| insert(union, summaries), &mut permit)).await {
        Err(ChunksError::Merge(MergeError::OtherRules { .. })) => {
            let anew = Box::pin(Anew::find(&shell.store, project, session, rules.clicks)).await?;
            let update = Update { basis: Basis::Anew, ..update };
            let merged =
                Box::pin(update.run(Known::Nothing, |union| anew.replace(union), &mut permit)).await?;
            // Rows of all of it: those that are there are by the other rules, too.
            done.summaries = anew.summaries;
            merged
        }
        merged => merged?,
    };
    (done.merged, done.manifest) = merged;
    if done.merged == Merged::Refused {
        if let Some(request) = erased_by {
            bury_session(&shell.store, project, session, &request).await?;
            let classes = classes(&shell.store).await.map_err(|error| Box::new(EraseError::from(error)))?;
            delete_session(&shell.store, &classes, project, session).await.map_err(Box::new)?;
        }
        for key in keys {
            shell.store.delete(&key.to_string()).await?;
            shell.store.delete(&QuarantineKey { chunk: key.clone() }.to_string()).await?;
        }
    }
    Ok(done)
}

/// Reads these chunks of a session. Damaged ones are set apart.
///
/// # Errors
/// [`ChunksError`] where that does not succeed; those that cannot be read are named.
pub(crate) async fn read_chunks<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    keys: &[ChunkKey],
    clicks: Clicks,
) -> Result<MergedChunks, ChunksError> {
    let mut done = MergedChunks::default();
    let mut reads = stream::iter(keys)
        .map(|key| async move { (key, read_chunk(&shell.store, key, clicks).await) })
        .buffer_unordered(READS_AT_ONCE);
    while let Some((key, summary)) = reads.next().await {
        match summary {
            Ok(Some(summary)) => done.summaries.push(summary),
            Ok(None) => {
                done.gone += 1;
                tracing::debug!(%key, "chunk is gone");
            }
            Err(ChunkError::Damaged { source, .. }) => {
                done.damaged.push(key.name.clone());
                tracing::warn!(%key, error = crate::failure::chain(&source), "chunk is damaged and set apart");
                if is_erased(&shell.store, &key.project, &key.session).await? {
                    shell.store.delete(&key.to_string()).await?;
                } else {
                    set_apart(&shell.store, key, &source).await?;
                }
            }
            Err(error) => done.failed.push((key.clone(), error)),
        }
    }
    Ok(done)
}
