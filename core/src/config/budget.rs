//! How much of a project is admitted a day, and what that does to sampling.

use serde::{Deserialize, Serialize};

use super::{ConfigError, wrong};
use crate::sampling::Reason;

/// Largest budget, in bytes: 2^53, which every reader of JSON keeps exactly.
const BYTES_PER_DAY_MAX: u64 = 1 << 53;

/// What is admitted a UTC day, in bytes as stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// All of it.
    pub bytes_per_day: u64,
    /// The share that is kept for errors, support and what pages ask for.
    #[serde(default = "reserve")]
    pub reserve: f64,
}

fn reserve() -> f64 {
    0.2
}

/// How near a project is to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Rates are as configured.
    None,
    /// The rate is halved.
    Halved,
    /// Nothing more today.
    Over,
}

impl Budget {
    /// What holds for a batch of this reason when `used_bytes` have been admitted today.
    // Shares of a budget need no more digits than a double has.
    #[allow(clippy::cast_precision_loss)]
    #[must_use]
    pub fn pressure(&self, used_bytes: u64, reason: Reason) -> Pressure {
        let used = used_bytes as f64;
        let whole = self.bytes_per_day as f64;
        let free = whole * (1.0 - self.reserve);
        let has_reserve = matches!(reason, Reason::Error | Reason::Support | Reason::Manual);
        if used >= if has_reserve { whole } else { free } {
            Pressure::Over
        } else if reason == Reason::All && used >= 0.8 * free {
            Pressure::Halved
        } else {
            Pressure::None
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=BYTES_PER_DAY_MAX).contains(&self.bytes_per_day) {
            let expected = format!("1 to {BYTES_PER_DAY_MAX}");
            return Err(wrong("budget.bytes_per_day", self.bytes_per_day, &expected));
        }
        if !(0.0..=1.0).contains(&self.reserve) {
            return Err(wrong("budget.reserve", self.reserve, "0 to 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_at_its_byte() {
        let budget = Budget { bytes_per_day: 1_000, reserve: 0.2 };
        let check = |reason, used, expected| {
            assert_eq!(budget.pressure(used, reason), expected, "{reason:?} at {used}");
        };
        check(Reason::All, 0, Pressure::None);
        check(Reason::All, 639, Pressure::None);
        check(Reason::All, 640, Pressure::Halved);
        check(Reason::All, 799, Pressure::Halved);
        check(Reason::All, 800, Pressure::Over);
        check(Reason::Segment, 799, Pressure::None);
        check(Reason::Segment, 800, Pressure::Over);
        for reason in [Reason::Error, Reason::Support, Reason::Manual] {
            check(reason, 999, Pressure::None);
            check(reason, 1_000, Pressure::Over);
            check(reason, u64::MAX, Pressure::Over);
        }
    }

    #[test]
    fn all_reserved_and_nothing_reserved() {
        let all = Budget { bytes_per_day: 1_000, reserve: 1.0 };
        assert_eq!(all.pressure(0, Reason::All), Pressure::Over);
        assert_eq!(all.pressure(999, Reason::Error), Pressure::None);
        let nothing = Budget { bytes_per_day: 1_000, reserve: 0.0 };
        assert_eq!(nothing.pressure(999, Reason::Segment), Pressure::None);
        assert_eq!(nothing.pressure(1_000, Reason::Error), Pressure::Over);
    }
}
