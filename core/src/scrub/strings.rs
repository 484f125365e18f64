//! JSON strings inside a line: where they are, what they say, and how to overwrite a part without changing any length.

use std::borrow::Cow;
use std::ops::Range;

/// The content ranges of all strings of a line of valid JSON, keys included.
pub(super) fn json_strings(line: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + memchr::memchr(b'"', &line[at..])? + 1;
        let mut end = start;
        while let Some(offset) = memchr::memchr2(b'"', b'\\', line.get(end..)?) {
            end += offset;
            if line[end] == b'"' {
                at = end + 1;
                return Some(start..end);
            }
            end += 2;
        }
        None
    })
}

/// What a JSON string says, and where each byte of it was written.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, [u8]>,
    /// Raw offset of the character that each byte of `text` belongs to, and the raw length at the end. Absent where
    /// nothing is escaped, and both are the same.
    starts: Option<Vec<usize>>,
}

impl<'a> Decoded<'a> {
    /// Decodes the content of a string of valid JSON. A lone surrogate becomes U+FFFD.
    pub(super) fn new(raw: &'a [u8]) -> Self {
        if memchr::memchr(b'\\', raw).is_none() {
            return Self { text: Cow::Borrowed(raw), starts: None };
        }
        let mut text = Vec::with_capacity(raw.len());
        let mut starts = Vec::with_capacity(raw.len() + 1);
        let mut i = 0;
        while i < raw.len() {
            if raw[i] != b'\\' {
                text.push(raw[i]);
                // A continuation byte belongs to the character before it.
                let start = if raw[i] & 0xc0 == 0x80 { starts.last().copied().unwrap_or(i) } else { i };
                starts.push(start);
                i += 1;
                continue;
            }
            let (character, bytes) = unescape(&raw[i..]);
            let mut utf8 = [0; 4];
            let encoded = character.encode_utf8(&mut utf8).as_bytes();
            text.extend_from_slice(encoded);
            starts.extend(encoded.iter().map(|_| i));
            i += bytes;
        }
        starts.push(raw.len());
        Self { text: Cow::Owned(text), starts: Some(starts) }
    }

    /// The raw range of each character that `range` of the text touches.
    pub(super) fn raw_characters(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut i = range.start;
        while i > 0 && self.text[i] & 0xc0 == 0x80 {
            i -= 1;
        }
        std::iter::from_fn(move || {
            if i >= range.end {
                return None;
            }
            let start = i;
            i += 1;
            while i < self.text.len() && self.text[i] & 0xc0 == 0x80 {
                i += 1;
            }
            Some(self.raw(start)..self.raw(i))
        })
    }

    fn raw(&self, i: usize) -> usize {
        self.starts.as_ref().map_or(i, |starts| starts[i])
    }
}

/// Overwrites one character, however it is written, with one that takes as many bytes: `*`, where one byte is enough. Line
/// breaks and tabs written as escapes stay: they tell nothing, and no escape of two bytes could stand for `*`.
pub(super) fn overwrite(raw: &mut [u8]) {
    let replacement: &[u8] = match (raw.first(), raw.len()) {
        (Some(b'\\'), 2) if matches!(raw[1], b'n' | b'r' | b't') => return,
        (Some(b'\\'), 2) => br"\/",
        (Some(b'\\'), 6) => br"\u002a",
        (Some(b'\\'), 12) => br"\u002a\u002a",
        (_, 1) => b"*",
        (_, 2) => "×".as_bytes(),
        (_, 3) => "※".as_bytes(),
        (_, 4) => "🞶".as_bytes(),
        // No other lengths exist in valid JSON; what is not understood stays as it is.
        _ => return,
    };
    raw.copy_from_slice(replacement);
}

/// Whether a text is only what [`overwrite`] leaves. It is all the same who wrote it: there is nothing to overwrite in it.
pub(super) fn is_overwritten(text: &[u8]) -> bool {
    let is_left = |c| matches!(c, '*' | '/' | '×' | '※' | '🞶' | '\n' | '\r' | '\t');
    std::str::from_utf8(text).is_ok_and(|text| text.chars().all(is_left))
}

/// The character that an escape at the start of `raw` stands for, and the escape's length.
fn unescape(raw: &[u8]) -> (char, usize) {
    let code = |at: usize| {
        let digits = std::str::from_utf8(raw.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    match raw.get(1) {
        Some(b'u') => {
            let Some(first) = code(2) else { return (char::REPLACEMENT_CHARACTER, raw.len().min(2)) };
            let second = if raw.get(6..8) == Some(br"\u") { code(8) } else { None };
            match (first, second) {
                (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                    let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            }
        }
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(other) => (char::from(*other), 2),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The content of a JSON string, with those characters as `\u` escapes that `escape` says by index and character.
#[cfg(test)]
pub(super) fn spelled(text: &str, escape: impl Fn(usize, char) -> bool) -> String {
    let mut raw = String::new();
    for (i, c) in text.chars().enumerate() {
        if escape(i, c) {
            raw.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            let quoted = serde_json::Value::from(c.to_string()).to_string();
            raw.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_are_found_with_their_escapes() {
        let line = br#"{"a":"x\"y","b":["",7,"\\"]}"#;
        let found: Vec<&[u8]> = json_strings(line).map(|range| &line[range]).collect();
        assert_eq!(found, [&b"a"[..], br#"x\"y"#, b"b", b"", br"\\"]);
    }

    proptest! {
        #[test]
        fn decoding_is_what_serde_json_does(text in ".{0,40}") {
            let raw = spelled(&text, |i, _| i % 2 == 0);
            let decoded = Decoded::new(raw.as_bytes());
            prop_assert_eq!(decoded.text.as_ref(), text.as_bytes());

            // Overwritten whole, it is as long as before and still a string of as many UTF-16 units.
            let mut bytes = raw.clone().into_bytes();
            let ranges: Vec<_> = decoded.raw_characters(0..decoded.text.len()).collect();
            for range in ranges {
                overwrite(&mut bytes[range]);
            }
            prop_assert_eq!(bytes.len(), raw.len());
            let after: String = serde_json::from_str(&format!("\"{}\"", String::from_utf8(bytes).expect("UTF-8"))).expect("JSON");
            prop_assert_eq!(after.encode_utf16().count(), text.encode_utf16().count());
        }
    }
}
