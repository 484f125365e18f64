//! `tapedeck deploy`: from `tapedeck.toml` and built programs to a running environment. Running it again changes only what differs.

mod command;
mod destroy;
mod publish;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tapedeck_core::config::StoreLocation;
use tapedeck_core::ids::hex;

use self::command::{Aws, Wrangler};
pub use self::destroy::destroy;
use crate::deployment::Deployment;
use crate::settings::{ConfigObject, Environment, Settings};
use crate::template::{Place, Template};
use crate::wrangler::{self, EdgeConfig, SECRETS};

const REGION_OF_IDENTITY: &str = "us-east-1";

/// What is deployed, and from where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The project's folder, with what is built in it.
    pub root: PathBuf,
    /// Name of the environment.
    pub name: String,
    /// What the file says.
    pub settings: Settings,
    /// The indexer for arm64, as a zip.
    pub indexer: PathBuf,
    /// Leaves Cloudflare alone: for who runs the edge elsewhere.
    pub only_aws: bool,
    /// Says what would be done.
    pub dry_run: bool,
}

/// Where an environment's parts are, once they are deployed.
#[derive(Clone, Debug, Default)]
struct Stacks {
    /// Outputs of the environment's own stack.
    own: BTreeMap<String, String>,
    /// Outputs of its stores' stacks, by name.
    stores: BTreeMap<String, BTreeMap<String, String>>,
}

impl Plan {
    /// Checks, says what it will do, and does it.
    ///
    /// # Errors
    /// What is missing or refused. A stack whose change fails goes back to what it was; so does the edge when the smoke test fails.
    pub fn run(&self) -> Result<()> {
        let environment = self.environment()?;
        let aws = Aws::new(&environment.region);
        let wrangler = Wrangler::new(&self.root);
        self.check(environment)?;
        let code = self.code_key()?;
        self.say(environment, &code);
        if self.dry_run {
            return self.check_worker(environment, &wrangler);
        }
        check_account(&aws, &environment.account)?;
        if !self.only_aws {
            wrangler
                .output(&["whoami"])
                .context("Cloudflare: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN")?;
        }

        let before = outputs(&aws, &stack_name(&self.name))?;
        let mut stacks = Stacks { own: self.apply(&aws, environment, &code, None)?, ..Stacks::default() };
        for (name, store) in &environment.stores {
            let user = stacks.own.get("EdgeUser").context("the stack has no output EdgeUser")?.clone();
            let further = self.apply(&aws.in_region(&store.region), environment, &code, Some(&user))?;
            stacks.stores.insert(name.clone(), further);
        }
        self.configure(&aws, environment, &stacks)?;
        let mut links = vec![
            ("bucket", format!("s3://{}", stacks.own["BucketName"])),
            ("dashboard", stacks.own["DashboardUrl"].clone()),
            (
                "log",
                format!("aws logs tail {} --region {}", stacks.own["IndexerLogGroup"], environment.region),
            ),
        ];
        if self.only_aws {
            say_links(&links);
            println!("\nCloudflare was left alone, so there was no smoke test.");
            return Ok(());
        }
        let edge = self.edge(&aws, environment, &stacks, &wrangler)?;
        let player = self.player(&aws, environment, &stacks, &wrangler, &edge)?;
        links.extend([("edge", edge.clone()), ("player", player)]);
        if let Err(error) = self.smoke(&stacks, &edge) {
            if before.is_some() {
                println!("→ the smoke test failed; the edge goes back to its version before");
                let message = "the smoke test failed";
                wrangler.output(&[
                    "rollback",
                    "--name",
                    &wrangler::edge_name(&self.name),
                    "--yes",
                    "--message",
                    message,
                ])?;
            }
            return Err(error);
        }
        say_links(&links);
        Ok(())
    }

    fn environment(&self) -> Result<&Environment> {
        self.settings.environments.get(&self.name).with_context(|| {
            let known: Vec<&str> = self.settings.environments.keys().map(String::as_str).collect();
            format!("tapedeck.toml has no environment {}, only {}", self.name, known.join(", "))
        })
    }

    /// What can be known before anything is touched: the template with these parameters, and that every class of tapes has a lifetime.
    fn check(&self, environment: &Environment) -> Result<()> {
        let text = fs::read_to_string(self.template("template.yaml")).context("cannot read the template")?;
        let place = Place {
            account: environment.account.clone(),
            region: environment.region.clone(),
            stack: stack_name(&self.name),
        };
        let parameters = self.parameters(environment, &self.code_key()?, None)?;
        let deployment = Deployment::read(&Template::parse(&text)?, place, &parameters)?;
        for class in self.settings.classes() {
            if deployment.bucket.days(&format!("archive/{class}/x")).is_none() {
                bail!(
                    "tapedeck.toml keeps tapes of class {class}, for which infra/aws/template.yaml has no lifetime under archive/{class}/"
                );
            }
        }
        Ok(())
    }

    fn say(&self, environment: &Environment, code: &str) {
        println!("environment {} in account {}", self.name, environment.account);
        let regions = environment.stores.values().map(|store| &store.region);
        for region in std::iter::once(&environment.region).chain(regions) {
            println!(
                "  {region}: stack {} (bucket, queue, indexer, schedules, alarms), with {code}",
                stack_name(&self.name)
            );
        }
        if !self.only_aws {
            let edge = environment.edge_host.as_deref().unwrap_or("a subdomain of workers.dev");
            println!("  Cloudflare: Worker {} at {edge}", wrangler::edge_name(&self.name));
            println!("  player: {}", environment.player_host.as_ref().unwrap_or(&environment.player));
        }
    }

    /// wrangler's own look at the Worker, without an account.
    fn check_worker(&self, environment: &Environment, wrangler: &Wrangler) -> Result<()> {
        if !self.only_aws {
            let bucket = format!("tapedeck-{}-{}-{}", self.name, environment.account, environment.region);
            let file = self.write_edge_config(
                environment,
                &format!("https://s3.{}.amazonaws.com", environment.region),
                &bucket,
            )?;
            let out = self.folder("dry-run");
            wrangler.output(&["deploy", "--dry-run", "--config", &path(&file)?, "--outdir", &path(&out)?])?;
            println!("  wrangler takes the Worker");
        }
        println!("nothing was changed");
        Ok(())
    }

    fn parameters(
        &self,
        environment: &Environment,
        code: &str,
        edge_user: Option<&str>,
    ) -> Result<BTreeMap<String, String>> {
        let mut parameters: BTreeMap<String, String> = environment
            .parameters
            .iter()
            .map(|(name, value)| {
                (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let cloudfront = environment.player == "cloudfront";
        let mut set = |name: &str, value: String| parameters.insert(name.to_owned(), value);
        set("Environment", self.name.clone());
        set("CodeKey", code.to_owned());
        set("CodeBucket", format!("tapedeck-{}-code", self.name));
        set("PlayerOrigins", self.player_origin(environment));
        if let Some(email) = &environment.alarm_email {
            set("AlarmEmail", email.clone());
        }
        if let Some(user) = edge_user {
            set("EdgeUserName", user.to_owned());
        } else if cloudfront {
            set("PlayerHosting", "cloudfront".to_owned());
            let headers = self.player_headers(environment, &edge_origin(environment))?;
            set(
                "PlayerContentSecurityPolicy",
                headers["Content-Security-Policy"].as_str().unwrap_or_default().to_owned(),
            );
        }
        Ok(parameters)
    }

    /// Creates or changes the stacks of one region, and returns the outputs of the second.
    fn apply(
        &self,
        aws: &Aws,
        environment: &Environment,
        code: &str,
        edge_user: Option<&str>,
    ) -> Result<BTreeMap<String, String>> {
        let (first, second) = (format!("{}-code", stack_name(&self.name)), stack_name(&self.name));
        self.stack(aws, &first, "artifacts.yaml", &[("Environment".to_owned(), self.name.clone())].into())?;
        let artifacts = outputs(aws, &first)?.context("the stack for the program is not there")?;
        let bucket = artifacts.get("Bucket").context("the stack for the program has no output Bucket")?;
        let there =
            aws.unless(&["404", "Not Found"], &["s3api", "head-object", "--bucket", bucket, "--key", code])?;
        if there.is_none() {
            println!("→ the indexer's program");
            aws.run(&[
                "s3",
                "cp",
                "--only-show-errors",
                &path(&self.indexer)?,
                &format!("s3://{bucket}/{code}"),
            ])?;
        }
        let mut parameters = self.parameters(environment, code, edge_user)?;
        parameters.insert("CodeBucket".to_owned(), bucket.clone());
        self.stack(aws, &second, "template.yaml", &parameters)?;
        outputs(aws, &second)?.context("the stack is not there")
    }

    /// Creates a stack, or changes one where something differs. CloudFormation takes a failed change back, and a failed creation away.
    fn stack(&self, aws: &Aws, name: &str, file: &str, parameters: &BTreeMap<String, String>) -> Result<()> {
        let body = format!("file://{}", path(&std::path::absolute(self.template(file))?)?);
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|(name, value)| json!({"ParameterKey": name, "ParameterValue": value}))
            .collect();
        let parameters = Value::Array(parameters).to_string();
        let tags = json!([
            {"Key": "application", "Value": "tapedeck"},
            {"Key": "tapedeck-environment", "Value": self.name},
        ])
        .to_string();
        let about = [
            "--stack-name",
            name,
            "--template-body",
            &body,
            "--parameters",
            &parameters,
            "--tags",
            &tags,
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
        ];
        let (call, done, own): (_, _, &[&str]) = if outputs(aws, name)?.is_none() {
            (
                "create-stack",
                "stack-create-complete",
                &["--on-failure", "DELETE", "--enable-termination-protection"],
            )
        } else {
            ("update-stack", "stack-update-complete", &[])
        };
        let applied = aws.unless(
            &["No updates are to be performed"],
            &[&["cloudformation", call], &about[..], own].concat(),
        )?;
        if applied.is_none() {
            println!("→ stack {name}: as it is");
            return Ok(());
        }
        println!("→ stack {name}");
        aws.run(&["cloudformation", "wait", done, "--stack-name", name]).with_context(|| {
            format!("stack {name}: `aws cloudformation describe-stack-events --stack-name {name}` says why")
        })
    }

    fn configure(&self, aws: &Aws, environment: &Environment, stacks: &Stacks) -> Result<()> {
        let store_of = |name: &str| {
            let outputs = stacks.stores.get(name)?;
            Some(StoreLocation {
                endpoint: outputs.get("BucketEndpoint")?.clone(),
                bucket: outputs.get("BucketName")?.clone(),
                region: environment.stores.get(name)?.region.clone(),
            })
        };
        let objects = self.settings.objects(&self.name, store_of)?;
        let all: Vec<&ConfigObject> = objects.iter().collect();
        let mut written = publish::publish(aws, &stacks.own["BucketName"], &all)?;
        for (name, outputs) in &stacks.stores {
            let of: Vec<&ConfigObject> =
                all.iter().copied().filter(|object| object.store.as_ref() == Some(name)).collect();
            written += publish::publish(
                &aws.in_region(&environment.stores[name].region),
                &outputs["BucketName"],
                &of,
            )?;
        }
        println!("→ config: {written} of {} objects written", objects.len());
        Ok(())
    }

    /// The Worker and its secrets; where it is.
    fn edge(
        &self,
        aws: &Aws,
        environment: &Environment,
        stacks: &Stacks,
        wrangler: &Wrangler,
    ) -> Result<String> {
        let file =
            self.write_edge_config(environment, &stacks.own["BucketEndpoint"], &stacks.own["BucketName"])?;
        let file = path(&file)?;
        let digest = digest(&[
            Path::new(&file),
            &self.root.join("edge-worker/build"),
            &self.root.join("edge-worker/assets"),
        ])?;
        let mark = Mark { aws, bucket: &stacks.own["BucketName"], part: "edge" };
        let origin = if let Some(origin) = mark.same(&digest)? {
            println!("→ edge: as it is");
            origin
        } else {
            println!("→ edge");
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
        mark.put(&digest, &origin)?;
        Ok(origin)
    }

    /// The player's files; where they are served.
    fn player(
        &self,
        aws: &Aws,
        environment: &Environment,
        stacks: &Stacks,
        wrangler: &Wrangler,
        edge: &str,
    ) -> Result<String> {
        let folder = self.folder("player");
        let files = folder.join("files");
        if files.exists() {
            fs::remove_dir_all(&files)?;
        }
        copy(&self.root.join("player/dist"), &files)?;
        fs::write(files.join("tapedeck.json"), json!({"edge": edge}).to_string())?;
        let headers = self.player_headers(environment, edge)?;
        if environment.player.starts_with("https://") {
            fs::write(folder.join("headers.json"), format!("{:#}", Value::Object(headers)))?;
            println!(
                "→ player: put {} on {}, with the headers of headers.json beside it",
                files.display(),
                environment.player
            );
            return Ok(environment.player.clone());
        }
        if environment.player == "cloudfront" {
            let at = format!("s3://{}", stacks.own["PlayerFiles"]);
            let files = path(&files)?;
            println!("→ player");
            aws.run(&[
                "s3",
                "sync",
                "--only-show-errors",
                "--delete",
                &files,
                &at,
                "--exclude",
                "assets/*",
                "--cache-control",
                "no-cache",
            ])?;
            let kept = "public, max-age=31536000, immutable";
            aws.run(&[
                "s3",
                "sync",
                "--only-show-errors",
                &format!("{files}/assets"),
                &format!("{at}/assets"),
                "--cache-control",
                kept,
            ])?;
            return Ok(stacks.own["PlayerUrl"].clone());
        }
        fs::write(files.join("_headers"), wrangler::headers_file(&headers))?;
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
        let said = wrangler.output(&["deploy", "--config", &path(&file)?])?;
        let origin = origin_of(environment.player_host.as_deref(), &said)?;
        mark.put(&digest, &origin)?;
        Ok(origin)
    }

    /// A session of its own is recorded, indexed, played and erased.
    fn smoke(&self, stacks: &Stacks, edge: &str) -> Result<()> {
        println!("→ smoke test");
        let region = &aws_region(stacks)?;
        let done = Command::new(self.root.join("node_modules/.bin/node"))
            .arg(self.root.join("tests/smoke/main.ts"))
            .args(["--edge", edge, "--bucket", &stacks.own["BucketName"], "--region", region])
            .status()
            .context("cannot run the smoke test")?;
        if !done.success() {
            bail!("the smoke test failed");
        }
        Ok(())
    }

    fn write_edge_config(&self, environment: &Environment, endpoint: &str, bucket: &str) -> Result<PathBuf> {
        let own = fs::read_to_string(self.root.join("edge-worker/wrangler.toml"))
            .context("cannot read edge-worker/wrangler.toml")?;
        let folder = path(&std::path::absolute(self.root.join("edge-worker"))?)?;
        let config = EdgeConfig {
            environment: &self.name,
            host: environment.edge_host.as_deref(),
            endpoint,
            bucket,
            region: &environment.region,
            folder: &folder,
        };
        let made = wrangler::edge(&own, &config)?;
        let file = self.folder("edge").join("wrangler.json");
        fs::create_dir_all(self.folder("edge"))?;
        fs::write(&file, format!("{made:#}")).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    fn player_headers(&self, environment: &Environment, edge: &str) -> Result<Map<String, Value>> {
        let template =
            fs::read(self.root.join("player/headers.json")).context("cannot read player/headers.json")?;
        let template: Map<String, Value> =
            serde_json::from_slice(&template).context("player/headers.json is no object")?;
        let regions = std::iter::once(&environment.region)
            .chain(environment.stores.values().map(|store| &store.region));
        let stores: Vec<String> = regions
            .flat_map(|region| {
                let bucket = format!("tapedeck-{}-{}-{region}", self.name, environment.account);
                [
                    format!("https://{bucket}.s3.{region}.amazonaws.com"),
                    format!("https://s3.{region}.amazonaws.com"),
                ]
            })
            .collect();
        let assets = self.settings.asset_origins(&self.name).join(" ");
        Ok(wrangler::player_headers(&template, edge, &stores.join(" "), &assets))
    }

    fn player_origin(&self, environment: &Environment) -> String {
        match (&environment.player_host, environment.player.as_str()) {
            (_, origin) if origin.starts_with("https://") => origin.to_owned(),
            (Some(host), _) => format!("https://{host}"),
            (None, "cloudfront") => "https://*.cloudfront.net".to_owned(),
            (None, _) => format!("https://tapedeck-player-{}.*.workers.dev", self.name),
        }
    }

    fn template(&self, name: &str) -> PathBuf {
        self.root.join("infra/aws").join(name)
    }

    fn folder(&self, part: &str) -> PathBuf {
        self.root.join("target/deploy").join(&self.name).join(part)
    }

    fn code_key(&self) -> Result<String> {
        let zip =
            fs::read(&self.indexer).with_context(|| format!("cannot read {}", self.indexer.display()))?;
        Ok(format!("indexer/{}.zip", hex(&Sha256::digest(zip))))
    }
}

/// What was put where, in the bucket: so that the same is not put again, from whichever machine.
struct Mark<'a> {
    aws: &'a Aws,
    bucket: &'a str,
    part: &'a str,
}

impl Mark<'_> {
    fn place(&self) -> String {
        format!("s3://{}/config/deployed/{}.json", self.bucket, self.part)
    }

    /// Where it is served, if what is there has this digest.
    fn same(&self, digest: &str) -> Result<Option<String>> {
        let there = self.aws.unless(&["404", "NoSuchKey", "Not Found"], &["s3", "cp", &self.place(), "-"])?;
        let there: Value = there.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
        let origin = there["origin"].as_str().filter(|_| there["digest"] == digest);
        Ok(origin.map(str::to_owned))
    }

    fn put(&self, digest: &str, origin: &str) -> Result<()> {
        let body = json!({"version": 1, "digest": digest, "origin": origin}).to_string();
        self.aws.feed(&body, &["s3", "cp", "-", &self.place(), "--content-type", "application/json"])
    }
}

fn stack_name(environment: &str) -> String {
    format!("tapedeck-{environment}")
}

fn edge_origin(environment: &Environment) -> String {
    environment
        .edge_host
        .as_ref()
        .map_or_else(|| "https://*.workers.dev".to_owned(), |host| format!("https://{host}"))
}

/// The host that was asked for, or the one that wrangler says it has taken.
fn origin_of(host: Option<&str>, said: &str) -> Result<String> {
    if let Some(host) = host {
        return Ok(format!("https://{host}"));
    }
    let word =
        said.split_whitespace().find(|word| word.starts_with("https://") && word.contains(".workers.dev"));
    Ok(word.context("wrangler did not say where the Worker is")?.trim_end_matches('/').to_owned())
}

fn check_account(aws: &Aws, expected: &str) -> Result<()> {
    let who = aws.in_region(REGION_OF_IDENTITY).json(&["sts", "get-caller-identity"]);
    let who = who.context("AWS: sign in with `aws sso login`, or set AWS_PROFILE")?;
    if who["Account"] != expected {
        bail!("these credentials are of account {}, tapedeck.toml says {expected}", who["Account"]);
    }
    Ok(())
}

fn aws_region(stacks: &Stacks) -> Result<String> {
    // https://s3.{region}.amazonaws.com
    let endpoint = &stacks.own["BucketEndpoint"];
    Ok(endpoint.split('.').nth(1).with_context(|| format!("{endpoint} names no region"))?.to_owned())
}

/// A stack's outputs, or nothing where there is no stack.
fn outputs(aws: &Aws, stack: &str) -> Result<Option<BTreeMap<String, String>>> {
    let found = aws.unless(
        &["does not exist"],
        &["cloudformation", "describe-stacks", "--stack-name", stack, "--output", "json"],
    )?;
    let Some(found) = found else { return Ok(None) };
    let found: Value = serde_json::from_str(&found).context("describe-stacks did not print JSON")?;
    let outputs = found["Stacks"][0]["Outputs"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Some(outputs.map(|output| (text(&output["OutputKey"]), text(&output["OutputValue"]))).collect()))
}

fn say_links(links: &[(&str, String)]) {
    println!();
    for (name, link) in links {
        println!("  {name:<10} {link}");
    }
}

fn path(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("{} is no UTF-8", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} is not built", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Changes when a file in one of `places` changes its name or its content.
fn digest(places: &[&Path]) -> Result<String> {
    fn add(hash: &mut Sha256, place: &Path, name: &str) -> Result<()> {
        if place.is_dir() {
            let mut entries =
                fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            entries.sort();
            return entries.iter().try_for_each(|entry| {
                add(hash, entry, &format!("{name}/{}", entry.file_name().unwrap_or_default().display()))
            });
        }
        if place.is_file() {
            hash.update(format!("{name}\n{}\n", fs::metadata(place)?.len()));
            hash.update(fs::read(place)?);
        }
        Ok(())
    }
    let mut hash = Sha256::new();
    for place in places {
        add(&mut hash, place, "")?;
    }
    Ok(hex(&hash.finalize()))
}
