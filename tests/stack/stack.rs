//! The local bucket and queue with the real indexer behind them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::Region;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use tapedeck_core::ids::SessionId;
use tapedeck_core::object_key::manifest_key;
use tapedeck_core::store::{Created, NewObject, Store as _};
use tapedeck_indexer::s3_store::{S3Store, client, config_loader};
use tapedeck_local::cloud::{Choices, Cloud};
use tapedeck_local::lambda::{Function, FunctionConfig};
use tapedeck_local::logs::PartLog;
use tapedeck_local::queue::{Queue, QueueConfig};
use tapedeck_local::s3::{Bucket, S3Server};
use tapedeck_local::secrets::AccessKey;
use tapedeck_local::sqs;
use tapedeck_local::store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::recording::{Recorded, project};

/// The bucket's name.
pub const BUCKET: &str = "tapedeck-tests-000000000000-eu-central-1";

/// Whose pages may read it.
pub const PLAYER: &str = "https://player.example";

/// Where all of it pretends to be.
pub const REGION: &str = "eu-central-1";

/// A bucket that announces its chunks in a queue, in memory, over HTTP.
#[derive(Debug)]
pub struct Stack {
    /// The bucket, past its protocol.
    pub bucket: Bucket,
    /// Where it announces chunks.
    pub queue: Queue,
    /// Its protocol.
    pub server: S3Server,
    /// What it was made from.
    pub cloud: Cloud,
    /// URL of the queue's protocol.
    pub queues: String,
    _servers: JoinSet<()>,
}

impl Stack {
    /// An empty bucket and queue, as the template says but for the queue.
    pub async fn start(queue: QueueConfig) -> Self {
        Self::of(cloud(&template()).unwrap(), queue).await
    }

    /// An empty bucket and queue, as `cloud` says but for the queue.
    pub async fn of(cloud: Cloud, queue: QueueConfig) -> Self {
        let store = Store::in_memory().unwrap();
        let queue = Queue::open(store.clone(), queue).unwrap();
        let key = |part: &str| AccessKey { id: part.to_owned(), secret: secret(part) };
        let config = cloud.bucket(&key("admin"), &key("edge"), &key("indexer"));
        let bucket = Bucket::open(store, queue.clone(), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = S3Server::start(&bucket, listener).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let queues = format!("http://{}", listener.local_addr().unwrap());
        let router = sqs::router(&queue, &cloud, "indexer");
        let mut servers = JoinSet::new();
        servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { bucket, queue, server, cloud, queues, _servers: servers }
    }

    /// The bucket as a part sees it: `admin`, `edge` or `indexer`.
    pub async fn store(&self, part: &str) -> S3Store {
        S3Store::new(self.client(part).await, BUCKET)
    }

    /// A part's access key, id and secret.
    #[must_use]
    pub fn access_key(&self, part: &str) -> (String, String) {
        (part.to_owned(), secret(part))
    }

    /// The SDK's client with a part's access key.
    pub async fn client(&self, part: &str) -> Client {
        s3_client(
            Some(&self.server.endpoint()),
            REGION,
            Credentials::new(part, secret(part), None, None, "tests"),
        )
        .await
    }

    /// Stores a chunk as the edge does; the bucket announces it.
    pub async fn upload(&self, chunk: &Recorded) {
        let object =
            NewObject { body: &chunk.body, content_type: "application/gzip", metadata: &chunk.metadata };
        let created = self.store("edge").await.create(&chunk.key.to_string(), object).await.unwrap();
        assert_eq!(created, Created::Stored, "{}", chunk.key);
    }

    /// The real indexer, which sees the store at `endpoint`. What it asks itself to do later comes as late as in a cloud.
    #[must_use]
    pub fn indexer(&self, endpoint: &str, environments: usize) -> Function {
        self.indexer_with(endpoint, environments, &[])
    }

    /// As [`Stack::indexer`], with more settings.
    #[must_use]
    pub fn indexer_with(&self, endpoint: &str, environments: usize, more: &[(&str, &str)]) -> Function {
        let queues = &self.queues;
        let (events, dead) = (format!("{queues}{}", sqs::EVENTS), format!("{queues}{}", sqs::DEAD_LETTERS));
        let here = [
            ("AWS_ENDPOINT_URL_S3", endpoint),
            ("AWS_ENDPOINT_URL_SQS", queues),
            ("TAPEDECK_QUEUE_URL", &events),
            ("TAPEDECK_DEAD_LETTERS_URL", &dead),
        ];
        let settings = self.cloud.indexer_settings(&[&here[..], more].concat());
        let config = FunctionConfig {
            name: "tapedeck-indexer".to_owned(),
            binary: indexer_binary(),
            settings,
            region: REGION.to_owned(),
            credentials: ("indexer".to_owned(), secret("indexer")),
            timeout: Duration::from_mins(1),
            memory_mb: 512,
            concurrency: environments,
        };
        Function::new(config, PartLog::to_stderr("indexer"))
    }

    /// A session's manifest, as it is stored.
    pub async fn manifest(&self, session: &SessionId) -> Option<Vec<u8>> {
        let found = self.bucket.get(&manifest_key(&project(), session)).await.unwrap();
        found.map(|(_, body)| body.to_vec())
    }
}

/// `infra/aws/template.yaml`.
#[must_use]
pub fn template() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/aws/template.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// What a template makes of this machine.
///
/// # Errors
/// When AWS would refuse it.
pub fn cloud(template: &str) -> anyhow::Result<Cloud> {
    let choices = Choices {
        environment: "tests",
        region: REGION,
        player_origins: &[PLAYER.to_owned()],
        concurrency: 2,
        // Most tests wait for what a chunk leads to.
        merge_every_s: 0,
    };
    Cloud::parse(template, &choices)
}

fn secret(part: &str) -> String {
    format!("the secret of {part}")
}

/// A client with the indexer's own settings. Without an endpoint, AWS's.
pub async fn s3_client(endpoint: Option<&str>, region: &str, credentials: Credentials) -> Client {
    let mut loader = config_loader().region(Region::new(region.to_owned())).credentials_provider(credentials);
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    client(&loader.load().await)
}

/// The indexer that is tested: `TAPEDECK_INDEXER_BIN`, or what cargo built beside the tests.
#[must_use]
pub fn indexer_binary() -> PathBuf {
    std::env::var_os("TAPEDECK_INDEXER_BIN").map_or_else(|| built("tapedeck-indexer"), PathBuf::from)
}

/// A program of this workspace, as cargo built it beside the tests.
#[must_use]
pub fn built(program: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/{test}
    let binary = test.ancestors().nth(2).unwrap().join(program);
    assert!(
        binary.is_file(),
        "no {program} at {}: build it with `cargo build --bins -p tapedeck-indexer -p tapedeck`",
        binary.display()
    );
    binary
}
