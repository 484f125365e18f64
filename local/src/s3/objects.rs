//! Objects in the store: a record and a body by key, replaced together, under S3's conditions.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::queue;
use crate::store::{Store, StoreError};

const METAS: TableDefinition<&str, &[u8]> = TableDefinition::new("object_metas");
const BODIES: TableDefinition<&str, &[u8]> = TableDefinition::new("object_bodies");

/// What is kept beside an object's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectMeta {
    /// Bytes of the body.
    pub size: u64,
    /// MD5 of the body in hex, without quotes.
    pub etag: String,
    /// Unix ms of the last write.
    pub modified_ms: u64,
    /// Grows with every write to the bucket.
    pub sequencer: u64,
    /// What the writer said of it.
    pub content: Content,
}

/// What the writer of an object says of it, and S3 says again to readers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `x-amz-meta-…`, without that prefix.
    pub metadata: BTreeMap<String, String>,
    /// `x-amz-checksum-…` by algorithm in lower case, base64; verified.
    pub checksums: BTreeMap<String, String>,
}

/// On what a write depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// `If-None-Match: *`: there is no such object.
    Absent,
    /// `If-Match`: the object is there, and is this one; `None` stands for `*`, any.
    Present(Option<String>),
}

/// Why an object was not written or removed.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The condition does not hold: 412.
    #[error("the object is not as the request's condition wants it")]
    Precondition,
    /// A condition on an object that is not there: 404, as AWS answers.
    #[error("there is no object for the request's condition to match")]
    Missing,
    /// The store failed: 500.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Keys and records, in the order of the keys' bytes.
    pub objects: Vec<(String, ObjectMeta)>,
    /// What the delimiter rolled up.
    pub common_prefixes: Vec<String>,
    /// Where the next page begins: after this. Absent on the last page.
    pub next: Option<String>,
}

/// The objects of the bucket. Clones share them.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Store,
}

impl Objects {
    /// The objects kept in `store`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(store: Store) -> Result<Self, StoreError> {
        store.write_now(|transaction| {
            transaction.open_table(METAS)?;
            transaction.open_table(BODIES)?;
            Ok(())
        })?;
        Ok(Self { store })
    }

    /// Writes an object if `condition` holds, and whatever `also` writes for it, all or nothing.
    ///
    /// # Errors
    /// [`PutError`]; then nothing was written.
    pub async fn put(
        &self,
        key: String,
        body: Bytes,
        etag: String,
        content: Content,
        condition: Condition,
        also: impl FnOnce(&WriteTransaction, &ObjectMeta) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<ObjectMeta, PutError> {
        self.store
            .write(move |transaction| {
                check(transaction, &key, &condition)?;
                let meta = ObjectMeta {
                    size: body.len() as u64,
                    etag,
                    modified_ms: now_ms(),
                    sequencer: queue::next(transaction, "sequencer")?,
                    content,
                };
                let record = serde_json::to_vec(&meta).map_err(StoreError::from)?;
                insert(transaction, &key, &record, &body)?;
                also(transaction, &meta)?;
                Ok(meta)
            })
            .await
    }

    /// Removes an object if `condition` holds. Not an error if it is gone already.
    ///
    /// # Errors
    /// [`PutError`]; then nothing was removed.
    pub async fn delete(&self, key: String, condition: Condition) -> Result<(), PutError> {
        self.store
            .write(move |transaction| {
                check(transaction, &key, &condition)?;
                remove(transaction, &key)?;
                Ok(())
            })
            .await
    }

    /// Removes each object of which `is_over` says so, and says how many they were.
    ///
    /// # Errors
    /// When the store fails; then nothing was removed.
    pub async fn remove_where(
        &self,
        is_over: impl Fn(&str, &ObjectMeta) -> bool + Send + 'static,
    ) -> Result<u64, StoreError> {
        self.store
            .write(move |transaction| {
                let mut over = Vec::new();
                for entry in transaction.open_table(METAS)?.range::<&str>(..)? {
                    let (key, record) = entry?;
                    if is_over(key.value(), &serde_json::from_slice(record.value())?) {
                        over.push(key.value().to_owned());
                    }
                }
                for key in &over {
                    remove(transaction, key)?;
                }
                Ok(over.len() as u64)
            })
            .await
    }

    /// An object's record.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn head(&self, key: String) -> Result<Option<ObjectMeta>, StoreError> {
        self.store
            .read(move |transaction| {
                let metas = transaction.open_table(METAS)?;
                let record = metas.get(key.as_str())?;
                Ok(record.map(|record| serde_json::from_slice(record.value())).transpose()?)
            })
            .await
    }

    /// An object's record and body, of the same moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, key: String) -> Result<Option<(ObjectMeta, Bytes)>, StoreError> {
        self.store
            .read(move |transaction| {
                let metas = transaction.open_table(METAS)?;
                let bodies = transaction.open_table(BODIES)?;
                let (Some(record), Some(body)) = (metas.get(key.as_str())?, bodies.get(key.as_str())?) else {
                    return Ok(None);
                };
                Ok(Some((serde_json::from_slice(record.value())?, Bytes::copy_from_slice(body.value()))))
            })
            .await
    }

    /// Keys that begin with `prefix` and come after `after`, at most `max` of objects and rolled-up prefixes together.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        prefix: String,
        delimiter: Option<String>,
        after: Option<String>,
        max: usize,
    ) -> Result<Listing, StoreError> {
        self.store
            .read(move |transaction| {
                let metas = transaction.open_table(METAS)?;
                list(
                    &metas,
                    &prefix,
                    delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
                    after,
                    max,
                )
            })
            .await
    }
}

fn check(transaction: &WriteTransaction, key: &str, condition: &Condition) -> Result<(), PutError> {
    if *condition == Condition::None {
        return Ok(());
    }
    let found = load(transaction, key)?;
    match (condition, found) {
        (Condition::None, _) | (Condition::Absent, None) | (Condition::Present(None), Some(_)) => Ok(()),
        (Condition::Present(_), None) => Err(PutError::Missing),
        (Condition::Present(Some(etag)), Some(found)) if *etag == found.etag => Ok(()),
        (Condition::Absent | Condition::Present(Some(_)), Some(_)) => Err(PutError::Precondition),
    }
}

fn load(transaction: &WriteTransaction, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
    let metas = transaction.open_table(METAS)?;
    let record = metas.get(key)?;
    Ok(record.map(|record| serde_json::from_slice(record.value())).transpose()?)
}

fn insert(transaction: &WriteTransaction, key: &str, record: &[u8], body: &[u8]) -> Result<(), StoreError> {
    transaction.open_table(METAS)?.insert(key, record)?;
    transaction.open_table(BODIES)?.insert(key, body)?;
    Ok(())
}

fn remove(transaction: &WriteTransaction, key: &str) -> Result<(), StoreError> {
    transaction.open_table(METAS)?.remove(key)?;
    transaction.open_table(BODIES)?.remove(key)?;
    Ok(())
}

fn list(
    metas: &redb::ReadOnlyTable<&'static str, &'static [u8]>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<String>,
    max: usize,
) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    let mut from = match after {
        Some(after) if after.as_str() >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix.to_owned()),
    };
    let mut last = None;
    loop {
        let lower = match &from {
            Bound::Included(key) => Bound::Included(key.as_str()),
            Bound::Excluded(key) => Bound::Excluded(key.as_str()),
            Bound::Unbounded => Bound::Unbounded,
        };
        let Some(entry) = metas.range::<&str>((lower, Bound::Unbounded))?.next() else { break };
        let (key, record) = entry?;
        let Some(rest) = key.value().strip_prefix(prefix) else { break };
        let rolled = delimiter.and_then(|delimiter| {
            rest.find(delimiter).map(|at| format!("{prefix}{}{delimiter}", &rest[..at]))
        });
        if listing.objects.len() + listing.common_prefixes.len() >= max {
            listing.next = last.filter(|_| max > 0);
            break;
        }
        if let Some(rolled) = rolled {
            from = Bound::Excluded(past(&rolled));
            last = Some(past(&rolled));
            listing.common_prefixes.push(rolled);
        } else {
            from = Bound::Excluded(key.value().to_owned());
            last = Some(key.value().to_owned());
            listing.objects.push((key.value().to_owned(), serde_json::from_slice(record.value())?));
        }
    }
    Ok(listing)
}

/// A key after all that begin with `prefix`, unless they go on with the very last character of Unicode.
fn past(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
