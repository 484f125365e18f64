//! `tapedeck deploy --destroy`

use anyhow::{Context as _, Result, bail};

use super::command::{Aws, Wrangler};
use super::stacks::{bucket_is_there, outputs};
use super::{Plan, check_account, stack_name};
use crate::wrangler::{edge_name, player_name};

/// Takes an environment away. The bucket stays where it is, and what is recorded in it, unless `recordings` says that it shall go too.
///
/// # Errors
/// When there are recordings and nobody said that they may go; then nothing was changed.
pub fn destroy(plan: &Plan, recordings: bool) -> Result<()> {
    let environment = plan.environment()?;
    let own = Aws::new(&environment.region);
    let stack = stack_name(&plan.name);
    check_account(&own, &environment.account)?;
    let regions: Vec<Aws> = std::iter::once(own.clone())
        .chain(environment.stores.values().map(|store| own.in_region(&store.region)))
        .collect();
    let mut buckets = Vec::new();
    for aws in &regions {
        // By its name: it outlives its stack.
        let bucket = environment.bucket(&plan.name, aws.region());
        if bucket_is_there(aws, &bucket)? {
            if !recordings && holds_recordings(aws, &bucket)? {
                bail!("{bucket} holds recordings: `--delete-recordings` deletes them, for good");
            }
            buckets.push((aws, bucket));
        }
    }
    println!("takes away: stack {stack} in {} regions, Worker {}", regions.len(), edge_name(&plan.name));
    if plan.dry_run {
        println!("nothing was changed");
        return Ok(());
    }
    if !plan.only_aws {
        let wrangler = Wrangler::new(&plan.root)?;
        wrangler.delete(&edge_name(&plan.name))?;
        if environment.player == "cloudflare" {
            wrangler.delete(&player_name(&plan.name))?;
        }
    }
    if let Some(user) = outputs(&own, &stack)?.unwrap_or_default().get("EdgeUser") {
        let keys = own.json(&["iam", "list-access-keys", "--user-name", user])?;
        for key in keys["AccessKeyMetadata"].as_array().into_iter().flatten() {
            let id = key["AccessKeyId"].as_str().context("a key without id")?;
            own.run(&["iam", "delete-access-key", "--user-name", user, "--access-key-id", id])?;
        }
    }
    // The stores first: their policies are of the first one's user.
    for aws in regions.iter().rev() {
        let found = outputs(aws, &stack)?.unwrap_or_default();
        if let Some(files) = found.get("PlayerFiles") {
            aws.run(&["s3", "rm", "--recursive", "--only-show-errors", &format!("s3://{files}")])?;
        }
        plan.remove(aws, &stack)?;
        let code = format!("{stack}-code");
        if let Some(bucket) = outputs(aws, &code)?.unwrap_or_default().get("Bucket") {
            aws.run(&["s3", "rm", "--recursive", "--only-show-errors", &format!("s3://{bucket}")])?;
            plan.remove(aws, &code)?;
        }
    }
    for (aws, bucket) in buckets {
        if recordings {
            aws.run(&["s3", "rb", "--force", &format!("s3://{bucket}")])?;
            println!("{bucket} is gone");
        } else {
            println!("{bucket} stays, with its config; `--destroy --delete-recordings` takes it away, too");
        }
    }
    Ok(())
}

fn holds_recordings(aws: &Aws, bucket: &str) -> Result<bool> {
    for prefix in ["chunks/", "archive/"] {
        let found = aws.json(&[
            "s3api",
            "list-objects-v2",
            "--bucket",
            bucket,
            "--prefix",
            prefix,
            "--max-items",
            "1",
        ])?;
        if found["Contents"].as_array().is_some_and(|contents| !contents.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Plan {
    fn remove(&self, aws: &Aws, stack: &str) -> Result<()> {
        if outputs(aws, stack)?.is_none() {
            return Ok(());
        }
        println!("→ stack {stack} goes");
        // moto protects stacks, and knows no call that ends it.
        if !self.emulated {
            aws.run(&[
                "cloudformation",
                "update-termination-protection",
                "--no-enable-termination-protection",
                "--stack-name",
                stack,
            ])?;
        }
        aws.run(&["cloudformation", "delete-stack", "--stack-name", stack])?;
        aws.run(&["cloudformation", "wait", "stack-delete-complete", "--stack-name", stack])
    }
}
