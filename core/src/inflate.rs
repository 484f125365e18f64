//! Gzip into a bounded buffer (RFC 1952), as it comes from a stranger.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{GzDecoder, GzEncoder};

/// The ratio is looked at once this many bytes are inflated: below, even the worst bomb is harmless, and small repetitive
/// batches do reach high ratios.
pub const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// Inflated at a time between two looks at the limits.
const STEP_BYTES: usize = 64 * 1024;

/// What the room for a step is filled with. Copied, because `Vec::resize` writes byte by byte where it is built for size.
static ROOM: [u8; STEP_BYTES] = [0; STEP_BYTES];

/// Why gzip bytes were not inflated. The client can mend it.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// Not gzip, cut off, or with a wrong checksum.
    #[error("gzip member {member} (from 0) cannot be inflated after {inflated} bytes")]
    Damaged {
        /// Which member.
        member: usize,
        /// How many bytes all members gave before.
        inflated: usize,
        /// What the decoder says.
        source: std::io::Error,
    },
    /// Something that is no gzip member follows the last one.
    #[error("{bytes} bytes follow the gzip member, expected none")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// More inflated bytes than allowed. Found while inflating.
    #[error("batch is over {max} bytes after inflating, which is the limit")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// A higher ratio than allowed. Found while inflating.
    #[error("{inflated} bytes were inflated from {compressed}, limit is {ratio_max} times as many")]
    Ratio {
        /// Bytes inflated when it was found.
        inflated: usize,
        /// Bytes of the whole batch.
        compressed: usize,
        /// The limit.
        ratio_max: usize,
    },
}

/// What a batch holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Inflated {
    /// All members' bytes, in order.
    pub bytes: Vec<u8>,
    /// How many gzip members there were.
    pub members: usize,
}

/// Whether bytes begin as a gzip member does.
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// All gzip members of `gzip`, inflated: at most `bytes_max` bytes, and at most `ratio_max` times as many as came.
///
/// # Errors
/// [`InflateError`]; limits are found as soon as they are crossed, never after the whole was inflated.
pub fn inflate(gzip: &[u8], bytes_max: usize, ratio_max: usize) -> Result<Inflated, InflateError> {
    // With room for the read that finds nothing more.
    let mut bytes = Vec::with_capacity(expected_bytes(gzip).min(bytes_max) + 1);
    let mut rest = gzip;
    let mut members = 0;
    loop {
        let mut decoder = GzDecoder::new(rest);
        loop {
            let inflated = bytes.len();
            // One more than allowed, so that reaching the limit and crossing it differ.
            let room = Some(bytes.capacity() - inflated).filter(|room| *room > 0).unwrap_or(STEP_BYTES);
            let step = STEP_BYTES.min(room).min(bytes_max + 1 - inflated);
            bytes.extend_from_slice(&ROOM[..step]);
            let damaged = |source| InflateError::Damaged { member: members, inflated, source };
            let more = decoder.read(&mut bytes[inflated..]).map_err(damaged)?;
            bytes.truncate(inflated + more);
            if more == 0 {
                break;
            }
            if bytes.len() > bytes_max {
                return Err(InflateError::TooLarge { max: bytes_max });
            }
            if bytes.len() > RATIO_FREE_BYTES && bytes.len() / ratio_max > gzip.len() {
                return Err(InflateError::Ratio { inflated: bytes.len(), compressed: gzip.len(), ratio_max });
            }
        }
        rest = decoder.into_inner();
        members += 1;
        if rest.is_empty() {
            return Ok(Inflated { bytes, members });
        }
        if !is_gzip(rest) {
            return Err(InflateError::Trailing { bytes: rest.len() });
        }
    }
}

/// `bytes` as one gzip member, level 6, without name or time: the same bytes give the same member.
#[must_use]
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Vec::with_capacity(bytes.len() / 6 + 64);
    GzEncoder::new(bytes, Compression::new(6))
        .read_to_end(&mut gzip)
        .unwrap_or_else(|error| unreachable!("reading from memory does not fail: {error}"));
    gzip
}

/// A guess at the inflated size, to allocate once: the member's own claim (ISIZE), but never trusted beyond what is usual.
fn expected_bytes(gzip: &[u8]) -> usize {
    let claim = gzip.last_chunk::<4>().map_or(0, |isize| u32::from_le_bytes(*isize) as usize);
    claim.min(gzip.len().saturating_mul(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_are_inclusive() {
        let gzip = deflate(&[b'x'; 1000]);
        assert_eq!(inflate(&gzip, 1000, 200).expect("at the limit").bytes.len(), 1000);
        assert!(matches!(inflate(&gzip, 999, 200), Err(InflateError::TooLarge { max: 999 })));
    }

    #[test]
    fn a_bomb_is_refused_on_the_way() {
        let gzip = deflate(&vec![0; 64 * 1024 * 1024]);
        let Err(InflateError::Ratio { inflated, .. }) = inflate(&gzip, 128 * 1024 * 1024, 200) else {
            panic!("a ratio of 1,000 passed");
        };
        assert!(inflated < 16 * 1024 * 1024, "{inflated} bytes were inflated before the refusal");
    }

    #[test]
    fn a_small_batch_may_have_any_ratio() {
        let gzip = deflate(&vec![b'x'; RATIO_FREE_BYTES]);
        assert!(inflate(&gzip, 2 * RATIO_FREE_BYTES, 200).is_ok());
        assert!(inflate(&deflate(&vec![b'x'; RATIO_FREE_BYTES + 1]), 2 * RATIO_FREE_BYTES, 200).is_err());
    }

    #[test]
    fn members_are_joined() {
        let two = [deflate(b"one "), deflate(b"two")].concat();
        assert_eq!(
            inflate(&two, 100, 200).expect("two members"),
            Inflated { bytes: b"one two".to_vec(), members: 2 }
        );
    }

    #[test]
    fn damage_is_named() {
        let whole = deflate(b"some text that is long enough to be cut");
        for cut in 0..whole.len() {
            assert!(inflate(&whole[..cut], 100, 200).is_err(), "cut at {cut}");
        }
        let mut flipped = whole.clone();
        let crc = flipped.len() - 8;
        flipped[crc] ^= 1;
        assert!(matches!(inflate(&flipped, 100, 200), Err(InflateError::Damaged { .. })));
        let trailing = [&whole[..], b"\n"].concat();
        assert!(matches!(inflate(&trailing, 100, 200), Err(InflateError::Trailing { bytes: 1 })));
    }

    proptest! {
        #[test]
        fn deflated_then_inflated(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let inflated = inflate(&deflate(&bytes), 5000, 200).expect("whole");
            prop_assert_eq!(inflated, Inflated { bytes, members: 1 });
        }

        #[test]
        fn any_bytes_are_inflated_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = inflate(&bytes, 1000, 10);
            bytes.splice(0..0, [0x1f, 0x8b, 8, 0]);
            let _ = inflate(&bytes, 1000, 10);
        }
    }
}
