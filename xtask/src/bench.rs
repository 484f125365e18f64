//! `cargo xtask bench`

use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result, bail};

use crate::needs::{self, For};
use crate::parts::{self, Profile};
use crate::run::{command, npm_script, step};
use crate::tree::Tree;

/// Programs in `bench/` that are no bench.
const NOT_BENCHES: [&str; 3] = ["frame", "record", "table"];

/// Builds what is measured for release, runs one bench or all, and checks that each left a result. With arguments of its own a bench prints
/// what it found and leaves none.
pub(crate) fn bench(tree: &Tree, name: Option<&str>, arguments: &[String]) -> Result<()> {
    let all = names(&tree.root.join("bench"))?;
    let names = match name {
        None => all,
        Some(name) if all.iter().any(|known| known == name) => vec![name.to_owned()],
        Some(name) => bail!("there is no bench {name}, but {}", all.join(", ")),
    };
    needs::ensure(tree, For::Tests)?;
    if names == ["edge"] {
        // It starts no stack, whose release takes many times as long to build.
        parts::edge(tree)?;
        parts::program("tapedeck-bench", Profile::Release)?;
    } else if names != ["scale"] {
        // That one calculates with what others have measured.
        parts::build(tree, Profile::Release)?;
    }
    let programs = tree.root.join("target").join(Profile::Release.folder());
    for name in &names {
        let result = tree.root.join(format!("bench/results/{name}.json"));
        let before = modified(&result)?;
        // The results' form is checked by what writes them, `bench/frame.ts`.
        let mut run = command(tree.npm_bin("node"), &[&format!("bench/{name}.ts")]);
        run.args(arguments);
        run.env("TAPEDECK_LOCAL", programs.join("tapedeck-local"))
            .env("TAPEDECK_BENCH", programs.join("tapedeck-bench"))
            .env("CHROME_BIN", needs::find_chromium(tree)?);
        step(&format!("bench {name}"), &mut run)?;
        if !arguments.is_empty() {
            return Ok(());
        }
        if modified(&result)? == before {
            bail!("bench {name} wrote no {}", result.display());
        }
    }
    step("table", &mut npm_script("bench", "table"))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "ts")
            && !NOT_BENCHES.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn modified(path: &Path) -> Result<Option<std::time::SystemTime>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.modified()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}
