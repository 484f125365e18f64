//! Keys of tapes, and the classes that say how long they are kept: `spec/tape.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{KeyError, Parsing};
use crate::ids::{IdError, ProjectId, SessionId, SetHash, shard};

/// How long a tape is kept: names the bucket's lifecycle rule for `archive/{class}/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ArchiveClass {
    /// So many days, written `90d`.
    Days(u16),
    /// Until it is unpinned.
    Pinned,
}

impl ArchiveClass {
    /// Longest class that has an end, in days.
    pub const DAYS_MAX: u16 = 3_650;
}

impl fmt::Display for ArchiveClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Pinned => f.write_str("pinned"),
        }
    }
}

impl FromStr for ArchiveClass {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text == "pinned" {
            return Ok(Self::Pinned);
        }
        // One class has one spelling: no sign, no zero in front.
        let days = text.strip_suffix('d').filter(|digits| digits.starts_with(|c| matches!(c, '1'..='9')));
        let days = days.and_then(|digits| digits.parse().ok()).filter(|days| *days <= Self::DAYS_MAX);
        days.map(Self::Days).ok_or_else(|| IdError {
            what: "class",
            found: text.chars().take(64).collect(),
            expected: "a number of days from 1d to 3650d, or pinned",
        })
    }
}

impl TryFrom<String> for ArchiveClass {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ArchiveClass> for String {
    fn from(class: ArchiveClass) -> Self {
        class.to_string()
    }
}

/// `archive/{class}/{project}/{shard}/{session}-{set8}.tape`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapeKey {
    /// How long it is kept.
    pub class: ArchiveClass,
    /// Whose.
    pub project: ProjectId,
    /// Which session.
    pub session: SessionId,
    /// Which chunks are in it.
    pub set: SetHash,
}

impl TapeKey {
    /// What the keys of all tapes of a session in one class begin with.
    #[must_use]
    pub fn prefix(class: ArchiveClass, project: &ProjectId, session: &SessionId) -> String {
        format!("archive/{class}/{project}/{}/{session}-", shard(project, session))
    }
}

impl fmt::Display for TapeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}.tape", Self::prefix(self.class, &self.project, &self.session), self.set)
    }
}

impl FromStr for TapeKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "archive/{class}/{project}/{shard}/{session}-{set}.tape" };
        let [archive, class, project, shard, file] = parsing.parts()?;
        parsing.literal(archive, "archive")?;
        let name = parsing.without_suffix(file, ".tape")?;
        let (session, set) = name.split_once('-').ok_or_else(|| parsing.wrong())?;
        let project = parsing.id(project)?;
        let session = parsing.session(&project, shard, session)?;
        Ok(Self { class: parsing.id(class)?, session, project, set: parsing.id(set)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn tapes() {
        for class in ["90d", "pinned", "1d", "3650d"] {
            check::<TapeKey>(
                &format!("archive/{class}/demo/e5/6553f10018f45d4a71053ad0482c3b0e-1a2b3c4d.tape"),
                &[
                    &format!("archive/{class}/demo/e6/6553f10018f45d4a71053ad0482c3b0e-1a2b3c4d.tape"),
                    &format!("archive/{class}/demo/e5/6553f10018f45d4a71053ad0482c3b0e.tape"),
                ],
            );
        }
    }

    #[test]
    fn what_is_no_class() {
        for text in ["", "d", "0d", "090d", "+9d", "-9d", "3651d", "99999999d", "90", "90D", "Pinned", "9 d"]
        {
            assert!(text.parse::<ArchiveClass>().is_err(), "{text}");
        }
    }
}
