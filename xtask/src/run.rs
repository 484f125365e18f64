//! Running other programs, so that one can see what runs and how long it took.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// A command that runs in the project's folder.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Cargo, as a person would call it: without what this program's own `cargo run` put into the environment.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command("cargo", arguments);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name == "CARGO" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// An npm script of a workspace.
pub(crate) fn npm_script(workspace: &str, script: &str) -> Command {
    command("npm", &["run", "--silent", script, "-w", workspace])
}

/// Says what is done, does it with its output shown, and says how long it took.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<()> {
    let begun = Instant::now();
    println!("→ {what}");
    if !shown(command)? {
        bail!("{what} failed");
    }
    println!("  {what}: {}", seconds(begun.elapsed()));
    Ok(())
}

/// Runs a command with its output shown, and says whether it succeeded.
pub(crate) fn shown(command: &mut Command) -> Result<bool> {
    Ok(command.status().with_context(|| cannot_run(command))?.success())
}

/// A command as one would type it, its program without the folder.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The standard output of a command that succeeded, trimmed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::null()).output().with_context(|| cannot_run(command))?;
    if !output.status.success() {
        bail!("{} failed: {}", command.get_program().display(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command with its output shown; `look` sees each line of its standard output, without colours. Says whether it
/// succeeded.
pub(crate) fn watched(command: &mut Command, mut look: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_run(command))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            look(&without_colours(&line));
        }
    }
    Ok(child.wait()?.success())
}

/// Some runners print colours wherever they run.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    text
}

/// `12.3 s`, or `4 min 12 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

/// Where a program of this name is found, if it is.
pub(crate) fn which(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| Path::is_file(file))
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run {}", command.get_program().display())
}

#[cfg(test)]
mod tests {
    use super::without_colours;

    #[test]
    fn colours_are_taken_out() {
        let line = "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m64 passed\u{1b}[39m\u{1b}[22m\u{1b}[90m (64)\u{1b}[39m";
        assert_eq!(without_colours(line), "      Tests  64 passed (64)");
        assert_eq!(without_colours("plain"), "plain");
    }
}
