//! Keys of requests and of what became of them: `spec/requests.md`.

use std::fmt;
use std::str::FromStr;

use super::{KeyError, Parsing};
use crate::ids::{ProjectId, RequestId, SessionId, shard};
use crate::user_hash::UserHash;

/// `requests/{project}/{id}.json`: what is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// Whose.
    pub project: ProjectId,
    /// Which.
    pub id: RequestId,
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "requests/{}/{}.json", self.project, self.id)
    }
}

impl FromStr for RequestKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "requests/{project}/{id}.json" };
        let [requests, project, file] = parsing.parts()?;
        parsing.literal(requests, "requests")?;
        let id = parsing.without_suffix(file, ".json")?;
        Ok(Self { project: parsing.id(project)?, id: parsing.id(id)? })
    }
}

/// `pins/{project}/{shard}/{session}.json`: exists while the session is pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinKey {
    /// Whose.
    pub project: ProjectId,
    /// Which session.
    pub session: SessionId,
}

impl fmt::Display for PinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, session } = self;
        write!(f, "pins/{project}/{}/{session}.json", shard(project, session))
    }
}

impl FromStr for PinKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "pins/{project}/{shard}/{session}.json" };
        let [pins, project, shard, file] = parsing.parts()?;
        parsing.literal(pins, "pins")?;
        let session = parsing.without_suffix(file, ".json")?;
        let project = parsing.id(project)?;
        Ok(Self { session: parsing.session(&project, shard, session)?, project })
    }
}

/// `erasures/{project}/sessions/{shard}/{session}.json`: the tombstone of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionTombstoneKey {
    /// Whose.
    pub project: ProjectId,
    /// Which session.
    pub session: SessionId,
}

impl fmt::Display for SessionTombstoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, session } = self;
        write!(f, "erasures/{project}/sessions/{}/{session}.json", shard(project, session))
    }
}

impl FromStr for SessionTombstoneKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "erasures/{project}/sessions/{shard}/{session}.json" };
        let [erasures, project, sessions, shard, file] = parsing.parts()?;
        parsing.literal(erasures, "erasures")?;
        parsing.literal(sessions, "sessions")?;
        let session = parsing.without_suffix(file, ".json")?;
        let project = parsing.id(project)?;
        Ok(Self { session: parsing.session(&project, shard, session)?, project })
    }
}

/// `erasures/{project}/users/{user hash}.json`: the tombstone of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserTombstoneKey {
    /// Whose.
    pub project: ProjectId,
    /// Which user; in the key without `hmac:`.
    pub user: UserHash,
}

impl fmt::Display for UserTombstoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "erasures/{}/users/{}.json", self.project, self.user.as_hex())
    }
}

impl FromStr for UserTombstoneKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "erasures/{project}/users/{user hash}.json" };
        let [erasures, project, users, file] = parsing.parts()?;
        parsing.literal(erasures, "erasures")?;
        parsing.literal(users, "users")?;
        let user = UserHash::of_hex(parsing.without_suffix(file, ".json")?);
        let user = user.map_err(|source| KeyError::Id { key: key.to_owned(), source })?;
        Ok(Self { project: parsing.id(project)?, user })
    }
}

/// `erasures/{project}/state/{id}.json`: how far a request has come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErasureStateKey {
    /// Whose.
    pub project: ProjectId,
    /// Of which request.
    pub id: RequestId,
}

impl fmt::Display for ErasureStateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "erasures/{}/state/{}.json", self.project, self.id)
    }
}

impl FromStr for ErasureStateKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let parsing = Parsing { key, expected: "erasures/{project}/state/{id}.json" };
        let [erasures, project, state, file] = parsing.parts()?;
        parsing.literal(erasures, "erasures")?;
        parsing.literal(state, "state")?;
        let id = parsing.without_suffix(file, ".json")?;
        Ok(Self { project: parsing.id(project)?, id: parsing.id(id)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn requests_and_states() {
        check::<RequestKey>(
            "requests/demo/1700000000000-00112233445566ff.json",
            &["requests/demo/1700000000000.json", "requests/De/1700000000000-00112233445566ff.json"],
        );
        check::<ErasureStateKey>(
            "erasures/demo/state/1700000000000-00112233445566ff.json",
            &["erasures/demo/states/1700000000000-00112233445566ff.json", "erasures/demo/state/x.json"],
        );
    }

    #[test]
    fn pins_and_tombstones_of_sessions() {
        check::<PinKey>(
            "pins/demo/e5/6553f10018f45d4a71053ad0482c3b0e.json",
            &[
                "pins/demo/e6/6553f10018f45d4a71053ad0482c3b0e.json",
                "pins/demo/6553f10018f45d4a71053ad0482c3b0e.json",
            ],
        );
        check::<SessionTombstoneKey>(
            "erasures/demo/sessions/e5/6553f10018f45d4a71053ad0482c3b0e.json",
            &[
                "erasures/demo/sessions/e6/6553f10018f45d4a71053ad0482c3b0e.json",
                "erasures/demo/sessions/e5/x.json",
            ],
        );
    }

    #[test]
    fn tombstones_of_users() {
        let digits = "0123456789abcdef".repeat(4);
        check::<UserTombstoneKey>(
            &format!("erasures/demo/users/{digits}.json"),
            &[&format!("erasures/demo/users/hmac:{digits}.json"), "erasures/demo/users/u_17.json"],
        );
    }
}
