//! The project's commands: `cargo xtask up`, `test`, `bench`, `doctor`.

mod bench;
mod needs;
mod parts;
mod run;
mod stages;
mod tree;
mod up;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tree::Tree;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, build, and start the whole stack on this machine; Ctrl-C ends it.
    Up {
        /// Begin with an empty bucket.
        #[arg(long)]
        fresh: bool,
        /// Where data, logs and secrets are kept.
        #[arg(long, default_value = ".tapedeck")]
        data: PathBuf,
        /// `usual` ports, or `auto` for any that are free.
        #[arg(long, default_value = "usual")]
        ports: String,
    },
    /// Run every check and test, or only the stages named.
    Test {
        /// Stages; all of them if none is named.
        stages: Vec<String>,
        /// Name the stages.
        #[arg(long)]
        list: bool,
    },
    /// Take the measurements of `bench/{name}.ts`, or of all.
    Bench {
        /// The bench; all of them if none is named.
        name: Option<String>,
    },
    /// Say what is installed and what is missing.
    Doctor,
}

fn main() -> ExitCode {
    match Tree::find().and_then(|tree| run(&tree, Arguments::parse().command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(tree: &Tree, task: Task) -> Result<()> {
    match task {
        Task::Up { fresh, data, ports } => up::up(tree, fresh, &data, &ports),
        Task::Test { list: true, .. } => {
            stages::list();
            Ok(())
        }
        Task::Test { stages, list: false } => stages::test(tree, &stages),
        Task::Bench { name } => bench::bench(tree, name.as_deref()),
        Task::Doctor => needs::doctor(tree),
    }
}
