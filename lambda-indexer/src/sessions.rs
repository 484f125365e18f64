//! Chunks of one session into its manifest: read, united, and looked after until the session ends.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;
use tapedeck_core::config::Clicks;
use tapedeck_core::ids::{ProjectId, RequestId, SessionId};
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{ChunkKey, QuarantineKey};
use tapedeck_core::store::{OwnedStore, StoreError};
use tapedeck_core::summary::ChunkSummary;

use crate::anew::{Anew, AnewError};
use crate::chunk::{ChunkError, read_chunk};
use crate::clock::now_ms;
use crate::end::{is_looked_after, look_later, seen};
use crate::erase::{EraseError, delete_session};
use crate::merge::{Basis, MergeError, Merged, Permit, Stored, Update, insert};
use crate::outbox::{Outbox, OutboxError};
use crate::quarantine::set_apart;
use crate::rules::ProjectRules;
use crate::session_tape::classes;
use crate::shell::Shell;
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
    /// Nobody would look whether it has ended.
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
#[derive(Debug)]
pub struct MergedChunks {
    /// What became of the manifest.
    pub merged: Merged,
    /// As it is stored now.
    pub manifest: Option<Manifest>,
    /// What was read.
    pub summaries: Vec<ChunkSummary>,
    /// Chunks that were not there any more. That is as good as done.
    pub gone: usize,
    /// Chunks that are set apart.
    pub damaged: usize,
    /// Chunks that could not be read; the others are merged.
    pub failed: Vec<(ChunkKey, ChunkError)>,
}

/// Reads these chunks of a session and unites them with its manifest, with one write; where that is by other rules, reads all chunks of the
/// session. Before the write, a message is on its way that looks
/// whether the session has ended. Chunks of what is erased are deleted instead.
///
/// # Errors
/// [`ChunksError`]; all of it may be repeated.
pub async fn merge_chunks<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    keys: &[ChunkKey],
    rules: &ProjectRules,
) -> Result<MergedChunks, ChunksError> {
    let mut done = read(shell, keys, rules.clicks).await?;
    if done.summaries.is_empty() {
        return Ok(done);
    }
    let mut is_sent = false;
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
        let hop_ms = i64::try_from(shell.settings.hop.as_millis()).unwrap_or(i64::MAX);
        if !is_sent && !is_looked_after(stored, now_ms(), hop_ms) {
            // Before the write: when this fails or ends here, the chunk's event comes again, and so does this.
            look_later(shell, project, session, seen(manifest)).await?;
            is_sent = true;
        }
        Ok(Permit::Write)
    };
    let update = shell.update(project, session, rules.clicks);
    let summaries = &done.summaries;
    let merged = match Box::pin(update.run(|union| insert(union, summaries), &mut permit)).await {
        Err(ChunksError::Merge(MergeError::OtherRules { .. })) => {
            let anew = Box::pin(Anew::find(&shell.store, project, session, rules.clicks)).await?;
            let update = Update { basis: Basis::Anew, ..update };
            let merged = Box::pin(update.run(|union| anew.replace(union), &mut permit)).await?;
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

async fn read<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    keys: &[ChunkKey],
    clicks: Clicks,
) -> Result<MergedChunks, ChunksError> {
    let mut done = MergedChunks {
        merged: Merged::Unchanged,
        manifest: None,
        summaries: Vec::new(),
        gone: 0,
        damaged: 0,
        failed: Vec::new(),
    };
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
                done.damaged += 1;
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
