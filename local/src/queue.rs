//! A queue with the promises of an SQS standard queue: every message is delivered at least once, in no promised order,
//! and stays until somebody deletes it or it was received too often.
//!
//! Reference: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redb::{ReadableTable as _, ReadableTableMetadata as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::store::{Store, StoreError};

const MESSAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("queue_messages");
/// When each message can next be received: (Unix ms, id).
const DUE: TableDefinition<(u64, u64), ()> = TableDefinition::new("queue_due");
const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("queue_dead");
const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("queue_counters");

/// The most messages that one receive returns, as in SQS.
pub const RECEIVE_MAX: usize = 10;

/// How a queue treats its messages.
#[derive(Clone, Debug)]
pub struct QueueConfig {
    /// For how long a received message is invisible to others.
    pub visibility: Duration,
    /// After this many receives without a delete, a message goes to the dead letters.
    pub receives_max: u32,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { visibility: Duration::from_mins(1), receives_max: 8 }
    }
}

/// A durable queue. Clones share it.
#[derive(Clone, Debug)]
pub struct Queue {
    store: Store,
    config: QueueConfig,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    sent: Notify,
    hostile: AtomicBool,
}

/// What is stored of a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    body: String,
    sent_ms: u64,
    visible_ms: u64,
    received_first_ms: Option<u64>,
    receives: u32,
    /// Set while a hostile queue still owes this message's second delivery after it was deleted.
    #[serde(default)]
    deleted: bool,
    /// Why it is a dead letter, where who put it aside said so.
    #[serde(default)]
    reason: Option<String>,
}

/// A message that was received too often, or put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// What was sent.
    pub body: String,
    /// Why it is here: absent where the queue itself moved it.
    pub reason: Option<String>,
}

/// A message as a receiver gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same at every delivery.
    pub message_id: String,
    /// Names this delivery: what [`Queue::delete`] and [`Queue::postpone`] take.
    pub receipt: Receipt,
    /// What was sent.
    pub body: String,
    /// Unix ms.
    pub sent_ms: u64,
    /// Unix ms of the first delivery.
    pub received_first_ms: u64,
    /// Deliveries so far, with this one.
    pub receives: u32,
}

/// Names one delivery of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    id: u64,
    receives: u32,
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.id, self.receives)
    }
}

/// How many messages are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Can be received now.
    pub visible: u64,
    /// Received and not yet deleted, or to be received again later.
    pub invisible: u64,
    /// Not received yet, and to be received later.
    pub delayed: u64,
    /// Received too often.
    pub dead: u64,
}

impl Depth {
    /// Whether nothing is to be done now, being done, or given up.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.visible == 0 && self.invisible == 0 && self.dead == 0
    }
}

impl Queue {
    /// The queue that is kept in `store`, with the messages left there. Those that were received and not deleted are due
    /// again at once, since who received them ended with the process that had the store open.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(store: Store, config: QueueConfig) -> Result<Self, StoreError> {
        store.write_now(|transaction| {
            transaction.open_table(MESSAGES)?;
            transaction.open_table(DUE)?;
            transaction.open_table(DEAD)?;
            transaction.open_table(COUNTERS)?;
            release_received(transaction)
        })?;
        Ok(Self { store, config, shared: Arc::default() })
    }

    /// Makes the queue use, or stop using, every freedom that a standard queue has: each message is delivered at least
    /// twice, the second time even after it was deleted, and batches come in reverse order. A hook for tests.
    pub fn set_hostile(&self, hostile: bool) {
        self.shared.hostile.store(hostile, Ordering::Relaxed);
    }

    /// Puts a message into the queue; it can be received after `delay`. It is on disk when this returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send(&self, body: String, delay: Duration) -> Result<(), StoreError> {
        self.store.write(move |transaction| Self::send_within(transaction, body, delay)).await?;
        self.announce();
        Ok(())
    }

    /// Puts a message into the queue as part of the caller's transaction. The caller then calls [`Queue::announce`].
    pub(crate) fn send_within(
        transaction: &WriteTransaction,
        body: String,
        delay: Duration,
    ) -> Result<(), StoreError> {
        let id = next(transaction, "id")?;
        let sent_ms = now_ms();
        let visible_ms = sent_ms + millis(delay);
        let record = Record {
            body,
            sent_ms,
            visible_ms,
            received_first_ms: None,
            receives: 0,
            deleted: false,
            reason: None,
        };
        transaction.open_table(MESSAGES)?.insert(id, serde_json::to_vec(&record)?.as_slice())?;
        transaction.open_table(DUE)?.insert((visible_ms, id), ())?;
        Ok(())
    }

    /// Wakes receivers after [`Queue::send_within`] was committed.
    pub(crate) fn announce(&self) {
        self.shared.sent.notify_waiters();
    }

    /// Up to `max` messages that are due, at once, perhaps none. They are invisible to others until the visibility timeout ends.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn receive(&self, max: usize) -> Result<Vec<Message>, StoreError> {
        if !self.is_due().await? {
            return Ok(Vec::new());
        }
        let visibility_ms = millis(self.config.visibility);
        let receives_max = self.config.receives_max;
        let hostile = self.shared.hostile.load(Ordering::Relaxed);
        let mut batch = self
            .store
            .write(move |transaction| receive(transaction, max.min(RECEIVE_MAX), visibility_ms, receives_max))
            .await?;
        if hostile {
            batch.reverse();
        }
        Ok(batch)
    }

    /// Waits until a message is due or `wait` has passed, then collects for at most `window` until there are `max`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn receive_batch(
        &self,
        max: usize,
        wait: Duration,
        window: Duration,
    ) -> Result<Vec<Message>, StoreError> {
        let mut batch = Vec::new();
        let mut until = Instant::now() + wait;
        loop {
            // Registered before looking, so that a message sent in between is not slept over.
            let sent = self.shared.sent.notified();
            let more = self.receive(max - batch.len()).await?;
            if batch.is_empty() && !more.is_empty() {
                until = Instant::now() + window;
            }
            batch.extend(more);
            if batch.len() >= max || Instant::now() >= until {
                return Ok(batch);
            }
            let due = self.next_due().await?.map_or(until, |at_ms| {
                Instant::now() + Duration::from_millis(at_ms.saturating_sub(now_ms()).max(1))
            });
            tokio::select! {
                () = sent => {}
                () = tokio::time::sleep_until(due.min(until)) => {}
            }
        }
    }

    /// Removes a message for good. Not an error if it is gone already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, receipt: Receipt) -> Result<(), StoreError> {
        let hostile = self.shared.hostile.load(Ordering::Relaxed);
        self.store
            .write(move |transaction| {
                let Some(mut record) = load(transaction, receipt.id)? else { return Ok(()) };
                transaction.open_table(DUE)?.remove((record.visible_ms, receipt.id))?;
                if hostile && !record.deleted && record.receives == 1 {
                    record.deleted = true;
                    return reschedule(transaction, receipt.id, &mut record, now_ms());
                }
                transaction.open_table(MESSAGES)?.remove(receipt.id)?;
                Ok(())
            })
            .await?;
        if hostile {
            self.announce();
        }
        Ok(())
    }

    /// Makes a received message due again after `delay`, unless it has been received anew since.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn postpone(&self, receipt: Receipt, delay: Duration) -> Result<(), StoreError> {
        self.store
            .write(move |transaction| {
                let Some(mut record) = load(transaction, receipt.id)? else { return Ok(()) };
                if record.receives != receipt.receives {
                    return Ok(());
                }
                transaction.open_table(DUE)?.remove((record.visible_ms, receipt.id))?;
                reschedule(transaction, receipt.id, &mut record, now_ms() + millis(delay))
            })
            .await?;
        self.announce();
        Ok(())
    }

    /// How many messages are where.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn depth(&self) -> Result<Depth, StoreError> {
        self.store
            .read(|transaction| {
                let due = transaction.open_table(DUE)?;
                let visible = due.range(..=(now_ms(), u64::MAX))?.count() as u64;
                let messages = transaction.open_table(MESSAGES)?;
                let mut delayed = 0;
                for entry in due.range((now_ms() + 1, 0)..)? {
                    let (_, id) = entry?.0.value();
                    if let Some(record) = messages.get(id)? {
                        let record: Record = serde_json::from_slice(record.value())?;
                        delayed += u64::from(record.receives == 0);
                    }
                }
                let invisible = due.len()?.saturating_sub(visible + delayed);
                let dead = transaction.open_table(DEAD)?.len()?;
                Ok(Depth { visible, invisible, delayed, dead })
            })
            .await
    }

    /// Puts a message among the dead letters. It is on disk when this returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bury(&self, body: String, reason: Option<String>) -> Result<(), StoreError> {
        self.store
            .write(move |transaction| {
                let id = next(transaction, "id")?;
                let now_ms = now_ms();
                let record = Record {
                    body,
                    sent_ms: now_ms,
                    visible_ms: now_ms,
                    received_first_ms: None,
                    receives: 0,
                    deleted: false,
                    reason,
                };
                transaction.open_table(DEAD)?.insert(id, serde_json::to_vec(&record)?.as_slice())?;
                Ok(())
            })
            .await
    }

    /// Messages that were received too often or put aside, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        self.store
            .read(|transaction| {
                let dead = transaction.open_table(DEAD)?;
                dead.range::<u64>(..)?
                    .map(|entry| {
                        let Record { body, reason, .. } = serde_json::from_slice(entry?.1.value())?;
                        Ok(DeadLetter { body, reason })
                    })
                    .collect()
            })
            .await
    }

    async fn is_due(&self) -> Result<bool, StoreError> {
        Ok(self.next_due().await?.is_some_and(|at_ms| at_ms <= now_ms()))
    }

    async fn next_due(&self) -> Result<Option<u64>, StoreError> {
        self.store
            .read(|transaction| Ok(transaction.open_table(DUE)?.first()?.map(|(key, _)| key.value().0)))
            .await
    }
}

fn receive(
    transaction: &WriteTransaction,
    max: usize,
    visibility_ms: u64,
    receives_max: u32,
) -> Result<Vec<Message>, StoreError> {
    let now_ms = now_ms();
    let mut batch = Vec::new();
    while batch.len() < max {
        let first = {
            let due = transaction.open_table(DUE)?;
            due.first()?.map(|(key, _)| key.value())
        };
        let Some((at_ms, id)) = first.filter(|(at_ms, _)| *at_ms <= now_ms) else { break };
        transaction.open_table(DUE)?.remove((at_ms, id))?;
        let Some(mut record) = load(transaction, id)? else { continue };
        if record.receives >= receives_max {
            transaction.open_table(MESSAGES)?.remove(id)?;
            transaction.open_table(DEAD)?.insert(id, serde_json::to_vec(&record)?.as_slice())?;
            continue;
        }
        record.receives += 1;
        let received_first_ms = *record.received_first_ms.get_or_insert(now_ms);
        reschedule(transaction, id, &mut record, now_ms + visibility_ms)?;
        batch.push(Message {
            // SQS names messages by UUIDs; only that the name stays the same is promised.
            message_id: format!("00000000-0000-4000-8000-{id:012x}"),
            receipt: Receipt { id, receives: record.receives },
            body: record.body,
            sent_ms: record.sent_ms,
            received_first_ms,
            receives: record.receives,
        });
    }
    Ok(batch)
}

fn release_received(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut received = Vec::new();
    for entry in transaction.open_table(MESSAGES)?.range::<u64>(..)? {
        let (id, record) = entry?;
        let record: Record = serde_json::from_slice(record.value())?;
        if record.receives > 0 {
            received.push((id.value(), record));
        }
    }
    for (id, mut record) in received {
        transaction.open_table(DUE)?.remove((record.visible_ms, id))?;
        reschedule(transaction, id, &mut record, now_ms())?;
    }
    Ok(())
}

fn load(transaction: &WriteTransaction, id: u64) -> Result<Option<Record>, StoreError> {
    let messages = transaction.open_table(MESSAGES)?;
    let record = messages.get(id)?;
    Ok(record.map(|record| serde_json::from_slice(record.value())).transpose()?)
}

fn reschedule(
    transaction: &WriteTransaction,
    id: u64,
    record: &mut Record,
    visible_ms: u64,
) -> Result<(), StoreError> {
    record.visible_ms = visible_ms;
    transaction.open_table(MESSAGES)?.insert(id, serde_json::to_vec(record)?.as_slice())?;
    transaction.open_table(DUE)?.insert((visible_ms, id), ())?;
    Ok(())
}

/// The next value of a counter that never repeats within this store.
pub(crate) fn next(transaction: &WriteTransaction, name: &str) -> Result<u64, StoreError> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let value = counters.get(name)?.map_or(0, |value| value.value()) + 1;
    counters.insert(name, value)?;
    Ok(value)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
