//! `cargo xtask up`

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::needs::{self, For};
use crate::parts::{self, Profile};
use crate::run::command;
use crate::tree::Tree;

/// Installs, builds, and becomes the local stack.
pub(crate) fn up(tree: &Tree, fresh: bool, data: &Path, ports: &str) -> Result<()> {
    needs::ensure(tree, For::All)?;
    parts::build(tree, Profile::Debug)?;
    println!("starting");
    let mut stack = command(tree.root.join("target/debug/tapedeck-local"), &["up", "--ports", ports]);
    stack.arg("--data").arg(data);
    if fresh {
        stack.arg("--fresh");
    }
    // In place of this program, so that whoever stops it stops the stack.
    Err(stack.exec()).context("cannot start the stack")
}
