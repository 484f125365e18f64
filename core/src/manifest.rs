//! The manifest: what is known of one session, chunk by chunk (`spec/manifest.md`).
//!
//! [`Union`] is the part that algebra holds for: uniting is idempotent, commutative and associative, so that events may
//! repeat, race and come in any order. [`Manifest`] is its written form, with all that follows from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{ContentHash, PageId, ProjectId, Seq, SessionId, SetHash};
use crate::object_key::{ArchiveClass, ChunkName};
use crate::summary::{
    ChunkFacts, ChunkSummary, Counts, ERRORS_MAX, Environment, ErrorMark, MARKERS_MAX, Marker, Opening,
    Position, insert_first,
};

/// The form of manifest that this code reads and writes.
pub const MANIFEST_VERSION: u32 = 1;

/// Version of the rules by which manifests are derived. Grows when the same chunks give another manifest.
pub const CORE_VERSION: u32 = 1;

/// Largest manifest object that is read, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most users and segments kept.
pub const NAMES_MAX: usize = 20;

/// Most countries kept.
pub const COUNTRIES_MAX: usize = 8;

/// Why an object is no manifest that can be united with.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MANIFEST_BYTES_MAX`].
    #[error("manifest is {bytes} bytes, limit is {MANIFEST_BYTES_MAX}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not JSON of the form that the spec gives.
    #[error("manifest is not of the form in spec/manifest.md")]
    Form(#[from] serde_json::Error),
    /// A version that this code does not know.
    #[error("manifest has version {found}, this program reads version {MANIFEST_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

/// A session's manifest as it is written. Fields in the order of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of this document.
    pub version: u32,
    /// Rules that derived it.
    pub core: u32,
    /// Whose.
    pub project: ProjectId,
    /// Which session.
    pub session: SessionId,
    /// Time of the first event.
    pub started_ms: i64,
    /// Time of the last event plus 1.
    pub ended_ms: i64,
    /// Over all chunks.
    pub counts: Totals,
    /// Smallest `received − sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
    /// Users named in the session, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<String>,
    /// Segments, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub segments: BTreeSet<String>,
    /// Countries, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub countries: BTreeSet<String>,
    /// Browser and release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Page loads, sorted by first event, then id.
    pub pages: Vec<Page>,
    /// First errors in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<At<ErrorMark>>,
    /// How many errors are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors_omitted: u64,
    /// First markers in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<At<Marker>>,
    /// How many markers are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub markers_omitted: u64,
    /// Missing seqs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The session as one file, once it has ended and is to be kept longer than its chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tape: Option<TapeMark>,
}

/// A tape of the session. Its key follows from class, project, session and set.
///
/// Of several the one of most chunks is named, of those the one kept longest: the greatest in this type's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TapeMark {
    /// How many of the session's chunks are in it. A chunk that came later is only in the bucket.
    pub chunks: u64,
    /// The lifecycle rule that it is under, as in its key.
    pub class: ArchiveClass,
    /// Its chunks, as in its key.
    pub set: SetHash,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes of preamble and header: what one range request has to get.
    pub header_bytes: u64,
}

// Serde hands a reference to what decides on skipping.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Numbers over all chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Chunks.
    pub chunks: u64,
    /// Events.
    pub events: u64,
    /// Bytes as stored.
    pub bytes: u64,
    /// Bytes of events.
    pub inflated_bytes: u64,
    /// What happened.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One page load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its id.
    pub page: PageId,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
    /// Earliest event.
    pub first_ms: i64,
    /// Latest event.
    pub last_ms: i64,
    /// Its chunks, sorted by seq, then hash.
    pub chunks: Vec<Chunk>,
}

/// One chunk of a page load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which batch.
    pub seq: Seq,
    /// What was in it.
    pub hash: ContentHash,
    /// Time and size.
    #[serde(flatten)]
    pub facts: ChunkFacts,
}

/// Something with its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At<T> {
    /// Where its event is.
    pub at: Position,
    /// What it is.
    #[serde(flatten)]
    pub what: T,
}

/// Batches that did not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Of which page load.
    pub page: PageId,
    /// First missing seq.
    pub from_seq: u32,
    /// First seq that is there again.
    pub to_seq: u32,
    /// Last event before, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// First event after.
    pub to_ms: i64,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`]; an unknown version is said before anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge { bytes: bytes.len() });
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != MANIFEST_VERSION {
            return Err(ManifestError::Version { found: version });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The manifest's bytes: one line of JSON and a newline. Equal manifests give equal bytes.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The names of all chunks.
    pub fn chunk_names(&self) -> impl Iterator<Item = ChunkName> + '_ {
        self.pages.iter().flat_map(|page| page.chunks.iter().map(|chunk| page.name_of(chunk)))
    }
}

/// The name of a set of chunks: by SHA-256 over their sorted names, each with a newline (`spec/tape.md`).
#[must_use]
pub fn set_of<'a>(names: impl IntoIterator<Item = &'a ChunkName>) -> SetHash {
    let mut names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    names.sort_unstable();
    let mut digest = Sha256::new();
    for name in names {
        digest.update(name);
        digest.update("\n");
    }
    SetHash::of_digest(&digest.finalize())
}

impl Page {
    /// The name of one of its chunks.
    #[must_use]
    pub fn name_of(&self, chunk: &Chunk) -> ChunkName {
        ChunkName { page: self.page.clone(), seq: chunk.seq, hash: chunk.hash.clone() }
    }
}

/// The union of any number of chunk summaries of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Union {
    project: ProjectId,
    session: SessionId,
    chunks: BTreeMap<ChunkName, ChunkFacts>,
    openings: BTreeMap<PageId, Opening>,
    environment: Option<Environment>,
    errors: BTreeMap<Position, ErrorMark>,
    markers: BTreeMap<Position, Marker>,
    users: BTreeSet<String>,
    segments: BTreeSet<String>,
    countries: BTreeSet<String>,
    tape: Option<TapeMark>,
}

impl Union {
    /// The union of no chunks.
    #[must_use]
    pub fn new(project: ProjectId, session: SessionId) -> Self {
        Self {
            project,
            session,
            chunks: BTreeMap::new(),
            openings: BTreeMap::new(),
            environment: None,
            errors: BTreeMap::new(),
            markers: BTreeMap::new(),
            users: BTreeSet::new(),
            segments: BTreeSet::new(),
            countries: BTreeSet::new(),
            tape: None,
        }
    }

    /// Whether a chunk is in it already.
    #[must_use]
    pub fn contains(&self, name: &ChunkName) -> bool {
        self.chunks.contains_key(name)
    }

    /// Adds one chunk's summary. Adding it again changes nothing.
    pub fn insert(&mut self, summary: ChunkSummary) {
        let page = summary.name.page.clone();
        self.chunks.insert(summary.name, summary.facts);
        if let Some(opening) = summary.opening {
            self.insert_opening(page, opening);
        }
        self.insert_environment(summary.environment);
        for (at, error) in summary.errors {
            insert_first(&mut self.errors, at, error, ERRORS_MAX);
        }
        for (at, marker) in summary.markers {
            insert_first(&mut self.markers, at, marker, MARKERS_MAX);
        }
        extend_names(&mut self.users, summary.users, NAMES_MAX);
        extend_names(&mut self.segments, summary.segments, NAMES_MAX);
        extend_names(&mut self.countries, summary.country, COUNTRIES_MAX);
    }

    /// Adds all of another union of the same session.
    pub fn merge(&mut self, other: Self) {
        self.chunks.extend(other.chunks);
        for (page, opening) in other.openings {
            self.insert_opening(page, opening);
        }
        self.insert_environment(other.environment);
        for (at, error) in other.errors {
            insert_first(&mut self.errors, at, error, ERRORS_MAX);
        }
        for (at, marker) in other.markers {
            insert_first(&mut self.markers, at, marker, MARKERS_MAX);
        }
        extend_names(&mut self.users, other.users, NAMES_MAX);
        extend_names(&mut self.segments, other.segments, NAMES_MAX);
        extend_names(&mut self.countries, other.countries, COUNTRIES_MAX);
        self.insert_tape(other.tape);
    }

    /// Names a tape of the session, if it is greater than the one named before.
    pub fn insert_tape(&mut self, tape: Option<TapeMark>) {
        self.tape = self.tape.take().max(tape);
    }

    /// Names this tape, whatever was named before: the one before is about to be deleted.
    pub fn replace_tape(&mut self, tape: Option<TapeMark>) {
        self.tape = tape;
    }

    /// The manifest of these chunks, a function of the set alone. `None` if there are no chunks.
    #[must_use]
    pub fn derive(&self) -> Option<Manifest> {
        let pages = self.pages();
        let started_ms = pages.iter().map(|page| page.first_ms).min()?;
        let last_ms = pages.iter().map(|page| page.last_ms).max()?;
        let counts = self.chunks.values().fold(Totals::default(), |sum, facts| Totals {
            chunks: sum.chunks + 1,
            events: sum.events + facts.events,
            bytes: sum.bytes + facts.bytes,
            inflated_bytes: sum.inflated_bytes + facts.inflated_bytes,
            counts: sum.counts.plus(&facts.counts),
        });
        Some(Manifest {
            version: MANIFEST_VERSION,
            core: CORE_VERSION,
            project: self.project.clone(),
            session: self.session.clone(),
            started_ms,
            ended_ms: last_ms.saturating_add(1),
            counts,
            skew_ms: self.chunks.values().filter_map(|facts| facts.skew_ms).min(),
            users: self.users.clone(),
            segments: self.segments.clone(),
            countries: self.countries.clone(),
            environment: self.environment.clone(),
            gaps: pages.iter().flat_map(gaps).collect(),
            tape: self.tape.clone(),
            pages,
            errors: listed(&self.errors),
            errors_omitted: counts.counts.errors.saturating_sub(self.errors.len() as u64),
            markers: listed(&self.markers),
            markers_omitted: counts.counts.markers.saturating_sub(self.markers.len() as u64),
        })
    }

    fn pages(&self) -> Vec<Page> {
        let mut pages: Vec<Page> = Vec::new();
        // Chunk names are ordered by page first, so a page's chunks stand together.
        for (name, facts) in &self.chunks {
            let chunk = Chunk { seq: name.seq, hash: name.hash.clone(), facts: facts.clone() };
            match pages.last_mut() {
                Some(page) if page.page == name.page => {
                    page.first_ms = page.first_ms.min(facts.first_ms);
                    page.last_ms = page.last_ms.max(facts.last_ms);
                    page.chunks.push(chunk);
                }
                _ => pages.push(Page {
                    page: name.page.clone(),
                    opening: self.openings.get(&name.page).cloned(),
                    first_ms: facts.first_ms,
                    last_ms: facts.last_ms,
                    chunks: vec![chunk],
                }),
            }
        }
        pages.sort_by(|a, b| (a.first_ms, &a.page).cmp(&(b.first_ms, &b.page)));
        pages
    }

    fn insert_opening(&mut self, page: PageId, opening: Opening) {
        let found = self.openings.entry(page).or_insert_with(|| opening.clone());
        if opening < *found {
            *found = opening;
        }
    }

    fn insert_environment(&mut self, environment: Option<Environment>) {
        if let Some(environment) = environment
            && self.environment.as_ref().is_none_or(|found| environment < *found)
        {
            self.environment = Some(environment);
        }
    }
}

impl From<Manifest> for Union {
    /// The union that the manifest was derived from: what is derived is left behind.
    fn from(manifest: Manifest) -> Self {
        let mut union = Self::new(manifest.project, manifest.session);
        for page in manifest.pages {
            for chunk in page.chunks {
                let name = ChunkName { page: page.page.clone(), seq: chunk.seq, hash: chunk.hash };
                union.chunks.insert(name, chunk.facts);
            }
            if let Some(opening) = page.opening {
                union.openings.insert(page.page, opening);
            }
        }
        union.environment = manifest.environment;
        union.errors = manifest.errors.into_iter().map(|error| (error.at, error.what)).collect();
        union.markers = manifest.markers.into_iter().map(|marker| (marker.at, marker.what)).collect();
        union.users = manifest.users;
        union.segments = manifest.segments;
        union.countries = manifest.countries;
        union.tape = manifest.tape;
        union
    }
}

fn extend_names(set: &mut BTreeSet<String>, names: impl IntoIterator<Item = String>, max: usize) {
    set.extend(names);
    while set.len() > max {
        set.pop_last();
    }
}

fn listed<T: Clone>(map: &BTreeMap<Position, T>) -> Vec<At<T>> {
    map.iter().map(|(at, what)| At { at: at.clone(), what: what.clone() }).collect()
}

fn gaps(page: &Page) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let (mut expected, mut from_ms) = (0, None);
    for chunk in &page.chunks {
        let seq = chunk.seq.get();
        if seq > expected {
            gaps.push(Gap {
                page: page.page.clone(),
                from_seq: expected,
                to_seq: seq,
                from_ms,
                to_ms: chunk.facts.first_ms,
            });
        }
        expected = seq + 1;
        from_ms = from_ms.max(Some(chunk.facts.last_ms));
    }
    gaps
}

#[cfg(test)]
mod tests;
