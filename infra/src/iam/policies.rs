//! All policies of a deployment, and what they say of a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Caller, PolicyError, Statement};
use crate::template::{Resolved, Resource};

/// What the policies say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Allowed, by this.
    Allowed(Grant),
    /// Denied by a statement: its policy and `Sid`.
    Denied(String, String),
    /// No statement allows it.
    NotAllowed,
}

impl Access {
    /// Whether the call goes on.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// One thing that a template grants: an action on a pattern of resources, by one statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// Logical name of the resource that holds the policy.
    pub policy: String,
    /// The statement.
    pub sid: String,
    /// As written.
    pub action: String,
    /// As written, resolved.
    pub resource: String,
}

/// The policies of a resolved template.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Of users and roles, by their ARN.
    identities: BTreeMap<String, Vec<(String, Vec<Statement>)>>,
    /// Who may take a role on: its trust policy, by the role's ARN.
    trusts: BTreeMap<String, Vec<Statement>>,
    /// Of buckets and queues.
    resources: Vec<(String, Vec<Statement>)>,
    /// Logical names of users and roles, and their ARNs.
    names: BTreeMap<String, String>,
}

impl Policies {
    /// Reads every policy of `template`.
    ///
    /// # Errors
    /// [`PolicyError`]
    pub fn read(template: &Resolved) -> Result<Self, PolicyError> {
        let mut policies = Self::default();
        let account = &template.place.account;
        for (name, role) in template.of_kind("AWS::IAM::Role") {
            let own = role.properties["RoleName"].as_str();
            let own = own.map_or_else(|| format!("{}-{name}", template.place.stack), str::to_owned);
            let arn = format!("arn:aws:iam::{account}:role/{own}");
            policies.names.insert(name.to_owned(), arn.clone());
            let trust = Statement::parse_all(name, &role.properties["AssumeRolePolicyDocument"])?;
            policies.trusts.insert(arn.clone(), trust);
            policies.attach(name, &arn, &role.properties["Policies"])?;
        }
        for (name, user) in template.of_kind("AWS::IAM::User") {
            let own = user.properties["UserName"].as_str().unwrap_or(name);
            let arn = format!("arn:aws:iam::{account}:user/{own}");
            policies.names.insert(name.to_owned(), arn.clone());
            policies.attach(name, &arn, &user.properties["Policies"])?;
        }
        for (name, policy) in template.of_kind("AWS::IAM::UserPolicy") {
            let user = policy.properties["UserName"].as_str().unwrap_or_default();
            let arn = format!("arn:aws:iam::{account}:user/{user}");
            let statements = Statement::parse_all(name, &policy.properties["PolicyDocument"])?;
            policies.identities.entry(arn).or_default().push((name.to_owned(), statements));
        }
        for kind in ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"] {
            for (name, Resource { properties, .. }) in template.of_kind(kind) {
                let statements = Statement::parse_all(name, &properties["PolicyDocument"])?;
                policies.resources.push((name.to_owned(), statements));
            }
        }
        Ok(policies)
    }

    fn attach(&mut self, of: &str, arn: &str, inline: &Value) -> Result<(), PolicyError> {
        let entry = self.identities.entry(arn.to_owned()).or_default();
        for policy in inline.as_array().into_iter().flatten() {
            entry.push((of.to_owned(), Statement::parse_all(of, &policy["PolicyDocument"])?));
        }
        Ok(())
    }

    /// The user or role of this logical name.
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<Caller> {
        self.names.get(name).cloned().map(Caller::Identity)
    }

    /// What they say of `call`: a denial wins over any allowance, and without an allowance it is not allowed.
    #[must_use]
    pub fn decide(&self, call: &Call<'_>) -> Access {
        let own: &[(String, Vec<Statement>)] = match call.caller {
            Caller::Identity(arn) => self.identities.get(arn).map_or(&[], Vec::as_slice),
            Caller::Service(_) => &[],
        };
        let mut allowed = None;
        for (policy, statements) in own.iter().chain(&self.resources) {
            for statement in statements {
                let Some((action, resource)) = statement.fits(call) else { continue };
                if !statement.allows {
                    return Access::Denied(policy.clone(), statement.sid.clone());
                }
                allowed.get_or_insert_with(|| Grant {
                    policy: policy.clone(),
                    sid: statement.sid.clone(),
                    action: action.to_owned(),
                    resource: resource.to_owned(),
                });
            }
        }
        allowed.map_or(Access::NotAllowed, Access::Allowed)
    }

    /// Whether `service` may take on the role `arn`, with these condition keys.
    #[must_use]
    pub fn trusts(&self, arn: &str, service: &str, context: &[(&str, String)]) -> bool {
        let caller = Caller::Service(service.to_owned());
        // A trust policy names no resource: it speaks of the role that it belongs to.
        self.trusts.get(arn).into_iter().flatten().any(|statement| {
            let statement = Statement { resources: vec!["*".to_owned()], ..statement.clone() };
            let call = Call { caller: &caller, action: "sts:AssumeRole", resource: arn, context };
            statement.allows && statement.fits(&call).is_some()
        })
    }

    /// Everything that is granted to users and roles.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let of_identities = self.identities.values().flatten();
        let mut grants = Vec::new();
        for (policy, statements) in of_identities.chain(&self.resources) {
            for statement in statements.iter().filter(|statement| statement.allows) {
                for action in &statement.actions {
                    for resource in &statement.resources {
                        grants.push(Grant {
                            policy: policy.clone(),
                            sid: statement.sid.clone(),
                            action: action.clone(),
                            resource: resource.clone(),
                        });
                    }
                }
            }
        }
        grants
    }
}
