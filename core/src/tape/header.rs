//! A tape's table of contents.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::ids::{ContentHash, PageId, Seq};
use crate::manifest::Manifest;
use crate::object_key::ChunkName;

use super::{FRAME_BYTES_MAX, FRAME_INFLATED_BYTES_MAX};

/// Why a header contradicts itself. Nobody can mend the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A frame that is too large to be read.
    #[error("frame {index}: {field} is {found}, limit is {max}")]
    Limit {
        /// Which frame.
        index: usize,
        /// Which of its fields.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The limit.
        max: usize,
    },
    /// A gap between frames, or frames that overlap.
    #[error("frame {index} is at {found}, expected {expected}, right behind the frame before it")]
    Offset {
        /// Which frame.
        index: usize,
        /// Where it says to be.
        found: u64,
        /// Where the one before ends.
        expected: u64,
    },
    /// A frame that does not have as many events as its parts.
    #[error("frame {index} has {events} events, its parts have {parts}")]
    Events {
        /// Which frame.
        index: usize,
        /// What it says.
        events: u64,
        /// What its parts say.
        parts: u64,
    },
    /// Frames out of order.
    #[error("frame {index} comes before the frame in front of it")]
    Order {
        /// Which frame.
        index: usize,
    },
    /// A chunk of which not all events are there, or some twice.
    #[error("chunk {name} is there to event {found}, the manifest has {expected} events of it")]
    Chunk {
        /// Which chunk.
        name: ChunkName,
        /// How many events are there, in order and without a gap.
        found: u64,
        /// How many there are.
        expected: u64,
    },
}

/// What is in a tape and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Form of this document.
    pub version: u32,
    /// Name and version of the program that wrote it.
    pub writer: String,
    /// The session, with every chunk and without `tape`.
    pub manifest: Manifest,
    /// In order of (`first_ms`, page, position in the page).
    pub frames: Vec<Frame>,
}

/// Some of one page load's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Which page load.
    pub page: PageId,
    /// Where it begins, from the first byte behind the header.
    pub offset: u64,
    /// Its bytes as stored.
    pub bytes: u64,
    /// Its bytes after inflating.
    pub inflated_bytes: u64,
    /// Lines in it.
    pub events: u64,
    /// Earliest event, Unix milliseconds.
    pub first_ms: i64,
    /// Latest event, Unix milliseconds.
    pub last_ms: i64,
    /// `(time of the full snapshot, index in this frame of the meta event before it)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<(i64, usize)>,
    /// Whose events, in order.
    pub parts: Vec<Part>,
    /// Of its bytes as stored, 64 hex digits.
    pub sha256: String,
}

/// A run of events of one chunk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// Which batch of the page load.
    pub seq: Seq,
    /// What was in it.
    pub hash: ContentHash,
    /// Index of the first event in the chunk.
    pub from: u64,
    /// Index behind the last.
    pub to: u64,
}

impl Frame {
    /// The chunk of one of its parts.
    #[must_use]
    pub fn name_of(&self, part: &Part) -> ChunkName {
        ChunkName { page: self.page.clone(), seq: part.seq, hash: part.hash.clone() }
    }
}

impl Header {
    /// The frames' indexes in the order of the chunks' names and events: as a writer took them.
    #[must_use]
    pub fn by_position(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.frames.len()).collect();
        order.sort_by_key(|index| {
            let frame = &self.frames[*index];
            (&frame.page, frame.parts.first())
        });
        order
    }

    /// Bytes of all frames as stored.
    #[must_use]
    pub fn frames_bytes(&self) -> u64 {
        self.frames.last().map_or(0, |last| last.offset.saturating_add(last.bytes))
    }

    /// Checks that frames lie one behind the other, within the limits, and hold every event of every chunk once.
    ///
    /// # Errors
    /// [`HeaderError`]
    pub fn validate(&self) -> Result<(), HeaderError> {
        let mut expected = 0;
        for (index, frame) in self.frames.iter().enumerate() {
            frame.validate(index)?;
            if frame.offset != expected {
                return Err(HeaderError::Offset { index, found: frame.offset, expected });
            }
            expected += frame.bytes;
        }
        for (index, pair) in self.frames.windows(2).enumerate() {
            if pair[0].order() > pair[1].order() {
                return Err(HeaderError::Order { index: index + 1 });
            }
        }
        self.holds_every_event()
    }

    fn holds_every_event(&self) -> Result<(), HeaderError> {
        let mut chunks: BTreeMap<ChunkName, (u64, u64)> = BTreeMap::new();
        for page in &self.manifest.pages {
            for chunk in &page.chunks {
                chunks.insert(page.name_of(chunk), (0, chunk.facts.events));
            }
        }
        for index in self.by_position() {
            let frame = &self.frames[index];
            for part in &frame.parts {
                let name = frame.name_of(part);
                match chunks.get_mut(&name) {
                    Some((found, _)) if *found == part.from => *found = part.to,
                    Some((found, expected)) => {
                        return Err(HeaderError::Chunk { name, found: *found, expected: *expected });
                    }
                    None => return Err(HeaderError::Chunk { name, found: part.to, expected: 0 }),
                }
            }
        }
        let broken = chunks.into_iter().find(|(_, (found, expected))| found != expected);
        broken.map_or(Ok(()), |(name, (found, expected))| Err(HeaderError::Chunk { name, found, expected }))
    }
}

impl Frame {
    pub(super) fn order(&self) -> (i64, &PageId, Option<&Part>) {
        (self.first_ms, &self.page, self.parts.first())
    }

    fn validate(&self, index: usize) -> Result<(), HeaderError> {
        for (field, found, max) in [
            ("bytes", self.bytes, FRAME_BYTES_MAX),
            ("inflated_bytes", self.inflated_bytes, FRAME_INFLATED_BYTES_MAX),
        ] {
            if found > max as u64 {
                return Err(HeaderError::Limit { index, field, found, max });
            }
        }
        let parts = self
            .parts
            .iter()
            .try_fold(0_u64, |sum, part| part.to.checked_sub(part.from).and_then(|n| sum.checked_add(n)));
        match parts {
            Some(parts) if parts == self.events && parts > 0 => Ok(()),
            parts => Err(HeaderError::Events { index, events: self.events, parts: parts.unwrap_or(0) }),
        }
    }
}
