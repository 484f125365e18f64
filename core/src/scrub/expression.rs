//! A regular expression over bytes, in time linear to the text: lazily built automata and nothing else. The crate `regex` would choose among
//! six engines for each expression, and they would be a quarter of the Worker.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::hybrid::BuildError;
use regex_automata::hybrid::dfa;
use regex_automata::hybrid::regex::{Cache, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

/// Largest compiled expression, in bytes.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Most memory for automata that are built while searching, in bytes; when it is full they are built anew.
const CACHE_BYTES_MAX: usize = 1024 * 1024;

/// A compiled expression: the syntax of the crate `regex`, with classes of ASCII.
pub(super) struct Expression {
    regex: Regex,
    cache: Mutex<Cache>,
}

impl Expression {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// When it is none, or becomes larger than [`COMPILED_BYTES_MAX`].
    pub(super) fn new(pattern: &str) -> Result<Self, Box<BuildError>> {
        let regex = Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(COMPILED_BYTES_MAX)))
            .dfa(dfa::Config::new().cache_capacity(CACHE_BYTES_MAX).skip_cache_capacity_check(true))
            .build(pattern)
            .map_err(Box::new)?;
        let cache = Mutex::new(regex.create_cache());
        Ok(Self { regex, cache })
    }

    /// Whether it matches the empty text.
    pub(super) fn matches_nothing(&self) -> bool {
        !self.find_all(b"").is_empty()
    }

    /// All matches that do not overlap, from the left; of those at one place, the one that the pattern prefers.
    pub(super) fn find_all(&self, text: &[u8]) -> Vec<Range<usize>> {
        // A search that panicked leaves a cache that is only a cache.
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        self.regex.find_iter(&mut cache, text).map(|found| found.range()).collect()
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn matches_are_those_of_the_crate_regex(
            pattern in r"(\(a\|ab\)|\[b-d\]|\\d|\\b|a|b|\.)(\*|\+|\?|\*\?|\{2,3\})?(c|\$|\\w\+|\(\?i:X\))?",
            text in "[abcdx1 é]{0,12}",
        ) {
            let expected = regex::bytes::RegexBuilder::new(&pattern).unicode(false).build().expect("a pattern");
            let expected: Vec<_> = expected.find_iter(text.as_bytes()).map(|found| found.range()).collect();
            prop_assert_eq!(Expression::new(&pattern).expect("a pattern").find_all(text.as_bytes()), expected);
        }
    }

    #[test]
    fn what_would_grow_too_large_is_refused() {
        assert!(Expression::new("(x").is_err());
        assert!(Expression::new("x{1000}{1000}{1000}").is_err());
        assert!(Expression::new("[a-z]{200}").is_ok());
    }

    #[test]
    fn time_is_linear() {
        // A backtracking engine would need more steps than there are atoms.
        let text = vec![b'a'; 200_000];
        assert!(Expression::new("(a*)*b").expect("a pattern").find_all(&text).is_empty());
    }
}
