//! Chunks to a tape, a page load at a time.

use sha2::{Digest, Sha256};

use crate::event_line::{EventLineError, event_type, lines, parse_event_line};
use crate::ids::hex;
use crate::manifest::Manifest;
use crate::object_key::ChunkName;

use super::header::{Frame, Header, HeaderError, Part};
use super::preamble::Preamble;
use super::{FRAME_BYTES_MAX, HEADER_BYTES_MAX, HEADER_INFLATED_BYTES_MAX, TAPE_VERSION};

/// A frame ends before a checkpoint that is so long after its first event.
const CHECKPOINT_CUT_MS: i64 = 45_000;

/// A frame ends before any event that is so long after its first one.
const CUT_MS: i64 = 120_000;

/// A frame that holds so many bytes of lines ends.
const CUT_BYTES: usize = 4 * 1024 * 1024;

/// Zstandard's level: slow enough for a third less than gzip also where little changes, and done once a session.
const LEVEL: i32 = 12;

/// Why a tape was not written.
#[derive(Debug, thiserror::Error)]
pub enum TapeWriteError {
    /// The caller gave chunks out of order.
    #[error("chunk {name} comes after {before}, expected ascending names")]
    Order {
        /// The chunk that came before.
        before: ChunkName,
        /// The chunk.
        name: ChunkName,
    },
    /// A line that is no event. Such a chunk is damaged, and does not belong into a tape.
    #[error("chunk {name}: event {index} (from 0)")]
    Event {
        /// The chunk.
        name: ChunkName,
        /// Which line.
        index: u64,
        /// What is wrong with it.
        source: EventLineError,
    },
    /// The encoder failed.
    #[error("frame cannot be compressed")]
    Compress(#[from] std::io::Error),
    /// One frame of so large events that no reader would take it.
    #[error("frame of page load {page} is {bytes} bytes, limit is {FRAME_BYTES_MAX}")]
    Frame {
        /// Whose.
        page: String,
        /// How many.
        bytes: usize,
    },
    /// Not in practice: every header has a JSON form.
    #[error("header has no JSON form")]
    Json(#[from] serde_json::Error),
    /// A session of more chunks than a header can name.
    #[error("header is {bytes} bytes {form}, limit is {max}")]
    Header {
        /// How many.
        bytes: usize,
        /// As stored or inflated.
        form: &'static str,
        /// The limit.
        max: usize,
    },
    /// The manifest is not of these chunks.
    #[error("manifest is not that of the tape's chunks")]
    Manifest(#[source] HeaderError),
}

/// A tape that grows chunk by chunk. Holds what is compressed and one frame of lines: about a fifteenth of the events, and 4 MiB.
#[derive(Debug, Default)]
pub struct TapeWriter {
    last: Option<ChunkName>,
    open: Option<Open>,
    done: Vec<(Frame, Vec<u8>)>,
}

/// The frame that is being filled.
#[derive(Debug)]
struct Open {
    frame: Frame,
    lines: Vec<u8>,
}

impl TapeWriter {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk, by its name and its inflated text. Chunks come in ascending order of their names.
    ///
    /// # Errors
    /// [`TapeWriteError`]; then this writer is of no more use.
    pub fn chunk(&mut self, name: &ChunkName, text: &str) -> Result<(), TapeWriteError> {
        if let Some(before) = self.last.take_if(|last| *last >= *name) {
            return Err(TapeWriteError::Order { before, name: name.clone() });
        }
        if self.open.as_ref().is_some_and(|open| open.frame.page != name.page) {
            self.cut()?;
        }
        let mut previous_was_meta = false;
        let mut upcoming = lines(text).enumerate().peekable();
        while let Some((index, line)) = upcoming.next() {
            let index = index as u64;
            let parse = |line| {
                parse_event_line(line).map_err(|source| TapeWriteError::Event {
                    name: name.clone(),
                    index,
                    source,
                })
            };
            let event = parse(line)?;
            let is_meta = event.event_type == event_type::META;
            // A checkpoint is known by its second line, and a frame is cut before its first.
            let begins_checkpoint = is_meta
                && match upcoming.peek() {
                    Some((_, next)) => parse(next)?.event_type == event_type::FULL_SNAPSHOT,
                    None => false,
                };
            if self
                .open
                .as_ref()
                .is_some_and(|open| open.is_full(event.at_ms, begins_checkpoint, previous_was_meta))
            {
                self.cut()?;
            }
            let open = self.open.get_or_insert_with(|| Open::new(name));
            if previous_was_meta && event.event_type == event_type::FULL_SNAPSHOT {
                let meta = usize::try_from(open.frame.events).unwrap_or(usize::MAX) - 1;
                open.frame.checkpoints.push((event.at_ms, meta));
            }
            open.push(name, index, event.at_ms, line);
            previous_was_meta = is_meta;
        }
        self.last = Some(name.clone());
        Ok(())
    }

    /// Bytes of frames so far, as stored.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.done.iter().map(|(_, stored)| stored.len()).sum()
    }

    /// The file. `manifest` is that of exactly the chunks given; its `tape` is left out.
    ///
    /// # Errors
    /// [`TapeWriteError`]
    pub fn finish(mut self, writer: &str, manifest: Manifest) -> Result<Vec<u8>, TapeWriteError> {
        self.cut()?;
        self.done.sort_by(|(a, _), (b, _)| a.order().cmp(&b.order()));
        let mut offset = 0;
        for (frame, _) in &mut self.done {
            frame.offset = offset;
            offset += frame.bytes;
        }
        let (frames, stored): (Vec<Frame>, Vec<Vec<u8>>) = self.done.into_iter().unzip();
        let manifest = Manifest { tape: None, ..manifest };
        let header = Header { version: TAPE_VERSION, writer: writer.to_owned(), manifest, frames };
        header.validate().map_err(TapeWriteError::Manifest)?;
        let json = serde_json::to_vec(&header)?;
        let limit = |bytes, form, max| {
            if bytes > max { Err(TapeWriteError::Header { bytes, form, max }) } else { Ok(()) }
        };
        limit(json.len(), "inflated", HEADER_INFLATED_BYTES_MAX)?;
        let packed = compress(&json)?;
        limit(packed.len(), "as stored", HEADER_BYTES_MAX)?;

        let preamble =
            Preamble { header_bytes: packed.len(), header_sha256: Sha256::digest(&packed).into() }.encode();
        let mut tape =
            Vec::with_capacity(preamble.len() + packed.len() + usize::try_from(offset).unwrap_or_default());
        tape.extend_from_slice(&preamble);
        tape.extend_from_slice(&packed);
        for frame in stored {
            tape.extend_from_slice(&frame);
        }
        Ok(tape)
    }

    fn cut(&mut self) -> Result<(), TapeWriteError> {
        let Some(Open { mut frame, lines, .. }) = self.open.take() else { return Ok(()) };
        let stored = compress(&lines)?;
        if stored.len() > FRAME_BYTES_MAX {
            return Err(TapeWriteError::Frame { page: frame.page.to_string(), bytes: stored.len() });
        }
        frame.inflated_bytes = lines.len() as u64;
        frame.bytes = stored.len() as u64;
        frame.sha256 = hex(&Sha256::digest(&stored));
        self.done.push((frame, stored));
        Ok(())
    }
}

impl Open {
    fn new(name: &ChunkName) -> Self {
        let frame = Frame {
            page: name.page.clone(),
            offset: 0,
            bytes: 0,
            inflated_bytes: 0,
            events: 0,
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            checkpoints: Vec::new(),
            parts: Vec::new(),
            sha256: String::new(),
        };
        Self { frame, lines: Vec::new() }
    }

    /// Whether the next event belongs into another frame. Never between the two lines of a checkpoint.
    fn is_full(&self, at_ms: i64, begins_checkpoint: bool, follows_meta: bool) -> bool {
        let held_ms = at_ms.saturating_sub(self.frame.first_ms);
        let is_long = held_ms >= CUT_MS || self.lines.len() >= CUT_BYTES;
        (is_long && !follows_meta) || (begins_checkpoint && held_ms >= CHECKPOINT_CUT_MS)
    }

    fn push(&mut self, name: &ChunkName, index: u64, at_ms: i64, line: &str) {
        let frame = &mut self.frame;
        frame.first_ms = frame.first_ms.min(at_ms);
        frame.last_ms = frame.last_ms.max(at_ms);
        frame.events += 1;
        match frame.parts.last_mut() {
            Some(part) if part.seq == name.seq && part.hash == name.hash => part.to = index + 1,
            _ => {
                frame.parts.push(Part { seq: name.seq, hash: name.hash.clone(), from: index, to: index + 1 });
            }
        }
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
    }
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    zstd::bulk::compress(bytes, LEVEL)
}
