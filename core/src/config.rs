//! A project's configuration: `spec/config.md`. What is refused here is refused at deploy by the same code.

use serde::{Deserialize, Serialize};

use crate::ids::{ProjectId, ProjectKey};
use crate::origin::OriginPattern;
use crate::sampling::Rates;
use crate::scrub::Scrubber;

/// Largest config object in bytes.
pub const CONFIG_BYTES_MAX: usize = 256 * 1024;

/// The form of `config/projects/{project}.json` that this code reads.
pub const CONFIG_VERSION: u32 = 1;

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
    #[error("config is not of the form in spec/config.md")]
    Form(#[from] serde_json::Error),
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
    /// Where chunks and manifests lie, if not beside the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreLocation>,
}

/// Limits of one upload and one session. Bytes, counts, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest batch as it is sent.
    pub compressed_bytes_max: usize,
    /// Largest batch after inflating.
    pub inflated_bytes_max: usize,
    /// Largest ratio of inflated to compressed bytes.
    pub ratio_max: usize,
    /// Most events in a batch.
    pub events_max: usize,
    /// Longest session.
    pub session_ms_max: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed_bytes_max: 2 * 1024 * 1024,
            inflated_bytes_max: 16 * 1024 * 1024,
            ratio_max: 200,
            events_max: 10_000,
            session_ms_max: 60 * 60 * 1000,
        }
    }
}

impl Limits {
    /// What no config may exceed: what a Worker's 128 MB bear, with several requests in flight.
    pub const CEILING: Self = Self {
        compressed_bytes_max: 8 * 1024 * 1024,
        inflated_bytes_max: 32 * 1024 * 1024,
        ratio_max: 1_000,
        events_max: 100_000,
        session_ms_max: 24 * 60 * 60 * 1000,
    };

    fn validate(&self) -> Result<(), ConfigError> {
        let check = |field: &str, found: u64, ceiling: u64| {
            if (1..=ceiling).contains(&found) {
                return Ok(());
            }
            Err(ConfigError::Field {
                field: format!("limits.{field}"),
                found: found.to_string(),
                expected: format!("1 to {ceiling}"),
            })
        };
        let ceiling = Self::CEILING;
        check("compressed_bytes_max", self.compressed_bytes_max as u64, ceiling.compressed_bytes_max as u64)?;
        check("inflated_bytes_max", self.inflated_bytes_max as u64, ceiling.inflated_bytes_max as u64)?;
        check("ratio_max", self.ratio_max as u64, ceiling.ratio_max as u64)?;
        check("events_max", self.events_max as u64, ceiling.events_max as u64)?;
        check(
            "session_ms_max",
            u64::try_from(self.session_ms_max).unwrap_or(0),
            ceiling.session_ms_max.unsigned_abs(),
        )
    }
}

/// When a recorder sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecorderSettings {
    /// Wait before the first batch of a page load, in milliseconds.
    pub flush_first_ms: u32,
    /// Longest wait between two batches, in milliseconds.
    pub flush_max_ms: u32,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self { flush_first_ms: 5_000, flush_max_ms: 60_000 }
    }
}

/// One who may watch: known by the digest of a bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// For people: whose token it is.
    pub name: String,
    /// SHA-256 of the token's UTF-8 bytes, 64 lower-case hex digits.
    pub sha256: String,
    /// What the holder may do.
    pub role: Role,
    /// Unix milliseconds from which the token is void; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
}

/// What a viewer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watch.
    Viewer,
    /// Watch, and decide about recordings.
    Admin,
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
        let wrong = |field: String, found: String, expected: &str| ConfigError::Field {
            field,
            found,
            expected: expected.to_owned(),
        };
        if self.sampling.is_empty() {
            return Err(wrong("sampling".into(), "empty".into(), "at least one entry"));
        }
        for (i, rates) in self.sampling.iter().enumerate() {
            for (name, rate) in rates.named() {
                if !(0.0..=1.0).contains(&rate) {
                    return Err(wrong(format!("sampling[{i}].{name}"), rate.to_string(), "0 to 1"));
                }
            }
        }
        self.limits.validate()?;
        let RecorderSettings { flush_first_ms, flush_max_ms } = self.recorder;
        if !(500..=60_000).contains(&flush_first_ms) {
            return Err(wrong("recorder.flush_first_ms".into(), flush_first_ms.to_string(), "500 to 60000"));
        }
        if !(flush_first_ms..=600_000).contains(&flush_max_ms) {
            return Err(wrong(
                "recorder.flush_max_ms".into(),
                flush_max_ms.to_string(),
                "flush_first_ms to 600000",
            ));
        }
        for (i, viewer) in self.viewers.iter().enumerate() {
            let is_digest = viewer.sha256.len() == 64
                && viewer.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !is_digest {
                // The value stays out of the text: somebody may have put the token itself here.
                return Err(wrong(
                    format!("viewers[{i}].sha256"),
                    format!("{} characters", viewer.sha256.len()),
                    "64 lower-case hex digits: the SHA-256 of the token",
                ));
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
        }
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
    // The version first: a newer form deserves that message and not one about some field of it.
    let Version { version } = serde_json::from_slice(bytes)?;
    if version != CONFIG_VERSION {
        return Err(ConfigError::Version { found: version });
    }
    Ok(serde_json::from_slice(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn minimal() -> Value {
        json!({
            "version": 1, "revision": 1, "project": "demo", "keys": ["pk_0123456789ABCDEFGHIJKL"],
            "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 0.1}],
        })
    }

    /// The config after `change`, or the error's text.
    fn check(change: impl FnOnce(&mut Value)) -> Result<ProjectConfig, String> {
        let mut config = minimal();
        change(&mut config);
        ProjectConfig::parse(config.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_filled_in() {
        let config = check(|_| ()).expect("the minimal config");
        assert_eq!(config.limits, Limits::default());
        assert!((config.sampling[0].error - 1.0).abs() < f64::EPSILON);
        assert_eq!(
            serde_json::to_value(config.for_recorder()).expect("json"),
            json!({
                "version": 1, "project": "demo",
                "sampling": [{"from_ms": 0, "all": 0.1, "error": 1.0, "support": 1.0, "segment": 1.0, "manual": 1.0}],
                "limits": {"compressed_bytes_max": 2_097_152, "inflated_bytes_max": 16_777_216, "ratio_max": 200,
                           "events_max": 10_000, "session_ms_max": 3_600_000},
                "recorder": {"flush_first_ms": 5_000, "flush_max_ms": 60_000},
            })
        );
    }

    #[test]
    fn limits_reach_the_ceiling_and_no_further() {
        assert!(check(|c| c["limits"] = json!({"inflated_bytes_max": 33_554_432})).is_ok());
        assert_eq!(
            check(|c| c["limits"] = json!({"inflated_bytes_max": 33_554_433})),
            Err("config field limits.inflated_bytes_max is 33554433, expected 1 to 33554432".into())
        );
        assert!(check(|c| c["limits"] = json!({"session_ms_max": -1})).is_err());
        assert!(check(|c| c["limits"] = json!({"events_max": 0})).is_err());
    }

    #[test]
    fn a_wrong_field_is_named() {
        assert_eq!(
            check(|c| c["sampling"][0]["all"] = json!(1.5)),
            Err("config field sampling[0].all is 1.5, expected 0 to 1".into())
        );
        assert_eq!(
            check(|c| c["sampling"] = json!([])),
            Err("config field sampling is empty, expected at least one entry".into())
        );
        assert_eq!(
            check(|c| c["version"] = json!(2)),
            Err("config has version 2, this program reads version 1".into())
        );
        assert!(check(|c| c["origins"] = json!(["shop.example"])).is_err());
        assert!(check(|c| c["scrub"] = json!({"patterns": [{"name": "p", "regex": "(x"}]})).is_err());
        assert!(check(|c| c["recorder"] = json!({"flush_max_ms": 1_000})).is_err());
    }

    #[test]
    fn a_token_in_place_of_its_digest_is_not_repeated() {
        let viewers = json!([{"name": "x", "role": "viewer", "sha256": "vt_secret"}]);
        let error = check(|c| c["viewers"] = viewers).expect_err("no digest");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_large_object_is_not_parsed() {
        let bytes = vec![b' '; CONFIG_BYTES_MAX + 1];
        assert!(matches!(ProjectConfig::parse(&bytes), Err(ConfigError::TooLarge { .. })));
    }
}
