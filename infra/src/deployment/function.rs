//! The function, and what feeds it from the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::DeploymentError;
use crate::template::Resolved;

/// A Lambda function as the template describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// ARN of the role that it acts with.
    pub role: String,
    /// An invocation ends after this.
    pub timeout: Duration,
    /// Its memory.
    pub memory_mb: u32,
    /// Its variables.
    pub environment: BTreeMap<String, String>,
}

/// An event source mapping from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// ARN of the queue.
    pub queue: String,
    /// Name of the function.
    pub function: String,
    /// Messages in one invocation, at most.
    pub batch_max: usize,
    /// How long to collect after the first.
    pub window: Duration,
    /// Invocations at once, at most.
    pub concurrency: usize,
    /// Whether the function says which messages have failed; otherwise a failure is of all.
    pub reports_failures: bool,
    /// Whether it takes anything.
    pub enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawFunction {
    function_name: String,
    role: String,
    timeout: u64,
    memory_size: u32,
    #[serde(default)]
    environment: RawEnvironment,
    // What the program is and where its log goes: on one machine the built program and a file.
    #[serde(rename = "Description")]
    _description: Value,
    #[serde(rename = "Architectures")]
    _architectures: Value,
    #[serde(rename = "Runtime")]
    _runtime: Value,
    #[serde(rename = "Handler")]
    _handler: Value,
    #[serde(rename = "Code")]
    _code: Value,
    #[serde(rename = "LoggingConfig")]
    _logging_config: Value,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letter_config: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawEnvironment {
    variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawMapping {
    event_source_arn: String,
    function_name: String,
    /// Lambda's own default for a queue.
    #[serde(default = "ten")]
    batch_size: usize,
    #[serde(default)]
    maximum_batching_window_in_seconds: u64,
    #[serde(default)]
    function_response_types: Vec<String>,
    scaling_config: RawScaling,
    enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawScaling {
    maximum_concurrency: usize,
}

fn ten() -> usize {
    10
}

impl Function {
    pub(super) fn read(resolved: &Resolved, name: &str) -> Result<Self, DeploymentError> {
        let raw: RawFunction = resolved.properties(name)?;
        Ok(Self {
            name: raw.function_name,
            role: raw.role,
            timeout: Duration::from_secs(raw.timeout),
            memory_mb: raw.memory_size,
            environment: raw.environment.variables,
        })
    }
}

impl Mapping {
    pub(super) fn read(resolved: &Resolved, name: &str) -> Result<Self, DeploymentError> {
        let raw: RawMapping = resolved.properties(name)?;
        Ok(Self {
            queue: raw.event_source_arn,
            function: raw.function_name,
            batch_max: raw.batch_size,
            window: Duration::from_secs(raw.maximum_batching_window_in_seconds),
            concurrency: raw.scaling_config.maximum_concurrency,
            reports_failures: raw
                .function_response_types
                .iter()
                .any(|kind| kind == "ReportBatchItemFailures"),
            enabled: raw.enabled.unwrap_or(true),
        })
    }
}
