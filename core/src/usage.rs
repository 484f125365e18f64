//! What a project was admitted in a day: `usage/{project}/{day}.json` and the hours behind it (`spec/usage.md`).
//!
//! A session's part is taken from its manifest, and of two the larger one holds: so it may be counted again, in any order and by several at
//! once, and is in the sum once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::ids::{IdError, SessionId};
use crate::manifest::Manifest;
use crate::object_key::{UsageHourKey, UsageKey};

/// Largest document of a day, in bytes.
pub const USAGE_BYTES_MAX: usize = 64 * 1024;

/// Largest document of an hour, in bytes: [`SESSIONS_MAX`] sessions with the longest numbers are less.
pub const HOUR_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Sessions of an hour that are counted each; of more, every second, every fourth … stands for the others.
pub const SESSIONS_MAX: usize = 50_000;

/// The form of these documents that this code reads and writes.
pub const USAGE_VERSION: u32 = 1;

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// Not JSON of the form that the spec gives.
    #[error("usage is not of the form in spec/usage.md")]
    Form(#[from] serde_json::Error),
    /// A version that this code does not know.
    #[error("usage has version {found}, this program reads version {USAGE_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

/// Chunks and bytes as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Amount {
    /// How many chunks.
    pub chunks: u64,
    /// Their bytes as stored.
    pub bytes: u64,
}

impl From<(u64, u64)> for Amount {
    fn from((chunks, bytes): (u64, u64)) -> Self {
        Self { chunks, bytes }
    }
}

impl From<Amount> for (u64, u64) {
    fn from(Amount { chunks, bytes }: Amount) -> Self {
        (chunks, bytes)
    }
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        let (chunks, bytes) =
            (self.chunks.saturating_add(other.chunks), self.bytes.saturating_add(other.bytes));
        Self { chunks, bytes }
    }

    /// Takes the larger of each. Tells whether that changed it.
    fn raise(&mut self, other: Self) -> bool {
        let before = *self;
        *self = Self { chunks: self.chunks.max(other.chunks), bytes: self.bytes.max(other.bytes) };
        *self != before
    }
}

/// The last 16 digits of a session's id: enough to tell apart the sessions of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionMark(u64);

impl SessionMark {
    /// Of a session.
    #[must_use]
    pub fn of(session: &SessionId) -> Self {
        Self(u64::from_str_radix(&session.as_str()[16..], 16).unwrap_or_default())
    }
}

impl From<SessionMark> for String {
    fn from(SessionMark(mark): SessionMark) -> Self {
        format!("{mark:016x}")
    }
}

impl TryFrom<String> for SessionMark {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let mark = u64::from_str_radix(&text, 16).ok().map(Self).filter(|mark| String::from(*mark) == text);
        mark.ok_or_else(|| IdError {
            what: "session mark",
            found: text.chars().take(64).collect(),
            expected: "16 lower-case hex digits",
        })
    }
}

/// What was admitted in one UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Form of this document.
    pub version: u32,
    /// Bytes as stored: the sum over `hours`.
    pub bytes: u64,
    /// How many chunks they are: the sum over `hours`.
    pub chunks: u64,
    /// By the hour, two digits, in which sessions started.
    #[serde(default)]
    pub hours: BTreeMap<String, Amount>,
}

impl Default for Usage {
    /// Nothing.
    fn default() -> Self {
        Self { version: USAGE_VERSION, bytes: 0, chunks: 0, hours: BTreeMap::new() }
    }
}

impl Usage {
    /// Reads a day's usage.
    ///
    /// # Errors
    /// [`UsageError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, UsageError> {
        let usage: Self = serde_json::from_slice(bytes)?;
        is_known(usage.version).map(|()| usage)
    }

    /// Takes what an hour has come to, unless more is known of it. Tells whether that changed it.
    pub fn raise(&mut self, hour: u8, amount: Amount) -> bool {
        let changed = self.hours.entry(format!("{hour:02}")).or_default().raise(amount);
        let Amount { chunks, bytes } = sum(self.hours.values());
        (self.chunks, self.bytes) = (chunks, bytes);
        changed
    }
}

/// What was admitted in one UTC day of the sessions that started in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourUsage {
    /// Form of this document.
    pub version: u32,
    /// One in so many sessions is counted and stands for all: a power of two, 1 as long as there are no more than [`SESSIONS_MAX`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub one_in: u64,
    /// What is known of each session that is counted.
    pub sessions: BTreeMap<SessionMark, Amount>,
}

fn one() -> u64 {
    1
}

// Serde hands a reference to what decides on skipping.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(n: &u64) -> bool {
    *n == 1
}

impl Default for HourUsage {
    /// Nothing.
    fn default() -> Self {
        Self { version: USAGE_VERSION, one_in: 1, sessions: BTreeMap::new() }
    }
}

impl HourUsage {
    /// Reads an hour's usage.
    ///
    /// # Errors
    /// [`UsageError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, UsageError> {
        let usage: Self = serde_json::from_slice(bytes)?;
        is_known(usage.version).map(|()| usage)
    }

    /// Takes what is known of some sessions, unless more is. Tells whether that changed it.
    pub fn raise(&mut self, sessions: &BTreeMap<SessionMark, Amount>) -> bool {
        self.raise_up_to(sessions, SESSIONS_MAX)
    }

    fn raise_up_to(&mut self, sessions: &BTreeMap<SessionMark, Amount>, sessions_max: usize) -> bool {
        let mut changed = false;
        for (mark, amount) in sessions {
            if mark.0.is_multiple_of(self.one_in) {
                changed |= self.sessions.entry(*mark).or_default().raise(*amount);
            }
        }
        // Which ones stay follows from the sessions alone, not from their order.
        while self.sessions.len() > sessions_max && self.one_in < 1 << 40 {
            self.one_in *= 2;
            self.sessions.retain(|mark, _| mark.0.is_multiple_of(self.one_in));
        }
        changed
    }

    /// The sum.
    #[must_use]
    pub fn amount(&self) -> Amount {
        let Amount { chunks, bytes } = sum(self.sessions.values());
        Amount { chunks: chunks.saturating_mul(self.one_in), bytes: bytes.saturating_mul(self.one_in) }
    }
}

fn is_known(found: u32) -> Result<(), UsageError> {
    if found == USAGE_VERSION { Ok(()) } else { Err(UsageError::Version { found }) }
}

fn sum<'a>(amounts: impl Iterator<Item = &'a Amount>) -> Amount {
    amounts.fold(Amount::default(), |sum, amount| sum.plus(*amount))
}

/// What some manifests say of their sessions, by the document that it belongs into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    hours: BTreeMap<UsageHourKey, BTreeMap<SessionMark, Amount>>,
}

impl Counted {
    /// Takes what a manifest lists. A chunk is of the UTC day of its last event, by the server's clock as far as its skew tells it: the
    /// moment of its upload, less the wait for it.
    pub fn insert(&mut self, manifest: &Manifest) {
        let mut days: BTreeMap<Day, Amount> = BTreeMap::new();
        for facts in manifest.pages.iter().flat_map(|page| page.chunks.iter().map(|chunk| &chunk.facts)) {
            let at_ms = facts.last_ms.saturating_add(facts.skew_ms.unwrap_or(0));
            let sum = days.entry(Day::of_ms(at_ms)).or_default();
            *sum = sum.plus(Amount { chunks: 1, bytes: facts.bytes });
        }
        let hour = u8::try_from(manifest.session.start_s() / 3600 % 24).unwrap_or(0);
        for (day, amount) in days {
            let key = UsageHourKey { day: UsageKey { project: manifest.project.clone(), day }, hour };
            self.hours
                .entry(key)
                .or_default()
                .entry(SessionMark::of(&manifest.session))
                .or_default()
                .raise(amount);
        }
    }

    /// Takes all that another has.
    pub fn extend(&mut self, other: Self) {
        for (key, sessions) in other.hours {
            let known = self.hours.entry(key).or_default();
            for (mark, amount) in sessions {
                known.entry(mark).or_default().raise(amount);
            }
        }
    }

    /// The documents to be raised, and by what.
    pub fn hours(&self) -> impl Iterator<Item = (&UsageHourKey, &BTreeMap<SessionMark, Amount>)> {
        self.hours.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{ChunkMetadata, Summariser};
    use proptest::prelude::*;

    #[test]
    fn of_a_day() {
        let usage = Usage::parse(br#"{"version":1,"bytes":700,"chunks":2,"hours":{"23":[2,700]}}"#);
        let mut usage = usage.expect("usage");
        assert_eq!((usage.bytes, usage.chunks), (700, 2));
        assert!(!usage.raise(23, Amount { chunks: 1, bytes: 700 }));
        assert!(usage.raise(7, Amount { chunks: 1, bytes: 50 }));
        assert_eq!((usage.bytes, usage.chunks), (750, 3));
        assert_eq!(
            serde_json::to_string(&usage).expect("json"),
            r#"{"version":1,"bytes":750,"chunks":3,"hours":{"07":[1,50],"23":[2,700]}}"#
        );
        assert!(Usage::parse(br#"{"version":1,"bytes":700,"chunks":2}"#).is_ok());
        let error = Usage::parse(br#"{"version":2,"bytes":700,"chunks":2}"#).expect_err("another version");
        assert_eq!(error.to_string(), "usage has version 2, this program reads version 1");
        assert!(Usage::parse(b"{}").is_err());
    }

    #[test]
    fn of_an_hour() {
        let text = r#"{"version":1,"sessions":{"00000000000000ff":[2,700]}}"#;
        let usage = HourUsage::parse(text.as_bytes()).expect("usage");
        assert_eq!(usage.amount(), Amount { chunks: 2, bytes: 700 });
        assert_eq!(serde_json::to_string(&usage).expect("json"), text);
        assert!(HourUsage::parse(br#"{"version":1,"sessions":{"ff":[2,700]}}"#).is_err());
        assert!(HourUsage::parse(br#"{"version":2,"sessions":{}}"#).is_err());
        let longest = (SessionMark(u64::MAX), Amount { chunks: u64::MAX, bytes: u64::MAX });
        let longest = serde_json::to_string(&BTreeMap::from([longest])).expect("json").len();
        assert!(longest * SESSIONS_MAX < HOUR_BYTES_MAX);
    }

    /// A manifest of chunks, each `(last event, skew, bytes)`.
    fn manifest(session: &str, chunks: &[(i64, i64, u64)]) -> Manifest {
        let mut union =
            crate::manifest::Union::new("demo".parse().expect("id"), session.parse().expect("id"));
        for (seq, (at_ms, skew_ms, bytes)) in chunks.iter().enumerate() {
            let name = format!("a1B2c3D4-{seq:05}-1a2b3c4d").parse().expect("a name");
            let metadata = ChunkMetadata { skew_ms: Some(*skew_ms), ..ChunkMetadata::default() };
            let mut summariser = Summariser::new(name, *bytes, metadata);
            summariser.line(&format!(r#"{{"type":3,"timestamp":{at_ms},"data":{{}}}}"#)).expect("an event");
            union.insert(summariser.finish().expect("a summary"));
        }
        union.derive().expect("chunks")
    }

    #[test]
    fn a_chunk_is_of_the_day_of_its_last_event_by_our_clock() {
        // 2023-11-14T23:59:59.999Z, of a session that started at 22:13:20 of a clock that is behind.
        const LAST_MS: i64 = 1_700_006_399_999;
        let mut counted = Counted::default();
        let chunks = [(LAST_MS, 0, 10), (LAST_MS, 1, 20), (LAST_MS - 5, 0, 40), (LAST_MS + 10, -20, 80)];
        counted.insert(&manifest("6553f10018f45d4a71053ad0482c3b0e", &chunks));
        let found: Vec<String> = counted
            .hours()
            .map(|(key, sessions)| format!("{key} {}", serde_json::to_string(sessions).expect("json")))
            .collect();
        assert_eq!(
            found,
            [
                r#"usage/demo/2023-11-14/22.json {"71053ad0482c3b0e":[3,130]}"#,
                r#"usage/demo/2023-11-15/22.json {"71053ad0482c3b0e":[1,20]}"#,
            ]
        );
    }

    #[test]
    fn beyond_the_limit_some_stand_for_all() {
        let mut usage = HourUsage::default();
        let sessions: BTreeMap<SessionMark, Amount> = (0..1_000)
            .map(|n: u64| {
                (
                    SessionMark(n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)),
                    Amount { chunks: 3, bytes: 100 },
                )
            })
            .collect();
        for (mark, amount) in &sessions {
            usage.raise_up_to(&BTreeMap::from([(*mark, *amount)]), 400);
        }
        assert!(
            usage.sessions.len() <= 400 && usage.one_in > 1,
            "{} of {}",
            usage.sessions.len(),
            usage.one_in
        );
        let bytes = usage.amount().bytes;
        assert!((80_000..120_000).contains(&bytes), "{bytes} for 100,000");
        let mut at_once = HourUsage::default();
        at_once.raise_up_to(&sessions, 400);
        assert_eq!(at_once, usage);
    }

    proptest! {
        /// Whatever is told of sessions, in whatever order and however often: the most that was told of each is in the sum, once.
        #[test]
        fn the_most_of_each_counts(told in proptest::collection::vec((0..5_u64, 0..9_u64, 0..100_u64, 0..3_u8), 0..40)) {
            let (mut most, mut usage, mut day) = (BTreeMap::<u64, Amount>::new(), HourUsage::default(), Usage::default());
            for (session, chunks, bytes, again) in &told {
                let amount = Amount { chunks: *chunks, bytes: *bytes };
                most.entry(*session).or_default().raise(amount);
                for _ in 0..=*again {
                    usage.raise(&BTreeMap::from([(SessionMark(*session), amount)]));
                    day.raise(5, usage.amount());
                }
            }
            prop_assert_eq!(usage.amount(), sum(most.values()));
            prop_assert_eq!((day.chunks, day.bytes), usage.amount().into());
            let mut backwards = HourUsage::default();
            for (session, chunks, bytes, _) in told.iter().rev() {
                backwards.raise(&BTreeMap::from([(SessionMark(*session), Amount { chunks: *chunks, bytes: *bytes })]));
            }
            prop_assert_eq!(backwards, usage);
        }
    }
}
