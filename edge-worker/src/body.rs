//! A request's body, read as far as it may be.

use futures_util::StreamExt;
use worker::Request;

use crate::in_flight::{Full, Reservation};

/// How often the bytes of a body may be in memory at once: as they came, written anew, and on the way to the store.
const COPIES: usize = 3;

/// A whole body. Its bytes count as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    /// What came.
    pub(crate) bytes: Vec<u8>,
    _reservation: Reservation<'static>,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It says that it is larger than the limit, or turned out to be. Nothing behind the limit was read.
    #[error("body is at least {found} bytes, limit is {max}")]
    TooLarge {
        /// As the header says, or as many as came.
        found: u64,
        /// The limit.
        max: usize,
    },
    /// Together with others it is more than the isolate bears.
    #[error(transparent)]
    Full(#[from] Full),
    /// The connection broke before the end.
    #[error("the body broke off after {found} bytes")]
    Broken {
        /// How many came.
        found: usize,
    },
}

/// The body of `request`, if it is at most `bytes_max` long. A length that the request states is looked at before anything is read.
///
/// # Errors
/// [`BodyError`]
pub(crate) async fn read(request: &mut Request, bytes_max: usize) -> Result<Body, BodyError> {
    let stated = stated_bytes(request);
    if let Some(found) = stated.filter(|found| *found > bytes_max as u64) {
        return Err(BodyError::TooLarge { found, max: bytes_max });
    }
    let mut reservation = Reservation::new();
    let mut bytes = Vec::new();
    // A request without a body has no stream.
    if let Ok(mut stream) = request.stream() {
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| BodyError::Broken { found: bytes.len() })?;
            let found = bytes.len() + piece.len();
            if found > bytes_max {
                return Err(BodyError::TooLarge { found: found as u64, max: bytes_max });
            }
            // Counted as it comes: a stranger who states a length and sends nothing holds nothing.
            reservation.grow(COPIES * piece.len())?;
            bytes.extend(piece);
        }
    }
    // The stream of a connection that broke can end like a whole one.
    if stated.is_some_and(|stated| stated != bytes.len() as u64) {
        return Err(BodyError::Broken { found: bytes.len() });
    }
    Ok(Body { bytes, _reservation: reservation })
}

/// How many bytes the request says that its body has.
pub(crate) fn stated_bytes(request: &Request) -> Option<u64> {
    request.headers().get("content-length").ok().flatten()?.parse().ok()
}
