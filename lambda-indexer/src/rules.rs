//! What of a project's configuration the indexer goes by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tapedeck_core::config::{Budget, Clicks, ProjectConfig, Retention};
use tapedeck_core::ids::ProjectId;
use tapedeck_core::store::Store;
use tapedeck_core::tables::RowRules;
use tapedeck_core::user_hash::UserHashKey;
use tokio::sync::OnceCell;

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

/// The rules of the projects of one bucket, each read when it is first asked for.
#[derive(Debug, Default)]
pub struct KnownRules {
    projects: Mutex<BTreeMap<ProjectId, Arc<OnceCell<Arc<ProjectRules>>>>>,
}

impl KnownRules {
    /// A project's rules, as they were in the bucket when they were first asked for.
    ///
    /// # Errors
    /// [`ConfigReadError`]; who asks next reads again.
    pub async fn of(
        &self,
        store: &impl Store,
        project: &ProjectId,
    ) -> Result<Arc<ProjectRules>, ConfigReadError> {
        let cell = {
            let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(projects.entry(project.clone()).or_default())
        };
        let read = async || Ok(Arc::new(ProjectRules::read(store, project).await?));
        cell.get_or_try_init(read).await.cloned()
    }
}
