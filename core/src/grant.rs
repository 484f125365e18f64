//! Grants, which open one session to who has a link, and support tickets, which have a visitor recorded (`spec/viewer-api.md`).
//!
//! Both are a payload and its HMAC: nothing is stored to know that the edge gave them out.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::ids::{IdError, ProjectId, SessionId};

/// Shortest share key, in bytes: as many as the hash has.
pub const SHARE_KEY_BYTES_MIN: usize = 32;

/// Longest grant or ticket that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 1_024;

/// The edge's secret that grants and tickets are made with. It has no `Display`, and no text of an error shows it.
#[derive(Clone)]
pub struct ShareKey(Vec<u8>);

impl FromStr for ShareKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() >= SHARE_KEY_BYTES_MIN {
            return Ok(Self(text.as_bytes().to_vec()));
        }
        let found = format!("{} bytes", text.len());
        Err(IdError { what: "share key", found, expected: "at least 32 bytes" })
    }
}

impl fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareKey(secret)")
    }
}

/// What a grant says: who has it may watch one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose.
    #[serde(rename = "p")]
    pub project: ProjectId,
    /// Which session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// Unix milliseconds from which it is void.
    #[serde(rename = "e")]
    pub expires_ms: i64,
    /// Only from this moment of the session, Unix milliseconds.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// Only before this one.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// The project's share epoch when it was given out.
    #[serde(rename = "n")]
    pub epoch: u64,
}

/// What a support ticket says: who has it is recorded at the rate of `support`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Whose.
    #[serde(rename = "p")]
    pub project: ProjectId,
    /// Unix milliseconds from which no new session may begin with it.
    #[serde(rename = "e")]
    pub expires_ms: i64,
    /// The project's share epoch when it was given out.
    #[serde(rename = "n")]
    pub epoch: u64,
}

/// Keeps the one from passing for the other.
trait Sealed: Serialize + DeserializeOwned {
    const DOMAIN: &'static str;
}

impl Sealed for Grant {
    const DOMAIN: &'static str = "tapedeck.grant.v1\n";
}

impl Sealed for Ticket {
    const DOMAIN: &'static str = "tapedeck.ticket.v1\n";
}

impl Grant {
    /// The grant as it travels.
    ///
    /// # Errors
    /// None in practice: the payload has a JSON form.
    pub fn seal(&self, key: &ShareKey) -> Result<String, serde_json::Error> {
        seal(self, key)
    }

    /// The grant that `text` is, if this key has made it, it is for this project and epoch, and it holds at `now_ms`.
    #[must_use]
    pub fn open(text: &str, key: &ShareKey, project: &ProjectId, epoch: u64, now_ms: i64) -> Option<Self> {
        let grant: Self = open(text, key)?;
        (grant.project == *project && grant.epoch == epoch && now_ms < grant.expires_ms).then_some(grant)
    }

    /// Whether something that lasts from `first_ms` to `last_ms` (inclusive) is within its moment.
    #[must_use]
    pub fn covers(&self, first_ms: i64, last_ms: i64) -> bool {
        self.at_ms.is_none_or(|at_ms| last_ms >= at_ms)
            && self.until_ms.is_none_or(|until_ms| first_ms < until_ms)
    }

    /// Whether it opens only a part of the session.
    #[must_use]
    pub fn has_moment(&self) -> bool {
        self.at_ms.is_some() || self.until_ms.is_some()
    }
}

impl Ticket {
    /// The ticket as it travels.
    ///
    /// # Errors
    /// None in practice: the payload has a JSON form.
    pub fn seal(&self, key: &ShareKey) -> Result<String, serde_json::Error> {
        seal(self, key)
    }

    /// The ticket that `text` is, if this key has made it, and it is for this project and epoch.
    #[must_use]
    pub fn open(text: &str, key: &ShareKey, project: &ProjectId, epoch: u64) -> Option<Self> {
        let ticket: Self = open(text, key)?;
        (ticket.project == *project && ticket.epoch == epoch).then_some(ticket)
    }

    /// Whether it holds for a session that started at `start_ms` and lasts at most `session_ms_max`, when a batch of it is received at
    /// `received_ms`. One that began in time goes on: a ticket's end splits no session. The start is the client's claim, so
    /// the edge's clock bounds it.
    #[must_use]
    pub fn holds(&self, start_ms: i64, received_ms: i64, session_ms_max: i64) -> bool {
        start_ms < self.expires_ms && received_ms < self.expires_ms.saturating_add(session_ms_max)
    }
}

fn seal<T: Sealed>(payload: &T, key: &ShareKey) -> Result<String, serde_json::Error> {
    let payload = serde_json::to_vec(payload)?;
    let tag = mac::<T>(key, &payload).finalize().into_bytes();
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(tag)))
}

fn open<T: Sealed>(text: &str, key: &ShareKey) -> Option<T> {
    let (payload, tag) = text.split_once('.').filter(|_| text.len() <= TOKEN_BYTES_MAX)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    // In constant time, and before anything of the payload is believed.
    mac::<T>(key, &payload).verify_slice(&tag).ok()?;
    serde_json::from_slice(&payload).ok()
}

fn mac<T: Sealed>(key: &ShareKey, payload: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0)
        .unwrap_or_else(|error| unreachable!("a key of any length: {error}"));
    mac.update(T::DOMAIN.as_bytes());
    mac.update(payload);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn key() -> ShareKey {
        "0123456789abcdef0123456789abcdef".parse().expect("a key")
    }

    fn grant() -> Grant {
        Grant {
            project: "demo".parse().expect("a project"),
            session: "6553f10018f45d4a71053ad0482c3b0e".parse().expect("a session"),
            expires_ms: NOW_MS + 1,
            at_ms: None,
            until_ms: None,
            epoch: 3,
        }
    }

    fn ticket() -> Ticket {
        Ticket { project: "demo".parse().expect("a project"), expires_ms: NOW_MS + 1, epoch: 3 }
    }

    /// By `python3 -c 'import hmac,base64; b=lambda x: base64.urlsafe_b64encode(x).rstrip(b"=").decode();
    /// p=b"""{"p":"demo","e":1700000000001,"n":3}"""; print(b(p)+"."+b(hmac.new(b"0123456789abcdef"*2, b"tapedeck.ticket.v1\n"+p, "sha256").digest()))'`.
    #[test]
    fn as_others_compute_it() {
        assert_eq!(
            ticket().seal(&key()).expect("a ticket"),
            "eyJwIjoiZGVtbyIsImUiOjE3MDAwMDAwMDAwMDEsIm4iOjN9.V8XKQmhNTh52dR5AofMECVBKJobwW2lQp1hFeeOf2c0"
        );
    }

    #[test]
    fn a_grant_is_for_one_project_epoch_and_time() {
        let text = grant().seal(&key()).expect("a grant");
        let demo = grant().project;
        let other: ProjectId = "other".parse().expect("a project");
        let other_key: ShareKey = "0123456789abcdef0123456789abcdeg".parse().expect("a key");
        assert_eq!(Grant::open(&text, &key(), &demo, 3, NOW_MS), Some(grant()));
        assert_eq!(Grant::open(&text, &key(), &demo, 3, NOW_MS + 1), None);
        assert_eq!(Grant::open(&text, &key(), &demo, 4, NOW_MS), None);
        assert_eq!(Grant::open(&text, &key(), &other, 3, NOW_MS), None);
        assert_eq!(Grant::open(&text, &other_key, &demo, 3, NOW_MS), None);
        // Nor does one pass for the other, although a ticket's fields are all in a grant.
        assert_eq!(Ticket::open(&text, &key(), &demo, 3), None);
        let ticket = ticket().seal(&key()).expect("a ticket");
        assert_eq!(Grant::open(&ticket, &key(), &demo, 3, NOW_MS), None);
        for wrong in
            ["", ".", "e30.", &text[..text.len() - 1], &format!("{text}A"), &format!("{text}.{text}")]
        {
            assert_eq!(Grant::open(wrong, &key(), &demo, 3, NOW_MS), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment() {
        let grant = Grant { at_ms: Some(100), until_ms: Some(200), ..grant() };
        assert!(
            grant.covers(0, 100) && grant.covers(199, 300) && grant.covers(0, 300) && grant.covers(150, 160)
        );
        assert!(!grant.covers(0, 99) && !grant.covers(200, 300));
        assert!(Grant { at_ms: None, until_ms: None, ..grant }.covers(i64::MIN, i64::MAX));
    }

    #[test]
    fn a_ticket_ends_between_sessions() {
        let holds = |start_ms, received_ms| ticket().holds(NOW_MS + start_ms, NOW_MS + received_ms, 1_000);
        assert!(holds(0, 0));
        assert!(holds(0, 1_000));
        assert!(!holds(0, 1_001));
        assert!(!holds(1, 1));
    }

    #[test]
    fn a_secret_has_a_length_and_never_shows() {
        assert_eq!(format!("{:?}", key()), "ShareKey(secret)");
        let error = "0123456789abcdef0123456789abcde".parse::<ShareKey>().expect_err("31 bytes");
        assert_eq!(error.to_string(), r#"share key is "31 bytes", expected at least 32 bytes"#);
    }

    proptest! {
        #[test]
        fn no_other_text_is_opened(at in 0..200_usize, with in "[A-Za-z0-9_.-]") {
            let text = grant().seal(&key()).expect("a grant");
            let at = at % text.len();
            let changed = format!("{}{with}{}", &text[..at], &text[at + 1..]);
            prop_assume!(changed != text);
            prop_assert_eq!(Grant::open(&changed, &key(), &grant().project, 3, NOW_MS), None);
        }

        #[test]
        fn any_text_is_opened_without_panic(text in ".{0,80}") {
            let _ = Grant::open(&text, &key(), &grant().project, 3, NOW_MS);
        }
    }
}
