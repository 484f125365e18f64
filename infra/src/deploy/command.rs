//! Other programs, run so that a person sees what is done: the AWS CLI and wrangler.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The AWS CLI, for one region. It signs in however the person does: keys, profiles, single sign-on.
#[derive(Clone, Debug)]
pub(super) struct Aws {
    program: PathBuf,
    region: String,
}

impl Aws {
    /// `TAPEDECK_AWS`, or `aws`.
    pub(super) fn new(region: &str) -> Self {
        let program = std::env::var_os("TAPEDECK_AWS").unwrap_or_else(|| OsString::from("aws"));
        Self { program: program.into(), region: region.to_owned() }
    }

    pub(super) fn in_region(&self, region: &str) -> Self {
        Self { program: self.program.clone(), region: region.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["--region", &self.region, "--no-cli-pager"]);
        // The first major version has no pager, and does not know the option.
        if !self.has_pager() {
            command = Command::new(&self.program);
            command.args(arguments).args(["--region", &self.region]);
        }
        command
    }

    fn has_pager(&self) -> bool {
        let version = Command::new(&self.program).arg("--version").output();
        version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).starts_with("aws-cli/2"))
    }

    /// What it prints as JSON.
    pub(super) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [arguments, &["--output", "json"]].concat();
        let text = output(&mut self.command(&arguments), None)?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("aws {} did not print JSON", arguments.join(" ")))
    }

    /// What it prints, or nothing where it fails with one of `codes`.
    pub(super) fn unless(&self, codes: &[&str], arguments: &[&str]) -> Result<Option<String>> {
        match output(&mut self.command(arguments), None) {
            Ok(text) => Ok(Some(text)),
            Err(error) if codes.iter().any(|code| error.to_string().contains(code)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Runs it with `input` on its standard input.
    pub(super) fn feed(&self, input: &str, arguments: &[&str]) -> Result<()> {
        output(&mut self.command(arguments), Some(input)).map(drop)
    }

    /// Runs it.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<()> {
        output(&mut self.command(arguments), None).map(drop)
    }
}

/// wrangler, as npm has installed it.
#[derive(Clone, Debug)]
pub(super) struct Wrangler {
    program: PathBuf,
}

impl Wrangler {
    pub(super) fn new(root: &Path) -> Self {
        Self { program: root.join("node_modules/.bin/wrangler") }
    }

    /// What it prints.
    pub(super) fn output(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.command(arguments), None)
    }

    /// Runs it with `input` on its standard input, so that a secret is on no command line.
    pub(super) fn feed(&self, input: &str, arguments: &[&str]) -> Result<()> {
        output(&mut self.command(arguments), Some(input)).map(drop)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("WRANGLER_SEND_METRICS", "false").env("CI", "true");
        command
    }
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
