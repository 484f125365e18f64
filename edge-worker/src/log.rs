//! One line of JSON for each request, for the platform's log.

use std::error::Error;

use serde::Serialize;
use serde_json::json;
use tapedeck_core::ids::ProjectId;
use tapedeck_core::scrub::ScrubCounts;
use worker::{console_error, console_log};

/// What is said of a request. Nothing secret: no token, no upload key, no body, no query.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Line {
    /// Which call.
    pub(crate) route: &'static str,
    /// HTTP status of the answer.
    pub(crate) status: u16,
    /// The answer in a word.
    pub(crate) outcome: String,
    /// From the request's head to the answer's.
    pub(crate) duration_ms: i64,
    /// Whose, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<ProjectId>,
    /// Bytes of the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<usize>,
    /// Events in the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<usize>,
    /// Bytes of the batch after inflating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inflated_bytes: Option<usize>,
    /// What was overwritten in it, by kind.
    #[serde(skip_serializing_if = "ScrubCounts::is_empty")]
    pub(crate) scrubbed: ScrubCounts,
    /// What went wrong on our side, with its causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
}

impl Line {
    /// Writes the line; as an error where something went wrong on our side.
    pub(crate) fn write(&self) {
        match serde_json::to_string(self) {
            Ok(text) if self.cause.is_some() => console_error!("{text}"),
            Ok(text) => console_log!("{text}"),
            Err(error) => console_error!("a log line cannot be written: {error}"),
        }
    }
}

/// Writes that an object could not be read again, and that recorders go on with what was known before.
pub(crate) fn stale(key: &str, cause: &dyn Error) {
    console_error!("{}", json!({ "stale": key, "cause": chain(cause) }));
}

/// Writes that a rate limiter failed, and that nobody was refused for it.
pub(crate) fn limiter_failed(name: &str, cause: &dyn Error) {
    console_error!("{}", json!({ "limiter_failed": name, "cause": chain(cause) }));
}

/// Writes that a request could not be counted.
pub(crate) fn counter_failed(cause: &dyn Error) {
    console_error!("{}", json!({ "counter_failed": true, "cause": chain(cause) }));
}

/// An error and its causes, from the outside in.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
