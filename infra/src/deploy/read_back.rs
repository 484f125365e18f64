//! What an account has, held to what the template says: "complete" is a word, and this is a look.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};

use super::command::Aws;
use crate::deployment::Deployment;
use crate::template::Resolved;

/// What the AWS CLI says where a bucket or a queue has nothing of the kind.
const NOTHING: [&str; 5] = [
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
    "ResourceNotFoundException",
];

/// What differs, in words; nothing if all is as the template says.
///
/// # Errors
/// When the account cannot be asked.
pub(super) fn read_back(aws: &Aws, deployment: &Deployment, resolved: &Resolved) -> Result<Vec<String>> {
    let mut look = Look { aws, differs: Vec::new() };
    look.bucket(deployment, resolved)?;
    look.queue(deployment, resolved)?;
    look.function(deployment)?;
    Ok(look.differs)
}

struct Look<'a> {
    aws: &'a Aws,
    differs: Vec<String>,
}

impl Look<'_> {
    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.aws.unless(&NOTHING, &[arguments, &["--output", "json"]].concat())?;
        match said.as_deref().map(str::trim) {
            None | Some("") => Ok(Value::Null),
            Some(text) => Ok(serde_json::from_str(text)?),
        }
    }

    fn expect<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.differs.push(format!("{what}: {found:?}, expected {expected:?}"));
        }
    }

    fn bucket(&mut self, deployment: &Deployment, resolved: &Resolved) -> Result<()> {
        let bucket = &deployment.bucket;
        let of = |call: &'static str| ["s3api", call, "--bucket", bucket.name.as_str()];

        let found = self.ask(&of("get-bucket-notification-configuration"))?;
        let announced: BTreeSet<(String, String, String)> = list(&found["QueueConfigurations"])
            .flat_map(|queue| {
                let rules = list(&queue["Filter"]["Key"]["FilterRules"]);
                let prefix: String = rules
                    .filter(|rule| text(&rule["Name"]).eq_ignore_ascii_case("prefix"))
                    .map(|rule| text(&rule["Value"]))
                    .collect();
                list(&queue["Events"])
                    .map(move |event| (text(event), prefix.clone(), text(&queue["QueueArn"])))
                    .collect::<Vec<_>>()
            })
            .collect();
        let expected = bucket
            .notifications
            .iter()
            .map(|one| (one.event.clone(), one.prefix.clone(), one.queue.clone()))
            .collect();
        self.expect("notifications of the bucket", &announced, &expected);

        let found = self.ask(&of("get-bucket-lifecycle-configuration"))?;
        let lifetimes: BTreeSet<(String, u64)> = list(&found["Rules"])
            .filter(|rule| rule["Status"] == "Enabled")
            .filter_map(|rule| {
                let prefix = [&rule["Filter"]["Prefix"], &rule["Prefix"]].map(text).concat();
                Some((prefix, rule["Expiration"]["Days"].as_u64()?))
            })
            .collect();
        let expected = bucket.lifetimes.iter().map(|one| (one.prefix.clone(), u64::from(one.days))).collect();
        self.expect("lifetimes in the bucket", &lifetimes, &expected);

        let found = self.ask(&of("get-bucket-cors"))?;
        let origins: BTreeSet<String> =
            list(&found["CORSRules"]).flat_map(|rule| list(&rule["AllowedOrigins"]).map(text)).collect();
        let expected = bucket.cors.iter().flat_map(|rule| rule.allowed_origins.clone()).collect();
        self.expect("origins that may read the bucket", &origins, &expected);

        let found = self.ask(&of("get-public-access-block"))?["PublicAccessBlockConfiguration"].clone();
        let closed = json!({
            "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true
        });
        self.expect("what keeps the bucket from the public", &found, &closed);

        let found = self.ask(&of("get-bucket-versioning"))?;
        self.expect("old versions in the bucket", &text(&found["Status"]), &String::new());

        let found = self.ask(&of("get-bucket-policy"))?;
        let expected = resolved.resources["BucketPolicy"].properties["PolicyDocument"].clone();
        self.expect(
            "policy of the bucket",
            &statements(&text(&found["Policy"])),
            &statements(&expected.to_string()),
        );
        Ok(())
    }

    fn queue(&mut self, deployment: &Deployment, resolved: &Resolved) -> Result<()> {
        for queue in [&deployment.events, &deployment.dead_letters] {
            let url = self.ask(&["sqs", "get-queue-url", "--queue-name", &queue.name])?;
            let url = text(&url["QueueUrl"]);
            let found =
                self.ask(&["sqs", "get-queue-attributes", "--attribute-names", "All", "--queue-url", &url])?;
            let found = &found["Attributes"];
            let name = &queue.name;
            let seconds = |length: std::time::Duration| length.as_secs().to_string();
            self.expect(
                &format!("visibility of {name}"),
                &text(&found["VisibilityTimeout"]),
                &seconds(queue.visibility),
            );
            self.expect(
                &format!("retention of {name}"),
                &text(&found["MessageRetentionPeriod"]),
                &seconds(queue.retention),
            );
            let redrive: Value = serde_json::from_str(&text(&found["RedrivePolicy"])).unwrap_or_default();
            let target = queue.redrive.as_ref().map(|redrive| redrive.target.clone()).unwrap_or_default();
            self.expect(&format!("dead letters of {name}"), &text(&redrive["deadLetterTargetArn"]), &target);
            if name == &deployment.events.name {
                let expected = resolved.resources["EventsPolicy"].properties["PolicyDocument"].clone();
                self.expect(
                    &format!("policy of {name}"),
                    &statements(&text(&found["Policy"])),
                    &statements(&expected.to_string()),
                );
            }
        }
        Ok(())
    }

    fn function(&mut self, deployment: &Deployment) -> Result<()> {
        let function = &deployment.indexer;
        let found = self.ask(&["lambda", "get-function-configuration", "--function-name", &function.name])?;
        self.expect("processor of the indexer", &found["Architectures"], &json!(["arm64"]));
        self.expect("timeout of the indexer", &found["Timeout"], &json!(function.timeout.as_secs()));
        self.expect("memory of the indexer", &found["MemorySize"], &json!(function.memory_mb));
        let found = self.ask(&["lambda", "list-event-source-mappings", "--function-name", &function.name])?;
        let mappings: Vec<(String, u64)> = list(&found["EventSourceMappings"])
            .map(|one| (text(&one["EventSourceArn"]), one["BatchSize"].as_u64().unwrap_or_default()))
            .collect();
        let expected = vec![(deployment.mapping.queue.clone(), deployment.mapping.batch_max as u64)];
        self.expect("what feeds the indexer", &mappings, &expected);
        for schedule in &deployment.schedules {
            let found = self.ask(&["scheduler", "get-schedule", "--name", &schedule.full_name])?;
            self.expect(
                &format!("target of schedule {}", schedule.full_name),
                &text(&found["Target"]["Arn"]),
                &schedule.target,
            );
            let input: Value = serde_json::from_str(&text(&found["Target"]["Input"])).unwrap_or_default();
            self.expect(&format!("input of schedule {}", schedule.full_name), &input, &schedule.input);
        }
        Ok(())
    }
}

/// The names of a policy's statements: what AWS gives back is written otherwise, and says the same.
fn statements(policy: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    list(&policy["Statement"])
        .map(|statement| format!("{} {}", text(&statement["Effect"]), text(&statement["Sid"])))
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
