//! `tapedeck-bench-tables`: writes the tables of a project into a folder, one file a key, and prints what it wrote as JSON.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use tapedeck_bench_tables::{file, rows, span_of};
use tapedeck_core::day::Day;
use tapedeck_core::ids::ProjectId;
use tapedeck_core::tables::{Level, Table};

/// Makes tables of many sessions.
#[derive(Debug, Parser)]
struct Wanted {
    /// Whose tables.
    #[arg(long, default_value = "demo")]
    project: ProjectId,
    /// How many sessions in all.
    #[arg(long, default_value_t = 1_000_000)]
    sessions: usize,
    /// Over how many days, up to `until_ms`.
    #[arg(long, default_value_t = 30)]
    days: i64,
    /// The end of the last day's sessions, Unix milliseconds.
    #[arg(long)]
    until_ms: i64,
    /// How the files are: as first written, or compacted.
    #[arg(long, value_enum, default_value = "l1")]
    level: Written,
    /// Sessions that share files.
    #[arg(long, default_value_t = 50_000)]
    sessions_a_file: usize,
    /// Another number makes other rows.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to: a file's path in it is its key.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    L0,
    L1,
}

fn main() -> Result<()> {
    let wanted = Wanted::parse();
    let level = match wanted.level {
        Written::L0 => Level::L0,
        Written::L1 => Level::L1,
    };
    let days = usize::try_from(wanted.days).context("days is negative")?.max(1);
    let (mut files, mut bytes) = (0_u64, 0_u64);
    for n in 0..days {
        let day = Day::of_ms(wanted.until_ms).plus(-i64::try_from(n)?);
        // What does not divide goes to the first days.
        let mut left = wanted.sessions / days + usize::from(n < wanted.sessions % days);
        let parts = left.div_ceil(wanted.sessions_a_file).max(1);
        let (from_ms, to_ms) = span_of(day, wanted.until_ms);
        for part in 0..parts {
            let count = left.min(wanted.sessions_a_file);
            left -= count;
            // Files of one day follow each other in time, as compaction leaves them.
            let at = |part: usize| -> Result<i64> {
                Ok(from_ms + (to_ms - from_ms) * i64::try_from(part)? / i64::try_from(parts)?)
            };
            let seed = wanted.seed.wrapping_mul(1_000_003).wrapping_add((n * 100_000 + part) as u64);
            let made = rows(count, at(part)?, at(part + 1)?, seed);
            for (table, rows) in
                [(Table::Sessions, made.sessions), (Table::Errors, made.errors), (Table::Pages, made.pages)]
            {
                if rows.is_empty() {
                    continue;
                }
                let (key, body) = file(&wanted.project, table, day, level, rows)?;
                let path = wanted.out.join(key.to_string());
                let folder = path.parent().context("a key without a folder")?;
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make {}", folder.display()))?;
                std::fs::write(&path, &body).with_context(|| format!("cannot write {}", path.display()))?;
                files += 1;
                bytes += body.len() as u64;
            }
        }
    }
    println!("{}", serde_json::json!({"files": files, "bytes": bytes}));
    Ok(())
}
