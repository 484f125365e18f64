//! What a project was admitted in a day: `usage/{project}/{day}.json` (`spec/objects.md`).

use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::sampling::Reason;

/// Largest of these documents, in bytes.
pub const USAGE_BYTES_MAX: usize = 64 * 1024;

/// The form of this document that this code reads and writes.
pub const USAGE_VERSION: u32 = 1;

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// Not JSON of the form that the spec gives.
    #[error("usage is not of the form in spec/objects.md")]
    Form(#[from] serde_json::Error),
    /// A version that this code does not know.
    #[error("usage has version {found}, this program reads version {USAGE_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

/// What was admitted in one UTC day, by the time of receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Form of this document.
    pub version: u32,
    /// Bytes as stored.
    pub bytes: u64,
    /// How many chunks they are.
    pub chunks: u64,
    /// Bytes as stored, by reason.
    #[serde(default)]
    pub by_reason: BTreeMap<Reason, u64>,
}

impl Usage {
    /// Reads a day's usage.
    ///
    /// # Errors
    /// [`UsageError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, UsageError> {
        let usage: Self = serde_json::from_slice(bytes)?;
        if usage.version == USAGE_VERSION {
            Ok(usage)
        } else {
            Err(UsageError::Version { found: usage.version })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_day() {
        let usage =
            Usage::parse(br#"{"version":1,"bytes":700,"chunks":2,"by_reason":{"all":500,"error":200}}"#);
        let usage = usage.expect("usage");
        assert_eq!((usage.bytes, usage.chunks, usage.by_reason[&Reason::Error]), (700, 2, 200));
        assert!(Usage::parse(br#"{"version":1,"bytes":700,"chunks":2}"#).is_ok());
        let error = Usage::parse(br#"{"version":2,"bytes":700,"chunks":2}"#).expect_err("another version");
        assert_eq!(error.to_string(), "usage has version 2, this program reads version 1");
        assert!(Usage::parse(b"{}").is_err());
    }
}
