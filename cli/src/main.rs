//! `tapedeck`: what is in a tape, and whether it is whole; a tape's events as the JSON array that rrweb's own player takes.

mod events;
mod inspect;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "tapedeck", about, version)]
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
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Task::Inspect { file } => {
            read(&file).and_then(|bytes| inspect::inspect(&bytes, &mut std::io::stdout()))
        }
        Task::Events { file, page } => {
            read(&file).and_then(|bytes| events::events(&bytes, page.as_deref(), &mut std::io::stdout()))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
