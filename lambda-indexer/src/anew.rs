//! A session read anew from what is stored of it: its chunks, and, where these have expired, a tape. The one place where what was
//! derived before plays no part: for reindexing, for importing, and for a manifest by other rules than this program's.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_core::config::Clicks;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{Manifest, Union};
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName};
use tapedeck_core::store::{Store, StoreError};
use tapedeck_core::summary::{ChunkMetadata, ChunkSummary, Summariser, SummaryError};
use tapedeck_core::tape::{Tape, TapeError};

use crate::chunk::{ChunkError, read_chunk};
use crate::quarantine::set_apart;
use crate::session_tape::{SessionTapeError, best, classes, tapes};

/// Why a session cannot be read anew. It may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum AnewError {
    /// The store failed or refused.
    #[error("session cannot be read anew")]
    Store(#[from] StoreError),
    /// A tape.
    #[error("tapes of a session cannot be read")]
    Tape(#[from] SessionTapeError),
    /// A tape's events.
    #[error("{key} cannot be read anew; delete it")]
    Reread {
        /// Which tape.
        key: String,
        /// What is wrong with it.
        source: RereadError,
    },
}

/// Why a tape's chunks have no summaries.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    /// It is not sound.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Not in practice: each of its lines was checked to be an event.
    #[error("chunk {name}")]
    Summary {
        /// Which chunk.
        name: ChunkName,
        /// What is wrong with it.
        source: SummaryError,
    },
}

/// All that is stored of a session, summarised.
#[derive(Debug)]
pub struct Anew {
    union: Union,
    names: BTreeSet<ChunkName>,
    /// Of every chunk that could be read.
    pub summaries: Vec<ChunkSummary>,
}

impl Anew {
    /// Reads these chunks of a session and, of its best tape, those that are not in the bucket any more. A damaged chunk is set apart.
    ///
    /// # Errors
    /// [`AnewError`]
    pub async fn read(
        store: &impl Store,
        classes: &[ArchiveClass],
        project: &ProjectId,
        session: &SessionId,
        names: impl IntoIterator<Item = ChunkName>,
        clicks: Clicks,
    ) -> Result<Self, AnewError> {
        let mut summaries = Vec::new();
        for name in names {
            let key = ChunkKey { project: project.clone(), session: session.clone(), name };
            match read_chunk(store, &key, clicks).await {
                Ok(found) => summaries.extend(found),
                Err(ChunkError::Damaged { source, .. }) => set_apart(store, &key, &source).await?,
                Err(ChunkError::Store(error)) => return Err(error.into()),
            }
        }
        let mut names: BTreeSet<ChunkName> = summaries.iter().map(|summary| summary.name.clone()).collect();
        let keys = tapes(store, classes, project, session).await?;
        let mut mark = None;
        if let Some((key, recorded)) = best(store, &keys).await? {
            mark = Some(recorded.mark(key.class));
            let failed = |source| AnewError::Reread { key: key.to_string(), source };
            let tape = Tape::parse(recorded.bytes()).map_err(|error| failed(error.into()))?;
            if tape.header().manifest.chunk_names().any(|name| !names.contains(&name)) {
                let found = reread(&tape, clicks).map_err(failed)?;
                summaries.extend(found.into_iter().filter(|summary| names.insert(summary.name.clone())));
            }
        }
        let mut union = Union::new(project.clone(), session.clone()).with_clicks(clicks);
        for summary in &summaries {
            union.insert(summary.clone());
        }
        union.insert_tape(mark);
        Ok(Self { union, names, summaries })
    }

    /// All that is stored of a session now.
    ///
    /// # Errors
    /// [`AnewError`]
    pub async fn find(
        store: &impl Store,
        project: &ProjectId,
        session: &SessionId,
        clicks: Clicks,
    ) -> Result<Self, AnewError> {
        let classes = classes(store).await?;
        let names = crate::listing::chunks_of(store, project, session).await?;
        Self::read(store, &classes, project, session, names, clicks).await
    }

    /// Puts it in the place of what a manifest was derived from. Tells whether that is another.
    pub fn replace(&self, union: &mut Union) -> bool {
        let mut merged = self.union.clone();
        // A chunk that came since the listing stays as its own event made it.
        if let Some(manifest) = union.derive()
            && manifest.chunk_names().any(|name| !self.names.contains(&name))
        {
            merged = union.clone();
            merged.merge(self.union.clone());
        }
        let changed = merged != *union;
        *union = merged;
        changed
    }
}

/// The summaries of a tape's chunks, by these thresholds: with what the tape's manifest says of them beside their events.
///
/// # Errors
/// [`RereadError`]
pub fn reread(tape: &Tape<'_>, clicks: Clicks) -> Result<Vec<ChunkSummary>, RereadError> {
    let mut beside = beside(&tape.header().manifest);
    let mut summaries = Vec::new();
    tape.each_chunk(|name, text| {
        let (bytes, metadata) = beside.remove(&name).unwrap_or_default();
        summaries.push(summarise_text(name, bytes, &text, metadata, clicks)?);
        Ok::<(), RereadError>(())
    })?;
    Ok(summaries)
}

/// The summary of a chunk's text, which took `bytes` bytes as an object: the same as that of the object itself.
///
/// # Errors
/// [`RereadError::Summary`]
pub fn summarise_text(
    name: ChunkName,
    bytes: u64,
    text: &str,
    metadata: ChunkMetadata,
    clicks: Clicks,
) -> Result<ChunkSummary, RereadError> {
    // All of it is in memory already, so that its last line may be as long as it likes.
    let mut summariser = Summariser::new(name.clone(), bytes, metadata).with_clicks(clicks).thorough();
    summariser
        .bytes(text.as_bytes())
        .and_then(|()| summariser.finish())
        .map_err(|source| RereadError::Summary { name, source })
}

/// What a manifest says of its chunks beside their events: bytes as stored, and metadata. Segments and countries are known of the session
/// alone, so its first chunks get them: united, they are the same.
#[must_use]
pub fn beside(manifest: &Manifest) -> BTreeMap<ChunkName, (u64, ChunkMetadata)> {
    let chunks = manifest.pages.iter().flat_map(|page| page.chunks.iter().map(move |chunk| (page, chunk)));
    let mut beside: BTreeMap<ChunkName, (u64, ChunkMetadata)> = chunks
        .map(|(page, chunk)| {
            let metadata = ChunkMetadata { skew_ms: chunk.facts.skew_ms, ..ChunkMetadata::default() };
            (page.name_of(chunk), (chunk.facts.bytes, metadata))
        })
        .collect();
    if let Some((_, first)) = beside.values_mut().next() {
        first.segments = manifest.segments.iter().cloned().collect();
    }
    for ((_, metadata), country) in beside.values_mut().zip(&manifest.countries) {
        metadata.country = Some(country.clone());
    }
    if let Some(reason) = &manifest.reason
        && let Some((_, metadata)) = beside.get_mut(&reason.chunk)
    {
        metadata.reason = Some(reason.reason.clone());
    }
    beside
}
