//! The indexer: turns the bucket's events into manifests.
//!
//! An invocation reads top to bottom: [`event`] says which objects it is about, [`chunk`] reads each of them once, [`merge`]
//! unites what was read with what is known, [`invocation`] puts them together and answers. All of it may run again, at the
//! same time, and in any order, and what the bucket then holds is the same.

pub mod chunk;
pub mod compaction;
pub mod event;
pub mod invocation;
pub mod merge;
pub mod parquet_file;
pub mod s3_store;
pub mod tables;
