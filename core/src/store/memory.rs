//! A store in memory: the contract in its shortest form, for tests of what stands on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Created, Listed, NewObject, Object, OwnedStore, Replaced, Store, StoreError};

/// Objects in memory. Each method is one step: it is atomic, and never pending.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<(BTreeMap<String, Object>, u64)>,
    now_ms: AtomicI64,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, (BTreeMap<String, Object>, u64)> {
        // A panic elsewhere leaves whole objects behind, since each step is one insert.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the store's clock, in Unix milliseconds, which stands still until it is set again. One that was never set, or set to 0, tells
    /// no times.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Removes an object, as a lifecycle rule or an erasure would.
    pub fn remove(&self, key: &str) {
        self.lock().0.remove(key);
    }

    fn put(&self, key: &str, object: NewObject<'_>, may: impl FnOnce(Option<&Object>) -> bool) -> bool {
        let mut guard = self.lock();
        let (objects, version) = &mut *guard;
        if !may(objects.get(key)) {
            return false;
        }
        *version += 1;
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        let stored = Object {
            body: object.body.to_vec(),
            etag: format!("\"{version}\""),
            modified_ms: (now_ms != 0).then_some(now_ms),
            metadata: object
                .metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        };
        objects.insert(key.to_owned(), stored);
        true
    }
}

impl OwnedStore for MemoryStore {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.remove(key);
        Ok(())
    }
}

impl Store for MemoryStore {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        match self.lock().0.get(key) {
            Some(object) if object.body.len() > bytes_max => {
                Err(StoreError::TooLarge { operation: "get", key: key.to_owned(), max: bytes_max })
            }
            found => Ok(found.cloned()),
        }
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        let stored = self.put(key, object, |found| found.is_none());
        Ok(if stored { Created::Stored } else { Created::Exists })
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        let stored = self.put(key, object, |found| found.is_some_and(|found| found.etag == etag));
        Ok(if stored { Replaced::Stored } else { Replaced::Changed })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let guard = self.lock();
        let listed = guard
            .0
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after))
            .take(keys_max)
            .map(|(key, object)| Listed {
                key: key.clone(),
                bytes: object.body.len() as u64,
                modified_ms: object.modified_ms,
            })
            .collect();
        Ok(listed)
    }
}
