//! Which of sixteen places may be the beginning of something, all at once: Teddy, of Hyperscan
//! (<https://docs.rs/aho-corasick/latest/aho_corasick/packed/>). Each of three bytes is looked up by its two halves, in tables of sixteen that
//! fit a vector. It finds every place that [`super::signs`] looks for, and some that it does not.

use crate::signs::SECRET_STARTS;

/// Places that are looked at together.
pub(crate) const PLACES: usize = 16;

/// Bytes that this takes.
pub(crate) const WINDOW: usize = PLACES + 2;

/// By the place in three bytes, by the lower and the upper half of the byte there: a bit for each group of what may begin.
static TABLES: [[[u8; 16]; 2]; 3] = tables();

const fn tables() -> [[[u8; 16]; 2]; 3] {
    let mut tables = [[[0; 16]; 2]; 3];
    let mut byte = 0;
    while byte < 256 {
        let mut place = 0;
        while place < 3 {
            let groups = groups(place, byte);
            tables[place][0][byte & 15] |= groups;
            tables[place][1][byte >> 4] |= groups;
            place += 1;
        }
        byte += 1;
    }
    tables
}

/// The groups of what may have `byte` at this place. Bits are few, so secrets whose beginnings look alike share one.
#[allow(clippy::cast_possible_truncation)]
const fn groups(place: usize, byte: usize) -> u8 {
    let byte = byte as u8;
    let mut groups = match (place, byte) {
        (0, b'@') => 1,
        (0, b'=') => 1 << 1,
        (0, b'\\') | (1, b'u' | b'/') => 1 << 2,
        (0 | 1, b'A'..=b'Z') | (2, b'0'..=b'9') => 1 << 3,
        _ => 0,
    };
    groups |= match place {
        0 => 0,
        1 => 0b011,
        _ => 0b111,
    };
    let mut i = 0;
    while i < SECRET_STARTS.len() {
        let start = SECRET_STARTS[i].0;
        if start[place] == byte {
            groups |= 1 << group(start[0]);
        }
        i += 1;
    }
    groups
}

/// The group of a secret by the first byte of its beginning.
const fn group(first: u8) -> u8 {
    match first {
        b'g' | b'h' => 4,
        b's' | b'r' | b'w' | b'x' | b'y' => 5,
        b'e' | b'n' | b'd' | b'b' => 6,
        _ => 7,
    }
}

/// A bit for each of the first sixteen places of `window` where something may begin.
#[inline]
pub(crate) fn candidates(window: &[u8; WINDOW]) -> u16 {
    let mut groups = vector::ALL;
    for (place, [lower, upper]) in TABLES.iter().enumerate() {
        groups = vector::and(groups, vector::halves(lower, upper, vector::load(window, place)));
    }
    vector::places(groups)
}

#[cfg(target_arch = "wasm32")]
mod vector {
    use core::arch::wasm32::{
        u8x16_bitmask, u8x16_ne, u8x16_shr, u8x16_splat, u8x16_swizzle, u64x2, v128, v128_and,
    };

    pub(super) const ALL: v128 = u64x2(u64::MAX, u64::MAX);

    #[inline]
    fn of(bytes: &[u8; 16]) -> v128 {
        let (first, last) = (bytes.first_chunk().expect("16 bytes"), bytes.last_chunk().expect("16 bytes"));
        u64x2(u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    }

    #[inline]
    pub(super) fn load(window: &[u8; super::WINDOW], from: usize) -> v128 {
        of(window[from..from + 16].as_array().expect("16 bytes"))
    }

    #[inline]
    pub(super) fn halves(lower: &[u8; 16], upper: &[u8; 16], bytes: v128) -> v128 {
        let lower = u8x16_swizzle(of(lower), v128_and(bytes, u8x16_splat(15)));
        v128_and(lower, u8x16_swizzle(of(upper), u8x16_shr(bytes, 4)))
    }

    #[inline]
    pub(super) fn and(a: v128, b: v128) -> v128 {
        v128_and(a, b)
    }

    #[inline]
    pub(super) fn places(groups: v128) -> u16 {
        u8x16_bitmask(u8x16_ne(groups, u8x16_splat(0)))
    }
}

/// The same where there are no such vectors without asking the processor first.
#[cfg(not(target_arch = "wasm32"))]
mod vector {
    type Bytes = [u8; 16];

    pub(super) const ALL: Bytes = [u8::MAX; 16];

    pub(super) fn load(window: &[u8; super::WINDOW], from: usize) -> Bytes {
        std::array::from_fn(|i| window[from + i])
    }

    pub(super) fn halves(lower: &Bytes, upper: &Bytes, bytes: Bytes) -> Bytes {
        bytes.map(|byte| lower[usize::from(byte & 15)] & upper[usize::from(byte >> 4)])
    }

    pub(super) fn and(a: Bytes, b: Bytes) -> Bytes {
        std::array::from_fn(|i| a[i] & b[i])
    }

    pub(super) fn places(groups: Bytes) -> u16 {
        (0..16).filter(|i| groups[*i] != 0).map(|i| 1 << i).sum()
    }
}
