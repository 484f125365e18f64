//! Building the parts, each once, and only when what it is made of has changed.

use anyhow::{Context as _, Result};

use crate::needs;
use crate::run::{cargo, command, npm_script, step};
use crate::tree::Tree;
use crate::wasm::Compiler;

/// The packages that build for this machine. Always the same, whatever is built of them: another choice would give shared
/// dependencies other features, and cargo would build those twice.
pub(crate) const NATIVE: [&str; 5] = ["--workspace", "--exclude", "tapedeck-edge", "--exclude", "xtask"];

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For trying and testing.
    Debug,
    /// For measuring.
    Release,
}

impl Profile {
    /// The folder under `target/`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// A folder of static files that npm builds.
struct Site {
    name: &'static str,
    workspace: &'static str,
    script: &'static str,
    inputs: &'static [&'static str],
    output: &'static str,
}

/// In the order in which they need each other.
const SITES: [Site; 4] = [
    Site {
        name: "recorder",
        workspace: "recorder",
        script: "build",
        inputs: &["recorder", "package-lock.json"],
        output: "recorder/dist/index.js",
    },
    Site {
        name: "recorder-files",
        workspace: "recorder",
        script: "publish:edge",
        inputs: &["recorder", "package-lock.json"],
        output: "edge-worker/assets/r/manifest.json",
    },
    Site {
        name: "local/demo",
        workspace: "local/demo",
        script: "build",
        inputs: &["local/demo", "recorder", "package-lock.json"],
        output: "local/demo/dist/index.html",
    },
    Site {
        name: "player",
        workspace: "player",
        script: "build",
        inputs: &["player", "package-lock.json"],
        output: "player/dist/index.html",
    },
];

/// Builds everything that [`crate::up`] starts.
pub(crate) fn build(tree: &Tree, profile: Profile) -> Result<()> {
    sites(tree)?;
    edge(tree)?;
    programs(profile)
}

/// The demo shop, the player, and the recorder that the shop embeds from the edge.
pub(crate) fn sites(tree: &Tree) -> Result<()> {
    for Site { name, workspace, script, inputs, output } in SITES {
        tree.build_once(name, inputs, output, || step(name, &mut npm_script(workspace, script)))?;
    }
    Ok(())
}

/// The Worker, to `edge-worker/build/`. It is optimised always: a debug build of it takes as long, and workerd starts slower.
pub(crate) fn edge(tree: &Tree) -> Result<()> {
    const INPUTS: [&str; 11] = [
        "edge-worker",
        "s3-store/src",
        "s3-store/Cargo.toml",
        "core/src",
        "core/Cargo.toml",
        "core/scan",
        ".cargo/config.toml",
        "Cargo.toml",
        "Cargo.lock",
        "xtask/src/parts.rs",
        "xtask/src/wasm.rs",
    ];
    tree.build_once("edge", &INPUTS, "edge-worker/build/index.js", || {
        let compiler = Compiler::find().context("no compiler for wasm32")?;
        let bindgen = needs::tool(tree, "wasm-bindgen-cli", &tree.locked_version("wasm-bindgen")?);
        let mut build = command(needs::worker_build(tree), &["--profile", "edge"]);
        build
            .current_dir(tree.root.join("edge-worker"))
            // Without it the platform stops a request whose client has hung up, and what it held is never given back.
            .env("RUN_TO_COMPLETION", "1")
            // Joined to those of .cargo/config.toml.
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", tree.without_places()?)
            // With these three it downloads nothing.
            .env("WASM_BINDGEN_BIN", bindgen)
            .env("ESBUILD_BIN", tree.npm_bin("esbuild"))
            .env("WASM_OPT_BIN", tree.npm_bin("wasm-opt"));
        compiler.apply(tree, &mut build)?;
        step("edge", &mut build)
    })
}

/// The indexer and the local stack.
pub(crate) fn programs(profile: Profile) -> Result<()> {
    cargo_build("indexer and local stack", &NATIVE, profile)
}

/// One program that needs little: shared dependencies with other features than [`NATIVE`]'s are built once more.
pub(crate) fn program(package: &str, profile: Profile) -> Result<()> {
    cargo_build(package, &["--package", package], profile)
}

fn cargo_build(name: &str, packages: &[&str], profile: Profile) -> Result<()> {
    let mut build = cargo(&["build", "--bins"]);
    build.args(packages);
    if profile == Profile::Release {
        build.arg("--release");
    }
    step(name, &mut build)
}
