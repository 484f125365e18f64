//! Keys of records of viewers' calls: `spec/requests.md`.

use std::fmt;
use std::str::FromStr;

use super::{KeyError, Parsing};
use crate::day::Day;
use crate::ids::{ProjectId, RequestId};

/// `audit/{project}/{day}/{at_ms}-{16 hex}.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditKey {
    /// Whose.
    pub project: ProjectId,
    /// When, and random digits: of the same form as a request's id.
    pub id: RequestId,
}

impl AuditKey {
    /// The UTC day of the call.
    #[must_use]
    pub fn day(&self) -> Day {
        Day::of_ms(self.id.requested_ms())
    }
}

impl fmt::Display for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "audit/{}/{}/{}.json", self.project, self.day(), self.id)
    }
}

impl FromStr for AuditKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "audit/{project}/{day}/{at_ms}-{16 hex}.json, of that day" };
        let [audit, project, day, file] = parsing.parts()?;
        parsing.literal(audit, "audit")?;
        let id = parsing.without_suffix(file, ".json")?;
        let parsed = Self { project: parsing.id(project)?, id: parsing.id(id)? };
        parsing.literal(day, &parsed.day().to_string())?;
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn records() {
        check::<AuditKey>(
            "audit/demo/2023-11-14/1700000000000-00112233445566ff.json",
            &[
                "audit/demo/2023-11-15/1700000000000-00112233445566ff.json",
                "audit/demo/2023-11-14/1700000000000.json",
            ],
        );
    }
}
