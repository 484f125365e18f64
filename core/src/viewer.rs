//! What a viewer may do and gets to read: `spec/viewer-api.md`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{AccessConfig, ProjectConfig, Role, Viewer};
use crate::gather::gather;
use crate::grant::Grant;
use crate::ids::{ContentHash, PageId, Seq, SessionId, hex};
use crate::manifest::{Outline, OutlinePage};
use crate::object_key::ChunkName;
use crate::request::{BY_CHARS_MAX, Call};
use crate::text::bounded;

/// Seconds that a presigned URL lives.
pub const URL_LIFE_S: u32 = 15 * 60;

/// Most URLs in the answer to one session call.
pub const URLS_MAX: usize = 64;

/// Most chunk names in one request for URLs.
pub const NAMES_MAX: usize = 256;

/// Most chunks that are listed as not yet in the manifest.
pub const NEWER_MAX: usize = 1_000;

/// Most files of tables in one answer.
pub const INDEX_FILES_MAX: usize = 5_000;

/// Most days that one call for tables may ask for.
pub const INDEX_DAYS_MAX: i64 = 93;

/// How long a grant lives unless it says otherwise, and at most, in milliseconds.
pub const GRANT_LIFE_MS: LifeMs = LifeMs { default: 7 * DAY_MS, max: 90 * DAY_MS };

/// How long a support ticket does.
pub const TICKET_LIFE_MS: LifeMs = LifeMs { default: DAY_MS, max: 7 * DAY_MS };

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much before and after the asked moment is signed ahead, in milliseconds.
const WINDOW_MS: (i64, i64) = (30_000, 60_000);

/// The moment that a viewer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The session's first event.
    Start,
    /// Its last.
    End,
    /// An event time, Unix milliseconds.
    At(i64),
}

impl Moment {
    /// From the query's `at`; `None` if it is of another form.
    #[must_use]
    pub fn parse(at: Option<&str>) -> Option<Self> {
        match at {
            None => Some(Self::Start),
            Some("end") => Some(Self::End),
            Some(ms) => ms.parse().ok().map(Self::At),
        }
    }
}

/// A chunk that no indexer has seen yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newer {
    /// The page load.
    pub page: PageId,
    /// Which of its batches.
    pub seq: Seq,
    /// What was in it.
    pub hash: ContentHash,
    /// Bytes of its object.
    pub bytes: u64,
}

impl Newer {
    /// A chunk as a listing shows it.
    #[must_use]
    pub fn new(name: ChunkName, bytes: u64) -> Self {
        Self { page: name.page, seq: name.seq, hash: name.hash, bytes }
    }
}

/// Whose token this is, if it is anybody's and still holds at `now_ms`.
///
/// All digests are compared, each in constant time, so that the time taken tells nothing of how close a guess was.
#[must_use]
pub fn authorize<'a>(project: &'a ProjectConfig, token: &str, now_ms: i64) -> Option<&'a Viewer> {
    let digest = hex(&Sha256::digest(token));
    project
        .viewers
        .iter()
        .filter(|viewer| bool::from(viewer.sha256.as_bytes().ct_eq(digest.as_bytes())))
        .fold(None, |found, viewer| found.or(Some(viewer)))
        .filter(|viewer| viewer.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms))
}

/// How long something that is given out lives, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct LifeMs {
    default: i64,
    max: i64,
}

impl LifeMs {
    /// The end of what is given out at `now_ms`: the asked one, if it is neither past nor too far ahead.
    #[must_use]
    pub fn end(self, asked_ms: Option<i64>, now_ms: i64) -> Option<i64> {
        let end_ms = asked_ms.unwrap_or(now_ms + self.default);
        (end_ms > now_ms && end_ms <= now_ms.saturating_add(self.max)).then_some(end_ms)
    }
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// What the role may.
    Role(Role),
    /// Watch one session.
    Grant(Box<Grant>),
}

impl Permit {
    /// Whether the call is allowed, for a call that is about a session of that one: the table of `spec/viewer-api.md`.
    #[must_use]
    pub fn allows(&self, call: Call, session: Option<&SessionId>) -> bool {
        match self {
            Self::Role(role) => *role >= least_role(call),
            Self::Grant(grant) => {
                matches!(call, Call::Session | Call::Urls) && session == Some(&grant.session)
            }
        }
    }

    /// The role, if it is one.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Role(role) => Some(*role),
            Self::Grant(_) => None,
        }
    }

    /// The grant, if it opens only a part of its session.
    #[must_use]
    pub fn moment(&self) -> Option<&Grant> {
        match self {
            Self::Grant(grant) if grant.has_moment() => Some(grant),
            Self::Grant(_) | Self::Role(_) => None,
        }
    }
}

fn least_role(call: Call) -> Role {
    match call {
        Call::Session | Call::Urls | Call::Index => Role::Viewer,
        Call::Share | Call::Ticket | Call::Pin | Call::Unpin => Role::Support,
        Call::EraseSession | Call::EraseUser | Call::ErasureState => Role::Admin,
    }
}

/// Who the claims of a verified assertion name, and the best role of the groups; `None` if no group has one. `claims` is JSON.
///
/// Groups are in `groups`, or where Access puts claims of the identity provider, in `custom.groups`: names, or objects with `name`,
/// `email` or `id`.
#[must_use]
pub fn access_identity(claims: &str, access: &AccessConfig) -> Option<(String, Role)> {
    let claims: Value = serde_json::from_slice(claims.as_bytes()).ok()?;
    let lists = [&claims["groups"], &claims["custom"]["groups"]];
    let groups = lists.into_iter().filter_map(Value::as_array).flatten();
    let role = groups
        .flat_map(|group| [group, &group["name"], &group["email"], &group["id"]])
        .filter_map(|name| access.groups.get(name.as_str()?))
        .max()?;
    // People have an address, services a name.
    let who = ["email", "common_name", "sub"].iter().find_map(|name| claims[*name].as_str())?;
    Some((bounded_name(who), *role))
}

/// A name as records keep it.
#[must_use]
pub fn bounded_name(name: &str) -> String {
    bounded(name, BY_CHARS_MAX)
}

/// The chunks that a grant with a moment opens: on each page those that overlap it, and those since the checkpoint before it, without which
/// there is no picture. Chunks that are not in the manifest are of unknown times, and not among them.
#[must_use]
pub fn granted_chunks(manifest: &Outline, grant: &Grant) -> BTreeSet<ChunkName> {
    let from_ms = grant.at_ms.unwrap_or(i64::MIN);
    let pages = manifest.pages.iter().filter(|page| grant.covers(page.first_ms, page.last_ms));
    let chunks = pages.flat_map(|page| {
        let needed = &page.chunks[checkpoint_index(page, from_ms)..];
        let until = grant.until_ms.unwrap_or(i64::MAX);
        needed.iter().filter(move |chunk| chunk.first_ms < until).map(|chunk| page.name_of(chunk))
    });
    gather(chunks)
}

/// The chunks that a player will ask for first: on each page around the moment, from the checkpoint before. At most [`URLS_MAX`].
#[must_use]
pub fn plan_urls(manifest: Option<&Outline>, newer: &[ChunkName], moment: Moment) -> BTreeSet<ChunkName> {
    let mut planned: BTreeSet<ChunkName> = gather(newer.iter().take(URLS_MAX).cloned());
    let Some(manifest) = manifest else {
        return planned;
    };
    let last_ms = manifest.ended_ms.saturating_sub(1);
    let at_ms = match moment {
        Moment::Start => manifest.started_ms,
        Moment::End => last_ms,
        // Not `clamp`, which panics for a manifest that ends before it starts.
        Moment::At(ms) => ms.min(last_ms).max(manifest.started_ms),
    };
    let (from_ms, to_ms) = (at_ms.saturating_sub(WINDOW_MS.0), at_ms.saturating_add(WINDOW_MS.1));
    for page in &manifest.pages {
        if page.first_ms > to_ms || page.last_ms < from_ms {
            continue;
        }
        for chunk in &page.chunks[checkpoint_index(page, at_ms)..] {
            if chunk.first_ms > to_ms || planned.len() == URLS_MAX {
                break;
            }
            planned.insert(page.name_of(chunk));
        }
    }
    planned
}

/// The index of the last chunk with a checkpoint at or before `at_ms`; 0 where there is none.
fn checkpoint_index(page: &OutlinePage, at_ms: i64) -> usize {
    page.chunks.iter().rposition(|chunk| chunk.checkpoints.iter().any(|(ms, _)| *ms <= at_ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Union;
    use crate::summary::{ChunkMetadata, Summariser};
    use serde_json::json;

    fn project(viewers: &serde_json::Value) -> ProjectConfig {
        let config = json!({
            "version": 1, "revision": 1, "project": "demo", "keys": [], "origins": ["*"],
            "sampling": [{"from_ms": 0, "all": 1}], "viewers": viewers,
        });
        ProjectConfig::parse(config.to_string().as_bytes()).expect("a config")
    }

    #[test]
    fn tokens_are_known_by_their_digest_until_they_expire() {
        let digest = hex(&Sha256::digest("vt_secret"));
        let project = project(&json!([
            {"name": "other", "sha256": "00".repeat(32), "role": "admin"},
            {"name": "desk", "sha256": digest, "role": "viewer", "expires_ms": 1_000},
        ]));
        let who = |token: &str, now_ms| authorize(&project, token, now_ms).map(|viewer| viewer.name.as_str());
        assert_eq!(who("vt_secret", 999), Some("desk"));
        assert_eq!(who("vt_secret", 1_000), None);
        assert_eq!(who("vt_secre", 0), None);
        assert_eq!(who("", 0), None);
        assert_eq!(who(&digest, 0), None);
    }

    #[test]
    fn without_viewers_nobody_reads() {
        assert_eq!(authorize(&project(&json!([])), "", 0), None);
    }

    /// The table of `spec/viewer-api.md`, cell by cell, over two sessions.
    #[test]
    fn who_may_do_what() {
        const SESSION: &str = "6553f10018f45d4a71053ad0482c3b0e";
        let session = SESSION.parse::<SessionId>().expect("a session");
        let other = "6553f1009b9cf7cdca965edc0c23444b".parse::<SessionId>().expect("a session");
        let grant = Permit::Grant(Box::new(Grant {
            project: "demo".parse().expect("a project"),
            session: session.clone(),
            expires_ms: 0,
            at_ms: None,
            until_ms: None,
            epoch: 0,
        }));
        let [viewer, support, admin] = [Role::Viewer, Role::Support, Role::Admin].map(Permit::Role);
        for (call, expected) in [
            (Call::Session, [true, true, true, true]),
            (Call::Urls, [true, true, true, true]),
            (Call::Index, [true, true, true, false]),
            (Call::Share, [false, true, true, false]),
            (Call::Ticket, [false, true, true, false]),
            (Call::Pin, [false, true, true, false]),
            (Call::Unpin, [false, true, true, false]),
            (Call::EraseSession, [false, false, true, false]),
            (Call::EraseUser, [false, false, true, false]),
            (Call::ErasureState, [false, false, true, false]),
        ] {
            let found = [&viewer, &support, &admin, &grant].map(|permit| permit.allows(call, Some(&session)));
            assert_eq!(found, expected, "{call:?}");
            assert!(!grant.allows(call, Some(&other)) && !grant.allows(call, None), "{call:?}");
        }
    }

    #[test]
    fn groups_of_an_assertion() {
        let access: AccessConfig = serde_json::from_value(json!({
            "team": "https://acme.cloudflareaccess.com", "audience": "a",
            "groups": {"everybody": "viewer", "engineering": "admin", "desk": "support"},
        }))
        .expect("a config");
        let check = |claims: serde_json::Value, expected: Option<(&str, Role)>| {
            let found = access_identity(&claims.to_string(), &access);
            assert_eq!(found, expected.map(|(who, role)| (who.to_owned(), role)), "{claims}");
        };
        let mary = "mary@acme.example";
        check(json!({"email": mary, "groups": ["everybody"]}), Some((mary, Role::Viewer)));
        check(json!({"email": mary, "groups": ["engineering", "everybody"]}), Some((mary, Role::Admin)));
        check(json!({"email": mary, "custom": {"groups": ["desk"]}}), Some((mary, Role::Support)));
        check(json!({"email": mary, "groups": [{"id": "x", "name": "desk"}]}), Some((mary, Role::Support)));
        check(json!({"common_name": "exporter", "groups": ["desk"]}), Some(("exporter", Role::Support)));
        check(json!({"email": mary}), None);
        check(json!({"email": mary, "groups": ["Engineering"]}), None);
        check(json!({"email": mary, "groups": "engineering"}), None);
        check(json!({"groups": ["engineering"]}), None);
        assert_eq!(access_identity("x", &access), None);
    }

    #[test]
    fn what_is_given_out_ends() {
        assert_eq!(TICKET_LIFE_MS.end(None, 5), Some(5 + DAY_MS));
        assert_eq!(TICKET_LIFE_MS.end(Some(6), 5), Some(6));
        assert_eq!(TICKET_LIFE_MS.end(Some(5), 5), None);
        assert_eq!(TICKET_LIFE_MS.end(Some(5 + 7 * DAY_MS), 5), Some(5 + 7 * DAY_MS));
        assert_eq!(TICKET_LIFE_MS.end(Some(6 + 7 * DAY_MS), 5), None);
        assert_eq!(GRANT_LIFE_MS.end(None, 5), Some(5 + 7 * DAY_MS));
        assert_eq!(GRANT_LIFE_MS.end(Some(6 + 90 * DAY_MS), 5), None);
    }

    #[test]
    fn a_moment_opens_what_shows_it() {
        let manifest = manifest(30);
        let seqs = |at_ms, until_ms| {
            let grant = Grant {
                project: "demo".parse().expect("a project"),
                session: "6553f100000102030405060708090a0b".parse().expect("a session"),
                expires_ms: 0,
                at_ms,
                until_ms,
                epoch: 0,
            };
            granted_chunks(&manifest, &grant).iter().map(|name| name.seq.get()).collect::<Vec<_>>()
        };
        // Chunks of 10 s, a checkpoint in every third.
        assert_eq!(seqs(Some(55_000), Some(60_000)), [3, 4, 5]);
        assert_eq!(seqs(Some(55_000), Some(60_001)), [3, 4, 5, 6]);
        assert_eq!(seqs(Some(60_000), Some(60_001)), [6]);
        assert_eq!(seqs(None, Some(10_000)), [0]);
        assert_eq!(seqs(Some(275_000), None), [27, 28, 29]);
        assert_eq!(seqs(Some(300_000), None), [0_u32; 0]);
    }

    #[test]
    fn moments() {
        assert_eq!(Moment::parse(None), Some(Moment::Start));
        assert_eq!(Moment::parse(Some("end")), Some(Moment::End));
        assert_eq!(Moment::parse(Some("-5")), Some(Moment::At(-5)));
        assert_eq!(Moment::parse(Some("")), None);
        assert_eq!(Moment::parse(Some("1e3")), None);
    }

    /// One page of `n` chunks, each 10 s long; a checkpoint in every third.
    fn manifest(n: u64) -> Outline {
        let mut union = Union::new(
            "demo".parse().expect("a project"),
            "6553f100000102030405060708090a0b".parse().expect("a session"),
        );
        for seq in 0..n {
            let name = format!("aaaaaaaa-{seq:05}-1a2b3c4d").parse().expect("a chunk name");
            let mut summariser = Summariser::new(name, 100, ChunkMetadata::default());
            let start_ms = seq as i64 * 10_000;
            if seq % 3 == 0 {
                summariser.line(&json!({"type": 4, "timestamp": start_ms}).to_string()).expect("meta");
                summariser
                    .line(&json!({"type": 2, "timestamp": start_ms}).to_string())
                    .expect("full snapshot");
            }
            for at_ms in [start_ms, start_ms + 9_999] {
                summariser.line(&json!({"type": 3, "timestamp": at_ms}).to_string()).expect("incremental");
            }
            union.insert(summariser.finish().expect("a summary"));
        }
        let manifest = union.derive().expect("chunks").encode().expect("JSON");
        Outline::parse(&manifest).expect("its own form")
    }

    #[test]
    fn urls_begin_at_the_checkpoint_before() {
        let manifest = manifest(120);
        let seqs = |moment| {
            plan_urls(Some(&manifest), &[], moment).iter().map(|name| name.seq.get()).collect::<Vec<_>>()
        };
        assert_eq!(seqs(Moment::Start), (0..=6).collect::<Vec<_>>());
        assert_eq!(seqs(Moment::At(555_000)), (54..=61).collect::<Vec<_>>());
        assert_eq!(seqs(Moment::End), (117..=119).collect::<Vec<_>>());
        assert_eq!(seqs(Moment::At(i64::MAX)), seqs(Moment::End));
        assert_eq!(seqs(Moment::At(i64::MIN)), seqs(Moment::Start));
    }

    #[test]
    fn a_manifest_that_ends_before_it_starts_is_borne() {
        let manifest = Outline { ended_ms: i64::MIN, started_ms: i64::MAX, ..manifest(3) };
        for moment in [Moment::Start, Moment::End, Moment::At(0)] {
            assert!(plan_urls(Some(&manifest), &[], moment).len() <= 3);
        }
    }

    #[test]
    fn a_session_without_manifest_is_watched_by_its_newer_chunks() {
        let newer: Vec<ChunkName> = (0..100)
            .map(|seq| format!("aaaaaaaa-{seq:05}-1a2b3c4d").parse().expect("a chunk name"))
            .collect();
        assert_eq!(plan_urls(None, &newer[..3], Moment::Start).len(), 3);
        assert_eq!(plan_urls(None, &newer, Moment::Start).len(), URLS_MAX);
    }
}
