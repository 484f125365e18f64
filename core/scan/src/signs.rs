//! Where in a batch something may stand that is to be overwritten, found in one pass over its raw bytes.
//!
//! Each place of three bytes is looked up in three tables, one for each byte; what is common to the three answers are the kinds that may
//! begin there. That needs no state from byte to byte, so a processor looks at several places at once (the idea is Teddy's, of Hyperscan,
//! <https://docs.rs/aho-corasick/latest/aho_corasick/packed/>, without its vectors). Runs of digits are found by a look at every eighth byte.

use std::ops::Range;

use crate::filter::{PLACES, candidates};

/// With what secrets of well-known forms begin, which of the bits for secrets they have, and how many characters of a token follow at
/// least. Those share a bit that together begin few words of a page.
pub const SECRET_STARTS: [(&[u8], u16, usize); 27] = [
    (b"eyJ", 0, 8),
    (b"AKIA", 1, 16),
    (b"ASIA", 1, 16),
    (b"AIza", 1, 35),
    (b"ghp_", 2, 36),
    (b"gho_", 2, 36),
    (b"ghu_", 2, 36),
    (b"ghs_", 2, 36),
    (b"ghr_", 2, 36),
    (b"github_pat_", 3, 22),
    (b"glpat-", 3, 20),
    (b"xox", 4, 12),
    (b"ya29.", 4, 20),
    (b"SG.", 4, 16),
    (b"sk_live_", 5, 16),
    (b"sk_test_", 5, 16),
    (b"sk-", 5, 20),
    (b"shpat_", 5, 32),
    (b"rk_live_", 6, 16),
    (b"rk_test_", 6, 16),
    (b"npm_", 6, 36),
    (b"whsec_", 7, 24),
    (b"dop_v1_", 7, 64),
    (b"hf_", 8, 30),
    (b"-----BEGIN ", 9, 0),
    (b"Bearer ", 10, 0),
    (b"bearer ", 10, 0),
];

/// Kinds of what may begin somewhere: a bit each, and eleven for secrets.
pub mod kind {
    /// `@`.
    pub const AT: u16 = 1;
    /// `=`.
    pub const EQUALS: u16 = 1 << 1;
    /// `\\u` and `\\/`.
    pub const ESCAPE: u16 = 1 << 2;
    /// Two capitals and a digit.
    pub const IBAN: u16 = 1 << 3;
    /// What [`super::SECRET_STARTS`] lists.
    pub const SECRETS: u16 = !0 << 4;
    /// All of them.
    pub const ALL: u16 = !0;
}

/// By the place in three bytes, and by the byte there: what may begin.
static KINDS: [[u16; 256]; 3] = kinds();

const fn kinds() -> [[u16; 256]; 3] {
    let mut kinds = [[0; 256]; 3];
    let mut byte = 0;
    while byte < 256 {
        // These are known by their first one or two bytes.
        kinds[1][byte] = kind::AT | kind::EQUALS;
        kinds[2][byte] = kind::AT | kind::EQUALS | kind::ESCAPE;
        byte += 1;
    }
    kinds[0][b'@' as usize] |= kind::AT;
    kinds[0][b'=' as usize] |= kind::EQUALS;
    kinds[0][b'\\' as usize] |= kind::ESCAPE;
    kinds[1][b'u' as usize] |= kind::ESCAPE;
    kinds[1][b'/' as usize] |= kind::ESCAPE;
    let mut letter = b'A';
    while letter <= b'Z' {
        kinds[0][letter as usize] |= kind::IBAN;
        kinds[1][letter as usize] |= kind::IBAN;
        letter += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        kinds[2][digit as usize] |= kind::IBAN;
        digit += 1;
    }
    let mut i = 0;
    while i < SECRET_STARTS.len() {
        let (start, bit, _) = SECRET_STARTS[i];
        let mut place = 0;
        while place < 3 {
            kinds[place][start[place] as usize] |= 1 << (4 + bit);
            place += 1;
        }
        i += 1;
    }
    kinds
}

/// How far apart bytes are that are looked at for digits.
const STRIDE: usize = 8;

/// So many bytes from such a place on are all part of a run, in any run of 11 bytes or more: the shortest number of any kind.
const PROBE: usize = 4;

/// The first place in a range where something of the kinds that are `wanted` may begin, if `begins` says so too of place and kinds. Looks at
/// two bytes behind the range.
// Inlined into who calls it, it would be optimised as that is: for size.
#[inline(never)]
#[must_use]
pub fn next_sign(
    text: &[u8],
    range: Range<usize>,
    wanted: u16,
    begins: &dyn Fn(usize, u16) -> bool,
) -> Option<usize> {
    let is = |i: usize| {
        let kinds = kinds_at(&text[i..i + 3]);
        kinds != 0 && begins(i, kinds & wanted)
    };
    let last = text.len().min(range.end + 2).saturating_sub(2);
    let mut from = range.start;
    // Natively the tables alone are as fast.
    if cfg!(any(target_arch = "wasm32", test)) {
        while let Some(window) = text.get(from..last + 2).and_then(<[u8]>::first_chunk) {
            let mut places = candidates(window);
            while places != 0 {
                let i = from + places.trailing_zeros() as usize;
                if is(i) {
                    return Some(i);
                }
                places &= places - 1;
            }
            from += PLACES;
        }
    }
    (from..last).find(|i| is(*i))
}

/// What may begin with these three bytes.
#[inline]
fn kinds_at(bytes: &[u8]) -> u16 {
    let [first, second, third] = &KINDS;
    first[usize::from(bytes[0])] & second[usize::from(bytes[1])] & third[usize::from(bytes[2])]
}

/// Runs of digits and separators of 11 bytes and more, each found once however long it is. Shorter ones may be found.
#[derive(Debug)]
pub struct Runs<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Runs<'a> {
    /// Of this text, from there on.
    #[must_use]
    pub fn new(text: &'a [u8], from: usize) -> Self {
        Self { text, at: from }
    }

    /// The next run, if it is found by a look before `to`.
    #[inline(never)]
    pub fn next(&mut self, to: usize) -> Option<Range<usize>> {
        let text = self.text;
        let mut i = self.at.next_multiple_of(STRIDE);
        while i < to {
            let Some(probe) = text.get(i..i + PROBE) else { break };
            if probe.iter().all(|b| is_part(*b)) {
                let start = text[..i].iter().rposition(|b| !is_part(*b)).map_or(0, |before| before + 1);
                let end = text[i..].iter().position(|b| !is_part(*b)).map_or(text.len(), |length| i + length);
                self.at = end;
                return Some(start..end);
            }
            i += STRIDE;
        }
        self.at = i;
        None
    }
}

/// Digits and what stands between them in numbers: spaces, hyphens, full stops, no-break spaces.
fn is_part(b: u8) -> bool {
    b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | 0xc2 | 0xa0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places in a text of bytes that many things begin with, so that each kind is met at each place of a window.
    #[test]
    fn the_filter_hides_no_place() {
        const BYTES: &[u8] = b"@=\\u/eyJAKIghpo_xya29SG.sk-nwdBDE \"7\xc3";
        let mut state = 1_u64;
        let text: Vec<u8> = std::iter::repeat_with(|| {
            // Knuth's MMIX, whose upper bits are random enough.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            BYTES[usize::try_from(state >> 33).expect("31 bits") % BYTES.len()]
        })
        .take(100_000)
        .collect();
        // Kinds that share a bit let some through that are none, which is nobody's loss.
        let begins = |i: usize, kinds: u16| {
            kinds & !kind::SECRETS != 0
                || SECRET_STARTS.iter().any(|(start, _, _)| text[i..].starts_with(&start[..3]))
        };
        for range in [0..text.len(), 0..text.len() - 1, 7..2_000, 50..66, 50..50, 99_990..100_000] {
            let is = |i: &usize| text.get(*i..i + 3).is_some_and(|bytes| begins(*i, kinds_at(bytes)));
            let expected: Vec<usize> = range.clone().filter(is).collect();
            let mut found = Vec::new();
            let mut from = range.start;
            while let Some(i) = next_sign(&text, from..range.end, kind::ALL, &begins) {
                found.push(i);
                from = i + 1;
            }
            assert_eq!(found, expected, "{range:?}");
        }
    }
}
