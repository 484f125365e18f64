//! `tapedeck.toml`: everything that an operator decides, in one file, checked by the code that will read it in production.

mod document;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use tapedeck_core::config::{ConfigError, KeyConfig, ProjectConfig, StoreLocation};
use tapedeck_core::object_key::{key_config_key, project_config_key};

use self::document::Document;
pub use self::schema::schema;

/// The form of the file that this program reads.
const VERSION: u32 = 1;
/// The key of user hashes is drawn at the first deploy and lives in the bucket only; checks use this one.
const ANY_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Why a file is refused. Whoever wrote it can mend it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// Not TOML.
    #[error("{file}:{line}: {detail}")]
    Toml {
        /// The file's name.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What was found.
        detail: String,
    },
    /// A field that is missing, unknown, or breaks a rule.
    #[error("{file}:{line}: {field}: {detail}")]
    Field {
        /// The file's name.
        file: String,
        /// Of the field, or of what should hold it; counted from 1.
        line: usize,
        /// Its path.
        field: String,
        /// Found and expected.
        detail: String,
    },
}

/// What the file says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Tapedeck runs.
    pub environments: BTreeMap<String, Environment>,
    projects: Vec<Project>,
}

/// One place where it runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Twelve digits.
    pub account: String,
    /// As AWS names it.
    pub region: String,
    /// Host name of the edge.
    pub edge_host: Option<String>,
    /// Who serves the player.
    #[serde(default = "cloudflare")]
    pub player: String,
    /// Host name of the player.
    pub player_host: Option<String>,
    /// Origins of pages that may embed the player.
    #[serde(default)]
    pub player_embedders: Vec<String>,
    /// Origins of tapes and manifests at plain URLs, which the player may load.
    #[serde(default)]
    pub player_sources: Vec<String>,
    /// Who is told of alarms.
    pub alarm_email: Option<String>,
    /// Of the template.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// Further buckets.
    #[serde(default)]
    pub stores: BTreeMap<String, Store>,
}

/// A further bucket with its own indexer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// As AWS names it.
    pub region: String,
}

#[derive(Clone, Debug)]
struct Project {
    name: String,
    environments: Option<Vec<String>>,
    store: Option<String>,
    /// As `spec/config.md` has it, without what a deployment adds.
    config: Value,
}

/// One object for the bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigObject {
    /// Its key.
    pub key: String,
    /// Its body. A project's has revision 0: whoever writes it counts.
    pub body: Value,
    /// The store that it goes to besides the environment's own bucket.
    pub store: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    version: u32,
    #[serde(default)]
    environments: BTreeMap<String, Environment>,
    #[serde(default)]
    projects: BTreeMap<String, BTreeMap<String, Value>>,
}

fn cloudflare() -> String {
    "cloudflare".to_owned()
}

impl Settings {
    /// Reads `text`; errors name `file` and the line.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn parse(file: &str, text: &str) -> Result<Self, SettingsError> {
        let document = Document::parse(file, text)?;
        let wrong = |field: &str, detail: String| SettingsError::Field {
            file: file.to_owned(),
            line: document.line(field),
            field: field.to_owned(),
            detail,
        };
        let raw: RawSettings = serde_path_to_error::deserialize(&document.value)
            .map_err(|error| wrong(&error.path().to_string(), error.inner().to_string()))?;
        if raw.version != VERSION {
            return Err(wrong("version", format!("{}, this program reads version {VERSION}", raw.version)));
        }
        for (name, environment) in &raw.environments {
            environment.check(&format!("environments.{name}"), name, &wrong)?;
        }
        let mut keys = BTreeSet::new();
        let mut projects = Vec::new();
        for (name, fields) in raw.projects {
            let project = Project::parse(&name, fields, &raw.environments, &wrong)?;
            for (i, key) in project.config["keys"].as_array().into_iter().flatten().enumerate() {
                if !keys.insert(key.to_string()) {
                    return Err(wrong(
                        &format!("projects.{name}.keys[{i}]"),
                        format!("{key} is another project's too"),
                    ));
                }
            }
            projects.push(project);
        }
        Ok(Self { environments: raw.environments, projects })
    }

    /// The config objects of an environment; `store_of` says where a named store of it lies.
    ///
    /// # Errors
    /// [`ConfigError`] where a store's place makes a config that `core` refuses.
    pub fn objects(
        &self,
        environment: &str,
        store_of: impl Fn(&str) -> Option<StoreLocation>,
    ) -> Result<Vec<ConfigObject>, ConfigError> {
        let mut objects = Vec::new();
        for project in &self.projects {
            if project
                .environments
                .as_ref()
                .is_some_and(|named| !named.iter().any(|name| name == environment))
            {
                continue;
            }
            let mut body = project.whole();
            if let Some(place) = project.store.as_deref().and_then(&store_of) {
                body["store"] = json!(place);
            }
            let config = ProjectConfig::parse(body.to_string().as_bytes())?;
            let mut put = |key: String, body: Value| {
                objects.push(ConfigObject { key, body, store: project.store.clone() });
            };
            for key in &config.keys {
                let named = json!({"version": 1, "project": project.name});
                KeyConfig::parse(named.to_string().as_bytes())?;
                put(key_config_key(key), named);
            }
            body["revision"] = json!(0);
            if project.config["users"] != "hashed" {
                body.as_object_mut().map(|fields| fields.remove("user_hash_key"));
            }
            put(project_config_key(&config.project), body);
        }
        Ok(objects)
    }

    /// Every class that projects keep tapes in, and the project's field that names it.
    #[must_use]
    pub fn classes(&self) -> BTreeSet<String> {
        let mut classes = BTreeSet::new();
        for project in &self.projects {
            let retention = &project.config["retention"];
            let rules = retention["rules"].as_array().into_iter().flatten().map(|rule| &rule["class"]);
            classes.extend(rules.chain([&retention["errors"]]).filter_map(Value::as_str).map(str::to_owned));
        }
        classes
    }
}

impl Environment {
    /// The bucket of the environment `name` in `region`, as the template names it.
    #[must_use]
    pub fn bucket(&self, name: &str, region: &str) -> String {
        format!("tapedeck-{name}-{}-{region}", self.account)
    }

    fn check(
        &self,
        at: &str,
        name: &str,
        wrong: &impl Fn(&str, String) -> SettingsError,
    ) -> Result<(), SettingsError> {
        let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !fits(name, simple) || name.len() > 20 || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(wrong(
                at,
                format!("{name:?}, expected lower-case letters, digits and hyphens, at most 20"),
            ));
        }
        let regions = self
            .stores
            .iter()
            .map(|(store, of)| (format!("{at}.stores.{store}.region"), &of.region))
            .chain([(format!("{at}.region"), &self.region)]);
        let hosts = [("edge_host", &self.edge_host), ("player_host", &self.player_host)]
            .into_iter()
            .filter_map(|(field, host)| Some((format!("{at}.{field}"), host.as_ref()?)));
        let fields = std::iter::once((format!("{at}.account"), check_account(&self.account)))
            .chain(regions.map(|(path, region)| (path, check_region(region))))
            .chain(hosts.map(|(path, host)| (path, check_host(host))))
            .chain(self.alarm_email.iter().map(|email| (format!("{at}.alarm_email"), check_email(email))));
        for (path, checked) in fields {
            checked.map_err(|detail| wrong(&path, detail))?;
        }
        for (store, Store { region }) in &self.stores {
            if *region == self.region {
                let detail = format!("{region} is the environment's own region; a store is another one");
                return Err(wrong(&format!("{at}.stores.{store}.region"), detail));
            }
        }
        let is_known = ["cloudflare", "cloudfront"].contains(&self.player.as_str())
            || self.player.starts_with("https://");
        if !is_known {
            let detail =
                format!("{:?}, expected cloudflare, cloudfront or an origin with https://", self.player);
            return Err(wrong(&format!("{at}.player"), detail));
        }
        if self.player == "cloudfront" && self.edge_host.is_none() {
            let detail =
                "\"cloudfront\" needs edge_host: the player's headers name the edge before there is one"
                    .to_owned();
            return Err(wrong(&format!("{at}.player"), detail));
        }
        Ok(())
    }
}

fn fits(text: &str, of: fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(of)
}

/// Whether `text` is the number of an AWS account; else what was found and expected.
pub(crate) fn check_account(text: &str) -> Result<(), String> {
    let holds = text.len() == 12 && fits(text, |c| c.is_ascii_digit());
    if holds { Ok(()) } else { Err(format!("{text:?}, expected 12 digits")) }
}

/// Whether `text` has the form of a region's name.
pub(crate) fn check_region(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let holds = parts.split_last().is_some_and(|(last, named)| {
        named.len() >= 2
            && named[0].len() == 2
            && fits(last, |c| c.is_ascii_digit())
            && named.iter().all(|part| fits(part, |c| c.is_ascii_lowercase()))
    });
    if holds { Ok(()) } else { Err(format!("{text:?}, expected a region of AWS, such as eu-central-1")) }
}

/// Whether `text` is a host name without scheme, port and path.
pub(crate) fn check_host(text: &str) -> Result<(), String> {
    let is_label = |label: &str| {
        fits(label, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let holds = text.contains('.') && text.split('.').all(is_label);
    if holds { Ok(()) } else { Err(format!("{text:?}, expected a host name, such as replay.example.com")) }
}

/// Whether `text` can be an address for mail, as the template has it.
pub(crate) fn check_email(text: &str) -> Result<(), String> {
    let holds = text.split_once('@').is_some_and(|(name, host)| {
        let plain = |part: &str| fits(part, |c| !c.is_whitespace() && c != '@');
        plain(name) && plain(host) && host.trim_matches('.').contains('.')
    });
    if holds { Ok(()) } else { Err(format!("{text:?}, expected an e-mail address")) }
}

impl Project {
    fn parse(
        name: &str,
        mut fields: BTreeMap<String, Value>,
        environments: &BTreeMap<String, Environment>,
        wrong: &impl Fn(&str, String) -> SettingsError,
    ) -> Result<Self, SettingsError> {
        let at = format!("projects.{name}");
        let field = |path: &str| format!("{at}.{path}");
        for given in ["version", "revision", "project", "user_hash_key"] {
            if fields.contains_key(given) {
                return Err(wrong(&field(given), "is set by the deployment, not here".to_owned()));
            }
        }
        let mut take = |path: &str| fields.remove(path).unwrap_or_default();
        let named: Option<Vec<String>> = serde_json::from_value(take("environments"))
            .map_err(|error| wrong(&field("environments"), error.to_string()))?;
        for environment in named.iter().flatten() {
            if !environments.contains_key(environment) {
                return Err(wrong(
                    &field("environments"),
                    format!("there is no environment {environment:?}"),
                ));
            }
        }
        let store: Option<String> = serde_json::from_value(take("store"))
            .map_err(|error| wrong(&field("store"), error.to_string()))?;
        if let Some(store) = &store {
            let of = environments
                .iter()
                .filter(|(name, _)| named.as_ref().is_none_or(|named| named.contains(name)));
            for (environment, place) in of {
                if !place.stores.contains_key(store) {
                    return Err(wrong(
                        &field("store"),
                        format!("environment {environment} has no store {store:?}"),
                    ));
                }
            }
        }
        let config = fields.into_iter().collect();
        let project = Self { name: name.to_owned(), environments: named, store, config };
        let whole = project.whole();
        let mut unknown = Vec::new();
        // Readers ignore what they do not know; a person who writes it has mistyped.
        let read: Result<ProjectConfig, _> =
            serde_ignored::deserialize(&whole, |path| unknown.push(path.to_string()));
        if let Err(error) = ProjectConfig::parse(whole.to_string().as_bytes()) {
            return Err(match &error {
                ConfigError::Field { field: path, found, expected } => {
                    wrong(&field(path), format!("{found}, expected {expected}"))
                }
                ConfigError::Form { field: Some(path), source } => wrong(&field(path), source.to_string()),
                ConfigError::Form { field: None, source } => wrong(&at, source.to_string()),
                other => wrong(&at, other.to_string()),
            });
        }
        match (read, unknown.first()) {
            (Ok(_), None) => Ok(project),
            (Ok(_), Some(path)) => Err(wrong(&field(path), "there is no such field".to_owned())),
            (Err(error), _) => Err(wrong(&at, error.to_string())),
        }
    }

    /// The config as `core` reads it.
    fn whole(&self) -> Value {
        let mut whole = self.config.clone();
        whole["version"] = json!(1);
        whole["revision"] = json!(1);
        whole["project"] = json!(self.name);
        if whole["users"] == "hashed" {
            whole["user_hash_key"] = json!(ANY_KEY);
        }
        whole
    }
}
