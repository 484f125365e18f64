//! The compiler for the Worker: rustup's, or Debian's where rustup cannot download.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::run::{cargo, command, output, step, which};
use crate::tree::Tree;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_RUSTLIB: &str = "/usr/lib/rustlib";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-19";

/// Who compiles to wasm32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// The usual toolchain, with the target added.
    Rustup,
    /// Debian's `rustc-web`. It comes with the standard library's source, which is built with the Worker, so that
    /// nothing has to be written into the system's folders.
    Debian,
}

impl Compiler {
    /// The one that is installed.
    pub(crate) fn find() -> Option<Self> {
        if has_target(command("rustc", &["--print", "sysroot"])) {
            return Some(Self::Rustup);
        }
        let source = Path::new(DEBIAN_RUSTLIB).join("src/rust/library/std");
        let debian = source.is_dir()
            && ["/usr/bin/rustc", "/usr/bin/cargo", DEBIAN_LINKER]
                .iter()
                .all(|file| Path::new(file).exists());
        debian.then_some(Self::Debian)
    }

    pub(crate) fn install() -> Result<()> {
        if which("rustup").is_some() {
            let added = step("rustup target add wasm32", &mut command("rustup", &["target", "add", TARGET]));
            let Err(error) = added else { return Ok(()) };
            println!("  {error:#}; trying Debian's compiler");
        }
        apt_get_install(&DEBIAN_PACKAGES)
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Rustup => "rustup's",
            Self::Debian => "Debian's rustc-web, in /usr/bin",
        }
    }

    /// Makes `command`, and the cargo that it calls, use this compiler.
    pub(crate) fn apply(self, tree: &Tree, command: &mut Command) -> Result<()> {
        if self == Self::Rustup {
            return Ok(());
        }
        let programs = debian_toolchain(&tree.tools.join("rustc-web"))?;
        let path = std::env::var_os("PATH").context("PATH is not set")?;
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?;
        command
            .env("PATH", path)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTC")
            .env_remove("LD_LIBRARY_PATH")
            // The two compilers' artifacts must not meet.
            .env("CARGO_TARGET_DIR", tree.root.join("target/debian"))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
            // Building the standard library is a nightly feature of cargo; what is built is what the release has.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
        Ok(())
    }

    /// Clippy for the Worker; Debian's compiler has none.
    pub(crate) fn clippy(self) -> Option<Command> {
        let arguments = ["clippy", "-p", "tapedeck-edge", "--target", TARGET, "--", "-D", "warnings"];
        (self == Self::Rustup).then(|| cargo(&arguments))
    }
}

/// Debian's compiler with a sysroot of our own, and the folder of its programs.
///
/// worker-build looks for the target's folder in the sysroot. There it is empty: cargo builds what belongs into it.
fn debian_toolchain(place: &Path) -> Result<PathBuf> {
    let rustlib = place.join("lib/rustlib");
    let programs = place.join("bin");
    fs::create_dir_all(rustlib.join(TARGET).join("lib"))?;
    fs::create_dir_all(&programs)?;
    for entry in fs::read_dir(DEBIAN_RUSTLIB).with_context(|| format!("cannot read {DEBIAN_RUSTLIB}"))? {
        let entry = entry?;
        link(&entry.path(), &rustlib.join(entry.file_name()))?;
    }
    link(Path::new("/usr/bin/cargo"), &programs.join("cargo"))?;
    let rustc = programs.join("rustc");
    fs::write(&rustc, format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot '{}' \"$@\"\n", place.display()))?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    Ok(programs)
}

fn link(to: &Path, from: &Path) -> Result<()> {
    if from.symlink_metadata().is_err() {
        symlink(to, from).with_context(|| format!("cannot create {}", from.display()))?;
    }
    Ok(())
}

fn has_target(mut sysroot: Command) -> bool {
    output(&mut sysroot)
        .is_ok_and(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

/// Installs Debian packages, where that is possible without a password.
pub(crate) fn apt_get_install(packages: &[&str]) -> Result<()> {
    if which("apt-get").is_none() {
        bail!("there is no apt-get here");
    }
    if output(&mut command("id", &["-u"]))? != "0" {
        bail!("only root can: sudo apt-get install {}", packages.join(" "));
    }
    let mut update = command("apt-get", &["update", "-qq"]);
    step("apt-get update", &mut update)?;
    let mut install = command("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    step(&format!("apt-get install {}", packages.join(" ")), &mut install)
}
