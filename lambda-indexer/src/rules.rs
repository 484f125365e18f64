//! What of a project's configuration the indexer goes by.

use tapedeck_core::config::{Budget, Clicks, ProjectConfig, Retention};
use tapedeck_core::ids::ProjectId;
use tapedeck_core::store::Store;
use tapedeck_core::tables::RowRules;
use tapedeck_core::user_hash::UserHashKey;

use crate::shell::{ConfigReadError, read_config};

/// One project's rules; those of a project without a configuration are the default.
#[derive(Debug, Clone, Default)]
pub struct ProjectRules {
    /// Which clicks tell of trouble.
    pub clicks: Clicks,
    /// What it may be admitted a day.
    pub budget: Option<Budget>,
    /// How rows are made.
    pub rows: RowRules,
    /// What is kept longer than chunks live.
    pub retention: Retention,
    /// By which users are found that are erased.
    pub user_hash_key: Option<UserHashKey>,
}

impl ProjectRules {
    /// From a project's configuration.
    #[must_use]
    pub fn of(config: &ProjectConfig) -> Self {
        Self {
            clicks: config.clicks,
            budget: config.budget,
            rows: RowRules::of(config),
            retention: config.retention.clone(),
            user_hash_key: config.user_hash_key.clone(),
        }
    }

    /// As they are in the bucket now.
    ///
    /// # Errors
    /// [`ConfigReadError`]
    pub async fn read(store: &impl Store, project: &ProjectId) -> Result<Self, ConfigReadError> {
        Ok(read_config(store, project).await?.as_ref().map(Self::of).unwrap_or_default())
    }
}
