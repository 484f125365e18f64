//! A queue.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{DeploymentError, arn_of};
use crate::template::Resolved;

/// A queue as the template describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// For how long a received message is invisible.
    pub visibility: Duration,
    /// For how long a message is kept.
    pub retention: Duration,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
}

/// When a message is given up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redrive {
    /// ARN of the queue that takes it.
    #[serde(rename = "deadLetterTargetArn")]
    pub target: String,
    /// After this many receives.
    #[serde(rename = "maxReceiveCount")]
    pub receives_max: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawQueue {
    queue_name: String,
    /// SQS's own default.
    #[serde(default = "thirty")]
    visibility_timeout: u64,
    message_retention_period: u64,
    // Asserted on in tests.
    #[serde(rename = "SqsManagedSseEnabled")]
    _sqs_managed_sse_enabled: bool,
    redrive_policy: Option<Redrive>,
    #[serde(rename = "RedriveAllowPolicy")]
    _redrive_allow_policy: Option<Value>,
}

fn thirty() -> u64 {
    30
}

impl Queue {
    pub(super) fn read(resolved: &Resolved, name: &str) -> Result<Self, DeploymentError> {
        let raw: RawQueue = resolved.properties(name)?;
        Ok(Self {
            arn: arn_of(resolved, "sqs", &raw.queue_name),
            name: raw.queue_name,
            visibility: Duration::from_secs(raw.visibility_timeout),
            retention: Duration::from_secs(raw.message_retention_period),
            redrive: raw.redrive_policy,
        })
    }
}
