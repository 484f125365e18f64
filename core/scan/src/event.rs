//! One pass over an event as `JSON.stringify` writes it, which is what recorders send. Reads no numbers but type and time, decodes nothing,
//! and knows no white space. Whatever it does not know is left to `serde_json`: it accepts nothing that `serde_json` does not.

/// Deepest nesting of an event. A page 1,000 elements deep makes 2,000; browsers' parsers stop at 512 elements.
pub const DEPTH_MAX: usize = 4096;

/// Deepest nesting of the value of a field: the event itself is one level.
const INNER_DEPTH_MAX: usize = DEPTH_MAX - 1;

/// What is looked at of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// `type`.
    pub event_type: u8,
    /// `timestamp`, Unix milliseconds.
    pub at_ms: i64,
    /// `data` as it was written: valid JSON. `None` where it is `null` or absent.
    pub data: Option<&'a str>,
}

/// The event of a line; `None` where that takes a closer look, whether or not it is one.
#[must_use]
pub fn quick_event(line: &str) -> Option<Fields<'_>> {
    let bytes = line.as_bytes();
    let (mut event_type, mut at_ms, mut data) = (None, None, None);
    let mut i = 0;
    while i + 1 < bytes.len() {
        // `{` before the first field, `,` before the others.
        if bytes[i] != if i == 0 { b'{' } else { b',' } {
            return None;
        }
        let key = i + 1;
        let value = after_key(bytes, key)?;
        let end = after_value(bytes, value)?;
        match &bytes[key..value] {
            br#""data":"# if data.is_none() => data = Some(&line[value..end]),
            br#""type":"# if event_type.is_none() => event_type = Some(whole_number(&bytes[value..end])?),
            br#""timestamp":"# if at_ms.is_none() => at_ms = Some(whole_number(&bytes[value..end])?),
            // A field that comes twice, or one that is written with escapes.
            br#""data":"# | br#""type":"# | br#""timestamp":"# => return None,
            name if name.contains(&b'\\') => return None,
            _ => {}
        }
        i = end;
    }
    if bytes.get(i..) != Some(b"}") {
        return None;
    }
    Some(Fields {
        event_type: u8::try_from(event_type?).ok()?,
        at_ms: at_ms?,
        data: data.filter(|data| *data != "null"),
    })
}

/// A number of up to 15 digits and nothing else.
fn whole_number(digits: &[u8]) -> Option<i64> {
    if digits.len() > 15 {
        return None;
    }
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Which of the brackets that are open are braces: one bit each.
struct Open {
    braces: [u64; INNER_DEPTH_MAX.div_ceil(64)],
    depth: usize,
}

impl Open {
    fn push(&mut self, is_brace: bool) -> Option<()> {
        if self.depth == INNER_DEPTH_MAX {
            return None;
        }
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.braces[word] = self.braces[word] & !(1 << bit) | u64::from(is_brace) << bit;
        self.depth += 1;
        Some(())
    }

    /// Whether the innermost bracket is a brace, once another one is closed.
    fn pop(&mut self) -> bool {
        self.depth -= 1;
        let outer = self.depth.saturating_sub(1);
        self.braces[outer / 64] >> (outer % 64) & 1 == 1
    }
}

/// Where the value that begins at `i` ends.
fn after_value(bytes: &[u8], i: usize) -> Option<usize> {
    match bytes.get(i)? {
        b'0'..=b'9' => after_number(bytes, i),
        _ => after_any_value(bytes, i),
    }
}

fn after_any_value(bytes: &[u8], mut i: usize) -> Option<usize> {
    let mut open = Open { braces: [0; _], depth: 0 };
    let mut in_brace = false;
    loop {
        let first = *bytes.get(i)?;
        match first {
            b'"' => i = after_string(bytes, i + 1)?,
            b'0'..=b'9' | b'-' => i = after_number(bytes, i)?,
            b'{' | b'[' => {
                in_brace = first == b'{';
                open.push(in_brace)?;
                i += 1;
                // The closing bracket is two signs further in ASCII.
                if *bytes.get(i)? != first + 2 {
                    if in_brace {
                        i = after_key(bytes, i)?;
                    }
                    continue;
                }
            }
            b'n' => i = after_word(bytes, i, b"null")?,
            b't' => i = after_word(bytes, i, b"true")?,
            b'f' => i = after_word(bytes, i, b"false")?,
            _ => return None,
        }
        loop {
            if open.depth == 0 {
                return Some(i);
            }
            match (*bytes.get(i)?, in_brace) {
                (b',', true) => {
                    i = after_key(bytes, i + 1)?;
                    break;
                }
                (b',', false) => {
                    i += 1;
                    break;
                }
                (b'}', true) | (b']', false) => {
                    in_brace = open.pop();
                    i += 1;
                }
                _ => return None,
            }
        }
    }
}

/// Where what follows the key and its colon begins.
#[inline]
fn after_key(bytes: &[u8], i: usize) -> Option<usize> {
    if *bytes.get(i)? != b'"' {
        return None;
    }
    let i = after_string(bytes, i + 1)?;
    (*bytes.get(i)? == b':').then_some(i + 1)
}

fn after_word(bytes: &[u8], i: usize, word: &[u8]) -> Option<usize> {
    bytes.get(i..)?.starts_with(word).then_some(i + word.len())
}

/// Where the string ends, its quote included, whose content begins at `i`.
#[inline]
fn after_string(bytes: &[u8], mut i: usize) -> Option<usize> {
    loop {
        i = next_special(bytes, i)?;
        match bytes[i] {
            b'"' => return Some(i + 1),
            b'\\' => match bytes.get(i + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => i += 2,
                b'u' => {
                    if !bytes.get(i + 2..i + 6)?.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    i += 6;
                }
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// The next quote, backslash or control character from `i` on. Eight bytes at a time: most strings are short, and many ends of short
/// ones are no branch that a processor guesses right. <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
#[inline]
fn next_special(bytes: &[u8], mut i: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let rest = bytes.get(i..)?;
    let (words, tail) = rest.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        let found = (word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash);
        let found = found & (ONES << 7);
        if found != 0 {
            // A borrow makes false finds only above the true ones.
            return Some(i + found.trailing_zeros() as usize / 8);
        }
        i += 8;
    }
    Some(i + tail.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\'))?)
}

/// Where the number ends that begins at `i`: RFC 8259, section 6.
fn after_number(bytes: &[u8], i: usize) -> Option<usize> {
    let digits = |from: usize| {
        let mut end = from;
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        (end > from).then_some(end)
    };
    let start = if bytes[i] == b'-' { i + 1 } else { i };
    let mut end = digits(start)?;
    if bytes[start] == b'0' && end > start + 1 {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign)?;
    }
    Some(end)
}
