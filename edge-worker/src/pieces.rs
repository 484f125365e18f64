//! A body as it comes, piece by piece.
//!
//! The `worker` crate's streams read pieces of 4 KiB and let go of their lock at the end, for which the runtime makes an error with a stack trace:
//! together a fifth of a batch's CPU time. Here whoever reads brings the room, and the reader goes with the request.

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::Uint8Array;
use web_sys::{ReadableStream, ReadableStreamByobReader, ReadableStreamReadResult};

/// Most bytes of a piece.
const PIECE_BYTES_MAX: u32 = 16 * 1024;

/// What is left of a body. Bodies of requests and answers are byte streams:
/// <https://developers.cloudflare.com/workers/runtime-apis/streams/readablestreambyobreader/>.
#[derive(Debug)]
pub(crate) struct Pieces {
    reader: ReadableStreamByobReader,
    /// Where the next piece comes to; gone while the platform has it.
    room: Option<Uint8Array>,
}

impl Pieces {
    /// Of this stream, which nobody else may read from then on.
    ///
    /// # Errors
    /// Somebody reads it already.
    pub(crate) fn of(stream: &ReadableStream) -> Result<Self, JsValue> {
        Ok(Self { reader: ReadableStreamByobReader::new(stream)?, room: None })
    }

    /// The next piece, which is overwritten by the one behind it; `None` at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn next(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        let room = self.room.take().unwrap_or_else(|| Uint8Array::new_with_length(PIECE_BYTES_MAX));
        let read = JsFuture::from(self.reader.read_with_array_buffer_view(&room)).await?;
        let read: ReadableStreamReadResult = read.unchecked_into();
        if read.get_done().unwrap_or(false) {
            return Ok(None);
        }
        let piece: Uint8Array = read.get_value().unchecked_into();
        // The room of before is detached; what it was lies behind the piece.
        self.room = Some(Uint8Array::new(&piece.buffer()));
        Ok(Some(piece))
    }
}
