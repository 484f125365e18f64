//! One pass of an erasure over the bucket: shard by shard the sessions, then file by file the tables. A pass may stop anywhere and go on
//! from there; it says whether it found anything.

use std::collections::BTreeSet;
use std::fmt;

use tapedeck_core::config::Clicks;
use tapedeck_core::day::Day;
use tapedeck_core::ids::{ProjectId, RequestId, SessionId};
use tapedeck_core::manifest::{MANIFEST_BYTES_MAX, Manifest};
use tapedeck_core::object_key::{
    ArchiveClass, ChunkKey, IndexKey, SessionTombstoneKey, TapeKey, index_day_prefix,
};
use tapedeck_core::request::Removed;
use tapedeck_core::store::{OwnedStore, StoreError};
use tapedeck_core::summary::ChunkSummary;
use tapedeck_core::tables::{Cell, Row, Table};
use tapedeck_core::tape::Tape;
use tapedeck_core::user_hash::{UserHash, UserHashKey};

use crate::chunk::{ChunkError, read_chunk};
use crate::erase::{EraseError, delete_session};
use crate::listing::{KEYS_AT_ONCE, keys};
use crate::outbox::Outbox;
use crate::parquet_file::{FileError, decode_file};
use crate::rules::ProjectRules;
use crate::session_tape::{SessionTapeError, TAPE_BYTES_MAX, classes};
use crate::shell::{ConfigReadError, Shell};
use crate::tables::{FILE_BYTES_MAX, TableError, write_file};
use crate::tombstone::{TombstoneError, bury_session};

/// Users of a manifest: where it names so many, there may be more.
const USERS_MAX: usize = tapedeck_core::manifest::NAMES_MAX;

/// Why a pass stopped in the middle. It may be repeated from its start.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The store failed or refused.
    #[error("erasure cannot go on")]
    Store(#[from] StoreError),
    /// A session's objects.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// A session's tombstone.
    #[error(transparent)]
    Tombstone(#[from] TombstoneError),
    /// A session's tapes.
    #[error(transparent)]
    Tape(#[from] SessionTapeError),
    /// The key of user hashes.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// Without it nobody is found by a hash.
    #[error(
        "project {project} has no user_hash_key, without which no user can be erased; put back the one that the request was made with"
    )]
    NoKey {
        /// Which.
        project: ProjectId,
    },
    /// A file of a table that cannot be read, so nobody knows who is in it.
    #[error("{key} cannot be read; delete it and reindex its day")]
    File {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: FileError,
    },
    /// A file of a table that stands in for another.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One session.
    Session(SessionId),
    /// Every session of a user.
    User(UserHash),
}

/// Where a pass is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which of the 256 shards; 256 for the tables.
    shard: u16,
    /// Behind which key of the tables.
    after: Option<String>,
    /// Whether something was found before.
    found: bool,
}

impl Place {
    /// As a message has it; its start where it has none or another form.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        let start = Self { shard: 0, after: None, found: false };
        let Some((found, rest)) = text.and_then(|text| text.split_once(':')) else { return start };
        let Some((shard, after)) = rest.split_once(':') else { return start };
        let Ok(shard) = shard.parse::<u16>() else { return start };
        let after = (!after.is_empty()).then(|| after.to_owned());
        Self { shard: shard.min(256), after, found: found == "1" }
    }

    /// How many shards are behind it.
    #[must_use]
    pub fn shards_done(&self) -> u32 {
        u32::from(self.shard)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", u8::from(self.found), self.shard, self.after.as_deref().unwrap_or_default())
    }
}

/// What a part of a pass did.
#[derive(Debug)]
pub struct Passed {
    /// What was removed.
    pub removed: Removed,
    /// Sessions that were found.
    pub sessions: u64,
    /// Where to go on; `None` at the end.
    pub next: Option<Place>,
    /// Whether the pass, up to here, found nothing.
    pub is_clean: bool,
}

/// Removes what is found of `target` from `place` on, until the end or until the invocation's time is nearly over.
///
/// # Errors
/// [`PassError`]
pub async fn pass<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    request: &RequestId,
    target: &Target,
    mut place: Place,
) -> Result<Passed, PassError> {
    let eraser = Eraser {
        shell,
        project,
        request,
        target,
        hash_key: match target {
            Target::Session(_) => None,
            Target::User(_) => {
                let key = ProjectRules::read(&shell.store, project).await?.user_hash_key;
                Some(key.ok_or_else(|| PassError::NoKey { project: project.clone() })?)
            }
        },
        classes: classes(&shell.store).await?,
    };
    let mut done = Passed { removed: Removed::default(), sessions: 0, next: None, is_clean: !place.found };
    if let Target::Session(session) = target {
        eraser.erase(session, &mut done).await?;
        eraser.tables_of(session, &mut done).await?;
        return Ok(done);
    }
    while place.shard < 256 {
        eraser.shard(place.shard, &mut done).await?;
        place.shard += 1;
        place.found |= !done.is_clean;
        if shell.deadline.is_near() {
            done.next = Some(place);
            return Ok(done);
        }
    }
    eraser.tables(place, &mut done).await?;
    Ok(done)
}

struct Eraser<'a, S, O> {
    shell: &'a Shell<'a, S, O>,
    project: &'a ProjectId,
    request: &'a RequestId,
    target: &'a Target,
    hash_key: Option<UserHashKey>,
    classes: Vec<ArchiveClass>,
}

impl<S: OwnedStore, O: Outbox> Eraser<'_, S, O> {
    fn is_user(&self, user: &str) -> bool {
        match (self.target, &self.hash_key) {
            (Target::User(hash), Some(key)) => UserHash::of(user, key) == *hash,
            _ => false,
        }
    }

    /// Everything of a session but its rows.
    async fn erase(&self, session: &SessionId, done: &mut Passed) -> Result<(), PassError> {
        let store = &self.shell.store;
        let is_new = bury_session(store, self.project, session, self.request).await?;
        let removed = delete_session(store, &self.classes, self.project, session).await?;
        done.removed.chunks += removed.chunks;
        done.removed.manifests += removed.manifests;
        done.removed.tapes += removed.tapes;
        done.sessions += u64::from(is_new || removed.chunks + removed.manifests + removed.tapes > 0);
        done.is_clean &= !is_new && removed == Removed::default();
        Ok(())
    }

    /// The sessions of a user in one shard: by manifests, by chunks where these do not say all, and by tapes that outlived both.
    async fn shard(&self, number: u16, done: &mut Passed) -> Result<(), PassError> {
        let (store, project) = (&self.shell.store, self.project);
        let mut found: BTreeSet<SessionId> = BTreeSet::new();
        let mut complete: BTreeSet<SessionId> = BTreeSet::new();
        for key in keys(store, &format!("manifests/{project}/{number:02x}/")).await? {
            let Some(object) = store.get(&key, MANIFEST_BYTES_MAX).await? else { continue };
            // One that cannot be read says nothing: its chunks do.
            let Ok(manifest) = Manifest::parse(&object.body) else { continue };
            if manifest.users.iter().any(|user| self.is_user(user)) {
                found.insert(manifest.session);
            } else if manifest.users.len() < USERS_MAX {
                complete.insert(manifest.session);
            }
        }
        for key in keys(store, &format!("chunks/{project}/{number:02x}/")).await? {
            let Ok(key) = key.parse::<ChunkKey>() else { continue };
            if complete.contains(&key.session) || found.contains(&key.session) {
                continue;
            }
            // Who is in it does not depend on thresholds.
            match read_chunk(store, &key, Clicks::default()).await {
                Ok(Some(ChunkSummary { users, .. })) if users.iter().any(|user| self.is_user(user)) => {
                    found.insert(key.session);
                }
                // Nobody can tell who is in a damaged chunk; it expires with the others.
                Ok(_) | Err(ChunkError::Damaged { .. }) => {}
                Err(ChunkError::Store(error)) => return Err(error.into()),
            }
        }
        for class in &self.classes {
            for key in keys(store, &format!("archive/{class}/{project}/{number:02x}/")).await? {
                let Ok(key) = key.parse::<TapeKey>() else { continue };
                if complete.contains(&key.session) || found.contains(&key.session) {
                    continue;
                }
                let Some(object) = store.get(&key.to_string(), TAPE_BYTES_MAX).await? else { continue };
                let tape = Tape::parse(&object.body)
                    .map_err(|source| SessionTapeError::Tape { key: key.to_string(), source })?;
                if tape.header().manifest.users.iter().any(|user| self.is_user(user)) {
                    found.insert(key.session);
                }
            }
        }
        for session in found {
            self.erase(&session, done).await?;
        }
        Ok(())
    }

    /// The rows of one session: its files are those of the day in its id.
    async fn tables_of(&self, session: &SessionId, done: &mut Passed) -> Result<(), PassError> {
        let erased = BTreeSet::from([session.to_string()]);
        for table in Table::ALL {
            let prefix = index_day_prefix(self.project, table, Day::of_ms(session.start_ms()));
            for key in keys(&self.shell.store, &prefix).await? {
                self.file(&key, &erased, done).await?;
            }
        }
        Ok(())
    }

    /// All rows of erased sessions and users, from `place` on.
    async fn tables(&self, mut place: Place, done: &mut Passed) -> Result<(), PassError> {
        let store = &self.shell.store;
        let mut erased = BTreeSet::new();
        for key in keys(store, &format!("erasures/{}/sessions/", self.project)).await? {
            erased.extend(key.parse::<SessionTombstoneKey>().ok().map(|key| key.session.to_string()));
        }
        let prefix = format!("index/{}/", self.project);
        loop {
            let listed = store.list(&prefix, place.after.as_deref(), KEYS_AT_ONCE).await?;
            for object in &listed {
                let new = self.file(&object.key, &erased, done).await?;
                for session in new {
                    self.erase(&session, done).await?;
                    erased.insert(session.to_string());
                }
                place.after = Some(object.key.clone());
                place.found |= !done.is_clean;
                if self.shell.deadline.is_near() {
                    done.next = Some(place);
                    return Ok(());
                }
            }
            if listed.len() < KEYS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Replaces a file by one without rows of what is erased. Returns sessions in which the user was found.
    async fn file(
        &self,
        key: &str,
        erased: &BTreeSet<String>,
        done: &mut Passed,
    ) -> Result<BTreeSet<SessionId>, PassError> {
        let mut sessions = BTreeSet::new();
        let Ok(IndexKey { project, table, day, level, .. }) = key.parse() else { return Ok(sessions) };
        let store = &self.shell.store;
        let Some(object) = store.get(key, FILE_BYTES_MAX).await? else { return Ok(sessions) };
        let rows = decode_file(table, object.body)
            .map_err(|source| PassError::File { key: key.to_owned(), source })?;
        let count = rows.len();
        let mut is_erased = |row: &Row| {
            let Cell::Text(session) = row.get(table, "session") else { return false };
            let names = match row.get(table, "users") {
                Cell::List(users) => &users[..],
                _ => &[],
            };
            let by_user = names.iter().any(|user| self.is_user(user));
            if by_user && !erased.contains(session) {
                sessions.extend(session.parse::<SessionId>().ok());
            }
            by_user || erased.contains(session)
        };
        let kept: Vec<Row> = rows.into_iter().filter(|row| !is_erased(row)).collect();
        if kept.len() < count {
            done.removed.rows += (count - kept.len()) as u64;
            done.is_clean = false;
            if !kept.is_empty() {
                write_file(store, &project, table, day, level, &kept).await?;
            }
            store.delete(key).await?;
        }
        Ok(sessions)
    }
}
