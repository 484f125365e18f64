//! What a chunk holds, from one pass over its lines: the part of the manifest that this chunk alone decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::Clicks;
use crate::error_group::{Noise, fingerprint, noise_of, title_of};
use crate::event_line::{EventLineError, event_type, parse_event_line};
use crate::ids::{ContentHash, PageId, Seq};
use crate::object_key::ChunkName;
use crate::route::route_of;
use crate::stack::parse_stack;
use crate::text::bounded;

mod clicks;
mod skim;

use clicks::BurstFinder;
pub use clicks::{Burst, Click, ClickTrail};
pub(crate) use clicks::{ChunkClicks, PageBurst, bursts_of_page};
pub use skim::LINE_BYTES_MAX;
use skim::{OpenLine, skim, time_at_end};

/// Most checkpoints kept of one chunk.
pub const CHECKPOINTS_MAX: usize = 64;
/// Most errors kept of one chunk, and of one session.
pub const ERRORS_MAX: usize = 100;
/// Most markers kept of one chunk, and of one session.
pub const MARKERS_MAX: usize = 200;
/// Most of each of routes, custom events and fingerprints kept of one chunk, and of one session: the first in byte order.
pub const NAMES_OF_KIND_MAX: usize = 50;
/// Longest message or label, in characters.
pub const MESSAGE_CHARS_MAX: usize = 300;
/// Longest URL, in characters.
pub const URL_CHARS_MAX: usize = 1_000;
/// Longest other text, in characters.
pub const TEXT_CHARS_MAX: usize = 200;

/// rrweb's incremental sources and interactions that are counted (`IncrementalSource`, `MouseInteractions` in @rrweb/types).
mod rrweb {
    pub(super) const MOUSE_MOVE: u8 = 1;
    pub(super) const MOUSE_INTERACTION: u8 = 2;
    pub(super) const INPUT: u8 = 5;
    pub(super) const TOUCH_MOVE: u8 = 6;
    pub(super) const DRAG: u8 = 12;
    pub(super) const CLICK: u8 = 2;
    pub(super) const FOCUS: u8 = 5;
    pub(super) const BLUR: u8 = 6;
}

/// Why a chunk has no summary: it is damaged, or was never admitted. Nobody can mend it.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// A line that is no event.
    #[error("event {index} (from 0)")]
    Event {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: EventLineError,
    },
    /// Not text.
    #[error("line {index} (from 0) is not UTF-8")]
    Utf8 {
        /// Which line.
        index: usize,
        /// Where it stops to be text.
        source: std::str::Utf8Error,
    },
    /// A line over [`LINE_BYTES_MAX`] that does not begin and end as rrweb writes it: only a [`Summariser::thorough`] one reads it.
    #[error("event {index} (from 0) is over {LINE_BYTES_MAX} bytes and has type or time in the middle")]
    Long {
        /// Which line.
        index: usize,
    },
    /// A chunk without events.
    #[error("chunk has no events")]
    Empty,
}

/// Where an event is: positions order events over a whole session, the same in every program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// When, by the client's clock, Unix milliseconds.
    pub at_ms: i64,
    /// In which page load.
    pub page: PageId,
    /// In which of its batches.
    pub seq: Seq,
    /// What was in that batch.
    pub hash: ContentHash,
    /// Index of the event in the chunk, from 0.
    pub event: usize,
}

/// Numbers of one chunk or of all; those that are 0 are not written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Errors.
    #[serde(skip_serializing_if = "is_zero")]
    pub errors: u64,
    /// Errors written to the console.
    #[serde(skip_serializing_if = "is_zero")]
    pub console_errors: u64,
    /// Requests of the page.
    #[serde(skip_serializing_if = "is_zero")]
    pub requests: u64,
    /// Of these, those without an answer, and those answered with 400 and more.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_requests: u64,
    /// Clicks.
    #[serde(skip_serializing_if = "is_zero")]
    pub clicks: u64,
    /// Bursts of clicks in one place. A chunk counts those that lie whole in it.
    #[serde(skip_serializing_if = "is_zero")]
    pub rage_clicks: u64,
    /// Clicks on what looks clickable, without effect.
    #[serde(skip_serializing_if = "is_zero")]
    pub dead_clicks: u64,
    /// Inputs.
    #[serde(skip_serializing_if = "is_zero")]
    pub inputs: u64,
    /// Tasks that kept the page from answering.
    #[serde(skip_serializing_if = "is_zero")]
    pub long_tasks: u64,
    /// Markers.
    #[serde(skip_serializing_if = "is_zero")]
    pub markers: u64,
}

// Serde hands a reference to what decides on skipping.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Counts {
    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The sum, field by field.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            errors: self.errors + other.errors,
            console_errors: self.console_errors + other.console_errors,
            requests: self.requests + other.requests,
            failed_requests: self.failed_requests + other.failed_requests,
            clicks: self.clicks + other.clicks,
            rage_clicks: self.rage_clicks + other.rage_clicks,
            dead_clicks: self.dead_clicks + other.dead_clicks,
            inputs: self.inputs + other.inputs,
            long_tasks: self.long_tasks + other.long_tasks,
            markers: self.markers + other.markers,
        }
    }
}

/// Time and size of one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkFacts {
    /// Earliest event, Unix milliseconds.
    pub first_ms: i64,
    /// Latest event, Unix milliseconds.
    pub last_ms: i64,
    /// Bytes of the object.
    pub bytes: u64,
    /// Bytes of its events.
    pub inflated_bytes: u64,
    /// Number of its events.
    pub events: u64,
    /// `(time of the full snapshot, index of the meta event before it)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<(i64, usize)>,
    /// First and last moment at which the visitor was with this page: it was loaded, came to sight, or was pointed at or
    /// typed into. With several pages open, it tells which one the visitor saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<(i64, i64)>,
    /// `received − sent` in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
    /// What happened in it.
    #[serde(default, skip_serializing_if = "Counts::is_empty")]
    pub counts: Counts,
    /// Its clicks, as far as bursts over the edges of chunks need them.
    #[serde(default, skip_serializing_if = "ClickTrail::is_empty")]
    pub clicks: ClickTrail,
}

/// Which event told what a page load shows. A `tapedeck.session` event says more than a meta event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpeningSource {
    /// `tapedeck.session`.
    Session,
    /// rrweb's meta event.
    Meta,
}

/// What a page load shows, by the event that is least in this type's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// From which kind of event.
    pub source: OpeningSource,
    /// Where that is.
    pub at: Position,
    /// The page's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Label of the browser's tab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tab: Option<String>,
    /// Where the visitor came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// The page load before it in the same tab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_page: Option<String>,
}

/// The visitor's browser and the customer's software, by the session's first `tapedeck.session` event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Environment {
    /// Where that event is.
    pub at: Position,
    /// Version of the customer's software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// `production`, `staging`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The browser.
    #[serde(default, skip_serializing_if = "Browser::is_empty")]
    pub browser: Browser,
}

/// What a browser tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Browser {
    /// As the browser sends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// BCP 47 tags, the preferred first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Width and height in CSS pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewport: Option<(u32, u32)>,
    /// Width and height in CSS pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<(u32, u32)>,
    /// `light` or `dark`: what the visitor prefers, and so how the page looked to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_scheme: Option<String>,
}

impl Browser {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An error in the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMark {
    /// `TypeError`, ….
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Its message.
    pub message: String,
    /// Which errors are like it: [`fingerprint`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why it does not count, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
}

/// What a row of `errors` says beyond [`ErrorMark`]. Not in manifests: it is read from the chunk when it is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorDetail {
    /// The normalised message.
    pub title: String,
    /// Whether the page handled it itself.
    pub handled: Option<bool>,
    /// How it came to be known.
    pub mechanism: Option<String>,
    /// Files of its frames, innermost first.
    pub files: Vec<String>,
    /// The top in-app frame's file.
    pub source: Option<String>,
    /// The top in-app frame's function.
    pub function: Option<String>,
    /// The top in-app frame's line.
    pub line: Option<u32>,
    /// The top in-app frame's column.
    pub column: Option<u32>,
    /// Trace id.
    pub trace: Option<String>,
}

/// What the browser measures of a page load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Vital {
    /// Largest contentful paint, ms.
    #[serde(rename = "LCP")]
    Lcp,
    /// Interaction to next paint, ms.
    #[serde(rename = "INP")]
    Inp,
    /// Cumulative layout shift.
    #[serde(rename = "CLS")]
    Cls,
    /// First contentful paint, ms.
    #[serde(rename = "FCP")]
    Fcp,
    /// Time to first byte, ms.
    #[serde(rename = "TTFB")]
    Ttfb,
}

/// Kinds of moments that a timeline shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkerKind {
    /// A page load.
    Page,
    /// A change of address without a page load.
    Navigation,
    /// The customer's own event.
    Custom,
    /// The visitor became known.
    Identify,
    /// The recorder could not send something.
    Lost,
    /// A click on what looks clickable, without effect.
    DeadClick,
    /// A burst of clicks in one place.
    RageClick,
}

/// A moment that a timeline shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// What kind.
    pub kind: MarkerKind,
    /// What a person reads.
    pub label: String,
}

/// What one chunk adds to its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkSummary {
    /// Which chunk.
    pub name: ChunkName,
    /// Its time and size.
    pub facts: ChunkFacts,
    /// What it says of its page load.
    pub opening: Option<Opening>,
    /// What it says of the browser.
    pub environment: Option<Environment>,
    /// Its first errors.
    pub errors: BTreeMap<Position, ErrorMark>,
    /// What more is known of them.
    pub details: BTreeMap<Position, ErrorDetail>,
    /// The last of each vital, in thousandths.
    pub vitals: BTreeMap<Vital, (Position, i64)>,
    /// Routes that were shown.
    pub routes: BTreeSet<String>,
    /// Names of the customer's own events.
    pub custom_events: BTreeSet<String>,
    /// Fingerprints of errors that are not noise by themselves.
    pub fingerprints: BTreeSet<String>,
    /// Why the session is recorded, as the upload says.
    pub reason: Option<String>,
    /// Its first markers.
    pub markers: BTreeMap<Position, Marker>,
    /// Users named in it.
    pub users: Vec<String>,
    /// Segments of its upload.
    pub segments: Vec<String>,
    /// Country of its upload.
    pub country: Option<String>,
}

/// Reads the user metadata of a chunk (`spec/objects.md`); what is absent or of another form is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkMetadata {
    /// `received − sent` in milliseconds.
    pub skew_ms: Option<i64>,
    /// Segments that the visitor was in.
    pub segments: Vec<String>,
    /// Two letters.
    pub country: Option<String>,
    /// `all`, `error`, ….
    pub reason: Option<String>,
}

impl ChunkMetadata {
    /// From a look-up of names without `x-amz-meta-`.
    #[must_use]
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let ms = |name| get(name).and_then(|text| text.parse::<i64>().ok());
        let segments = get("segments").map_or_else(Vec::new, |text| {
            text.split(',')
                .filter(|part| !part.is_empty())
                .map(|part| {
                    let pairs = url::form_urlencoded::parse(part.as_bytes());
                    bounded(&pairs.map(|(name, _)| name).collect::<String>(), TEXT_CHARS_MAX)
                })
                .collect()
        });
        Self {
            skew_ms: ms("received-ms")
                .zip(ms("sent-ms"))
                .and_then(|(received, sent)| received.checked_sub(sent)),
            segments,
            country: get("country").filter(|c| c.len() == 2).map(str::to_owned),
            reason: get("reason").filter(|r| !r.is_empty()).map(|reason| bounded(reason, 32)),
        }
    }
}

/// Reads a chunk as it is inflated, or line by line. Memory is bounded by the constants of this module, whatever the chunk: of a line that
/// nothing is needed of, only start and end are kept.
#[derive(Debug)]
pub struct Summariser {
    summary: ChunkSummary,
    /// The line that the last bytes ended in.
    open: OpenLine,
    thorough: bool,
    /// Index of the meta event, if the line before was one.
    meta_before: Option<usize>,
    clicks: Clicks,
    bursts: BurstFinder,
}

impl Summariser {
    /// For a chunk of `bytes` bytes as stored.
    #[must_use]
    pub fn new(name: ChunkName, bytes: u64, metadata: ChunkMetadata) -> Self {
        let facts = ChunkFacts {
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            bytes,
            inflated_bytes: 0,
            events: 0,
            checkpoints: Vec::new(),
            active: None,
            skew_ms: metadata.skew_ms,
            counts: Counts::default(),
            clicks: ClickTrail::default(),
        };
        let summary = ChunkSummary {
            name,
            facts,
            opening: None,
            environment: None,
            errors: BTreeMap::new(),
            details: BTreeMap::new(),
            vitals: BTreeMap::new(),
            routes: BTreeSet::new(),
            custom_events: BTreeSet::new(),
            fingerprints: BTreeSet::new(),
            reason: metadata.reason,
            markers: BTreeMap::new(),
            users: Vec::new(),
            segments: metadata.segments,
            country: metadata.country,
        };
        let clicks = Clicks::default();
        let (open, bursts) = (OpenLine::default(), BurstFinder::new(clicks));
        Self { summary, open, thorough: false, meta_before: None, clicks, bursts }
    }

    /// Keeps every line that comes in pieces until its end, whatever its length: for a chunk of which [`SummaryError::Long`] was said.
    #[must_use]
    pub fn thorough(mut self) -> Self {
        self.thorough = true;
        self
    }

    /// By a project's own thresholds. Before the first line.
    #[must_use]
    pub fn with_clicks(mut self, clicks: Clicks) -> Self {
        self.clicks = clicks;
        self.bursts = BurstFinder::new(clicks);
        self
    }

    /// Takes the next bytes of the chunk, cut anywhere. They are those of an admitted batch: of mutations and snapshots only the start and
    /// the end are looked at.
    ///
    /// # Errors
    /// [`SummaryError`] for a line that is no event; the summary is of no use then.
    pub fn bytes(&mut self, mut piece: &[u8]) -> Result<(), SummaryError> {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if self.open.bytes == 0 {
                self.whole_line(line)?;
            } else {
                self.go_on(line)?;
                self.end_line()?;
            }
            piece = rest;
        }
        if piece.is_empty() { Ok(()) } else { self.go_on(piece) }
    }

    fn go_on(&mut self, piece: &[u8]) -> Result<(), SummaryError> {
        let index = self.index();
        if self.open.extend(piece, self.thorough) { Ok(()) } else { Err(SummaryError::Long { index }) }
    }

    fn end_line(&mut self) -> Result<(), SummaryError> {
        let mut open = std::mem::take(&mut self.open);
        let result = match open.head {
            None => self.whole_line(&open.kept),
            Some(head) => match head.at_ms.or_else(|| time_at_end(&open.tail)) {
                Some(at_ms) => {
                    self.skimmed(head.event_type, at_ms, open.bytes);
                    Ok(())
                }
                None => Err(SummaryError::Long { index: self.index() }),
            },
        };
        // For the next one, without asking for memory again.
        open.kept.clear();
        self.open.kept = open.kept;
        result
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), SummaryError> {
        if let Some((event_type, at_ms)) = skim(line) {
            self.skimmed(event_type, at_ms, line.len());
            return Ok(());
        }
        let index = self.index();
        let line = std::str::from_utf8(line).map_err(|source| SummaryError::Utf8 { index, source })?;
        self.line(line)
    }

    fn index(&self) -> usize {
        usize::try_from(self.summary.facts.events).unwrap_or(usize::MAX)
    }

    /// What type and time alone tell.
    fn skimmed(&mut self, event_type: u8, at_ms: i64, line_bytes: usize) {
        let facts = &mut self.summary.facts;
        facts.first_ms = facts.first_ms.min(at_ms);
        facts.last_ms = facts.last_ms.max(at_ms);
        facts.inflated_bytes += line_bytes as u64 + 1;
        facts.events += 1;
        let meta_before = self.meta_before.take();
        if event_type == event_type::FULL_SNAPSHOT
            && let Some(meta) = meta_before.filter(|_| facts.checkpoints.len() < CHECKPOINTS_MAX)
        {
            facts.checkpoints.push((at_ms, meta));
        }
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    /// [`SummaryError::Event`] for a line that is no event.
    pub fn line(&mut self, line: &str) -> Result<(), SummaryError> {
        let index = self.index();
        let event = parse_event_line(line).map_err(|source| SummaryError::Event { index, source })?;
        self.skimmed(event.event_type, event.at_ms, line.len());
        match event.event_type {
            event_type::META => {
                self.meta_before = Some(index);
                if let Some(url) = meta_url(event.data) {
                    insert_name(&mut self.summary.routes, route_of(&bounded(&url, URL_CHARS_MAX)));
                    self.open(OpeningSource::Meta, event.at_ms, index, &serde_json::json!({ "url": url }));
                }
            }
            event_type::INCREMENTAL_SNAPSHOT => self.incremental(event.at_ms, index, event.data),
            event_type::CUSTOM => self.custom(event.at_ms, index, event.data),
            _ => {}
        }
        Ok(())
    }

    /// What was read.
    ///
    /// # Errors
    /// [`SummaryError::Empty`] if no line came, or what is wrong with the last one.
    pub fn finish(mut self) -> Result<ChunkSummary, SummaryError> {
        if self.open.bytes > 0 {
            self.end_line()?;
        }
        let facts = &mut self.summary.facts;
        if facts.events == 0 {
            return Err(SummaryError::Empty);
        }
        (facts.counts.rage_clicks, facts.clicks) = self.bursts.finish(facts.first_ms, facts.last_ms);
        Ok(self.summary)
    }

    fn position(&self, at_ms: i64, event: usize) -> Position {
        let ChunkName { page, seq, hash } = self.summary.name.clone();
        Position { at_ms, page, seq, hash, event }
    }

    fn open(&mut self, source: OpeningSource, at_ms: i64, index: usize, payload: &Value) {
        let text = |field, max| text(payload, field, max);
        let opening = Opening {
            source,
            at: self.position(at_ms, index),
            url: text("url", URL_CHARS_MAX),
            title: text("title", TEXT_CHARS_MAX),
            tab: text("tab", TEXT_CHARS_MAX),
            referrer: text("referrer", URL_CHARS_MAX),
            previous_page: text("previous_page", TEXT_CHARS_MAX),
        };
        if self.summary.opening.as_ref().is_none_or(|found| opening < *found) {
            self.summary.opening = Some(opening);
        }
    }

    fn incremental(&mut self, at_ms: i64, index: usize, data: Option<&str>) {
        #[derive(Deserialize)]
        struct Incremental {
            source: u8,
            #[serde(rename = "type")]
            interaction: Option<u8>,
            #[serde(default, deserialize_with = "pixels")]
            x: i32,
            #[serde(default, deserialize_with = "pixels")]
            y: i32,
        }
        // An incremental event of another form is nothing that is counted here; the player shows what it can.
        let Some(Ok(incremental)) = data.map(serde_json::from_str::<Incremental>) else {
            return;
        };
        match (incremental.source, incremental.interaction) {
            // Scripts and the browser move the focus too.
            (rrweb::MOUSE_INTERACTION, Some(rrweb::FOCUS | rrweb::BLUR)) => return,
            (rrweb::MOUSE_INTERACTION, Some(rrweb::CLICK)) => {
                self.summary.facts.counts.clicks += 1;
                self.bursts.push(Click { at_ms, x: incremental.x, y: incremental.y, event: index });
            }
            (rrweb::MOUSE_INTERACTION | rrweb::MOUSE_MOVE | rrweb::TOUCH_MOVE | rrweb::DRAG, _) => {}
            (rrweb::INPUT, _) => self.summary.facts.counts.inputs += 1,
            _ => return,
        }
        self.active(at_ms);
    }

    fn active(&mut self, at_ms: i64) {
        let active = &mut self.summary.facts.active;
        let (first_ms, last_ms) = active.unwrap_or((at_ms, at_ms));
        *active = Some((first_ms.min(at_ms), last_ms.max(at_ms)));
    }

    fn custom(&mut self, at_ms: i64, index: usize, data: Option<&str>) {
        #[derive(Deserialize)]
        struct Custom<'a> {
            tag: String,
            #[serde(borrow)]
            payload: Option<&'a RawValue>,
        }
        let Some(Ok(custom)) = data.map(serde_json::from_str::<Custom<'_>>) else {
            return;
        };
        if !custom.tag.starts_with("tapedeck.") {
            return;
        }
        // A payload of another form, or nested beyond serde_json's limit, tells nothing; the event itself stays in the chunk.
        let payload = custom
            .payload
            .and_then(|payload| serde_json::from_str::<Value>(payload.get()).ok())
            .unwrap_or(Value::Null);
        let label = |field, max| text(&payload, field, max).unwrap_or_default();
        match custom.tag.as_str() {
            "tapedeck.visibility" if payload["state"] == "visible" => self.active(at_ms),
            "tapedeck.session" => {
                self.active(at_ms);
                self.open(OpeningSource::Session, at_ms, index, &payload);
                self.environment(at_ms, index, &payload);
                insert_name(&mut self.summary.routes, route_of(&label("url", URL_CHARS_MAX)));
                self.mark(at_ms, index, MarkerKind::Page, label("url", MESSAGE_CHARS_MAX));
            }
            "tapedeck.error" => self.error(at_ms, index, &payload),
            "tapedeck.console" if payload["level"] == "error" => {
                self.summary.facts.counts.console_errors += 1;
            }
            "tapedeck.request" => {
                let failed =
                    payload["failure"].is_string() || payload["status"].as_u64().is_some_and(|s| s >= 400);
                self.summary.facts.counts.requests += 1;
                self.summary.facts.counts.failed_requests += u64::from(failed);
            }
            "tapedeck.longtask" => self.summary.facts.counts.long_tasks += 1,
            "tapedeck.vital" => self.vital(at_ms, index, &payload),
            "tapedeck.click" => self.click_effects(at_ms, index, &payload),
            "tapedeck.navigation" => {
                let to = label("to", URL_CHARS_MAX);
                insert_name(&mut self.summary.routes, route_of(&to));
                self.mark(at_ms, index, MarkerKind::Navigation, bounded(&to, MESSAGE_CHARS_MAX));
            }
            "tapedeck.custom" => {
                insert_name(&mut self.summary.custom_events, label("name", TEXT_CHARS_MAX));
                self.mark(at_ms, index, MarkerKind::Custom, label("name", MESSAGE_CHARS_MAX));
            }
            "tapedeck.lost" => self.mark(at_ms, index, MarkerKind::Lost, label("reason", MESSAGE_CHARS_MAX)),
            "tapedeck.identify" => {
                let user = label("user", TEXT_CHARS_MAX);
                if !user.is_empty() && !self.summary.users.contains(&user) {
                    self.summary.users.push(user.clone());
                }
                self.mark(at_ms, index, MarkerKind::Identify, user);
            }
            _ => {}
        }
    }

    fn error(&mut self, at_ms: i64, index: usize, payload: &Value) {
        let stack = payload["stack"].as_str().unwrap_or_default();
        let frames = parse_stack(stack);
        let message = text(payload, "message", 2 * URL_CHARS_MAX).unwrap_or_default();
        let error_type = text(payload, "type", TEXT_CHARS_MAX);
        let title = title_of(&message);
        let noise = noise_of(&message, &frames);
        let fingerprint = fingerprint(error_type.as_deref().unwrap_or_default(), &title, &frames);
        if noise.is_none() {
            insert_name(&mut self.summary.fingerprints, fingerprint.clone());
        }
        let top = frames.iter().find(|frame| frame.is_in_app());
        let number = |field: &str| payload[field].as_u64().and_then(|n| u32::try_from(n).ok());
        let detail = ErrorDetail {
            title,
            handled: payload["handled"].as_bool(),
            mechanism: text(payload, "mechanism", TEXT_CHARS_MAX),
            files: frames.iter().map(|frame| bounded(frame.file, TEXT_CHARS_MAX)).collect(),
            // Where there is no stack, the browser may have told the place all the same.
            source: top
                .map(|frame| bounded(frame.file, URL_CHARS_MAX))
                .or_else(|| text(payload, "source", URL_CHARS_MAX).filter(|_| frames.is_empty())),
            function: top.and_then(|frame| frame.function).map(|name| bounded(name, TEXT_CHARS_MAX)),
            line: top.map_or_else(|| number("line").filter(|_| frames.is_empty()), |frame| frame.line),
            column: top.map_or_else(|| number("column").filter(|_| frames.is_empty()), |frame| frame.column),
            trace: text(payload, "trace", 32),
        };
        let mark = ErrorMark {
            error_type,
            message: bounded(&message, MESSAGE_CHARS_MAX),
            fingerprint: Some(fingerprint),
            noise,
        };
        self.summary.facts.counts.errors += 1;
        let at = self.position(at_ms, index);
        insert_first(&mut self.summary.details, at.clone(), detail, ERRORS_MAX);
        insert_first(&mut self.summary.errors, at, mark, ERRORS_MAX);
    }

    fn vital(&mut self, at_ms: i64, index: usize, payload: &Value) {
        let Ok(vital) = Vital::deserialize(&payload["name"]) else { return };
        let Some(value) = payload["value"].as_f64().filter(|value| (0.0..1e12).contains(value)) else {
            return;
        };
        // In range, by the line before.
        #[allow(clippy::cast_possible_truncation)]
        let thousandths = (value * 1_000.0).round() as i64;
        let found = (self.position(at_ms, index), thousandths);
        let last = self.summary.vitals.entry(vital).or_insert_with(|| found.clone());
        if *last < found {
            *last = found;
        }
    }

    /// A `tapedeck.click` comes when the effects of a click are known: it may be in another chunk than the click.
    fn click_effects(&mut self, at_ms: i64, index: usize, payload: &Value) {
        let Some(effects) = payload["effects"].as_array() else { return };
        let late = payload["effect_ms"].as_f64().is_some_and(|ms| ms > f64::from(self.clicks.dead_ms));
        let selector = text(payload, "selector", TEXT_CHARS_MAX).unwrap_or_default();
        if !(effects.is_empty() || late) || !looks_clickable(payload["role"].as_str(), &selector) {
            return;
        }
        self.summary.facts.counts.dead_clicks += 1;
        // The moment of the click itself, as long as it can be one.
        let clicked_ms = payload["at_ms"].as_i64().filter(|ms| (at_ms - 60_000..=at_ms).contains(ms));
        let label = text(payload, "text", MESSAGE_CHARS_MAX).unwrap_or(selector);
        self.mark(clicked_ms.unwrap_or(at_ms), index, MarkerKind::DeadClick, label);
    }

    fn environment(&mut self, at_ms: i64, index: usize, payload: &Value) {
        let browser = &payload["browser"];
        let pair = |field: &str| {
            let side = |i: usize| browser[field][i].as_u64().and_then(|n| u32::try_from(n).ok());
            side(0).zip(side(1))
        };
        let languages = browser["languages"].as_array().map_or(&[][..], Vec::as_slice);
        let environment = Environment {
            at: self.position(at_ms, index),
            release: text(payload, "release", TEXT_CHARS_MAX),
            environment: text(payload, "environment", TEXT_CHARS_MAX),
            browser: Browser {
                user_agent: text(browser, "user_agent", MESSAGE_CHARS_MAX),
                languages: languages
                    .iter()
                    .filter_map(Value::as_str)
                    .take(8)
                    .map(|language| bounded(language, 35))
                    .collect(),
                time_zone: text(browser, "time_zone", TEXT_CHARS_MAX),
                viewport: pair("viewport"),
                screen: pair("screen"),
                color_scheme: text(browser, "color_scheme", TEXT_CHARS_MAX)
                    .filter(|scheme| scheme == "light" || scheme == "dark"),
            },
        };
        if self.summary.environment.as_ref().is_none_or(|found| environment < *found) {
            self.summary.environment = Some(environment);
        }
    }

    fn mark(&mut self, at_ms: i64, index: usize, kind: MarkerKind, label: String) {
        self.summary.facts.counts.markers += 1;
        let at = self.position(at_ms, index);
        insert_first(&mut self.summary.markers, at, Marker { kind, label }, MARKERS_MAX);
    }
}

/// Whether a visitor expects something of a click on it.
fn looks_clickable(role: Option<&str>, selector: &str) -> bool {
    const ROLES: [&str; 17] = [
        "button",
        "link",
        "checkbox",
        "radio",
        "switch",
        "tab",
        "menuitem",
        "menuitemcheckbox",
        "menuitemradio",
        "option",
        "combobox",
        "listbox",
        "slider",
        "spinbutton",
        "treeitem",
        "searchbox",
        "textbox",
    ];
    const TAGS: [&str; 8] = ["a", "button", "input", "select", "textarea", "label", "summary", "option"];
    let last = selector.rsplit(" > ").next().unwrap_or_default();
    let tag = last.split(['#', '[', '.', ':']).next().unwrap_or_default();
    role.is_some_and(|role| ROLES.contains(&role)) || TAGS.contains(&tag)
}

/// Whole pixels from any JSON number; another value is 0.
fn pixels<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    // Saturates; where a click outside every screen was, does not matter.
    #[allow(clippy::cast_possible_truncation)]
    let whole = number.unwrap_or_default().round() as i32;
    Ok(whole)
}

/// Adds a name, and keeps the first in byte order.
pub(crate) fn insert_name(names: &mut BTreeSet<String>, name: String) {
    if !name.is_empty() {
        names.insert(name);
        while names.len() > NAMES_OF_KIND_MAX {
            names.pop_last();
        }
    }
}

/// Inserts, and lets go of what is last while there are more than `max`.
pub(crate) fn insert_first<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, max: usize) {
    map.insert(key, value);
    while map.len() > max {
        map.pop_last();
    }
}

fn text(payload: &Value, field: &str, chars_max: usize) -> Option<String> {
    payload
        .get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(|text| bounded(text, chars_max))
}

fn meta_url(data: Option<&str>) -> Option<String> {
    #[derive(Deserialize)]
    struct Meta {
        href: String,
    }
    serde_json::from_str::<Meta>(data?).ok().map(|meta| meta.href)
}

#[cfg(test)]
mod tests;
