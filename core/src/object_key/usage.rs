//! Keys of what the indexer counts and sets apart: `spec/objects.md`.

use std::fmt;
use std::str::FromStr;

use super::{ChunkKey, ChunkName, KeyError, Parsing};
use crate::day::Day;
use crate::ids::{ProjectId, shard};

/// `usage/{project}/{day}.json`: what was admitted that UTC day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageKey {
    /// Whose.
    pub project: ProjectId,
    /// Which day.
    pub day: Day,
}

impl fmt::Display for UsageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usage/{}/{}.json", self.project, self.day)
    }
}

impl FromStr for UsageKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "usage/{project}/{day}.json" };
        let [usage, project, file] = parsing.parts()?;
        parsing.literal(usage, "usage")?;
        let day = parsing.without_suffix(file, ".json")?;
        Ok(Self { project: parsing.id(project)?, day: parsing.id(day)? })
    }
}

/// `usage/{project}/{day}/{hour}.json`: the same of the sessions that started in one hour, session by session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageHourKey {
    /// Whose, and which day's.
    pub day: UsageKey,
    /// The UTC hour in which the sessions started, 0 to 23, whatever the day.
    pub hour: u8,
}

impl fmt::Display for UsageHourKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UsageKey { project, day } = &self.day;
        write!(f, "usage/{project}/{day}/{:02}.json", self.hour)
    }
}

impl FromStr for UsageHourKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "usage/{project}/{day}/{hour}.json" };
        let [usage, project, day, file] = parsing.parts()?;
        parsing.literal(usage, "usage")?;
        let hour = parsing.without_suffix(file, ".json")?;
        let hours = (0..24_u8).find(|known| format!("{known:02}") == hour);
        let day = UsageKey { project: parsing.id(project)?, day: parsing.id(day)? };
        Ok(Self { day, hour: hours.ok_or_else(|| parsing.wrong())? })
    }
}

/// `quarantine/{project}/{shard}/{session}/{page}-{seq:05}-{hash8}.json`: why a chunk cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarantineKey {
    /// Of which chunk.
    pub chunk: ChunkKey,
}

impl fmt::Display for QuarantineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChunkKey { project, session, name } = &self.chunk;
        write!(f, "quarantine/{project}/{}/{session}/{name}.json", shard(project, session))
    }
}

impl FromStr for QuarantineKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        const EXPECTED: &str = "quarantine/{project}/{shard}/{session}/{page}-{seq}-{hash}.json";
        let parsing = Parsing { key, expected: EXPECTED };
        let [quarantine, project, shard, session, file] = parsing.parts()?;
        parsing.literal(quarantine, "quarantine")?;
        let name: ChunkName = parsing.id(parsing.without_suffix(file, ".json")?)?;
        let project = parsing.id(project)?;
        let session = parsing.session(&project, shard, session)?;
        Ok(Self { chunk: ChunkKey { project, session, name } })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn usage_and_quarantine() {
        check::<UsageKey>("usage/demo/2023-11-14.json", &["usage/demo/2023-11-31.json", "usage/demo.json"]);
        check::<UsageHourKey>(
            "usage/demo/2023-11-14/07.json",
            &["usage/demo/2023-11-14/7.json", "usage/demo/2023-11-14/24.json", "usage/demo/2023-11-14.json"],
        );
        check::<QuarantineKey>(
            "quarantine/demo/e5/6553f10018f45d4a71053ad0482c3b0e/a1B2c3D4-00000-1a2b3c4d.json",
            &[
                "quarantine/demo/e6/6553f10018f45d4a71053ad0482c3b0e/a1B2c3D4-00000-1a2b3c4d.json",
                "quarantine/demo/e5/6553f10018f45d4a71053ad0482c3b0e/a1B2c3D4-0-1a2b3c4d.json",
            ],
        );
    }
}
