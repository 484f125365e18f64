//! The tapes under `tests/fixtures/tapes/`: read here and by the player's own reader, which has to find the same in them.
//!
//! `UPDATE_FIXTURES=1 cargo test -p tapedeck-tests --test tapes` writes them anew.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapedeck_core::config::Clicks;
use tapedeck_core::ids::{ContentHash, Seq};
use tapedeck_core::inflate::deflate;
use tapedeck_core::manifest::Union;
use tapedeck_core::object_key::ChunkName;
use tapedeck_core::summary::ChunkMetadata;
use tapedeck_core::tape::{FrameError, Tape, TapeError, TapeWriter};
use tapedeck_indexer::chunk::summarise;
use tapedeck_tests::recording::{START_MS, project, session};

const FIRST: &str = "a1B2c3D4";
const SECOND: &str = "Zz9Yy8Xx";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/tapes").join(name)
}

fn event(kind: u8, after_ms: i64, data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({"type": kind, "timestamp": START_MS + after_ms, "data": data})
}

fn custom(after_ms: i64, tag: &str, payload: &Value) -> Value {
    event(5, after_ms, json!({"tag": format!("tapedeck.{tag}"), "payload": payload}))
}

/// Meta event and full snapshot of a page with a heading (text node 7) and a button (node 8).
fn checkpoint(after_ms: i64, url: &str, heading: &str) -> [Value; 2] {
    let element = |id: u32, tag: &str, children: Value| json!({"type": 2, "id": id, "tagName": tag, "attributes": {}, "childNodes": children});
    let text = |id: u32, text: &str| json!({"type": 3, "id": id, "textContent": text});
    let body = element(
        5,
        "body",
        json!([element(6, "h1", json!([text(7, heading)])), element(8, "button", json!([text(9, "Buy")]))]),
    );
    let html = element(3, "html", json!([element(4, "head", json!([])), body]));
    let doctype = json!({"type": 1, "id": 2, "name": "html", "publicId": "", "systemId": ""});
    [
        event(4, after_ms, json!({"href": url, "width": 1280, "height": 720})),
        event(
            2,
            after_ms + 2,
            json!({"node": {"type": 0, "id": 1, "childNodes": [doctype, html]}, "initialOffset": {"left": 0, "top": 0}}),
        ),
    ]
}

/// The heading's text is replaced, once a second.
fn changes(seconds: std::ops::Range<i64>) -> impl Iterator<Item = Value> {
    seconds.map(|second| {
        let texts = json!([{"id": 7, "value": format!("{second} s, grüße ✓")}]);
        event(
            3,
            second * 1000 + 10,
            json!({"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []}),
        )
    })
}

fn chunk(page: &str, seq: u64, events: impl IntoIterator<Item = Value>) -> (ChunkName, String) {
    let mut text = String::new();
    for event in events {
        text += &event.to_string();
        text.push('\n');
    }
    let hash = ContentHash::of_digest(&Sha256::digest(&text));
    (ChunkName { page: page.parse().unwrap(), seq: Seq::try_from(seq).unwrap(), hash }, text)
}

/// Two page loads of three minutes in all, with checkpoints each minute, a hole, an error and a user.
fn chunks() -> Vec<(ChunkName, String)> {
    let shop = "https://shop.example/";
    let opening = |tab: &str, url: &str, after_ms| {
        custom(
            after_ms,
            "session",
            &json!({"tab": tab, "url": url, "title": "Shop", "release": "shop@1.4.2"}),
        )
    };
    let mut chunks = vec![
        chunk(
            FIRST,
            0,
            checkpoint(0, shop, "0 s")
                .into_iter()
                .chain([opening("Aa1Bb2Cc", shop, 3)])
                .chain(changes(1..30)),
        ),
        chunk(
            FIRST,
            1,
            changes(30..60).chain([custom(
                59_500,
                "identify",
                &json!({"user": "u_17", "traits": {"plan": "free"}}),
            )]),
        ),
        chunk(FIRST, 2, checkpoint(60_000, shop, "60 s").into_iter().chain(changes(61..90))),
        // Batch 3 never came.
        chunk(FIRST, 4, checkpoint(120_000, shop, "120 s").into_iter().chain(changes(121..130))),
        chunk(
            SECOND,
            0,
            checkpoint(131_000, "https://shop.example/cart", "131 s")
                .into_iter()
                .chain([opening("Aa1Bb2Cc", "https://shop.example/cart", 131_003)])
                .chain(changes(132..150)),
        ),
        chunk(
            SECOND,
            1,
            changes(150..180).chain([custom(
                171_000,
                "error",
                &json!({"type": "TypeError", "message": "cart is undefined", "handled": false}),
            )]),
        ),
    ];
    chunks.sort();
    chunks
}

fn written() -> Vec<u8> {
    let (mut union, mut writer) = (Union::new(project(), session(7)), TapeWriter::new());
    for (name, text) in chunks() {
        let metadata =
            ChunkMetadata { skew_ms: Some(35), country: Some("DE".to_owned()), ..ChunkMetadata::default() };
        union
            .insert(summarise(name.clone(), &deflate(text.as_bytes()), metadata, Clicks::default()).unwrap());
        writer.chunk(&name, &text).unwrap();
    }
    writer.finish("tapedeck-fixtures/1", union.derive().unwrap()).unwrap()
}

/// The last byte of its third frame is another one.
fn damaged(whole: &[u8]) -> Vec<u8> {
    let tape = Tape::parse(whole).unwrap();
    let frame = &tape.header().frames[2];
    let mut bytes = whole.to_vec();
    bytes[tape.header_bytes() + usize::try_from(frame.offset + frame.bytes).unwrap() - 1] ^= 1;
    bytes
}

#[test]
fn two_pages() {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        let whole = written();
        std::fs::create_dir_all(file("")).unwrap();
        std::fs::write(file("two-pages.tape"), &whole).unwrap();
        std::fs::write(file("damaged-frame.tape"), damaged(&whole)).unwrap();
    }
    let bytes = std::fs::read(file("two-pages.tape")).unwrap();
    let tape = Tape::parse(&bytes).unwrap();
    let verified = tape.verify().unwrap();
    assert_eq!((verified.frames, verified.chunks), (4, 6));
    let frames: Vec<_> =
        tape.header().frames.iter().map(|frame| (frame.page.as_str(), frame.first_ms - START_MS)).collect();
    assert_eq!(frames, [(FIRST, 0), (FIRST, 60_000), (FIRST, 120_000), (SECOND, 131_000)]);
    // Zstandard's next version may give other bytes, but never other events.
    let mut found = Vec::new();
    tape.each_chunk(|name, text| {
        found.push((name, text));
        Ok::<(), TapeError>(())
    })
    .unwrap();
    assert_eq!(found, chunks());
    assert_eq!(tape.header().manifest, Tape::parse(&written()).unwrap().header().manifest);
}

#[test]
fn a_damaged_frame_is_a_hole() {
    let bytes = std::fs::read(file("damaged-frame.tape")).unwrap();
    let tape = Tape::parse(&bytes).unwrap();
    for index in [0, 1, 3] {
        tape.frame(index).unwrap();
    }
    assert!(matches!(tape.frame(2), Err(FrameError::Checksum { .. })));
    assert!(matches!(tape.verify(), Err(TapeError::Frame { index: 2, .. })));
}
