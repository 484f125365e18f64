//! Keys of the objects in the bucket: `spec/objects.md`. A key is a function of ids, so it is built and parsed in one place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, IdError, PageId, ProjectId, ProjectKey, Seq, SessionId, shard};

mod audit;
mod index;
mod request;
mod tape;
mod usage;

pub use audit::AuditKey;
pub use index::{IndexKey, IndexLevel, IndexTable, ReplacedKey, index_day_prefix};
pub use request::{ErasureStateKey, PinKey, RequestKey, SessionTombstoneKey, UserTombstoneKey};
pub use tape::{ArchiveClass, TapeKey};
pub use usage::{QuarantineKey, UsageHourKey, UsageKey};

/// Why a text is not the key of the object that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key has other parts.
    #[error("key {key:?} is not {expected}")]
    Shape {
        /// The whole key.
        key: String,
        /// The form it should have.
        expected: &'static str,
    },
    /// One part is not the id it should be.
    #[error("key {key:?} has a part of the wrong form")]
    Id {
        /// The whole key.
        key: String,
        /// What is wrong with the part.
        source: IdError,
    },
    /// The shard does not follow from project and session.
    #[error("key {key:?} is in shard {found}, its session belongs into {expected}")]
    Shard {
        /// The whole key.
        key: String,
        /// The shard in the key.
        found: String,
        /// The shard that project and session give.
        expected: String,
    },
}

/// A key that is being parsed.
#[derive(Clone, Copy)]
struct Parsing<'a> {
    key: &'a str,
    expected: &'static str,
}

impl<'a> Parsing<'a> {
    fn wrong(self) -> KeyError {
        KeyError::Shape { key: self.key.to_owned(), expected: self.expected }
    }

    /// The key's parts between slashes, if they are as many as that.
    fn parts<const N: usize>(self) -> Result<[&'a str; N], KeyError> {
        let parts: Vec<&str> = self.key.split('/').collect();
        parts.try_into().map_err(|_| self.wrong())
    }

    fn literal(self, found: &str, literal: &str) -> Result<(), KeyError> {
        if found == literal { Ok(()) } else { Err(self.wrong()) }
    }

    fn without_suffix(self, part: &'a str, suffix: &str) -> Result<&'a str, KeyError> {
        part.strip_suffix(suffix).ok_or_else(|| self.wrong())
    }

    fn id<T: FromStr<Err = IdError>>(self, part: &str) -> Result<T, KeyError> {
        part.parse().map_err(|source| KeyError::Id { key: self.key.to_owned(), source })
    }

    /// The session, which has to be in its shard.
    fn session(self, project: &ProjectId, found: &str, session: &str) -> Result<SessionId, KeyError> {
        let session = self.id(session)?;
        let expected = shard(project, &session);
        if expected == found {
            return Ok(session);
        }
        Err(KeyError::Shard { key: self.key.to_owned(), found: found.to_owned(), expected })
    }
}

/// A chunk within its session: which batch of which page load, and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChunkName {
    /// The page load.
    pub page: PageId,
    /// Which of its batches.
    pub seq: Seq,
    /// What was in it.
    pub hash: ContentHash,
}

impl fmt::Display for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.page, self.seq, self.hash)
    }
}

impl From<ChunkName> for String {
    fn from(name: ChunkName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for ChunkName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl FromStr for ChunkName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const EXPECTED: &str = "{page}-{seq:05}-{hash}";
        let wrong =
            || IdError { what: "chunk name", found: text.chars().take(64).collect(), expected: EXPECTED };
        let mut parts = text.splitn(3, '-');
        let (Some(page), Some(seq), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        // One name has one spelling: always five digits.
        if seq.len() != 5 || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let seq = seq.parse::<u64>().map_err(|_| wrong())?;
        Ok(Self { page: page.parse()?, seq: Seq::try_from(seq)?, hash: hash.parse()? })
    }
}

/// The key of a chunk's object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// Whose.
    pub project: ProjectId,
    /// The session it belongs to.
    pub session: SessionId,
    /// Which chunk of it.
    pub name: ChunkName,
}

impl fmt::Display for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}.ndjson.gz", chunks_prefix(&self.project, &self.session), self.name)
    }
}

impl FromStr for ChunkKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        const EXPECTED: &str = "chunks/{project}/{shard}/{session}/{page}-{seq}-{hash}.ndjson.gz";
        let parsing = Parsing { key, expected: EXPECTED };
        let [chunks, project, shard, session, file] = parsing.parts()?;
        parsing.literal(chunks, "chunks")?;
        let name = parsing.without_suffix(file, ".ndjson.gz")?;
        let project: ProjectId = parsing.id(project)?;
        let session = parsing.session(&project, shard, session)?;
        Ok(Self { project, session, name: parsing.id(name)? })
    }
}

/// The prefix of all chunks of a session, with the slash at its end.
#[must_use]
pub fn chunks_prefix(project: &ProjectId, session: &SessionId) -> String {
    format!("chunks/{project}/{}/{session}/", shard(project, session))
}

/// The key of a session's manifest.
#[must_use]
pub fn manifest_key(project: &ProjectId, session: &SessionId) -> String {
    format!("manifests/{project}/{}/{session}.json", shard(project, session))
}

/// The key of a project's configuration.
#[must_use]
pub fn project_config_key(project: &ProjectId) -> String {
    format!("config/projects/{project}.json")
}

/// The key of the object that says which project a project key writes to.
#[must_use]
pub fn key_config_key(key: &ProjectKey) -> String {
    format!("config/keys/{key}.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checks that a key is parsed into what writes it again, and that nothing near it is.
    #[track_caller]
    pub(super) fn check<K: FromStr<Err = KeyError> + fmt::Display>(key: &str, near: &[&str]) {
        let parsed: K = key.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parsed.to_string(), key);
        let slips = [
            String::new(),
            format!("/{key}"),
            format!("{key}/"),
            format!("{key}x"),
            key.replacen('/', "//", 1),
        ];
        for wrong in slips.iter().map(String::as_str).chain(near.iter().copied()) {
            assert!(wrong.parse::<K>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_keys_are_not_chunks() {
        for key in [
            "",
            "chunks/",
            "manifests/demo/00/65.json",
            "chunks/demo/00/6553f100000102030405060708090a0b/a1B2c3D4-00000-1a2b3c4d.ndjson",
            "chunks/demo/00/6553f100000102030405060708090a0b/a1B2c3D4-0-1a2b3c4d.ndjson.gz",
            "chunks/demo/00/6553f100000102030405060708090a0b/a1B2c3D4-+0000-1a2b3c4d.ndjson.gz",
            "chunks/demo/00/6553f100000102030405060708090a0b/x/a1B2c3D4-00000-1a2b3c4d.ndjson.gz",
            "/chunks/demo/00/6553f100000102030405060708090a0b/a1B2c3D4-00000-1a2b3c4d.ndjson.gz",
        ] {
            assert!(key.parse::<ChunkKey>().is_err(), "{key}");
        }
    }

    #[test]
    fn a_wrong_shard_is_named() {
        let session: SessionId = "6553f100000102030405060708090a0b".parse().expect("a session");
        let project: ProjectId = "demo".parse().expect("a project");
        let right = format!("{}a1B2c3D4-00000-1a2b3c4d.ndjson.gz", chunks_prefix(&project, &session));
        let expected = shard(&project, &session);
        let found = if expected == "00" { "01" } else { "00" };
        let wrong = right.replacen(&format!("/{expected}/"), &format!("/{found}/"), 1);
        assert_eq!(
            wrong.parse::<ChunkKey>(),
            Err(KeyError::Shard { key: wrong.clone(), found: found.to_owned(), expected })
        );
    }

    proptest! {
        #[test]
        fn written_then_parsed(
            project in "[a-z0-9][a-z0-9-]{1,31}", session in "[0-9a-f]{32}",
            page in "[0-9A-Za-z]{8}", seq in 0..=u64::from(Seq::MAX), hash in "[0-9a-f]{8}",
        ) {
            let key = ChunkKey {
                project: project.parse().expect("a project"),
                session: session.parse().expect("a session"),
                name: ChunkName {
                    page: page.parse().expect("a page"),
                    seq: Seq::try_from(seq).expect("a seq"),
                    hash: hash.parse().expect("a hash"),
                },
            };
            prop_assert_eq!(key.to_string().parse::<ChunkKey>(), Ok(key));
        }

        #[test]
        fn any_text_is_parsed_without_panic(key in ".{0,200}") {
            let _ = key.parse::<ChunkKey>();
        }
    }
}
