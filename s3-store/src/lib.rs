//! A bucket behind an S3 API: [`tapedeck_core::store::Store`] over HTTP, without knowing what sends the requests.
//!
//! Requests are presigned URLs (AWS Signature Version 4 in the query); bodies are covered by a checksum that the store
//! verifies. What AWS answers is the reference: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
//!
//! [`S3Store`] asks, [`Http`] sends, `answer` understands what comes back, and [`Retries`] says when to ask again. The edge brings
//! its platform's client; with the feature `native` there is one for this machine.

mod answer;
mod http;
mod location;
#[cfg(feature = "native")]
mod native;
mod retries;
mod store;

pub use answer::{Page, PageError, parse_page};
pub use http::{Http, HttpAnswer, HttpError, HttpRequest};
pub use location::{Addressing, LocationError};
#[cfg(feature = "native")]
pub use native::NativeHttp;
pub use retries::Retries;
pub use store::S3Store;
