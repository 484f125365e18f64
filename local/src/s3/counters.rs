//! What the bucket was asked for, by whom: what a cloud would put on the bill.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Requests and body bytes of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Requests with a good signature, refused ones included.
    pub requests: u64,
    /// Bytes of bodies that were stored or sent.
    pub bytes: u64,
}

/// Counts by part and S3 operation, since the start. Requests of web pages count as `browser`, whoever signed
/// their URLs.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    counts: Arc<Mutex<Counts>>,
}

/// By part, then by S3 operation as AWS names it (`GetObject`).
type Counts = BTreeMap<String, BTreeMap<String, Count>>;

impl Counters {
    pub(super) fn request(&self, part: &str, operation: &str) {
        self.lock().entry(part.to_owned()).or_default().entry(operation.to_owned()).or_default().requests +=
            1;
    }

    pub(super) fn bytes(&self, part: &str, operation: &str, bytes: u64) {
        self.lock().entry(part.to_owned()).or_default().entry(operation.to_owned()).or_default().bytes +=
            bytes;
    }

    /// All counts so far.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, BTreeMap<String, Count>> {
        self.lock().clone()
    }

    /// The count of one operation by one part.
    #[must_use]
    pub fn get(&self, part: &str, operation: &str) -> Count {
        self.lock().get(part).and_then(|part| part.get(operation)).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot leave the map half changed, so a panic elsewhere does not spoil it.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
