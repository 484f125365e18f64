//! Which rows of a session an invocation writes, and by which rules.

use std::collections::BTreeMap;

use tapedeck_core::config::Budget;
use tapedeck_core::ids::ProjectId;
use tapedeck_core::manifest::{Manifest, Page};
use tapedeck_core::object_key::ChunkName;
use tapedeck_core::store::OwnedStore;
use tapedeck_core::summary::ChunkSummary;
use tapedeck_core::tables::{RowRules, State, Table, TableRows, rows_of};

use crate::outbox::Outbox;
use crate::shell::{ConfigReadError, Shell};

/// The rules of the projects that an invocation is about.
#[derive(Debug, Default)]
pub struct Rules(BTreeMap<ProjectId, (RowRules, Option<Budget>)>);

impl Rules {
    /// A project's, read once.
    ///
    /// # Errors
    /// [`ConfigReadError`]
    pub async fn of<S: OwnedStore, O: Outbox>(
        &mut self,
        shell: &Shell<'_, S, O>,
        project: &ProjectId,
    ) -> Result<&RowRules, ConfigReadError> {
        if !self.0.contains_key(project) {
            let config = shell.config(project).await?;
            let budget = config.as_ref().and_then(|config| config.budget);
            let rules = config.as_ref().map(RowRules::of).unwrap_or_default();
            self.0.insert(project.clone(), (rules, budget));
        }
        Ok(&self.0[project].0)
    }

    /// A project's budget, if its rules were read and have one.
    #[must_use]
    pub fn budget(&self, project: &ProjectId) -> Option<&Budget> {
        self.0.get(project).and_then(|(_, budget)| budget.as_ref())
    }
}

/// The rows that come with these chunks of a session: of their errors, and those of the session and its pages with its first chunk. A chunk
/// that comes again brings the same rows again.
#[must_use]
pub fn rows_of_chunks(manifest: &Manifest, summaries: &[ChunkSummary], rules: &RowRules) -> TableRows {
    let rows = rows_of(manifest, summaries, rules, State::Open);
    let first = first_chunk(manifest);
    if summaries.iter().any(|summary| Some(&summary.name) == first.as_ref()) {
        rows
    } else {
        rows.only(Table::Errors)
    }
}

/// The rows of a session that has ended, but for those of errors, which are there since their chunks came.
#[must_use]
pub fn rows_at_end(manifest: &Manifest, pinned: bool, rules: &RowRules) -> TableRows {
    rows_of(manifest, &[], rules, if pinned { State::Pinned } else { State::Ended })
}

fn first_chunk(manifest: &Manifest) -> Option<ChunkName> {
    let chunks =
        manifest.pages.iter().flat_map(|page: &Page| page.chunks.iter().map(move |chunk| (page, chunk)));
    let first = chunks.min_by_key(|(page, chunk)| (chunk.facts.first_ms, page.name_of(chunk)));
    first.map(|(page, chunk)| page.name_of(chunk))
}
