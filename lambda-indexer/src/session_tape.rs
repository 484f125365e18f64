//! A session's tapes in the bucket: made of its chunks, or of another tape of the same chunks; read back before they count.

use std::collections::BTreeSet;

use tapedeck_core::config::{Clicks, Limits};
use tapedeck_core::ids::{ProjectId, SessionId, SetHash};
use tapedeck_core::inflate::{InflateError, inflate};
use tapedeck_core::manifest::{Manifest, TapeMark, Union, set_of};
use tapedeck_core::object_key::{ArchiveClass, ChunkKey, ChunkName, KeyError, TapeKey};
use tapedeck_core::store::{NewObject, OwnedStore, Store, StoreError};
use tapedeck_core::summary::ChunkMetadata;
use tapedeck_core::tape::{TAPE_MEDIA_TYPE, Tape, TapeError, TapeWriteError, TapeWriter};

use crate::anew::{RereadError, summarise_text};
use crate::chunk::OBJECT_BYTES_MAX;

/// Largest tape, in bytes: it is held in memory, twice while it is sent.
pub const TAPE_BYTES_MAX: usize = 96 * 1024 * 1024;

const WRITER: &str = concat!("tapedeck/", env!("CARGO_PKG_VERSION"));

/// Why a session has no tape.
#[derive(Debug, thiserror::Error)]
pub enum SessionTapeError {
    /// The store failed or refused.
    #[error("tape cannot be stored")]
    Store(#[from] StoreError),
    /// A chunk that was fine when it was merged.
    #[error("a chunk cannot be read any more")]
    Chunk(#[from] RereadError),
    /// As above.
    #[error("{key} cannot be inflated any more")]
    Inflate {
        /// Which object.
        key: Box<ChunkKey>,
        /// What is wrong with it.
        source: InflateError,
    },
    /// As above.
    #[error("{key} is not UTF-8 any more")]
    Utf8 {
        /// Which object.
        key: Box<ChunkKey>,
        /// Where.
        source: std::string::FromUtf8Error,
    },
    /// A session larger than a tape may be. Its chunks live as long as others'.
    #[error("session has over {TAPE_BYTES_MAX} bytes on a tape, which is the limit")]
    TooLarge,
    /// The chunks do not go onto a tape.
    #[error("tape cannot be written")]
    Write(#[from] TapeWriteError),
    /// What lies in the bucket is not what was written.
    #[error("{key} is not what was written; delete it, and the session's end makes it anew")]
    Differs {
        /// Which object.
        key: String,
    },
    /// A tape that is not sound.
    #[error("{key} is no sound tape; delete it")]
    Tape {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: TapeError,
    },
    /// A key under `archive/` that is none of a tape.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A tape's bytes and what a manifest says of it.
#[derive(Debug)]
pub struct Recorded {
    bytes: Vec<u8>,
    chunks: u64,
    set: SetHash,
    header_bytes: u64,
}

/// A tape that grows chunk by chunk, by a project's thresholds.
#[derive(Debug)]
pub struct Maker {
    writer: TapeWriter,
    union: Union,
    clicks: Clicks,
}

impl Maker {
    /// An empty tape of a session.
    #[must_use]
    pub fn new(project: &ProjectId, session: &SessionId, clicks: Clicks) -> Self {
        let union = Union::new(project.clone(), session.clone()).with_clicks(clicks).with_every_chunk();
        Self { writer: TapeWriter::new(), union, clicks }
    }

    /// Adds a chunk: its text, its bytes as an object, and what is known of it beside. Chunks come in ascending order of their names.
    ///
    /// # Errors
    /// [`SessionTapeError`]; then this is of no more use.
    pub fn chunk(
        &mut self,
        name: &ChunkName,
        text: &str,
        bytes: u64,
        metadata: ChunkMetadata,
    ) -> Result<(), SessionTapeError> {
        self.union.insert(summarise_text(name.clone(), bytes, text, metadata, self.clicks)?);
        self.writer.chunk(name, text)?;
        if self.writer.bytes() > TAPE_BYTES_MAX {
            return Err(SessionTapeError::TooLarge);
        }
        Ok(())
    }

    /// The tape; `None` if it has no chunk.
    ///
    /// # Errors
    /// [`SessionTapeError`]
    pub fn finish(self) -> Result<Option<Recorded>, SessionTapeError> {
        let Some(manifest) = self.union.derive() else { return Ok(None) };
        let bytes = self.writer.finish(WRITER, manifest)?;
        if bytes.len() > TAPE_BYTES_MAX {
            return Err(SessionTapeError::TooLarge);
        }
        let key = || "the tape just written".to_owned();
        Recorded::of(bytes).map(Some).map_err(|source| SessionTapeError::Tape { key: key(), source })
    }
}

/// A stored chunk's text.
///
/// # Errors
/// [`SessionTapeError::Inflate`] or [`SessionTapeError::Utf8`]
pub fn text_of(key: &ChunkKey, body: &[u8]) -> Result<String, SessionTapeError> {
    let inflated = inflate(body, Limits::CEILING.inflated_bytes_max, usize::MAX)
        .map_err(|source| SessionTapeError::Inflate { key: Box::new(key.clone()), source })?;
    String::from_utf8(inflated.bytes)
        .map_err(|source| SessionTapeError::Utf8 { key: Box::new(key.clone()), source })
}

/// Makes the tape of these chunks, by a project's thresholds. `None` if one of them is gone: then the session is about to expire or being erased.
///
/// # Errors
/// [`SessionTapeError`]
pub async fn record(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    names: &BTreeSet<ChunkName>,
    clicks: Clicks,
) -> Result<Option<Recorded>, SessionTapeError> {
    let mut maker = Maker::new(project, session, clicks);
    for name in names {
        let key = ChunkKey { project: project.clone(), session: session.clone(), name: name.clone() };
        let Some(object) = store.get(&key.to_string(), OBJECT_BYTES_MAX).await? else { return Ok(None) };
        let metadata = ChunkMetadata::read(|name| object.metadata.get(name).map(String::as_str));
        maker.chunk(name, &text_of(&key, &object.body)?, object.body.len() as u64, metadata)?;
    }
    maker.finish()
}

impl Recorded {
    /// Of a file's bytes.
    ///
    /// # Errors
    /// [`TapeError`] if its header cannot be read.
    pub fn of(bytes: Vec<u8>) -> Result<Self, TapeError> {
        let tape = Tape::parse(&bytes)?;
        let names: Vec<ChunkName> = tape.header().manifest.chunk_names().collect();
        let (chunks, set) = (names.len() as u64, set_of(&names));
        let header_bytes = tape.header_bytes() as u64;
        Ok(Self { bytes, chunks, set, header_bytes })
    }

    /// Writes it, reads it back whole, and checks every event. Only then a manifest may name it.
    ///
    /// # Errors
    /// [`SessionTapeError`]
    pub async fn publish(
        &self,
        store: &impl Store,
        class: ArchiveClass,
        project: &ProjectId,
        session: &SessionId,
    ) -> Result<TapeMark, SessionTapeError> {
        let key =
            TapeKey { class, project: project.clone(), session: session.clone(), set: self.set.clone() };
        let key = key.to_string();
        let object = NewObject { body: &self.bytes, content_type: TAPE_MEDIA_TYPE, metadata: &[] };
        // One that exists is of the same chunks. Zstandard's next version may write it otherwise: what counts is what is in it.
        store.create(&key, object).await?;
        let Some(found) = store.get(&key, TAPE_BYTES_MAX).await? else {
            return Err(SessionTapeError::Differs { key });
        };
        let (bytes, header_bytes) = {
            let tape = Tape::parse(&found.body).and_then(|tape| tape.verify().map(|_| tape));
            let tape = tape.map_err(|source| SessionTapeError::Tape { key: key.clone(), source })?;
            let header = tape.header();
            let names: Vec<ChunkName> = header.manifest.chunk_names().collect();
            if set_of(&names) != self.set || header.manifest.session != *session {
                return Err(SessionTapeError::Differs { key });
            }
            (found.body.len() as u64, tape.header_bytes() as u64)
        };
        Ok(TapeMark { chunks: self.chunks, class, set: self.set.clone(), bytes, header_bytes })
    }

    /// What a manifest says of it in a class.
    #[must_use]
    pub fn mark(&self, class: ArchiveClass) -> TapeMark {
        TapeMark {
            chunks: self.chunks,
            class,
            set: self.set.clone(),
            bytes: self.bytes.len() as u64,
            header_bytes: self.header_bytes,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The session's manifest, as the tape's header has it.
    ///
    /// # Errors
    /// None in practice: it was read before.
    pub fn manifest(&self) -> Result<Manifest, TapeError> {
        Ok(Tape::parse(&self.bytes)?.header().manifest.clone())
    }
}

/// The classes that the bucket has tapes of.
///
/// # Errors
/// [`SessionTapeError`]
pub async fn classes(store: &impl Store) -> Result<Vec<ArchiveClass>, SessionTapeError> {
    let mut classes = Vec::new();
    let mut after: Option<String> = None;
    while let [first] = &store.list("archive/", after.as_deref(), 1).await?[..] {
        let key: TapeKey = first.key.parse()?;
        // Behind every key of the class: `0` is what follows `/`.
        after = Some(format!("archive/{}0", key.class));
        classes.push(key.class);
    }
    Ok(classes)
}

/// All tapes of a session.
///
/// # Errors
/// [`SessionTapeError`]
pub async fn tapes(
    store: &impl Store,
    classes: &[ArchiveClass],
    project: &ProjectId,
    session: &SessionId,
) -> Result<Vec<TapeKey>, SessionTapeError> {
    let mut keys = Vec::new();
    for class in classes {
        let prefix = TapeKey::prefix(*class, project, session);
        for listed in store.list(&prefix, None, 1_000).await? {
            keys.push(listed.key.parse()?);
        }
    }
    Ok(keys)
}

/// The tape of most chunks, of those the one kept longest, read.
///
/// # Errors
/// [`SessionTapeError`]
pub async fn best(
    store: &impl Store,
    keys: &[TapeKey],
) -> Result<Option<(TapeKey, Recorded)>, SessionTapeError> {
    let mut best: Option<(TapeKey, Recorded)> = None;
    for key in keys {
        let Some(object) = store.get(&key.to_string(), TAPE_BYTES_MAX).await? else { continue };
        let recorded = Recorded::of(object.body)
            .map_err(|source| SessionTapeError::Tape { key: key.to_string(), source })?;
        if best
            .as_ref()
            .is_none_or(|(k, b)| (b.chunks, k.class, &b.set) < (recorded.chunks, key.class, &recorded.set))
        {
            best = Some((key.clone(), recorded));
        }
    }
    Ok(best)
}

/// Deletes a session's tapes of one class but one.
///
/// # Errors
/// [`SessionTapeError`]
pub async fn delete_others(
    store: &impl OwnedStore,
    class: ArchiveClass,
    project: &ProjectId,
    session: &SessionId,
    keep: Option<&SetHash>,
) -> Result<u64, SessionTapeError> {
    let mut deleted = 0;
    for key in tapes(store, &[class], project, session).await? {
        if keep != Some(&key.set) {
            store.delete(&key.to_string()).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
