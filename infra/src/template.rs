//! A CloudFormation template, read and resolved for one environment: what a deployment of it would make.
//!
//! Known are the parts of the language that our templates use; anything else is an error that names it. Attributes are those
//! that AWS would give, with an account and a region of one's choice: [`Place`].

mod names;
mod parameter;
mod resolve;
mod yaml;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::parameter::Parameter;

/// Why a template cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not YAML, or not of the kind that CloudFormation reads.
    #[error("line {line}: {detail}")]
    Yaml {
        /// Counted from 1.
        line: usize,
        /// What was found.
        detail: String,
    },
    /// A function that this program does not know.
    #[error("line {line}: the tag !{tag} is not among those that infra/src/template/yaml.rs knows")]
    Tag {
        /// Counted from 1.
        line: usize,
        /// Without `!`.
        tag: String,
    },
    /// A section that is not of CloudFormation's form.
    #[error("the template's {section} is not of CloudFormation's form")]
    Form {
        /// `Parameters`, `Resources` …
        section: &'static str,
        /// What serde says.
        #[source]
        source: serde_json::Error,
    },
    /// A parameter that is missing, unknown, or breaks its rule.
    #[error("parameter {name} is {found}, expected {expected}")]
    Parameter {
        /// Its name.
        name: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A name that nothing has.
    #[error("{at}: there is no {name}")]
    Reference {
        /// Where it is asked for.
        at: String,
        /// What is asked for.
        name: String,
    },
    /// A function whose arguments are not of its form, or one that is not known here.
    #[error("{at}: {detail}")]
    Function {
        /// Where it is called.
        at: String,
        /// What was found.
        detail: String,
    },
    /// A resource's property that is missing, of another form, or not known here.
    #[error("{resource}.{path}: {detail}")]
    Property {
        /// Logical name.
        resource: String,
        /// Path in its properties.
        path: String,
        /// What was found and expected.
        detail: String,
    },
}

/// A template as it is written.
#[derive(Clone, Debug)]
pub struct Template {
    parameters: BTreeMap<String, Parameter>,
    conditions: Map<String, Value>,
    resources: BTreeMap<String, RawResource>,
    outputs: BTreeMap<String, RawOutput>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawResource {
    #[serde(rename = "Type")]
    kind: String,
    condition: Option<String>,
    #[serde(default)]
    depends_on: Value,
    deletion_policy: Option<String>,
    update_replace_policy: Option<String>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    properties: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawOutput {
    #[serde(rename = "Description")]
    _description: Option<String>,
    condition: Option<String>,
    value: Value,
}

/// Where a template is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// As AWS names it.
    pub region: String,
    /// The stack's name.
    pub stack: String,
}

/// What a deployment makes, by logical name.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Resources whose condition holds.
    pub resources: BTreeMap<String, Resource>,
    /// Outputs whose condition holds.
    pub outputs: BTreeMap<String, String>,
    /// Where.
    pub place: Place,
}

/// One resource, with every function resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// `AWS::S3::Bucket` …
    pub kind: String,
    /// As CloudFormation would hand them to the service.
    pub properties: Value,
    /// As written.
    pub metadata: Value,
    /// What a deleted stack does with it.
    pub deletion_policy: Option<String>,
    /// What happens to the old one where a change makes a new one.
    pub update_replace_policy: Option<String>,
    /// Resources that are there before it, beyond those that it names.
    pub depends_on: Vec<String>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`]: whoever wrote the template can mend it.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut document = yaml::parse(text)?;
        let mut section = |name: &'static str| (name, document[name].take());
        Ok(Self {
            parameters: form(section("Parameters"))?,
            conditions: form(section("Conditions"))?,
            resources: form(section("Resources"))?,
            outputs: form(section("Outputs"))?,
        })
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.parameters
    }

    /// What a deployment with `given` parameters makes; the others have their defaults.
    ///
    /// # Errors
    /// [`TemplateError`]: a parameter that breaks its rule, or a function that cannot be resolved.
    pub fn resolve(&self, place: Place, given: &BTreeMap<String, String>) -> Result<Resolved, TemplateError> {
        resolve::resolve(self, place, given)
    }
}

/// A section; one that is not there is empty.
fn form<T: for<'a> Deserialize<'a> + Default>(
    (section, value): (&'static str, Value),
) -> Result<T, TemplateError> {
    if value.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(value).map_err(|source| TemplateError::Form { section, source })
}

impl Resolved {
    /// Resources of a kind, by logical name.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&str, &Resource)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .map(|(name, resource)| (name.as_str(), resource))
    }

    /// A resource's properties, in the form that the caller knows.
    ///
    /// # Errors
    /// [`TemplateError::Reference`] where there is none, [`TemplateError::Property`] where it is of another form.
    pub fn properties<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Result<T, TemplateError> {
        let resource = self.resources.get(name).ok_or_else(|| TemplateError::Reference {
            at: "the program".to_owned(),
            name: name.to_owned(),
        })?;
        serde_path_to_error::deserialize(&resource.properties).map_err(|error| TemplateError::Property {
            resource: name.to_owned(),
            path: error.path().to_string(),
            detail: error.inner().to_string(),
        })
    }
}
