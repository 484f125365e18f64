//! The stores that the suite is run on.

use std::env;
use std::io::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use tapedeck_core::store::Store;
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_indexer::s3_store::S3Store;
use tapedeck_local::queue::QueueConfig;
use tapedeck_tests::{BUCKET, REGION, Stack, s3_client};

/// A store under test, and what the contract does not offer but a test needs.
pub(crate) trait Subject {
    /// Under test.
    type Store: Store;

    /// The store itself.
    fn store(&self) -> &Self::Store;

    /// What all keys of this test begin with: tests share a bucket.
    fn prefix(&self) -> &str;

    /// Removes an object, as a lifecycle rule or an erasure would.
    async fn remove(&self, key: &str);

    /// Removes all that is left under the prefix.
    async fn clean(&self) {
        let mut after = None;
        loop {
            let page = self.store().list(self.prefix(), after.as_deref(), 1000).await.unwrap();
            for object in &page {
                self.remove(&object.key).await;
            }
            after = page.last().map(|object| object.key.clone());
            if page.len() < 1000 {
                return;
            }
        }
    }
}

pub(crate) struct Memory(MemoryStore);

impl Subject for Memory {
    type Store = MemoryStore;

    fn store(&self) -> &MemoryStore {
        &self.0
    }

    fn prefix(&self) -> &'static str {
        "test/"
    }

    async fn remove(&self, key: &str) {
        self.0.remove(key);
    }
}

pub(crate) async fn memory() -> Option<Memory> {
    Some(Memory(MemoryStore::default()))
}

pub(crate) struct Bucket {
    store: S3Store,
    client: Client,
    name: String,
    prefix: String,
    /// Serves the local one.
    _stack: Option<Stack>,
}

impl Subject for Bucket {
    type Store = S3Store;

    fn store(&self) -> &S3Store {
        &self.store
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    async fn remove(&self, key: &str) {
        self.client.delete_object().bucket(&self.name).key(key).send().await.unwrap();
    }
}

impl Bucket {
    fn new(client: Client, name: String, prefix: String, stack: Option<Stack>) -> Self {
        Self { store: S3Store::new(client.clone(), &name), client, name, prefix, _stack: stack }
    }
}

pub(crate) async fn local() -> Option<Bucket> {
    let stack = Stack::start(QueueConfig::default()).await;
    Some(Bucket::new(stack.client("admin").await, BUCKET.to_owned(), "test/".to_owned(), Some(stack)))
}

/// Tests of one run, and runs at the same time, must not meet in the bucket.
static TESTS: AtomicU32 = AtomicU32::new(0);

static NOTE: Once = Once::new();

pub(crate) async fn real() -> Option<Bucket> {
    let Ok(bucket) = env::var("TAPEDECK_TEST_S3_BUCKET") else {
        // Past the test runner, which shows nothing that a passing test prints.
        NOTE.call_once(|| {
            let _ = writeln!(std::io::stderr(), "real: skipped, TAPEDECK_TEST_S3_BUCKET names no bucket");
        });
        return None;
    };
    let required = |name: &str| {
        let name = format!("TAPEDECK_TEST_S3_{name}");
        env::var(&name).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let (id, secret) = (required("ACCESS_KEY_ID"), required("SECRET_ACCESS_KEY"));
    let session = env::var("TAPEDECK_TEST_S3_SESSION_TOKEN").ok();
    let endpoint = env::var("TAPEDECK_TEST_S3_ENDPOINT").ok();
    let region = env::var("TAPEDECK_TEST_S3_REGION").unwrap_or_else(|_| REGION.to_owned());
    let credentials = Credentials::new(id, secret, session, None, "tests");
    let client = s3_client(endpoint.as_deref(), &region, credentials).await;
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("tapedeck-conformance/{:016x}/{number}/", fastrand::u64(..));
    Some(Bucket::new(client, bucket, prefix, None))
}
