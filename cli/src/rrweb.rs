//! A recording as rrweb has it, a JSON array of events, into a session's chunks.

use anyhow::{Context as _, Result, bail};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tapedeck_core::event_line::{event_type, parse_event_line};
use tapedeck_core::ids::{ContentHash, PageId, ProjectId, Seq, SessionId, hex};
use tapedeck_core::inflate::deflate;
use tapedeck_core::object_key::ChunkName;
use tapedeck_core::summary::ChunkMetadata;
use tapedeck_indexer::session_tape::{Maker, Recorded};

/// A chunk ends behind so many bytes of events, so many events, or so long after its first event.
const CHUNK_BYTES: usize = 1024 * 1024;
const CHUNK_EVENTS: usize = 5_000;
const CHUNK_MS: i64 = 60_000;

struct Event {
    at_ms: i64,
    kind: u8,
    /// Whether it begins a page load.
    opens: bool,
    line: String,
}

/// The tape of a recording. Its session's id follows from its first event's time and its bytes, unless one is given: importing a file again
/// is importing the same session.
///
/// # Errors
/// If the text is no recording: what was found, and where.
pub(crate) fn tape_of(json: &[u8], project: &ProjectId, session: Option<&SessionId>) -> Result<Recorded> {
    let events = events_of(json)?;
    let session = match session {
        Some(session) => session.clone(),
        None => session_of(&events)?,
    };
    let mut chunks = Vec::new();
    for (number, page) in pages(events).into_iter().enumerate() {
        let id = page_id(&session, number)?;
        for (seq, text) in texts(&page).into_iter().enumerate() {
            let hash = ContentHash::of_digest(&Sha256::digest(&text));
            chunks.push((ChunkName { page: id.clone(), seq: Seq::try_from(seq as u64)?, hash }, text));
        }
    }
    chunks.sort();
    let mut maker = Maker::new(project, &session, tapedeck_core::config::Clicks::default());
    for (name, text) in chunks {
        let bytes = deflate(text.as_bytes()).len() as u64;
        maker.chunk(&name, &text, bytes, ChunkMetadata::default())?;
    }
    maker.finish()?.context("the recording has no events")
}

/// The events in order of time; of one moment in the file's order.
fn events_of(json: &[u8]) -> Result<Vec<Event>> {
    #[derive(serde::Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    const EXPECTED: &str =
        "expected a JSON array of rrweb events, or an object with such an array as `events`";
    let text = std::str::from_utf8(json).context("not UTF-8")?;
    let raw: Vec<&RawValue> = match text.trim_start().as_bytes().first() {
        Some(b'[') => serde_json::from_str(text).context(EXPECTED)?,
        Some(b'{') => serde_json::from_str::<Wrapped<'_>>(text).context(EXPECTED)?.events,
        _ => bail!("{EXPECTED}"),
    };
    if raw.is_empty() {
        bail!("the recording has no events");
    }
    let mut events = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let line = one_line(raw.get());
        let event = parse_event_line(&line).with_context(|| format!("event {index} (from 0)"))?;
        let opens = event.event_type == event_type::CUSTOM
            && event.data.is_some_and(|data| tag_of(data).as_deref() == Some("tapedeck.session"));
        let (at_ms, kind) = (event.at_ms, event.event_type);
        events.push(Event { at_ms, kind, opens, line });
    }
    events.sort_by_key(|event| event.at_ms);
    Ok(events)
}

fn tag_of(data: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Custom {
        tag: String,
    }
    serde_json::from_str::<Custom>(data).ok().map(|custom| custom.tag)
}

/// JSON without the white space between its parts; in strings there is none that ends a line.
fn one_line(json: &str) -> String {
    if !json.contains(['\n', '\r']) {
        return json.to_owned();
    }
    let (mut line, mut in_string, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if in_string || !matches!(c, ' ' | '\t' | '\n' | '\r') {
            line.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    line
}

/// Page loads: one begins with each `tapedeck.session`, and a recording of rrweb's own is one.
fn pages(events: Vec<Event>) -> Vec<Vec<Event>> {
    let mut pages: Vec<Vec<Event>> = Vec::new();
    for event in events {
        match pages.last_mut() {
            Some(page) if !event.opens => page.push(event),
            _ => pages.push(vec![event]),
        }
    }
    pages
}

/// The texts of a page load's chunks. A meta event and its full snapshot stay together.
fn texts(page: &[Event]) -> Vec<String> {
    let mut texts: Vec<(i64, usize, String)> = Vec::new();
    let mut after_meta = false;
    for event in page {
        match texts.last_mut() {
            Some((first_ms, count, text))
                if after_meta
                    || (text.len() < CHUNK_BYTES
                        && *count < CHUNK_EVENTS
                        && event.at_ms - *first_ms < CHUNK_MS) =>
            {
                text.push_str(&event.line);
                *count += 1;
            }
            _ => texts.push((event.at_ms, 1, event.line.clone())),
        }
        if let Some((_, _, text)) = texts.last_mut() {
            text.push('\n');
        }
        after_meta = event.kind == event_type::META;
    }
    texts.into_iter().map(|(_, _, text)| text).collect()
}

fn session_of(events: &[Event]) -> Result<SessionId> {
    let mut digest = Sha256::new();
    for event in events {
        digest.update(&event.line);
        digest.update("\n");
    }
    let started_s = events[0].at_ms.div_euclid(1000);
    let Ok(started_s) = u32::try_from(started_s) else {
        bail!(
            "the first event is at {} ms, expected Unix milliseconds between 1970 and 2106",
            events[0].at_ms
        );
    };
    let hash = hex(&digest.finalize()[..12]);
    Ok(format!("{started_s:08x}{hash}").parse()?)
}

fn page_id(session: &SessionId, number: usize) -> Result<PageId> {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digest = Sha256::digest(format!("{session} {number}"));
    let id: String = digest.iter().take(8).map(|byte| char::from(BASE62[usize::from(*byte) % 62])).collect();
    Ok(id.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_core::tape::Tape;

    fn tape(json: &str) -> Result<Vec<u8>, String> {
        let project = "demo".parse().expect("a project");
        let made = tape_of(json.as_bytes(), &project, None);
        made.map(|made| made.bytes().to_vec()).map_err(|error| format!("{error:#}"))
    }

    const META: &str = r#"{"type":4,"timestamp":1700000059999,"data":{"href":"https://shop.example/"}}"#;
    const FULL: &str = r#"{"type":2,"timestamp":1700000060001,"data":{"node":{}}}"#;
    const FIRST: &str = r#"{"type":3,"timestamp":1700000000000.5,"data":{"text":"a \"b\"\n c"}}"#;

    #[test]
    fn events_are_sorted_and_stay_as_they_are() {
        // Spread over lines, in any order, wrapped, and the same.
        let spread = FULL.replace(':', " :\n\t").replace(',', " ,\r\n");
        for json in [
            format!("[{FIRST},{META},{FULL}]"),
            format!("\n [ {spread},\n{FIRST} , {META}]\n"),
            format!(r#"{{"version":1,"events":[{META},{FULL},{FIRST}]}}"#),
        ] {
            let bytes = tape(&json).expect("a recording");
            let tape = Tape::parse(&bytes).expect("sound");
            tape.verify().expect("whole");
            let mut found = String::new();
            for index in 0..tape.header().frames.len() {
                found += &tape.frame(index).expect("a frame");
            }
            assert_eq!(found, format!("{FIRST}\n{META}\n{FULL}\n"));
            let manifest = &tape.header().manifest;
            // The minute ends between the two events of the checkpoint, and does not part them.
            let checkpoints = manifest.pages[0].chunks.iter().flat_map(|chunk| &chunk.facts.checkpoints);
            assert_eq!(checkpoints.count(), 1);
            assert_eq!(manifest.session.start_ms(), 1_700_000_000_000);
        }
    }

    #[test]
    fn page_loads_begin_with_their_own_event() {
        let opening = |at_ms: i64| {
            format!(
                r#"{{"type":5,"timestamp":{at_ms},"data":{{"tag":"tapedeck.session","payload":{{"url":"https://shop.example/{at_ms}"}}}}}}"#
            )
        };
        let json = format!("[{},{META},{FULL},{}]", opening(1_700_000_059_000), opening(1_700_000_070_000));
        let bytes = tape(&json).expect("a recording");
        let pages = &Tape::parse(&bytes).expect("sound").header().manifest.pages.clone();
        let urls: Vec<_> =
            pages.iter().map(|page| page.opening.as_ref().and_then(|opening| opening.url.clone())).collect();
        assert_eq!(
            urls,
            [1_700_000_059_000_i64, 1_700_000_070_000].map(|at| Some(format!("https://shop.example/{at}")))
        );
    }

    #[test]
    fn what_is_no_recording_is_named() {
        let error = |json: &str| tape(json).expect_err("no recording");
        assert_eq!(error("[]"), "the recording has no events");
        assert_eq!(
            error("no json"),
            "expected a JSON array of rrweb events, or an object with such an array as `events`"
        );
        assert!(error(r#"{"event":[]}"#).contains("missing field `events`"));
        assert!(
            error(&format!("[{META},{{}}]"))
                .starts_with("event 1 (from 0): not an object with an integer type")
        );
        assert!(error(r#"[{"type":3,"timestamp":-5}]"#).contains("the first event is at -5 ms"));
    }
}
