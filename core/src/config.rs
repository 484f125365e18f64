//! A project's configuration: `spec/config.md`. What is refused here is refused at deploy by the same code.

mod budget;
mod limits;
mod place;
mod recorder;
mod rules;
mod viewers;

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

pub use budget::{Budget, Pressure};
pub use limits::Limits;
pub use recorder::{Clicks, NetworkPrivacy, PRIVACY_ENTRIES_MAX, Privacy, RecorderSettings};
pub use rules::{ErrorFacts, ErrorPattern, ErrorRules, GroupRule, RULES_MAX, Retention, RetentionRule};
pub use viewers::{AccessConfig, Role, VIEWERS_MAX, Viewer};

use crate::ids::{ProjectId, ProjectKey};
use crate::origin::OriginPattern;
use crate::sampling::Rates;
use crate::scrub::Scrubber;
use crate::user_hash::UserHashKey;
use crate::wildcard::Wildcard;

/// Largest config object in bytes.
pub const CONFIG_BYTES_MAX: usize = 256 * 1024;

/// The form of `config/projects/{project}.json` that this code reads.
pub const CONFIG_VERSION: u32 = 1;

/// Most pages that are excluded.
pub const EXCLUDED_PAGES_MAX: usize = 50;

/// Most origins in one list, and most project keys.
pub const ORIGINS_MAX: usize = 100;

/// Most dated entries of rates, and most named segments in one.
pub const RATES_MAX: usize = 100;

/// Largest number that every reader of JSON keeps exactly.
const EXACT_MAX: u64 = 1 << 53;

/// Why a config is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The object is larger than [`CONFIG_BYTES_MAX`].
    #[error("config is {bytes} bytes, limit is {CONFIG_BYTES_MAX}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not JSON of the form that the spec gives.
    #[error("config{} is not of the form in spec/config.md", .field.as_ref().map(|field| format!(" field {field}")).unwrap_or_default())]
    Form {
        /// Path of the field, where it is one.
        field: Option<String>,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A version that this code does not know.
    #[error("config has version {found}, this program reads version {CONFIG_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A field that breaks a rule.
    #[error("config field {field} is {found}, expected {expected}")]
    Field {
        /// Path of the field.
        field: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
}

/// Everything an operator decides about one project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectConfig {
    /// Form of this document.
    pub version: u32,
    /// Grows with every change.
    pub revision: u64,
    /// Whose.
    pub project: ProjectId,
    /// Public keys that write to it.
    pub keys: Vec<ProjectKey>,
    /// Who may upload.
    pub origins: Vec<OriginPattern>,
    /// Sampling rates, each from a moment on.
    pub sampling: Vec<Rates>,
    /// Limits of an upload.
    #[serde(default)]
    pub limits: Limits,
    /// What is overwritten at the edge beyond what always is.
    #[serde(default, skip_serializing_if = "Scrubber::is_default")]
    pub scrub: Scrubber,
    /// What recorders are told about timing.
    #[serde(default)]
    pub recorder: RecorderSettings,
    /// Who may watch.
    #[serde(default)]
    pub viewers: Vec<Viewer>,
    /// Cloudflare Access in front of viewers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessConfig>,
    /// Raising it ends all grants and tickets given out before.
    #[serde(default)]
    pub share_epoch: u64,
    /// Key of user hashes; without it nobody can be erased by user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_hash_key: Option<UserHashKey>,
    /// How users' ids are stored.
    #[serde(default)]
    pub users: UserStorage,
    /// What happens to browsers that are no person's.
    #[serde(default)]
    pub bots: BotPolicy,
    /// Paths of pages that are never recorded.
    #[serde(default)]
    pub excluded_pages: Vec<Wildcard>,
    /// How much is admitted a day; without it everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// What recorders mask.
    #[serde(default)]
    pub privacy: Privacy,
    /// Which clicks tell of trouble.
    #[serde(default)]
    pub clicks: Clicks,
    /// How errors are grouped.
    #[serde(default)]
    pub errors: ErrorRules,
    /// What is kept longer.
    #[serde(default)]
    pub retention: Retention,
    /// Whence a replayed page may load images and fonts.
    #[serde(default)]
    pub asset_origins: Vec<OriginPattern>,
    /// Where chunks and manifests lie, if not beside the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreLocation>,
}

/// How the edge stores the `user` of `tapedeck.identify`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStorage {
    /// As it comes.
    #[default]
    Plain,
    /// As its user hash.
    Hashed,
}

/// What happens to browsers whose user agent says that they are no person's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotPolicy {
    /// They are not recorded.
    #[default]
    Drop,
    /// They are.
    Keep,
}

/// A bucket behind an S3 endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLocation {
    /// `https://…` without the bucket.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
}

/// `config/keys/{project key}.json`: which project a public key writes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyConfig {
    /// Form of this document.
    pub version: u32,
    /// The project.
    pub project: ProjectId,
}

/// What a recorder is told: every default filled in, nothing that is not public.
#[derive(Debug, Serialize)]
pub struct RecorderConfig<'a> {
    version: u32,
    project: &'a ProjectId,
    sampling: &'a [Rates],
    limits: &'a Limits,
    recorder: &'a RecorderSettings,
    excluded_pages: &'a [Wildcard],
    privacy: &'a Privacy,
    clicks: RecorderClicks,
}

/// What a recorder needs to know of [`Clicks`].
#[derive(Debug, Serialize)]
struct RecorderClicks {
    dead_ms: u32,
}

impl KeyConfig {
    /// Reads `config/keys/{project key}.json`.
    ///
    /// # Errors
    /// As [`ProjectConfig::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        parse_bounded(bytes)
    }
}

impl ProjectConfig {
    /// Reads and checks `config/projects/{project}.json`.
    ///
    /// # Errors
    /// Names the field that breaks a rule; the operator can mend it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let config: Self = parse_bounded(bytes)?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// As [`ProjectConfig::parse`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_count("keys", self.keys.len(), ORIGINS_MAX)?;
        check_count("origins", self.origins.len(), ORIGINS_MAX)?;
        self.validate_sampling()?;
        self.limits.validate()?;
        self.recorder.validate()?;
        check_count("viewers", self.viewers.len(), VIEWERS_MAX)?;
        let mut viewers = self.viewers.iter().enumerate();
        viewers.try_for_each(|(i, viewer)| viewer.validate(&format!("viewers[{i}]")))?;
        self.access.as_ref().map_or(Ok(()), AccessConfig::validate)?;
        if self.share_epoch > EXACT_MAX {
            return Err(wrong("share_epoch", self.share_epoch, &format!("0 to {EXACT_MAX}")));
        }
        if self.users == UserStorage::Hashed && self.user_hash_key.is_none() {
            return Err(wrong(
                "users",
                "hashed without user_hash_key",
                "plain, or a user_hash_key beside it",
            ));
        }
        check_count("excluded_pages", self.excluded_pages.len(), EXCLUDED_PAGES_MAX)?;
        self.budget.as_ref().map_or(Ok(()), Budget::validate)?;
        self.privacy.validate()?;
        self.clicks.validate()?;
        self.errors.validate()?;
        self.retention.validate()?;
        check_count("asset_origins", self.asset_origins.len(), ORIGINS_MAX)?;
        self.store.as_ref().map_or(Ok(()), StoreLocation::validate)
    }

    fn validate_sampling(&self) -> Result<(), ConfigError> {
        if self.sampling.is_empty() {
            return Err(wrong("sampling", "empty", "at least one entry"));
        }
        check_count("sampling", self.sampling.len(), RATES_MAX)?;
        for (i, rates) in self.sampling.iter().enumerate() {
            check_count(&format!("sampling[{i}].segments"), rates.segments.len(), RATES_MAX)?;
            for (name, rate) in rates.named() {
                if !(0.0..=1.0).contains(&rate) {
                    return Err(wrong(format!("sampling[{i}].{name}"), rate, "0 to 1"));
                }
            }
        }
        Ok(())
    }

    /// The part of the config that recorders may see.
    #[must_use]
    pub fn for_recorder(&self) -> RecorderConfig<'_> {
        RecorderConfig {
            version: CONFIG_VERSION,
            project: &self.project,
            sampling: &self.sampling,
            limits: &self.limits,
            recorder: &self.recorder,
            excluded_pages: &self.excluded_pages,
            privacy: &self.privacy,
            clicks: RecorderClicks { dead_ms: self.clicks.dead_ms },
        }
    }
}

impl StoreLocation {
    fn validate(&self) -> Result<(), ConfigError> {
        let is_endpoint = Url::parse(&self.endpoint)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
        if !is_endpoint {
            return Err(wrong("store.endpoint", format!("{:?}", self.endpoint), "https://host"));
        }
        check_text("store.bucket", &self.bucket, 63)?;
        check_text("store.region", &self.region, 63)
    }
}

fn parse_bounded<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, ConfigError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    if bytes.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge { bytes: bytes.len() });
    }
    let form = |source: serde_json::Error| {
        let field = place::place(bytes, &source);
        ConfigError::Form { field: Some(field).filter(|field| !field.is_empty()), source }
    };
    // The version first: a newer form deserves that message and not one about some field of it.
    let Version { version } = serde_json::from_slice(bytes).map_err(form)?;
    if version != CONFIG_VERSION {
        return Err(ConfigError::Version { found: version });
    }
    serde_json::from_slice(bytes).map_err(form)
}

fn wrong(field: impl Into<String>, found: impl fmt::Display, expected: &str) -> ConfigError {
    ConfigError::Field { field: field.into(), found: found.to_string(), expected: expected.to_owned() }
}

fn check_range(field: &str, found: u32, from: u32, to: u32) -> Result<(), ConfigError> {
    if (from..=to).contains(&found) { Ok(()) } else { Err(wrong(field, found, &format!("{from} to {to}"))) }
}

fn check_count(field: &str, found: usize, max: usize) -> Result<(), ConfigError> {
    if found <= max {
        Ok(())
    } else {
        Err(wrong(field, format!("{found} entries"), &format!("at most {max}")))
    }
}

fn check_text(field: &str, found: &str, chars_max: usize) -> Result<(), ConfigError> {
    let chars = found.chars().count();
    if (1..=chars_max).contains(&chars) {
        return Ok(());
    }
    Err(wrong(field, format!("{chars} characters"), &format!("1 to {chars_max}")))
}

fn check_texts(field: &str, found: &[String], max: usize, chars_max: usize) -> Result<(), ConfigError> {
    check_count(field, found.len(), max)?;
    let mut texts = found.iter().enumerate();
    texts.try_for_each(|(i, text)| check_text(&format!("{field}[{i}]"), text, chars_max))
}

#[cfg(test)]
mod tests;
