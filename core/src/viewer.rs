//! What a viewer may do and gets to read: `spec/viewer-api.md`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{ProjectConfig, Viewer};
use crate::ids::{ContentHash, PageId, Seq, hex};
use crate::manifest::{Manifest, Page};
use crate::object_key::ChunkName;

/// Seconds that a presigned URL lives.
pub const URL_LIFE_S: u32 = 15 * 60;

/// Most URLs in the answer to one session call.
pub const URLS_MAX: usize = 64;

/// Most chunk names in one request for URLs.
pub const NAMES_MAX: usize = 256;

/// Most chunks that are listed as not yet in the manifest.
pub const NEWER_MAX: usize = 1_000;

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

/// The chunks that a player will ask for first: on each page around the moment, from the checkpoint before. At most [`URLS_MAX`].
#[must_use]
pub fn plan_urls(manifest: Option<&Manifest>, newer: &[ChunkName], moment: Moment) -> BTreeSet<ChunkName> {
    let mut planned: BTreeSet<ChunkName> = newer.iter().take(URLS_MAX).cloned().collect();
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
            if chunk.facts.first_ms > to_ms || planned.len() == URLS_MAX {
                break;
            }
            planned.insert(page.name_of(chunk));
        }
    }
    planned
}

/// The index of the last chunk with a checkpoint at or before `at_ms`; 0 where there is none.
fn checkpoint_index(page: &Page, at_ms: i64) -> usize {
    page.chunks
        .iter()
        .rposition(|chunk| chunk.facts.checkpoints.iter().any(|(ms, _)| *ms <= at_ms))
        .unwrap_or(0)
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

    #[test]
    fn moments() {
        assert_eq!(Moment::parse(None), Some(Moment::Start));
        assert_eq!(Moment::parse(Some("end")), Some(Moment::End));
        assert_eq!(Moment::parse(Some("-5")), Some(Moment::At(-5)));
        assert_eq!(Moment::parse(Some("")), None);
        assert_eq!(Moment::parse(Some("1e3")), None);
    }

    /// One page of `n` chunks, each 10 s long; a checkpoint in every third.
    fn manifest(n: u64) -> Manifest {
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
        union.derive().expect("chunks")
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
        let manifest = Manifest { ended_ms: i64::MIN, started_ms: i64::MAX, ..manifest(3) };
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
