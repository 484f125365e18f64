//! What Tapedeck asks of an object store: the contract that the conformance suite under `tests/` holds every store to.

use std::collections::BTreeMap;
use std::future::Future;

#[cfg(any(test, feature = "memory"))]
pub mod gated;
#[cfg(any(test, feature = "memory"))]
pub mod memory;

/// Why a request to the store did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer, or one that asks to come again (5xx, 429, 409, a connection that broke). Trying again may help.
    #[error("{operation} {key}: the store does not answer as it should: {reason}")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// On which object or prefix.
        key: String,
        /// What came instead.
        reason: String,
    },
    /// The store understood and refuses (403, 400 …). Trying again does not help; the operator can mend it.
    #[error("{operation} {key}: the store refuses with status {status}: {reason}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// On which object or prefix.
        key: String,
        /// HTTP status.
        status: u16,
        /// The store's words.
        reason: String,
    },
    /// The object is larger than the reader bears.
    #[error("{operation} {key}: the object is over {max} bytes, which is the limit")]
    TooLarge {
        /// What was tried.
        operation: &'static str,
        /// On which object.
        key: String,
        /// The limit.
        max: usize,
    },
}

impl StoreError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Vec<u8>,
    /// Names this version of it, for [`Store::replace`].
    pub etag: String,
    /// When it was written by the store's clock, Unix milliseconds, in whole seconds. `None` where the reader does not look.
    pub modified_ms: Option<i64>,
    /// User metadata, names without `x-amz-meta-`, lower-case.
    pub metadata: BTreeMap<String, String>,
}

/// An object to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewObject<'a> {
    /// Its bytes.
    pub body: &'a [u8],
    /// Media type.
    pub content_type: &'a str,
    /// User metadata, names without `x-amz-meta-`, lower-case; ASCII.
    pub metadata: &'a [(&'a str, String)],
}

/// What became of [`Store::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    Stored,
    /// An object of this key was there before and is untouched.
    Exists,
}

/// What became of [`Store::replace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It is stored.
    Stored,
    /// The object has another version by now, or is gone: read again.
    Changed,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was written by the store's clock, Unix milliseconds. `None` where the reader does not look.
    pub modified_ms: Option<i64>,
}

/// A store of objects with conditional writes. Every method may be repeated after an error without harm.
pub trait Store {
    /// The object, at most `bytes_max` bytes of it; `None` if there is none.
    fn get(&self, key: &str, bytes_max: usize) -> impl Future<Output = Result<Option<Object>, StoreError>>;

    /// Writes an object only where there is none (`If-None-Match: *`), with a checksum that the store verifies. Atomic:
    /// of several at once exactly one is told [`Created::Stored`].
    fn create(&self, key: &str, object: NewObject<'_>) -> impl Future<Output = Result<Created, StoreError>>;

    /// Writes an object only over the version that `etag` names (`If-Match`). Atomic as [`Store::create`].
    fn replace(
        &self,
        key: &str,
        etag: &str,
        object: NewObject<'_>,
    ) -> impl Future<Output = Result<Replaced, StoreError>>;

    /// At most `keys_max` (1 to 1,000) objects whose keys begin with `prefix`, those behind `after`, in byte order of their keys. Fewer than
    /// `keys_max` means that there are no more.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> impl Future<Output = Result<Vec<Listed>, StoreError>>;
}

/// A store in which objects may be removed. Not the edge's: it creates and reads.
pub trait OwnedStore: Store {
    /// Removes an object. That there is none is success: somebody else was faster.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>>;
}

impl<S: OwnedStore> OwnedStore for &S {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        (**self).delete(key).await
    }
}

impl<S: Store> Store for &S {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        (**self).get(key, bytes_max).await
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        (**self).create(key, object).await
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        (**self).replace(key, etag, object).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        (**self).list(prefix, after, keys_max).await
    }
}
