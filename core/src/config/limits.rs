//! Limits of an upload, and what no config may exceed.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Limits of one upload and one session. Bytes, counts, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest batch as it is sent.
    pub compressed_bytes_max: usize,
    /// Largest batch after inflating.
    pub inflated_bytes_max: usize,
    /// Largest ratio of inflated to compressed bytes.
    pub ratio_max: usize,
    /// Most events in a batch.
    pub events_max: usize,
    /// Longest session.
    pub session_ms_max: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed_bytes_max: 2 * 1024 * 1024,
            inflated_bytes_max: 16 * 1024 * 1024,
            ratio_max: 200,
            events_max: 10_000,
            session_ms_max: 60 * 60 * 1000,
        }
    }
}

impl Limits {
    /// What no config may exceed: what a Worker's 128 MB bear, with several requests in flight.
    pub const CEILING: Self = Self {
        compressed_bytes_max: 8 * 1024 * 1024,
        inflated_bytes_max: 32 * 1024 * 1024,
        ratio_max: 1_000,
        events_max: 100_000,
        session_ms_max: 24 * 60 * 60 * 1000,
    };

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let check = |field: &str, found: u64, ceiling: u64| {
            if (1..=ceiling).contains(&found) {
                return Ok(());
            }
            Err(ConfigError::Field {
                field: format!("limits.{field}"),
                found: found.to_string(),
                expected: format!("1 to {ceiling}"),
            })
        };
        let ceiling = Self::CEILING;
        check("compressed_bytes_max", self.compressed_bytes_max as u64, ceiling.compressed_bytes_max as u64)?;
        check("inflated_bytes_max", self.inflated_bytes_max as u64, ceiling.inflated_bytes_max as u64)?;
        check("ratio_max", self.ratio_max as u64, ceiling.ratio_max as u64)?;
        check("events_max", self.events_max as u64, ceiling.events_max as u64)?;
        check(
            "session_ms_max",
            u64::try_from(self.session_ms_max).unwrap_or(0),
            ceiling.session_ms_max.unsigned_abs(),
        )
    }
}
