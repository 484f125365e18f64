//! What the deployment gives the Worker: where its config lies, and the credentials for its buckets.

use std::sync::OnceLock;

use rusty_s3::Credentials;
use tapedeck_core::config::StoreLocation;
use tapedeck_core::grant::ShareKey;
use tapedeck_core::ids::IdError;
use worker::Env;

use crate::fetch::Platform;
use tapedeck_s3_store::{Addressing, LocationError, S3Store};

/// The deployment's settings. Names are those of `edge-worker/README.md`.
#[derive(Debug)]
pub(crate) struct Settings {
    config: StoreLocation,
    addressing: Addressing,
    credentials: Credentials,
    share_key: Option<ShareKey>,
}

/// Why the Worker cannot work as it is deployed. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A variable or secret is not there.
    #[error("{name} is not set")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// One has a value that it may not have.
    #[error("S3_PATH_STYLE is {found:?}, expected 1 or nothing")]
    PathStyle {
        /// The value.
        found: String,
    },
    /// The share key is too short to be a secret.
    #[error("SHARE_KEY is refused")]
    ShareKey(#[from] IdError),
}

impl Settings {
    /// The settings of this deployment, read once: another deployment is another isolate.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub(crate) fn of(env: &Env) -> Result<&'static Self, SettingsError> {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        if let Some(settings) = SETTINGS.get() {
            return Ok(settings);
        }
        let settings = Self::from_env(env)?;
        Ok(SETTINGS.get_or_init(|| settings))
    }

    fn from_env(env: &Env) -> Result<Self, SettingsError> {
        // An empty variable is one that somebody forgot to fill in.
        let optional =
            |name| env.var(name).ok().map(|value| value.to_string()).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or(SettingsError::Missing { name });
        let addressing = match optional("S3_PATH_STYLE").as_deref() {
            None => Addressing::Automatic,
            Some("1") => Addressing::Path,
            Some(found) => return Err(SettingsError::PathStyle { found: found.to_owned() }),
        };
        Ok(Self {
            config: StoreLocation {
                endpoint: required("CONFIG_ENDPOINT")?,
                bucket: required("CONFIG_BUCKET")?,
                region: required("CONFIG_REGION")?,
            },
            addressing,
            credentials: Credentials::new(required("S3_ACCESS_KEY_ID")?, required("S3_SECRET_ACCESS_KEY")?),
            share_key: optional("SHARE_KEY").map(|text| text.parse()).transpose()?,
        })
    }

    /// What grants and tickets are made with, if the deployment has it: without it none is believed.
    pub(crate) fn share_key(&self) -> Option<&ShareKey> {
        self.share_key.as_ref()
    }

    /// The same, for who has to make one.
    ///
    /// # Errors
    /// [`SettingsError::Missing`]
    pub(crate) fn required_share_key(&self) -> Result<&ShareKey, SettingsError> {
        self.share_key().ok_or(SettingsError::Missing { name: "SHARE_KEY" })
    }

    /// The bucket at `location`; without one, the bucket that the config is in.
    ///
    /// # Errors
    /// [`LocationError`]
    pub(crate) fn store(&self, location: Option<&StoreLocation>) -> Result<S3Store<Platform>, LocationError> {
        let location = location.unwrap_or(&self.config);
        S3Store::new(Platform, location, self.addressing, self.credentials.clone())
    }
}
