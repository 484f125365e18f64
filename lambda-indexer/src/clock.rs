//! The wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix milliseconds now; 0 on a machine whose clock is before 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ms(since)
}

/// A duration in milliseconds, the longest where it is longer.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
