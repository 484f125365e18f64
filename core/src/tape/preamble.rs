//! A tape's first bytes: what it is, and how to read and check its header.

use crate::ids::hex;

use super::{HEADER_BYTES_MAX, TAPE_VERSION};

const MAGIC: &[u8; 8] = b"TAPEDECK";

/// Bytes before the header.
pub const PREAMBLE_BYTES: usize = 48;

/// Why a file does not begin as a tape does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreambleError {
    /// Fewer bytes than a preamble.
    #[error("file has {bytes} bytes, a tape begins with {PREAMBLE_BYTES}")]
    Short {
        /// How many.
        bytes: usize,
    },
    /// Another kind of file.
    #[error("file begins with {found}, a tape with 5441504544454b44 (TAPEDECK)")]
    Magic {
        /// Its first 8 bytes, in hex.
        found: String,
    },
    /// A form that this code does not know.
    #[error("tape has version {found}, this program reads version {TAPE_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// Too large to be read.
    #[error("header is {bytes} bytes, limit is {HEADER_BYTES_MAX}")]
    Header {
        /// How large it says to be.
        bytes: u32,
    },
}

/// What is known before the header is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preamble {
    /// Bytes of the header as stored.
    pub header_bytes: usize,
    /// SHA-256 of these.
    pub header_sha256: [u8; 32],
}

impl Preamble {
    /// Reads the first [`PREAMBLE_BYTES`] of `bytes`.
    ///
    /// # Errors
    /// [`PreambleError`]; what kind of file it is comes before its version, and that before anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, PreambleError> {
        let Some((preamble, _)) = bytes.split_first_chunk::<PREAMBLE_BYTES>() else {
            return Err(PreambleError::Short { bytes: bytes.len() });
        };
        let (magic, rest) = preamble.split_at(8);
        if magic != MAGIC {
            return Err(PreambleError::Magic { found: hex(magic) });
        }
        let (version, rest) = rest.split_at(4);
        let version = little_endian(version);
        if version != TAPE_VERSION {
            return Err(PreambleError::Version { found: version });
        }
        let (length, digest) = rest.split_at(4);
        let length = little_endian(length);
        let header_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if header_bytes > HEADER_BYTES_MAX {
            return Err(PreambleError::Header { bytes: length });
        }
        let mut header_sha256 = [0; 32];
        header_sha256.copy_from_slice(digest);
        Ok(Self { header_bytes, header_sha256 })
    }

    /// The preamble's bytes. `header_bytes` is at most [`HEADER_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.header_bytes).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(PREAMBLE_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&TAPE_VERSION.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.header_sha256);
        bytes
    }
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
