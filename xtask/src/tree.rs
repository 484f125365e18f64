//! The project's folder, and where things go that are not in it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use crate::run::{command, output};

/// Folders that hold what is built or installed, and so do not count as input of a build.
const NOT_SOURCE: [&str; 7] = ["node_modules", "assets", "dist", "build", "target", "test", "tests"];

/// Where everything lies.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// Tools that are built once for all clones: `~/.cache/tapedeck/tools`.
    pub(crate) tools: PathBuf,
}

impl Tree {
    pub(crate) fn find() -> Result<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = own.parent().context("xtask lies in no folder")?.to_owned();
        env::set_current_dir(&root).with_context(|| format!("cannot work in {}", root.display()))?;
        let cache = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
            (Some(cache), _) => PathBuf::from(cache),
            (None, Some(home)) => PathBuf::from(home).join(".cache"),
            (None, None) => root.join("target"),
        };
        Ok(Self { root, tools: cache.join("tapedeck/tools") })
    }

    /// A program that npm has installed here.
    pub(crate) fn npm_bin(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/.bin").join(name)
    }

    /// Flags of rustc that keep out of a program where it was built: cargo names its own folder in panics.
    pub(crate) fn without_places(&self) -> Result<String> {
        let home = match (env::var_os("CARGO_HOME"), env::var_os("HOME")) {
            (Some(home), _) => PathBuf::from(home),
            (None, Some(home)) => PathBuf::from(home).join(".cargo"),
            (None, None) => bail!("neither CARGO_HOME nor HOME is set"),
        };
        Ok(format!(
            "--remap-path-prefix={}=. --remap-path-prefix={}=cargo",
            self.root.display(),
            home.display()
        ))
    }

    /// A copy of what git knows of, in `folder`, with the npm packages of this one.
    pub(crate) fn copy_to(&self, folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        let names = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
        let names = output(command("git", &names).current_dir(&self.root))?;
        // What is deleted and not committed yet is listed, too.
        for name in names.split('\0').filter(|name| self.root.join(name).is_file()) {
            let to = folder.join(name);
            fs::create_dir_all(to.parent().context("a file lies in no folder")?)?;
            fs::copy(self.root.join(name), to).with_context(|| format!("cannot copy {name}"))?;
        }
        symlink(self.root.join("node_modules"), folder.join("node_modules"))?;
        Ok(Self { root: folder, tools: self.tools.clone() })
    }

    /// The version of a crate that `Cargo.lock` names.
    pub(crate) fn locked_version(&self, krate: &str) -> Result<String> {
        let lock = fs::read_to_string(self.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
        let header = format!("name = \"{krate}\"\nversion = \"");
        let (_, rest) = lock.split_once(&header).with_context(|| format!("Cargo.lock has no {krate}"))?;
        let (version, _) = rest.split_once('"').context("Cargo.lock is cut off")?;
        Ok(version.to_owned())
    }

    /// Runs `build`, unless `output` is there and was built from what `inputs` hold now.
    pub(crate) fn build_once(
        &self,
        name: &str,
        inputs: &[&str],
        output: &str,
        build: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let stamp = self.root.join("target/xtask").join(format!("{}.stamp", name.replace('/', "-")));
        // Taken before the build: what changes while it runs is for the next one.
        let digest = self.digest(inputs)?;
        if self.root.join(output).exists() && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == digest) {
            println!("  {name}: up to date");
            return Ok(());
        }
        if stamp.exists() {
            fs::remove_file(&stamp).with_context(|| format!("cannot remove {}", stamp.display()))?;
        }
        build()?;
        fs::create_dir_all(stamp.parent().context("a stamp lies in no folder")?)?;
        fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
    }

    /// Changes when a file under `inputs` changes its name or content.
    fn digest(&self, inputs: &[&str]) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            hash(&self.root.join(input), &mut hasher)?;
        }
        Ok(format!("{:016x}", hasher.finish()))
    }
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.hash(hasher);
    if path.is_file() {
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.hash(hasher);
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut entries = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let is_source = !name.starts_with('.') && !NOT_SOURCE.contains(&name.as_ref());
        if is_source {
            hash(&entry, hasher)?;
        }
    }
    Ok(())
}
