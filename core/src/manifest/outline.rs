//! What signing and planning need of a manifest. Reading all of it takes a sixth of the Worker, and most of its time for a session that is opened.

use serde::Deserialize;

use super::{ManifestError, TapeMark, check};
use crate::ids::{ContentHash, PageId, Seq};
use crate::object_key::ChunkName;

/// A manifest's chunks with their times, and its tape. Fields are those of [`Manifest`](super::Manifest).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outline {
    /// Time of the first event.
    pub started_ms: i64,
    /// Time of the last event plus 1.
    pub ended_ms: i64,
    /// Page loads.
    pub pages: Vec<OutlinePage>,
    /// The session as one file.
    pub tape: Option<TapeMark>,
}

/// One page load.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OutlinePage {
    /// Its id.
    pub page: PageId,
    /// Earliest event.
    pub first_ms: i64,
    /// Latest event.
    pub last_ms: i64,
    /// Its chunks.
    pub chunks: Vec<OutlineChunk>,
}

/// One chunk of a page load.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OutlineChunk {
    seq: Seq,
    hash: ContentHash,
    /// Earliest event.
    pub first_ms: i64,
    /// `(time of the full snapshot, index of the meta event before it)`.
    #[serde(default)]
    pub checkpoints: Vec<(i64, usize)>,
}

impl Outline {
    /// Reads a manifest as far as this goes.
    ///
    /// # Errors
    /// [`ManifestError`]; an unknown version is said before anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        check(bytes)?;
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The names of all chunks.
    pub fn chunk_names(&self) -> impl Iterator<Item = ChunkName> + '_ {
        self.pages.iter().flat_map(|page| page.chunks.iter().map(|chunk| page.name_of(chunk)))
    }
}

impl OutlinePage {
    /// The name of one of its chunks.
    #[must_use]
    pub fn name_of(&self, chunk: &OutlineChunk) -> ChunkName {
        ChunkName { page: self.page.clone(), seq: chunk.seq, hash: chunk.hash.clone() }
    }
}
