//! A tape, read and checked.

use std::io::Read as _;

use sha2::{Digest, Sha256};

use crate::event_line::{EventLineError, event_type, lines, parse_event_line};
use crate::ids::hex;
use crate::object_key::ChunkName;

use super::header::{Frame, Header, HeaderError};
use super::preamble::{PREAMBLE_BYTES, Preamble, PreambleError};
use super::{FRAME_INFLATED_BYTES_MAX, HEADER_INFLATED_BYTES_MAX, TAPE_VERSION};

/// Why a file is no tape that can be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// Its first bytes are not a tape's.
    #[error(transparent)]
    Preamble(#[from] PreambleError),
    /// Cut off, or with something behind it.
    #[error("tape has {found} bytes, its header speaks of {expected}")]
    Length {
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// Other bytes than were written.
    #[error("header has another SHA-256 than the preamble says")]
    HeaderChecksum,
    /// Not Zstandard, or too large.
    #[error("header cannot be inflated to at most {HEADER_INFLATED_BYTES_MAX} bytes")]
    HeaderInflate(#[source] std::io::Error),
    /// Not JSON of the form that the spec gives.
    #[error("header is not of the form in spec/tape.md")]
    HeaderForm(#[from] serde_json::Error),
    /// A form that this code does not know.
    #[error("header has version {found}, this program reads version {TAPE_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// It contradicts itself.
    #[error("header contradicts itself")]
    Header(#[from] HeaderError),
    /// One frame cannot be read; the others may be.
    #[error("frame {index}")]
    Frame {
        /// Which.
        index: usize,
        /// What is wrong with it.
        source: FrameError,
    },
}

/// Why a frame cannot be read. It is a hole; the others play.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Other bytes than were written.
    #[error("SHA-256 is {found}, expected {expected}")]
    Checksum {
        /// Of the bytes as they are.
        found: String,
        /// As the header has it.
        expected: String,
    },
    /// Not Zstandard, or larger than it says.
    #[error("cannot be inflated to {expected} bytes")]
    Inflate {
        /// What the header says.
        expected: u64,
        /// What the decoder says.
        source: std::io::Error,
    },
    /// Not text.
    #[error("is not UTF-8")]
    Utf8(#[from] std::string::FromUtf8Error),
    /// A line that is no event.
    #[error("event {index} (from 0)")]
    Event {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: EventLineError,
    },
    /// Its events are not those that the header speaks of.
    #[error("{field} is {found} in the header and {expected} by its events")]
    Facts {
        /// Which field.
        field: &'static str,
        /// As the header has it.
        found: String,
        /// As the events have it.
        expected: String,
    },
}

/// What a whole and sound tape holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Frames.
    pub frames: usize,
    /// Chunks.
    pub chunks: usize,
    /// Events.
    pub events: u64,
    /// Bytes of all events.
    pub inflated_bytes: u64,
}

/// A tape with its header read. Its frames are read one by one.
#[derive(Debug)]
pub struct Tape<'a> {
    header: Header,
    header_bytes: usize,
    frames: &'a [u8],
}

impl<'a> Tape<'a> {
    /// Reads preamble and header of a whole file.
    ///
    /// # Errors
    /// [`TapeError`]; nothing is allocated by a size that was not checked, nothing inflated before its checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TapeError> {
        let preamble = Preamble::parse(bytes)?;
        let header_bytes = PREAMBLE_BYTES + preamble.header_bytes;
        let found = bytes.len() as u64;
        let (Some(packed), Some(frames)) =
            (bytes.get(PREAMBLE_BYTES..header_bytes), bytes.get(header_bytes..))
        else {
            return Err(TapeError::Length { found, expected: header_bytes as u64 });
        };
        if Sha256::digest(packed)[..] != preamble.header_sha256 {
            return Err(TapeError::HeaderChecksum);
        }
        let json = inflate(packed, HEADER_INFLATED_BYTES_MAX).map_err(TapeError::HeaderInflate)?;
        let header = parse_header(&json)?;
        header.validate()?;
        let expected = header_bytes as u64 + header.frames_bytes();
        if found != expected {
            return Err(TapeError::Length { found, expected });
        }
        Ok(Self { header, header_bytes, frames })
    }

    /// What is in it and where.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of preamble and header: what one range request has to get.
    #[must_use]
    pub fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    /// The lines of one frame, each with its newline, checked against all that the header says of it.
    ///
    /// # Errors
    /// [`FrameError`]
    ///
    /// # Panics
    /// Where `index` is not less than the number of frames.
    pub fn frame(&self, index: usize) -> Result<String, FrameError> {
        let frame = &self.header.frames[index];
        // The header was checked to lie within the file.
        let from = usize::try_from(frame.offset).unwrap_or(usize::MAX);
        let stored = from
            .checked_add(usize::try_from(frame.bytes).unwrap_or(usize::MAX))
            .and_then(|to| self.frames.get(from..to))
            .unwrap_or_default();
        let found = hex(&Sha256::digest(stored));
        if found != frame.sha256 {
            return Err(FrameError::Checksum { found, expected: frame.sha256.clone() });
        }
        let max = usize::try_from(frame.inflated_bytes).unwrap_or(usize::MAX).min(FRAME_INFLATED_BYTES_MAX);
        let text = inflate(stored, max)
            .map_err(|source| FrameError::Inflate { expected: frame.inflated_bytes, source })?;
        let text = String::from_utf8(text)?;
        check_events(frame, &text)?;
        Ok(text)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`TapeError::Frame`] for the first frame that is not as the header says.
    pub fn verify(&self) -> Result<Verified, TapeError> {
        self.each_chunk(|_, _| Ok::<(), TapeError>(()))?;
        Ok(Verified {
            frames: self.header.frames.len(),
            chunks: self.header.manifest.chunk_names().count(),
            events: self.header.frames.iter().map(|frame| frame.events).sum(),
            inflated_bytes: self.header.frames.iter().map(|frame| frame.inflated_bytes).sum(),
        })
    }

    /// Gives each chunk's lines to `take`, in ascending order of names, one chunk in memory at a time.
    ///
    /// # Errors
    /// Of a frame that cannot be read, or of `take`.
    pub fn each_chunk<E: From<TapeError>>(
        &self,
        mut take: impl FnMut(ChunkName, String) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut open: Option<(ChunkName, String)> = None;
        for index in self.header.by_position() {
            let frame = &self.header.frames[index];
            let text = self.frame(index).map_err(|source| TapeError::Frame { index, source })?;
            let mut lines = text.split_inclusive('\n');
            for part in &frame.parts {
                let name = frame.name_of(part);
                if let Some((name, text)) = open.take_if(|(before, _)| *before != name) {
                    take(name, text)?;
                }
                let (_, chunk) = open.get_or_insert_with(|| (name, String::new()));
                let count = usize::try_from(part.to - part.from).unwrap_or(usize::MAX);
                chunk.extend(lines.by_ref().take(count));
            }
        }
        open.map_or(Ok(()), |(name, text)| take(name, text))
    }
}

fn parse_header(json: &[u8]) -> Result<Header, TapeError> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(json)?;
    if version != TAPE_VERSION {
        return Err(TapeError::Version { found: version });
    }
    Ok(serde_json::from_slice(json)?)
}

fn check_events(frame: &Frame, text: &str) -> Result<(), FrameError> {
    fn same<T: PartialEq + std::fmt::Debug>(
        field: &'static str,
        found: &T,
        expected: &T,
    ) -> Result<(), FrameError> {
        if found == expected {
            return Ok(());
        }
        let cut = |value: &T| crate::text::bounded(&format!("{value:?}"), 200);
        Err(FrameError::Facts { field, found: cut(found), expected: cut(expected) })
    }
    let (mut first_ms, mut last_ms, mut events) = (i64::MAX, i64::MIN, 0);
    let mut checkpoints = Vec::new();
    let mut meta_before = None;
    // The line of a chunk's first event: a full snapshot there does not belong to the chunk before.
    let starts: Vec<u64> = frame
        .parts
        .iter()
        .scan(0, |sum, part| {
            let start = *sum;
            *sum += part.to - part.from;
            Some(start)
        })
        .collect();
    for (index, line) in lines(text).enumerate() {
        let event = parse_event_line(line).map_err(|source| FrameError::Event { index, source })?;
        first_ms = first_ms.min(event.at_ms);
        last_ms = last_ms.max(event.at_ms);
        if starts.binary_search(&events).is_ok() {
            meta_before = None;
        }
        if event.event_type == event_type::FULL_SNAPSHOT
            && let Some(meta) = meta_before
        {
            checkpoints.push((event.at_ms, meta));
        }
        meta_before = (event.event_type == event_type::META).then_some(index);
        events += 1;
    }
    same("inflated_bytes", &frame.inflated_bytes, &(text.len() as u64))?;
    same("events", &frame.events, &events)?;
    same("first_ms", &frame.first_ms, &first_ms)?;
    same("last_ms", &frame.last_ms, &last_ms)?;
    same("checkpoints", &frame.checkpoints, &checkpoints)
}

/// At most `max` bytes of one Zstandard frame.
fn inflate(stored: &[u8], max: usize) -> Result<Vec<u8>, std::io::Error> {
    let decoder = zstd::stream::read::Decoder::with_buffer(stored)?.single_frame();
    let mut bytes = Vec::new();
    let mut limited = decoder.take(max as u64 + 1);
    limited.read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(std::io::Error::other(format!("over {max} bytes")));
    }
    let rest = limited.into_inner().finish();
    if !rest.is_empty() {
        return Err(std::io::Error::other(format!("{} bytes follow the Zstandard frame", rest.len())));
    }
    Ok(bytes)
}
