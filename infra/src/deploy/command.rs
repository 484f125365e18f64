//! Other programs, run so that a person sees what is done: the AWS CLI and wrangler.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The AWS CLI, for one region. It signs in however the person does: keys, profiles, single sign-on.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    program: PathBuf,
    region: String,
}

impl Aws {
    /// `TAPEDECK_AWS`, or `aws`.
    pub(crate) fn new(region: &str) -> Self {
        let program = std::env::var_os("TAPEDECK_AWS").unwrap_or_else(|| OsString::from("aws"));
        Self { program: program.into(), region: region.to_owned() }
    }

    pub(super) fn in_region(&self, region: &str) -> Self {
        Self { program: self.program.clone(), region: region.to_owned() }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Whether the program can be run at all.
    pub(super) fn check_installed(&self) -> Result<()> {
        let found =
            Command::new(&self.program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        bail!(
            "AWS: there is no {}; install the AWS CLI (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html), or name its program in TAPEDECK_AWS",
            self.program.display()
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // No pager, in the versions that have one.
        command.args(arguments).args(["--region", &self.region]).env("AWS_PAGER", "");
        // The CLI's first major version takes it for all services but SQS.
        if let Some(url) = std::env::var_os("AWS_ENDPOINT_URL") {
            command.arg("--endpoint-url").arg(url);
        }
        command
    }

    /// What it prints as JSON.
    pub(super) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [arguments, &["--output", "json"]].concat();
        let text = self.output(&arguments, None)?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("aws {} did not print JSON", arguments.join(" ")))
    }

    /// What it prints, or nothing where it fails with one of `codes`.
    pub(super) fn unless(&self, codes: &[&str], arguments: &[&str]) -> Result<Option<String>> {
        match self.output(arguments, None) {
            Ok(text) => Ok(Some(text)),
            Err(error) if codes.iter().any(|code| error.to_string().contains(code)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Runs it with `input` on its standard input.
    pub(super) fn feed(&self, input: &str, arguments: &[&str]) -> Result<()> {
        self.output(arguments, Some(input)).map(drop)
    }

    /// The access key that it signs in with, as `credential_process` has it.
    pub(crate) fn credentials(&self) -> Result<Value> {
        let text = self.output(&["configure", "export-credentials", "--format", "process"], None)?;
        serde_json::from_str(&text).context("aws configure export-credentials did not print JSON")
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<()> {
        self.output(arguments, None).map(drop)
    }

    fn output(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        output(&mut self.command(arguments), input).map_err(|error| match advice(&error.to_string()) {
            Some(advice) => anyhow::anyhow!("region {}: {advice} ({error})", self.region),
            None => error,
        })
    }
}

/// What to do about what the AWS CLI says, where its own words do not tell.
fn advice(said: &str) -> Option<&'static str> {
    let known = [
        (
            "Could not connect to the endpoint URL",
            "nothing answers there: is the region in tapedeck.toml spelled as AWS spells it, and the network up?",
        ),
        (
            "InvalidClientTokenId",
            "AWS does not know these credentials there: sign in again, or enable the region for the account",
        ),
        ("ExpiredToken", "the credentials have expired: sign in again"),
        (
            "AccessDenied",
            "these credentials may not do that: docs/guide/deploy.md names what a deployer needs",
        ),
    ];
    known.iter().find(|(code, _)| said.contains(code)).map(|(_, advice)| *advice)
}

/// The project's Node and what npm has installed for it, before any other on the PATH: wrangler refuses older ones.
#[derive(Clone, Debug)]
pub(super) struct Node {
    root: PathBuf,
}

impl Node {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Runs a script of the project, in its folder.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command("node")?;
        command.args(arguments).current_dir(&self.root);
        output(&mut command, None).map(drop)
    }

    fn command(&self, name: &str) -> Result<Command> {
        let programs = std::path::absolute(self.root.join("node_modules/.bin"))?;
        let program = programs.join(name);
        if !program.exists() {
            bail!("{} is not there: run `npm ci` in the project's folder", program.display());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?;
        let mut command = Command::new(program);
        command.env("PATH", path);
        Ok(command)
    }
}

/// wrangler, as npm has installed it.
#[derive(Clone, Debug)]
pub(super) struct Wrangler {
    node: Node,
}

impl Wrangler {
    pub(super) fn new(root: &Path) -> Result<Self> {
        let node = Node::new(root);
        node.command("wrangler")?;
        Ok(Self { node })
    }

    /// What it prints.
    pub(super) fn output(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.command(arguments)?, None)
    }

    /// Runs it with `input` on its standard input, so that a secret is on no command line.
    pub(super) fn feed(&self, input: &str, arguments: &[&str]) -> Result<()> {
        output(&mut self.command(arguments)?, Some(input)).map(drop)
    }

    /// The version of a Worker that serves all requests, if there is such a Worker.
    pub(super) fn version(&self, name: &str) -> Result<Option<String>> {
        let said = self.output(&["deployments", "status", "--name", name, "--json"]);
        let said = match said {
            Ok(said) => said,
            Err(error) if is_no_worker(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let said: Value =
            serde_json::from_str(&said).context("wrangler deployments status did not print JSON")?;
        Ok(said["versions"][0]["version_id"].as_str().map(str::to_owned))
    }

    /// Takes a Worker away, if it is there.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        match self.output(&["delete", "--name", name, "--force"]) {
            Ok(_) => Ok(()),
            Err(error) if is_no_worker(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.node.command("wrangler")?;
        command.args(arguments).env("WRANGLER_SEND_METRICS", "false").env("CI", "true");
        Ok(command)
    }
}

/// Cloudflare's code for "this Worker does not exist on your account".
fn is_no_worker(error: &anyhow::Error) -> bool {
    error.to_string().contains("[code: 10007]")
}

/// The standard output of a command that succeeds; its standard error is in the error of one that fails.
fn output(command: &mut Command, input: Option<&str>) -> Result<String> {
    let name = command.get_program().display().to_string();
    let what: Vec<String> =
        command.get_args().take(2).map(|word| word.to_string_lossy().into_owned()).collect();
    let what = format!("{} {}", Path::new(&name).file_name().unwrap_or_default().display(), what.join(" "));
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes()).with_context(|| format!("{what} takes no input"))?;
    }
    let done = child.wait_with_output()?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = [done.stderr, done.stdout].concat();
    bail!("{what} failed ({}): {}", done.status, String::from_utf8_lossy(&said).trim())
}
