//! How slowly a body may come: a client that drips bytes holds room that others need.

use std::time::Duration;

/// Longest time between two pieces, in milliseconds.
const IDLE_MS_MAX: i64 = 10_000;

/// What every body may take, in milliseconds.
const GRACE_MS: i64 = 20_000;

/// What it may take longer for each byte that has come: 16 KiB a second. 64 KiB, which most uploads have at most, so have 24 s.
const BYTES_PER_S_MIN: i64 = 16 * 1024;

/// The pace of one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    begun_ms: i64,
    last_ms: i64,
    bytes: i64,
}

impl Pace {
    /// How long until the first look.
    pub(crate) const FIRST: Duration = Duration::from_millis(IDLE_MS_MAX.unsigned_abs());

    /// Of a body whose head has come at `now_ms`.
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { begun_ms: now_ms, last_ms: now_ms, bytes: 0 }
    }

    /// So many bytes have come at `now_ms`.
    pub(crate) fn came(&mut self, bytes: usize, now_ms: i64) {
        self.last_ms = now_ms;
        self.bytes = self.bytes.saturating_add_unsigned(bytes as u64);
    }

    /// How long there is still to wait, in milliseconds; `None` if it was too slow.
    pub(crate) fn left_ms(&self, now_ms: i64) -> Option<u64> {
        let whole_ms = GRACE_MS.saturating_add(self.bytes.saturating_mul(1_000) / BYTES_PER_S_MIN);
        let end_ms = self.begun_ms.saturating_add(whole_ms).min(self.last_ms + IDLE_MS_MAX);
        u64::try_from(end_ms - now_ms).ok().filter(|left_ms| *left_ms > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_ends() {
        let mut pace = Pace::new(5);
        assert_eq!(pace.left_ms(5), Some(10_000));
        assert_eq!(pace.left_ms(10_004), Some(1));
        assert_eq!(pace.left_ms(10_005), None);
        pace.came(1, 10_004);
        assert_eq!(pace.left_ms(10_005), Some(9_999));
    }

    #[test]
    fn dripping_ends() {
        let mut pace = Pace::new(0);
        for s in 1..20 {
            pace.came(1, s * 1_000);
            assert!(pace.left_ms(s * 1_000).is_some(), "{s}");
        }
        assert_eq!(pace.left_ms(20_001), None);
    }

    #[test]
    fn what_keeps_the_pace_may_be_long() {
        let mut pace = Pace::new(0);
        for s in 1..1_000 {
            pace.came(16 * 1024, s * 1_000);
            assert_eq!(pace.left_ms(s * 1_000), Some(10_000), "{s}");
        }
        pace.came(usize::MAX, 1);
        assert_eq!(pace.left_ms(1), Some(10_000));
    }
}
