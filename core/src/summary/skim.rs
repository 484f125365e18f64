//! Lines of which only type and time are needed, told by how they begin and end: nine tenths of a recording's bytes are mutations and full
//! snapshots, which nobody looks into here.
//!
//! Only for lines that were admitted, and so are JSON objects (`event_line`). In such a line the first key is what the line begins with, and
//! what stands before the last brace is the last member of the object itself: neither can be a part of a string or of an inner object.

/// Longest line that is looked into, in bytes. Of a longer event, type and time are taken alone.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// So many bytes of a line's start tell what it is.
pub(super) const HEAD_BYTES: usize = 64;

/// So many bytes of a line's end tell its time.
pub(super) const TAIL_BYTES: usize = 64;

/// Sources of incremental events that are looked into: moves of mouse, finger and what is dragged, interactions, inputs
/// (`IncrementalSource` in @rrweb/types).
const SOURCES_LOOKED_INTO: [&[u8]; 5] = [b"1", b"2", b"5", b"6", b"12"];

/// What a line's start tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// rrweb's event type.
    pub(super) event_type: u8,
    /// Its time, where it stands before the data; else it is the last member.
    pub(super) at_ms: Option<i64>,
}

/// What the start of a line tells, if nobody needs what comes then. `is_long` is for a line that is too long to be looked into.
pub(super) fn sniff(head: &[u8], is_long: bool) -> Option<Head> {
    let rest = head.strip_prefix(br#"{"type":"#)?;
    let (event_type, rest) = match rest {
        [digit @ b'0'..=b'9', b',', rest @ ..] => (digit - b'0', rest),
        _ => return None,
    };
    if let Some(rest) = rest.strip_prefix(br#""timestamp":"#) {
        let (digits, rest) = split_digits(rest);
        let is_whole = rest.starts_with(br#","data":{"#);
        let at_ms = milliseconds(digits).filter(|_| is_long && event_type == 5 && is_whole)?;
        return Some(Head { event_type, at_ms: Some(at_ms) });
    }
    let data = rest.strip_prefix(br#""data":{"#)?;
    let is_skipped = match event_type {
        2 => true,
        3 => {
            let (source, rest) = split_digits(data.strip_prefix(br#""source":"#)?);
            // A source that goes on behind what is at hand is not known.
            !source.is_empty()
                && rest.first().is_some_and(|next| matches!(next, b',' | b'}'))
                && !SOURCES_LOOKED_INTO.contains(&source)
        }
        5 => is_long,
        _ => false,
    };
    is_skipped.then_some(Head { event_type, at_ms: None })
}

/// The time that stands last in a line: `…},"timestamp":1700000000000}`.
pub(super) fn time_at_end(tail: &[u8]) -> Option<i64> {
    let rest = tail.strip_suffix(b"}")?;
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, digits) = rest.split_at(rest.len() - digits);
    rest.ends_with(br#"},"timestamp":"#).then(|| milliseconds(digits)).flatten()
}

/// Type and time of a whole line, if nothing else of it is needed.
pub(super) fn skim(line: &[u8]) -> Option<(u8, i64)> {
    let Head { event_type, at_ms } = sniff(line, line.len() > LINE_BYTES_MAX)?;
    let at_ms = match at_ms {
        Some(at_ms) => line.ends_with(b"}").then_some(at_ms)?,
        None => time_at_end(line)?,
    };
    Some((event_type, at_ms))
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Of as many digits as a JSON number without sign, fraction and exponent may have, and as fit.
fn milliseconds(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// A line of which not all is at hand yet.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    /// Its bytes; of one that is skipped, its start alone.
    pub(super) kept: Vec<u8>,
    /// How many bytes it has.
    pub(super) bytes: usize,
    /// What its start tells, if the rest is skipped.
    pub(super) head: Option<Head>,
    /// The end of one that is skipped.
    pub(super) tail: Vec<u8>,
}

impl OpenLine {
    /// Goes on with `piece`. `false` for a line that is too long to be kept and does not say what it is.
    #[must_use]
    pub(super) fn extend(&mut self, piece: &[u8], is_thorough: bool) -> bool {
        self.bytes += piece.len();
        if self.head.is_none() {
            let start = HEAD_BYTES.saturating_sub(self.kept.len()).min(piece.len());
            if is_thorough {
                self.kept.extend_from_slice(piece);
                return true;
            }
            self.kept.extend_from_slice(&piece[..start]);
            let is_long = self.bytes > LINE_BYTES_MAX;
            // Shorter than this, the end may be a part of the start.
            if self.bytes > HEAD_BYTES + TAIL_BYTES {
                self.head = sniff(&self.kept, is_long);
            }
            if self.head.is_none() {
                self.kept.extend_from_slice(&piece[start..]);
                return !is_long;
            }
            // What was kept so far is the start of the tail.
            let kept = self.kept.len() - start;
            self.tail.extend_from_slice(&self.kept[kept.saturating_sub(TAIL_BYTES)..kept]);
        }
        let last = &piece[piece.len().saturating_sub(TAIL_BYTES)..];
        self.tail.extend_from_slice(last);
        let over = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(u8, i64)>) {
        assert_eq!(skim(line.as_bytes()), expected, "{line:.200}");
    }

    #[test]
    fn what_nobody_looks_into_is_skimmed() {
        check(r#"{"type":3,"data":{"source":0,"texts":[]},"timestamp":17}"#, Some((3, 17)));
        check(r#"{"type":3,"data":{"source":0},"timestamp":1700000000000}"#, Some((3, 1_700_000_000_000)));
        check(r#"{"type":3,"data":{"source":8},"timestamp":0}"#, Some((3, 0)));
        check(r#"{"type":2,"data":{"node":{"id":1}},"timestamp":17}"#, Some((2, 17)));
    }

    #[test]
    fn all_else_is_parsed() {
        for source in [1, 2, 5, 6, 12] {
            check(&format!(r#"{{"type":3,"data":{{"source":{source}}},"timestamp":17}}"#), None);
        }
        check(r#"{"type":5,"timestamp":17,"data":{"tag":"tapedeck.custom"}}"#, None);
        check(r#"{"type":4,"data":{"href":"x"},"timestamp":17}"#, None);
        check(r#"{"timestamp":17,"type":3,"data":{"source":0}}"#, None);
        check(r#"{"type":3,"data":{"source":0},"timestamp":17,"delay":5}"#, None);
        check(r#"{"type":3,"data":{"source":0},"timestamp":17.5}"#, None);
        check(r#"{"type":3,"data":{"source":0},"timestamp":-17}"#, None);
        check(r#"{"type":3,"data":{"source":0},"timestamp":017}"#, None);
        check(r#"{"type":3,"data":{"source":0},"timestamp":}"#, None);
        check(r#"{"type":3,"data":{"source":0},"timestamp":99999999999999999999}"#, None);
        check(r#"{"type":3,"data":{"source":0,"a":",\"timestamp\":17}"}}"#, None);
        check(r#"{"type":33,"data":{"source":0},"timestamp":17}"#, None);
        check(r#"{"type":3,"data":{"source":0}"#, None);
        check("", None);
    }
}
