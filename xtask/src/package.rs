//! `cargo xtask package`: what a release consists of, in one folder, and whether it works from there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cloud::{indexer, zip_folder};
use crate::needs::{self, For};
use crate::parts;
use crate::run::{cargo, command, output, step};
use crate::tree::Tree;

/// For everybody's Rust programs; the others are programs of this repository.
const CRATES: [&str; 5] =
    ["tapedeck-scan", "tapedeck-core", "tapedeck-s3-store", "tapedeck-indexer", "tapedeck"];
const NPM_PACKAGES: [&str; 2] = ["recorder", "player"];
/// Whose crates are listed: what runs in the cloud.
const LISTED: [&str; 2] = ["lambda-indexer", "edge-worker"];

/// Python is there for the zips; this program has no digest of its own.
const DIGEST: &str = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())";

/// What becomes of the program for Lambda, the only part that takes minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indexer {
    Once,
    /// And a second time in another folder, with the Worker: the bytes must be the same.
    Twice,
    LeftOut,
}

/// Fills `target/release-files/`.
pub(crate) fn package(tree: &Tree, program: Indexer) -> Result<()> {
    needs::ensure(tree, For::All)?;
    let place = tree.root.join("target/release-files");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let version = version(tree)?;
    parts::sites(tree)?;
    parts::edge(tree)?;

    crates(tree, &place, &version, program)?;
    npm(tree, &place)?;
    let edge = [
        ("edge-worker/wrangler.toml", "wrangler.toml"),
        ("edge-worker/build/index.js", "build/index.js"),
        ("edge-worker/build/index_bg.wasm", "build/index_bg.wasm"),
        ("edge-worker/assets", "assets"),
    ];
    archive(tree, &place.join(format!("tapedeck-edge-{version}.zip")), &edge)?;
    let player =
        [("player/dist", "."), ("player/headers.json", "headers.json"), ("player/headers.ts", "headers.ts")];
    archive(tree, &place.join(format!("tapedeck-player-{version}.zip")), &player)?;
    archive(tree, &place.join(format!("tapedeck-recorder-{version}.zip")), &[("edge-worker/assets", ".")])?;
    archive(tree, &place.join(format!("tapedeck-infra-{version}.zip")), &[("infra/aws", "aws")])?;
    if program != Indexer::LeftOut {
        let built = indexer(tree)?;
        if program == Indexer::Twice {
            again(tree)?;
        }
        fs::copy(&built, place.join(format!("tapedeck-indexer-{version}-arm64.zip")))?;
    }
    bills(tree, &place, &version)?;
    sums(&place)?;
    check(tree, &place)
}

/// Builds both programs of the cloud from a copy of the sources in another folder, with nothing built before: the bytes must be the same.
fn again(tree: &Tree) -> Result<()> {
    let other = tree.copy_to(tree.root.join("target/again"))?;
    parts::edge(&other)?;
    indexer(&other)?;
    for file in ["edge-worker/build/index_bg.wasm", "edge-worker/build/index.js", "target/xtask/indexer.zip"]
    {
        let places = [tree, &other].map(|tree| tree.root.join(file));
        let [first, second] = places.each_ref().map(fs::read);
        if first? != second? {
            bail!("{} and {} are not the same", places[0].display(), places[1].display());
        }
        println!("  {file}: built twice, and the same");
    }
    fs::remove_dir_all(&other.root).with_context(|| format!("cannot remove {}", other.root.display()))
}

/// Every package has the workspace's version: they are released together.
fn version(tree: &Tree) -> Result<String> {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata printed no JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let core = packages.iter().find(|package| package["name"] == "tapedeck-core");
    let version = core.and_then(|core| core["version"].as_str()).context("tapedeck-core has no version")?;
    for workspace in NPM_PACKAGES {
        let text = fs::read(tree.root.join(workspace).join("package.json"))?;
        let package: Value = serde_json::from_slice(&text).context("package.json is no JSON")?;
        if package["version"] != version {
            bail!("{workspace}/package.json has version {}, Cargo.toml has {version}", package["version"]);
        }
    }
    // On a tag, the tag is the promise.
    if let Ok(tag) = std::env::var("GITHUB_REF_NAME")
        && tag
            .strip_prefix('v')
            .is_some_and(|tag| tag != version && tag.starts_with(|c: char| c.is_ascii_digit()))
    {
        bail!("the tag is {tag}, Cargo.toml has {version}");
    }
    Ok(version.to_owned())
}

fn crates(tree: &Tree, place: &Path, version: &str, program: Indexer) -> Result<()> {
    let mut package = cargo(&["package", "--locked", "--allow-dirty", "--quiet"]);
    for name in CRATES {
        package.args(["-p", name]);
    }
    // At a release each is also built from its file alone.
    if program == Indexer::LeftOut {
        package.arg("--no-verify");
    }
    step("cargo package", &mut package)?;
    let folder = tree.root.join("target/package");
    for name in CRATES {
        let file = format!("{name}-{version}.crate");
        fs::copy(folder.join(&file), place.join(&file))
            .with_context(|| format!("cargo package left no {file}"))?;
    }
    Ok(())
}

fn npm(tree: &Tree, place: &Path) -> Result<()> {
    for workspace in NPM_PACKAGES {
        let mut pack =
            command("npm", &["pack", "--silent", "--ignore-scripts", "-w", workspace, "--pack-destination"]);
        step(&format!("npm pack {workspace}"), pack.arg(place).current_dir(&tree.root))?;
    }
    Ok(())
}

/// A zip of files and folders, each at a place of its own.
fn archive(tree: &Tree, zip: &Path, parts: &[(&str, &str)]) -> Result<()> {
    let folder = tree.root.join("target/xtask/archive");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (from, to) in parts {
        copy(&tree.root.join(from), &folder.join(to))?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(tree.root.join(licence), folder.join(licence))?;
    }
    zip_folder(&folder, zip)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs::create_dir_all(to.parent().context("a file lies in no folder")?)?;
        fs::copy(from, to)?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} is not built", from.display()))? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Software bills of materials, in the form `CycloneDX`: of the programs, and of what npm packages are made of and built by.
fn bills(tree: &Tree, place: &Path, version: &str) -> Result<()> {
    let tool = needs::cargo_cyclonedx(tree)?;
    for part in LISTED {
        let manifest = tree.root.join(part).join("Cargo.toml");
        let mut list = command(&tool, &["cyclonedx", "--format", "json", "--spec-version", "1.5"]);
        list.args(["--override-filename", "tapedeck-bill", "--manifest-path"]).arg(&manifest);
        step(&format!("cargo cyclonedx {part}"), &mut list)?;
        let made = tree.root.join(part).join("tapedeck-bill.json");
        fs::copy(&made, place.join(format!("tapedeck-{part}-{version}.cdx.json")))?;
        remove_bills(tree)?;
    }
    for workspace in NPM_PACKAGES {
        // With what it is built by, which is marked as such: `--omit dev` also leaves out what another workspace has for development only.
        let arguments = ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "library", "-w", workspace];
        let bill = output(&mut command("npm", &arguments))?;
        fs::write(place.join(format!("tapedeck-{workspace}-{version}.cdx.json")), bill)?;
    }
    Ok(())
}

/// The tool writes one beside every crate of the workspace.
fn remove_bills(tree: &Tree) -> Result<()> {
    fn each(folder: &Path, depth: usize) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == "tapedeck-bill.json" {
                fs::remove_file(entry.path())?;
            } else if depth > 0 && entry.file_type()?.is_dir() && name != "target" && name != "node_modules" {
                each(&entry.path(), depth - 1)?;
            }
        }
        Ok(())
    }
    each(&tree.root, 3)
}

/// As `sha256sum --check` reads it.
fn sums(place: &Path) -> Result<()> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    names.sort();
    let mut sums = String::new();
    for path in &names {
        let name = path.file_name().context("a file has no name")?.to_string_lossy();
        let sum = output(command("python3", &["-c", DIGEST]).arg(path))?;
        sums.extend([sum.as_str(), "  ", &name, "\n"]);
        println!("  {name}: {} KiB", fs::metadata(path)?.len().div_ceil(1024));
    }
    fs::write(place.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// Unpacks each file elsewhere, and uses it.
fn check(tree: &Tree, place: &Path) -> Result<()> {
    let unpacked = tree.root.join("target/xtask/unpacked");
    let mut check = command(tree.npm_bin("node"), &["tests/release/check.ts"]);
    step("the files work", check.arg(place).arg(unpacked))
}
