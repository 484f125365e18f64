//! What recorders are told: when to send, what to mask, what is a click without effect.

use serde::{Deserialize, Serialize};

use super::{ConfigError, check_count, check_range, check_texts};
use crate::origin::OriginPattern;
use crate::wildcard::Wildcard;

/// Most entries in one list of [`Privacy`].
pub const PRIVACY_ENTRIES_MAX: usize = 100;

/// Longest selector, in characters.
const SELECTOR_CHARS_MAX: usize = 500;

/// Longest name of a query parameter or header, in characters.
const NAME_CHARS_MAX: usize = 100;

/// When a recorder sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecorderSettings {
    /// Wait before the first batch of a page load, in milliseconds.
    pub flush_first_ms: u32,
    /// Longest wait between two batches, in milliseconds.
    pub flush_max_ms: u32,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self { flush_first_ms: 5_000, flush_max_ms: 60_000 }
    }
}

impl RecorderSettings {
    pub(super) fn validate(self) -> Result<(), ConfigError> {
        let Self { flush_first_ms, flush_max_ms } = self;
        check_range("recorder.flush_first_ms", flush_first_ms, 500, 60_000)?;
        check_range("recorder.flush_max_ms", flush_max_ms, flush_first_ms, 600_000)
    }
}

/// What recorders mask, and whom they ask first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Privacy {
    /// CSS selectors of elements whose text is recorded as it is.
    pub unmask: Vec<String>,
    /// CSS selectors of elements that are not recorded at all.
    pub block: Vec<String>,
    /// Query parameters whose values stay in URLs.
    pub query_allow: Vec<String>,
    /// What is recorded of requests.
    pub network: NetworkPrivacy,
    /// Origins that get a trace header.
    pub trace_origins: Vec<OriginPattern>,
    /// Whether nothing is recorded before the visitor has agreed.
    pub require_consent: bool,
    /// Whether Global Privacy Control counts as a refusal.
    pub honour_gpc: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            unmask: Vec::new(),
            block: Vec::new(),
            query_allow: Vec::new(),
            network: NetworkPrivacy::default(),
            trace_origins: Vec::new(),
            require_consent: false,
            honour_gpc: true,
        }
    }
}

/// What is recorded of requests beyond their address, status and times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkPrivacy {
    /// URLs of which headers and bodies may be recorded.
    pub urls: Vec<Wildcard>,
    /// Names of headers that are.
    pub headers: Vec<String>,
    /// Whether bodies are.
    pub bodies: bool,
}

impl Privacy {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        const MAX: usize = PRIVACY_ENTRIES_MAX;
        check_texts("privacy.unmask", &self.unmask, MAX, SELECTOR_CHARS_MAX)?;
        check_texts("privacy.block", &self.block, MAX, SELECTOR_CHARS_MAX)?;
        check_texts("privacy.query_allow", &self.query_allow, MAX, NAME_CHARS_MAX)?;
        check_count("privacy.network.urls", self.network.urls.len(), MAX)?;
        check_texts("privacy.network.headers", &self.network.headers, MAX, NAME_CHARS_MAX)?;
        check_count("privacy.trace_origins", self.trace_origins.len(), MAX)
    }
}

/// Which clicks tell of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Clicks {
    /// So many clicks …
    pub rage_count: u32,
    /// … within so many milliseconds …
    pub rage_ms: u32,
    /// … and so many pixels are a burst.
    pub rage_px: u32,
    /// A click that has had no effect for so many milliseconds is dead.
    pub dead_ms: u32,
}

impl Default for Clicks {
    fn default() -> Self {
        Self { rage_count: 3, rage_ms: 1_000, rage_px: 30, dead_ms: 1_500 }
    }
}

impl Clicks {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check_range("clicks.rage_count", self.rage_count, 2, 20)?;
        check_range("clicks.rage_ms", self.rage_ms, 100, 10_000)?;
        check_range("clicks.rage_px", self.rage_px, 1, 1_000)?;
        check_range("clicks.dead_ms", self.dead_ms, 100, 10_000)
    }
}
