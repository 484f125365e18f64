//! One task, carried out.

use tapedeck_core::store::OwnedStore;
use tapedeck_core::tables::TableRows;
use tapedeck_core::usage::Counted;

use crate::compact_days::{CompactDaysError, compact_days};
use crate::end::{EndError, Ended, Look, Looked, look};
use crate::outbox::{Outbox, OutboxError};
use crate::reindex::{ReindexError, fan_out, reindex_shard};
use crate::request::{RequestError, carry_out_request};
use crate::rows::rows_at_end;
use crate::sessions::MergedChunks;
use crate::shell::{ConfigReadError, Shell};
use crate::sweep::{SweepError, sweep};
use crate::task::Task;

/// Why a task has to come again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The end of a session.
    #[error(transparent)]
    End(#[from] EndError),
    /// A request to erase or pin.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The sweep.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Compaction.
    #[error(transparent)]
    Compact(#[from] CompactDaysError),
    /// Making anew.
    #[error(transparent)]
    Reindex(#[from] ReindexError),
    /// A message.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// By which rules rows are made.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
}

/// What a task comes to, to be written.
#[derive(Debug, Default)]
pub struct Done {
    /// Rows.
    pub rows: TableRows,
    /// What has to be counted.
    pub usage: Counted,
    /// Chunks that were merged.
    pub merged: Option<MergedChunks>,
    /// Whether a session has ended.
    pub is_end: bool,
}

/// Carries out a task, or a part of it and sends what is left.
///
/// # Errors
/// [`WorkError`]; the task may be repeated.
pub async fn carry_out<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    task: &Task,
) -> Result<Done, WorkError> {
    match task {
        Task::End { project, session, set, sent_ms, listed_ms, rows } => {
            let asked =
                Look { set: set.clone(), sent_ms: *sent_ms, listed_ms: *listed_ms, rows: rows.clone() };
            let Looked { ended, mut rows, merged } = Box::pin(look(shell, project, session, &asked)).await?;
            let mut usage = Counted::default();
            let is_end = if let Ended::Ended { manifest, pinned } = ended {
                let rules = shell.rules.of(&shell.store, project).await?;
                usage.insert(&manifest);
                rows.extend(rows_at_end(&manifest, pinned, &rules.rows));
                true
            } else {
                false
            };
            return Ok(Done { rows, usage, merged, is_end });
        }
        Task::Request { project, request, from } => {
            Box::pin(carry_out_request(shell, project, request, from.as_deref())).await?;
        }
        Task::Sweep { from } => {
            Box::pin(sweep(shell, from.as_deref())).await?;
        }
        Task::Compact { from } => {
            Box::pin(compact_days(shell, from.as_deref())).await?;
        }
        Task::Reindex { project, run, shard: None, .. } => {
            fan_out(shell, project, run).await?;
        }
        Task::Reindex { project, run, shard: Some(shard), from, done } => {
            let done = Box::pin(reindex_shard(shell, project, run, shard, from.as_ref(), *done)).await?;
            tracing::info!(%project, run, shard, sessions = done.sessions, written = done.written, "reindexed");
        }
    }
    Ok(Done::default())
}
