//! The daily look at the bucket: sessions with chunks that no event brought, and sessions that nobody ended. Both are handed to the
//! queue, as if their message had just come. From listings and the sessions table alone; a bucket without chunks costs one request.

use std::collections::BTreeMap;

use tapedeck_core::day::Day;
use tapedeck_core::ids::{ProjectId, SessionId, shard};
use tapedeck_core::object_key::{ChunkKey, index_day_prefix};
use tapedeck_core::store::{OwnedStore, Store, StoreError};
use tapedeck_core::tables::{Cell, Table};

use crate::clock::ms;
use crate::end::look_now;
use crate::listing::{KEYS_AT_ONCE, keys, list_all};
use crate::merge::{MergeError, stored};
use crate::outbox::{Outbox, OutboxError};
use crate::parquet_file::{FileError, decode_file};
use crate::shell::Shell;
use crate::tables::FILE_BYTES_MAX;
use crate::task::Task;

/// Sessions whose last chunk is older were looked at before.
const AGE_MS_MAX: i64 = 3 * 24 * 60 * 60 * 1000;

/// Why the sweep stopped. It may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store failed or refused.
    #[error("the bucket cannot be swept")]
    Store(#[from] StoreError),
    /// A message that ends a session, or goes on with the sweep.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A manifest.
    #[error(transparent)]
    Manifest(#[from] MergeError),
    /// A file that is none of ours.
    #[error("{key} cannot be read; delete it and reindex its day")]
    File {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: FileError,
    },
}

/// A session as the listing has it.
#[derive(Debug)]
struct Found {
    project: ProjectId,
    session: SessionId,
    chunks: u64,
    latest_ms: i64,
}

/// Looks at all sessions behind `from`, or at as many as there is time for and sends what is left. Returns how many were handed on.
///
/// # Errors
/// [`SweepError`]
pub async fn sweep<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    from: Option<&str>,
) -> Result<u64, SweepError> {
    let mut known = Known::default();
    let mut after = from.map(str::to_owned);
    let mut open: Option<Found> = None;
    let mut handed_on = 0;
    loop {
        let listed = shell.store.list("chunks/", after.as_deref(), KEYS_AT_ONCE).await?;
        let is_last = listed.len() < KEYS_AT_ONCE;
        for object in listed {
            let Ok(key) = object.key.parse::<ChunkKey>() else { continue };
            let modified_ms = object.modified_ms.unwrap_or(0);
            match &mut open {
                Some(found) if found.session == key.session && found.project == key.project => {
                    found.chunks += 1;
                    found.latest_ms = found.latest_ms.max(modified_ms);
                }
                _ => {
                    let found = Found {
                        project: key.project.clone(),
                        session: key.session.clone(),
                        chunks: 1,
                        latest_ms: modified_ms,
                    };
                    if let Some(before) = open.replace(found) {
                        handed_on += u64::from(known.look(shell, &before).await?);
                    }
                }
            }
            after = Some(object.key);
        }
        if is_last {
            break;
        }
        if shell.deadline.is_near() {
            // The session that is open is looked at again from its start.
            let open = open.map(|found| {
                let Found { project, session, .. } = found;
                // `.` comes before `/`, so all its chunks are behind this.
                format!("chunks/{project}/{}/{session}.", shard(&project, &session))
            });
            shell.outbox.send(&Task::Sweep { from: open }, std::time::Duration::ZERO).await?;
            return Ok(handed_on);
        }
    }
    if let Some(found) = open {
        handed_on += u64::from(known.look(shell, &found).await?);
    }
    Ok(handed_on)
}

/// What was read once: the manifests of one shard, and the sessions of one day that have ended.
#[derive(Debug, Default)]
struct Known {
    shard: Option<(String, BTreeMap<String, i64>)>,
    days: BTreeMap<(ProjectId, Day), BTreeMap<String, u64>>,
}

impl Known {
    /// Hands a session on if something of it was left behind.
    async fn look<S: OwnedStore, O: Outbox>(
        &mut self,
        shell: &Shell<'_, S, O>,
        found: &Found,
    ) -> Result<bool, SweepError> {
        let Found { project, session, chunks, latest_ms } = found;
        let age_ms = (shell.now_ms)().saturating_sub(*latest_ms);
        let hop_ms = ms(shell.settings.hop);
        // A message may still be on its way.
        if age_ms < 3 * hop_ms || age_ms > AGE_MS_MAX {
            return Ok(false);
        }
        let is_merged = self
            .manifest_ms(&shell.store, project, session)
            .await?
            .is_some_and(|modified_ms| modified_ms >= *latest_ms);
        if is_merged {
            let ended = self.ended_chunks(&shell.store, project, session).await?;
            if ended >= *chunks
                || (ended > 0 && lists_all_it_can(&shell.store, project, session, ended).await?)
            {
                return Ok(false);
            }
        }
        look_now(shell, project, session, None).await?;
        tracing::info!(%project, %session, chunks, is_merged, "session was left behind");
        Ok(true)
    }

    async fn manifest_ms(
        &mut self,
        store: &impl Store,
        project: &ProjectId,
        session: &SessionId,
    ) -> Result<Option<i64>, StoreError> {
        let prefix = format!("manifests/{project}/{}/", shard(project, session));
        if self.shard.as_ref().is_none_or(|(known, _)| *known != prefix) {
            let manifests = list_all(store, &prefix).await?.into_iter();
            let manifests = manifests.map(|object| (object.key, object.modified_ms.unwrap_or(0)));
            self.shard = Some((prefix.clone(), manifests.collect()));
        }
        let key = format!("{prefix}{session}.json");
        Ok(self.shard.as_ref().and_then(|(_, manifests)| manifests.get(&key).copied()))
    }

    /// Of how many chunks the last row of a session that has ended is.
    async fn ended_chunks(
        &mut self,
        store: &impl Store,
        project: &ProjectId,
        session: &SessionId,
    ) -> Result<u64, SweepError> {
        let day = Day::of_ms(session.start_ms());
        let at = (project.clone(), day);
        if !self.days.contains_key(&at) {
            let mut ended = BTreeMap::new();
            let keys = keys(store, &index_day_prefix(project, Table::Sessions, day)).await?;
            for key in keys.iter().filter(|key| key.ends_with(".parquet")) {
                read_ended(store, key, &mut ended).await?;
            }
            self.days.insert(at.clone(), ended);
        }
        Ok(self.days[&at].get(session.as_str()).copied().unwrap_or(0))
    }
}

/// Whether a session's manifest has room for no more chunks than its last row counts: then the row is of all of them.
async fn lists_all_it_can(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    ended: u64,
) -> Result<bool, MergeError> {
    let manifest = stored(store, project, session).await?;
    Ok(manifest.is_some_and(|manifest| manifest.more.is_some() && ended >= manifest.counts.chunks))
}

async fn read_ended(
    store: &impl Store,
    key: &str,
    ended: &mut BTreeMap<String, u64>,
) -> Result<(), SweepError> {
    const TABLE: Table = Table::Sessions;
    let Some(object) = store.get(key, FILE_BYTES_MAX).await? else { return Ok(()) };
    let rows =
        decode_file(TABLE, object.body).map_err(|source| SweepError::File { key: key.to_owned(), source })?;
    for row in rows {
        let (Cell::Text(session), Cell::Text(state)) = (row.get(TABLE, "session"), row.get(TABLE, "state"))
        else {
            continue;
        };
        if let (Cell::Int(chunks), "ended") = (row.get(TABLE, "chunks"), state.as_str()) {
            let known = ended.entry(session.clone()).or_default();
            *known = u64::try_from(*chunks).unwrap_or(0).max(*known);
        }
    }
    Ok(())
}
