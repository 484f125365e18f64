//! Unites what was read of a session with its manifest, by compare-and-swap.

use std::time::Duration;

use tapedeck_core::config::Clicks;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{CORE_VERSION, MANIFEST_BYTES_MAX, Manifest, ManifestError, Rules, Union};
use tapedeck_core::object_key::manifest_key;
use tapedeck_core::store::{Created, NewObject, Object, Replaced, Store, StoreError};
use tapedeck_core::summary::ChunkSummary;

/// How often a merge is tried when others write the same manifest, and how long it waits in between.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Tries in all.
    pub tries_max: u32,
    /// Longest wait after the first try; it doubles with each, up to [`Patience::PAUSE_MAX`]. The wait itself is random.
    pub pause_first: Duration,
}

impl Patience {
    /// Longest wait between two tries.
    pub const PAUSE_MAX: Duration = Duration::from_secs(2);

    pub(crate) async fn pause(&self, tries: u32) {
        let longest = self.pause_first.saturating_mul(1 << tries.min(16)).min(Self::PAUSE_MAX);
        // Without jitter, those who collided once would collide again.
        let pause = longest.mul_f64(fastrand::f64());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}

impl Default for Patience {
    /// Ten writers at once are through within these; what is not goes back to the queue.
    fn default() -> Self {
        Self { tries_max: 12, pause_first: Duration::from_millis(40) }
    }
}

/// What became of a merge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Merged {
    /// The manifest has them already.
    #[default]
    Unchanged,
    /// The manifest was written with them.
    Written,
    /// It was not to be written: the session or one of its users is erased.
    Refused,
}

/// What is said right before a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Write it.
    Write,
    /// Leave it.
    Refuse,
}

/// Why a session's manifest was not brought up to date. The event has to come again.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The store failed or refused.
    #[error("manifest cannot be brought up to date")]
    Store(#[from] StoreError),
    /// What is there is no manifest that this program may replace.
    #[error("{key} cannot be read; delete it and reindex the session, or deploy the indexer that wrote it")]
    Manifest {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// Derived by newer rules than this program has: united with what it knows, it would lose what it does not.
    #[error(
        "{key} was derived by rules of version {found}, this indexer has {known}: deploy the newer one; the event comes again"
    )]
    Newer {
        /// Which object.
        key: String,
        /// The manifest's version of the rules.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// Derived by older rules than this program has, or by other thresholds than the project has now: what it says and what is new do not
    /// go together. Who gets this reads the session anew.
    #[error("{key} was derived by other rules than those of now: reindex the session")]
    OtherRules {
        /// Which object.
        key: String,
    },
    /// Others wrote at each try.
    #[error("{key} was changed by others at each of {tries} tries")]
    Contended {
        /// Which object.
        key: String,
        /// How many.
        tries: u32,
    },
    /// Not in practice: every manifest has a JSON form.
    #[error("{key} has no JSON form")]
    Encode {
        /// Which object.
        key: String,
        /// What the encoder says.
        source: serde_json::Error,
    },
}

/// Adds `summaries` to a union. Tells whether that changed it.
pub fn insert(union: &mut Union, summaries: &[ChunkSummary]) -> bool {
    let new: Vec<_> = summaries.iter().filter(|summary| !union.contains(&summary.name)).collect();
    let changed = !new.is_empty();
    for summary in new {
        union.insert(summary.clone());
    }
    changed
}

/// A manifest as it was read.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What it says.
    pub manifest: Manifest,
    /// When it was written, Unix milliseconds.
    pub modified_ms: Option<i64>,
}

/// What a change begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// What is stored, which has to be by the rules of now.
    Stored,
    /// What is stored, or nothing where that is by other rules: the change brings all there is.
    Anew,
}

/// A session's manifest, about to be changed.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a, S> {
    /// Where.
    pub store: &'a S,
    /// Whose.
    pub project: &'a ProjectId,
    /// Which session.
    pub session: &'a SessionId,
    /// The project's thresholds.
    pub clicks: Clicks,
    /// How often it is tried.
    pub patience: Patience,
    /// What a change begins with.
    pub basis: Basis,
}

/// What the first try of a change goes by.
#[derive(Debug, Clone)]
pub enum Known {
    /// It reads the manifest.
    Nothing,
    /// The manifest as it was read a moment ago, or that there was none. Where that is not so any more, the write fails and the next try reads it.
    Manifest(Option<Box<Read>>),
}

/// Adds `summaries`, all of one session and by the default thresholds, to its manifest. When this returns `Ok`, they are in the stored
/// manifest. May run at the same time as any number of others, and again: the union is idempotent, and each write replaces exactly what
/// was read.
///
/// # Errors
/// [`MergeError`]; the manifest is then whole, with or without them.
pub async fn merge(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    summaries: &[ChunkSummary],
    patience: Patience,
) -> Result<Merged, MergeError> {
    let permit = async |_: Option<&Stored>, _: &Manifest| Ok::<_, MergeError>(Permit::Write);
    let update =
        Update { store, project, session, clicks: Clicks::default(), patience, basis: Basis::Stored };
    let (merged, _) = update.run(Known::Nothing, |union| insert(union, summaries), permit).await?;
    Ok(merged)
}

/// A session's manifest as it is stored; `None` if there is none.
///
/// # Errors
/// [`MergeError`], also where it is by newer rules than this program's.
pub async fn stored(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<Option<Manifest>, MergeError> {
    Ok(read(store, project, session).await?.map(|read| read.stored.manifest))
}

/// A session's manifest, and the object that it was read from.
#[derive(Debug, Clone)]
pub struct Read {
    /// What was read.
    pub stored: Stored,
    object: Object,
}

/// Reads a session's manifest; `None` if there is none.
///
/// # Errors
/// [`MergeError`], also where it is by newer rules than this program's.
pub async fn read(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<Option<Read>, MergeError> {
    find(store, &manifest_key(project, session)).await
}

async fn find(store: &impl Store, key: &str) -> Result<Option<Read>, MergeError> {
    let Some(object) = store.get(key, MANIFEST_BYTES_MAX).await? else { return Ok(None) };
    let manifest = Manifest::parse(&object.body)
        .map_err(|source| MergeError::Manifest { key: key.to_owned(), source })?;
    if manifest.core > CORE_VERSION {
        let (found, known) = (manifest.core, CORE_VERSION);
        return Err(MergeError::Newer { key: key.to_owned(), found, known });
    }
    let modified_ms = object.modified_ms;
    Ok(Some(Read { object, stored: Stored { manifest, modified_ms } }))
}

impl<S: Store> Update<'_, S> {
    /// Reads the manifest, changes what it is derived from, and writes what is derived then, until that succeeds. `change` tells whether
    /// there is something to write; it is called anew for each try. `permit` is asked right before each write, with what was read and what is
    /// about to be written. What would be written as it is there already is not written. Returns the manifest as it is stored then, which may be none.
    ///
    /// # Errors
    /// [`MergeError`], or what `permit` says; the manifest is then whole, changed or not.
    pub async fn run<E: From<MergeError>>(
        &self,
        mut known: Known,
        mut change: impl FnMut(&mut Union) -> bool,
        mut permit: impl AsyncFnMut(Option<&Stored>, &Manifest) -> Result<Permit, E>,
    ) -> Result<(Merged, Option<Manifest>), E> {
        let Self { store, project, session, clicks, patience, basis } = *self;
        let key = manifest_key(project, session);
        let mut unanswered = None;
        for tries in 0..patience.tries_max {
            if tries > 0 {
                patience.pause(tries - 1).await;
            }
            let read = match std::mem::replace(&mut known, Known::Nothing) {
                Known::Manifest(read) => read.map(|read| *read),
                Known::Nothing => find(store, &key).await?,
            };
            let (found, stored) = read.map(|read| (read.object, read.stored)).unzip();
            let is_other =
                stored.as_ref().is_some_and(|stored| stored.manifest.rules(&clicks) != Rules::Same);
            let mut union = match &stored {
                Some(_) if is_other && basis == Basis::Stored => {
                    return Err(MergeError::OtherRules { key }.into());
                }
                Some(stored) if !is_other => stored.manifest.clone().into(),
                _ => Union::new(project.clone(), session.clone()).with_clicks(clicks),
            };
            let unchanged =
                |stored: Option<Stored>| (Merged::Unchanged, stored.map(|stored| stored.manifest));
            if !change(&mut union) {
                return Ok(unchanged(stored));
            }
            let Some(manifest) = union.derive() else { return Ok(unchanged(stored)) };
            let body = manifest.encode().map_err(|source| MergeError::Encode { key: key.clone(), source })?;
            // A chunk for which there is no room comes again: it was counted before.
            if found.as_ref().is_some_and(|found| found.body == body) {
                return Ok(unchanged(stored));
            }
            if permit(stored.as_ref(), &manifest).await? == Permit::Refuse {
                return Ok((Merged::Refused, stored.map(|stored| stored.manifest)));
            }
            let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
            let written = match &found {
                None => store.create(&key, object).await.map(|created| created == Created::Stored),
                Some(found) => store
                    .replace(&key, &found.etag, object)
                    .await
                    .map(|replaced| replaced == Replaced::Stored),
            };
            match written {
                Ok(true) => return Ok((Merged::Written, Some(manifest))),
                Ok(false) => unanswered = None,
                // The write may have happened all the same: only reading again tells.
                Err(error) if error.is_transient() => unanswered = Some(error),
                Err(error) => return Err(MergeError::Store(error).into()),
            }
        }
        Err(unanswered
            .map_or_else(|| MergeError::Contended { key, tries: patience.tries_max }, MergeError::Store)
            .into())
    }
}
