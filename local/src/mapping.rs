//! The event source mapping: takes batches from the queue, invokes the function, and settles each message.
//!
//! Reference: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>. Where AWS differs: there a
//! failed message waits for the queue's visibility timeout; here it returns after a second, doubling up to half a minute,
//! since people wait for it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::digest::md5_hex;
use crate::lambda::Function;
use crate::queue::{Message, Queue};
use crate::store::StoreError;

/// How long one wait for messages lasts, as in SQS long polling.
const POLL: Duration = Duration::from_secs(20);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How batches are made.
#[derive(Clone, Debug)]
pub struct MappingConfig {
    /// Messages in one invocation, at most.
    pub batch_max: usize,
    /// How long to collect after the first message.
    pub window: Duration,
    /// Whether the function says which messages have failed. If not, a batch that it survives is done, whatever it says.
    pub reports_failures: bool,
    /// Whether anything is taken at all.
    pub enabled: bool,
}

impl Default for MappingConfig {
    fn default() -> Self {
        Self { batch_max: 10, window: Duration::from_secs(1), reports_failures: true, enabled: true }
    }
}

/// Pollers that feed a function from a queue, one for each of its environments. They stop when this is dropped.
#[derive(Debug)]
pub struct Mapping {
    _pollers: JoinSet<()>,
}

impl Mapping {
    /// Starts to feed `function` from `queue`.
    #[must_use]
    pub fn start(queue: &Queue, function: &Function, config: &MappingConfig) -> Self {
        let mut pollers = JoinSet::new();
        if !config.enabled {
            return Self { _pollers: pollers };
        }
        for _ in 0..function.config().concurrency {
            pollers.spawn(poll(queue.clone(), function.clone(), config.clone()));
        }
        Self { _pollers: pollers }
    }
}

async fn poll(queue: Queue, function: Function, config: MappingConfig) {
    loop {
        if let Err(error) = step(&queue, &function, &config).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the queue failed");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn step(queue: &Queue, function: &Function, config: &MappingConfig) -> Result<(), StoreError> {
    let batch = queue.receive_batch(config.batch_max, POLL, config.window).await?;
    if batch.is_empty() {
        return Ok(());
    }
    let payload = sqs_event(&batch, &function.config().region);
    let failed = match function.invoke(&payload).await {
        Ok(response) if config.reports_failures => failures(&batch, &response),
        Ok(_) => Failures::These(HashSet::new()),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                messages = batch.len(),
                "the function failed, its messages return to the queue"
            );
            Failures::All
        }
    };
    for message in &batch {
        if failed.has(message) {
            queue.postpone(message.receipt, retry_after(message.receives)).await?;
        } else {
            queue.delete(message.receipt).await?;
        }
    }
    Ok(())
}

/// The messages as Lambda hands them to a function.
#[must_use]
pub fn sqs_event(batch: &[Message], region: &str) -> Value {
    let records: Vec<Value> = batch
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id,
                "receiptHandle": message.receipt.to_string(),
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": message.receives.to_string(),
                    "SentTimestamp": message.sent_ms.to_string(),
                    "SenderId": "LOCAL",
                    "ApproximateFirstReceiveTimestamp": message.received_first_ms.to_string(),
                },
                "messageAttributes": {},
                "md5OfBody": md5_hex(message.body.as_bytes()),
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:{region}:000000000000:tapedeck-events"),
                "awsRegion": region,
            })
        })
        .collect();
    json!({"Records": records})
}

/// Which messages of a batch a function's response says have failed.
#[derive(Debug, PartialEq, Eq)]
enum Failures {
    All,
    These(HashSet<String>),
}

impl Failures {
    fn has(&self, message: &Message) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&message.message_id),
        }
    }
}

/// Nothing, or no failures: all succeeded. Anything that is not of the form, or names a stranger: all failed.
fn failures(batch: &[Message], response: &Value) -> Failures {
    let items = match response {
        Value::Null => return Failures::These(HashSet::new()),
        Value::Object(response) => match response.get("batchItemFailures") {
            None | Some(Value::Null) => return Failures::These(HashSet::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Failures::All,
        },
        _ => return Failures::All,
    };
    let mut ids = HashSet::new();
    for item in items {
        let id = item.get("itemIdentifier").and_then(Value::as_str);
        match id.filter(|id| batch.iter().any(|message| message.message_id == *id)) {
            Some(id) => ids.insert(id.to_owned()),
            None => return Failures::All,
        };
    }
    Failures::These(ids)
}

fn retry_after(receives: u32) -> Duration {
    let seconds = 2_u64.saturating_pow(receives.saturating_sub(1));
    Duration::from_secs(seconds).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::QueueConfig;
    use crate::store::Store;

    async fn batch() -> Vec<Message> {
        let queue = Queue::open(Store::in_memory().unwrap(), QueueConfig::default()).unwrap();
        for body in ["a", "b"] {
            queue.send(body.to_owned(), Duration::ZERO).await.unwrap();
        }
        queue.receive(10).await.unwrap()
    }

    #[tokio::test]
    async fn responses_are_read_as_lambda_reads_them() {
        let batch = batch().await;
        let first = batch[0].message_id.clone();
        let check = |response: Value, expected: Failures| {
            assert_eq!(failures(&batch, &response), expected, "{response}");
        };
        let none = || Failures::These(HashSet::new());
        check(Value::Null, none());
        check(json!({}), none());
        check(json!({"batchItemFailures": null}), none());
        check(json!({"batchItemFailures": []}), none());
        check(
            json!({"batchItemFailures": [{"itemIdentifier": first}]}),
            Failures::These([first.clone()].into()),
        );
        check(json!({"batchItemFailures": [{"itemIdentifier": ""}]}), Failures::All);
        check(json!({"batchItemFailures": [{"itemIdentifier": null}]}), Failures::All);
        check(json!({"batchItemFailures": [{"id": first}]}), Failures::All);
        check(json!({"batchItemFailures": [{"itemIdentifier": "stranger"}]}), Failures::All);
        check(json!({"batchItemFailures": "all"}), Failures::All);
        check(json!("done"), Failures::All);
    }
}
