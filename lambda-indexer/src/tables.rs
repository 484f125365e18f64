//! Rows into the bucket: at most one file a table and day for one call.

use sha2::{Digest, Sha256};
use tapedeck_core::day::Day;
use tapedeck_core::ids::{IndexFileId, ProjectId};
use tapedeck_core::object_key::IndexKey;
use tapedeck_core::store::{NewObject, Store, StoreError};
use tapedeck_core::tables::{Level, Row, Table, TableRows, fold};

use crate::parquet_file::{FileError, encode_file};

/// Media type of Parquet files, as IANA has it.
pub const PARQUET: &str = "application/vnd.apache.parquet";

/// Largest file of a table that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why rows are not in the bucket, or not all of them. The same call may be repeated without harm.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The store failed or refused.
    #[error("rows of {table} of {day} cannot be written")]
    Store {
        /// Which table.
        table: Table,
        /// Which day.
        day: Day,
        /// What the store says.
        source: StoreError,
    },
    /// Not in practice: see [`encode_file`].
    #[error("rows of {table} of {day} cannot be encoded")]
    Encode {
        /// Which table.
        table: Table,
        /// Which day.
        day: Day,
        /// What is wrong.
        source: FileError,
    },
}

/// Writes `rows` as `l0` files, one a project, table and day, and returns their keys. The same rows, in whatever order and
/// however often they are given, are the same files: writing them again changes nothing.
///
/// # Errors
/// [`TableError`] at the first file that cannot be written; those before it are.
pub async fn write_tables(store: &impl Store, rows: &TableRows) -> Result<Vec<String>, TableError> {
    let mut keys = Vec::new();
    for (project, table, day, rows) in rows.files() {
        let rows = fold(table, rows.iter().cloned());
        keys.push(write_file(store, project, table, day, Level::L0, &rows).await?);
    }
    Ok(keys)
}

/// Writes one file, in which `rows` stand as they are given, and returns its key.
pub(crate) async fn write_file(
    store: &impl Store,
    project: &ProjectId,
    table: Table,
    day: Day,
    level: Level,
    rows: &[Row],
) -> Result<String, TableError> {
    let body = encode_file(table, level, rows).map_err(|source| TableError::Encode { table, day, source })?;
    let key = IndexKey {
        project: project.clone(),
        table,
        day,
        level,
        id: IndexFileId::of_digest(&Sha256::digest(&body)),
    }
    .to_string();
    let object = NewObject { body: &body, content_type: PARQUET, metadata: &[] };
    // That it exists already is as good: its name is its content.
    store.create(&key, object).await.map_err(|source| TableError::Store { table, day, source })?;
    Ok(key)
}
