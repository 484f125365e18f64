//! Keys of the tables' files: `spec/tables.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{KeyError, Parsing};
use crate::day::Day;
use crate::ids::{IdError, IndexFileId, ProjectId};

/// A table of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexTable {
    /// A row for each session.
    Sessions,
    /// A row for each error.
    Errors,
    /// A row for each page load.
    Pages,
}

impl IndexTable {
    /// All of them, in the order of the spec.
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Errors, Self::Pages];

    /// As it is written in keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Errors => "errors",
            Self::Pages => "pages",
        }
    }
}

impl fmt::Display for IndexTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IndexTable {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|table| table.as_str() == text).ok_or_else(|| IdError {
            what: "table",
            found: text.chars().take(64).collect(),
            expected: "sessions, errors or pages",
        })
    }
}

/// How often a file's rows were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexLevel {
    /// Rows that one invocation added.
    L0,
    /// Rows of many such files, sorted.
    L1,
}

impl IndexLevel {
    /// As it is written in keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L0 => "l0",
            Self::L1 => "l1",
        }
    }
}

/// `index/{project}/{table}/dt={day}/{l0,l1}/{id}.parquet`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey {
    /// Whose.
    pub project: ProjectId,
    /// Which table.
    pub table: IndexTable,
    /// UTC day of the sessions' starts.
    pub day: Day,
    /// Whether it is compacted.
    pub level: IndexLevel,
    /// Which file.
    pub id: IndexFileId,
}

/// The prefix of all objects of a table's day, with the slash at its end.
#[must_use]
pub fn index_day_prefix(project: &ProjectId, table: IndexTable, day: Day) -> String {
    format!("index/{project}/{table}/dt={day}/")
}

impl fmt::Display for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = index_day_prefix(&self.project, self.table, self.day);
        write!(f, "{prefix}{}/{}.parquet", self.level.as_str(), self.id)
    }
}

impl FromStr for IndexKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "index/{project}/{table}/dt={day}/{l0 or l1}/{id}.parquet" };
        let [index, project, table, day, level, file] = parsing.parts()?;
        parsing.literal(index, "index")?;
        let level = match level {
            "l0" => IndexLevel::L0,
            "l1" => IndexLevel::L1,
            _ => return Err(parsing.wrong()),
        };
        Ok(Self {
            project: parsing.id(project)?,
            table: parsing.id(table)?,
            day: parsing.id(day.strip_prefix("dt=").ok_or_else(|| parsing.wrong())?)?,
            level,
            id: parsing.id(parsing.without_suffix(file, ".parquet")?)?,
        })
    }
}

/// `index/{project}/{table}/dt={day}/replaced/{id}.json`: which files others stand in for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplacedKey {
    /// Whose.
    pub project: ProjectId,
    /// Which table.
    pub table: IndexTable,
    /// Which day.
    pub day: Day,
    /// Which note.
    pub id: IndexFileId,
}

impl fmt::Display for ReplacedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = index_day_prefix(&self.project, self.table, self.day);
        write!(f, "{prefix}replaced/{}.json", self.id)
    }
}

impl FromStr for ReplacedKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "index/{project}/{table}/dt={day}/replaced/{id}.json" };
        let [index, project, table, day, replaced, file] = parsing.parts()?;
        parsing.literal(index, "index")?;
        parsing.literal(replaced, "replaced")?;
        Ok(Self {
            project: parsing.id(project)?,
            table: parsing.id(table)?,
            day: parsing.id(day.strip_prefix("dt=").ok_or_else(|| parsing.wrong())?)?,
            id: parsing.id(parsing.without_suffix(file, ".json")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn files_and_what_they_replace() {
        for table in IndexTable::ALL {
            for level in ["l0", "l1"] {
                check::<IndexKey>(
                    &format!("index/demo/{table}/dt=2023-11-14/{level}/00112233445566ff.parquet"),
                    &[
                        &format!("index/demo/{table}/2023-11-14/{level}/00112233445566ff.parquet"),
                        &format!("index/demo/{table}/dt=2023-11-14/{level}/00112233445566ff.json"),
                        &format!("index/demo/{table}/dt=2023-11-14/l2/00112233445566ff.parquet"),
                        &format!("index/demo/{table}s/dt=2023-11-14/{level}/00112233445566ff.parquet"),
                    ],
                );
            }
        }
        check::<ReplacedKey>(
            "index/demo/errors/dt=2023-11-14/replaced/00112233445566ff.json",
            &["index/demo/errors/dt=2023-11-14/l0/00112233445566ff.json"],
        );
    }
}
