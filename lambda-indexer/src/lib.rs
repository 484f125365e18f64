//! The indexer: turns the bucket's events into manifests, tables and tapes, and carries out what is asked for in the bucket.
//!
//! An invocation reads top to bottom: [`event`] says which objects and tasks it is about, [`sessions`] reads each chunk once
//! ([`chunk`]) and unites what was read with what is known ([`merge`]), [`work`] carries out tasks ([`end`] and others), [`invocation`]
//! puts them together and answers. All of it may run again, at the same time, and in any order, and what the bucket then holds is the
//! same.

pub mod anew;
pub mod chunk;
pub mod clock;
pub mod compact_days;
pub mod compaction;
pub mod deadline;
pub mod end;
pub mod erase;
pub mod event;
pub mod failure;
pub mod invocation;
pub mod listing;
pub mod merge;
pub mod metrics;
pub mod outbox;
pub mod parquet_file;
pub mod pass;
pub mod portable;
pub mod quarantine;
pub mod reindex;
pub mod request;
pub mod rows;
pub mod rules;
pub mod s3_store;
pub mod session_tape;
pub mod sessions;
pub mod settings;
pub mod shell;
pub mod sweep;
pub mod tables;
pub mod task;
pub mod tombstone;
pub mod usage;
pub mod work;
