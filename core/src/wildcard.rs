//! Texts with `*` for any run of characters, as configs name pages, users and messages (`spec/config.md`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest pattern, in bytes.
pub const WILDCARD_BYTES_MAX: usize = 512;

/// Why a text is no pattern. The operator can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern is {found} bytes, expected 1 to {WILDCARD_BYTES_MAX}")]
pub struct WildcardError {
    found: usize,
}

/// A pattern that a whole text fits or does not. `*` stands for any run of characters, also of none; everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Wildcard(String);

impl Wildcard {
    /// Whether `text`, as a whole, is of this pattern. Takes time in proportion to the product of both lengths at most.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return text == self.0;
        };
        let Some(mut text) = text.strip_prefix(first) else {
            return false;
        };
        // The piece behind the last star is held to the end; each one before it to the first place that it fits, which leaves most.
        let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for piece in between.split('*') {
            let Some(at) = text.find(piece) else {
                return false;
            };
            text = &text[at + piece.len()..];
        }
        text.ends_with(last)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Wildcard {
    type Error = WildcardError;

    fn try_from(text: String) -> Result<Self, WildcardError> {
        if (1..=WILDCARD_BYTES_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(WildcardError { found: text.len() })
        }
    }
}

impl FromStr for Wildcard {
    type Err = WildcardError;

    fn from_str(text: &str) -> Result<Self, WildcardError> {
        text.to_owned().try_into()
    }
}

impl From<Wildcard> for String {
    fn from(pattern: Wildcard) -> Self {
        pattern.0
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, fits: &[&str], fits_not: &[&str]) {
        let parsed: Wildcard = pattern.parse().expect(pattern);
        for text in fits {
            assert!(parsed.matches(text), "{pattern} should fit {text:?}");
        }
        for text in fits_not {
            assert!(!parsed.matches(text), "{pattern} should not fit {text:?}");
        }
    }

    #[test]
    fn stars_stand_for_any_run() {
        check("/account", &["/account"], &["/account/", "/accoun", "", "/Account"]);
        check("/account/*", &["/account/", "/account/x/y"], &["/account", "/x/account/"]);
        check("*", &["", "anything"], &[]);
        check("**", &["", "anything"], &[]);
        check("*/pay", &["/pay", "/a/pay", "/pay/pay"], &["/pay/"]);
        check("/a*b*c", &["/abc", "/axbxc", "/abbc", "/abcc"], &["/acb", "/ab", "/abcx"]);
        check("a*a", &["aa", "aba"], &["a"]);
        check("ab*bc", &["abbc"], &["abc"]);
        check("/ü*", &["/ü", "/über"], &["/u"]);
    }

    #[test]
    fn patterns_have_a_length() {
        assert!("".parse::<Wildcard>().is_err());
        assert!("x".repeat(WILDCARD_BYTES_MAX).parse::<Wildcard>().is_ok());
        let error = "x".repeat(WILDCARD_BYTES_MAX + 1).parse::<Wildcard>().expect_err("too long");
        assert_eq!(error.to_string(), "pattern is 513 bytes, expected 1 to 512");
    }

    proptest! {
        /// The same as the regular expression that one would write for it.
        #[test]
        fn as_a_regular_expression(pattern in "[ab*]{1,8}", text in "[ab]{0,10}") {
            let regex = regex::bytes::Regex::new(&format!("^{}$", pattern.replace('*', ".*"))).expect("a regex");
            let fits = pattern.parse::<Wildcard>().expect("a pattern").matches(&text);
            prop_assert_eq!(fits, regex.is_match(text.as_bytes()));
        }

        #[test]
        fn any_texts_are_compared_without_panic(pattern in ".{1,20}", text in ".{0,40}") {
            if let Ok(pattern) = pattern.parse::<Wildcard>() {
                let _ = pattern.matches(&text);
            }
        }
    }
}
