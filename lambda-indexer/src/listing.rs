//! Listings of the bucket, page by page.

use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::object_key::{ChunkKey, ChunkName, chunks_prefix};
use tapedeck_core::store::{Listed, Store, StoreError};

/// Keys of a listing at a time: the most that S3 gives.
pub const KEYS_AT_ONCE: usize = 1_000;

/// Every object under a prefix, in byte order of their keys.
///
/// # Errors
/// [`StoreError`]
pub async fn list_all(store: &impl Store, prefix: &str) -> Result<Vec<Listed>, StoreError> {
    let mut found: Vec<Listed> = Vec::new();
    loop {
        let after = found.last().map(|listed| listed.key.clone());
        let page = store.list(prefix, after.as_deref(), KEYS_AT_ONCE).await?;
        let is_last = page.len() < KEYS_AT_ONCE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// The keys of every object under a prefix, in byte order.
///
/// # Errors
/// [`StoreError`]
pub async fn keys(store: &impl Store, prefix: &str) -> Result<Vec<String>, StoreError> {
    Ok(list_all(store, prefix).await?.into_iter().map(|listed| listed.key).collect())
}

/// The chunks of a session that are in the bucket.
///
/// # Errors
/// [`StoreError`]
pub async fn chunks_of(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<Vec<ChunkName>, StoreError> {
    let keys = keys(store, &chunks_prefix(project, session)).await?;
    Ok(keys.iter().filter_map(|key| key.parse::<ChunkKey>().ok()).map(|key| key.name).collect())
}
