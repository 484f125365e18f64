//! Chunks that cannot be read: a marker object says why, so that nobody tries again, and a person finds them.

use std::collections::BTreeSet;

use serde::Serialize;
use tapedeck_core::ids::{ProjectId, SessionId, shard};
use tapedeck_core::object_key::{ChunkKey, ChunkName, QuarantineKey};
use tapedeck_core::store::{NewObject, Store, StoreError};
use tapedeck_core::text::bounded;

use crate::chunk::Damage;
use crate::failure::chain;
use crate::listing::keys;

/// Longest description, in characters.
const DETAIL_CHARS_MAX: usize = 1_000;

#[derive(Serialize)]
struct Marker<'a> {
    version: u32,
    reason: &'static str,
    detail: &'a str,
}

/// Marks a chunk as damaged. Doing it again changes nothing.
///
/// # Errors
/// [`StoreError`]
pub async fn set_apart(store: &impl Store, key: &ChunkKey, damage: &Damage) -> Result<(), StoreError> {
    let detail = bounded(&chain(damage), DETAIL_CHARS_MAX);
    let marker = Marker { version: 1, reason: reason(damage), detail: &detail };
    let body = serde_json::to_vec(&marker).unwrap_or_default();
    let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
    store.create(&QuarantineKey { chunk: key.clone() }.to_string(), object).await?;
    Ok(())
}

/// Which chunks of a session are known to be damaged.
///
/// # Errors
/// [`StoreError`]
pub async fn damaged(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<BTreeSet<ChunkName>, StoreError> {
    let markers =
        keys(store, &format!("quarantine/{project}/{}/{session}/", shard(project, session))).await?;
    Ok(markers.iter().filter_map(|key| key.parse::<QuarantineKey>().ok()).map(|key| key.chunk.name).collect())
}

fn reason(damage: &Damage) -> &'static str {
    match damage {
        Damage::Object { .. } => "object_too_large",
        Damage::Gzip { .. } => "gzip",
        Damage::Trailing { .. } => "trailing",
        Damage::TooLarge { .. } => "too_large",
        Damage::Utf8 { .. } => "utf8",
        Damage::Summary(_) => "events",
    }
}
