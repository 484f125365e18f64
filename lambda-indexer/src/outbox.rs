//! Messages that the function sends: tasks to its own queue, and what cannot be worked on to the dead letters.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::MessageAttributeValue;
use tapedeck_core::text::bounded;

use crate::s3_store::config_loader;
use crate::settings::{DELAY_S_MAX, Settings};
use crate::task::Task;

/// The attribute of a dead letter that says why it is one.
pub const REASON: &str = "reason";

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 1_000;

/// Why a message was not sent. What it belongs to has to be done again.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The queue does not take it.
    #[error("queue {queue} does not take a message: {reason}")]
    Queue {
        /// Its URL.
        queue: String,
        /// What the queue, or the connection, says.
        reason: String,
    },
    /// Not in practice: every task has a JSON form.
    #[error("task has no JSON form")]
    Encode(#[from] serde_json::Error),
}

/// Where messages go.
pub trait Outbox {
    /// Sends a task to the function's own queue, to be delivered no sooner than `delay` from now, in whole seconds; at most 15 minutes, which longer
    /// delays are cut to. At least once.
    fn send(&self, task: &Task, delay: Duration) -> impl Future<Output = Result<(), OutboxError>>;

    /// Puts a message that cannot be worked on aside, as it came, with the reason. It may be sent to the queue again from there.
    fn bury(&self, body: &str, reason: &str) -> impl Future<Output = Result<(), OutboxError>>;
}

impl<O: Outbox> Outbox for &O {
    async fn send(&self, task: &Task, delay: Duration) -> Result<(), OutboxError> {
        (**self).send(task, delay).await
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        (**self).bury(body, reason).await
    }
}

/// SQS.
#[derive(Debug, Clone)]
pub struct SqsOutbox {
    client: Client,
    queue_url: String,
    dead_letters_url: String,
}

/// A client by the environment, as that of the bucket: `AWS_ENDPOINT_URL_SQS` names another service than AWS's.
pub async fn queue_client_from_env() -> Client {
    // The SDK reads the endpoint's variable by itself.
    Client::new(&config_loader().load().await)
}

impl SqsOutbox {
    /// To the queues of `settings`.
    #[must_use]
    pub fn new(client: Client, settings: &Settings) -> Self {
        Self {
            client,
            queue_url: settings.queue_url.clone(),
            dead_letters_url: settings.dead_letters_url.clone(),
        }
    }
}

impl Outbox for SqsOutbox {
    async fn send(&self, task: &Task, delay: Duration) -> Result<(), OutboxError> {
        let body = serde_json::to_string(task)?;
        let whole_s = delay.as_millis().div_ceil(1_000).min(DELAY_S_MAX.into());
        let delay_s = i32::try_from(whole_s).unwrap_or_default();
        let request = self.client.send_message().queue_url(&self.queue_url).message_body(body);
        match request.delay_seconds(delay_s).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(OutboxError::Queue {
                queue: self.queue_url.clone(),
                reason: DisplayErrorContext(&error).to_string(),
            }),
        }
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        let failed = |reason: String| OutboxError::Queue { queue: self.dead_letters_url.clone(), reason };
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(bounded(reason, REASON_CHARS_MAX))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let request = self.client.send_message().queue_url(&self.dead_letters_url).message_body(body);
        match request.message_attributes(REASON, reason).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(DisplayErrorContext(&error).to_string())),
        }
    }
}
