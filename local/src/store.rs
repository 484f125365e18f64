//! One file on disk that holds the bucket and the queue.
//!
//! They share it so that an object and the message that announces it are one transaction: after a crash either both are
//! there or neither is. A transaction is also what makes conditional writes atomic, and a body and its metadata one thing.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, WriteTransaction};

/// The database file, opened by one process at a time. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    db: Arc<Database>,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("the local store failed")]
    Database(#[source] Box<redb::Error>),
    /// A record was written by another version of this program, or damaged.
    #[error("a record in the local store is not of the expected form")]
    Record(#[from] serde_json::Error),
}

macro_rules! from_database_error {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })+
    };
}

from_database_error!(DatabaseError, TransactionError, TableError, StorageError, CommitError);

impl Store {
    /// Opens the database at `path`, and creates it if there is none.
    ///
    /// # Errors
    /// When another process holds it, or the file cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Arc::new(Database::create(path)?) })
    }

    /// A database that lives in memory and ends with the last clone. For tests.
    ///
    /// # Errors
    /// When the memory cannot be had.
    pub fn in_memory() -> Result<Self, StoreError> {
        let backend = redb::backends::InMemoryBackend::new();
        Ok(Self { db: Arc::new(Database::builder().create_with_backend(backend)?) })
    }

    /// Runs `work` in a transaction on a thread that may block, and commits what it did if it succeeds.
    ///
    /// Once started it runs to its end, also when the caller stops waiting: a connection that is cut in the middle of a
    /// request leaves the request's whole effect, or none.
    ///
    /// # Errors
    /// Those of `work`, and the store's own.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let db = Arc::clone(&self.db);
        blocking(move || {
            let transaction = db.begin_write().map_err(StoreError::from)?;
            let value = work(&transaction)?;
            transaction.commit().map_err(StoreError::from)?;
            Ok(value)
        })
        .await
    }

    /// Runs `work` over one consistent state of the store, on a thread that may block.
    ///
    /// # Errors
    /// Those of `work`, and the store's own.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        use redb::ReadableDatabase as _;
        let db = Arc::clone(&self.db);
        blocking(move || work(&db.begin_read().map_err(StoreError::from)?)).await
    }

    /// Runs `work` in a transaction, here and now: for opening the tables at the start.
    ///
    /// # Errors
    /// Those of `work`, and the store's own.
    pub(crate) fn write_now<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.db.begin_write()?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that is shutting down cancels a blocking task, and then nobody awaits the answer.
            Err(_) => std::future::pending().await,
        },
    }
}
