//! What the edge answers to an upload: status and body by `spec/upload.md`.

use serde_json::{Value, json};

use crate::admit::{DropReason, Refusal};
use crate::inflate::InflateError;

/// An HTTP answer before it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
    /// Seconds for `Retry-After`.
    pub retry_after_s: Option<u32>,
}

impl Reply {
    fn ok(body: Value) -> Self {
        Self { status: 200, body, retry_after_s: None }
    }

    /// The store has confirmed the write.
    #[must_use]
    pub fn stored() -> Self {
        Self::ok(json!({ "outcome": "stored" }))
    }

    /// The same bytes were stored before.
    #[must_use]
    pub fn duplicate() -> Self {
        Self::ok(json!({ "outcome": "duplicate" }))
    }

    /// Not wanted, and nothing wrong with it.
    #[must_use]
    pub fn dropped(reason: DropReason) -> Self {
        Self::ok(json!({ "outcome": "dropped", "reason": reason.as_str() }))
    }

    /// The request breaks a rule.
    #[must_use]
    pub fn refused(refusal: &Refusal) -> Self {
        let (status, code, detail) = (refusal.status(), refusal.code(), refusal.to_string());
        let body = match refusal.limit() {
            Some(max) => json!({ "error": "too_large", "limit": code, "max": max, "detail": detail }),
            None => json!({ "error": code, "detail": detail }),
        };
        Self { status, body, retry_after_s: None }
    }

    /// An error of another kind: `code` for programs, `detail` for people.
    #[must_use]
    pub fn error(status: u16, code: &str, detail: &str) -> Self {
        Self { status, body: json!({ "error": code, "detail": detail }), retry_after_s: None }
    }

    /// We cannot do it now; the client keeps the batch and tries again.
    #[must_use]
    pub fn unavailable(retry_after_s: u32, detail: &str) -> Self {
        Self::come_again(503, "unavailable", retry_after_s, detail)
    }

    /// Too much at once; the client keeps the batch and tries again.
    #[must_use]
    pub fn slow_down(retry_after_s: u32, detail: &str) -> Self {
        Self::come_again(429, "slow_down", retry_after_s, detail)
    }

    fn come_again(status: u16, code: &str, retry_after_s: u32, detail: &str) -> Self {
        let body = json!({ "error": code, "retry_after_s": retry_after_s, "detail": detail });
        Self { status, body, retry_after_s: Some(retry_after_s) }
    }
}

impl DropReason {
    /// As it is written in replies and counters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSampled => "not_sampled",
            Self::Consent => "consent",
            Self::SessionTooLong => "session_too_long",
            Self::Bot => "bot",
            Self::ExcludedPage => "excluded_page",
            Self::OverBudget => "over_budget",
        }
    }
}

impl Refusal {
    /// Stable name of the rule that was broken.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CompressedBytes { .. } => "compressed_bytes",
            Self::Origin { .. } => "origin",
            Self::Header(_) => "header",
            Self::Clock { .. } => "clock",
            Self::Inflate(InflateError::TooLarge { .. }) => "inflated_bytes",
            Self::Inflate(InflateError::Ratio { .. }) => "ratio",
            Self::Inflate(InflateError::Damaged { .. } | InflateError::Trailing { .. }) => "gzip",
            Self::Utf8 { .. } => "utf8",
            Self::Empty => "empty",
            Self::Events { .. } => "events",
            Self::Event { .. } => "event",
            Self::EventTime { .. } => "event_time",
        }
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Origin { .. } => 403,
            _ if self.limit().is_some() => 413,
            _ => 400,
        }
    }

    /// The limit that a smaller batch would keep.
    fn limit(&self) -> Option<usize> {
        match self {
            Self::CompressedBytes { max, .. }
            | Self::Inflate(InflateError::TooLarge { max })
            | Self::Events { max } => Some(*max),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_its_value() {
        assert_eq!(
            Reply::refused(&Refusal::Events { max: 5 }),
            Reply {
                status: 413,
                body: json!({"error": "too_large", "limit": "events", "max": 5,
                             "detail": "batch has over 5 events, which is the limit"}),
                retry_after_s: None,
            }
        );
    }

    #[test]
    fn a_bomb_is_not_to_be_split() {
        let bomb = InflateError::Ratio { inflated: 2_000_000, compressed: 2_000, ratio_max: 200 };
        let reply = Reply::refused(&bomb.into());
        assert_eq!((reply.status, &reply.body["error"]), (400, &json!("ratio")));
    }

    #[test]
    fn what_can_be_retried_says_when() {
        let reply = Reply::unavailable(5, "the store does not answer");
        assert_eq!((reply.status, reply.retry_after_s), (503, Some(5)));
        assert_eq!(reply.body["retry_after_s"], 5);
        let reply = Reply::slow_down(30, "this address asks too often");
        assert_eq!((reply.status, reply.retry_after_s), (429, Some(30)));
        assert_eq!(reply.body["error"], "slow_down");
    }
}
