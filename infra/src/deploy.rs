//! `tapedeck deploy`: from `tapedeck.toml` and built programs to a running environment. Running it again changes only what differs.

mod command;
mod destroy;
mod edge;
mod mark;
mod player;
mod publish;
mod read_back;
mod stacks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tapedeck_core::config::StoreLocation;
use tapedeck_core::ids::hex;

pub(crate) use self::command::Aws;
use self::command::Wrangler;
pub use self::destroy::destroy;
use self::mark::Mark;
pub use self::publish::next_config;
use self::stacks::Before;
pub(crate) use self::stacks::outputs;
use crate::deployment::Deployment;
use crate::settings::{ConfigObject, Environment, Settings};
use crate::template::{Place, Resolved, Template};
use crate::wrangler;

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
    /// The account is an emulator's: what it leaves out is said, and is no failure.
    pub emulated: bool,
}

/// Where an environment's parts are, once they are deployed.
#[derive(Clone, Debug, Default)]
struct Stacks {
    /// Outputs of the environment's own stack.
    own: BTreeMap<String, String>,
    /// Outputs of its stores' stacks, by name.
    stores: BTreeMap<String, BTreeMap<String, String>>,
}

/// Where a deployed environment is: what a smoke test must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Whereabouts {
    /// The edge, `https://host`.
    pub edge: String,
    /// The bucket with recordings.
    pub bucket: String,
    /// Its region.
    pub region: String,
}

/// What a deployment has put at Cloudflare: how to take it back, and the marks to set once it has been shown to work.
#[derive(Default)]
struct Put<'a> {
    /// Workers, and the version that each had before, if it had one.
    workers: Vec<(String, Option<String>)>,
    marks: Vec<(Mark<'a>, String, String)>,
}

impl Plan {
    /// Checks, says what it will do, and does it.
    ///
    /// # Errors
    /// What is missing or refused. A stack whose change fails goes back to what it was; where the smoke test fails, stacks and Workers do.
    pub fn run(&self) -> Result<()> {
        let environment = self.environment()?;
        let aws = Aws::new(&environment.region);
        let wrangler = Wrangler::new(&self.root)?;
        self.check(environment)?;
        let code = self.code_key()?;
        self.say(environment, &code);
        let signed_in = self.check_credentials(environment, &aws, &wrangler);
        if signed_in.is_ok() {
            self.say_limits(environment, &aws)?;
        }
        if self.dry_run {
            self.check_worker(environment, &wrangler)?;
            if signed_in.is_ok() {
                self.say_changes(&aws, environment, &code)?;
            }
            println!("nothing was changed");
            return signed_in;
        }
        signed_in?;

        let mut before = Vec::new();
        let stacks = match self.apply_all(&aws, environment, &code, &mut before) {
            Ok(stacks) => stacks,
            Err(error) => {
                self.take_back(&wrangler, &Put::default(), before)?;
                return Err(error);
            }
        };
        let mut links = vec![
            ("bucket", format!("s3://{}", stacks.own["BucketName"])),
            ("dashboard", stacks.own["DashboardUrl"].clone()),
            (
                "log",
                format!("aws logs tail {} --region {}", stacks.own["IndexerLogGroup"], environment.region),
            ),
        ];
        if self.only_aws {
            self.configure(&aws, environment, &stacks)?;
            say_links(&links);
            println!("\nCloudflare was left alone, so there was no smoke test.");
            return Ok(());
        }
        let mut put = Put::default();
        let done = self.edge(&aws, environment, &stacks, &wrangler, &mut put).and_then(|edge| {
            // Only now: a config may say what an older edge would refuse.
            self.configure(&aws, environment, &stacks)?;
            let player = self.player(&aws, environment, &stacks, &wrangler, &edge, &mut put)?;
            self.smoke(environment, &stacks, &edge)?;
            Ok([("edge", edge), ("player", player)])
        });
        match done {
            Ok(further) => links.extend(further),
            Err(error) => {
                self.take_back(&wrangler, &put, before)?;
                return Err(error);
            }
        }
        for (mark, digest, origin) in &put.marks {
            mark.put(digest, origin)?;
        }
        say_links(&links);
        Ok(())
    }

    /// Where the environment is, as its stack and the mark of its edge say.
    ///
    /// # Errors
    /// When it was never deployed, or who asks may not know.
    pub fn whereabouts(&self) -> Result<Whereabouts> {
        let environment = self.environment()?;
        let aws = Aws::new(&environment.region);
        check_account(&aws, &environment.account)?;
        let found = outputs(&aws, &stack_name(&self.name))?.with_context(|| {
            format!(
                "there is no stack {}: `cargo xtask deploy --env {}` makes it",
                stack_name(&self.name),
                self.name
            )
        })?;
        let bucket = found.get("BucketName").context("the stack has no output BucketName")?.clone();
        let mark = Mark { aws: &aws, bucket: &bucket, part: "edge" };
        let edge = mark.origin()?.with_context(|| {
            format!("no edge has been deployed for {}, or not by this program: name it by --edge", self.name)
        })?;
        Ok(Whereabouts { edge, bucket, region: environment.region.clone() })
    }

    /// Whether somebody is signed in to both accounts, and to the right ones: before anything is built, which takes minutes.
    ///
    /// # Errors
    /// Which credentials are missing, and what to do.
    pub fn check_signed_in(&self) -> Result<()> {
        let environment = self.environment()?;
        self.check_credentials(environment, &Aws::new(&environment.region), &Wrangler::new(&self.root)?)
    }

    /// wrangler's own look at the Worker, without an account.
    ///
    /// # Errors
    /// When it refuses the configuration, or binds something else than the edge needs.
    pub fn check_edge(&self) -> Result<()> {
        self.check_worker(self.environment()?, &Wrangler::new(&self.root)?)
    }

    /// Every region's stacks, the environment's own first: the others are for its user.
    fn apply_all(
        &self,
        aws: &Aws,
        environment: &Environment,
        code: &str,
        before: &mut Vec<Before>,
    ) -> Result<Stacks> {
        let mut stacks =
            Stacks { own: self.apply(aws, environment, code, None, before)?, ..Stacks::default() };
        for (name, store) in &environment.stores {
            let user = stacks.own.get("EdgeUser").context("the stack has no output EdgeUser")?.clone();
            let further =
                self.apply(&aws.in_region(&store.region), environment, code, Some(&user), before)?;
            stacks.stores.insert(name.clone(), further);
        }
        Ok(stacks)
    }

    fn environment(&self) -> Result<&Environment> {
        self.settings.environments.get(&self.name).with_context(|| {
            let known: Vec<&str> = self.settings.environments.keys().map(String::as_str).collect();
            format!("tapedeck.toml has no environment {}, only {}", self.name, known.join(", "))
        })
    }

    /// What can be known before anything is touched: the template with these parameters, and that every class of tapes has a lifetime.
    fn check(&self, environment: &Environment) -> Result<()> {
        let (_, deployment) = self.expected(environment, &environment.region)?;
        for class in self.settings.classes() {
            if deployment.bucket.days(&format!("archive/{class}/x")).is_none() {
                bail!(
                    "tapedeck.toml keeps tapes of class {class}, for which infra/aws/template.yaml has no lifetime under archive/{class}/"
                );
            }
        }
        Ok(())
    }

    /// What a region shall have.
    fn expected(&self, environment: &Environment, region: &str) -> Result<(Resolved, Deployment)> {
        let text = fs::read_to_string(self.template("template.yaml")).context("cannot read the template")?;
        let place = Place {
            account: environment.account.clone(),
            region: region.to_owned(),
            stack: stack_name(&self.name),
        };
        let parameters = self.parameters(environment, &self.code_key()?, None)?;
        let template = Template::parse(&text)?;
        Ok((template.resolve(place.clone(), &parameters)?, Deployment::read(&template, place, &parameters)?))
    }

    /// Both accounts, so that one look tells all that is missing.
    fn check_credentials(&self, environment: &Environment, aws: &Aws, wrangler: &Wrangler) -> Result<()> {
        let mut missing = Vec::new();
        if let Err(error) = check_account(aws, &environment.account) {
            missing.push(format!("{error:#}"));
        }
        if !self.only_aws
            && let Err(error) = wrangler.output(&["whoami", "--json"])
        {
            missing.push(format!(
                "Cloudflare: not signed in; run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN ({error:#})"
            ));
        }
        if !missing.is_empty() {
            bail!("{}", missing.join("\n       "));
        }
        println!("  signed in to {}", if self.only_aws { "AWS" } else { "AWS and Cloudflare" });
        Ok(())
    }

    /// Says where the account's limits are too small. A deployment goes on: CloudFormation takes it, and the indexer is throttled later.
    fn say_limits(&self, environment: &Environment, aws: &Aws) -> Result<()> {
        let regions = environment.stores.values().map(|store| &store.region);
        for region in std::iter::once(&environment.region).chain(regions) {
            let (_, deployment) = self.expected(environment, region)?;
            match aws.in_region(region).json(&["lambda", "get-account-settings"]) {
                Ok(settings) => {
                    for lack in lacks(&settings, deployment.mapping.concurrency) {
                        println!("  {region}: {lack}");
                    }
                }
                Err(error) => {
                    println!("  {region}: Lambda's limits of this account are not known: {error:#}");
                }
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

    fn check_worker(&self, environment: &Environment, wrangler: &Wrangler) -> Result<()> {
        if self.only_aws {
            return Ok(());
        }
        let bucket = environment.bucket(&self.name, &environment.region);
        let endpoint = format!("https://s3.{}.amazonaws.com", environment.region);
        let file = self.write_edge_config(environment, &endpoint, &bucket)?;
        let out = self.folder("dry-run");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        let said = wrangler.output(&[
            "deploy",
            "--dry-run",
            "--config",
            &path(&file)?,
            "--outdir",
            &path(&std::path::absolute(&out)?)?,
        ])?;
        let config: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        wrangler::check_dry_run(&config, &said)?;
        let mut kinds = fs::read_dir(&out)
            .with_context(|| format!("wrangler left no {}", out.display()))?
            .map(|entry| Ok(entry?.path().extension().unwrap_or_default().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>>>()?;
        kinds.sort();
        if !["js", "wasm"].iter().all(|kind| kinds.iter().any(|found| found == kind)) {
            bail!("wrangler's bundle has files of {}, expected js and wasm", kinds.join(", "));
        }
        println!("  wrangler takes the Worker, with {}", wrangler::bindings(&config).join(", "));
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
        } else if environment.player == "cloudfront" {
            set("PlayerHosting", "cloudfront".to_owned());
            let edge = environment.edge_host.as_deref().context("player = \"cloudfront\" needs edge_host")?;
            let headers = self.player_files(environment, &format!("https://{edge}"))?;
            let policy = |path: &str| {
                headers[path]["Content-Security-Policy"]
                    .as_str()
                    .map(str::to_owned)
                    .with_context(|| format!("player/headers.json has no policy for {path}"))
            };
            set("PlayerContentSecurityPolicy", policy("/*")?);
            set("PlayerEmbedContentSecurityPolicy", policy("/embed.html")?);
        }
        Ok(parameters)
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

    /// A session of its own is recorded, indexed, played and erased.
    fn smoke(&self, environment: &Environment, stacks: &Stacks, edge: &str) -> Result<()> {
        println!("→ smoke test");
        let done = Command::new(self.root.join("node_modules/.bin/node"))
            .arg(self.root.join("tests/smoke/main.ts"))
            .args(["--edge", edge, "--bucket", &stacks.own["BucketName"], "--region", &environment.region])
            .status()
            .context("cannot run the smoke test")?;
        if !done.success() {
            bail!("the smoke test failed");
        }
        Ok(())
    }

    /// After a failure: Workers and stacks as they were, the newest first. What had not been there before stays, for a person to look at.
    fn take_back(&self, wrangler: &Wrangler, put: &Put<'_>, before: Vec<Before>) -> Result<()> {
        for (name, version) in put.workers.iter().rev() {
            let Some(version) = version else { continue };
            println!("→ {name} goes back to its version before");
            wrangler.output(&[
                "rollback",
                version,
                "--name",
                name,
                "--yes",
                "--message",
                "the smoke test failed",
            ])?;
        }
        before.into_iter().rev().try_for_each(|before| before.restore(&self.folder("before")))
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

pub(crate) fn stack_name(environment: &str) -> String {
    format!("tapedeck-{environment}")
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

/// What an account has too little of for so many indexers at once.
///
/// Form: <https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>
fn lacks(settings: &Value, concurrency: usize) -> Vec<String> {
    let free = settings["AccountLimit"]["UnreservedConcurrentExecutions"].as_u64();
    match free {
        Some(free) if free <= concurrency as u64 => vec![format!(
            "Lambda runs {free} functions at once in this account, and IndexerConcurrency is {concurrency}: events would wait, and other functions, too. Ask for more under Service Quotas (Concurrent executions), or lower IndexerConcurrency under `parameters`"
        )],
        Some(_) => Vec::new(),
        None => vec!["Lambda does not say how many functions it runs at once in this account".to_owned()],
    }
}

pub(crate) fn check_account(aws: &Aws, expected: &str) -> Result<()> {
    aws.check_installed()?;
    let who = aws.in_region(REGION_OF_IDENTITY).json(&["sts", "get-caller-identity"]);
    let who = who.context("AWS: not signed in; run `aws sso login`, or set AWS_PROFILE")?;
    let found = who["Account"].as_str().unwrap_or_default();
    if found != expected {
        bail!(
            "AWS: these credentials are of account {found}, tapedeck.toml says {expected}; set AWS_PROFILE to one of that account"
        );
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_account_of_few_functions_is_told_so() {
        let check = |free: Value, expected: &[&str]| {
            let found = lacks(&json!({"AccountLimit": {"UnreservedConcurrentExecutions": free}}), 10);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(
                found.iter().zip(expected).all(|(found, expected)| found.contains(expected)),
                "{found:?}"
            );
        };
        check(json!(1000), &[]);
        check(json!(11), &[]);
        check(json!(10), &["runs 10 functions at once in this account, and IndexerConcurrency is 10"]);
        check(Value::Null, &["does not say"]);
    }
}
