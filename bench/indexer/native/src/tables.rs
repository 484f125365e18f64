//! Compaction of a day of a table.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapedeck_core::ids::IndexFileId;
use tapedeck_core::object_key::IndexKey;
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store as _};
use tapedeck_core::tables::{Level, Row};
use tapedeck_indexer::compaction::compact;
use tapedeck_indexer::parquet_file::{decode_file, encode_file};

use crate::float;

/// As many small files as a day may come to before it is compacted.
const FILES: usize = 128;

/// The rows of files of one day, written anew as many small ones, and compacted.
pub(crate) fn compaction(files: &[&str]) -> Result<Value> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut rows: Vec<Row> = Vec::new();
        let mut of: Option<IndexKey> = None;
        for path in files {
            let at = path.find("index/").with_context(|| format!("{path} is not under index/"))?;
            let key: IndexKey = path[at..].parse()?;
            ensure!(
                of.as_ref().is_none_or(|of| (of.table, of.day) == (key.table, key.day)),
                "{path} is of another table or day"
            );
            rows.extend(decode_file(key.table, std::fs::read(path)?)?);
            of = Some(key);
        }
        let IndexKey { project, table, day, .. } = of.context("no files given")?;
        let store = MemoryStore::default();
        for some in rows.chunks(rows.len().div_ceil(FILES)) {
            let body = encode_file(table, Level::L0, some)?;
            let id = IndexFileId::of_digest(&Sha256::digest(&body));
            let key = IndexKey { project: project.clone(), table, day, level: Level::L0, id };
            let object = NewObject { body: &body, content_type: "application/vnd.apache.parquet", metadata: &[] };
            store.create(&key.to_string(), object).await?;
        }
        let begun = Instant::now();
        let done = compact(&store, &project, table, day, 0, |_| true).await?;
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(done.rows == rows.len(), "{} rows became {}", rows.len(), done.rows);
        Ok(json!({
            "table": table.to_string(), "files": done.files, "rows": done.rows, "seconds": seconds, "rows_per_s": float(done.rows) / seconds,
        }))
    })
}
