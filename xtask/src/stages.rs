//! `cargo xtask test`: named stages, their times, and what they counted.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::needs::{self, For};
use crate::parts::{self, NATIVE, Profile};
use crate::python;
use crate::run::{cargo, command, describe, npm_script, output, seconds, shown, watched};
use crate::tree::Tree;
use crate::wasm::Compiler;

/// One part of the tests.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Run) -> Result<()>,
}

const STAGES: [Stage; 14] = [
    Stage { name: "format", about: "rustfmt, biome, the docs' table of figures", run: format },
    Stage { name: "lint", about: "clippy, also for the Worker", run: lint },
    Stage { name: "types", about: "tsc and svelte-check in every workspace", run: types },
    Stage { name: "licences", about: "licences, sources and advisories of dependencies", run: licences },
    Stage { name: "infra", about: "cfn-lint and checkov over the templates", run: infra },
    Stage { name: "unit", about: "Rust's unit and property tests", run: unit },
    Stage {
        name: "web",
        about: "tests of recorder, player and demo shop, and the tables by other readers",
        run: web,
    },
    Stage { name: "docs", about: "samples and links of the documents, and their site", run: docs },
    Stage { name: "build", about: "everything that the next stages start", run: build },
    Stage {
        name: "stack",
        about: "Rust's tests of vectors, stores, the indexer behind the Lambda service, faults",
        run: stack,
    },
    Stage { name: "edge", about: "the Worker in workerd", run: edge },
    Stage { name: "deploy", about: "a deployment to moto, an emulator of AWS", run: deploy },
    Stage { name: "e2e", about: "from a click to the replay, in Chromium", run: e2e },
    Stage {
        name: "grants",
        about: "each permission of the template was used by one of these tests",
        run: grants,
    },
];

/// Where the local servers note which permissions were used.
const USES: &str = "target/xtask/permissions";

/// Tests that ran, as their runners said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

/// A stage that runs. What one of its commands finds does not keep the others from running.
struct Run<'a> {
    tree: &'a Tree,
    counts: Counts,
    failed: Vec<String>,
    /// Every stage runs.
    has_all: bool,
}

struct Outcome {
    name: &'static str,
    took: Duration,
    counts: Counts,
    result: Result<()>,
}

/// Prints the stages' names.
pub(crate) fn list() {
    for Stage { name, about, .. } in STAGES {
        println!("  {name:<9} {about}");
    }
}

/// Runs the stages named, or all. A stage that fails does not keep the others from running, unless they need what it builds.
pub(crate) fn test(tree: &Tree, names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !STAGES.iter().any(|stage| stage.name == **name)) {
        bail!("there is no stage {unknown}: see `cargo xtask test --list`");
    }
    needs::ensure(tree, For::Tests)?;
    let uses = tree.root.join(USES);
    if uses.exists() {
        std::fs::remove_dir_all(&uses)?;
    }
    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for stage in &STAGES {
        if !names.is_empty() && !names.iter().any(|name| stage.name == name) {
            continue;
        }
        println!("\n── {} ── {}", stage.name, stage.about);
        let started = Instant::now();
        let mut run = Run { tree, counts: Counts::default(), failed: Vec::new(), has_all: names.is_empty() };
        let result = (stage.run)(&mut run)
            .and_then(|()| if run.failed.is_empty() { Ok(()) } else { bail!("{}", run.failed.join("; ")) });
        if let Err(error) = &result {
            eprintln!("{} failed: {error:#}", stage.name);
        }
        let built = result.is_ok() || stage.name != "build";
        outcomes.push(Outcome { name: stage.name, took: started.elapsed(), counts: run.counts, result });
        if !built {
            break;
        }
    }
    summarise(&outcomes, begun.elapsed())
}

fn summarise(outcomes: &[Outcome], took: Duration) -> Result<()> {
    let mut total = Counts::default();
    let mut broken = Vec::new();
    println!();
    for Outcome { name, took, counts, result } in outcomes {
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        let tests = match counts {
            Counts { passed: 0, failed: 0 } => String::new(),
            Counts { passed, failed } => format!("{passed} passed, {failed} failed"),
        };
        println!("  {word:<7} {name:<9} {:>12}  {tests}", seconds(*took));
        total.passed += counts.passed;
        total.failed += counts.failed;
        if result.is_err() {
            broken.push(*name);
        }
    }
    println!("\n  in {}\n{} passed, {} failed", seconds(took), total.passed, total.failed);
    if !broken.is_empty() {
        bail!("failed: {}", broken.join(", "));
    }
    Ok(())
}

fn format(run: &mut Run) -> Result<()> {
    run.check(&mut cargo(&["fmt", "--all", "--check"]))?;
    let mut biome = command("npx", &["--no-install", "biome", "ci", "."]);
    if !std::io::stdout().is_terminal() {
        biome.arg("--colors=off");
    }
    run.check(&mut biome)?;
    run.check(&mut npm_script("bench", "table:check"))
}

fn lint(run: &mut Run) -> Result<()> {
    let native =
        ["clippy", "--workspace", "--exclude", "tapedeck-edge", "--all-targets", "--", "-D", "warnings"];
    run.check(&mut cargo(&native))?;
    let Some(mut clippy) = Compiler::find().and_then(Compiler::clippy) else {
        println!("  the Worker is left out: this machine's compiler for wasm32 has no clippy");
        return Ok(());
    };
    run.check(&mut clippy)
}

fn types(run: &mut Run) -> Result<()> {
    // The shop's types are those of the built recorder.
    parts::sites(run.tree)?;
    run.check(&mut command("npm", &["run", "--silent", "typecheck"]))
}

fn licences(run: &mut Run) -> Result<()> {
    let deny = needs::cargo_deny(run.tree);
    let mut checks = vec!["check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    if output(&mut command(&deny, &["fetch", "db"])).is_ok() {
        checks.push("advisories");
    } else {
        println!("  advisories are left out: their database cannot be fetched");
    }
    run.check(&mut command(&deny, &checks))
}

fn infra(run: &mut Run) -> Result<()> {
    const TEMPLATES: [&str; 2] = ["template.yaml", "artifacts.yaml"];
    if let Some(lint) = python::tool(run.tree, python::CFN_LINT) {
        run.check(command(lint, &[]).args(TEMPLATES.map(|name| format!("infra/aws/{name}"))))?;
    }
    let Some(scan) = python::tool(run.tree, python::CHECKOV) else { return Ok(()) };
    // checkov does not look at resources that have a condition: what is scanned is the template with everything in it.
    // Named from the root: where a path has 40 characters, checkov takes what a `!Ref` resolves to for a secret key.
    let whole = Path::new("target/xtask/scanned");
    std::fs::create_dir_all(run.tree.root.join(whole))?;
    let mut scan =
        command(scan, &["--compact", "--quiet", "--skip-download", "--framework", "cloudformation", "-f"]);
    for name in TEMPLATES {
        let text = std::fs::read_to_string(run.tree.root.join("infra/aws").join(name))?;
        let lines = text.lines().filter(|line| !line.starts_with("    Condition: "));
        std::fs::write(run.tree.root.join(whole).join(name), lines.collect::<Vec<_>>().join("\n"))?;
        scan.arg(whole.join(name));
    }
    run.check(&mut scan)
}

/// Only where all that use permissions have run: otherwise many would seem unused.
fn grants(run: &mut Run) -> Result<()> {
    if !run.has_all {
        println!("  left out: it takes all other stages");
        return Ok(());
    }
    let uses = run.tree.root.join(USES);
    run.check(cargo(&["run", "--quiet", "-p", "tapedeck-infra", "--", "permissions", "--uses"]).arg(uses))
}

fn unit(run: &mut Run) -> Result<()> {
    run.count(cargo(&["test", "--no-fail-fast", "--lib", "--bins"]).args(NATIVE))?;
    run.count(&mut cargo(&["test", "--no-fail-fast", "-p", "tapedeck-edge", "-p", "xtask"]))
}

fn web(run: &mut Run) -> Result<()> {
    parts::sites(run.tree)?;
    needs::other_browsers();
    for (workspace, script) in [
        ("recorder", "test"),
        ("player", "test"),
        ("player", "test:browser"),
        ("local/demo", "test"),
        ("tests", "test:tables"),
    ] {
        run.count_in_browser(workspace, script)?;
    }
    Ok(())
}

fn docs(run: &mut Run) -> Result<()> {
    run.check(&mut npm_script("docs", "samples"))?;
    run.check(&mut npm_script("docs", "build"))
}

fn build(run: &mut Run) -> Result<()> {
    parts::build(run.tree, Profile::Debug)?;
    // The Worker as a deployment would hand it over; wrangler needs no account for a look.
    let look = ["check-edge", "--env", "production", "--config", "infra/tapedeck.reference.toml"];
    run.check(&mut command(run.tree.root.join("target/debug/tapedeck-infra"), &look))
}

fn stack(run: &mut Run) -> Result<()> {
    run.count(cargo(&["test", "--no-fail-fast", "--test", "*"]).args(NATIVE))
}

fn deploy(run: &mut Run) -> Result<()> {
    let (Some(moto), Some(aws)) =
        (python::tool(run.tree, python::MOTO), python::tool(run.tree, python::AWS_CLI))
    else {
        return Ok(());
    };
    let mut test = cargo(&["test", "-p", "tapedeck-infra", "--test", "deploy", "--", "--ignored"]);
    run.count(test.env("TAPEDECK_MOTO", moto).env("TAPEDECK_AWS", aws))
}

fn edge(run: &mut Run) -> Result<()> {
    run.count_in_browser("tests", "test:edge")
}

fn e2e(run: &mut Run) -> Result<()> {
    run.count_in_browser("tests", "test:e2e")
}

impl Run<'_> {
    fn check(&mut self, command: &mut Command) -> Result<()> {
        println!("→ {}", describe(command));
        let succeeded = shown(command)?;
        self.note(command, succeeded);
        Ok(())
    }

    fn count(&mut self, command: &mut Command) -> Result<()> {
        println!("→ {}", describe(command));
        command.env("TAPEDECK_PERMISSION_USES", self.tree.root.join(USES));
        let succeeded = watched(command, |line| self.counts.add(line))?;
        self.note(command, succeeded);
        Ok(())
    }

    fn note(&mut self, command: &Command, succeeded: bool) {
        if !succeeded {
            self.failed.push(describe(command));
        }
    }

    fn count_in_browser(&mut self, workspace: &str, script: &str) -> Result<()> {
        let browser = needs::find_chromium(self.tree)?;
        self.count(npm_script(workspace, script).env("CHROME_BIN", browser))
    }
}

impl Counts {
    /// Adds what a runner says at its end: cargo's `test result: ok. 4 passed; 0 failed; …`, or Vitest's
    /// `Tests  1 failed | 4 passed (5)`.
    fn add(&mut self, line: &str) {
        let line = line.trim();
        let Some(sums) = line.strip_prefix("test result: ").or_else(|| line.strip_prefix("Tests  ")) else {
            return;
        };
        let words: Vec<&str> = sums.split([' ', ';', '|']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            match (pair[0].parse::<u64>(), pair[1]) {
                (Ok(number), "passed") => self.passed += number,
                (Ok(number), "failed") => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runners_say_is_counted() {
        let check = |line: &str, passed, failed| {
            let mut counts = Counts::default();
            counts.add(line);
            assert_eq!(counts, Counts { passed, failed }, "{line}");
        };
        check("test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", 4, 0);
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored", 3, 2);
        check("      Tests  12 passed (12)", 12, 0);
        check("      Tests  1 failed | 11 passed | 2 skipped (14)", 11, 1);
        check(" Test Files  3 passed (3)", 0, 0);
        check("they passed 3 failed", 0, 0);
    }
}
