//! Tapes and rrweb recordings into a bucket or a folder, or into a tape.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::object_key::ArchiveClass;
use tapedeck_core::tape::Tape;
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::portable;
use tapedeck_indexer::session_tape::Recorded;

use crate::export::write;
use crate::place::{AwsOptions, Place};
use crate::rrweb::tape_of;

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Tapes, or rrweb recordings: files that end in .json, with an array of events.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// `s3://BUCKET`, a folder that is there, or a file that ends in .tape.
    #[arg(long)]
    to: Place,
    /// Whose sessions they become. A tape's own project unless told; of a recording it has to be told.
    #[arg(long)]
    project: Option<ProjectId>,
    /// The session that a recording becomes, 32 hex digits; else one that follows from its events.
    #[arg(long)]
    session: Option<SessionId>,
    /// How long the bucket keeps it: one of its lifecycle rules' classes, as 30d, 90d, 180d or 365d. Else as the project's rules say, at least 30d.
    #[arg(long)]
    class: Option<ArchiveClass>,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Imports each file.
///
/// # Errors
/// Of the first that cannot be imported; those before it are.
pub(crate) async fn import(arguments: &Import) -> Result<()> {
    let Import { files, to, project, session, class, aws } = arguments;
    if session.is_some() && files.len() > 1 {
        bail!("{} files cannot all become one session: import them one by one", files.len());
    }
    if let Place::Path(path) = to
        && path.extension().is_some_and(|ending| ending == "tape")
    {
        let [file] = &files[..] else { bail!("{} files cannot become one tape", files.len()) };
        let recorded = read(file, project.as_ref(), session.as_ref())?;
        write(path, |out| Ok(out.write_all(recorded.bytes())?))?;
        println!("{}", session_of(&recorded)?);
        return Ok(());
    }
    let store = aws.open(to).await?;
    for file in files {
        let recorded = read(file, project.as_ref(), session.as_ref())?;
        let imported = Box::pin(portable::import(&store, &recorded, *class, Patience::default())).await;
        let imported = imported.with_context(|| format!("{} is not imported into {to}", file.display()))?;
        println!("{}", imported.manifest.session);
        eprintln!("{}", imported.tape);
    }
    Ok(())
}

fn session_of(recorded: &Recorded) -> Result<SessionId> {
    Ok(recorded.manifest()?.session)
}

/// A file as a tape of the project. Nothing of it is trusted that was not checked.
fn read(file: &Path, project: Option<&ProjectId>, session: Option<&SessionId>) -> Result<Recorded> {
    let at = || file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", at()))?;
    if file.extension().is_some_and(|ending| ending == "json") {
        let Some(project) = project else {
            bail!("{} does not say whose recording it is: give --project", at());
        };
        return tape_of(&bytes, project, session).with_context(at);
    }
    if session.is_some() {
        bail!("{} is a tape and names its session: leave --session away", at());
    }
    Tape::parse(&bytes).and_then(|tape| tape.verify().map(drop)).with_context(at)?;
    let recorded = Recorded::of(bytes).with_context(at)?;
    match project {
        None => Ok(recorded),
        Some(project) => portable::for_project(recorded, project).with_context(at),
    }
}
