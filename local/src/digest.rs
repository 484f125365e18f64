//! MD5 as S3 and SQS use it: to name bytes, not to protect them.

use std::fmt::Write as _;

use s3s::crypto::{Checksum as _, Md5};

/// The MD5 of `bytes` in lower-case hex.
#[must_use]
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    let mut md5 = Md5::new();
    md5.update(bytes);
    hex(md5.finalize().as_ref())
}

/// `bytes` in lower-case hex.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
