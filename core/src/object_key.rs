//! Keys of the objects in the bucket: `spec/objects.md`. A key is a function of ids, so it is built and parsed in one place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, IdError, PageId, ProjectId, ProjectKey, Seq, SessionId, shard};

/// Why an object's key is not that of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkKeyError {
    /// The key has other parts than a chunk's.
    #[error("key {0:?} is not chunks/{{project}}/{{shard}}/{{session}}/{{page}}-{{seq}}-{{hash}}.ndjson.gz")]
    Shape(String),
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
    type Err = ChunkKeyError;

    fn from_str(key: &str) -> Result<Self, ChunkKeyError> {
        let parts: Vec<&str> = key.split('/').collect();
        let ["chunks", project, found, session, file] = parts[..] else {
            return Err(ChunkKeyError::Shape(key.to_owned()));
        };
        let name = file.strip_suffix(".ndjson.gz").ok_or_else(|| ChunkKeyError::Shape(key.to_owned()))?;
        let in_key = |source| ChunkKeyError::Id { key: key.to_owned(), source };
        let project: ProjectId = project.parse().map_err(in_key)?;
        let session: SessionId = session.parse().map_err(in_key)?;
        let name: ChunkName = name.parse().map_err(in_key)?;
        let expected = shard(&project, &session);
        if expected != found {
            return Err(ChunkKeyError::Shard { key: key.to_owned(), found: found.to_owned(), expected });
        }
        Ok(Self { project, session, name })
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
            Err(ChunkKeyError::Shard { key: wrong.clone(), found: found.to_owned(), expected })
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
