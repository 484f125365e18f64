//! One line of a batch: an rrweb event, of which only type and time are looked at. The rest stays as the client wrote it.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

pub use tapedeck_scan::event::DEPTH_MAX;
use tapedeck_scan::event::{Fields, quick_event};

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
pub type EventLine<'a> = Fields<'a>;

/// Type, time and raw data of one line.
///
/// # Errors
/// [`EventLineError`]; nesting is checked before anything is parsed, so that no parser behind this one recurses too deeply.
pub fn parse_event_line(line: &str) -> Result<EventLine<'_>, EventLineError> {
    match quick_event(line) {
        Some(event) => Ok(event),
        None => parse_closely(line),
    }
}

/// The same, of whatever is allowed, and with what is wrong.
fn parse_closely(line: &str) -> Result<EventLine<'_>, EventLineError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(rename = "type")]
        event_type: u8,
        #[serde(rename = "timestamp", deserialize_with = "milliseconds")]
        at_ms: i64,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    if is_too_deep(line.as_bytes()) {
        return Err(EventLineError::Depth);
    }
    let Wire { event_type, at_ms, data } = serde_json::from_slice(line.as_bytes())?;
    Ok(Fields { event_type, at_ms, data: data.map(RawValue::get) })
}

/// The lines of a batch: what newlines end, the last one also without. An empty line in between stays, and is no event.
pub fn lines(batch: &str) -> impl Iterator<Item = &str> {
    let batch = batch.strip_suffix('\n').unwrap_or(batch);
    // An empty batch has no lines.
    let batch = (!batch.is_empty()).then_some(batch);
    let mut rest = batch;
    std::iter::from_fn(move || {
        let batch = rest?;
        let (line, more) = match memchr::memchr(b'\n', batch.as_bytes()) {
            Some(end) => (&batch[..end], Some(&batch[end + 1..])),
            None => (batch, None),
        };
        rest = more;
        Some(line)
    })
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
        let event = parse_event_line(line).ok();
        assert_eq!(event, parse_closely(line).ok(), "{line:.200}");
        let found = event.map(|event| (event.event_type, event.at_ms));
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

    /// Events as recorders write them, and what is nearly that.
    fn any_event() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            r"-?(0|[1-9][0-9]{0,16}|00)(\.[0-9]{0,3})?([eE][+-]?[0-9]{0,2})?",
            r#""([a-z €]{0,20}|\\([bfnrt"/\\x]|u[0-9a-fA-F]{3,4})|.){0,3}""#,
        ];
        let value = scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
                proptest::collection::vec((r#""[a-z\\]{0,9}""#, inner), 0..4).prop_map(|fields| {
                    let fields: Vec<String> = fields.iter().map(|(key, v)| format!("{key}:{v}")).collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        });
        let key = prop_oneof![
            3 => Just("type".to_owned()), 3 => Just("timestamp".to_owned()), 3 => Just("data".to_owned()),
            1 => Just(r"\u0074ype".to_owned()), 1 => "[a-z]{0,4}",
        ];
        let number = prop_oneof![3 => "[0-9]{1,3}", 1 => "[0-9]{13}", 1 => "-?[0-9]{1,20}(\\.5)?"];
        let field = (key, prop_oneof![2 => number.boxed(), 1 => value.boxed()]);
        proptest::collection::vec(field, 0..5).prop_map(|fields| {
            let fields: Vec<String> = fields.iter().map(|(key, v)| format!("\"{key}\":{v}")).collect();
            format!("{{{}}}", fields.join(","))
        })
    }

    /// The quick pass is right whenever it says anything.
    fn is_that_of_serde_json(line: &str) -> Result<(), TestCaseError> {
        if let Some(event) = quick_event(line) {
            prop_assert_eq!(Some(event), parse_closely(line).ok(), "{}", line);
        }
        Ok(())
    }

    #[test]
    fn what_recorders_send_is_read_in_one_pass() {
        for line in [
            r#"{"type":3,"timestamp":1700000000123,"data":{"source":0,"texts":[],"attributes":[{"id":-6,"x":1.5e-7,"y":""}]}}"#,
            r#"{"timestamp":17,"type":255,"data":[[],{},[{}],true,false,null,"\\\"\u00e9"]}"#,
            r#"{"type":2,"data":null,"timestamp":17,"delay":-0}"#,
        ] {
            assert_eq!(quick_event(line), parse_closely(line).ok(), "{line}");
            assert!(quick_event(line).is_some(), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_quick_pass_is_never_wrong(line in any_event(), at in any::<prop::sample::Index>(), c in "[{}\\[\\]\",:\\\\0e. \n\u{1}]") {
            is_that_of_serde_json(&line)?;
            // One sign more, and one less.
            let place = at.index(line.len());
            if line.is_char_boundary(place) {
                is_that_of_serde_json(&format!("{}{c}{}", &line[..place], &line[place..]))?;
                let mut less = line.clone();
                less.remove(place);
                is_that_of_serde_json(&less)?;
                is_that_of_serde_json(&line[..place])?;
            }
        }
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
