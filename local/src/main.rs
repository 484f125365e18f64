//! `tapedeck-local up`: starts the whole stack on this machine and keeps it running until Ctrl-C.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use tapedeck_local::ports::Ports;
use tapedeck_local::stack::{Links, Stack, StackConfig};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Start everything that is built; Ctrl-C stops it.
    Up {
        /// Where data, logs and secrets are kept.
        #[arg(long, default_value = ".tapedeck")]
        data: PathBuf,
        /// Begin with an empty bucket and queue.
        #[arg(long)]
        fresh: bool,
        /// How ports are chosen.
        #[arg(long, value_enum, default_value_t = Ports::Usual)]
        ports: Ports,
        /// The project's folder.
        #[arg(long, default_value = ".")]
        root: PathBuf,
        /// The indexer's program; the one beside this program if it is not named.
        #[arg(long)]
        indexer: Option<PathBuf>,
        /// The template that the stack is made from, if it is not the project's own.
        #[arg(long)]
        template: Option<PathBuf>,
        /// Seconds without a new chunk, one to two times as many, after which a session has ended.
        #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=900))]
        hop_s: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .without_time()
        .with_writer(std::io::stderr)
        .init();
    let Subcommands::Up { data, fresh, ports, root, indexer, template, hop_s } = Arguments::parse().command;
    let started = async {
        let indexer = match indexer {
            Some(indexer) => indexer,
            None => std::env::current_exe()?.with_file_name("tapedeck-indexer"),
        };
        let template = template.unwrap_or_else(|| root.join("infra/aws/template.yaml"));
        let hop = Duration::from_secs(hop_s);
        up(&StackConfig { root, data, indexer, ports, template, hop }, fresh).await
    };
    match started.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn up(config: &StackConfig, fresh: bool) -> Result<()> {
    let begun = Instant::now();
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot create {}", config.data.display()))?;
    let _lock = lock(&config.data)?;
    // Left behind by a run that was killed.
    remove_if_there(&config.data.join("up.json"))?;
    if fresh {
        remove_if_there(&config.data.join("s3/store.redb"))?;
    }
    // From here on, so that a signal during the start ends in order too.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let signals = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    };
    tokio::pin!(signals);
    let say =
        |part: &str, text: &str| println!("  {:>5.1} s  {part:<8} {text}", begun.elapsed().as_secs_f64());
    let stack = tokio::select! {
        stack = Stack::start(config, say) => stack?,
        () = &mut signals => return Ok(()),
    };
    print_links(stack.links());
    signals.await;
    println!("\nstopping");
    stack.stop().await
}

fn print_links(links: &Links) {
    println!();
    for (name, link) in [
        ("demo shop", links.demo.as_str()),
        ("player", &links.player),
        ("edge", &links.edge),
        ("bucket", &links.s3),
        ("logs", &links.logs.to_string_lossy()),
    ] {
        println!("  {name:<10} {link}");
    }
    println!("\nClick around in the demo shop, then choose \"Watch this\" there. Ctrl-C stops everything.");
}

/// A lock on the data folder that ends with this process, however it ends.
fn lock(data: &Path) -> Result<File> {
    let path = data.join("lock");
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner)?;
            bail!(
                "a stack runs already with {} (process {}): stop it, or name another folder with --data",
                data.display(),
                owner.trim()
            );
        }
        Err(std::fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
