//! Names of projects, sessions, pages and batches: `spec/ids.md`. Each type is made only by parsing.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {found:?}, expected {expected}")]
pub struct IdError {
    /// Which id was expected.
    pub what: &'static str,
    /// The start of what was found; for an upload key only its length, since keys are secrets.
    pub found: String,
    /// The form it should have.
    pub expected: &'static str,
}

impl IdError {
    fn new(what: &'static str, found: &str, expected: &'static str) -> Self {
        Self { what, found: found.chars().take(64).collect(), expected }
    }
}

/// Implements what all textual ids share, from one predicate over the bytes.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid: fn(&[u8]) -> bool = $valid;
                if valid(text.as_bytes()) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError::new($what, text, $expected))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_base62(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_alphanumeric)
}

fn is_lower_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

text_id!(
    /// A tenant: names its part of every prefix in the bucket.
    ProjectId, "project", "2 to 32 of a-z, 0-9 and -, beginning with a letter or digit",
    |b| (2..=32).contains(&b.len())
        && b[0] != b'-'
        && b.iter().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))
);

text_id!(
    /// A public key in the customer's page that says which project an upload is for.
    ProjectKey, "project key", "pk_ and 22 base62 characters",
    |b| b.len() == 25 && b.starts_with(b"pk_") && is_base62(&b[3..])
);

text_id!(
    /// One page load, drawn in memory by the recorder.
    PageId, "page", "8 base62 characters",
    |b| b.len() == 8 && is_base62(b)
);

text_id!(
    /// First 8 hex digits of SHA-256 over a batch's inflated bytes as received.
    ContentHash, "hash", "8 lower-case hex digits",
    |b| b.len() == 8 && is_lower_hex(b)
);

text_id!(
    /// A session: 4 bytes of start time in seconds and 12 bytes of the upload key's SHA-256, in hex. Not a secret.
    SessionId, "session", "32 lower-case hex digits",
    |b| b.len() == 32 && is_lower_hex(b)
);

text_id!(
    /// A request to erase or pin: when it was made, and 16 random hex digits.
    RequestId, "request", "{requested_ms:013}-{16 lower-case hex digits}",
    |b| b.len() == 30 && b[..13].iter().all(u8::is_ascii_digit) && b[13] == b'-' && is_lower_hex(&b[14..])
);

text_id!(
    /// A file of a table: the first 16 hex digits of SHA-256 over its bytes.
    IndexFileId, "index file", "16 lower-case hex digits",
    |b| b.len() == 16 && is_lower_hex(b)
);

text_id!(
    /// A set of chunks: the first 8 hex digits of SHA-256 over their sorted names, each with a newline (`spec/tape.md`).
    SetHash, "set of chunks", "8 lower-case hex digits",
    |b| b.len() == 8 && is_lower_hex(b)
);

impl RequestId {
    /// A new one. `requested_ms` is Unix milliseconds, before the year 2286.
    #[must_use]
    pub fn new(requested_ms: i64, random: [u8; 8]) -> Self {
        Self(format!("{:013}-{}", requested_ms.clamp(0, 9_999_999_999_999), hex(&random)))
    }

    /// When it was made, in Unix milliseconds.
    #[must_use]
    pub fn requested_ms(&self) -> i64 {
        self.0[..13].parse().unwrap_or_default()
    }
}

impl IndexFileId {
    /// The name of a file, from its finished SHA-256.
    #[must_use]
    pub fn of_digest(digest: &[u8]) -> Self {
        Self(hex(&digest[..8]))
    }
}

impl SetHash {
    /// The name of a set, from its finished SHA-256.
    #[must_use]
    pub fn of_digest(digest: &[u8]) -> Self {
        Self(hex(&digest[..4]))
    }
}

impl ContentHash {
    /// The name of these bytes, from their finished SHA-256.
    #[must_use]
    pub fn of_digest(digest: &[u8]) -> Self {
        Self(hex(&digest[..4]))
    }
}

impl SessionId {
    /// When the session started by the client's clock, in Unix seconds.
    #[must_use]
    pub fn start_s(&self) -> u32 {
        u32::from_str_radix(&self.0[..8], 16).unwrap_or_default()
    }

    /// When the session started by the client's clock, in Unix milliseconds.
    #[must_use]
    pub fn start_ms(&self) -> i64 {
        i64::from(self.start_s()) * 1000
    }

    /// A number in [0, 1), evenly spread over sessions, that every program computes alike: 48 bits behind the start time.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        let bits = u64::from_str_radix(&self.0[8..20], 16).unwrap_or_default();
        // 48 bits fit a double's 53 without loss.
        #[allow(clippy::cast_precision_loss)]
        let fraction = bits as f64 / (1_u64 << 48) as f64;
        fraction
    }
}

/// The number of a batch within its page load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Seq(u32);

impl Seq {
    /// The largest: a page load of 60 minutes that flushed every second has 3,600.
    pub const MAX: u32 = 99_999;

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for Seq {
    type Error = IdError;

    fn try_from(n: u64) -> Result<Self, IdError> {
        u32::try_from(n)
            .ok()
            .filter(|n| *n <= Self::MAX)
            .map(Self)
            .ok_or_else(|| IdError::new("seq", &n.to_string(), "an integer from 0 to 99999"))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// The secret that writes into one session. It is never stored and has no `Display`, so that no log can show it.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadKey([u8; 16]);

impl UploadKey {
    /// The public id of the session that this key writes into.
    #[must_use]
    pub fn session(&self) -> SessionId {
        let digest = Sha256::digest(self.0);
        SessionId(hex(&self.0[..4]) + &hex(&digest[..12]))
    }
}

impl FromStr for UploadKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            IdError::new(
                "upload key",
                &format!("{} characters", text.chars().count()),
                "22 characters of base64url for 16 bytes",
            )
        })
    }
}

impl fmt::Debug for UploadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadKey(secret)")
    }
}

/// First byte of SHA-256(project "/" session), as two hex digits: spreads sessions over 256 prefixes.
#[must_use]
pub fn shard(project: &ProjectId, session: &SessionId) -> String {
    let digest =
        Sha256::new_with_prefix(project.as_str()).chain_update("/").chain_update(session.as_str()).finalize();
    hex(&digest[..1])
}

/// Lower-case hex digits of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: FromStr<Err = IdError> + fmt::Display>(text: &str, valid: bool) {
        match text.parse::<T>() {
            Ok(id) => {
                assert!(valid, "{text:?} was accepted");
                assert_eq!(id.to_string(), text);
            }
            Err(error) => assert!(!valid, "{error}"),
        }
    }

    #[test]
    fn projects() {
        check::<ProjectId>("demo", true);
        check::<ProjectId>("0-", true);
        check::<ProjectId>(&"a".repeat(32), true);
        check::<ProjectId>(&"a".repeat(33), false);
        check::<ProjectId>("a", false);
        check::<ProjectId>("-demo", false);
        check::<ProjectId>("Demo", false);
        check::<ProjectId>("de/mo", false);
        check::<ProjectId>("", false);
    }

    #[test]
    fn pages_and_hashes() {
        check::<PageId>("a1B2c3D4", true);
        check::<PageId>("a1B2c3D", false);
        check::<PageId>("a1B2c3D-", false);
        check::<ContentHash>("00ff00ff", true);
        check::<ContentHash>("00FF00ff", false);
    }

    #[test]
    fn requests_files_and_sets() {
        check::<RequestId>("1700000000000-00112233445566ff", true);
        check::<RequestId>("170000000000-00112233445566ff0", false);
        check::<RequestId>("1700000000000-00112233445566f", false);
        check::<RequestId>("1700000000000_00112233445566ff", false);
        check::<RequestId>("1700000000000-00112233445566FF", false);
        check::<IndexFileId>("00112233445566ff", true);
        check::<IndexFileId>("00112233445566f", false);
        check::<SetHash>("0011ff00", true);
        check::<SetHash>("0011ff0g", false);
        let id = RequestId::new(1_700_000_000_000, [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xff]);
        assert_eq!(id.as_str(), "1700000000000-00112233445566ff");
        assert_eq!(id.requested_ms(), 1_700_000_000_000);
        assert_eq!(RequestId::new(7, [0; 8]).as_str(), "0000000000007-0000000000000000");
    }

    #[test]
    fn an_error_names_what_was_found_and_expected() {
        let error = "Demo".parse::<ProjectId>().map(|_| ()).expect_err("upper case");
        assert_eq!(
            error.to_string(),
            r#"project is "Demo", expected 2 to 32 of a-z, 0-9 and -, beginning with a letter or digit"#
        );
    }

    #[test]
    fn an_upload_key_never_shows() {
        let text = "ZVPxAAABAgMEBQYHCAkKCw";
        let key: UploadKey = text.parse().expect("a key");
        assert!(!format!("{key:?}").contains("ZVPx"));
        let error = format!("{text}A").parse::<UploadKey>().expect_err("23 characters");
        assert!(!error.to_string().contains("ZVPx"), "{error}");
    }

    #[test]
    fn seq_bounds() {
        assert_eq!(Seq::try_from(99_999).expect("the largest").to_string(), "99999");
        assert_eq!(Seq::try_from(7).expect("small").to_string(), "00007");
        assert!(Seq::try_from(100_000).is_err());
        assert!(Seq::try_from(u64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn every_key_has_one_spelling(bytes: [u8; 16], flip in 0..64_u8) {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(text.parse::<UploadKey>() == Ok(UploadKey(bytes)));
            // Any other last character is either another key or refused: never the same key.
            let other = format!("{}{}", &text[..21], b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[flip as usize] as char);
            if other != text {
                prop_assert!(other.parse::<UploadKey>() != Ok(UploadKey(bytes)));
            }
        }

        #[test]
        fn a_session_begins_with_its_start(bytes: [u8; 16]) {
            let session = UploadKey(bytes).session();
            prop_assert_eq!(session.start_s(), u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            prop_assert!((0.0..1.0).contains(&session.fraction()));
        }
    }
}
