//! `tapedeck`: what is in a tape, and whether it is whole; sessions out of a bucket and into one, as tapes and as the JSON array of events
//! that rrweb's own player takes.

mod events;
mod export;
mod folder;
mod import;
mod inspect;
mod place;
mod rrweb;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

const EXPORT_EXAMPLES: &str = "Examples:
  tapedeck export 6553f10018f45d4a71053ad0482c3b0e --from s3://my-bucket --project shop --to session.tape
  tapedeck export 6553f10018f45d4a71053ad0482c3b0e --from s3://my-bucket --project shop --to events.json

Signs in as the AWS CLI does. With single sign-on, before: eval \"$(aws configure export-credentials --format env)\"";

const IMPORT_EXAMPLES: &str = "Examples:
  tapedeck import session.tape --to s3://other-bucket
  tapedeck import events.json --project shop --to session.tape

Signs in as the AWS CLI does. With single sign-on, before: eval \"$(aws configure export-credentials --format env)\"";

#[derive(Parser)]
#[command(
    name = "tapedeck",
    about = "Looks into tapes, and moves sessions as files: out of a bucket, into one, from and to rrweb",
    version
)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print what is in a tape, and read all of it: fails if a byte is not as it was written.
    Inspect {
        /// The tape.
        file: PathBuf,
    },
    /// Write a tape's events as one JSON array of rrweb events, in order of time.
    Events {
        /// The tape.
        file: PathBuf,
        /// Only this page load; all of them otherwise.
        #[arg(long)]
        page: Option<String>,
    },
    /// Make a tape, or an rrweb recording, of sessions in a bucket or a folder.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(export::Export),
    /// Put tapes and rrweb recordings into a bucket or a folder, as if they had ended there, or into a tape. Prints the sessions.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(import::Import),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(hint) = place::hint(&error) {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> Result<()> {
    match task {
        Task::Inspect { file } => inspect::inspect(&read(&file)?, &mut std::io::stdout()),
        Task::Events { file, page } => events::events(&read(&file)?, page.as_deref(), &mut std::io::stdout()),
        Task::Export(arguments) => Box::pin(export::export(&arguments)).await,
        Task::Import(arguments) => Box::pin(import::import(&arguments)).await,
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
