//! Whether a session is kept: the same answer in the recorder and at every edge location (`spec/ids.md`, `spec/config.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::SessionId;

/// Why a session is recorded, as the client claims: picks the sampling rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing special: a share of everything.
    All,
    /// An error happened.
    Error,
    /// Support asked the visitor to turn recording on.
    Support,
    /// The visitor is in a named segment.
    Segment,
    /// The page asked for it.
    Manual,
}

impl Reason {
    /// As it is written in headers and metadata.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Error => "error",
            Self::Support => "support",
            Self::Segment => "segment",
            Self::Manual => "manual",
        }
    }
}

/// Rates that hold for sessions which started at or after a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Unix milliseconds from which these rates hold.
    pub from_ms: i64,
    /// Share of sessions without a special reason, 0 to 1.
    pub all: f64,
    /// Share of sessions with an error.
    #[serde(default = "one")]
    pub error: f64,
    /// Share of sessions that support asked for.
    #[serde(default = "one")]
    pub support: f64,
    /// Share of sessions in a segment that has no rate of its own.
    #[serde(default = "one")]
    pub segment: f64,
    /// Share of sessions that the page asked for.
    #[serde(default = "one")]
    pub manual: f64,
    /// Rates of named segments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, f64>,
}

fn one() -> f64 {
    1.0
}

impl Rates {
    /// Every rate with the name of its field, for validation.
    pub fn named(&self) -> impl Iterator<Item = (String, f64)> {
        [
            ("all", self.all),
            ("error", self.error),
            ("support", self.support),
            ("segment", self.segment),
            ("manual", self.manual),
        ]
        .into_iter()
        .map(|(name, rate)| (name.to_owned(), rate))
        .chain(self.segments.iter().map(|(name, rate)| (format!("segments.{name}"), *rate)))
    }

    /// The rate for a reason; for [`Reason::Segment`] the largest among the visitor's segments.
    #[must_use]
    pub fn rate(&self, reason: Reason, segments: &[String]) -> f64 {
        match reason {
            Reason::All => self.all,
            Reason::Error => self.error,
            Reason::Support => self.support,
            Reason::Manual => self.manual,
            Reason::Segment => segments
                .iter()
                .map(|name| self.segments.get(name).copied().unwrap_or(self.segment))
                .reduce(f64::max)
                .unwrap_or(self.segment),
        }
    }
}

/// The rates in force at `start_ms`: the entry with the largest `from_ms` not after it, before all of them the first.
/// `None` only if there are no rates.
#[must_use]
pub fn rates_at(sampling: &[Rates], start_ms: i64) -> Option<&Rates> {
    sampling
        .iter()
        .filter(|rates| rates.from_ms <= start_ms)
        .max_by_key(|rates| rates.from_ms)
        .or_else(|| sampling.iter().min_by_key(|rates| rates.from_ms))
}

/// The rate at which sessions like this one are kept, by what was in force when it started, so that a change never splits a session.
/// Without rates nothing is kept.
#[must_use]
pub fn rate_of(sampling: &[Rates], session: &SessionId, reason: Reason, segments: &[String]) -> f64 {
    rates_at(sampling, session.start_ms()).map_or(0.0, |rates| rates.rate(reason, segments))
}

/// Whether the session is kept at [`rate_of`] it.
#[must_use]
pub fn decide_sampling(sampling: &[Rates], session: &SessionId, reason: Reason, segments: &[String]) -> bool {
    session.fraction() < rate_of(sampling, session, reason, segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates(from_ms: i64, all: f64) -> Rates {
        Rates { from_ms, all, error: 1.0, support: 1.0, segment: 1.0, manual: 1.0, segments: BTreeMap::new() }
    }

    #[test]
    fn the_rate_at_the_start_holds() {
        let sampling = [rates(2_000, 0.2), rates(1_000, 0.1), rates(3_000, 0.3)];
        let all_at = |ms| rates_at(&sampling, ms).map(|r| r.all);
        assert_eq!(all_at(0), Some(0.1));
        assert_eq!(all_at(1_999), Some(0.1));
        assert_eq!(all_at(2_000), Some(0.2));
        assert_eq!(all_at(9_999), Some(0.3));
        assert_eq!(rates_at(&[], 0), None);
    }

    #[test]
    fn the_most_generous_segment_wins() {
        let mut r = rates(0, 0.0);
        r.segment = 0.1;
        r.segments = BTreeMap::from([("beta".to_owned(), 0.5), ("staff".to_owned(), 0.0)]);
        let rate = |names: &[&str]| {
            r.rate(Reason::Segment, &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
        };
        assert!((rate(&["beta", "staff"]) - 0.5).abs() < f64::EPSILON);
        assert!((rate(&["staff"])).abs() < f64::EPSILON);
        assert!((rate(&["staff", "unknown"]) - 0.1).abs() < f64::EPSILON);
        assert!((rate(&[]) - 0.1).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn zero_keeps_none_and_one_keeps_all(session in "[0-9a-f]{32}") {
            let session: SessionId = session.parse().expect("a session");
            prop_assert!(!decide_sampling(&[rates(0, 0.0)], &session, Reason::All, &[]));
            prop_assert!(decide_sampling(&[rates(0, 1.0)], &session, Reason::All, &[]));
        }

        #[test]
        fn a_higher_rate_keeps_what_a_lower_one_kept(session in "[0-9a-f]{32}", a in 0.0..=1.0, b in 0.0..=1.0) {
            let session: SessionId = session.parse().expect("a session");
            let keep = |rate| decide_sampling(&[rates(0, rate)], &session, Reason::All, &[]);
            prop_assert!(!keep(f64::min(a, b)) || keep(f64::max(a, b)));
        }
    }
}
