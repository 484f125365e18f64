//! What the steps of an invocation act with.

use tapedeck_core::config::{CONFIG_BYTES_MAX, Clicks, ConfigError, ProjectConfig};
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::object_key::project_config_key;
use tapedeck_core::store::{Store, StoreError};

use crate::deadline::Deadline;
use crate::merge::{Basis, Patience, Update};
use crate::rules::KnownRules;
use crate::settings::Settings;

/// One bucket, the way out for messages, and the limits of this invocation.
#[derive(Debug, Clone)]
pub struct Shell<'a, S, O> {
    /// The bucket.
    pub store: S,
    /// Where messages go.
    pub outbox: &'a O,
    /// How long things wait.
    pub settings: &'a Settings,
    /// How often a contended write is tried.
    pub patience: Patience,
    /// When to stop.
    pub deadline: Deadline,
    /// The clock: Unix milliseconds.
    pub now_ms: fn() -> i64,
    /// What projects' rules are, read once an invocation.
    pub rules: &'a KnownRules,
}

/// Why a project's configuration is not known.
#[derive(Debug, thiserror::Error)]
pub enum ConfigReadError {
    /// The store failed or refused.
    #[error("configuration of project {project} cannot be read")]
    Store {
        /// Whose.
        project: ProjectId,
        /// What the store says.
        source: StoreError,
    },
    /// It breaks a rule. The operator can mend it.
    #[error("{key} is no configuration")]
    Config {
        /// Which object.
        key: String,
        /// Which rule.
        source: ConfigError,
    },
}

impl<S, O> Shell<'_, S, O> {
    /// A session's manifest, to be changed by a project's thresholds.
    #[must_use]
    pub fn update<'a>(
        &'a self,
        project: &'a ProjectId,
        session: &'a SessionId,
        clicks: Clicks,
    ) -> Update<'a, S> {
        let (store, patience) = (&self.store, self.patience);
        Update { store, project, session, clicks, patience, basis: Basis::Stored }
    }
}

/// A project's configuration; `None` where there is none, and everything that may be left out is.
///
/// # Errors
/// [`ConfigReadError`]
pub async fn read_config(
    store: &impl Store,
    project: &ProjectId,
) -> Result<Option<ProjectConfig>, ConfigReadError> {
    let key = project_config_key(project);
    let found = store.get(&key, CONFIG_BYTES_MAX).await;
    let found = found.map_err(|source| ConfigReadError::Store { project: project.clone(), source })?;
    let config = found.map(|object| ProjectConfig::parse(&object.body)).transpose();
    config.map_err(|source| ConfigReadError::Config { key, source })
}
