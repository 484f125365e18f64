//! The Worker: its configuration, the recorder's files beside it, its secrets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use tapedeck_core::ids::hex;

use super::command::{Aws, Node, Wrangler};
use super::{Mark, Plan, Put, Stacks, digest, origin_of, path};
use crate::settings::Environment;
use crate::wrangler::{self, EdgeConfig, SECRETS};

impl Plan {
    /// The Worker and its secrets; where it is.
    pub(super) fn edge<'a>(
        &self,
        aws: &'a Aws,
        environment: &Environment,
        stacks: &'a Stacks,
        wrangler: &Wrangler,
        put: &mut Put<'a>,
    ) -> Result<String> {
        let name = wrangler::edge_name(&self.name);
        let mark = Mark { aws, bucket: &stacks.own["BucketName"], part: "edge" };
        self.recorder_files(mark.origin()?.as_deref())?;
        let file =
            self.write_edge_config(environment, &stacks.own["BucketEndpoint"], &stacks.own["BucketName"])?;
        let digest =
            digest(&[&file, &self.root.join("edge-worker/build"), &self.folder("edge").join("assets")])?;
        let file = path(&file)?;
        let same = mark.same(&digest)?;
        let origin = if let Some(origin) = &same {
            println!("→ edge: as it is");
            origin.clone()
        } else {
            println!("→ edge");
            put.workers.push((name.clone(), wrangler.version(&name)?));
            let said = wrangler.output(&["deploy", "--config", &file])?;
            origin_of(environment.edge_host.as_deref(), &said)?
        };
        let there = wrangler.output(&["secret", "list", "--config", &file, "--format", "json"])?;
        let there: Vec<Value> =
            serde_json::from_str(&there).context("wrangler secret list did not print JSON")?;
        let has = |name: &str| there.iter().any(|secret| secret["name"] == name);
        let mut secrets = Map::new();
        if !has(SECRETS[0]) || !has(SECRETS[1]) {
            println!("→ an access key for the edge");
            let user = &stacks.own["EdgeUser"];
            let made = aws.json(&["iam", "create-access-key", "--user-name", user])?;
            secrets.insert(SECRETS[0].to_owned(), made["AccessKey"]["AccessKeyId"].clone());
            secrets.insert(SECRETS[1].to_owned(), made["AccessKey"]["SecretAccessKey"].clone());
        }
        if !has(SECRETS[2]) {
            let mut key = [0; 32];
            getrandom::fill(&mut key).context("the system has no randomness")?;
            secrets.insert(SECRETS[2].to_owned(), json!(hex(&key)));
        }
        if !secrets.is_empty() {
            wrangler.feed(&Value::Object(secrets).to_string(), &["secret", "bulk", "--config", &file])?;
        }
        if same.is_none() {
            put.marks.push((mark, digest, origin.clone()));
        }
        Ok(origin)
    }

    /// The recorder's files as the edge shall serve them: this version's, and those that pages name by now.
    fn recorder_files(&self, edge: Option<&str>) -> Result<()> {
        let folder = path(&std::path::absolute(self.folder("edge").join("assets"))?)?;
        let mut arguments = vec!["recorder/publish.ts", folder.as_str()];
        arguments.extend(edge);
        Node::new(&self.root).run(&arguments).with_context(|| {
            edge.map_or_else(
                || "cannot lay out the recorder's files".to_owned(),
                |edge| format!("cannot keep the recorder's files that {edge} serves, which pages may name"),
            )
        })
    }

    pub(super) fn write_edge_config(
        &self,
        environment: &Environment,
        endpoint: &str,
        bucket: &str,
    ) -> Result<PathBuf> {
        let own = fs::read_to_string(self.root.join("edge-worker/wrangler.toml"))
            .context("cannot read edge-worker/wrangler.toml")?;
        let place = self.folder("edge");
        if !place.join("assets").exists() {
            self.recorder_files(None)?;
        }
        let folder = path(&std::path::absolute(self.root.join("edge-worker"))?)?;
        let assets = path(Path::new("assets"))?;
        let config = EdgeConfig {
            environment: &self.name,
            host: environment.edge_host.as_deref(),
            endpoint,
            bucket,
            region: &environment.region,
            folder: &folder,
            assets: &assets,
        };
        let made = wrangler::edge(&own, &config)?;
        let file = place.join("wrangler.json");
        fs::create_dir_all(&place)?;
        fs::write(&file, format!("{made:#}")).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}
