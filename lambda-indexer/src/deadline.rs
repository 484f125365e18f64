//! When an invocation has to be through.

use std::time::Duration;

use crate::clock::{ms, now_ms};

/// What is left of an invocation's time when it begins nothing new: for the longest single step, and for the answer.
const RESERVE: Duration = Duration::from_secs(8);

/// The moment behind which Lambda kills the function.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at_ms: i64,
}

impl Deadline {
    /// By Lambda's own word, Unix milliseconds.
    #[must_use]
    pub fn at_ms(at_ms: u64) -> Self {
        Self { at_ms: i64::try_from(at_ms).unwrap_or(i64::MAX) }
    }

    /// So long from now.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self { at_ms: now_ms().saturating_add(ms(time)) }
    }

    /// Whether nothing new should begin.
    #[must_use]
    pub fn is_near(&self) -> bool {
        let reserve = ms(RESERVE);
        now_ms() > self.at_ms.saturating_sub(reserve)
    }
}
