//! MD5 as S3 and SQS use it: to name bytes, not to protect them.

use s3s::crypto::{Checksum as _, Md5};
use tapedeck_core::ids::hex;

/// The MD5 of `bytes` in lower-case hex.
#[must_use]
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    let mut md5 = Md5::new();
    md5.update(bytes);
    hex(md5.finalize().as_ref())
}
