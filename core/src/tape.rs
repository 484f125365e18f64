//! The tape: one session as one portable file (`spec/tape.md`).
//!
//! [`TapeWriter`] takes a session's chunks in order and gives the file; [`Tape`] reads one, and refuses what does not hold what
//! its header says. All but the preamble is behind the feature `tape`, since the edge has no use for Zstandard.

#[cfg(feature = "tape")]
mod header;
mod preamble;
#[cfg(feature = "tape")]
mod read;
#[cfg(feature = "tape")]
mod write;

#[cfg(feature = "tape")]
pub use header::{Frame, Header, HeaderError, Part};
pub use preamble::{PREAMBLE_BYTES, Preamble, PreambleError};
#[cfg(feature = "tape")]
pub use read::{FrameError, Tape, TapeError, Verified};
#[cfg(feature = "tape")]
pub use write::{TapeWriteError, TapeWriter};

/// The form of tape that this code reads and writes.
pub const TAPE_VERSION: u32 = 1;

/// Media type of a tape.
pub const TAPE_MEDIA_TYPE: &str = "application/vnd.tapedeck.tape";

/// Largest header as stored, in bytes.
pub const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Largest header after inflating, in bytes.
pub const HEADER_INFLATED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Largest frame as stored, in bytes.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest frame after inflating, in bytes.
pub const FRAME_INFLATED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads a tape as a stranger gave it, and everything in it. For fuzzing: it must return, within its bounds, whatever comes.
#[cfg(feature = "tape")]
pub fn fuzz_tape(bytes: &[u8]) {
    if let Ok(tape) = Tape::parse(bytes) {
        for index in 0..tape.header().frames.len() {
            let _ = tape.frame(index);
        }
        let _ = tape.verify();
    }
}

#[cfg(all(test, feature = "tape"))]
mod tests;
