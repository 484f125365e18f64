//! What must be installed: how to tell, how to get it, and what to say where that does not work.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::run::{cargo, command, output, step, which};
use crate::tree::Tree;
use crate::wasm::{Compiler, apt_get_install};

/// The Worker's build tool; grows with the `worker` crate.
const WORKER_BUILD: &str = "0.8.7";
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.1";
const CARGO_CYCLONEDX: &str = "0.5.9";
const NODE_MIN: u32 = 20;
const RUST_MIN: (u32, u32) = (1, 95);

/// What a need is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Every command.
    All,
    /// Tests and benches.
    Tests,
}

/// One thing that must be there.
struct Need {
    name: &'static str,
    purpose: For,
    /// Where it is, or why it does not count as there.
    find: fn(&Tree) -> Result<String>,
    /// How to get it. It may do nothing, where only a person can.
    install: fn(&Tree) -> Result<()>,
    advice: &'static str,
}

const NEEDS: [Need; 9] = [
    Need {
        name: "rust",
        purpose: For::All,
        find: find_rust,
        install: |_| by_hand(),
        advice: "rustup update stable, or https://rustup.rs",
    },
    Need {
        name: "c compiler",
        purpose: For::All,
        find: |_| on_path("cc"),
        install: |_| by_hand(),
        advice: "apt-get install build-essential, or xcode-select --install",
    },
    Need {
        name: "node",
        purpose: For::All,
        find: find_node,
        install: |_| by_hand(),
        advice: "Node 20 or newer, with npm: https://nodejs.org, or your system's packages",
    },
    Need {
        name: "npm packages",
        purpose: For::All,
        find: find_packages,
        install: |_| {
            step("npm ci", &mut command("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
        },
        advice: "npm ci",
    },
    Need {
        name: "wasm32",
        purpose: For::All,
        find: |_| {
            Compiler::find()
                .map(|found| found.describe().to_owned())
                .context("no compiler for it is installed")
        },
        install: |_| Compiler::install(),
        advice: "rustup target add wasm32-unknown-unknown",
    },
    Need {
        name: "worker-build",
        purpose: For::All,
        find: |tree| find_tool(tree, "worker-build", WORKER_BUILD),
        install: |tree| install_tool(tree, "worker-build", WORKER_BUILD),
        advice: "built from source by cargo install, for which the crate registry must be in reach",
    },
    Need {
        name: "wasm-bindgen",
        purpose: For::All,
        find: |tree| find_tool(tree, "wasm-bindgen-cli", &tree.locked_version("wasm-bindgen")?),
        install: |tree| install_tool(tree, "wasm-bindgen-cli", &tree.locked_version("wasm-bindgen")?),
        advice: "built from source by cargo install, for which the crate registry must be in reach",
    },
    Need {
        name: "chromium",
        purpose: For::Tests,
        find: |tree| Ok(find_chromium(tree)?.display().to_string()),
        install: install_chromium,
        advice: "install Chromium or Chrome, or set CHROME_BIN to its program",
    },
    Need {
        name: "cargo-deny",
        purpose: For::Tests,
        find: |tree| find_tool(tree, "cargo-deny", CARGO_DENY),
        install: |tree| install_tool(tree, "cargo-deny", CARGO_DENY),
        advice: "built from source by cargo install, for which the crate registry must be in reach",
    },
];

/// Installs what is missing of all that commands, or also tests, need.
pub(crate) fn ensure(tree: &Tree, purpose: For) -> Result<()> {
    for need in NEEDS.iter().filter(|need| need.purpose == For::All || need.purpose == purpose) {
        if (need.find)(tree).is_ok() {
            continue;
        }
        println!("{} is missing", need.name);
        (need.install)(tree).with_context(|| format!("cannot get {}; {}", need.name, need.advice))?;
        (need.find)(tree).with_context(|| format!("still no {}; {}", need.name, need.advice))?;
    }
    Ok(())
}

/// Prints what is there and what is not.
///
/// # Errors
/// When something is missing that commands or tests need.
pub(crate) fn doctor(tree: &Tree) -> Result<()> {
    let mut missing = 0;
    for need in &NEEDS {
        match (need.find)(tree) {
            Ok(found) => println!("  ok       {:<14} {found}", need.name),
            Err(error) => {
                missing += 1;
                println!("  MISSING  {:<14} {error:#}; {}", need.name, need.advice);
            }
        }
    }
    if missing > 0 {
        bail!("{missing} missing: `cargo xtask up` and `cargo xtask test` install what they need");
    }
    Ok(())
}

/// A tool's program, by the crate that it comes in.
pub(crate) fn tool(tree: &Tree, krate: &str, version: &str) -> PathBuf {
    let program = krate.strip_suffix("-cli").unwrap_or(krate);
    tree.tools.join(format!("{krate}-{version}/bin/{program}"))
}

/// The Worker's build tool.
pub(crate) fn worker_build(tree: &Tree) -> PathBuf {
    tool(tree, "worker-build", WORKER_BUILD)
}

/// The licence checker.
pub(crate) fn cargo_deny(tree: &Tree) -> PathBuf {
    tool(tree, "cargo-deny", CARGO_DENY)
}

/// The fuzzer, installed now if it is missing: only one command needs it.
pub(crate) fn cargo_fuzz(tree: &Tree) -> Result<PathBuf> {
    if find_tool(tree, "cargo-fuzz", CARGO_FUZZ).is_err() {
        install_tool(tree, "cargo-fuzz", CARGO_FUZZ)?;
    }
    Ok(tool(tree, "cargo-fuzz", CARGO_FUZZ))
}

/// What lists the crates that programs are made of, installed now if it is missing.
pub(crate) fn cargo_cyclonedx(tree: &Tree) -> Result<PathBuf> {
    if find_tool(tree, "cargo-cyclonedx", CARGO_CYCLONEDX).is_err() {
        install_tool(tree, "cargo-cyclonedx", CARGO_CYCLONEDX)?;
    }
    Ok(tool(tree, "cargo-cyclonedx", CARGO_CYCLONEDX))
}

/// The browser that tests drive.
pub(crate) fn find_chromium(tree: &Tree) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROME_BIN") {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            bail!("CHROME_BIN is {}, which is no file", named.display())
        };
    }
    let playwright = "import('playwright-core').then(p => console.log(p.chromium.executablePath()))";
    let own = output(command("node", &["-e", playwright]).current_dir(&tree.root)).unwrap_or_default();
    let usual = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
    Some(PathBuf::from(own))
        .filter(|own| own.is_file())
        .or_else(|| usual.iter().find_map(|name| which(name)))
        .or_else(|| {
            let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
            mac.is_file().then_some(mac)
        })
        .context("there is none")
}

fn find_rust(_: &Tree) -> Result<String> {
    let found = output(&mut command("rustc", &["--version"]))?;
    let version = found.split(' ').nth(1).context("rustc says no version")?;
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        bail!("rustc has version {version}")
    };
    if (major, minor) < RUST_MIN {
        bail!("rustc has version {version}, expected {}.{} or newer", RUST_MIN.0, RUST_MIN.1);
    }
    Ok(version.to_owned())
}

fn find_node(_: &Tree) -> Result<String> {
    let version = output(&mut command("node", &["--version"]))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MIN) {
        bail!("node has version {version}, expected {NODE_MIN} or newer");
    }
    on_path("npm")?;
    Ok(format!("{version}; scripts use the one in node_modules"))
}

/// Compares what is installed with what the lock file names.
fn find_packages(tree: &Tree) -> Result<String> {
    let read = |path: &str| -> Result<Value> {
        let text = fs::read(tree.root.join(path)).with_context(|| format!("{path} is not there"))?;
        serde_json::from_slice(&text).with_context(|| format!("{path} is not JSON"))
    };
    let wanted = read("package-lock.json")?;
    // npm writes this file last, so that an install that was interrupted has none, or an old one.
    let found = read("node_modules/.package-lock.json")?;
    let packages = wanted["packages"].as_object().context("package-lock.json names no packages")?;
    for (path, package) in packages.iter().filter(|(path, _)| path.starts_with("node_modules/")) {
        let there = &found["packages"][path];
        // Optional ones are mostly for other systems.
        let missing = there.is_null() && package["optional"] != true;
        if missing || (!there.is_null() && there["version"] != package["version"]) {
            bail!("{path} is not as package-lock.json says");
        }
    }
    Ok(format!("{} as locked", packages.len()))
}

fn find_tool(tree: &Tree, krate: &str, version: &str) -> Result<String> {
    let program = tool(tree, krate, version);
    if program.is_file() {
        Ok(format!("{version}, {}", program.display()))
    } else {
        bail!("{version} is not built")
    }
}

/// Builds a tool aside and moves it into place, so that an interrupted build leaves nothing that looks whole.
fn install_tool(tree: &Tree, krate: &str, version: &str) -> Result<()> {
    let place = tree.tools.join(format!("{krate}-{version}"));
    let aside = tree.tools.join(format!(".{krate}-{version}-{}", std::process::id()));
    let spec = format!("{krate}@{version}");
    let install = |what: &str, arguments: &[&str]| {
        let mut install = cargo(&["install", "--quiet"]);
        // The project's own settings are not for the tool.
        install.args(arguments).arg("--root").arg(&aside).arg(&spec).current_dir(std::env::temp_dir());
        step(what, &mut install)
    };
    fs::create_dir_all(&tree.tools)?;
    let built = install(&format!("cargo install {spec}, some minutes"), &["--locked"]).or_else(|error| {
        // A lock file that names a release that was withdrawn since.
        println!("  {error:#}; trying with newer dependencies");
        install(&format!("cargo install {spec} with newer dependencies"), &[])
    });
    let moved = built.and_then(|()| replace(&aside, &place));
    if moved.is_err() && aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    moved
}

fn replace(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::rename(from, to).with_context(|| format!("cannot move a tool to {}", to.display()))
}

fn install_chromium(tree: &Tree) -> Result<()> {
    apt_get_install(&["chromium"]).or_else(|error| {
        println!("  {error:#}; trying Playwright's");
        let mut install = command(tree.npm_bin("playwright-core"), &["install", "chromium"]);
        step("playwright-core install chromium", &mut install)
    })
}

/// A browser beside Chromium.
struct OtherBrowser {
    name: &'static str,
    is_there: fn() -> bool,
    packages: &'static [&'static str],
}

const OTHER_BROWSERS: [OtherBrowser; 2] = [
    OtherBrowser {
        name: "Firefox",
        is_there: || which("firefox-esr").or_else(|| which("firefox")).is_some(),
        packages: &["firefox-esr"],
    },
    OtherBrowser {
        name: "WebKit",
        is_there: || ["WebKitWebDriver", "xvfb-run"].iter().all(|program| which(program).is_some()),
        packages: &["webkit2gtk-driver", "xvfb", "xauth"],
    },
];

/// Installs Firefox and `WebKit` where that works. Where it does not, the tests in them are skipped by name, with what is missing, and
/// this says why.
pub(crate) fn other_browsers() {
    for OtherBrowser { name, is_there, packages } in OTHER_BROWSERS {
        if is_there() {
            continue;
        }
        println!("{name} is missing");
        if let Err(error) = apt_get_install(packages) {
            println!("  tests in {name} are skipped: {error:#}");
        }
    }
}

fn on_path(name: &str) -> Result<String> {
    which(name)
        .map(|path| path.display().to_string())
        .with_context(|| format!("there is no {name} on the PATH"))
}

fn by_hand() -> Result<()> {
    bail!("this has to be installed by hand")
}
