//! `cargo xtask reindex`: asks the indexer to make a project's manifests and tables anew, and shows how far it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rusty_s3::Credentials;
use serde_json::{Value, json};
use tapedeck_core::config::StoreLocation;
use tapedeck_core::ids::ProjectId;
use tapedeck_core::store::Store;
use tapedeck_s3_store::{Addressing, Http as _, HttpRequest, NativeHttp, S3Store};

use crate::deploy::{Aws, check_account, outputs, stack_name};
use crate::settings::Settings;

/// Parts of a project that are made anew on their own.
pub const SHARDS: usize = 256;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// A part that takes longer has come to nothing: an invocation ends after a quarter of an hour, and what fails comes again.
const PATIENCE: Duration = Duration::from_mins(40);

/// Largest note of a part that is done.
const NOTE_BYTES_MAX: usize = 64 * 1024;

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Parts that are done.
    pub shards: usize,
    /// Sessions in these.
    pub sessions: u64,
    /// Chunks of these.
    pub chunks: u64,
    /// Manifests that were other than they should be.
    pub written: u64,
}

/// Where the indexer is, and the bucket that it works on.
#[derive(Debug)]
pub struct Target {
    /// The bucket.
    pub store: S3Store<NativeHttp>,
    indexer: Indexer,
}

#[derive(Debug)]
enum Indexer {
    /// The stack on this machine: its control port.
    Local { http: Box<NativeHttp>, url: String },
    /// A function in AWS.
    Lambda { aws: Aws, name: String },
}

impl Target {
    /// The stack on this machine, by the file that it writes while it runs.
    ///
    /// # Errors
    /// If it does not run.
    pub fn local(up: &Path) -> Result<Self> {
        let text = std::fs::read(up)
            .with_context(|| format!("cannot read {}: does the stack run? `cargo xtask up`", up.display()))?;
        let up: Value = serde_json::from_slice(&text)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("up.json is of another version");
        let bucket = &up["bucket"];
        let location = StoreLocation {
            endpoint: text(&bucket["endpoint"])?,
            bucket: text(&bucket["name"])?,
            region: text(&bucket["region"])?,
        };
        let key = Credentials::new(text(&bucket["access_key_id"])?, text(&bucket["secret_access_key"])?);
        let http = NativeHttp::new(Duration::from_mins(5))?;
        let url = format!("{}/_local/invoke", text(&up["control"])?);
        let store = S3Store::new(http.clone(), &location, Addressing::Path, key)?;
        Ok(Self { store, indexer: Indexer::Local { http: Box::new(http), url } })
    }

    /// An environment of tapedeck.toml, or one of its further stores.
    ///
    /// # Errors
    /// If there is none, or its account cannot be reached.
    pub fn deployed(settings: &Settings, name: &str, store: Option<&str>) -> Result<Self> {
        let environment = settings
            .environments
            .get(name)
            .with_context(|| format!("tapedeck.toml has no environment {name}"))?;
        let region = match store {
            None => &environment.region,
            Some(store) => {
                let found = environment.stores.get(store);
                &found.with_context(|| format!("environment {name} has no store {store}"))?.region
            }
        };
        let aws = Aws::new(region);
        check_account(&aws, &environment.account)?;
        let found = outputs(&aws, &stack_name(name))?;
        let found =
            found.with_context(|| format!("{name} is not deployed to {region}: `cargo xtask deploy`"))?;
        let output = |name: &str| {
            let value = found.get(name).cloned();
            value.with_context(|| format!("the stack has no output {name}: deploy it with this version"))
        };
        let location = StoreLocation {
            endpoint: output("BucketEndpoint")?,
            bucket: output("BucketName")?,
            region: region.clone(),
        };
        let key = aws.credentials()?;
        let text = |name: &str| {
            let value = key[name].as_str().map(str::to_owned);
            value.with_context(|| format!("the AWS CLI exports credentials without {name}"))
        };
        let (id, secret) = (text("AccessKeyId")?, text("SecretAccessKey")?);
        let key = match key["SessionToken"].as_str() {
            Some(token) => Credentials::new_with_token(id, secret, token.to_owned()),
            None => Credentials::new(id, secret),
        };
        let http = NativeHttp::new(Duration::from_secs(30))?;
        let store = S3Store::new(http, &location, Addressing::Automatic, key)?;
        Ok(Self { store, indexer: Indexer::Lambda { aws, name: output("IndexerName")? } })
    }

    /// Hands the indexer a task.
    ///
    /// # Errors
    /// If it does not take it.
    pub async fn invoke(&self, task: &Value) -> Result<()> {
        let body = task.to_string();
        match &self.indexer {
            Indexer::Lambda { aws, name } => aws.run(&[
                "lambda",
                "invoke",
                "--function-name",
                name,
                "--invocation-type",
                "Event",
                "--cli-binary-format",
                "raw-in-base64-out",
                "--payload",
                &body,
                "/dev/null",
            ]),
            Indexer::Local { http, url } => {
                let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                let url = url.parse().context("the control port has no URL")?;
                let request = HttpRequest { method: "POST", url, headers, body: Some(body.as_bytes()) };
                let answer = http.send(&request, NOTE_BYTES_MAX).await?;
                if answer.status != 200 {
                    bail!("the indexer answers {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
                }
                Ok(())
            }
        }
    }
}

/// Makes all of a project anew that `run` has not made yet, and returns when that is done. `say` hears of each step.
///
/// # Errors
/// If the bucket cannot be read, the indexer is not reached, or nothing more is done; the same run again goes on from there.
pub async fn reindex(
    store: &impl Store,
    invoke: impl AsyncFnOnce(&Value) -> Result<()>,
    project: &ProjectId,
    run: &str,
    mut say: impl FnMut(Progress),
) -> Result<Progress> {
    check_run(run)?;
    let prefix = format!("index/{project}/reindex/{run}/");
    let mut known: BTreeMap<String, Progress> = BTreeMap::new();
    let mut before = look(store, &prefix, &mut known).await?;
    say(before);
    if before.shards >= SHARDS {
        return Ok(before);
    }
    invoke(&json!({"tapedeck": "reindex", "project": project, "run": run})).await?;
    let mut changed = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let progress = look(store, &prefix, &mut known).await?;
        if progress != before {
            (before, changed) = (progress, Instant::now());
            say(progress);
        }
        if progress.shards >= SHARDS {
            return Ok(progress);
        }
        if changed.elapsed() > PATIENCE {
            bail!(
                "{} of {SHARDS} parts are done, and none more in {} minutes: the dead letters and the indexer's log say why; the same command goes on",
                progress.shards,
                PATIENCE.as_secs() / 60
            );
        }
    }
}

/// A run names a folder.
fn check_run(run: &str) -> Result<()> {
    let is_name = (1..=64).contains(&run.len())
        && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !is_name {
        bail!("run is {run:?}, expected 1 to 64 letters, digits, or any of - _ .");
    }
    Ok(())
}

/// Reads the notes that are new.
async fn look(store: &impl Store, prefix: &str, known: &mut BTreeMap<String, Progress>) -> Result<Progress> {
    // There are never more than 256.
    for listed in store.list(prefix, None, 1_000).await? {
        if known.contains_key(&listed.key) {
            continue;
        }
        let Some(note) = store.get(&listed.key, NOTE_BYTES_MAX).await? else { continue };
        let note: Value = serde_json::from_slice(&note.body)
            .with_context(|| format!("{} is none of the indexer's: delete it", listed.key))?;
        let count = |name: &str| note[name].as_u64().unwrap_or(0);
        let (sessions, chunks, written) = (count("sessions"), count("chunks"), count("written"));
        known.insert(listed.key, Progress { shards: 1, sessions, chunks, written });
    }
    Ok(known.values().fold(Progress::default(), |sum, one| Progress {
        shards: sum.shards + one.shards,
        sessions: sum.sessions + one.sessions,
        chunks: sum.chunks + one.chunks,
        written: sum.written + one.written,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_a_name() {
        for run in ["2026-11-21", "after.the_fire"] {
            assert!(check_run(run).is_ok(), "{run}");
        }
        for run in ["", "a/b", "a b", &"x".repeat(65)] {
            assert!(check_run(run).is_err(), "{run}");
        }
    }
}
