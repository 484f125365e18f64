//! One task, carried out.

use tapedeck_core::store::OwnedStore;
use tapedeck_core::tables::TableRows;
use tapedeck_core::usage::Counted;

use crate::compact_days::{CompactDaysError, compact_days};
use crate::end::{EndError, Ended, look};
use crate::metrics::Counts;
use crate::outbox::{Outbox, OutboxError};
use crate::reindex::{ReindexError, fan_out, reindex_shard};
use crate::request::{RequestError, carry_out_request};
use crate::rows::rows_at_end;
use crate::rules::ProjectRules;
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

/// Carries out a task, or a part of it and sends what is left. Returns the rows that come of it, and adds to `usage` what
/// has to be counted; both are then to be written.
///
/// # Errors
/// [`WorkError`]; the task may be repeated.
pub async fn carry_out<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    task: &Task,
    counts: &mut Counts,
    usage: &mut Counted,
) -> Result<TableRows, WorkError> {
    counts.tasks += 1;
    match task {
        Task::End { project, session, set } => {
            let rules = ProjectRules::read(&shell.store, project).await?;
            let Ended::Ended { manifest, pinned } =
                Box::pin(look(shell, project, session, set, &rules)).await?
            else {
                return Ok(TableRows::new());
            };
            counts.ended += 1;
            usage.insert(&manifest);
            Ok(rows_at_end(&manifest, pinned, &rules.rows))
        }
        Task::Request { project, request, from } => {
            Box::pin(carry_out_request(shell, project, request, from.as_deref())).await?;
            Ok(TableRows::new())
        }
        Task::Sweep { from } => {
            Box::pin(sweep(shell, from.as_deref())).await?;
            Ok(TableRows::new())
        }
        Task::Compact { from } => {
            Box::pin(compact_days(shell, from.as_deref())).await?;
            Ok(TableRows::new())
        }
        Task::Reindex { project, run, shard: None, .. } => {
            fan_out(shell, project, run).await?;
            Ok(TableRows::new())
        }
        Task::Reindex { project, run, shard: Some(shard), from, done } => {
            let done = Box::pin(reindex_shard(shell, project, run, shard, from.as_ref(), *done)).await?;
            tracing::info!(%project, run, shard, sessions = done.sessions, written = done.written, "reindexed");
            Ok(TableRows::new())
        }
    }
}
