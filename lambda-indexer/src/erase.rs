//! Everything of a session out of the bucket, but for the rows of tables: `spec/requests.md`.

use tapedeck_core::ids::{ProjectId, SessionId, shard};
use tapedeck_core::object_key::{ArchiveClass, PinKey, chunks_prefix, manifest_key};
use tapedeck_core::request::Removed;
use tapedeck_core::store::{OwnedStore, StoreError};

use crate::listing::KEYS_AT_ONCE;
use crate::session_tape::{SessionTapeError, tapes};

/// Why something of a session may still be there. All of it may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The store failed or refused.
    #[error("a session cannot be erased")]
    Store(#[from] StoreError),
    /// Its tapes.
    #[error("a session's tapes cannot be erased")]
    Tape(#[from] SessionTapeError),
}

/// Deletes chunks, markers of damaged ones, manifest, tapes and pin of a session. Its tombstone is there already, so nothing of it is
/// written any more but what was about to be.
///
/// # Errors
/// [`EraseError`]
pub async fn delete_session(
    store: &impl OwnedStore,
    classes: &[ArchiveClass],
    project: &ProjectId,
    session: &SessionId,
) -> Result<Removed, EraseError> {
    let mut removed =
        Removed { chunks: delete_all(store, &chunks_prefix(project, session)).await?, ..Removed::default() };
    let shard = shard(project, session);
    delete_all(store, &format!("quarantine/{project}/{shard}/{session}/")).await?;
    removed.manifests = delete_all(store, &manifest_key(project, session)).await?;
    for key in tapes(store, classes, project, session).await? {
        store.delete(&key.to_string()).await?;
        removed.tapes += 1;
    }
    let pin = PinKey { project: project.clone(), session: session.clone() };
    delete_all(store, &pin.to_string()).await?;
    Ok(removed)
}

async fn delete_all(store: &impl OwnedStore, prefix: &str) -> Result<u64, StoreError> {
    let mut deleted = 0;
    loop {
        // Always from the start: what was there is gone by now.
        let listed = store.list(prefix, None, KEYS_AT_ONCE).await?;
        for object in &listed {
            store.delete(&object.key).await?;
            deleted += 1;
        }
        if listed.len() < KEYS_AT_ONCE {
            return Ok(deleted);
        }
    }
}
