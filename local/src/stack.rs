//! The whole stack on one machine, started in order and stopped together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cloud::{Choices, Cloud};
use crate::demo_project;
use crate::lambda::{Function, FunctionConfig};
use crate::logs::PartLog;
use crate::mapping::Mapping;
use crate::ports::Ports;
use crate::queue::Queue;
use crate::s3::{Bucket, S3Server, test_event};
use crate::schedule::Scheduler;
use crate::secrets::{Secrets, write_private};
use crate::sqs;
use crate::stat::{self, PlayerHeaders};
use crate::store::Store;
use crate::supervise::Supervised;

const REGION: &str = "us-east-1";
/// How long the edge may take until it answers.
const EDGE_READY_MAX: Duration = Duration::from_mins(1);

/// What to start, and where it lies.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The project's folder, with the built parts in it.
    pub root: PathBuf,
    /// Where data, logs and secrets are kept.
    pub data: PathBuf,
    /// The indexer's program.
    pub indexer: PathBuf,
    /// How ports are chosen.
    pub ports: Ports,
    /// The template that the stack is made from.
    pub template: PathBuf,
    /// Between two looks at a session whether it has ended; 15 minutes in a cloud.
    pub hop: Duration,
}

/// Everything that runs. Ends with [`Stack::stop`], or less gently when it is dropped.
#[derive(Debug)]
pub struct Stack {
    running: Running,
    mapping: Mapping,
    scheduler: Scheduler,
    links: Links,
    up_json: PathBuf,
    _servers: JoinSet<()>,
}

/// What the control port reaches.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) bucket: Bucket,
    pub(crate) queue: Queue,
    pub(crate) s3: Arc<S3Server>,
    pub(crate) indexer: Function,
    pub(crate) edge: Arc<Supervised>,
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Links {
    /// The demo shop.
    pub demo: String,
    /// The player.
    pub player: String,
    /// The edge.
    pub edge: String,
    /// The bucket's endpoint, without the bucket.
    pub s3: String,
    /// The control port.
    pub control: String,
    /// The folder of logs.
    pub logs: PathBuf,
}

impl Stack {
    /// Starts everything and waits until each part answers; `say` hears of each step when it is done. Then
    /// `{data}/up.json` tells where everything is, until [`Stack::stop`].
    ///
    /// The caller sees to it that no other stack uses `data`.
    ///
    /// # Errors
    /// When a part is missing or does not start. What had started is stopped again.
    pub async fn start(config: &StackConfig, say: impl Fn(&str, &str)) -> Result<Self> {
        let data = &config.data;
        if !config.indexer.is_file() {
            bail!("{} is not there: it is built by `cargo xtask up`", config.indexer.display());
        }
        let logs = data.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let secrets = Secrets::load_or_create(&data.join("secrets.json"))?;
        let listeners = Listeners::open(config.ports).await.context("no free port")?;
        let links = listeners.links(&logs)?;

        let cloud = cloud(config, &links)?;
        let (bucket, queue) = open_bucket(config, &cloud, &secrets).await?;
        let s3 = Arc::new(S3Server::start(&bucket, listeners.s3)?);
        say("bucket", &format!("{}/{}", links.s3, bucket.config().name()));

        let mut servers = JoinSet::new();
        let queues = format!("http://{}", listeners.sqs.local_addr()?);
        servers.spawn(serve(listeners.sqs, sqs::router(&queue, &cloud, &secrets.indexer.id)));
        let log = PartLog::in_dir(&logs, "indexer")?;
        let indexer = indexer(config, &cloud, &secrets, &links, &queues, log);
        indexer.warm().await.with_context(|| format!("see {}", logs.join("indexer.log").display()))?;
        if !cloud.may_poll() {
            bail!("the role of the indexer may not take from the queue");
        }
        let mapping = Mapping::start(&queue, &indexer, &cloud.mapping());
        let scheduler = Scheduler::start(&cloud, &indexer);
        say("indexer", "waits for events of the bucket");

        servers.spawn(expire(bucket.clone()));
        let (demo, player) = sites(config, &secrets, &links).await?;
        servers.spawn(serve(listeners.demo, demo));
        servers.spawn(serve(listeners.player, player));
        say("demo", &links.demo);
        say("player", &links.player);

        // Only now is the port let go of, for the child to take it.
        let port = listeners.edge.local_addr()?.port();
        drop(listeners.edge);
        let edge = Arc::new(edge(config, &cloud, &secrets, &links, port, PartLog::in_dir(&logs, "edge")?)?);
        wait_for_edge(&links.edge, &secrets, &edge).await?;
        say("edge", &links.edge);

        let running = Running { bucket, queue, s3, indexer, edge };
        servers.spawn(serve(listeners.control, crate::control::router(running.clone())));
        let up_json = data.join("up.json");
        write_private(&up_json, &serde_json::to_vec_pretty(&up(&cloud, &secrets, &links))?)?;
        Ok(Self { running, mapping, scheduler, links, up_json, _servers: servers })
    }

    /// Where everything is.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Removes `up.json` and stops everything. Messages that were being worked on are worked on again at the next start.
    ///
    /// # Errors
    /// When `up.json` cannot be removed; everything is stopped all the same.
    pub async fn stop(self) -> Result<()> {
        let removed = std::fs::remove_file(&self.up_json);
        drop(self.mapping);
        drop(self.scheduler);
        self.running.indexer.kill();
        self.running.edge.stop().await;
        removed.with_context(|| format!("cannot remove {}", self.up_json.display()))
    }
}

struct Listeners {
    edge: TcpListener,
    demo: TcpListener,
    player: TcpListener,
    s3: TcpListener,
    sqs: TcpListener,
    control: TcpListener,
}

impl Listeners {
    async fn open(ports: Ports) -> std::io::Result<Self> {
        Ok(Self {
            edge: ports.listen(8787).await?,
            demo: ports.listen(8081).await?,
            player: ports.listen(8082).await?,
            s3: ports.listen(9000).await?,
            sqs: ports.listen(9324).await?,
            control: ports.listen(8790).await?,
        })
    }

    fn links(&self, logs: &Path) -> std::io::Result<Links> {
        let url =
            |listener: &TcpListener| Ok::<_, std::io::Error>(format!("http://{}", listener.local_addr()?));
        Ok(Links {
            demo: url(&self.demo)?,
            player: url(&self.player)?,
            edge: url(&self.edge)?,
            s3: url(&self.s3)?,
            control: url(&self.control)?,
            logs: logs.to_owned(),
        })
    }
}

/// What the template makes of this machine.
fn cloud(config: &StackConfig, links: &Links) -> Result<Cloud> {
    let choices = Choices {
        environment: "local",
        region: REGION,
        player_origins: &[links.player.clone(), links.player.replace("127.0.0.1", "localhost")],
        concurrency: 2,
        // Who clicks around wants to find it.
        merge_every_s: 2,
    };
    Cloud::read(&config.template, &choices)
}

/// Removes what has outlived its lifetime, now and again every hour: a stack is not always up when the day ends.
async fn expire(bucket: Bucket) {
    let mut hours = tokio::time::interval(Duration::from_hours(1));
    loop {
        hours.tick().await;
        match bucket.expire_now().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "objects have outlived their lifetime"),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "nothing expires"),
        }
    }
}

async fn open_bucket(config: &StackConfig, cloud: &Cloud, secrets: &Secrets) -> Result<(Bucket, Queue)> {
    let folder = config.data.join("s3");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("store.redb");
    let is_new = !file.exists();
    let store = Store::open(&file)
        .with_context(|| format!("cannot open {}; `--fresh` begins with an empty bucket", file.display()))?;
    let queue = Queue::open(store.clone(), cloud.queue())?;
    if is_new {
        queue.send(test_event(&cloud.deployment.bucket.name).to_string(), Duration::ZERO).await?;
    }
    let of_bucket = cloud.bucket(&secrets.admin, &secrets.edge, &secrets.indexer);
    let bucket = Bucket::open(store, queue.clone(), of_bucket)?;
    demo_project::write(&config.root, &bucket, secrets).await?;
    Ok((bucket, queue))
}

fn indexer(
    config: &StackConfig,
    cloud: &Cloud,
    secrets: &Secrets,
    links: &Links,
    queues: &str,
    log: Arc<PartLog>,
) -> Function {
    let hop_s = config.hop.as_secs().to_string();
    let mut settings = cloud.indexer_settings(&[
        ("AWS_ENDPOINT_URL_S3", &links.s3),
        ("AWS_ENDPOINT_URL_SQS", queues),
        ("TAPEDECK_QUEUE_URL", &format!("{queues}{}", sqs::EVENTS)),
        ("TAPEDECK_DEAD_LETTERS_URL", &format!("{queues}{}", sqs::DEAD_LETTERS)),
        ("TAPEDECK_HOP_S", &hop_s),
    ]);
    if let Ok(level) = std::env::var("RUST_LOG") {
        settings.push(("RUST_LOG".to_owned(), level));
    }
    let function = &cloud.deployment.indexer;
    let config = FunctionConfig {
        name: function.name.clone(),
        binary: config.indexer.clone(),
        settings,
        region: REGION.to_owned(),
        credentials: (secrets.indexer.id.clone(), secrets.indexer.secret.clone()),
        timeout: function.timeout,
        memory_mb: function.memory_mb,
        concurrency: cloud.deployment.mapping.concurrency,
    };
    Function::new(config, log)
}

async fn sites(config: &StackConfig, secrets: &Secrets, links: &Links) -> Result<(Router, Router)> {
    let demo_folder = built(&config.root.join("local/demo/dist"), "index.html")?;
    let player_folder = built(&config.root.join("player/dist"), "index.html")?;
    let demo = json!({
        "edge": links.edge,
        "project": demo_project::PROJECT,
        "project_key": secrets.project_key,
        "player": links.player,
        "viewer_token": secrets.viewer_token,
    });
    let (headers, settings) = player_files(config, links).await?;
    Ok((stat::demo(&demo_folder, demo), stat::player(&player_folder, settings, headers)))
}

/// The player's headers and settings, by the program that makes them for a deployment.
async fn player_files(config: &StackConfig, links: &Links) -> Result<(PlayerHeaders, Value)> {
    let place = std::path::absolute(config.data.join("player"))?;
    let configs = place.join("configs");
    std::fs::create_dir_all(&configs).with_context(|| format!("cannot create {}", configs.display()))?;
    // The demo stands for everything around: it embeds the player, and is the shop whose pictures recordings show.
    let project = json!({"asset_origins": [links.demo]});
    std::fs::write(configs.join("demo.json"), project.to_string())?;
    let headers = place.join("headers.json");
    let made = Command::new(node(&config.root)?)
        .current_dir(&config.root)
        .args(["player/headers.ts", "--edge", &links.edge, "--store", &links.s3])
        .args(["--source", &links.demo, "--embedder", &links.demo, "--configs"])
        .arg(&configs)
        .arg("--out")
        .arg(&place)
        .arg("--json")
        .arg(&headers)
        .output()
        .await
        .context("cannot run node")?;
    if !made.status.success() {
        bail!("player/headers.ts failed: {}", String::from_utf8_lossy(&made.stderr).trim());
    }
    let read = |path: PathBuf| {
        std::fs::read(&path).with_context(|| format!("player/headers.ts left no {}", path.display()))
    };
    let settings = serde_json::from_slice(&read(place.join("tapedeck.json"))?)?;
    Ok((PlayerHeaders::parse(&read(headers)?)?, settings))
}

/// The project's own Node, or else the machine's.
fn node(root: &Path) -> Result<PathBuf> {
    let own = root.join("node_modules/.bin/node");
    Ok(if own.exists() { std::path::absolute(own)? } else { PathBuf::from("node") })
}

fn edge(
    config: &StackConfig,
    cloud: &Cloud,
    secrets: &Secrets,
    links: &Links,
    port: u16,
    log: Arc<PartLog>,
) -> Result<Supervised> {
    built(&config.root.join("edge-worker/build"), "index.js")?;
    let vars = config.data.join("edge-vars.json");
    let settings = json!({
        "CONFIG_ENDPOINT": links.s3,
        "CONFIG_BUCKET": cloud.deployment.bucket.name,
        "CONFIG_REGION": REGION,
        "S3_ACCESS_KEY_ID": secrets.edge.id,
        "S3_SECRET_ACCESS_KEY": secrets.edge.secret,
        "SHARE_KEY": secrets.share_key,
    });
    write_private(&vars, settings.to_string().as_bytes())?;
    let vars = std::path::absolute(&vars)?;
    let node = node(&config.root)?;
    let root = config.root.clone();
    Ok(Supervised::start(log, move || {
        let mut command = Command::new(&node);
        command
            .arg("local/edge/serve.mjs")
            .current_dir(&root)
            .env("PORT", port.to_string())
            .env("VARS", &vars)
            .env("WRANGLER_SEND_METRICS", "false");
        command
    }))
}

/// Waits until the edge gives a recorder its config: then it runs, has its settings, and reads the bucket.
async fn wait_for_edge(edge: &str, secrets: &Secrets, process: &Supervised) -> Result<()> {
    let url = format!("{edge}/v1/config?key={}", secrets.project_key);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    let until = Instant::now() + EDGE_READY_MAX;
    loop {
        let found = match client.get(&url).send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => {
                let status = response.status();
                format!("{status}: {}", response.text().await.unwrap_or_default())
            }
            Err(error) => error.to_string(),
        };
        if Instant::now() > until {
            let log = process.log().path().unwrap_or(Path::new("its log")).display();
            bail!("the edge is not ready after {} s ({found}); see {log}", EDGE_READY_MAX.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// `folder`, if `file` is in it.
fn built(folder: &Path, file: &str) -> Result<PathBuf> {
    if folder.join(file).is_file() {
        return Ok(folder.to_owned());
    }
    bail!("{} is not there: it is built by `cargo xtask up`", folder.join(file).display())
}

async fn serve(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "a server ended");
    }
}

fn up(cloud: &Cloud, secrets: &Secrets, links: &Links) -> Value {
    json!({
        "edge": links.edge,
        "demo": links.demo,
        "player": links.player,
        "project": demo_project::PROJECT,
        "project_key": secrets.project_key,
        "viewer_token": secrets.viewer_token,
        "bucket": {
            "endpoint": links.s3,
            "name": cloud.deployment.bucket.name,
            "region": REGION,
            "access_key_id": secrets.admin.id,
            "secret_access_key": secrets.admin.secret,
        },
        "control": links.control,
    })
}
