//! The manifest: what is known of one session, chunk by chunk (`spec/manifest.md`).
//!
//! [`Union`] is the part that algebra holds for: uniting is idempotent, commutative and associative, so that events may
//! repeat, race and come in any order. [`Manifest`] is its written form, with all that follows from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, PageId, ProjectId, Seq, SessionId};
use crate::object_key::ChunkName;
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
mod tests {
    use super::*;
    use crate::summary::{Browser, ChunkMetadata, MarkerKind, OpeningSource, Summariser};
    use proptest::prelude::*;
    use serde_json::json;

    fn empty() -> Union {
        Union::new(
            "demo".parse().expect("a project"),
            "6553f100000102030405060708090a0b".parse().expect("a session"),
        )
    }

    fn union_of(summaries: &[ChunkSummary]) -> Union {
        let mut union = empty();
        summaries.iter().cloned().for_each(|summary| union.insert(summary));
        union
    }

    fn chunk(page: &str, seq: u64, first_ms: i64, last_ms: i64) -> ChunkSummary {
        let name = format!("{page}-{seq:05}-1a2b3c4d").parse().expect("a chunk name");
        let mut summariser = Summariser::new(name, 100, ChunkMetadata::default());
        for at_ms in [first_ms, last_ms] {
            summariser
                .line(&json!({"type": 3, "timestamp": at_ms, "data": {"source": 1}}).to_string())
                .expect("an event");
        }
        summariser.finish().expect("a summary")
    }

    #[test]
    fn nothing_has_no_manifest() {
        assert_eq!(empty().derive(), None);
    }

    #[test]
    fn times_come_from_first_and_last_event() {
        let manifest = union_of(&[chunk("bbbbbbbb", 0, 500, 900), chunk("aaaaaaaa", 0, 600, 700)])
            .derive()
            .expect("chunks");
        assert_eq!((manifest.started_ms, manifest.ended_ms), (500, 901));
        let pages: Vec<&str> = manifest.pages.iter().map(|page| page.page.as_str()).collect();
        assert_eq!(pages, ["bbbbbbbb", "aaaaaaaa"]);
    }

    #[test]
    fn gaps_are_named() {
        let check = |seqs: &[u64], expected: &[(u32, u32, Option<i64>, i64)]| {
            let chunks: Vec<_> =
                seqs.iter().map(|n| chunk("aaaaaaaa", *n, *n as i64 * 10, *n as i64 * 10 + 5)).collect();
            let found: Vec<_> = union_of(&chunks)
                .derive()
                .expect("chunks")
                .gaps
                .into_iter()
                .map(|gap| (gap.from_seq, gap.to_seq, gap.from_ms, gap.to_ms))
                .collect();
            assert_eq!(found, expected, "{seqs:?}");
        };
        check(&[0, 1, 2], &[]);
        check(&[2], &[(0, 2, None, 20)]);
        check(&[0, 3, 4, 9], &[(1, 3, Some(5), 30), (5, 9, Some(45), 90)]);
    }

    #[test]
    fn an_unknown_version_is_refused_by_name() {
        let error = Manifest::parse(br#"{"version":2,"new":"form"}"#).expect_err("version 2");
        assert_eq!(error.to_string(), "manifest has version 2, this program reads version 1");
        assert!(Manifest::parse(b"").is_err());
        assert!(Manifest::parse(&vec![b' '; MANIFEST_BYTES_MAX + 1]).is_err());
    }

    prop_compose! {
        fn any_position(name: ChunkName)(at_ms in 0..1_000_i64, event in 0..50_usize) -> Position {
            Position { at_ms, page: name.page.clone(), seq: name.seq, hash: name.hash.clone(), event }
        }
    }

    fn any_summary() -> impl Strategy<Value = ChunkSummary> {
        // Few pages and seqs, so that chunks meet; the content is a function of the name, as the hash in it promises.
        ("[ab]{8}", 0..30_u64)
            .prop_flat_map(|(page, seq)| {
                let name: ChunkName = format!("{page}-{seq:05}-1a2b3c4d").parse().expect("a chunk name");
                let seed = page.bytes().fold(seq as i64, |sum, b| sum * 31 + i64::from(b));
                Just((name, seed))
            })
            .prop_map(|(name, seed)| {
                let positions = |n: i64| {
                    (0..n)
                        .map(|i| Position {
                            at_ms: (seed * 7 + i * 13).rem_euclid(10_000),
                            page: name.page.clone(),
                            seq: name.seq,
                            hash: name.hash.clone(),
                            event: usize::try_from(i).expect("small"),
                        })
                        .collect::<Vec<_>>()
                };
                let errors: BTreeMap<_, _> = positions(seed.rem_euclid(60))
                    .into_iter()
                    .map(|at| (at, ErrorMark { error_type: None, message: seed.to_string() }))
                    .collect();
                let markers: BTreeMap<_, _> = positions(seed.rem_euclid(90))
                    .into_iter()
                    .map(|at| (at, Marker { kind: MarkerKind::Custom, label: seed.to_string() }))
                    .collect();
                let mut summary = chunk(
                    name.page.as_str(),
                    u64::from(name.seq.get()),
                    seed.rem_euclid(1000),
                    seed.rem_euclid(1000) + 10,
                );
                summary.facts.counts = Counts {
                    errors: errors.len() as u64,
                    markers: markers.len() as u64,
                    clicks: 1,
                    inputs: 0,
                };
                summary.facts.skew_ms = (seed % 3 == 0).then_some(seed);
                summary.opening = (seed % 2 == 0).then(|| Opening {
                    source: if seed % 4 == 0 { OpeningSource::Session } else { OpeningSource::Meta },
                    at: positions(1).remove(0),
                    url: Some(seed.to_string()),
                    title: None,
                    tab: None,
                    referrer: None,
                    previous_page: None,
                });
                summary.environment = (seed % 2 == 0).then(|| Environment {
                    at: positions(1).remove(0),
                    release: Some(seed.to_string()),
                    environment: None,
                    browser: Browser::default(),
                });
                summary.users = vec![format!("u{seed}"), "u".into()];
                summary.segments = vec![format!("s{seed}")];
                summary.country = Some(["DE", "US", "FR"][seed.rem_euclid(3) as usize].into());
                summary.errors = errors;
                summary.markers = markers;
                summary
            })
    }

    fn any_union() -> impl Strategy<Value = Union> {
        proptest::collection::vec(any_summary(), 0..12).prop_map(|summaries| union_of(&summaries))
    }

    fn merged(a: &Union, b: &Union) -> Union {
        let mut union = a.clone();
        union.merge(b.clone());
        union
    }

    proptest! {
        #[test]
        fn merging_is_idempotent(a in any_union()) {
            prop_assert_eq!(merged(&a, &a), a);
        }

        #[test]
        fn merging_is_commutative(a in any_union(), b in any_union()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        }

        #[test]
        fn merging_is_associative(a in any_union(), b in any_union(), c in any_union()) {
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }

        #[test]
        fn any_order_gives_the_same_bytes(
            (summaries, shuffled) in proptest::collection::vec(any_summary(), 1..12)
                .prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        ) {
            let bytes = |summaries: &[ChunkSummary]| union_of(summaries).derive().expect("chunks").encode().expect("json");
            prop_assert_eq!(bytes(&summaries), bytes(&shuffled));
        }

        #[test]
        fn written_then_read_then_derived_is_the_same(union in any_union()) {
            if let Some(manifest) = union.derive() {
                let read = Manifest::parse(&manifest.encode().expect("json")).expect("what was written");
                prop_assert_eq!(&read, &manifest);
                prop_assert_eq!(&Union::from(read), &union);
            }
        }

        #[test]
        fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::parse(&bytes);
        }
    }
}
