//! Sessions out of a bucket or a folder, as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_indexer::portable;

use crate::events::events;
use crate::place::{AwsOptions, Place};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The session as it is: spec/tape.md.
    Tape,
    /// Its events as one JSON array, in order of time, as rrweb's players take it.
    Rrweb,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Sessions, 32 hex digits each.
    #[arg(required = true)]
    sessions: Vec<SessionId>,
    /// `s3://BUCKET`, or a folder with a bucket's objects, as `aws s3 sync` makes one.
    #[arg(long)]
    from: Place,
    /// Whose sessions.
    #[arg(long)]
    project: ProjectId,
    /// A file; a folder that is there, for SESSION.tape or SESSION.json in it; or - for the standard output.
    #[arg(long)]
    to: PathBuf,
    /// What to write; else rrweb for a file that ends in .json, and tape for any other.
    #[arg(long)]
    format: Option<Format>,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Writes each session.
///
/// # Errors
/// Of the first session that cannot be read or written; those before are written.
pub(crate) async fn export(arguments: &Export) -> Result<()> {
    let Export { sessions, from, project, to, format, aws } = arguments;
    let is_folder = to.is_dir();
    if sessions.len() > 1 && !is_folder {
        bail!("{} is no folder; expected one for {} sessions", to.display(), sessions.len());
    }
    let is_json = to.extension().is_some_and(|ending| ending == "json");
    let format = format.unwrap_or(if is_json && !is_folder { Format::Rrweb } else { Format::Tape });
    let store = aws.open(from).await?;
    for session in sessions {
        let exported = Box::pin(portable::export(&store, project, session)).await;
        let exported = exported.with_context(|| format!("{from}: session {session} is not exported"))?;
        for name in &exported.damaged {
            eprintln!("warning: chunk {name} is damaged and left out");
        }
        let ending = if format == Format::Tape { "tape" } else { "json" };
        let file = if is_folder { to.join(format!("{session}.{ending}")) } else { to.clone() };
        write(&file, |out| match format {
            Format::Tape => Ok(out.write_all(exported.tape.bytes())?),
            Format::Rrweb => events(exported.tape.bytes(), None, out),
        })?;
        if file != Path::new("-") {
            eprintln!("{}", file.display());
        }
    }
    Ok(())
}

/// Writes a file that is not there yet, whole or not at all; or the standard output.
pub(crate) fn write(file: &Path, put: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    if file == Path::new("-") {
        return put(&mut std::io::stdout());
    }
    if file.exists() {
        bail!("{} is there already: remove it, or name another file", file.display());
    }
    let part = file.with_extension("part");
    let context = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(File::create(&part).with_context(context)?);
    let written = put(&mut out).and_then(|()| out.flush().with_context(context));
    if let Err(error) = written {
        fs::remove_file(&part).with_context(context)?;
        return Err(error);
    }
    fs::rename(&part, file).with_context(context)
}
