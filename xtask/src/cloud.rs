//! `cargo xtask init`, `deploy`, `reindex` and `smoke`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::needs::{self, For};
use crate::parts;
use crate::python::{self, ZIGBUILD};
use crate::run::{cargo, command, describe, output, shown, step, which};
use crate::tree::Tree;

/// What Lambda's Amazon Linux 2023 has.
const LAMBDA_TARGET: &str = "aarch64-unknown-linux-gnu";
const LAMBDA_GLIBC: (u32, u32) = (2, 34);

/// Writes tapedeck.toml.
pub(crate) fn init(tree: &Tree, answers: &[String]) -> Result<()> {
    let program = program(tree)?;
    finish(command(program, &["init"]).args(answers))
}

/// Builds, and applies what tapedeck.toml says.
pub(crate) fn deploy(tree: &Tree, environment: &str, flags: &[(&str, bool)]) -> Result<()> {
    needs::ensure(tree, For::All)?;
    let program = program(tree)?;
    // Before what takes minutes.
    let mut check = command(&program, &["check", "--env", environment]);
    check.args(set(flags).filter(|flag| *flag == "--only-aws"));
    if !shown(&mut check)? {
        bail!("nothing was built and nothing was changed");
    }
    parts::sites(tree)?;
    parts::edge(tree)?;
    let zip = indexer(tree)?;
    let mut deploy = command(program, &["deploy", "--env", environment, "--indexer"]);
    deploy.arg(zip).args(set(flags));
    finish(&mut deploy)
}

fn set<'a>(flags: &'a [(&str, bool)]) -> impl Iterator<Item = &'a str> {
    flags.iter().filter(|(_, set)| *set).map(|(flag, _)| *flag)
}

/// Manifests and tables of a project, anew.
pub(crate) fn reindex(
    tree: &Tree,
    environment: &str,
    project: &str,
    run: &str,
    store: Option<&str>,
) -> Result<()> {
    let mut reindex =
        command(program(tree)?, &["reindex", "--env", environment, "--project", project, "--run", run]);
    if let Some(store) = store {
        reindex.args(["--store", store]);
    }
    finish(&mut reindex)
}

/// One session through a running environment.
pub(crate) fn smoke(tree: &Tree, environment: &str, place: &[(&str, Option<String>)]) -> Result<()> {
    let mut smoke = command(tree.npm_bin("node"), &["tests/smoke/main.ts"]);
    if environment == "local" {
        smoke.args(["--up", ".tapedeck/up.json"]);
        return finish(&mut smoke);
    }
    let deployed = if place.iter().all(|(_, value)| value.is_some()) {
        Value::Null
    } else {
        needs::ensure(tree, For::All)?;
        let mut found = command(program(tree)?, &["where", "--env", environment]);
        // What it says of a failure is for the person.
        found.stderr(std::process::Stdio::inherit());
        let found = found.output().context("cannot run tapedeck-infra")?;
        if !found.status.success() {
            bail!("it is not known where {environment} is");
        }
        serde_json::from_slice(&found.stdout).context("tapedeck-infra where printed no JSON")?
    };
    for (flag, value) in place {
        let known = value.as_deref().or_else(|| deployed[flag.trim_start_matches('-')].as_str());
        smoke.args([flag, known.with_context(|| format!("{flag} is not known"))?]);
    }
    println!("  {}", describe(&smoke));
    finish(&mut smoke)
}

/// The indexer for Lambda, as a zip whose bytes depend on the sources alone.
pub(crate) fn indexer(tree: &Tree) -> Result<PathBuf> {
    let zigbuild = python::installed(tree, ZIGBUILD)
        .context("the indexer for arm64 needs zig, from Python's package index")?;
    if which("rustup").is_some() {
        step("rustup target add arm64", &mut command("rustup", &["target", "add", LAMBDA_TARGET]))?;
    }
    let tools = zigbuild.parent().context("cargo-zigbuild lies in no folder")?;
    let path = std::env::var_os("PATH").context("PATH is not set")?;
    let path = std::env::join_paths(std::iter::once(tools.to_owned()).chain(std::env::split_paths(&path)))?;
    let target = tree.root.join("target");
    let mut build = cargo(&["zigbuild", "--release", "--locked", "-p", "tapedeck-indexer", "--target"]);
    build
        .arg(format!("{LAMBDA_TARGET}.{}.{}", LAMBDA_GLIBC.0, LAMBDA_GLIBC.1))
        .current_dir(&tree.root)
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", format!("{} -Cstrip=symbols", tree.without_places()?));
    step("indexer for arm64", &mut build)?;
    let program = target.join(LAMBDA_TARGET).join("release/tapedeck-indexer");
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    check_program(&bytes)?;
    let zip = target.join("xtask/indexer.zip");
    fs::create_dir_all(target.join("xtask"))?;
    zip_program(&bytes, &zip)?;
    println!("  {}: {} KiB", zip.display(), fs::metadata(&zip)?.len() / 1024);
    Ok(zip)
}

/// Whether Lambda can run it: an ELF file for arm64 that wants no newer C library than Lambda's.
fn check_program(bytes: &[u8]) -> Result<()> {
    // e_machine, <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>; 183 is AArch64.
    if bytes.get(..4) != Some(b"\x7fELF") || bytes.get(18..20) != Some(&[183, 0]) {
        bail!("the indexer is no ELF file for arm64");
    }
    let newest = newest_glibc(bytes);
    match newest {
        Some(newest) if newest > LAMBDA_GLIBC => {
            bail!(
                "the indexer wants glibc {}.{}, Lambda has {}.{}",
                newest.0,
                newest.1,
                LAMBDA_GLIBC.0,
                LAMBDA_GLIBC.1
            )
        }
        _ => Ok(()),
    }
}

/// The newest version that a symbol is wanted in: they stand in the file as `GLIBC_2.17`.
fn newest_glibc(bytes: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let mut newest = None;
    for at in bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(|(at, _)| at) {
        let rest = &bytes[at + MARK.len()..];
        let text: String = rest
            .iter()
            .take(8)
            .map_while(|byte| matches!(byte, b'0'..=b'9' | b'.').then_some(char::from(*byte)))
            .collect();
        let mut numbers = text.split('.').map_while(|number| number.parse().ok());
        if let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) {
            newest = newest.max(Some((major, minor)));
        }
    }
    newest
}

/// One entry `bootstrap`.
fn zip_program(bytes: &[u8], place: &Path) -> Result<()> {
    let folder = place.with_extension("files");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("bootstrap"), bytes)?;
    zip_folder(&folder, place)
}

/// Every file of a folder, by Python's zipfile: sorted, dated 1980, and programs for whoever unpacks it, so that the same files are the
/// same bytes. No other zip program is on every machine that builds.
pub(crate) fn zip_folder(folder: &Path, place: &Path) -> Result<()> {
    const SCRIPT: &str = "import os, sys, zipfile\n\
        names = sorted(os.path.relpath(os.path.join(at, name), sys.argv[1]).replace(os.sep, '/')\n\
        \x20   for at, _, files in os.walk(sys.argv[1]) for name in files)\n\
        with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as out:\n\
        \x20   for name in names:\n\
        \x20       entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))\n\
        \x20       entry.external_attr = (0o100755 if name == 'bootstrap' else 0o100644) << 16\n\
        \x20       entry.create_system = 3\n\
        \x20       out.writestr(entry, open(os.path.join(sys.argv[1], name), 'rb').read(), zipfile.ZIP_DEFLATED, 9)\n";
    let python = which("python3").context("there is no python3 on the PATH")?;
    output(command(python, &["-c", SCRIPT]).arg(folder).arg(place)).map(drop)
}

fn program(tree: &Tree) -> Result<PathBuf> {
    step("tapedeck-infra", &mut cargo(&["build", "--quiet", "-p", "tapedeck-infra"]))?;
    Ok(tree.root.join("target/debug/tapedeck-infra"))
}

fn finish(command: &mut std::process::Command) -> Result<()> {
    if shown(command)? {
        return Ok(());
    }
    bail!("it did not succeed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_lambda_cannot_run_is_refused() {
        let program = |machine: u8, symbols: &str| {
            let mut bytes = b"\x7fELF".to_vec();
            bytes.resize(18, 0);
            bytes.extend([machine, 0]);
            bytes.extend(symbols.as_bytes());
            check_program(&bytes).map_err(|error| error.to_string())
        };
        assert_eq!(program(183, "GLIBC_2.17\0GLIBC_2.34\0GLIBC_PRIVATE"), Ok(()));
        assert_eq!(
            program(183, "GLIBC_2.34\0GLIBC_2.36"),
            Err("the indexer wants glibc 2.36, Lambda has 2.34".to_owned())
        );
        assert_eq!(program(62, ""), Err("the indexer is no ELF file for arm64".to_owned()));
    }
}
