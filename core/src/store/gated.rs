//! A store whose requests pass a gate: for tests that let them wait, fail, or fail after they were carried out.

use super::{Created, Listed, NewObject, Object, OwnedStore, Replaced, Store, StoreError};

/// Kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Store::get`]
    Get,
    /// [`Store::create`]
    Create,
    /// [`Store::replace`]
    Replace,
    /// [`Store::list`]
    List,
    /// [`OwnedStore::delete`]
    Delete,
}

/// Decides what becomes of a request.
pub trait Gate {
    /// Carries out `request`, which is about the object or prefix `key`, or not, now or later, and answers truly or not.
    fn pass<T>(
        &self,
        operation: Operation,
        key: &str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> impl Future<Output = Result<T, StoreError>>;
}

/// A store behind a gate.
#[derive(Debug, Default)]
pub struct Gated<S, G> {
    /// The store.
    pub store: S,
    /// The gate.
    pub gate: G,
}

/// An answer that did not come.
#[must_use]
pub fn lost(reason: &str) -> StoreError {
    StoreError::Unavailable { operation: "test", key: String::new(), reason: reason.to_owned() }
}

impl<S: Store, G: Gate> Store for Gated<S, G> {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        self.gate.pass(Operation::Get, key, self.store.get(key, bytes_max)).await
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        self.gate.pass(Operation::Create, key, self.store.create(key, object)).await
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        self.gate.pass(Operation::Replace, key, self.store.replace(key, etag, object)).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.gate.pass(Operation::List, prefix, self.store.list(prefix, after, keys_max)).await
    }
}

impl<S: OwnedStore, G: Gate> OwnedStore for Gated<S, G> {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.gate.pass(Operation::Delete, key, self.store.delete(key)).await
    }
}
