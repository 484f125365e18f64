//! The manifest: what is known of one session, chunk by chunk (`spec/manifest.md`).
//!
//! [`Union`] is the part that algebra holds for: uniting is idempotent, commutative and associative, so that events may
//! repeat, race and come in any order. [`Manifest`] is its written form, with all that follows from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Clicks;
use crate::ids::{ContentHash, PageId, ProjectId, Seq, SessionId, SetHash};
use crate::object_key::{ArchiveClass, ChunkName};
use crate::summary::{
    ChunkClicks, ChunkFacts, ChunkSummary, Counts, ERRORS_MAX, Environment, ErrorMark, MARKERS_MAX, Marker,
    MarkerKind, NAMES_OF_KIND_MAX, Opening, PageBurst, Position, Vital, bursts_of_page, insert_first,
};

mod bounds;
mod outline;

pub use outline::{Outline, OutlineChunk, OutlinePage};

pub use bounds::More;

/// The form of manifest that this code reads and writes.
pub const MANIFEST_VERSION: u32 = 1;

/// Version of the rules by which manifests are derived. Grows when the same chunks give another manifest.
pub const CORE_VERSION: u32 = 2;

/// Largest manifest object that is read, in bytes. What is written is at most 256 KiB; a tape's lists every chunk.
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
    /// The project's thresholds that derived it, where they are not the default.
    #[serde(default, skip_serializing_if = "is_default_clicks")]
    pub clicks: Clicks,
    /// Whose.
    pub project: ProjectId,
    /// Which session.
    pub session: SessionId,
    /// Time of the first event.
    pub started_ms: i64,
    /// Time of the last event plus 1.
    pub ended_ms: i64,
    /// Over all chunks that are listed.
    pub counts: Totals,
    /// Chunks that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<More>,
    /// How long the visitor was there: the length of the union of the chunks' `active` ranges.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub active_ms: u64,
    /// Why it was recorded, as the chunk with the first event says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
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
    /// Routes that were shown, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<String>,
    /// Names of the customer's own events, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub custom_events: BTreeSet<String>,
    /// Fingerprints of errors that are not noise by themselves, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fingerprints: BTreeSet<String>,
    /// Browser and release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Page loads, sorted by first event, then id.
    pub pages: Vec<Page>,
    /// The last of each vital of each page load, sorted by page and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vitals: Vec<VitalMark>,
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
    /// How many gaps are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gaps_omitted: u64,
    /// The session as one file, once it has ended and is to be kept longer than its chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tape: Option<TapeMark>,
}

/// Why a session was recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The first event of the chunk that says so.
    pub first_ms: i64,
    /// That chunk.
    pub chunk: ChunkName,
    /// `all`, `error`, `support`, `segment` or `manual`.
    pub reason: String,
}

/// What the browser measured of a page load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VitalMark {
    /// Where its event is.
    pub at: Position,
    /// What was measured.
    pub name: Vital,
    /// In thousandths of its unit.
    pub thousandths: i64,
}

/// How a manifest's rules stand to those of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// The same: their summaries may be united.
    Same,
    /// Others, and not newer: the session's chunks have to be read anew.
    Other,
    /// Of a newer version: leave it to a program that has that.
    Newer,
}

fn is_default_clicks(clicks: &Clicks) -> bool {
    *clicks == Clicks::default()
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
        check(bytes)?;
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

    /// How the rules that derived it stand to this code's with a project's thresholds.
    #[must_use]
    pub fn rules(&self, clicks: &Clicks) -> Rules {
        match self.core.cmp(&CORE_VERSION) {
            std::cmp::Ordering::Greater => Rules::Newer,
            std::cmp::Ordering::Equal if self.clicks == *clicks => Rules::Same,
            _ => Rules::Other,
        }
    }

    /// The names of all chunks that are listed.
    pub fn chunk_names(&self) -> impl Iterator<Item = ChunkName> + '_ {
        self.pages.iter().flat_map(|page| page.chunks.iter().map(|chunk| page.name_of(chunk)))
    }
}

/// Whether these bytes are of a size and a version that are read.
fn check(bytes: &[u8]) -> Result<(), ManifestError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(ManifestError::TooLarge { bytes: bytes.len() });
    }
    let Version { version } = serde_json::from_slice(bytes)?;
    if version == MANIFEST_VERSION { Ok(()) } else { Err(ManifestError::Version { found: version }) }
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
    /// How many bursts of clicks it has by these thresholds, over the edges of its chunks too, and those that are kept.
    pub(crate) fn bursts(&self, rules: &Clicks) -> (u64, Vec<PageBurst>) {
        let chunks: Vec<ChunkClicks<'_>> = self
            .chunks
            .iter()
            .map(|Chunk { seq, facts, .. }| ChunkClicks {
                seq: seq.get(),
                clicks: facts.counts.clicks,
                bursts: facts.counts.rage_clicks,
                trail: &facts.clicks,
            })
            .collect();
        bursts_of_page(&chunks, rules)
    }

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
    clicks: Clicks,
    /// Room for chunks, in bytes of JSON.
    room: usize,
    more: Option<More>,
    reason: Option<Reason>,
    vitals: BTreeMap<(PageId, Vital), (Position, i64)>,
    routes: BTreeSet<String>,
    custom_events: BTreeSet<String>,
    fingerprints: BTreeSet<String>,
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
            clicks: Clicks::default(),
            room: bounds::CHUNKS_BYTES,
            more: None,
            reason: None,
            vitals: BTreeMap::new(),
            routes: BTreeSet::new(),
            custom_events: BTreeSet::new(),
            fingerprints: BTreeSet::new(),
            tape: None,
        }
    }

    /// By a project's own thresholds, which its summaries have to be made by too.
    #[must_use]
    pub fn with_clicks(mut self, clicks: Clicks) -> Self {
        self.clicks = clicks;
        self
    }

    /// With room for every chunk, for the manifest in a tape.
    #[must_use]
    pub fn with_every_chunk(mut self) -> Self {
        self.room = usize::MAX;
        self
    }

    /// Whether a chunk is in it already.
    #[must_use]
    pub fn contains(&self, name: &ChunkName) -> bool {
        self.chunks.contains_key(name)
    }

    /// Adds one chunk's summary. Adding it again changes nothing.
    pub fn insert(&mut self, summary: ChunkSummary) {
        let mut other = Self::new(self.project.clone(), self.session.clone());
        let ChunkSummary { name, facts, .. } = summary;
        other.reason =
            summary.reason.map(|reason| Reason { first_ms: facts.first_ms, chunk: name.clone(), reason });
        other.openings.extend(summary.opening.map(|opening| (name.page.clone(), opening)));
        let vitals = summary.vitals.into_iter();
        other.vitals = vitals.map(|(vital, found)| ((name.page.clone(), vital), found)).collect();
        other.chunks.insert(name, facts);
        other.environment = summary.environment;
        other.errors = summary.errors;
        other.markers = summary.markers;
        other.users = summary.users.into_iter().collect();
        other.segments = summary.segments.into_iter().collect();
        other.countries = summary.country.into_iter().collect();
        other.routes = summary.routes;
        other.custom_events = summary.custom_events;
        other.fingerprints = summary.fingerprints;
        self.merge(other);
    }

    /// Adds all of another union of the same session, made by the same thresholds.
    pub fn merge(&mut self, other: Self) {
        self.chunks.extend(other.chunks);
        More::merge(&mut self.more, other.more);
        bounds::trim_chunks(&mut self.chunks, &mut self.more, self.room);
        for (page, opening) in other.openings {
            let found = self.openings.entry(page).or_insert_with(|| opening.clone());
            if opening < *found {
                *found = opening;
            }
        }
        bounds::trim_openings(&mut self.openings);
        if let Some(environment) = other.environment
            && self.environment.as_ref().is_none_or(|found| environment < *found)
        {
            self.environment = Some(environment);
        }
        if let Some(reason) = other.reason
            && self.reason.as_ref().is_none_or(|found| reason < *found)
        {
            self.reason = Some(reason);
        }
        for (key, vital) in other.vitals {
            let found = self.vitals.entry(key).or_insert_with(|| vital.clone());
            if *found < vital {
                *found = vital;
            }
        }
        while self.vitals.len() > bounds::VITALS_MAX {
            self.vitals.pop_last();
        }
        for (at, error) in other.errors {
            insert_first(&mut self.errors, at, error, ERRORS_MAX);
        }
        bounds::trim_marks(&mut self.errors, bounds::ERRORS_BYTES, bounds::error_bytes);
        for (at, marker) in other.markers {
            insert_first(&mut self.markers, at, marker, MARKERS_MAX);
        }
        bounds::trim_marks(&mut self.markers, bounds::MARKERS_BYTES, bounds::marker_bytes);
        for (mine, others, max) in [
            (&mut self.users, other.users, NAMES_MAX),
            (&mut self.segments, other.segments, NAMES_MAX),
            (&mut self.countries, other.countries, COUNTRIES_MAX),
            (&mut self.routes, other.routes, NAMES_OF_KIND_MAX),
            (&mut self.custom_events, other.custom_events, NAMES_OF_KIND_MAX),
            (&mut self.fingerprints, other.fingerprints, NAMES_OF_KIND_MAX),
        ] {
            mine.extend(others);
            bounds::trim_names(mine, max);
        }
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
        let listed_ms = pages.iter().map(|page| page.last_ms).max()?;
        let last_ms = listed_ms.max(self.more.as_ref().map_or(i64::MIN, |more| more.last_ms));
        let mut counts = self.chunks.values().fold(Totals::default(), |sum, facts| Totals {
            chunks: sum.chunks + 1,
            events: sum.events + facts.events,
            bytes: sum.bytes + facts.bytes,
            inflated_bytes: sum.inflated_bytes + facts.inflated_bytes,
            counts: sum.counts.plus(&facts.counts),
        });
        let mut markers = listed(&self.markers);
        let mut markers_omitted = counts.counts.markers.saturating_sub(markers.len() as u64);
        let (bursts, mut burst_markers) = self.bursts(&pages);
        counts.counts.rage_clicks = bursts;
        counts.counts.markers += bursts;
        burst_markers.sort_by(|a, b| a.at.cmp(&b.at));
        burst_markers.truncate(bounds::BURSTS_MAX);
        markers_omitted += bursts.saturating_sub(burst_markers.len() as u64);
        markers.extend(burst_markers);
        markers.sort_by(|a, b| a.at.cmp(&b.at));
        let mut gaps: Vec<Gap> = pages.iter().flat_map(gaps).collect();
        let gaps_omitted = gaps.len().saturating_sub(bounds::GAPS_MAX) as u64;
        gaps.truncate(bounds::GAPS_MAX);
        Some(Manifest {
            version: MANIFEST_VERSION,
            core: CORE_VERSION,
            clicks: self.clicks,
            project: self.project.clone(),
            session: self.session.clone(),
            started_ms,
            ended_ms: last_ms.saturating_add(1),
            counts,
            more: self.more.clone(),
            active_ms: active_ms(self.chunks.values().filter_map(|facts| facts.active)),
            reason: self.reason.clone(),
            skew_ms: self.chunks.values().filter_map(|facts| facts.skew_ms).min(),
            users: self.users.clone(),
            segments: self.segments.clone(),
            countries: self.countries.clone(),
            routes: self.routes.clone(),
            custom_events: self.custom_events.clone(),
            fingerprints: self.fingerprints.clone(),
            environment: self.environment.clone(),
            gaps,
            gaps_omitted,
            tape: self.tape.clone(),
            pages,
            vitals: self
                .vitals
                .iter()
                .map(|((_, name), (at, thousandths))| VitalMark {
                    at: at.clone(),
                    name: *name,
                    thousandths: *thousandths,
                })
                .collect(),
            errors: listed(&self.errors),
            errors_omitted: counts.counts.errors.saturating_sub(self.errors.len() as u64),
            markers,
            markers_omitted,
        })
    }

    /// How many bursts of clicks there are, and a marker for each that is kept.
    fn bursts(&self, pages: &[Page]) -> (u64, Vec<At<Marker>>) {
        let (mut total, mut markers) = (0, Vec::new());
        for page in pages {
            let (found, bursts) = page.bursts(&self.clicks);
            total += found;
            markers.extend(bursts.into_iter().map(|burst| {
                let chunk = &page.chunks[burst.chunk];
                let (seq, hash) = (chunk.seq, chunk.hash.clone());
                At {
                    at: Position {
                        at_ms: burst.at_ms,
                        page: page.page.clone(),
                        seq,
                        hash,
                        event: burst.event,
                    },
                    what: Marker { kind: MarkerKind::RageClick, label: format!("{} clicks", burst.clicks) },
                }
            }));
        }
        (total, markers)
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
        // Page loads of which only what they show is known: their chunks are among those that are not listed.
        for (page, opening) in &self.openings {
            if !self.chunks.keys().any(|name| name.page == *page) {
                let at_ms = opening.at.at_ms;
                let (page, opening) = (page.clone(), Some(opening.clone()));
                pages.push(Page { page, opening, first_ms: at_ms, last_ms: at_ms, chunks: Vec::new() });
            }
        }
        pages.sort_by(|a, b| (a.first_ms, &a.page).cmp(&(b.first_ms, &b.page)));
        pages
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
        // Bursts follow from the chunks.
        let markers = manifest.markers.into_iter().filter(|marker| marker.what.kind != MarkerKind::RageClick);
        union.markers = markers.map(|marker| (marker.at, marker.what)).collect();
        union.users = manifest.users;
        union.segments = manifest.segments;
        union.countries = manifest.countries;
        union.tape = manifest.tape;
        union.clicks = manifest.clicks;
        union.more = manifest.more;
        union.reason = manifest.reason;
        let vitals = manifest.vitals.into_iter();
        union.vitals =
            vitals.map(|mark| ((mark.at.page.clone(), mark.name), (mark.at, mark.thousandths))).collect();
        union.routes = manifest.routes;
        union.custom_events = manifest.custom_events;
        union.fingerprints = manifest.fingerprints;
        union
    }
}

/// The length of the union of ranges, both ends included.
fn active_ms(ranges: impl Iterator<Item = (i64, i64)>) -> u64 {
    let mut ranges: Vec<(i64, i64)> = ranges.collect();
    ranges.sort_unstable();
    let (mut sum, mut end) = (0, i64::MIN);
    for (from, to) in ranges {
        let from = from.max(end);
        if to > from {
            sum += from.abs_diff(to);
            end = to;
        }
    }
    sum
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
