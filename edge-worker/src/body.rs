//! A request's body, read as far as it may be.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};
use web_sys::js_sys::Uint8Array;
use worker::{Delay, Request};

use crate::fetch::now_ms;
use crate::in_flight::{Full, Reservation};
use crate::pace::Pace;
use crate::pieces::Pieces;

/// How often the bytes of a body may be in memory at once: as they came, written anew, and on the way to the store.
const COPIES: usize = 3;

/// Most bytes of an unwanted body that are let pass by. Twice what any config allows: more is no recorder of ours.
const DISCARD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Longest time for that.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(10);

/// A whole body. Its bytes count as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    /// What came.
    pub(crate) bytes: Vec<u8>,
    reservation: Reservation<'static>,
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
    /// It came more slowly than anybody may hold room.
    #[error("the body came too slowly, {found} bytes of it")]
    Slow {
        /// How many came.
        found: usize,
    },
}

/// The body of `request`, if it is at most `bytes_max` long. A length that the request states is looked at before anything is read.
///
/// # Errors
/// [`BodyError`]
pub(crate) async fn read(request: &Request, bytes_max: usize) -> Result<Body, BodyError> {
    let stated = stated_bytes(request);
    if let Some(found) = stated.filter(|found| *found > bytes_max as u64) {
        return Err(BodyError::TooLarge { found, max: bytes_max });
    }
    let mut body = Body { bytes: Vec::new(), reservation: Reservation::new() };
    if let Some(mut pieces) = pieces(request) {
        let mut pace = Pace::new(now_ms());
        let mut timer = pin!(Delay::from(Pace::FIRST));
        while let Some(piece) = next_in_time(&mut pieces, &pace, timer.as_mut(), body.bytes.len()).await? {
            let length = piece.length() as usize;
            pace.came(length, now_ms());
            if let Err(error) = body.append(&piece.to_vec(), bytes_max) {
                drop(body);
                discard_pieces(pieces).await;
                return Err(error);
            }
        }
    }
    // The stream of a connection that broke can end like a whole one.
    if stated.is_some_and(|stated| stated != body.bytes.len() as u64) {
        return Err(BodyError::Broken { found: body.bytes.len() });
    }
    Ok(body)
}

/// Lets a body that nobody wants pass by, so that the client hears the answer: where a body stays unread, workerd closes the
/// connection that it comes on, and a client that is still sending sees only that. Bounded in bytes and time; nothing is kept.
pub(crate) async fn discard(request: &Request) {
    if stated_bytes(request).is_none_or(|stated| stated <= DISCARD_BYTES_MAX)
        && let Some(pieces) = pieces(request)
    {
        discard_pieces(pieces).await;
    }
}

/// The body of a request, unless it has none or was read before.
fn pieces(request: &Request) -> Option<Pieces> {
    let request = request.inner();
    let stream = request.body().filter(|_| !request.body_used())?;
    Pieces::of(&stream).ok()
}

/// The next piece, if it comes at its `pace`, of a body of which so many bytes were `found` before.
async fn next_in_time(
    pieces: &mut Pieces,
    pace: &Pace,
    mut timer: Pin<&mut Delay>,
    found: usize,
) -> Result<Option<Uint8Array>, BodyError> {
    let mut next = pin!(pieces.next());
    loop {
        match select(next.as_mut(), timer.as_mut()).await {
            Either::Left((piece, _)) => return piece.map_err(|_| BodyError::Broken { found }),
            // Set by what came until it was set, so look again; mostly it never rings.
            Either::Right(_) => {
                let left_ms = pace.left_ms(now_ms()).ok_or(BodyError::Slow { found })?;
                timer.set(Delay::from(Duration::from_millis(left_ms)));
            }
        }
    }
}

async fn discard_pieces(mut pieces: Pieces) {
    let all = async {
        let mut left = DISCARD_BYTES_MAX;
        while let Ok(Some(piece)) = pieces.next().await {
            left = left.saturating_sub(piece.length().into());
            if left == 0 {
                break;
            }
        }
    };
    select(pin!(all), pin!(Delay::from(DISCARD_TIME_MAX))).await;
}

impl Body {
    fn append(&mut self, piece: &[u8], bytes_max: usize) -> Result<(), BodyError> {
        let found = self.bytes.len() + piece.len();
        if found > bytes_max {
            return Err(BodyError::TooLarge { found: found as u64, max: bytes_max });
        }
        // Counted as it comes: a stranger who states a length and sends nothing holds nothing.
        self.reservation.grow(COPIES * piece.len())?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

/// How many bytes the request says that its body has.
pub(crate) fn stated_bytes(request: &Request) -> Option<u64> {
    request.headers().get("content-length").ok().flatten()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tapedeck_core::admit::{RequestFacts, admit};
    use tapedeck_core::config::ProjectConfig;
    use tapedeck_core::inflate::deflate;

    const BYTES_MAX: usize = 5_000;

    /// What comes of a body that arrives in these pieces.
    fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut body = Body { bytes: Vec::new(), reservation: Reservation::new() };
        for piece in pieces {
            match body.append(piece, BYTES_MAX) {
                Ok(()) => {}
                Err(BodyError::TooLarge { max, .. }) => return format!("over {max}"),
                Err(error) => return error.to_string(),
            }
        }
        let config = r#"{"version":1,"revision":1,"project":"demo","keys":[],"origins":["*"],"sampling":[{"from_ms":0,"all":1}]}"#;
        let project = ProjectConfig::parse(config.as_bytes()).expect("a config");
        format!("{:?}", admit(&RequestFacts::default(), &body.bytes, &project))
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_admission(
            data in "[ -~]{0,6000}", is_gzip in any::<bool>(), flipped in proptest::option::of(any::<prop::sample::Index>()),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let header = r#"{"upload":"ZVPxAAABAgMEBQYHCAkKCw","page":"a1B2c3D4","seq":3,"reason":"all","sent":1700000004321}"#;
            let event = serde_json::json!({"type": 3, "timestamp": 1_700_000_000_000_i64, "data": data}).to_string();
            let batch = if is_gzip { deflate(event.as_bytes()) } else { event.into_bytes() };
            let mut whole = [header.as_bytes(), b"\n", &batch].concat();
            if let Some(flipped) = flipped {
                let i = flipped.index(whole.len());
                whole[i] ^= 1;
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &whole[pair[0]..pair[1]]);
            let expected = outcome([&whole[..]]);
            prop_assert!(flipped.is_some() || expected.starts_with(if whole.len() > BYTES_MAX { "over" } else { "Store" }), "{}", expected);
            prop_assert_eq!(outcome(pieces), expected);
        }
    }
}
