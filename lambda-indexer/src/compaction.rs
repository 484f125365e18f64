//! Many small files of a day into few large ones: `spec/tables.md`, "Compaction".
//!
//! The order of the steps is what makes it safe: the new file is there before the old ones are named as replaced, and they are
//! removed by a later run, when nobody holds a URL of them any more. A crash between two steps leaves rows twice, or files that
//! the next run removes; never a row less.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tapedeck_core::day::Day;
use tapedeck_core::ids::{IndexFileId, ProjectId};
use tapedeck_core::object_key::{ReplacedKey, index_day_prefix};
use tapedeck_core::store::{Listed, NewObject, OwnedStore, StoreError};
use tapedeck_core::tables::{Level, Replaced, Row, Table, fold, plan_fold};

use crate::listing::list_all;
use crate::parquet_file::{FileError, decode_file};
use crate::tables::{FILE_BYTES_MAX, TableError, write_file};

/// Largest object that names replaced files.
const REPLACED_BYTES_MAX: usize = 1024 * 1024;

/// Why a day's files are not compacted, or not all that could be. Whatever was done stays valid; run it again.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The store failed or refused.
    #[error("a day of index files cannot be compacted")]
    Store(#[from] StoreError),
    /// A file that is none of ours.
    #[error("{key} cannot be read; delete it and reindex its day")]
    File {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: FileError,
    },
    /// An object that should name replaced files.
    #[error("{key} cannot be read; delete it: the files it names are then compacted once more")]
    Replaced {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The new file.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Files whose rows are in a new one.
    pub files: usize,
    /// Rows of the new file.
    pub rows: usize,
    /// Files that were removed, replaced by an earlier run.
    pub removed: usize,
}

/// Folds one day of a table where it has many small files, and removes those that an earlier run replaced more than an hour ago.
/// Rows for which `keep` says no are left out: of erased sessions and users. May run at the same time as itself, and be ended at any
/// moment.
///
/// # Errors
/// [`CompactError`].
pub async fn compact(
    store: &impl OwnedStore,
    project: &ProjectId,
    table: Table,
    day: Day,
    now_ms: i64,
    keep: impl Fn(&Row) -> bool,
) -> Result<Compacted, CompactError> {
    let prefix = index_day_prefix(project, table, day);
    let files = list_all(store, &prefix).await?;
    let mut done = Compacted::default();
    let replaced = remove_replaced(store, &files, now_ms, &mut done).await?;
    let Some(plan) = plan_fold(&files, &replaced) else { return Ok(done) };

    let mut rows = Vec::new();
    for key in &plan.keys {
        // Gone: erasure replaced it, or another run of this was faster. Its rows are elsewhere.
        let Some(object) = store.get(key, FILE_BYTES_MAX).await? else { continue };
        let read = decode_file(table, object.body)
            .map_err(|source| CompactError::File { key: key.clone(), source })?;
        rows.extend(read.into_iter().filter(&keep));
    }
    let rows = fold(table, rows);
    let by = write_file(store, project, table, day, Level::L1, &rows).await?;
    // Folding what was folded already may give the same file again.
    let keys: Vec<String> = plan.keys.into_iter().filter(|key| *key != by).collect();
    done.files = keys.len();
    done.rows = rows.len();
    let id = IndexFileId::of_digest(&Sha256::digest(keys.join("\n")));
    let body = Replaced { version: 1, replaced_ms: now_ms, by: vec![by], keys };
    let key = ReplacedKey { project: project.clone(), table, day, id }.to_string();
    let body =
        serde_json::to_vec(&body).map_err(|source| CompactError::Replaced { key: key.clone(), source })?;
    let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
    // That it exists already means that another run did the same: its hour has begun.
    store.create(&key, object).await?;
    Ok(done)
}

/// Removes what earlier runs replaced and whose time is over; returns the keys of all replaced files.
async fn remove_replaced(
    store: &impl OwnedStore,
    files: &[Listed],
    now_ms: i64,
    done: &mut Compacted,
) -> Result<BTreeSet<String>, CompactError> {
    let mut all = BTreeSet::new();
    let is_there = |key: &String| files.iter().any(|file| file.key == *key);
    for file in files.iter().filter(|file| file.key.contains("/replaced/")) {
        let Some(object) = store.get(&file.key, REPLACED_BYTES_MAX).await? else { continue };
        let replaced: Replaced = serde_json::from_slice(&object.body)
            .map_err(|source| CompactError::Replaced { key: file.key.clone(), source })?;
        if replaced.is_over(now_ms) {
            for key in replaced.keys.iter().filter(|key| is_there(key)) {
                store.delete(key).await?;
                done.removed += 1;
            }
            // Last: ended before, the next run finds it and goes on.
            store.delete(&file.key).await?;
        }
        all.extend(replaced.keys);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
