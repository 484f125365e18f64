//! When a request is sent again.

/// How often, and for how long. Attempts are spread by random waits that grow, so that those who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Most attempts at one operation.
    pub attempts_max: u32,
    /// For how long a further attempt may begin, in milliseconds.
    pub ms_max: i64,
    /// Longest wait before the second attempt, in milliseconds; four times as long before each further one.
    pub wait_ms_max: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts_max: 4, ms_max: 10_000, wait_ms_max: 100 }
    }
}

impl Retries {
    /// How long to wait after attempt number `attempt` (from 1), which ended `taken_ms` after the first began; `None` if it was the last. `random` is in [0, 1).
    pub(crate) fn wait_ms(&self, attempt: u32, taken_ms: i64, random: f64) -> Option<u32> {
        let longest =
            f64::from(self.wait_ms_max) * 4_f64.powi(attempt.saturating_sub(1).min(16).cast_signed());
        // Not negative, and a cast of what is too large gives the largest.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let wait_ms = (random * longest) as u32;
        (attempt < self.attempts_max && taken_ms + i64::from(wait_ms) < self.ms_max).then_some(wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attempt: u32, taken_ms: i64, random: f64, expected: Option<u32>) {
        assert_eq!(Retries::default().wait_ms(attempt, taken_ms, random), expected);
    }

    #[test]
    fn waits_grow_and_end() {
        check(1, 0, 0.0, Some(0));
        check(1, 0, 0.5, Some(50));
        check(2, 0, 0.5, Some(200));
        check(3, 0, 0.5, Some(800));
        check(4, 0, 0.0, None);
    }

    #[test]
    fn time_is_a_budget() {
        check(1, 9_949, 0.5, Some(50));
        check(1, 9_950, 0.5, None);
        check(3, 9_000, 0.999, None);
        check(3, 8_000, 0.999, Some(1_598));
    }

    #[test]
    fn any_number_of_attempts_is_borne() {
        let many = Retries { attempts_max: u32::MAX, ms_max: i64::MAX, wait_ms_max: u32::MAX };
        assert_eq!(many.wait_ms(u32::MAX - 1, 0, 0.999), Some(u32::MAX));
    }
}
