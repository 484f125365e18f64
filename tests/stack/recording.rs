//! Sessions made of numbers: the same arguments give the same bytes.

use serde_json::json;
use sha2::{Digest, Sha256};
use tapedeck_core::config::Clicks;
use tapedeck_core::ids::{ContentHash, PageId, ProjectId, Seq, SessionId};
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Union;
use tapedeck_core::object_key::{ChunkKey, ChunkName};
use tapedeck_core::summary::ChunkMetadata;
use tapedeck_indexer::chunk::summarise;

/// When every session here starts, Unix milliseconds.
pub const START_MS: i64 = 1_700_000_000_000;

/// A page load.
pub const PAGE: &str = "a1B2c3D4";

/// Another of the same session.
pub const OTHER_PAGE: &str = "Zz9Yy8Xx";

/// A chunk as the edge would store it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Where.
    pub key: ChunkKey,
    /// One gzip member.
    pub body: Vec<u8>,
    /// User metadata.
    pub metadata: Vec<(&'static str, String)>,
}

/// The project of all sessions here.
#[must_use]
pub fn project() -> ProjectId {
    "demo".parse().unwrap()
}

/// The session of number `n`.
#[must_use]
pub fn session(n: u64) -> SessionId {
    format!("{:08x}{n:024x}", START_MS / 1000).parse().unwrap()
}

/// Batch `seq` of a page load: it begins with a checkpoint, and has a click, an error and a marker of its own.
#[must_use]
pub fn chunk(session: &SessionId, page: &str, seq: u32) -> Recorded {
    let at_ms = START_MS + i64::from(seq) * 5_000;
    let custom = |after_ms: i64, tag: &str, payload: serde_json::Value| json!({"type": 5, "timestamp": at_ms + after_ms, "data": {"tag": format!("tapedeck.{tag}"), "payload": payload}});
    let events = [
        json!({"type": 4, "timestamp": at_ms, "data": {"href": "https://shop.example/", "width": 1280, "height": 720}}),
        json!({"type": 2, "timestamp": at_ms + 1, "data": {"node": {"id": 1, "type": 0, "childNodes": []}}}),
        custom(
            2,
            "session",
            json!({"tab": "Zz9Yy8Xx", "url": "https://shop.example/", "release": "shop@1.4.2"}),
        ),
        json!({"type": 3, "timestamp": at_ms + 100, "data": {"source": 2, "type": 2, "id": seq}}),
        custom(200, "error", json!({"type": "TypeError", "message": format!("{page} {seq} is undefined")})),
        custom(300, "custom", json!({"name": format!("step {seq}")})),
    ];
    let text = events.map(|event| event.to_string()).join("\n");
    let metadata = vec![
        ("received-ms", (at_ms + 1_035).to_string()),
        ("sent-ms", (at_ms + 1_000).to_string()),
        ("reason", "all".to_owned()),
        ("country", "DE".to_owned()),
        ("edge", "tests".to_owned()),
    ];
    let name = ChunkName {
        page: page.parse::<PageId>().unwrap(),
        seq: Seq::try_from(u64::from(seq)).unwrap(),
        hash: ContentHash::of_digest(&Sha256::digest(&text)),
    };
    let key = ChunkKey { project: project(), session: session.clone(), name };
    Recorded { key, body: deflate(text.as_bytes()), metadata }
}

/// The bytes that a set of chunks decides, whatever way it came about.
#[must_use]
pub fn manifest_of<'a>(chunks: impl IntoIterator<Item = &'a Recorded>) -> Vec<u8> {
    let mut union: Option<Union> = None;
    for Recorded { key, body, metadata } in chunks {
        let metadata = ChunkMetadata::read(|name| {
            metadata.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
        });
        let summary = summarise(key.name.clone(), body, metadata, Clicks::default()).unwrap();
        union.get_or_insert_with(|| Union::new(key.project.clone(), key.session.clone())).insert(summary);
    }
    union.and_then(|union| union.derive()).expect("at least one chunk").encode().unwrap()
}
