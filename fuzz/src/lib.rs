//! What must hold for any bytes, by target. `cargo +nightly fuzz run TARGET` looks for bytes for which it does not; `corpus/` has what was
//! interesting so far.
//!
//! Nothing here may panic but for a broken promise.

use std::borrow::Cow;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tapedeck_core::admit::{Admission, Chunk, RequestFacts, admit};
use tapedeck_core::config::{KeyConfig, ProjectConfig};
use tapedeck_core::error_group::{fingerprint, noise_of, title_of};
use tapedeck_core::grant::{Grant, ShareKey, Ticket};
use tapedeck_core::ids::{ProjectId, ProjectKey, SessionId, UploadKey};
use tapedeck_core::inflate::{deflate, inflate};
use tapedeck_core::manifest::{Manifest, Outline, Union};
use tapedeck_core::object_key::{ChunkKey, ChunkName};
use tapedeck_core::origin::OriginPattern;
use tapedeck_core::request::{ErasureState, Pin, Request, Tombstone, parse_document};
use tapedeck_core::scrub::{ScrubConfig, Scrubber};
use tapedeck_core::stack::parse_stack;
use tapedeck_core::summary::{ChunkMetadata, Summariser};
use tapedeck_core::tape::{TAPE_VERSION, Tape};
use tapedeck_core::upload::{HEADER_BYTES_MAX, LABEL_CHARS_MAX, SEGMENTS_MAX, parse_upload};
use tapedeck_core::viewer::{Moment, plan_urls};
use tapedeck_s3_store::parse_page;

const UPLOAD_KEY: &str = "ZVPxAAABAgMEBQYHCAkKCw";
const SENT_MS: i64 = 1_700_000_004_321;

/// A body as it comes from a stranger. The first byte says what is built around the rest: nothing; a header; a header and gzip; gzip
/// in two members.
pub fn admission(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let header = json!({
        "upload": UPLOAD_KEY, "page": "a1B2c3D4", "seq": 3, "reason": "all", "sent": SENT_MS, "sdk": "fuzz/1", "segments": ["a"],
    });
    let header = format!("{header}\n").into_bytes();
    let project = small_project();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let plain = [&header[..], bytes].concat();
    match how % 4 {
        0 => decides(bytes, &project),
        1 => decides(&plain, &project),
        2 => {
            let gzip = deflate(bytes);
            let packed = [&header[..], &gzip].concat();
            decides(&packed, &project);
            // Compressing decides nothing, where both forms keep the limits and what is compressed does not look it.
            if gzip.len().max(bytes.len()) <= project.limits.compressed_bytes_max
                && !bytes.starts_with(&[0x1f, 0x8b])
            {
                assert_eq!(outcome(&packed, &project), outcome(&plain, &project));
            }
        }
        _ => {
            let (one, two) = (deflate(bytes), [deflate(first), deflate(second)].concat());
            let bodies = [one, two].map(|gzip| [&header[..], &gzip].concat());
            if bodies.iter().all(|body| body.len() - header.len() <= project.limits.compressed_bytes_max) {
                assert_eq!(outcome(&bodies[0], &project), outcome(&bodies[1], &project));
            }
        }
    }
}

/// The first line of a body.
pub fn header(bytes: &[u8]) {
    match parse_upload(bytes) {
        Ok((header, batch)) => {
            assert!(bytes.ends_with(batch));
            let line = &bytes[..bytes.len() - batch.len()];
            assert!(line.ends_with(b"\n") && line.len() <= HEADER_BYTES_MAX + 1);
            assert!(header.segments.len() <= SEGMENTS_MAX);
            let labels = header.segments.iter().chain(&header.sdk);
            assert!(labels.into_iter().all(|label| label.chars().count() <= LABEL_CHARS_MAX));
        }
        Err(error) => {
            // A key that is whole is in no error.
            let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
            let told = error.to_string();
            if let Some(upload) =
                serde_json::from_slice::<Value>(line).ok().as_ref().and_then(|v| v["upload"].as_str())
                && upload.parse::<UploadKey>().is_ok()
            {
                assert!(!told.contains(upload), "{told}");
            }
        }
    }
}

/// A batch of valid JSON, or any text as a string of one. Its first byte says which rules the project has.
pub fn scrubbing(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let scrubber = if how % 2 == 0 { Scrubber::default() } else { own_rules() };
    let is_batch = text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok());
    let quoted = json!({"type": 3, "timestamp": 1, "data": text}).to_string();
    for batch in [Some(quoted.as_str()), is_batch.then_some(text)].into_iter().flatten() {
        let Some(once) = scrubber.scrub(batch) else { continue };
        assert_eq!(once.text.len(), batch.len());
        assert!(once.counts.values().sum::<u64>() > 0);
        for (before, after) in batch.lines().zip(once.text.lines()) {
            let before: Value = serde_json::from_str(before).expect("JSON before");
            let after: Value = serde_json::from_str(after).expect("JSON as before");
            same_shape(&before, &after);
        }
        assert_eq!(scrubber.scrub(&once.text), None, "twice is not once: {}", once.text);
    }
}

/// What a viewer names, and what the store says about it.
pub fn query(bytes: &[u8]) {
    if let Ok(page) = parse_page(bytes) {
        for listed in page.listed {
            if let Ok(key) = listed.key.parse::<ChunkKey>() {
                assert_eq!(key.to_string(), listed.key);
            }
        }
    }
    let outline = Outline::parse(bytes).ok();
    if let Ok(manifest) = Manifest::parse(bytes) {
        let names = outline.as_ref().map(|outline| outline.chunk_names().collect::<Vec<_>>());
        assert_eq!(names, Some(manifest.chunk_names().collect()));
    }
    if let Some(outline) = outline {
        for moment in [Moment::Start, Moment::End, Moment::At(0), Moment::At(i64::MIN), Moment::At(i64::MAX)]
        {
            let _ = plan_urls(Some(&outline), &[], moment);
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let same =
        |found: Option<String>| assert!(found.is_none_or(|found| found == text), "two spellings of one");
    same(text.parse::<ChunkKey>().ok().map(|key| key.to_string()));
    same(text.parse::<ChunkName>().ok().map(|name| name.to_string()));
    same(text.parse::<ProjectId>().ok().map(|id| id.to_string()));
    same(text.parse::<ProjectKey>().ok().map(|key| key.to_string()));
    same(text.parse::<SessionId>().ok().map(|id| id.to_string()));
    let (at, rest) = text.split_once('\n').unwrap_or((text, ""));
    let _ = Moment::parse(Some(at));
    let names: Vec<ChunkName> = rest.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(plan_urls(None, &names, Moment::Start).len() <= names.len());
}

/// What an operator, or whoever can write to the bucket, puts into `config/`.
pub fn config(bytes: &[u8]) {
    if let Ok(config) = ProjectConfig::parse(bytes) {
        let encoded = serde_json::to_vec(&config).expect("a config has a JSON form");
        let again = ProjectConfig::parse(&encoded).expect("what was accepted is accepted again");
        assert_eq!(config, again);
        let told = serde_json::to_string(&config.for_recorder()).expect("JSON");
        for viewer in &config.viewers {
            assert!(!told.contains(&viewer.sha256), "a recorder is told {}", viewer.sha256);
        }
        let _ = config.scrub.scrub(r#"{"type":3,"timestamp":1,"data":"4111111111111111 ?token=a"}"#);
        for origin in ["https://a.shop.example", "null", ""] {
            config.origins.iter().for_each(|pattern| {
                let _ = pattern.allows(Some(origin));
            });
        }
    }
    if let Ok(key) = KeyConfig::parse(bytes) {
        let encoded = serde_json::to_vec(&key).expect("a config has a JSON form");
        assert_eq!(KeyConfig::parse(&encoded).expect("what was accepted is accepted again"), key);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(pattern) = serde_json::from_value::<OriginPattern>(json!(text))
    {
        let _ = pattern.allows(Some(text));
    }
}

/// What lets somebody in: grants and tickets as text, and what is in them as JSON; and the documents that erase and pin.
pub fn access(bytes: &[u8]) {
    let project: ProjectId = "demo".parse().expect("a project");
    let key: ShareKey = "a key of thirty-two characters..".parse().expect("a key");
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Nobody guesses a signature.
        assert_eq!(Grant::open(text, &key, &project, 0, 0), None);
        assert_eq!(Ticket::open(text, &key, &project, 0), None);
    }
    if let Ok(grant) = serde_json::from_slice::<Grant>(bytes) {
        let sealed = grant.seal(&key).expect("JSON");
        let opened = Grant::open(&sealed, &key, &grant.project, grant.epoch, i64::MIN);
        assert_eq!(opened, Some(grant.clone()).filter(|grant| grant.expires_ms > i64::MIN));
        assert_eq!(Ticket::open(&sealed, &key, &grant.project, grant.epoch), None, "a grant is no ticket");
        let _ = (grant.covers(i64::MIN, i64::MAX), grant.has_moment());
    }
    if let Ok(ticket) = serde_json::from_slice::<Ticket>(bytes) {
        let sealed = ticket.seal(&key).expect("JSON");
        let _ = ticket.holds(i64::MIN, i64::MAX, i64::MAX);
        assert_eq!(
            Grant::open(&sealed, &key, &ticket.project, ticket.epoch, 0),
            None,
            "a ticket is no grant"
        );
        assert_eq!(Ticket::open(&sealed, &key, &ticket.project, ticket.epoch), Some(ticket));
    }
    if let Ok(request) = parse_document::<Request>(bytes) {
        let encoded = serde_json::to_vec(&request).expect("JSON");
        assert_eq!(parse_document::<Request>(&encoded).expect("its own form"), request);
    }
    let _ = parse_document::<Pin>(bytes);
    let _ = parse_document::<Tombstone>(bytes);
    let _ = parse_document::<ErasureState>(bytes);
}

/// A message and a stack, as a page's error gives them.
pub fn stack(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let frames = parse_stack(&text);
    for frame in &frames {
        assert!(text.contains(frame.file), "{frame:?}");
        let _ = (frame.is_in_app(), frame.is_extension(), frame.file_without_hash());
    }
    let title = title_of(&text);
    assert!(title.chars().count() <= 1_000 && !title.contains('\n'), "{title}");
    let name = fingerprint("TypeError", &title, &frames);
    assert_eq!(name, fingerprint("TypeError", &title, &parse_stack(&text)));
    let _ = noise_of(&text, &frames);
}

/// A chunk's text, as the indexer reads it: whole, and in pieces.
pub fn chunk(bytes: &[u8]) {
    let new = || {
        let name = "aaaaaaaa-00000-1a2b3c4d".parse().expect("a chunk name");
        Summariser::new(name, bytes.len() as u64, ChunkMetadata::default())
    };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut summariser = new();
    if text.lines().try_for_each(|line| summariser.line(line)).is_err() {
        return;
    }
    let Ok(summary) = summariser.finish() else { return };
    assert!(summary.facts.first_ms <= summary.facts.last_ms);
    let mut union = Union::new(
        "demo".parse().expect("a project"),
        "6553f100000102030405060708090a0b".parse().expect("a session"),
    );
    union.insert(summary.clone());
    let once = union.derive().expect("a chunk");
    union.insert(summary);
    assert_eq!(union.derive().as_ref(), Some(&once), "twice is not once");
    let encoded = once.encode().expect("JSON");
    assert_eq!(Manifest::parse(&encoded).expect("its own form"), once);
    let names: Vec<ChunkName> = once.chunk_names().collect();
    assert_eq!(Outline::parse(&encoded).expect("a manifest").chunk_names().collect::<Vec<_>>(), names);
}

/// A tape: any bytes; or any header, with the preamble that belongs to it, and frames.
pub fn tape(bytes: &[u8]) {
    if let Ok(tape) = Tape::parse(bytes) {
        let _ = tape.verify();
    }
    let (header, frames) = bytes.split_at(bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()));
    let packed = zstd::bulk::compress(header, 1).expect("memory");
    let length = u32::try_from(packed.len()).expect("a small input");
    let digest: [u8; 32] = Sha256::digest(&packed).into();
    let file =
        [&b"TAPEDECK"[..], &TAPE_VERSION.to_le_bytes(), &length.to_le_bytes(), &digest, &packed, frames];
    if let Ok(tape) = Tape::parse(&file.concat()) {
        let _ = tape.verify();
    }
}

fn facts() -> RequestFacts<'static> {
    RequestFacts {
        origin: Some("https://shop.example"),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
        gpc: false,
        share_key: None,
        used_bytes: 0,
        country: Some("DE"),
        edge: "fuzz",
        received_ms: SENT_MS + 50,
    }
}

fn small_project() -> ProjectConfig {
    let config = json!({
        "version": 1, "revision": 1, "project": "demo", "keys": [], "origins": ["https://shop.example"],
        "sampling": [{"from_ms": 0, "all": 1, "manual": 0}],
        "limits": {"compressed_bytes_max": 8_000, "inflated_bytes_max": 20_000, "events_max": 50},
    });
    ProjectConfig::parse(config.to_string().as_bytes()).expect("a config")
}

fn own_rules() -> Scrubber {
    let config: ScrubConfig = serde_json::from_value(json!({
        "patterns": [{"name": "customer", "regex": r"C-\d{4,}"}, {"name": "any", "regex": r"secret[*a-z]*"}],
        "query_names": ["member"],
    }))
    .expect("rules");
    Scrubber::try_from(config).expect("rules")
}

/// Whatever is stored keeps its promises.
fn decides(body: &[u8], project: &ProjectConfig) {
    let Admission::Store(chunk) = admit(&facts(), body, project) else { return };
    let Chunk { key, body: gzip, scrubbed, events, inflated_bytes, .. } = *chunk;
    let stored =
        inflate(&gzip, project.limits.inflated_bytes_max, usize::MAX).expect("what is stored is gzip");
    assert_eq!((stored.members, stored.bytes.len()), (1, inflated_bytes));
    assert!((1..=project.limits.events_max).contains(&events));
    assert_eq!(key.to_string().parse::<ChunkKey>().as_ref(), Ok(&key));
    if matches!(gzip, Cow::Borrowed(_)) {
        assert!(scrubbed.is_empty(), "the client's own bytes are stored, and {scrubbed:?} is in them");
    }
    let text = std::str::from_utf8(&stored.bytes).expect("what is stored is text");
    assert_eq!(project.scrub.scrub(text), None, "what is stored holds what nobody should store");
}

/// What becomes of a body, and under which name.
fn outcome(body: &[u8], project: &ProjectConfig) -> String {
    match admit(&facts(), body, project) {
        Admission::Store(chunk) => format!("{} {:?}", chunk.key, chunk.scrubbed),
        Admission::Drop(reason) => reason.as_str().to_owned(),
        Admission::Refuse(refusal) => refusal.code().to_owned(),
    }
}

/// Only texts differ, and none in its number of UTF-16 units.
fn same_shape(before: &Value, after: &Value) {
    match (before, after) {
        (Value::String(before), Value::String(after)) => {
            assert_eq!(before.encode_utf16().count(), after.encode_utf16().count());
        }
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len());
            before.iter().zip(after).for_each(|(before, after)| same_shape(before, after));
        }
        // Keys are texts too, so two may have become one.
        (Value::Object(_), Value::Object(_)) => {}
        (before, after) => assert_eq!(before, after),
    }
}
