//! `tapedeck-bench-indexer WHAT …` measures one thing of the indexer and prints it as JSON; `bench/indexer.ts` makes figures of that.

mod cpu;
mod memory;
mod requests;
mod sessions;
mod tables;

use anyhow::{Context as _, Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match &arguments[..] {
        ["summary", files @ ..] => cpu::summary(files)?,
        ["flat", files @ ..] => cpu::flat(files)?,
        ["memory", shape] => memory::memory(shape)?,
        ["merge"] => cpu::merge()?,
        ["tape", files @ ..] => sessions::tape(files)?,
        ["rebuild", sessions, files @ ..] => sessions::rebuild(sessions.parse()?, files)?,
        ["compaction", files @ ..] => tables::compaction(files)?,
        ["requests"] => requests::requests()?,
        _ => bail!("expected summary, flat, memory, merge, tape, rebuild, compaction or requests"),
    };
    println!("{result}");
    Ok(())
}

/// Chunks as they are stored, out of files.
fn chunks(files: &[&str]) -> Result<Vec<Vec<u8>>> {
    if files.is_empty() {
        bail!("no chunks given");
    }
    files.iter().map(|path| std::fs::read(path).with_context(|| format!("cannot read {path}"))).collect()
}

/// A number to divide by.
#[allow(clippy::cast_precision_loss)]
fn float(number: usize) -> f64 {
    number as f64
}
