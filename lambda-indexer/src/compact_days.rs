//! The schedule's compaction: finds the days of tables in which there is something to do.

use std::collections::BTreeSet;

use tapedeck_core::day::Day;
use tapedeck_core::ids::ProjectId;
use tapedeck_core::object_key::{IndexKey, ReplacedKey, SessionTombstoneKey, UserTombstoneKey};
use tapedeck_core::store::{OwnedStore, StoreError};
use tapedeck_core::tables::{Cell, FILES_MIN, Level, Row, Table};
use tapedeck_core::user_hash::{UserHash, UserHashKey};

use crate::clock::now_ms;
use crate::compaction::{CompactError, compact};
use crate::listing::{KEYS_AT_ONCE, keys};
use crate::outbox::{Outbox, OutboxError};
use crate::rules::ProjectRules;
use crate::shell::{ConfigReadError, Shell};
use crate::task::Task;

/// Why not all days are compacted. It may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum CompactDaysError {
    /// The store failed or refused.
    #[error("days to be compacted cannot be found")]
    Store(#[from] StoreError),
    /// One day.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// Who is erased is not known.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// The message that goes on.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Compacts every day of every table behind `from` that needs it, or as many as there is time for and sends what is left.
///
/// # Errors
/// [`CompactDaysError`]
pub async fn compact_days<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    from: Option<&str>,
) -> Result<(), CompactDaysError> {
    let mut after = from.map(str::to_owned);
    let mut open: Option<((ProjectId, Table, Day), usize)> = None;
    loop {
        let listed = shell.store.list("index/", after.as_deref(), KEYS_AT_ONCE).await?;
        let is_last = listed.len() < KEYS_AT_ONCE;
        for object in listed {
            // A note of replaced files is something to do by itself: it is removed in its time.
            let (day, weight) = match (object.key.parse::<IndexKey>(), object.key.parse::<ReplacedKey>()) {
                (Ok(key), _) => ((key.project, key.table, key.day), usize::from(key.level == Level::L0)),
                (_, Ok(key)) => ((key.project, key.table, key.day), FILES_MIN),
                _ => continue,
            };
            after = Some(object.key);
            match &mut open {
                Some((known, sum)) if *known == day => *sum += weight,
                _ => {
                    if let Some((day, sum)) = open.replace((day, weight)) {
                        one(shell, day, sum).await?;
                    }
                }
            }
        }
        if is_last {
            break;
        }
        if shell.deadline.is_near() {
            shell.outbox.send(&Task::Compact { from: after }, std::time::Duration::ZERO).await?;
            break;
        }
    }
    match open {
        Some((day, sum)) => one(shell, day, sum).await,
        None => Ok(()),
    }
}

async fn one<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    (project, table, day): (ProjectId, Table, Day),
    sum: usize,
) -> Result<(), CompactDaysError> {
    if sum < FILES_MIN {
        return Ok(());
    }
    let erased = Erased::read(shell, &project).await?;
    let keep = |row: &Row| !erased.has(table, row);
    let done = compact(&shell.store, &project, table, day, now_ms(), keep).await?;
    tracing::info!(%project, %table, %day, files = done.files, rows = done.rows, removed = done.removed, "compacted");
    Ok(())
}

/// What of a project must not be written again.
struct Erased {
    sessions: BTreeSet<String>,
    users: BTreeSet<String>,
    hash_key: Option<UserHashKey>,
}

impl Erased {
    async fn read<S: OwnedStore, O: Outbox>(
        shell: &Shell<'_, S, O>,
        project: &ProjectId,
    ) -> Result<Self, CompactDaysError> {
        let mut erased = Self {
            sessions: BTreeSet::new(),
            users: BTreeSet::new(),
            hash_key: ProjectRules::read(&shell.store, project).await?.user_hash_key,
        };
        for key in keys(&shell.store, &format!("erasures/{project}/")).await? {
            if let Ok(key) = key.parse::<SessionTombstoneKey>() {
                erased.sessions.insert(key.session.to_string());
            } else if let Ok(key) = key.parse::<UserTombstoneKey>() {
                erased.users.insert(key.user.as_str().to_owned());
            }
        }
        Ok(erased)
    }

    fn has(&self, table: Table, row: &Row) -> bool {
        let by_session = match row.get(table, "session") {
            Cell::Text(session) => self.sessions.contains(session),
            _ => false,
        };
        let users = match row.get(table, "users") {
            Cell::List(users) if !self.users.is_empty() => &users[..],
            _ => &[],
        };
        let is_erased = |user: &String| {
            self.hash_key.as_ref().is_some_and(|key| self.users.contains(UserHash::of(user, key).as_str()))
        };
        by_session || users.iter().any(is_erased)
    }
}
