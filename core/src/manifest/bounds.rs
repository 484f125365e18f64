//! What a manifest keeps where there is more than it has room for. Every choice here is the same whatever the order in which things
//! come and however often: the first of a total order. One is kept if those before it leave room at all: so what was once let go stays out, and what comes
//! behind it too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, PageId};
use crate::object_key::ChunkName;
use crate::summary::{ChunkFacts, Counts, ErrorMark, Marker, Opening, Position};
use crate::text::bounded;

/// Room for chunks, errors and markers, in bytes of JSON.
pub(super) const CHUNKS_BYTES: usize = 132 * 1024;
pub(super) const ERRORS_BYTES: usize = 24 * 1024;
pub(super) const MARKERS_BYTES: usize = 24 * 1024;

/// Room for one set of names.
pub(super) const NAMES_BYTES: usize = 3 * 1024;

/// Page loads of which is known what they show: so many whole, the others in short.
const OPENINGS_WHOLE: usize = 8;
const OPENINGS_MAX: usize = 100;
const SHORT_CHARS_MAX: usize = 60;

/// Most vitals, over all pages.
pub(super) const VITALS_MAX: usize = 200;

/// Most gaps and bursts of clicks that are listed.
pub(super) const GAPS_MAX: usize = 60;
pub(super) const BURSTS_MAX: usize = 30;

/// How many hashes stand for the chunks that are not listed.
const HASHES_MAX: usize = 64;

/// Chunks that are not listed: the last ones by first event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    /// How many, exactly up to 63, and else within some 12 %.
    pub chunks: u64,
    /// Latest event in any of them.
    pub last_ms: i64,
    /// The 64 least hashes among them, from which their number is told: a repeated chunk has the same.
    pub hashes: BTreeSet<ContentHash>,
}

impl More {
    fn add(this: &mut Option<Self>, hashes: impl IntoIterator<Item = ContentHash>, last_ms: i64) {
        let more = this.get_or_insert(Self { chunks: 0, last_ms, hashes: BTreeSet::new() });
        more.last_ms = more.last_ms.max(last_ms);
        more.hashes.extend(hashes);
        while more.hashes.len() > HASHES_MAX {
            more.hashes.pop_last();
        }
        more.chunks = more.estimate();
    }

    pub(super) fn merge(this: &mut Option<Self>, other: Option<Self>) {
        if let Some(other) = other {
            Self::add(this, other.hashes, other.last_ms);
        }
    }

    /// Hashes are even over 32 bits: of n of them, the 64th is where 64 of n parts are.
    fn estimate(&self) -> u64 {
        let n = self.hashes.len() as u64;
        match self.hashes.last().and_then(|last| u64::from_str_radix(last.as_str(), 16).ok()) {
            Some(last) if self.hashes.len() >= HASHES_MAX => ((n - 1) << 32) / last.max(1),
            _ => n,
        }
    }
}

/// Lets go of the last chunks by first event while they have no room.
pub(super) fn trim_chunks(
    chunks: &mut BTreeMap<ChunkName, ChunkFacts>,
    more: &mut Option<More>,
    room: usize,
) {
    let sizes = chunks.iter().map(|(name, facts)| chunk_bytes(name, facts));
    if sizes.sum::<usize>() <= room {
        return;
    }
    let mut order: Vec<(i64, ChunkName)> =
        chunks.iter().map(|(name, facts)| (facts.first_ms, name.clone())).collect();
    order.sort();
    let mut taken = 0;
    for (_, name) in order {
        if taken < room {
            taken += chunk_bytes(&name, &chunks[&name]);
        } else if let Some(facts) = chunks.remove(&name) {
            More::add(more, [name.hash], facts.last_ms);
        }
    }
}

/// At most how many bytes of JSON a chunk takes, reckoned rather than written.
fn chunk_bytes(name: &ChunkName, facts: &ChunkFacts) -> usize {
    let Counts {
        errors,
        console_errors,
        requests,
        failed_requests,
        clicks,
        rage_clicks,
        dead_clicks,
        inputs,
        long_tasks,
        markers,
    } = facts.counts;
    let counted = [
        errors,
        console_errors,
        requests,
        failed_requests,
        clicks,
        rage_clicks,
        dead_clicks,
        inputs,
        long_tasks,
        markers,
    ];
    let counted = counted.iter().filter(|n| **n > 0).count();
    let trail = &facts.clicks;
    let clicks = trail.head.len() + trail.tail.len() + trail.bursts.len();
    // A page load begins with its first batch, and brings its own braces.
    let page = if name.seq.get() == 0 { 80 } else { 0 };
    page + 150
        + if facts.skew_ms.is_some() { 22 } else { 0 }
        + if facts.active.is_some() { 40 } else { 0 }
        + if facts.checkpoints.is_empty() { 0 } else { 17 + 22 * facts.checkpoints.len() }
        + if counted == 0 { 0 } else { 11 + 20 * counted }
        + if clicks == 0 { 0 } else { 50 + 36 * clicks }
}

/// Keeps the first openings in their own order: those of `tapedeck.session` events first, by time.
pub(super) fn trim_openings(openings: &mut BTreeMap<PageId, Opening>) {
    if openings.len() <= OPENINGS_WHOLE {
        return;
    }
    let mut order: Vec<(Opening, PageId)> =
        openings.iter().map(|(page, opening)| (opening.clone(), page.clone())).collect();
    order.sort();
    for (rank, (_, page)) in order.into_iter().enumerate().skip(OPENINGS_WHOLE) {
        if rank >= OPENINGS_MAX {
            openings.remove(&page);
        } else if let Some(opening) = openings.get_mut(&page) {
            for text in [&mut opening.url, &mut opening.title, &mut opening.referrer] {
                *text = text.as_deref().map(|text| bounded(text, SHORT_CHARS_MAX));
            }
        }
    }
}

/// Keeps the first in order, as many as have room.
pub(super) fn trim_marks<T>(
    marks: &mut BTreeMap<Position, T>,
    bytes_max: usize,
    bytes: impl Fn(&T) -> usize,
) {
    let mut taken = 0;
    let end = marks.iter().find(|(_, what)| {
        let has_room = taken < bytes_max;
        // A position, braces and names.
        taken += 130 + bytes(what);
        !has_room
    });
    if let Some((at, _)) = end {
        let at = at.clone();
        marks.split_off(&at);
    }
}

pub(super) fn error_bytes(error: &ErrorMark) -> usize {
    json_bytes(error.error_type.as_deref()) + json_bytes(Some(&error.message)) + 80
}

pub(super) fn marker_bytes(marker: &Marker) -> usize {
    json_bytes(Some(&marker.label)) + 20
}

/// Keeps the first in byte order, as many as have room.
pub(super) fn trim_names(names: &mut BTreeSet<String>, max: usize) {
    let mut taken = 0;
    let end = names.iter().enumerate().find(|(i, name)| {
        let has_room = *i < max && taken < NAMES_BYTES;
        taken += json_bytes(Some(name)) + 3;
        !has_room
    });
    if let Some((_, name)) = end {
        let name = name.clone();
        names.split_off(&name);
    }
}

/// Bytes of a text in JSON, without its quotes.
fn json_bytes(text: Option<&str>) -> usize {
    text.map_or(0, |text| {
        text.bytes()
            .map(|byte| match byte {
                b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
                0..0x20 => 6,
                _ => 1,
            })
            .sum()
    })
}
