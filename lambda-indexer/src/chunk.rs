//! One chunk, read once: from the store's object to its summary.

use std::io::Read;

use flate2::bufread::GzDecoder;
use tapedeck_core::config::{Clicks, Limits};
use tapedeck_core::object_key::{ChunkKey, ChunkName};
use tapedeck_core::store::{Store, StoreError};
use tapedeck_core::summary::{ChunkMetadata, ChunkSummary, Summariser, SummaryError};

/// Largest object that is read. Above what a client may send: a batch of several gzip members is written anew as one, which
/// may take more bytes than a better compressor needed.
pub const OBJECT_BYTES_MAX: usize = 2 * Limits::CEILING.compressed_bytes_max;

/// Inflated at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why a chunk has no summary.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The store did not hand it out. Trying again may help.
    #[error("chunk cannot be read")]
    Store(#[from] StoreError),
    /// It is not what the edge stores. Nobody can mend it; reading it again gives the same.
    #[error(
        "{key} is damaged: the session is played without it; delete the object, or put the original back and send its event again"
    )]
    Damaged {
        /// Which object.
        key: ChunkKey,
        /// What is wrong with it.
        source: Damage,
    },
}

/// What is wrong with a chunk's bytes.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A larger object than the edge stores.
    #[error("over {max} bytes as stored, which is the limit")]
    Object {
        /// The limit.
        max: usize,
    },
    /// Not gzip, cut off, or with a wrong checksum.
    #[error("gzip cannot be inflated after {inflated} bytes")]
    Gzip {
        /// How many bytes it gave before.
        inflated: usize,
        /// What the decoder says.
        source: std::io::Error,
    },
    /// A browser would stop at the first member.
    #[error("{bytes} bytes follow the gzip member, expected none")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// More than any configuration admits.
    #[error("over {max} bytes after inflating, which is the limit")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// Not text.
    #[error("line {line} (from 0) is not UTF-8")]
    Utf8 {
        /// Which line.
        line: usize,
        /// Where it stops to be text.
        source: std::str::Utf8Error,
    },
    /// Not a batch of events.
    #[error("not a batch of events")]
    Summary(#[from] SummaryError),
}

/// The summary of a stored chunk by a project's thresholds; `None` if it is gone, which lifecycle rules and erasure may do at any time.
///
/// # Errors
/// [`ChunkError`], which tells a store that may answer later from a chunk that stays damaged.
pub async fn read_chunk(
    store: &impl Store,
    key: &ChunkKey,
    clicks: Clicks,
) -> Result<Option<ChunkSummary>, ChunkError> {
    let damaged = |source| ChunkError::Damaged { key: key.clone(), source };
    let object = match store.get(&key.to_string(), OBJECT_BYTES_MAX).await {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(None),
        Err(StoreError::TooLarge { max, .. }) => return Err(damaged(Damage::Object { max })),
        Err(error) => return Err(error.into()),
    };
    let metadata = ChunkMetadata::read(|name| object.metadata.get(name).map(String::as_str));
    summarise(key.name.clone(), &object.body, metadata, clicks).map(Some).map_err(damaged)
}

/// The summary of a chunk's bytes. Beside them, memory for [`BUFFER_BYTES`], the longest line that is looked into
/// ([`LINE_BYTES_MAX`](tapedeck_core::summary::LINE_BYTES_MAX)), and the summary itself.
///
/// # Errors
/// [`Damage`].
pub fn summarise(
    name: ChunkName,
    gzip: &[u8],
    metadata: ChunkMetadata,
    clicks: Clicks,
) -> Result<ChunkSummary, Damage> {
    let bytes = gzip.len() as u64;
    let summariser = |name, metadata| Summariser::new(name, bytes, metadata).with_clicks(clicks);
    match feed(gzip, summariser(name.clone(), metadata.clone())) {
        // No recorder of ours writes such a line. It may take as much memory as it has bytes.
        Err(Damage::Summary(SummaryError::Long { .. })) => feed(gzip, summariser(name, metadata).thorough()),
        result => result,
    }
}

fn feed(gzip: &[u8], mut summariser: Summariser) -> Result<ChunkSummary, Damage> {
    let max = Limits::CEILING.inflated_bytes_max;
    let mut decoder = GzDecoder::new(gzip);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut inflated = 0;
    loop {
        let bytes = decoder.read(&mut buffer).map_err(|source| Damage::Gzip { inflated, source })?;
        if bytes == 0 {
            break;
        }
        inflated += bytes;
        if inflated > max {
            return Err(Damage::TooLarge { max });
        }
        summariser.bytes(&buffer[..bytes]).map_err(damage)?;
    }
    let rest = decoder.into_inner();
    if !rest.is_empty() {
        return Err(Damage::Trailing { bytes: rest.len() });
    }
    summariser.finish().map_err(damage)
}

fn damage(error: SummaryError) -> Damage {
    match error {
        SummaryError::Utf8 { index, source } => Damage::Utf8 { line: index, source },
        error => Damage::Summary(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_core::inflate::deflate;

    fn check(gzip: &[u8]) -> Result<ChunkSummary, String> {
        let name = "a1B2c3D4-00000-1a2b3c4d".parse().expect("a chunk name");
        summarise(name, gzip, ChunkMetadata::default(), Clicks::default())
            .map_err(|damage| damage.to_string())
    }

    fn gz(text: &[u8]) -> Vec<u8> {
        deflate(text)
    }

    const EVENT: &str = r#"{"type":3,"timestamp":17,"data":{}}"#;

    #[test]
    fn lines_are_events() {
        for text in [format!("{EVENT}\n{EVENT}"), format!("{EVENT}\n{EVENT}\n")] {
            let gzip = gz(text.as_bytes());
            let facts = check(&gzip).expect("a summary").facts;
            assert_eq!((facts.events, facts.bytes), (2, gzip.len() as u64));
        }
    }

    #[test]
    fn damage_is_named() {
        let whole = gz(EVENT.as_bytes());
        let error = |gzip: &[u8]| check(gzip).expect_err("damaged");
        assert_eq!(error(&whole[..whole.len() - 1]), "gzip cannot be inflated after 35 bytes");
        assert_eq!(error(b""), "gzip cannot be inflated after 0 bytes");
        assert_eq!(error(b"no gzip at all"), "gzip cannot be inflated after 0 bytes");
        assert_eq!(
            error(&[&whole[..], &whole[..]].concat()),
            format!("{} bytes follow the gzip member, expected none", whole.len())
        );
        assert_eq!(error(&gz(b"")), "not a batch of events");
        assert_eq!(error(&gz(b"{}")), "not a batch of events");
        assert_eq!(error(&gz(format!("{EVENT}\n\n{EVENT}").as_bytes())), "not a batch of events");
        assert_eq!(error(&gz(b"\xff\n")), "line 0 (from 0) is not UTF-8");
    }

    #[test]
    fn a_bomb_is_refused() {
        let max = Limits::CEILING.inflated_bytes_max;
        let padded = |bytes: usize| gz(format!("{EVENT}{}", " ".repeat(bytes - EVENT.len())).as_bytes());
        assert!(check(&padded(max)).is_ok());
        assert_eq!(
            check(&padded(max + 1)).expect_err("too large"),
            format!("over {max} bytes after inflating, which is the limit")
        );
    }
}
