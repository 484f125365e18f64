//! Requests to erase and to pin, what became of them, and the record of viewers' calls: `spec/requests.md`.

use serde::{Deserialize, Serialize};

use crate::config::Role;
use crate::ids::{ProjectId, RequestId, SessionId};
use crate::user_hash::UserHash;

/// Largest of these documents, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The form of these documents that this code reads and writes.
pub const DOCUMENT_VERSION: u32 = 1;

/// Longest name of who asked, in characters.
pub const BY_CHARS_MAX: usize = 200;

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Larger than [`DOCUMENT_BYTES_MAX`].
    #[error("document is {bytes} bytes, limit is {DOCUMENT_BYTES_MAX}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not JSON of the form that the spec gives.
    #[error("document is not of the form in spec/requests.md")]
    Form(#[from] serde_json::Error),
    /// A version that this code does not know.
    #[error("document has version {found}, this program reads version {DOCUMENT_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

/// Reads one of these documents.
///
/// # Errors
/// [`DocumentError`]
pub fn parse_document<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, DocumentError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(DocumentError::TooLarge { bytes: bytes.len() });
    }
    let Version { version } = serde_json::from_slice(bytes)?;
    if version != DOCUMENT_VERSION {
        return Err(DocumentError::Version { found: version });
    }
    Ok(serde_json::from_slice(bytes)?)
}

/// `requests/{project}/{id}.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Form of this document.
    pub version: u32,
    /// Which request.
    pub id: RequestId,
    /// Whose.
    pub project: ProjectId,
    /// What is asked.
    #[serde(flatten)]
    pub asks: Asks,
    /// When, by the edge's clock.
    pub requested_ms: i64,
    /// The name of the token, or the identity that Cloudflare Access told.
    pub by: String,
}

/// What a request asks for, of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Asks {
    /// Remove everything of a session.
    EraseSession {
        /// Which.
        session: SessionId,
    },
    /// Remove every session in which a user was identified.
    EraseUser {
        /// Who.
        user: UserHash,
    },
    /// Keep a session until it is unpinned.
    Pin {
        /// Which.
        session: SessionId,
    },
    /// Keep it no longer than others.
    Unpin {
        /// Which.
        session: SessionId,
    },
}

impl Asks {
    /// What is asked, without of what.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::EraseSession { .. } => Action::EraseSession,
            Self::EraseUser { .. } => Action::EraseUser,
            Self::Pin { .. } => Action::Pin,
            Self::Unpin { .. } => Action::Unpin,
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Remove everything of a session.
    EraseSession,
    /// Remove every session of a user.
    EraseUser,
    /// Keep a session until it is unpinned.
    Pin,
    /// Keep it no longer than others.
    Unpin,
}

/// `pins/{project}/{shard}/{session}.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Form of this document.
    pub version: u32,
    /// By which request.
    pub request: RequestId,
    /// Since when, by that request.
    pub pinned_ms: i64,
}

/// `erasures/{project}/sessions/{shard}/{session}.json`, `erasures/{project}/users/{user hash}.json`: nothing of that session or
/// user is written any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Form of this document.
    pub version: u32,
    /// By which request.
    pub request: RequestId,
    /// Since when, by the indexer's clock.
    pub at_ms: i64,
}

/// `erasures/{project}/state/{id}.json`: how far a request has come; the receipt, once it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureState {
    /// Form of this document.
    pub version: u32,
    /// Of which request.
    pub id: RequestId,
    /// What it asks for.
    pub action: Action,
    /// How far it has come.
    pub state: Progress,
    /// When the tombstone was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tombstone_ms: Option<i64>,
    /// Which pass over the bucket, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<u32>,
    /// How many of the 256 shards this pass has behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards_done: Option<u32>,
    /// How many sessions were found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
    /// What was removed, over all passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_ms: Option<i64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ErasureState {
    /// The state of a request that the indexer has not begun with.
    #[must_use]
    pub fn accepted(id: RequestId, action: Action) -> Self {
        Self {
            version: DOCUMENT_VERSION,
            id,
            action,
            state: Progress::Accepted,
            tombstone_ms: None,
            pass: None,
            shards_done: None,
            sessions: None,
            removed: None,
            done_ms: None,
            detail: None,
        }
    }
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It is in the bucket.
    Accepted,
    /// The indexer works on it.
    Running,
    /// For the second pass.
    Waiting,
    /// Nothing is left to do.
    Done,
    /// It cannot be done; `detail` says why.
    Failed,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Removed {
    /// Objects under `chunks/`.
    pub chunks: u64,
    /// Objects under `manifests/`.
    pub manifests: u64,
    /// Objects under `archive/`.
    pub tapes: u64,
    /// Rows of tables.
    pub rows: u64,
}

/// `audit/{project}/{day}/{at_ms}-{16 hex}.json`: a viewer's call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Form of this document.
    pub version: u32,
    /// When, by the edge's clock.
    pub at_ms: i64,
    /// Whose.
    pub project: ProjectId,
    /// The name of the token, or the identity that Cloudflare Access told; of a grant, that it is one.
    pub who: String,
    /// How it was shown who asks.
    pub how: How,
    /// What that allows; a grant has no role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What was called.
    pub call: Call,
    /// Which session it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Two letters, as the edge's platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What who asked wrote beside it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How it was shown who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A bearer token.
    Token,
    /// An assertion of Cloudflare Access.
    Access,
    /// A grant.
    Grant,
}

/// A viewer's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A session's manifest and URLs.
    Session,
    /// URLs of named chunks.
    Urls,
    /// URLs of the tables' files.
    Index,
    /// A grant was given out.
    Share,
    /// A support ticket was given out.
    Ticket,
    /// A session is to be kept.
    Pin,
    /// It is no longer.
    Unpin,
    /// A session is to be erased.
    EraseSession,
    /// A user is to be erased.
    EraseUser,
    /// The state of a request.
    ErasureState,
}

impl Call {
    /// As it is written in records and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Urls => "urls",
            Self::Index => "index",
            Self::Share => "share",
            Self::Ticket => "ticket",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::EraseSession => "erase_session",
            Self::EraseUser => "erase_user",
            Self::ErasureState => "erasure_state",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check<T: for<'a> Deserialize<'a> + Serialize + PartialEq + std::fmt::Debug>(document: &Value) -> T {
        let parsed: T = parse_document(document.to_string().as_bytes()).expect("a document");
        assert_eq!(serde_json::to_value(&parsed).expect("json"), *document);
        parsed
    }

    const ID: &str = "1700000000000-00112233445566ff";
    const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";

    #[test]
    fn the_examples_of_the_spec() {
        let user = format!("hmac:{}", "0a".repeat(32));
        let request: Request = check(&json!({
            "version": 1, "id": ID, "project": "demo", "action": "erase_user", "user": user,
            "requested_ms": 1_700_000_000_000_i64, "by": "support desk",
        }));
        assert_eq!(request.asks.action(), Action::EraseUser);
        for action in ["erase_session", "pin", "unpin"] {
            check::<Request>(&json!({
                "version": 1, "id": ID, "project": "demo", "action": action, "session": SESSION,
                "requested_ms": 1_700_000_000_000_i64, "by": "support desk",
            }));
        }
        check::<Pin>(&json!({"version": 1, "request": ID, "pinned_ms": 1}));
        check::<Tombstone>(&json!({"version": 1, "request": ID, "at_ms": 1}));
        check::<ErasureState>(&json!({
            "version": 1, "id": ID, "action": "erase_user", "state": "running", "tombstone_ms": 1, "pass": 1,
            "shards_done": 117, "sessions": 3, "removed": {"chunks": 41, "manifests": 3, "tapes": 1, "rows": 12},
            "done_ms": 2,
        }));
        let accepted: ErasureState =
            check(&json!({"version": 1, "id": ID, "action": "pin", "state": "accepted"}));
        assert_eq!(accepted, ErasureState::accepted(ID.parse().expect("an id"), Action::Pin));
        check::<AuditRecord>(&json!({
            "version": 1, "at_ms": 1_700_000_000_000_i64, "project": "demo", "who": "support desk", "how": "token",
            "role": "viewer", "call": "session", "session": SESSION, "country": "DE",
        }));
        check::<AuditRecord>(&json!({
            "version": 1, "at_ms": 1, "project": "demo", "who": "a grant", "how": "grant", "call": "urls", "session": SESSION,
        }));
    }

    #[test]
    fn calls_are_written_alike() {
        use Call::*;
        for call in [Session, Urls, Index, Share, Ticket, Pin, Unpin, EraseSession, EraseUser, ErasureState] {
            assert_eq!(serde_json::to_value(call).expect("json"), call.as_str());
        }
    }

    #[test]
    fn what_is_no_request() {
        let request = json!({
            "version": 1, "id": ID, "project": "demo", "action": "erase_session", "session": SESSION,
            "requested_ms": 1, "by": "x",
        });
        let error = |change: &dyn Fn(&mut Value)| {
            let mut request = request.clone();
            change(&mut request);
            parse_document::<Request>(request.to_string().as_bytes()).expect_err("no request").to_string()
        };
        assert_eq!(
            error(&|r| r["version"] = json!(2)),
            "document has version 2, this program reads version 1"
        );
        for change in [
            &(|r: &mut Value| r["action"] = json!("erase")) as &dyn Fn(&mut Value),
            &|r| r["action"] = json!("erase_user"),
            &|r| r["session"] = json!("x"),
            &|r| r["id"] = json!("x"),
            &|r| r["by"] = json!(null),
        ] {
            assert_eq!(error(change), "document is not of the form in spec/requests.md");
        }
        let large = vec![b' '; DOCUMENT_BYTES_MAX + 1];
        assert!(matches!(parse_document::<Request>(&large), Err(DocumentError::TooLarge { .. })));
    }
}
