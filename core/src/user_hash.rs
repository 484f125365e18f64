//! Keyed hashes of user ids: names of people who may have asked to be forgotten (`spec/requests.md`).

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::ids::{IdError, hex};

const PREFIX: &str = "hmac:";

/// The project's secret that user hashes are made with. It has no `Display`, and no text of an error shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserHashKey([u8; 32]);

/// `hmac:` and 64 hex digits: HMAC-SHA256 over a user id's UTF-8 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserHash(String);

impl UserHash {
    /// The hash of a user id; of a text that is a user hash already, itself: hashing twice is hashing once.
    #[must_use]
    pub fn of(user: &str, key: &UserHashKey) -> Self {
        user.parse().unwrap_or_else(|_| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key.0)
                .unwrap_or_else(|error| unreachable!("a key of any length: {error}"));
            mac.update(user.as_bytes());
            Self(format!("{PREFIX}{}", hex(&mac.finalize().into_bytes())))
        })
    }

    /// Of the 64 hex digits alone, as keys of objects have them.
    ///
    /// # Errors
    /// [`IdError`]
    pub fn of_hex(digits: &str) -> Result<Self, IdError> {
        format!("{PREFIX}{digits}").parse()
    }

    /// The 64 hex digits alone.
    #[must_use]
    pub fn as_hex(&self) -> &str {
        &self.0[PREFIX.len()..]
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserHash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let is_hash = text.strip_prefix(PREFIX).is_some_and(|digits| {
            digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        // What was found may be a user's id, so only its length is told.
        is_hash.then(|| Self(text.to_owned())).ok_or_else(|| IdError {
            what: "user hash",
            found: format!("{} characters", text.chars().count()),
            expected: "hmac: and 64 lower-case hex digits",
        })
    }
}

impl TryFrom<String> for UserHash {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<UserHash> for String {
    fn from(hash: UserHash) -> Self {
        hash.0
    }
}

impl fmt::Display for UserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserHashKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            what: "user_hash_key",
            found: format!("{} characters", text.chars().count()),
            expected: "64 lower-case hex digits",
        };
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut key = [0; 32];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }
}

impl TryFrom<String> for UserHashKey {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<UserHashKey> for String {
    fn from(key: UserHashKey) -> Self {
        hex(&key.0)
    }
}

impl fmt::Debug for UserHashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserHashKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> UserHashKey {
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".parse().expect("a key")
    }

    /// By `python3 -c 'import hmac; print(hmac.new(bytes(range(32)), b"u_17", "sha256").hexdigest())'`.
    #[test]
    fn as_others_compute_it() {
        assert_eq!(
            UserHash::of("u_17", &key()).as_str(),
            "hmac:18c1287e76e4013155338f77970d8cf86b853c392444004522a10d4cad2a9c93"
        );
    }

    #[test]
    fn a_secret_never_shows() {
        assert_eq!(format!("{:?}", key()), "UserHashKey(secret)");
        let error = "00ff".parse::<UserHashKey>().expect_err("too short");
        assert_eq!(
            error.to_string(),
            r#"user_hash_key is "4 characters", expected 64 lower-case hex digits"#
        );
        let error = "mary@example.com".parse::<UserHash>().expect_err("an id").to_string();
        assert!(!error.contains("mary"), "{error}");
    }

    proptest! {
        #[test]
        fn hashing_twice_is_hashing_once(user in ".{0,40}") {
            let hash = UserHash::of(&user, &key());
            prop_assert_eq!(UserHash::of(hash.as_str(), &key()), hash.clone());
            prop_assert_eq!(hash.as_str().parse::<UserHash>(), Ok(hash.clone()));
            prop_assert_eq!(UserHash::of_hex(hash.as_hex()), Ok(hash));
        }

        #[test]
        fn a_key_is_written_as_it_was_read(bytes: [u8; 32]) {
            let text = hex(&bytes);
            prop_assert_eq!(String::from(text.parse::<UserHashKey>().expect("a key")), text);
        }
    }
}
