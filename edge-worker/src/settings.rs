//! What the deployment gives the Worker: where its config lies, and the credentials for its buckets.

use rusty_s3::Credentials;
use tapedeck_core::config::StoreLocation;
use worker::Env;

use crate::fetch::Platform;
use tapedeck_s3_store::{Addressing, LocationError, S3Store};

/// The deployment's settings. Names are those of `edge-worker/README.md`.
#[derive(Debug)]
pub(crate) struct Settings {
    config: StoreLocation,
    addressing: Addressing,
    credentials: Credentials,
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
}

impl Settings {
    /// The settings of this deployment.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub(crate) fn from_env(env: &Env) -> Result<Self, SettingsError> {
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
        })
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
