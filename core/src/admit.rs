//! The decision on one upload: every check of `spec/upload.md`, in its order.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::config::{Limits, ProjectConfig};
use crate::event_line::{EventLineError, lines, parse_event_line};
use crate::ids::ContentHash;
use crate::inflate::{InflateError, deflate, inflate, is_gzip};
use crate::object_key::{ChunkKey, ChunkName};
use crate::sampling::decide_sampling;
use crate::scrub::{ScrubCounts, Scrubbed};
use crate::upload::{HEADER_BYTES_MAX, Header, HeaderError, parse_upload};

/// How far before the session's start the client's clock may be when it sends, in milliseconds.
pub const CLOCK_SLACK_MS: i64 = 5 * 60 * 1000;

/// How far outside start and `sent` an event's time may lie, in milliseconds.
pub const EVENT_TIME_SLACK_MS: i64 = 10 * 60 * 1000;

/// What is known of a request beside its body.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// Two letters, as the platform tells.
    pub country: Option<&'a str>,
    /// Version of the edge, for the chunk's metadata.
    pub edge: &'a str,
    /// The edge's clock, Unix milliseconds.
    pub received_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug)]
pub enum Admission<'a> {
    /// It is to be stored.
    Store(Box<Chunk<'a>>),
    /// It is not wanted; nothing is wrong with it.
    Drop(DropReason),
    /// It breaks a rule.
    Refuse(Refusal),
}

/// A batch that is to be stored.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Where.
    pub key: ChunkKey,
    /// One gzip member: the client's own bytes, unless they had to be written anew.
    pub body: Cow<'a, [u8]>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
    /// What was overwritten in it, by kind.
    pub scrubbed: ScrubCounts,
    /// How many events it holds.
    pub events: usize,
    /// Their bytes.
    pub inflated_bytes: usize,
}

/// Why a batch is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The session is not in the sample.
    NotSampled,
    /// The visitor refused.
    Consent,
    /// The session has lasted long enough; a new one may begin.
    SessionTooLong,
}

/// A rule that a batch breaks. The client can mend it, by the code that `reply` gives.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is larger than header and batch may be.
    #[error("body is {found} bytes, limit is {max}")]
    CompressedBytes {
        /// Bytes of the body.
        found: u64,
        /// Limit for the body.
        max: usize,
    },
    /// The page's origin is not one of the project's.
    #[error("origin {} is not one of the project's", .found.as_deref().unwrap_or("(none)"))]
    Origin {
        /// The header, cut.
        found: Option<String>,
    },
    /// The header line.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The client's clock runs backwards.
    #[error("sent is {sent_ms}, the session started at {start_ms} by the same clock")]
    Clock {
        /// The header's `sent`.
        sent_ms: i64,
        /// The session's start.
        start_ms: i64,
    },
    /// The gzip.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// Not text.
    #[error("batch is not UTF-8 from byte {valid_bytes}")]
    Utf8 {
        /// How many bytes are.
        valid_bytes: usize,
    },
    /// No events.
    #[error("batch has no events")]
    Empty,
    /// Too many events.
    #[error("batch has over {max} events, which is the limit")]
    Events {
        /// The limit.
        max: usize,
    },
    /// A line that is no event.
    #[error("event {index} (from 0): {source}")]
    Event {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: EventLineError,
    },
    /// An event from another time.
    #[error("event {index} (from 0) is of {at_ms}, expected {from_ms} to {to_ms}")]
    EventTime {
        /// Which line.
        index: usize,
        /// Its time.
        at_ms: i64,
        /// Earliest allowed.
        from_ms: i64,
        /// Latest allowed.
        to_ms: i64,
    },
}

/// The largest body, header line included.
#[must_use]
pub fn body_bytes_max(limits: &Limits) -> usize {
    HEADER_BYTES_MAX + 1 + limits.compressed_bytes_max
}

/// Whether a body of that size may be read at all.
///
/// # Errors
/// [`Refusal::CompressedBytes`].
pub fn check_body_bytes(bytes: u64, limits: &Limits) -> Result<(), Refusal> {
    let max = body_bytes_max(limits);
    if bytes > max as u64 { Err(Refusal::CompressedBytes { found: bytes, max }) } else { Ok(()) }
}

/// Decides on one upload. Works in memory bounded by the project's limits: the body, the inflated batch, and one more
/// compressed copy only where the client's bytes cannot be stored as they came.
#[must_use]
pub fn admit<'a>(facts: &RequestFacts<'_>, body: &'a [u8], project: &ProjectConfig) -> Admission<'a> {
    match decide(facts, body, project) {
        Ok(admission) => admission,
        Err(refusal) => Admission::Refuse(refusal),
    }
}

fn decide<'a>(
    facts: &RequestFacts<'_>,
    body: &'a [u8],
    project: &ProjectConfig,
) -> Result<Admission<'a>, Refusal> {
    let limits = &project.limits;
    check_body_bytes(body.len() as u64, limits)?;
    if !project.origins.iter().any(|pattern| pattern.allows(facts.origin)) {
        return Err(Refusal::Origin { found: facts.origin.map(|o| o.chars().take(200).collect()) });
    }
    let (header, batch) = parse_upload(body)?;
    if batch.len() > limits.compressed_bytes_max {
        let (found, max) = (body.len() as u64, limits.compressed_bytes_max);
        return Err(Refusal::CompressedBytes { found, max });
    }
    let session = header.upload.session();
    let start_ms = session.start_ms();
    if header.sent_ms < start_ms - CLOCK_SLACK_MS {
        return Err(Refusal::Clock { sent_ms: header.sent_ms, start_ms });
    }
    if header.sent_ms.saturating_sub(start_ms) > limits.session_ms_max {
        return Ok(Admission::Drop(DropReason::SessionTooLong));
    }
    if header.consent == Some(false) {
        return Ok(Admission::Drop(DropReason::Consent));
    }
    if !decide_sampling(&project.sampling, &session, header.reason, &header.segments) {
        return Ok(Admission::Drop(DropReason::NotSampled));
    }

    let Opened { text, as_it_came } = open_batch(batch, limits)?;
    let text =
        std::str::from_utf8(&text).map_err(|error| Refusal::Utf8 { valid_bytes: error.valid_up_to() })?;
    let events = check_events(text, start_ms, header.sent_ms, limits)?;
    // The name is that of what was received: a retry meets its object whatever the scrubbing rules became meanwhile.
    let hash = ContentHash::of_digest(&Sha256::digest(text));
    let (body, scrubbed) = match (project.scrub.scrub(text), as_it_came) {
        (None, Some(gzip)) => (Cow::Borrowed(gzip), ScrubCounts::new()),
        (None, None) => (Cow::Owned(deflate(text.as_bytes())), ScrubCounts::new()),
        (Some(Scrubbed { text, counts }), _) => (Cow::Owned(deflate(text.as_bytes())), counts),
    };
    let name = ChunkName { page: header.page.clone(), seq: header.seq, hash };
    Ok(Admission::Store(Box::new(Chunk {
        key: ChunkKey { project: project.project.clone(), session, name },
        body,
        metadata: metadata(facts, &header),
        scrubbed,
        events,
        inflated_bytes: text.len(),
    })))
}

/// A batch's text.
struct Opened<'a> {
    text: Cow<'a, [u8]>,
    /// The client's own gzip, where it can be stored as it came.
    as_it_came: Option<&'a [u8]>,
}

fn open_batch<'a>(batch: &'a [u8], limits: &Limits) -> Result<Opened<'a>, Refusal> {
    if !is_gzip(batch) {
        if batch.len() > limits.inflated_bytes_max {
            return Err(InflateError::TooLarge { max: limits.inflated_bytes_max }.into());
        }
        return Ok(Opened { text: Cow::Borrowed(batch), as_it_came: None });
    }
    let inflated = inflate(batch, limits.inflated_bytes_max, limits.ratio_max)?;
    // Browsers stop at the first member, so what has several is written anew as one.
    Ok(Opened { text: Cow::Owned(inflated.bytes), as_it_came: (inflated.members == 1).then_some(batch) })
}

/// The number of events, all of them well-formed and of the session's time.
fn check_events(text: &str, start_ms: i64, sent_ms: i64, limits: &Limits) -> Result<usize, Refusal> {
    let (from_ms, to_ms) = (start_ms - EVENT_TIME_SLACK_MS, sent_ms.saturating_add(EVENT_TIME_SLACK_MS));
    let mut events = 0;
    for (index, line) in lines(text).enumerate() {
        if index == limits.events_max {
            return Err(Refusal::Events { max: limits.events_max });
        }
        let event = parse_event_line(line).map_err(|source| Refusal::Event { index, source })?;
        if !(from_ms..=to_ms).contains(&event.at_ms) {
            return Err(Refusal::EventTime { index, at_ms: event.at_ms, from_ms, to_ms });
        }
        events = index + 1;
    }
    if events == 0 { Err(Refusal::Empty) } else { Ok(events) }
}

/// What is stored beside the chunk: `spec/objects.md`.
fn metadata(facts: &RequestFacts<'_>, header: &Header) -> Vec<(&'static str, String)> {
    let mut metadata = vec![
        ("received-ms", facts.received_ms.to_string()),
        ("sent-ms", header.sent_ms.to_string()),
        ("reason", header.reason.as_str().to_owned()),
        ("edge", facts.edge.to_owned()),
    ];
    if let Some(sdk) = &header.sdk {
        metadata.push(("sdk", sdk.chars().map(|c| if is_label(c) { c } else { '_' }).collect()));
    }
    if let Some(country) = facts.country.filter(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_uppercase()))
    {
        metadata.push(("country", country.to_owned()));
    }
    if !header.segments.is_empty() {
        let encoded: Vec<String> = header
            .segments
            .iter()
            .map(|name| url::form_urlencoded::byte_serialize(name.as_bytes()).collect())
            .collect();
        metadata.push(("segments", encoded.join(",")));
    }
    metadata
}

fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '@' | '+' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const START_MS: i64 = 1_700_000_000_000;
    const SENT_MS: i64 = START_MS + 4_321;

    fn project() -> ProjectConfig {
        let config = json!({
            "version": 1, "revision": 1, "project": "demo", "keys": [],
            "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 1, "manual": 0}],
            "limits": {"compressed_bytes_max": 4000, "inflated_bytes_max": 5000, "events_max": 5},
        });
        ProjectConfig::parse(config.to_string().as_bytes()).expect("a config")
    }

    fn facts() -> RequestFacts<'static> {
        RequestFacts {
            origin: Some("https://shop.example"),
            country: Some("DE"),
            edge: "test",
            received_ms: SENT_MS + 50,
        }
    }

    fn body(change: impl FnOnce(&mut serde_json::Value), batch: &[u8]) -> Vec<u8> {
        let mut header = json!({
            "upload": "ZVPxAAABAgMEBQYHCAkKCw", "page": "a1B2c3D4", "seq": 3, "reason": "all",
            "sent": SENT_MS, "sdk": "tapedeck-recorder/0.1.0",
        });
        change(&mut header);
        [header.to_string().as_bytes(), b"\n", batch].concat()
    }

    fn event(at_ms: i64) -> String {
        format!(r#"{{"type":3,"timestamp":{at_ms},"data":{{}}}}"#)
    }

    /// The decision in one word: `store`, the drop reason, or the refusal's code.
    fn check(body: &[u8], expected: &str) {
        let found = match admit(&facts(), body, &project()) {
            Admission::Store(_) => "store",
            Admission::Drop(reason) => reason.as_str(),
            Admission::Refuse(refusal) => refusal.code(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn gzip_is_stored_as_it_came() {
        let gzip = deflate(event(START_MS).as_bytes());
        let body = body(|_| (), &gzip);
        let Admission::Store(chunk) = admit(&facts(), &body, &project()) else { panic!("not stored") };
        assert!(matches!(chunk.body, Cow::Borrowed(bytes) if bytes == gzip));
        assert_eq!((chunk.events, chunk.inflated_bytes), (1, event(START_MS).len()));
        assert_eq!(
            chunk.metadata,
            [
                ("received-ms", "1700000004371"),
                ("sent-ms", "1700000004321"),
                ("reason", "all"),
                ("edge", "test"),
                ("sdk", "tapedeck-recorder/0.1.0"),
                ("country", "DE"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn the_key_does_not_depend_on_the_compression() {
        let text = format!("{}\n{}\n", event(START_MS), event(START_MS + 1));
        let (first, second) = text.split_at(text.len() / 2);
        let gz = |text: &str| deflate(text.as_bytes());
        let keys: Vec<String> = [text.as_bytes().to_vec(), gz(&text), [gz(first), gz(second)].concat()]
            .iter()
            .map(|batch| {
                let body = body(|_| (), batch);
                let Admission::Store(chunk) = admit(&facts(), &body, &project()) else {
                    panic!("not stored")
                };
                let inflated = inflate(&chunk.body, 5000, 200).expect("what is stored is gzip");
                assert_eq!((inflated.members, inflated.bytes), (1, text.clone().into_bytes()));
                chunk.key.to_string()
            })
            .collect();
        assert_eq!(keys[0], keys[1]);
        assert_eq!(keys[1], keys[2]);
    }

    #[test]
    fn what_nobody_should_store_is_overwritten() {
        let text = format!(r#"{{"type":3,"timestamp":{START_MS},"data":"4111 1111 1111 1111"}}"#);
        let gzip = deflate(text.as_bytes());
        let sent = body(|_| (), &gzip);
        let Admission::Store(chunk) = admit(&facts(), &sent, &project()) else { panic!("not stored") };
        let stored = inflate(&chunk.body, 5000, 200).expect("gzip").bytes;
        assert_eq!(
            String::from_utf8(stored).expect("UTF-8"),
            text.replace("4111 1111 1111 1111", &"*".repeat(19))
        );
        assert_eq!(chunk.scrubbed, ScrubCounts::from([("card".to_owned(), 1)]));
        // The key is that of the bytes as received.
        assert_eq!(chunk.key.name.hash, ContentHash::of_digest(&Sha256::digest(&text)));
    }

    #[test]
    fn limits_at_and_one_over() {
        let line = |n: usize| {
            let pad = "x".repeat(n - event(START_MS).len() - 6);
            format!(r#"{{"type":3,"timestamp":{START_MS},"data":{{}},"":"{pad}"}}"#)
        };
        check(&body(|_| (), &deflate(line(5000).as_bytes())), "store");
        check(&body(|_| (), &deflate(line(5001).as_bytes())), "inflated_bytes");
        check(&body(|_| (), line(4000).as_bytes()), "store");
        check(&body(|_| (), line(4001).as_bytes()), "compressed_bytes");
        let events = |n: usize| vec![event(START_MS); n].join("\n");
        check(&body(|_| (), events(5).as_bytes()), "store");
        check(&body(|_| (), events(6).as_bytes()), "events");
        check(&vec![b'x'; body_bytes_max(&project().limits) + 1], "compressed_bytes");
        check(&vec![b'x'; body_bytes_max(&project().limits)], "header");
    }

    #[test]
    fn sessions_end() {
        let batch = event(START_MS);
        let sent = |ms: i64| body(|h| h["sent"] = json!(START_MS + ms), batch.as_bytes());
        check(&sent(3_600_000), "store");
        check(&sent(3_600_001), "session_too_long");
        check(&sent(-CLOCK_SLACK_MS), "store");
        check(&sent(-CLOCK_SLACK_MS - 1), "clock");
        check(&body(|h| h["sent"] = json!(i64::MAX), batch.as_bytes()), "session_too_long");
        check(&body(|h| h["sent"] = json!(i64::MIN), batch.as_bytes()), "clock");
    }

    #[test]
    fn events_are_of_the_sessions_time() {
        let at = |ms: i64| body(|_| (), event(ms).as_bytes());
        check(&at(START_MS - EVENT_TIME_SLACK_MS), "store");
        check(&at(START_MS - EVENT_TIME_SLACK_MS - 1), "event_time");
        check(&at(SENT_MS + EVENT_TIME_SLACK_MS), "store");
        check(&at(SENT_MS + EVENT_TIME_SLACK_MS + 1), "event_time");
    }

    #[test]
    fn what_is_not_wanted_is_dropped() {
        let batch = event(START_MS);
        check(&body(|h| h["consent"] = json!(false), batch.as_bytes()), "consent");
        check(&body(|h| h["consent"] = json!(true), batch.as_bytes()), "store");
        check(&body(|h| h["reason"] = json!("manual"), batch.as_bytes()), "not_sampled");
    }

    #[test]
    fn what_is_wrong_is_refused() {
        check(b"", "header");
        check(b"{}\n", "header");
        check(&body(|_| (), b""), "empty");
        check(&body(|_| (), b"\n"), "empty");
        check(&body(|_| (), &deflate(b"")), "empty");
        check(&body(|_| (), b"\xff\xfe"), "utf8");
        check(&body(|_| (), b"{}"), "event");
        check(&body(|_| (), format!("{}\n\n{}", event(START_MS), event(START_MS)).as_bytes()), "event");
        check(&body(|_| (), b"\x1f\x8b rubbish"), "gzip");
        let other = RequestFacts { origin: Some("https://evil.example"), ..facts() };
        let admission = admit(&other, b"", &project());
        assert!(matches!(admission, Admission::Refuse(Refusal::Origin { .. })), "{admission:?}");
    }

    #[test]
    fn metadata_is_plain_ascii() {
        let body = body(
            |h| {
                h["sdk"] = json!("ünicode\r\nx: y/1");
                h["segments"] = json!(["béta", "a,b"]);
            },
            event(START_MS).as_bytes(),
        );
        let strange = RequestFacts { country: Some("x\n"), ..facts() };
        let Admission::Store(chunk) = admit(&strange, &body, &project()) else { panic!("not stored") };
        assert_eq!(
            chunk.metadata[4..],
            [("sdk", "_nicode__x__y/1".to_owned()), ("segments", "b%C3%A9ta,a%2Cb".to_owned()),]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_decided_without_panic(batch in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = admit(&facts(), &batch, &project());
            let _ = admit(&facts(), &body(|_| (), &batch), &project());
        }
    }
}
