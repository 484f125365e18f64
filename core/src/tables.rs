//! The tables `sessions`, `errors`, `pages` (`spec/tables.md`): their columns, what rows a session has, and which of several rows
//! with one key is the one that holds. What a row looks like in a file is the indexer's business.

use std::collections::BTreeMap;

use crate::day::Day;
use crate::ids::ProjectId;
pub use crate::object_key::{IndexLevel as Level, IndexTable as Table};

mod compaction;
mod row;
mod rows;
mod schema;

pub use compaction::{FILES_MIN, Fold, INPUT_BYTES_MAX, Replaced, plan_fold};
pub use row::{Cell, Row, fold};
pub use rows::{RowRules, State, rows_of};
pub use schema::{Column, Kind};

/// Rows by the file they belong into.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableRows(BTreeMap<(ProjectId, Table, Day), Vec<Row>>);

impl TableRows {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds rows of one table and day.
    pub fn add(&mut self, project: &ProjectId, table: Table, day: Day, rows: impl IntoIterator<Item = Row>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            self.0.entry((project.clone(), table, day)).or_default().extend(rows);
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        for (file, rows) in other.0 {
            self.0.entry(file).or_default().extend(rows);
        }
    }

    /// Leaves out the rows of all tables but one.
    #[must_use]
    pub fn only(mut self, table: Table) -> Self {
        self.0.retain(|(_, found, _), _| *found == table);
        self
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What belongs into one file, file by file.
    pub fn files(&self) -> impl Iterator<Item = (&ProjectId, Table, Day, &[Row])> {
        self.0.iter().map(|((project, table, day), rows)| (project, *table, *day, rows.as_slice()))
    }

    /// All rows of one table, over projects and days.
    pub fn of(&self, table: Table) -> impl Iterator<Item = &Row> {
        self.0.iter().filter(move |((_, t, _), _)| *t == table).flat_map(|(_, rows)| rows)
    }
}
