//! The stores that the suite is run on.

use std::env;
use std::io::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use tapedeck_core::config::StoreLocation;
use tapedeck_core::store::Store;
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_indexer::s3_store::S3Store as IndexerStore;
use tapedeck_local::queue::QueueConfig;
use tapedeck_s3_store::{Addressing, NativeHttp, S3Store as EdgeStore};
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

pub(crate) struct Bucket<S> {
    store: S,
    client: Client,
    name: String,
    prefix: String,
    /// Serves the local one.
    _stack: Option<Stack>,
}

impl<S: Store> Subject for Bucket<S> {
    type Store = S;

    fn store(&self) -> &S {
        &self.store
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    async fn remove(&self, key: &str) {
        self.client.delete_object().bucket(&self.name).key(key).send().await.unwrap();
    }
}

/// The local server, by the indexer's client.
pub(crate) async fn local() -> Option<Bucket<IndexerStore>> {
    let stack = Stack::start(QueueConfig::default()).await;
    let client = stack.client("admin").await;
    Some(Bucket {
        store: IndexerStore::new(client.clone(), BUCKET),
        client,
        name: BUCKET.to_owned(),
        prefix: "test/".to_owned(),
        _stack: Some(stack),
    })
}

/// The local server, by the edge's client.
pub(crate) async fn edge_local() -> Option<Bucket<EdgeStore<NativeHttp>>> {
    let stack = Stack::start(QueueConfig::default()).await;
    let (id, secret) = stack.access_key("admin");
    let location = StoreLocation {
        endpoint: stack.server.endpoint(),
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
    };
    Some(Bucket {
        store: edge_store(&location, rusty_s3::Credentials::new(id, secret)),
        client: stack.client("admin").await,
        name: BUCKET.to_owned(),
        prefix: "test/".to_owned(),
        _stack: Some(stack),
    })
}

/// Tests of one run, and runs at the same time, must not meet in the bucket.
static TESTS: AtomicU32 = AtomicU32::new(0);

static NOTE: Once = Once::new();

/// A bucket that somebody has given to the tests.
struct Given {
    bucket: String,
    id: String,
    secret: String,
    session: Option<String>,
    endpoint: Option<String>,
    region: String,
}

impl Given {
    fn from_env() -> Option<Self> {
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
        Some(Self {
            bucket,
            id: required("ACCESS_KEY_ID"),
            secret: required("SECRET_ACCESS_KEY"),
            session: env::var("TAPEDECK_TEST_S3_SESSION_TOKEN").ok(),
            endpoint: env::var("TAPEDECK_TEST_S3_ENDPOINT").ok(),
            region: env::var("TAPEDECK_TEST_S3_REGION").unwrap_or_else(|_| REGION.to_owned()),
        })
    }

    async fn client(&self) -> Client {
        let credentials =
            Credentials::new(self.id.clone(), self.secret.clone(), self.session.clone(), None, "tests");
        s3_client(self.endpoint.as_deref(), &self.region, credentials).await
    }
}

fn prefix() -> String {
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    format!("tapedeck-conformance/{:016x}/{number}/", fastrand::u64(..))
}

/// A real bucket, by the indexer's client.
pub(crate) async fn real() -> Option<Bucket<IndexerStore>> {
    let given = Given::from_env()?;
    let client = given.client().await;
    let store = IndexerStore::new(client.clone(), &given.bucket);
    Some(Bucket { store, client, name: given.bucket, prefix: prefix(), _stack: None })
}

/// A real bucket, by the edge's client.
pub(crate) async fn edge_real() -> Option<Bucket<EdgeStore<NativeHttp>>> {
    let given = Given::from_env()?;
    let client = given.client().await;
    let Given { bucket, id, secret, session, endpoint, region } = given;
    let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    let location = StoreLocation { endpoint, bucket: bucket.clone(), region };
    let credentials = match session {
        Some(token) => rusty_s3::Credentials::new_with_token(id, secret, token),
        None => rusty_s3::Credentials::new(id, secret),
    };
    let store = edge_store(&location, credentials);
    Some(Bucket { store, client, name: bucket, prefix: prefix(), _stack: None })
}

fn edge_store(location: &StoreLocation, credentials: rusty_s3::Credentials) -> EdgeStore<NativeHttp> {
    let http = NativeHttp::new(Duration::from_mins(1)).unwrap();
    EdgeStore::new(http, location, Addressing::Automatic, credentials).unwrap()
}
