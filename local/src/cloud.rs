//! What `infra/aws/template.yaml` makes of this machine: the same bucket, queue, function, schedules and policies as in an account.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tapedeck_infra::deployment::{Deployment, Schedule};
use tapedeck_infra::iam::{Access, Call, Caller, Uses};
use tapedeck_infra::template::{Place, Template};

use crate::mapping::MappingConfig;
use crate::queue::QueueConfig;
use crate::s3::{BucketConfig, Credential};
use crate::secrets::AccessKey;

/// The account that everything here belongs to.
const ACCOUNT: &str = "000000000000";

/// A deployment of the template on this machine.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// What the template says.
    pub deployment: Arc<Deployment>,
    /// Where the calls are noted that its policies have allowed.
    pub uses: Uses,
}

/// What differs between machines and tests.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    /// Names the bucket and the queue.
    pub environment: &'a str,
    /// The region of everything.
    pub region: &'a str,
    /// Whose pages may read the bucket.
    pub player_origins: &'a [String],
    /// Indexers at once.
    pub concurrency: usize,
    /// How often a session's chunks are merged, in seconds; 0 as they come.
    pub merge_every_s: u64,
}

impl Cloud {
    /// What the template in the file `path` deploys here.
    ///
    /// # Errors
    /// When it cannot be read, or AWS would refuse it.
    pub fn read(path: &Path, choices: &Choices<'_>) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, choices).with_context(|| format!("cannot use {}", path.display()))
    }

    /// What the template `text` deploys here.
    ///
    /// # Errors
    /// When AWS would refuse it.
    pub fn parse(text: &str, choices: &Choices<'_>) -> Result<Self> {
        let place = Place {
            account: ACCOUNT.to_owned(),
            region: choices.region.to_owned(),
            stack: format!("tapedeck-{}", choices.environment),
        };
        let parameters: BTreeMap<String, String> = [
            ("Environment", choices.environment.to_owned()),
            ("CodeBucket", "on-this-machine".to_owned()),
            ("CodeKey", format!("indexer/{}.zip", "0".repeat(64))),
            ("PlayerOrigins", choices.player_origins.join(",")),
            // People wait for what they clicked.
            ("BatchingWindowSeconds", "1".to_owned()),
            ("MergeEverySeconds", choices.merge_every_s.to_string()),
            ("IndexerConcurrency", choices.concurrency.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let deployment = Deployment::read(&Template::parse(text)?, place, &parameters)?;
        Ok(Self { deployment: Arc::new(deployment), uses: Uses::from_environment()? })
    }

    /// The bucket, for these keys of its owner, the edge and the indexer.
    #[must_use]
    pub fn bucket(&self, admin: &AccessKey, edge: &AccessKey, indexer: &AccessKey) -> BucketConfig {
        let credential = |part: &str, key: &AccessKey, caller: Option<Caller>| Credential {
            part: part.to_owned(),
            access_key_id: key.id.clone(),
            secret_access_key: key.secret.clone(),
            caller,
        };
        BucketConfig {
            cloud: self.clone(),
            credentials: vec![
                credential("admin", admin, None),
                credential("edge", edge, Some(self.deployment.edge.clone())),
                credential("indexer", indexer, Some(self.deployment.indexer_role())),
            ],
        }
    }

    /// How the queue of events treats its messages.
    #[must_use]
    pub fn queue(&self) -> QueueConfig {
        let events = &self.deployment.events;
        QueueConfig {
            visibility: events.visibility,
            // Without dead letters a message comes back for as long as it is kept.
            receives_max: events.redrive.as_ref().map_or(u32::MAX, |redrive| redrive.receives_max),
        }
    }

    /// How the indexer is fed.
    #[must_use]
    pub fn mapping(&self) -> MappingConfig {
        let mapping = &self.deployment.mapping;
        MappingConfig {
            batch_max: mapping.batch_max,
            window: mapping.window,
            reports_failures: mapping.reports_failures,
            enabled: mapping.enabled,
        }
    }

    /// The indexer's variables; those in `instead` name what lies elsewhere on this machine.
    #[must_use]
    pub fn indexer_settings(&self, instead: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = self.deployment.indexer.environment.clone();
        settings.extend(instead.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        settings.into_iter().collect()
    }

    /// An invocation of the indexer ends after this.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.deployment.indexer.timeout
    }

    /// Whether the policies allow a call; it is noted if they do.
    #[must_use]
    pub fn allows(&self, caller: &Caller, action: &str, resource: &str, context: &[(&str, String)]) -> bool {
        let access = self.deployment.policies.decide(&Call { caller, action, resource, context });
        self.heeds(&access, || format!("{caller:?}: {action} on {resource}"))
    }

    /// Whether the bucket may announce to the queue what was written; it is noted if so.
    #[must_use]
    pub fn may_announce(&self) -> bool {
        self.heeds(&self.deployment.announcement(), || "the bucket's announcement".to_owned())
    }

    /// Whether a schedule may call its target; it is noted if so.
    #[must_use]
    pub fn may_call(&self, schedule: &Schedule) -> bool {
        self.heeds(&self.deployment.scheduled_call(schedule), || format!("the call of {}", schedule.name))
    }

    fn heeds(&self, access: &Access, what: impl Fn() -> String) -> bool {
        match access {
            Access::Allowed(grant) => {
                if let Err(error) = self.uses.note(grant) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a use of a permission is lost"
                    );
                }
            }
            Access::Denied(policy, sid) => tracing::warn!(what = what(), policy, sid, "denied"),
            Access::NotAllowed => tracing::warn!(what = what(), "no policy allows it"),
        }
        access.is_allowed()
    }

    /// Whether the indexer's role allows what the event source mapping does with it.
    #[must_use]
    pub fn may_poll(&self) -> bool {
        let (role, context) = (self.deployment.indexer_role(), [secure()]);
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
            .iter()
            .all(|action| self.allows(&role, action, &self.deployment.events.arn, &context))
    }
}

/// Plain HTTP on one machine stands for HTTPS.
pub(crate) fn secure() -> (&'static str, String) {
    ("aws:securetransport", "true".to_owned())
}
