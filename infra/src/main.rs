//! The commands behind `cargo xtask init`, `deploy` and the tests' look at permissions.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use tapedeck_core::ids::ProjectId;
use tapedeck_infra::deploy::{Plan, destroy};
use tapedeck_infra::iam::{Policies, Use, Uses};
use tapedeck_infra::init::{self, Answers, Question, write};
use tapedeck_infra::reindex::{Progress, SHARDS, Target, reindex};
use tapedeck_infra::settings::Settings;
use tapedeck_infra::template::{Place, Template};

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    /// Ask what is needed, and write tapedeck.toml.
    Init(Init),
    /// Check tapedeck.toml; with an environment also whether its accounts are signed in to.
    Check {
        /// The file.
        #[arg(long, default_value = "tapedeck.toml")]
        config: PathBuf,
        /// Which environment.
        #[arg(long)]
        env: Option<String>,
        /// Leave Cloudflare alone.
        #[arg(long)]
        only_aws: bool,
    },
    /// Hold the Worker to what wrangler makes of an environment's configuration; needs no account.
    CheckEdge {
        /// Which environment.
        #[arg(long)]
        env: String,
        /// The file.
        #[arg(long, default_value = "tapedeck.toml")]
        config: PathBuf,
    },
    /// Print, as JSON, where a deployed environment is.
    Where {
        /// Which environment.
        #[arg(long)]
        env: String,
        /// The file.
        #[arg(long, default_value = "tapedeck.toml")]
        config: PathBuf,
    },
    /// Deploy an environment, or take it away.
    Deploy(Deploy),
    /// Make a project's manifests and tables anew.
    Reindex(Reindex),
    /// Fail if no test has used one of the template's permissions, and name it.
    Permissions {
        /// The folder that the tests noted their uses in.
        #[arg(long)]
        uses: PathBuf,
    },
}

#[derive(Args)]
struct Init {
    /// The file to write.
    #[arg(long, default_value = "tapedeck.toml")]
    config: PathBuf,
    /// AWS account, 12 digits.
    #[arg(long)]
    account: Option<String>,
    /// AWS region.
    #[arg(long)]
    region: Option<String>,
    /// Name of the project.
    #[arg(long)]
    project: Option<String>,
    /// Pages that record into it, as `scheme://host`; several with commas.
    #[arg(long)]
    origins: Option<String>,
    /// Host name of the edge; empty for a subdomain of workers.dev.
    #[arg(long)]
    edge_host: Option<String>,
    /// Who is told of alarms; empty for nobody.
    #[arg(long)]
    alarm_email: Option<String>,
}

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Deploy {
    /// Which environment of tapedeck.toml.
    #[arg(long)]
    env: String,
    /// The file.
    #[arg(long, default_value = "tapedeck.toml")]
    config: PathBuf,
    /// The project's folder.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// The indexer's zip.
    #[arg(long)]
    indexer: PathBuf,
    /// Say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Leave Cloudflare alone.
    #[arg(long)]
    only_aws: bool,
    /// Take the environment away. Recordings stay.
    #[arg(long)]
    destroy: bool,
    /// With --destroy: delete what was recorded, too.
    #[arg(long, requires = "destroy")]
    delete_recordings: bool,
    /// For tests: the account is an emulator's, and what it leaves out of the template is no failure.
    #[arg(long, hide = true)]
    emulated: bool,
}

#[derive(Args)]
struct Reindex {
    /// Which environment of tapedeck.toml, or `local`.
    #[arg(long)]
    env: String,
    /// The file.
    #[arg(long, default_value = "tapedeck.toml")]
    config: PathBuf,
    /// Whose.
    #[arg(long)]
    project: ProjectId,
    /// Names the run: the same name again does what is left of it.
    #[arg(long)]
    run: String,
    /// One of the environment's further stores.
    #[arg(long)]
    store: Option<String>,
    /// Of `local`: the file that the stack writes while it runs.
    #[arg(long, default_value = ".tapedeck/up.json")]
    up: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Commands::Init(init) => run_init(&init),
        Commands::Check { config, env, only_aws } => check(&config, env, only_aws),
        Commands::CheckEdge { env, config } => {
            read(&config).and_then(|settings| plan(settings, env).check_edge())
        }
        Commands::Where { env, config } => say_where(&config, env),
        Commands::Deploy(deploy) => run_deploy(deploy),
        Commands::Reindex(reindex) => run_reindex(&reindex),
        Commands::Permissions { uses } => permissions(&uses),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &Path) -> Result<Settings> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}; `cargo xtask init` writes it", path.display()))?;
    Ok(Settings::parse(&path.display().to_string(), &text)?)
}

fn check(config: &Path, env: Option<String>, only_aws: bool) -> Result<()> {
    let settings = read(config)?;
    println!("{} is in order", config.display());
    match env {
        Some(env) => Plan { only_aws, ..plan(settings, env) }.check_signed_in(),
        None => Ok(()),
    }
}

fn run_init(init: &Init) -> Result<()> {
    if init.config.exists() {
        bail!("{} is there already", init.config.display());
    }
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let answers = Answers {
        environment: "production".to_owned(),
        account: ask(init.account.as_ref(), init::ACCOUNT)?,
        region: ask(init.region.as_ref(), init::REGION)?,
        project: ask(init.project.as_ref(), init::PROJECT)?,
        origins: init::split(&ask(init.origins.as_ref(), init::ORIGINS)?),
        edge_host: given(ask(init.edge_host.as_ref(), init::EDGE_HOST)?),
        alarm_email: given(ask(init.alarm_email.as_ref(), init::ALARM_EMAIL)?),
    };
    let written = write(&answers, base62)?;
    Settings::parse(&init.config.display().to_string(), &written.text)?;
    std::fs::write(&init.config, &written.text)
        .with_context(|| format!("cannot write {}", init.config.display()))?;
    println!("\n{} is written. It holds no secret.", init.config.display());
    println!("  project key   {}   (for the page)", written.project_key);
    println!("  viewer token  {}   (shown only now)", written.token);
    println!("\nNext: cargo xtask deploy --env {}", answers.environment);
    Ok(())
}

/// What was given, or what a person types, who is asked again until it will do.
fn ask(given: Option<&String>, question: Question) -> Result<String> {
    let Question { text, usual, check } = question;
    if let Some(given) = given {
        check(given).map_err(|detail| anyhow!("{text}: {detail}"))?;
        return Ok(given.clone());
    }
    let hint = usual.filter(|usual| !usual.is_empty()).map(|usual| format!(" [{usual}]")).unwrap_or_default();
    loop {
        print!("{text}{hint}: ");
        std::io::stdout().flush()?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line)? == 0 {
            bail!("{text}: no answer; flags answer without questions, see --help");
        }
        let answer = match (line.trim(), usual) {
            ("", Some(usual)) => usual,
            (typed, _) => typed,
        };
        match check(answer) {
            Ok(()) => return Ok(answer.to_owned()),
            Err(detail) => println!("  {detail}"),
        }
    }
}

fn say_where(config: &Path, env: String) -> Result<()> {
    let place = plan(read(config)?, env).whereabouts()?;
    println!("{}", serde_json::to_string(&place)?);
    Ok(())
}

/// A plan that deploys nothing: it looks.
fn plan(settings: Settings, name: String) -> Plan {
    Plan {
        settings,
        root: PathBuf::from("."),
        name,
        indexer: PathBuf::new(),
        only_aws: false,
        dry_run: true,
        emulated: false,
    }
}

fn run_deploy(deploy: Deploy) -> Result<()> {
    let plan = Plan {
        settings: read(&deploy.config)?,
        root: deploy.root,
        name: deploy.env,
        indexer: deploy.indexer,
        only_aws: deploy.only_aws,
        dry_run: deploy.dry_run,
        emulated: deploy.emulated,
    };
    if deploy.destroy { destroy(&plan, deploy.delete_recordings) } else { plan.run() }
}

#[tokio::main(flavor = "current_thread")]
async fn run_reindex(arguments: &Reindex) -> Result<()> {
    let Reindex { env, config, project, run, store, up } = arguments;
    let target = match env.as_str() {
        "local" => Target::local(up)?,
        _ => Target::deployed(&read(config)?, env, store.as_deref())?,
    };
    let say = |progress: Progress| {
        println!(
            "  {:>3} of {SHARDS} parts, {} sessions, {} chunks, {} manifests were other than they should be",
            progress.shards, progress.sessions, progress.chunks, progress.written
        );
    };
    let invoke = async |task: &_| target.invoke(task).await;
    reindex(&target.store, invoke, project, run, say).await?;
    println!("run {run} of project {project} is done");
    Ok(())
}

/// Refuses grants of the template that no test has used, unless its resource's `UsedElsewhere` says who does.
fn permissions(folder: &Path) -> Result<()> {
    let path = Path::new("infra/aws/template.yaml");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let place = Place {
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        stack: "tapedeck".to_owned(),
    };
    let parameters: BTreeMap<String, String> = [
        ("Environment", "local".to_owned()),
        ("CodeBucket", "code".to_owned()),
        ("CodeKey", format!("indexer/{}.zip", "0".repeat(64))),
        ("PlayerOrigins", "https://player.example".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let resolved = Template::parse(&text)?.resolve(place, &parameters)?;
    let used = Uses::read(folder)?;
    let (mut unused, mut elsewhere) = (Vec::new(), 0);
    for grant in Policies::read(&resolved)?.grants() {
        let found = Use::from(&grant);
        if used.contains(&found) {
            continue;
        }
        if resolved.resources[&grant.policy].metadata["UsedElsewhere"][&grant.sid].is_string() {
            elsewhere += 1;
        } else {
            unused.push(format!("{} {}: {} on {}", found.policy, found.sid, found.action, grant.resource));
        }
    }
    println!("  {} grants used by tests, {elsewhere} used where only an account can show it", used.len());
    if !unused.is_empty() {
        bail!("granted, and used by nothing:\n    {}", unused.join("\n    "));
    }
    Ok(())
}

fn base62(length: usize) -> Result<String> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0];
        getrandom::fill(&mut byte).context("the system has no randomness")?;
        // 248 is the largest multiple of 62 in a byte: beyond it, the first digits would come more often.
        if byte[0] < 248 {
            text.push(char::from(DIGITS[usize::from(byte[0]) % DIGITS.len()]));
        }
    }
    Ok(text)
}
