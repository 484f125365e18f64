//! The project's commands: `cargo xtask up`, `test`, `bench`, `doctor`.

mod bench;
mod cloud;
mod fuzz;
mod needs;
mod package;
mod parts;
mod python;
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
        /// Its own arguments, as `cargo xtask bench scale -- --uploads-per-second 250 --peak 4`.
        #[arg(last = true, requires = "name")]
        arguments: Vec<String>,
    },
    /// Ask a few questions, and write tapedeck.toml.
    Init {
        /// Answers in place of questions: `--account`, `--region`, `--project`, `--origins`, `--edge-host`, `--alarm-email`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        answers: Vec<String>,
    },
    /// Build everything and deploy an environment of tapedeck.toml, or take it away.
    Deploy {
        /// Which.
        #[arg(long)]
        env: String,
        /// Say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Leave Cloudflare alone.
        #[arg(long)]
        only_aws: bool,
        /// Take the environment away. Recordings stay.
        #[arg(long)]
        destroy: bool,
        /// With --destroy: delete what was recorded, too.
        #[arg(long, requires = "destroy")]
        delete_recordings: bool,
    },
    /// Build what a release consists of, in `target/release-files/`, and check it there.
    Package {
        /// Build the Worker and the indexer for Lambda a second time, elsewhere, and compare.
        #[arg(long)]
        twice: bool,
        /// Leave out the indexer for Lambda, which takes most of the time.
        #[arg(long, conflicts_with = "twice")]
        without_indexer: bool,
    },
    /// Record, index, play and erase one session in a running environment; `local` is the stack on this machine.
    Smoke {
        /// Which.
        #[arg(long)]
        env: String,
        /// Of an environment that is not `local`: its edge, as `https://host`. What is not given, the deployment tells.
        #[arg(long)]
        edge: Option<String>,
        /// Of an environment that is not `local`: its bucket.
        #[arg(long)]
        bucket: Option<String>,
        /// Of an environment that is not `local`: its region.
        #[arg(long)]
        region: Option<String>,
    },
    /// Make a project's manifests and tables anew from what is recorded, and show how far it is. The same run again does what is left of it.
    Reindex {
        /// Which environment; `local` is the stack on this machine.
        #[arg(long)]
        env: String,
        /// Whose.
        #[arg(long)]
        project: String,
        /// Names the run, as `2026-11-21`.
        #[arg(long)]
        run: String,
        /// One of the environment's further stores.
        #[arg(long)]
        store: Option<String>,
    },
    /// Look for bytes that break the edge's parsers, and keep what was found interesting. Needs a nightly compiler.
    Fuzz {
        /// The target in `fuzz/fuzz_targets/`; all of them if none is named.
        target: Option<String>,
        /// For how long each.
        #[arg(long, default_value_t = 600)]
        seconds: u32,
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
        Task::Bench { name, arguments } => bench::bench(tree, name.as_deref(), &arguments),
        Task::Init { answers } => cloud::init(tree, &answers),
        Task::Deploy { env, dry_run, only_aws, destroy, delete_recordings } => {
            let flags = [
                ("--dry-run", dry_run),
                ("--only-aws", only_aws),
                ("--destroy", destroy),
                ("--delete-recordings", delete_recordings),
            ];
            cloud::deploy(tree, &env, &flags)
        }
        Task::Package { twice, without_indexer } => {
            let indexer = match (twice, without_indexer) {
                (true, _) => package::Indexer::Twice,
                (_, true) => package::Indexer::LeftOut,
                _ => package::Indexer::Once,
            };
            package::package(tree, indexer)
        }
        Task::Smoke { env, edge, bucket, region } => {
            cloud::smoke(tree, &env, &[("--edge", edge), ("--bucket", bucket), ("--region", region)])
        }
        Task::Reindex { env, project, run, store } => {
            cloud::reindex(tree, &env, &project, &run, store.as_deref())
        }
        Task::Fuzz { target, seconds } => fuzz::fuzz(tree, target.as_deref(), seconds),
        Task::Doctor => needs::doctor(tree),
    }
}
