//! Unites what was read of a session with its manifest, by compare-and-swap.

use std::time::Duration;

use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{CORE_VERSION, MANIFEST_BYTES_MAX, Manifest, ManifestError, Union};
use tapedeck_core::object_key::manifest_key;
use tapedeck_core::store::{Created, NewObject, Replaced, Store, StoreError};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// The manifest has them already.
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

/// Adds `summaries`, all of one session, to its manifest. When this returns `Ok`, they are in the stored manifest. May run at
/// the same time as any number of others, and again: the union is idempotent, and each write replaces exactly what was read.
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
    let (merged, _) =
        update(store, project, session, patience, |union| insert(union, summaries), permit).await?;
    Ok(merged)
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
#[derive(Debug)]
pub struct Stored {
    /// What it says.
    pub manifest: Manifest,
    /// When it was written, Unix milliseconds.
    pub modified_ms: Option<i64>,
}

/// Reads a session's manifest, changes what it is derived from, and writes what is derived then, until that succeeds. `change` tells
/// whether there is something to write; it is called anew for each try. `permit` is asked right before each write, with what was read
/// and what is about to be written. Returns the manifest as it is stored then, which may be none.
///
/// # Errors
/// [`MergeError`], or what `permit` says; the manifest is then whole, changed or not.
pub async fn update<E: From<MergeError>>(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    patience: Patience,
    mut change: impl FnMut(&mut Union) -> bool,
    mut permit: impl AsyncFnMut(Option<&Stored>, &Manifest) -> Result<Permit, E>,
) -> Result<(Merged, Option<Manifest>), E> {
    let key = manifest_key(project, session);
    let mut unanswered = None;
    for tries in 0..patience.tries_max {
        if tries > 0 {
            patience.pause(tries - 1).await;
        }
        let found = store.get(&key, MANIFEST_BYTES_MAX).await.map_err(MergeError::Store)?;
        let stored = match &found {
            None => None,
            Some(object) => Some(Stored {
                manifest: Manifest::parse(&object.body)
                    .map_err(|source| MergeError::Manifest { key: key.clone(), source })?,
                modified_ms: object.modified_ms,
            }),
        };
        if let Some(Stored { manifest, .. }) = &stored
            && manifest.core > CORE_VERSION
        {
            let (found, known) = (manifest.core, CORE_VERSION);
            return Err(MergeError::Newer { key, found, known }.into());
        }
        let mut union = match &stored {
            None => Union::new(project.clone(), session.clone()),
            Some(stored) => stored.manifest.clone().into(),
        };
        if !change(&mut union) {
            return Ok((Merged::Unchanged, stored.map(|stored| stored.manifest)));
        }
        let Some(manifest) = union.derive() else {
            return Ok((Merged::Unchanged, stored.map(|stored| stored.manifest)));
        };
        let body = manifest.encode().map_err(|source| MergeError::Encode { key: key.clone(), source })?;
        if permit(stored.as_ref(), &manifest).await? == Permit::Refuse {
            return Ok((Merged::Refused, stored.map(|stored| stored.manifest)));
        }
        let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
        let written = match &found {
            None => store.create(&key, object).await.map(|created| created == Created::Stored),
            Some(found) => {
                store.replace(&key, &found.etag, object).await.map(|replaced| replaced == Replaced::Stored)
            }
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
