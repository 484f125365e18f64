//! IAM's decision whether a call is allowed, for the part of the policy language that our templates use.
//!
//! Reference: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>, within one account. An
//! operator or an element that is not known is an error when the policy is read, and never an allowance.

mod condition;
mod policies;
mod uses;

use serde::Deserialize;
use serde_json::Value;

use self::condition::Conditions;
pub use self::policies::{Access, Grant, Policies};
pub use self::uses::{USES_VARIABLE, Use, Uses, UsesError};
use crate::pattern::matches;

/// Why a policy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not of IAM's form.
    #[error("policy of {of} is not of IAM's form")]
    Form {
        /// Logical name of the resource that holds it.
        of: String,
        /// What serde says.
        #[source]
        source: serde_json::Error,
    },
    /// Something that IAM knows and this program does not.
    #[error("statement {sid} of {of}: {detail}")]
    Unknown {
        /// Logical name of the resource that holds it.
        of: String,
        /// The statement.
        sid: String,
        /// What was found.
        detail: String,
    },
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A user or a role, by its ARN.
    Identity(String),
    /// A service of AWS, `s3.amazonaws.com`.
    Service(String),
}

/// A call as IAM sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// `s3:PutObject`
    pub action: &'a str,
    /// ARN of what it concerns.
    pub resource: &'a str,
    /// Condition keys that it carries, in lower case, and their values.
    pub context: &'a [(&'a str, String)],
}

/// One statement of a policy.
#[derive(Clone, Debug)]
struct Statement {
    sid: String,
    allows: bool,
    principals: Option<Principals>,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Conditions,
}

#[derive(Clone, Debug)]
enum Principals {
    Everyone,
    These(Vec<Caller>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawDocument {
    version: String,
    statement: Vec<RawStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawStatement {
    sid: String,
    effect: Effect,
    principal: Option<Value>,
    action: OneOrMany,
    resource: Option<OneOrMany>,
    #[serde(default)]
    condition: Value,
}

#[derive(Deserialize, PartialEq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(found: OneOrMany) -> Self {
        match found {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

impl Statement {
    /// The statements of a policy document that lies in the resource `of`.
    fn parse_all(of: &str, document: &Value) -> Result<Vec<Self>, PolicyError> {
        let document: RawDocument = serde_json::from_value(document.clone())
            .map_err(|source| PolicyError::Form { of: of.to_owned(), source })?;
        let unknown = |sid: &str, detail: String| PolicyError::Unknown {
            of: of.to_owned(),
            sid: sid.to_owned(),
            detail,
        };
        if document.version != "2012-10-17" {
            return Err(unknown("", format!("version {}, expected 2012-10-17", document.version)));
        }
        document
            .statement
            .into_iter()
            .map(|raw| {
                let wrong = |detail: String| unknown(&raw.sid, detail);
                Ok(Self {
                    allows: raw.effect == Effect::Allow,
                    principals: raw.principal.as_ref().map(Principals::parse).transpose().map_err(wrong)?,
                    actions: raw.action.into(),
                    resources: raw.resource.map(Into::into).unwrap_or_default(),
                    conditions: Conditions::parse(&raw.condition)
                        .map_err(|detail| unknown(&raw.sid, detail))?,
                    sid: raw.sid,
                })
            })
            .collect()
    }

    /// The patterns of action and resource that a call fits, if the statement speaks of it.
    fn fits(&self, call: &Call<'_>) -> Option<(&str, &str)> {
        let speaks_of_caller = match &self.principals {
            None | Some(Principals::Everyone) => true,
            Some(Principals::These(callers)) => callers.contains(call.caller),
        };
        // Actions are compared without regard to case, resources with it.
        let action = self
            .actions
            .iter()
            .find(|action| matches(&action.to_lowercase(), &call.action.to_lowercase()))?;
        let resource = self.resources.iter().find(|resource| matches(resource, call.resource))?;
        (speaks_of_caller && self.conditions.hold(call.context)).then_some((action, resource))
    }
}

impl Principals {
    fn parse(value: &Value) -> Result<Self, String> {
        let wrong = || format!("the principal {value} is not known here");
        if value == "*" {
            return Ok(Self::Everyone);
        }
        let mut callers = Vec::new();
        for (kind, names) in value.as_object().ok_or_else(wrong)? {
            let names: OneOrMany = serde_json::from_value(names.clone()).map_err(|_| wrong())?;
            for name in Vec::from(names) {
                callers.push(match kind.as_str() {
                    "AWS" if name == "*" => return Ok(Self::Everyone),
                    "AWS" => Caller::Identity(name),
                    "Service" => Caller::Service(name),
                    _ => return Err(wrong()),
                });
            }
        }
        Ok(Self::These(callers))
    }
}
