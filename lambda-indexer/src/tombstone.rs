//! What must not be written any more: `spec/requests.md`, invariant I11.

use std::collections::BTreeSet;

use tapedeck_core::ids::{ProjectId, RequestId, SessionId};
use tapedeck_core::object_key::{SessionTombstoneKey, UserTombstoneKey};
use tapedeck_core::request::{
    DOCUMENT_BYTES_MAX, DOCUMENT_VERSION, DocumentError, Tombstone, parse_document,
};
use tapedeck_core::store::{Created, NewObject, Store, StoreError};
use tapedeck_core::user_hash::{UserHash, UserHashKey};

use crate::clock::now_ms;

/// Why it is not known whether something may be written. Then it must not.
#[derive(Debug, thiserror::Error)]
pub enum TombstoneError {
    /// The store failed or refused.
    #[error("tombstones cannot be read or written")]
    Store(#[from] StoreError),
    /// A tombstone that cannot be read. That there is one is what counts, except for when and by whom.
    #[error("{key} cannot be read; delete it and ask for the erasure again")]
    Document {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// Not in practice.
    #[error("tombstone has no JSON form")]
    Encode(#[from] serde_json::Error),
}

/// Whether a session is erased.
///
/// # Errors
/// [`TombstoneError::Store`]
pub async fn is_erased(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<bool, TombstoneError> {
    let key = SessionTombstoneKey { project: project.clone(), session: session.clone() };
    Ok(store.get(&key.to_string(), DOCUMENT_BYTES_MAX).await?.is_some())
}

/// By which request one of these users is erased. `hash_key` is the project's.
///
/// # Errors
/// [`TombstoneError`]
pub async fn erased_user(
    store: &impl Store,
    project: &ProjectId,
    hash_key: Option<&UserHashKey>,
    users: &BTreeSet<String>,
) -> Result<Option<RequestId>, TombstoneError> {
    // Without the key nobody was erased by user.
    let Some(hash_key) = hash_key else { return Ok(None) };
    for user in users {
        let key =
            UserTombstoneKey { project: project.clone(), user: UserHash::of(user, hash_key) }.to_string();
        if let Some(object) = store.get(&key, DOCUMENT_BYTES_MAX).await? {
            let tombstone: Tombstone =
                parse_document(&object.body).map_err(|source| TombstoneError::Document { key, source })?;
            return Ok(Some(tombstone.request));
        }
    }
    Ok(None)
}

/// Writes a session's tombstone. Tells whether it is the first.
///
/// # Errors
/// [`TombstoneError`]
pub async fn bury_session(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    request: &RequestId,
) -> Result<bool, TombstoneError> {
    let key = SessionTombstoneKey { project: project.clone(), session: session.clone() };
    create(store, &key.to_string(), request).await
}

/// Writes a user's tombstone. Tells whether it is the first.
///
/// # Errors
/// [`TombstoneError`]
pub async fn bury_user(
    store: &impl Store,
    project: &ProjectId,
    user: &UserHash,
    request: &RequestId,
) -> Result<bool, TombstoneError> {
    let key = UserTombstoneKey { project: project.clone(), user: user.clone() };
    create(store, &key.to_string(), request).await
}

async fn create(store: &impl Store, key: &str, request: &RequestId) -> Result<bool, TombstoneError> {
    let tombstone = Tombstone { version: DOCUMENT_VERSION, request: request.clone(), at_ms: now_ms() };
    let body = serde_json::to_vec(&tombstone)?;
    let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
    Ok(store.create(key, object).await? == Created::Stored)
}
