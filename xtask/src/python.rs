//! Tools that Python's package index has, each in an environment of its own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::run::{command, step, which};
use crate::tree::Tree;

/// A tool, its version, and what it is installed as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    name: &'static str,
    program: &'static str,
    version: &'static str,
    packages: &'static [&'static str],
}

/// Knows CloudFormation's resources and their properties.
pub(crate) const CFN_LINT: Tool =
    Tool { name: "cfn-lint", program: "cfn-lint", version: "1.58.0", packages: &["cfn-lint==1.58.0"] };
/// Knows what is unwise in them.
pub(crate) const CHECKOV: Tool =
    Tool { name: "checkov", program: "checkov", version: "3.3.30", packages: &["checkov==3.3.30"] };
/// Emulates AWS, CloudFormation included.
pub(crate) const MOTO: Tool =
    Tool { name: "moto", program: "moto_server", version: "5.2.5", packages: &["moto[server]==5.2.5"] };
/// For tests; a deployer has an AWS CLI that is signed in.
pub(crate) const AWS_CLI: Tool =
    Tool { name: "awscli", program: "aws", version: "1.46.3", packages: &["awscli==1.46.3"] };
/// Cross-compiles with zig as the linker, against the C library that Lambda has.
pub(crate) const ZIGBUILD: Tool = Tool {
    name: "cargo-zigbuild",
    program: "cargo-zigbuild",
    version: "0.24.0",
    packages: &["cargo-zigbuild==0.24.0", "ziglang==0.17.1"],
};

/// The tool's program, installed if need be; nothing where this machine cannot, which is said by name.
pub(crate) fn tool(tree: &Tree, tool: Tool) -> Option<PathBuf> {
    match installed(tree, tool) {
        Ok(program) => Some(program),
        Err(error) => {
            println!("  {} is left out: {error:#}", tool.name);
            None
        }
    }
}

/// The tool's program, installed if need be.
pub(crate) fn installed(tree: &Tree, tool: Tool) -> Result<PathBuf> {
    let place = tree.tools.join(format!("{}-{}", tool.name, tool.version));
    let program = place.join("bin").join(tool.program);
    // Written last, so that an install that was interrupted is done again.
    let whole = place.join("whole");
    if whole.exists() {
        return Ok(program);
    }
    let python = which("python3").context("there is no python3 on the PATH")?;
    fs::create_dir_all(&tree.tools)?;
    let place_text = place.display().to_string();
    step("python3 -m venv", &mut command(python, &["-m", "venv", "--clear", &place_text]))
        .context("python3 makes no environment (on Debian: apt-get install python3-venv)")?;
    let mut install = command(place.join("bin/pip"), &["install", "--quiet", "--disable-pip-version-check"]);
    step(&format!("pip install {}", tool.packages.join(" ")), install.args(tool.packages))?;
    fs::write(&whole, tool.version)?;
    Ok(program)
}
