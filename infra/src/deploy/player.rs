//! The player's files and their headers, to wherever they are served.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::command::{Aws, Node, Wrangler};
use super::{Mark, Plan, Put, Stacks, copy, digest, origin_of, path};
use crate::settings::Environment;
use crate::wrangler;

impl Plan {
    /// The player's files; where they are served.
    pub(super) fn player<'a>(
        &self,
        aws: &'a Aws,
        environment: &Environment,
        stacks: &'a Stacks,
        wrangler: &Wrangler,
        edge: &str,
        put: &mut Put<'a>,
    ) -> Result<String> {
        self.player_files(environment, edge)?;
        let folder = self.folder("player");
        let files = folder.join("files");
        if environment.player.starts_with("https://") {
            println!(
                "→ player: put {} on {}, with the headers of {}",
                files.display(),
                environment.player,
                folder.join("headers.json").display()
            );
            return Ok(environment.player.clone());
        }
        if environment.player == "cloudfront" {
            println!("→ player");
            to_bucket(aws, &files, &stacks.own["PlayerFiles"])?;
            return Ok(stacks.own["PlayerUrl"].clone());
        }
        let file = folder.join("wrangler.json");
        let config = wrangler::player(&self.name, environment.player_host.as_deref(), "2026-07-01");
        fs::write(&file, format!("{config:#}"))?;
        let digest = digest(&[&file, &files])?;
        let mark = Mark { aws, bucket: &stacks.own["BucketName"], part: "player" };
        if let Some(origin) = mark.same(&digest)? {
            println!("→ player: as it is");
            return Ok(origin);
        }
        println!("→ player");
        let name = wrangler::player_name(&self.name);
        put.workers.push((name.clone(), wrangler.version(&name)?));
        let said = wrangler.output(&["deploy", "--config", &path(&file)?])?;
        let origin = origin_of(environment.player_host.as_deref(), &said)?;
        put.marks.push((mark, digest, origin.clone()));
        Ok(origin)
    }

    /// Lays out the player's files, and returns the headers that they must be served with, by path. `player/headers.ts` makes both from
    /// the projects' configs, so that there is one such program.
    pub(super) fn player_files(&self, environment: &Environment, edge: &str) -> Result<Value> {
        let folder = self.folder("player");
        let (files, configs) = (folder.join("files"), folder.join("configs"));
        for old in [&files, &configs] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        copy(&self.root.join("player/dist"), &files)?;
        fs::create_dir_all(&configs)?;
        for (i, object) in self.settings.objects(&self.name, |_| None)?.into_iter().enumerate() {
            if object.key.starts_with("config/projects/") {
                fs::write(configs.join(format!("{i:04}.json")), object.body.to_string())?;
            }
        }
        let headers = folder.join("headers.json");
        let texts = [&configs, &files, &headers].map(|place| path(&std::path::absolute(place)?));
        let [configs, files, json] = texts;
        let (configs, files, json) = (configs?, files?, json?);
        let mut arguments: Vec<String> = ["player/headers.ts", "--edge", edge, "--configs", &configs]
            .into_iter()
            .chain(["--out", &files, "--json", &json])
            .map(str::to_owned)
            .collect();
        let mut each = |flag: &str, values: Vec<String>| {
            arguments.extend(values.into_iter().flat_map(|value| [flag.to_owned(), value]));
        };
        let regions = std::iter::once(&environment.region)
            .chain(environment.stores.values().map(|store| &store.region));
        let stores = regions.flat_map(|region| {
            let bucket = environment.bucket(&self.name, region);
            // Signed URLs name the bucket in the host, or in the path where its name has a dot.
            [
                format!("https://{bucket}.s3.{region}.amazonaws.com"),
                format!("https://s3.{region}.amazonaws.com"),
            ]
        });
        each("--store", stores.collect());
        each("--embedder", environment.player_embedders.clone());
        each("--source", environment.player_sources.clone());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Node::new(&self.root).run(&arguments).context("cannot make the player's headers")?;
        let text =
            fs::read_to_string(&headers).with_context(|| format!("there is no {}", headers.display()))?;
        serde_json::from_str(&text).context("the player's headers are no JSON")
    }

    pub(super) fn player_origin(&self, environment: &Environment) -> String {
        match (&environment.player_host, environment.player.as_str()) {
            (_, origin) if origin.starts_with("https://") => origin.to_owned(),
            (Some(host), _) => format!("https://{host}"),
            (None, "cloudfront") => "https://*.cloudfront.net".to_owned(),
            (None, _) => format!("https://{}.*.workers.dev", wrangler::player_name(&self.name)),
        }
    }
}

/// Names under `assets/` have a hash in them and are kept for ever; everything else is asked for again.
fn to_bucket(aws: &Aws, files: &Path, bucket: &str) -> Result<()> {
    let (files, at) = (path(files)?, format!("s3://{bucket}"));
    let sync = |from: &str, to: &str, own: &[&str]| {
        aws.run(&[&["s3", "sync", "--only-show-errors", from, to], own].concat())
    };
    // First what the pages name, then the pages. What pages that are open still name stays.
    let kept = "public, max-age=31536000, immutable";
    sync(&format!("{files}/assets"), &format!("{at}/assets"), &["--cache-control", kept])?;
    let rest = ["--delete", "--exclude", "assets/*", "--exclude", "_headers", "--cache-control", "no-cache"];
    sync(&files, &at, &rest)
}
