//! CloudFormation: each region's two stacks, created, changed, or put back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::command::Aws;
use super::read_back::read_back;
use super::{Plan, path, stack_name};
use crate::settings::Environment;

/// A stack as it was before this deployment changed it.
#[derive(Debug)]
pub(super) struct Before {
    aws: Aws,
    name: String,
    template: String,
    parameters: Value,
}

/// What would become of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Create,
    Update,
    Nothing,
}

impl Plan {
    /// Creates or changes the stacks of one region, and returns the outputs of the second; `before` gets what is needed to put them back.
    pub(super) fn apply(
        &self,
        aws: &Aws,
        environment: &Environment,
        code: &str,
        edge_user: Option<&str>,
        before: &mut Vec<Before>,
    ) -> Result<BTreeMap<String, String>> {
        let (first, second) = (format!("{}-code", stack_name(&self.name)), stack_name(&self.name));
        let own = [("Environment".to_owned(), self.name.clone())].into();
        before.extend(self.stack(aws, &first, "artifacts.yaml", &own)?);
        let artifacts = outputs(aws, &first)?.context("the stack for the program is not there")?;
        let bucket = artifacts.get("Bucket").context("the stack for the program has no output Bucket")?;
        let there =
            aws.unless(&["404", "Not Found"], &["s3api", "head-object", "--bucket", bucket, "--key", code])?;
        if there.is_none() {
            println!("→ the indexer's program");
            let program = path(&self.indexer)?;
            aws.run(&["s3", "cp", "--only-show-errors", &program, &format!("s3://{bucket}/{code}")])?;
        }
        if outputs(aws, &second)?.is_none() {
            let recordings = environment.bucket(&self.name, aws.region());
            if bucket_is_there(aws, &recordings)? {
                bail!(
                    "{recordings} is there from an earlier deployment that was taken away, and CloudFormation makes no second one: keep its recordings and name the environment otherwise, or delete them by `cargo xtask deploy --env {} --destroy --delete-recordings`",
                    self.name
                );
            }
        }
        let mut parameters = self.parameters(environment, code, edge_user)?;
        parameters.insert("CodeBucket".to_owned(), bucket.clone());
        before.extend(self.stack(aws, &second, "template.yaml", &parameters)?);
        self.look(aws, environment)?;
        outputs(aws, &second)?.context("the stack is not there")
    }

    /// Whether the region has what the template says.
    fn look(&self, aws: &Aws, environment: &Environment) -> Result<()> {
        let (resolved, deployment) = self.expected(environment, aws.region())?;
        let differs = read_back(aws, &deployment, &resolved)?;
        if differs.is_empty() {
            println!("→ read back: bucket, queues, function and schedules are as the template says");
        } else if self.emulated {
            println!("→ read back: the emulator has left out or changed\n  {}", differs.join("\n  "));
        } else {
            bail!(
                "{} is not as infra/aws/template.yaml says; was it changed by hand?\n       {}",
                aws.region(),
                differs.join("\n       ")
            );
        }
        Ok(())
    }

    /// What a deployment would do to each stack, from what there is now.
    pub(super) fn say_changes(&self, aws: &Aws, environment: &Environment, code: &str) -> Result<()> {
        let regions = environment.stores.values().map(|store| store.region.as_str());
        for (i, region) in std::iter::once(environment.region.as_str()).chain(regions).enumerate() {
            let aws = aws.in_region(region);
            let (first, second) = (format!("{}-code", stack_name(&self.name)), stack_name(&self.name));
            let own = [("Environment".to_owned(), self.name.clone())].into();
            let user = format!("tapedeck-{}-edge", self.name);
            let mut parameters = self.parameters(environment, code, (i > 0).then_some(user.as_str()))?;
            if let Some(bucket) = outputs(&aws, &first)?.unwrap_or_default().remove("Bucket") {
                parameters.insert("CodeBucket".to_owned(), bucket);
            }
            for (name, file, parameters) in
                [(&first, "artifacts.yaml", &own), (&second, "template.yaml", &parameters)]
            {
                let word = match self.change(&aws, name, file, parameters)? {
                    Change::Create => "would be created",
                    Change::Update => "would be changed",
                    Change::Nothing => "stays as it is",
                };
                println!("  {region}: stack {name} {word}");
            }
        }
        Ok(())
    }

    fn change(
        &self,
        aws: &Aws,
        name: &str,
        file: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Change> {
        let Some(found) = Before::read(aws, name)? else { return Ok(Change::Create) };
        let text = fs::read_to_string(self.template(file)).with_context(|| format!("cannot read {file}"))?;
        let mut there = BTreeMap::new();
        for parameter in found.parameters.as_array().into_iter().flatten() {
            let text = |name: &str| parameter[name].as_str().unwrap_or_default().to_owned();
            there.insert(text("ParameterKey"), text("ParameterValue"));
        }
        // What is not given has its default, which the stack names as well.
        let same = parameters.iter().all(|(name, value)| there.get(name) == Some(value));
        // CloudFormation gives back a question mark for each letter of a comment that is not ASCII.
        let plain = |text: &str| -> String {
            text.trim_end().chars().filter(|letter| letter.is_ascii() && *letter != '?').collect()
        };
        let is_same = same && plain(&found.template) == plain(&text);
        Ok(if is_same { Change::Nothing } else { Change::Update })
    }

    /// Creates a stack, or changes one where something differs, and returns what it was. CloudFormation takes a failed change back,
    /// and a failed creation away.
    fn stack(
        &self,
        aws: &Aws,
        name: &str,
        file: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Option<Before>> {
        let body = format!("file://{}", path(&std::path::absolute(self.template(file))?)?);
        let given: Vec<Value> = parameters
            .iter()
            .map(|(name, value)| json!({"ParameterKey": name, "ParameterValue": value}))
            .collect();
        let given = Value::Array(given).to_string();
        let tags = json!([
            {"Key": "application", "Value": "tapedeck"},
            {"Key": "tapedeck-environment", "Value": self.name},
        ])
        .to_string();
        let about = [
            "--template-body",
            &body,
            "--parameters",
            &given,
            "--tags",
            &tags,
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
        ];
        match self.change(aws, name, file, parameters)? {
            Change::Nothing => {
                println!("→ stack {name}: as it is");
                Ok(None)
            }
            Change::Create => {
                println!("→ stack {name}, new");
                let own = ["--on-failure", "DELETE", "--enable-termination-protection"];
                change_stack(aws, "create", name, &[&about[..], &own].concat())?;
                Ok(None)
            }
            Change::Update => {
                println!("→ stack {name}");
                let before = Before::read(aws, name)?;
                if change_stack(aws, "update", name, &about)? {
                    return Ok(before);
                }
                println!("  as it is");
                Ok(None)
            }
        }
    }
}

impl Before {
    /// What a stack is now, if there is one.
    fn read(aws: &Aws, name: &str) -> Result<Option<Self>> {
        let Some(stack) = describe(aws, name)? else { return Ok(None) };
        let got = aws.json(&[
            "cloudformation",
            "get-template",
            "--template-stage",
            "Original",
            "--stack-name",
            name,
        ])?;
        // JSON comes as JSON, YAML as text.
        let template = match &got["TemplateBody"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let parameters = stack["Parameters"].as_array().cloned().unwrap_or_default();
        let given = parameters.iter().map(|parameter| {
            json!({"ParameterKey": parameter["ParameterKey"], "ParameterValue": parameter["ParameterValue"]})
        });
        Ok(Some(Self {
            aws: aws.clone(),
            name: name.to_owned(),
            template,
            parameters: Value::Array(given.collect()),
        }))
    }

    /// Puts the stack back; `folder` is for the template on its way.
    pub(super) fn restore(self, folder: &Path) -> Result<()> {
        println!("→ stack {} goes back to what it was", self.name);
        fs::create_dir_all(folder)?;
        let file = folder.join(format!("{}-{}.yaml", self.name, self.aws.region()));
        fs::write(&file, &self.template).with_context(|| format!("cannot write {}", file.display()))?;
        let body = format!("file://{}", path(&std::path::absolute(&file)?)?);
        let about = [
            "--template-body",
            &body,
            "--parameters",
            &self.parameters.to_string(),
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
        ];
        change_stack(&self.aws, "update", &self.name, &about)?;
        Ok(())
    }
}

/// Whether CloudFormation had anything to do; `verb` is `create` or `update`. Waits, and says what it did not like.
fn change_stack(aws: &Aws, verb: &str, name: &str, about: &[&str]) -> Result<bool> {
    let call = format!("{verb}-stack");
    let begin = ["cloudformation", call.as_str(), "--stack-name", name];
    let made = aws
        .unless(&["No updates are to be performed"], &[&begin[..], about, &["--output", "json"]].concat())?;
    let Some(made) = made else { return Ok(false) };
    let made: Value = serde_json::from_str(&made).with_context(|| format!("{call} did not print JSON"))?;
    // By its id: a stack that was taken away again has no name.
    let id = made["StackId"].as_str().with_context(|| format!("{call} named no stack"))?;
    let waited = aws.run(&["cloudformation", "wait", &format!("stack-{verb}-complete"), "--stack-name", id]);
    let ended = describe(aws, id)?.unwrap_or_default();
    let status = ended["StackStatus"].as_str().unwrap_or("gone").to_owned();
    if waited.is_ok() && status == format!("{}_COMPLETE", verb.to_uppercase()) {
        return Ok(true);
    }
    let events = aws.json(&["cloudformation", "describe-stack-events", "--stack-name", id])?;
    let mut reasons: Vec<String> = events["StackEvents"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["ResourceStatus"].as_str().is_some_and(|status| status.ends_with("_FAILED")))
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", text("LogicalResourceId"), text("ResourceStatusReason"))
        })
        .collect();
    // The newest comes first, and the first failure is the cause.
    reasons.reverse();
    bail!("stack {name} is {status}\n       {}", reasons.join("\n       "))
}

/// A stack's outputs, or nothing where there is no stack.
pub(crate) fn outputs(aws: &Aws, stack: &str) -> Result<Option<BTreeMap<String, String>>> {
    let Some(found) = describe(aws, stack)? else { return Ok(None) };
    let outputs = found["Outputs"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Some(outputs.map(|output| (text(&output["OutputKey"]), text(&output["OutputValue"]))).collect()))
}

fn describe(aws: &Aws, stack: &str) -> Result<Option<Value>> {
    let found = aws.unless(
        &["does not exist"],
        &["cloudformation", "describe-stacks", "--stack-name", stack, "--output", "json"],
    )?;
    let Some(found) = found else { return Ok(None) };
    let found: Value = serde_json::from_str(&found).context("describe-stacks did not print JSON")?;
    Ok(Some(found["Stacks"][0].clone()))
}

/// Whether the caller's bucket of this name is there.
pub(super) fn bucket_is_there(aws: &Aws, bucket: &str) -> Result<bool> {
    let found = aws.unless(&["404", "Not Found"], &["s3api", "head-bucket", "--bucket", bucket])?;
    Ok(found.is_some())
}
