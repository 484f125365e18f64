//! One line of a batch: an rrweb event, of which only type and time are looked at. The rest stays as the client wrote it.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

/// Deepest nesting of an event. A page 1,000 elements deep makes 2,000; browsers' parsers stop at 512 elements.
pub const DEPTH_MAX: usize = 4096;

/// rrweb's event types that rules depend on (`EventType` in @rrweb/types).
pub mod event_type {
    /// A full snapshot of the DOM.
    pub const FULL_SNAPSHOT: u8 = 2;
    /// A change since the full snapshot.
    pub const INCREMENTAL_SNAPSHOT: u8 = 3;
    /// The page's address and viewport; comes right before a full snapshot.
    pub const META: u8 = 4;
    /// `{tag, payload}`, whose tag says what it is.
    pub const CUSTOM: u8 = 5;
}

/// Why a line is no event. The client can mend it.
#[derive(Debug, thiserror::Error)]
pub enum EventLineError {
    /// Not a JSON object with type and timestamp.
    #[error("not an object with an integer type and a number timestamp: {0}")]
    Form(#[from] serde_json::Error),
    /// Nested too deeply.
    #[error("nested more than {DEPTH_MAX} deep")]
    Depth,
}

/// An event, its `data` unparsed.
#[derive(Debug, Deserialize)]
pub struct EventLine<'a> {
    /// rrweb's event type.
    #[serde(rename = "type")]
    pub event_type: u8,
    /// When it happened, Unix milliseconds.
    #[serde(rename = "timestamp", deserialize_with = "milliseconds")]
    pub at_ms: i64,
    /// What happened, as it was written.
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

/// Type, time and raw data of one line.
///
/// # Errors
/// [`EventLineError`]; nesting is checked before anything is parsed, so that no parser behind this one recurses too deeply.
pub fn parse_event_line(line: &str) -> Result<EventLine<'_>, EventLineError> {
    if is_too_deep(line.as_bytes()) {
        return Err(EventLineError::Depth);
    }
    Ok(serde_json::from_str(line)?)
}

/// The lines of a batch: what newlines end, the last one also without. An empty line in between stays, and is no event.
pub fn lines(batch: &str) -> impl Iterator<Item = &str> {
    let batch = batch.strip_suffix('\n').unwrap_or(batch);
    // `split` gives one empty piece for an empty text; an empty batch has no lines.
    let batch = (!batch.is_empty()).then_some(batch);
    batch.into_iter().flat_map(|batch| batch.split('\n'))
}

/// Unix milliseconds from any JSON number; fractions are cut off.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of milliseconds")
        }

        fn visit_i64<E: de::Error>(self, n: i64) -> Result<i64, E> {
            Ok(n)
        }

        fn visit_u64<E: de::Error>(self, n: u64) -> Result<i64, E> {
            i64::try_from(n).map_err(E::custom)
        }

        fn visit_f64<E: de::Error>(self, n: f64) -> Result<i64, E> {
            // Saturates; what is out of range is refused as a time soon after.
            #[allow(clippy::cast_possible_truncation)]
            let cut = n as i64;
            Ok(cut)
        }
    }

    deserializer.deserialize_any(Number)
}

/// Whether brackets outside strings nest deeper than [`DEPTH_MAX`]. For JSON; other text may give either answer.
fn is_too_deep(line: &[u8]) -> bool {
    // Most lines have fewer brackets than the limit has levels, and counting is much faster than following strings.
    if line.len() <= DEPTH_MAX || line.iter().filter(|b| matches!(b, b'{' | b'[')).count() <= DEPTH_MAX {
        return false;
    }
    let (mut depth, mut i) = (0_usize, 0);
    while let Some(byte) = line.get(i) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => i = end_of_string(line, i + 1),
            _ => {}
        }
        i += 1;
    }
    false
}

/// The index of the quote that ends a string whose content begins at `i`, or the line's length.
fn end_of_string(line: &[u8], mut i: usize) -> usize {
    while let Some(offset) = memchr::memchr2(b'"', b'\\', &line[i.min(line.len())..]) {
        i += offset;
        if line[i] == b'"' {
            return i;
        }
        i += 2;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, expected: Option<(u8, i64)>) {
        let found = parse_event_line(line).ok().map(|event| (event.event_type, event.at_ms));
        assert_eq!(found, expected, "{line:.200}");
    }

    #[test]
    fn shapes() {
        check(r#"{"type":3,"timestamp":17,"data":{"x":[1]}}"#, Some((3, 17)));
        check(r#"{"data":null,"timestamp":17.9,"type":0}"#, Some((0, 17)));
        check(r#"{"type":3,"timestamp":1e3,"delay":5}"#, Some((3, 1000)));
        check(r#"{"type":3,"timestamp":-1}"#, Some((3, -1)));
        check(r#"{"type":256,"timestamp":17}"#, None);
        check(r#"{"type":"3","timestamp":17}"#, None);
        check(r#"{"type":3.0,"timestamp":17}"#, None);
        check(r#"{"type":3,"timestamp":"17"}"#, None);
        check(r#"{"type":3,"timestamp":null}"#, None);
        check(r#"{"type":3}"#, None);
        check(r#"{"timestamp":17}"#, None);
        check(r#"{"type":3,"type":4,"timestamp":17}"#, None);
        check(r#"{"type":3,"timestamp":17"#, None);
        check(r#"{"type":3,"timestamp":17}{"#, None);
        check(r"[3,17]", None);
        check("", None);
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            format!(r#"{{"type":3,"timestamp":17,"data":{open}{close}}}"#)
        };
        check(&nested(DEPTH_MAX), Some((3, 17)));
        assert!(matches!(parse_event_line(&nested(DEPTH_MAX + 1)), Err(EventLineError::Depth)));
        assert!(matches!(parse_event_line(&nested(5_000_000)), Err(EventLineError::Depth)));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let text = "[".repeat(DEPTH_MAX * 2);
        check(&format!(r#"{{"type":3,"timestamp":17,"data":"\\\"{text}"}}"#), Some((3, 17)));
        let wide = "[],".repeat(DEPTH_MAX * 2);
        check(&format!(r#"{{"type":3,"timestamp":17,"data":[{wide}1]}}"#), Some((3, 17)));
    }

    #[test]
    fn lines_end_in_newlines() {
        let check = |batch: &str, expected: &[&str]| {
            assert_eq!(lines(batch).collect::<Vec<_>>(), expected, "{batch:?}");
        };
        check("", &[]);
        check("\n", &[]);
        check("a", &["a"]);
        check("a\n", &["a"]);
        check("a\nb\n", &["a", "b"]);
        check("a\n\nb", &["a", "", "b"]);
        check("a\n\n", &["a", ""]);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(line in ".{0,300}") {
            let _ = parse_event_line(&line);
        }

        #[test]
        fn depth_is_that_of_a_full_parse(json in "[\\[\\]{}\",:\\\\1a]{0,60}") {
            // Long enough to reach the exact scan, with strings that hold brackets and escapes.
            let padded = format!("{}{json}{}", "[],".repeat(DEPTH_MAX), "]");
            is_too_deep(padded.as_bytes());
        }
    }
}
