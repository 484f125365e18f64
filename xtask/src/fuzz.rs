//! `cargo xtask fuzz`: looks for bytes that break a promise of `fuzz/src/lib.rs`, and keeps what it found interesting.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::needs;
use crate::run::{cargo, step};
use crate::tree::Tree;

/// Longest input, in bytes: beyond, inputs only repeat themselves.
const INPUT_BYTES_MAX: u32 = 8192;

/// Fuzzes one target or all, `seconds` each, and minimises their corpora.
pub(crate) fn fuzz(tree: &Tree, target: Option<&str>, seconds: u32) -> Result<()> {
    let all = targets(&tree.root.join("fuzz/fuzz_targets"))?;
    let chosen = match target {
        None => all,
        Some(target) if all.iter().any(|known| known == target) => vec![target.to_owned()],
        Some(target) => bail!("there is no target {target}, but {}", all.join(", ")),
    };
    let program = needs::cargo_fuzz(tree)?;
    let folder = program.parent().context("cargo-fuzz lies in no folder")?;
    let path = std::env::var_os("PATH").context("PATH is not set")?;
    let path = std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path)))?;
    let with = |arguments: &[&str]| {
        let mut command = cargo(&["+nightly", "fuzz"]);
        command.args(arguments).env("PATH", &path);
        command
    };
    for target in &chosen {
        let (time, length) = (format!("-max_total_time={seconds}"), format!("-max_len={INPUT_BYTES_MAX}"));
        let what = format!("fuzz {target}, {seconds} s");
        step(&what, &mut with(&["run", target, "--", &time, &length, "-timeout=20"])).with_context(|| {
            format!(
                "fuzz/artifacts/{target}/ has what broke it: mend it, and put it into fuzz/corpus/{target}/"
            )
        })?;
        step(&format!("minimise {target}"), &mut with(&["cmin", target, "--", &length]))?;
    }
    Ok(())
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    targets.sort();
    Ok(targets)
}
