//! What a template deploys, in the terms in which something else can act on it: the stack on one machine does.
//!
//! Each property is either known here or an error: what the template says and nobody heeds would be shown by no test.

mod bucket;
mod function;
mod queue;
mod schedule;

use std::collections::BTreeMap;

use crate::iam::{Access, Call, Caller, Policies, PolicyError};
use crate::template::{Place, Resolved, Template, TemplateError};

pub use self::bucket::{Bucket, Cors, Lifetime, Notification};
pub use self::function::{Function, Mapping};
pub use self::queue::{Queue, Redrive};
pub use self::schedule::{Schedule, When};

/// Why a template cannot be acted on.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The template itself.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// One of its policies.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Something that AWS would refuse.
    #[error("{resource}: {detail}")]
    Refused {
        /// Logical name.
        resource: String,
        /// Found and expected.
        detail: String,
    },
}

/// Everything that `infra/aws/template.yaml` deploys and something acts on.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Where.
    pub place: Place,
    /// The bucket with recordings.
    pub bucket: Bucket,
    /// The queue that the indexer works on.
    pub events: Queue,
    /// Where what failed to the end is kept.
    pub dead_letters: Queue,
    /// The indexer.
    pub indexer: Function,
    /// From the queue to the indexer.
    pub mapping: Mapping,
    /// What runs by the clock.
    pub schedules: Vec<Schedule>,
    /// Who may do what.
    pub policies: Policies,
    /// The edge's user.
    pub edge: Caller,
}

impl Deployment {
    /// What `template` deploys at `place` with `parameters`. Checked as AWS checks when it is applied: a queue that the bucket may not
    /// send to, a mapping whose role may not receive, a visibility shorter than the function's timeout are refused.
    ///
    /// # Errors
    /// [`DeploymentError`]: whoever wrote the template can mend it.
    pub fn read(
        template: &Template,
        place: Place,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, DeploymentError> {
        let resolved = template.resolve(place, parameters)?;
        let policies = Policies::read(&resolved)?;
        let indexer = Function::read(&resolved, "Indexer")?;
        let mapping = Mapping::read(&resolved, "IndexerEvents")?;
        let edge = policies.identity("EdgeUser").ok_or_else(|| TemplateError::Reference {
            at: "the program".to_owned(),
            name: "EdgeUser".to_owned(),
        })?;
        let deployment = Self {
            bucket: Bucket::read(&resolved, "Bucket")?,
            events: Queue::read(&resolved, "Events")?,
            dead_letters: Queue::read(&resolved, "DeadLetters")?,
            indexer,
            mapping,
            schedules: schedule::read_all(&resolved)?,
            policies,
            edge,
            place: resolved.place,
        };
        deployment.check()?;
        Ok(deployment)
    }

    /// The role that the indexer acts with.
    #[must_use]
    pub fn indexer_role(&self) -> Caller {
        Caller::Identity(self.indexer.role.clone())
    }

    fn check(&self) -> Result<(), DeploymentError> {
        let refused = |resource: &str, detail: String| {
            Err(DeploymentError::Refused { resource: resource.to_owned(), detail })
        };
        for notification in &self.bucket.notifications {
            if notification.queue != self.events.arn {
                return refused(
                    "Bucket",
                    format!("announces to {}, which is no queue here", notification.queue),
                );
            }
            if !self.announcement().is_allowed() {
                return refused("Bucket", format!("S3 may not send to {}", notification.queue));
            }
        }
        if self.mapping.queue != self.events.arn {
            return refused(
                "IndexerEvents",
                format!("takes from {}, which is no queue here", self.mapping.queue),
            );
        }
        if self.mapping.function != self.indexer.name {
            return refused(
                "IndexerEvents",
                format!("calls {}, which is no function here", self.mapping.function),
            );
        }
        for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
            if !self.may(&self.indexer_role(), action, &self.events.arn) {
                return refused("IndexerEvents", format!("the role of the indexer may not {action}"));
            }
        }
        if !self.policies.trusts(&self.indexer.role, "lambda.amazonaws.com", &[]) {
            return refused("Indexer", "its role does not trust lambda.amazonaws.com".to_owned());
        }
        if self.events.visibility < self.indexer.timeout {
            return refused(
                "IndexerEvents",
                format!(
                    "the queue's visibility is {} s, expected at least the function's timeout of {} s",
                    self.events.visibility.as_secs(),
                    self.indexer.timeout.as_secs()
                ),
            );
        }
        for schedule in &self.schedules {
            if !self.scheduled_call(schedule).is_allowed() {
                return refused(&schedule.name, format!("its role may not call {}", schedule.target));
            }
        }
        Ok(())
    }

    /// What the policies say where the bucket announces an object to the queue.
    #[must_use]
    pub fn announcement(&self) -> Access {
        let s3 = Caller::Service("s3.amazonaws.com".to_owned());
        let context = [
            ("aws:securetransport", "true".to_owned()),
            ("aws:sourceaccount", self.place.account.clone()),
            ("aws:sourcearn", self.bucket.arn.clone()),
        ];
        self.policies.decide(&Call {
            caller: &s3,
            action: "sqs:SendMessage",
            resource: &self.events.arn,
            context: &context,
        })
    }

    /// What the policies say where a schedule calls its target.
    #[must_use]
    pub fn scheduled_call(&self, schedule: &Schedule) -> Access {
        let account = [("aws:sourceaccount", self.place.account.clone())];
        if !self.policies.trusts(&schedule.role, "scheduler.amazonaws.com", &account) {
            return Access::NotAllowed;
        }
        let role = Caller::Identity(schedule.role.clone());
        self.decide(&role, "lambda:InvokeFunction", &schedule.target)
    }

    fn may(&self, caller: &Caller, action: &str, resource: &str) -> bool {
        self.decide(caller, action, resource).is_allowed()
    }

    fn decide(&self, caller: &Caller, action: &str, resource: &str) -> Access {
        let context = [("aws:securetransport", "true".to_owned())];
        self.policies.decide(&Call { caller, action, resource, context: &context })
    }
}

/// What a resource's logical name stands for, as AWS would call it.
fn arn_of(resolved: &Resolved, service: &str, name: &str) -> String {
    let Place { account, region, .. } = &resolved.place;
    match service {
        "s3" => format!("arn:aws:s3:::{name}"),
        _ => format!("arn:aws:{service}:{region}:{account}:{name}"),
    }
}
