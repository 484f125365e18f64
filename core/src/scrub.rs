//! What nobody should store, overwritten inside a batch's JSON strings: card numbers, tokens, addresses.
//!
//! The recorder masks first; this does not rely on it. A match is overwritten by as many characters, in as many bytes, and
//! everything else stays as it was written: nothing is serialised again. One pass over the raw bytes ([`suspects`]) finds
//! the few places that could hold something; only strings around those are decoded, so that no escape can hide a match.

mod card;
mod expression;
mod iban;
mod strings;
mod suspects;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex_automata::hybrid::BuildError;
use serde::{Deserialize, Serialize};

use crate::identify::user_value;
use card::{begins_word, card_numbers, stands_alone};
use expression::Expression;
use iban::ibans;
use strings::{Decoded, is_overwritten, json_strings, overwrite};
use suspects::{may_hold, may_hold_secret, next_suspect};

/// Most patterns of a project.
pub const PATTERNS_MAX: usize = 20;
/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 512;

/// Query parameters whose values are always overwritten, in lower case, sorted.
const QUERY_NAMES: [&str; 26] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "authorization",
    "client_secret",
    "email",
    "id_token",
    "jwt",
    "mail",
    "otp",
    "pass",
    "passwd",
    "password",
    "pwd",
    "refresh_token",
    "secret",
    "session_token",
    "sig",
    "signature",
    "ssn",
    "ticket",
    "token",
    "x-amz-signature",
];

/// What of a project's config is about scrubbing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrubConfig {
    /// The project's own patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<Pattern>,
    /// More names of query parameters, compared without regard to case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query_names: Vec<String>,
}

/// A pattern with the name that it is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// For counters.
    pub name: String,
    /// In the syntax of the crate `regex`, over ASCII classes.
    pub regex: String,
}

/// Why a project's pattern is refused. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// More than [`PATTERNS_MAX`].
    #[error("{found} patterns, limit is {PATTERNS_MAX}")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Longer than [`PATTERN_BYTES_MAX`].
    #[error("pattern {name:?} is {found} bytes, limit is {PATTERN_BYTES_MAX}")]
    TooLong {
        /// Which.
        name: String,
        /// How long.
        found: usize,
    },
    /// Not a regular expression, or one that takes too much memory.
    #[error("pattern {name:?} cannot be used")]
    Form {
        /// Which.
        name: String,
        /// What the parser says.
        source: Box<BuildError>,
    },
    /// Matches nothing at every place.
    #[error("pattern {name:?} matches the empty text")]
    Empty {
        /// Which.
        name: String,
    },
}

/// How often something of each kind was overwritten.
pub type ScrubCounts = BTreeMap<String, u64>;

/// A batch after scrubbing.
#[derive(Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// The whole batch, as long as before.
    pub text: String,
    /// What was overwritten.
    pub counts: ScrubCounts,
}

/// A project's rules, compiled: once, when its config is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "ScrubConfig", into = "ScrubConfig")]
pub struct Scrubber {
    config: ScrubConfig,
    patterns: Vec<(String, Arc<Expression>)>,
    query_names: Vec<String>,
}

impl TryFrom<ScrubConfig> for Scrubber {
    type Error = PatternError;

    fn try_from(config: ScrubConfig) -> Result<Self, PatternError> {
        if config.patterns.len() > PATTERNS_MAX {
            return Err(PatternError::TooMany { found: config.patterns.len() });
        }
        let patterns = config.patterns.iter().map(compile).collect::<Result<_, _>>()?;
        let query_names = config.query_names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Self { config, patterns, query_names })
    }
}

impl From<Scrubber> for ScrubConfig {
    fn from(scrubber: Scrubber) -> Self {
        scrubber.config
    }
}

impl PartialEq for Scrubber {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Scrubber {
    /// Whether there are only the rules that every project has.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.config == ScrubConfig::default()
    }

    /// The batch with everything overwritten that should not be stored; `None` if there is nothing of that kind, which is
    /// the usual case. `batch` is lines of valid JSON.
    #[must_use]
    pub fn scrub(&self, batch: &str) -> Option<Scrubbed> {
        let bytes = batch.as_bytes();
        let mut text: Option<Vec<u8>> = None;
        let mut counts = ScrubCounts::new();
        let mut from = 0;
        // A project's own patterns may match anywhere.
        let next = |from| {
            if self.patterns.is_empty() {
                next_suspect(bytes, from, &self.query_names)
            } else {
                Some(from).filter(|from| *from < bytes.len())
            }
        };
        while let Some(suspect) = next(from) {
            let start = memchr::memrchr(b'\n', &bytes[..suspect]).map_or(0, |newline| newline + 1);
            let end =
                memchr::memchr(b'\n', &bytes[suspect..]).map_or(bytes.len(), |length| suspect + length + 1);
            self.scrub_line(&batch[start..end], start, bytes, &mut text, &mut counts);
            from = end;
        }
        // Characters were replaced by characters, so the text is UTF-8 as before.
        let text = String::from_utf8(text?).ok()?;
        Some(Scrubbed { text, counts })
    }

    /// Overwrites what is to be overwritten in the line that begins at `start` of the batch.
    fn scrub_line(
        &self,
        line: &str,
        start: usize,
        batch: &[u8],
        text: &mut Option<Vec<u8>>,
        counts: &mut ScrubCounts,
    ) {
        // The customer's own id for the visitor stays.
        let exempt = user_value(line);
        for string in json_strings(line.as_bytes()) {
            if exempt.as_ref().is_some_and(|exempt| exempt.contains(&string.start)) {
                continue;
            }
            // With its quote, so that what is looked for by three bytes is found at its end.
            if self.patterns.is_empty()
                && !may_hold(&line.as_bytes()[string.start..=string.end], &self.query_names)
            {
                continue;
            }
            if let Some(raw) = self.scrub_string(&line.as_bytes()[string.clone()], counts) {
                let text = text.get_or_insert_with(|| batch.to_vec());
                text[start + string.start..start + string.end].copy_from_slice(&raw);
            }
        }
    }

    /// The content of a JSON string with everything overwritten that should not be stored; `None` if there is nothing. Overwriting
    /// may uncover more (what stood against a letter may now stand alone), so it is done until nothing more is found: then
    /// scrubbing again changes nothing.
    fn scrub_string(&self, raw: &[u8], counts: &mut ScrubCounts) -> Option<Vec<u8>> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let decoded = Decoded::new(after.as_deref().unwrap_or(raw));
            let found = self.find(&decoded.text, counts).into_iter();
            let ranges: Vec<_> = found.flat_map(|range| decoded.raw_characters(range)).collect();
            if ranges.is_empty() {
                return after;
            }
            let after = after.get_or_insert_with(|| raw.to_vec());
            for range in ranges {
                overwrite(&mut after[range]);
            }
        }
    }

    /// Ranges of what is to be overwritten in a text, and is not yet.
    fn find(&self, text: &[u8], counts: &mut ScrubCounts) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut add = |kind: &str, mut found: Vec<Range<usize>>| {
            found.retain(|range| !is_overwritten(&text[range.clone()]));
            if !found.is_empty() {
                *counts.entry(kind.to_owned()).or_default() += found.len() as u64;
                ranges.extend(found);
            }
        };
        add("card", card_numbers(text));
        add("iban", ibans(text));
        add("ssn", social_security_numbers(text));
        add("email", email_addresses(text));
        if may_hold_secret(text) {
            for (kind, expression) in SECRETS.iter() {
                add(kind, standing_alone(expression, text));
            }
        }
        add("query", self.query_values(text));
        for (name, expression) in &self.patterns {
            add(name, expression.find_all(text));
        }
        ranges
    }

    /// Values of query parameters with a name that is not to be stored.
    fn query_values(&self, text: &[u8]) -> Vec<Range<usize>> {
        memchr::memchr_iter(b'=', text)
            .filter(|equals| is_listed_name(&text[..*equals], &self.query_names))
            .map(|equals| equals + 1..end_of_query_value(text, equals + 1))
            .collect()
    }
}

fn compile(pattern: &Pattern) -> Result<(String, Arc<Expression>), PatternError> {
    let name = || pattern.name.clone();
    if pattern.regex.len() > PATTERN_BYTES_MAX {
        return Err(PatternError::TooLong { name: name(), found: pattern.regex.len() });
    }
    let expression =
        Expression::new(&pattern.regex).map_err(|source| PatternError::Form { name: name(), source })?;
    if expression.matches_nothing() {
        return Err(PatternError::Empty { name: name() });
    }
    Ok((name(), Arc::new(expression)))
}

fn is_query_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'[' | b']' | b'%')
}

/// Whether a text ends with the name of a query parameter whose values are not to be stored.
fn is_listed_name(text: &[u8], more_names: &[String]) -> bool {
    let before = text.iter().rposition(|b| !is_query_name(*b));
    let Some(before) = before.filter(|i| matches!(text[*i], b'?' | b'&' | b'#' | b';')) else { return false };
    let name = text[before + 1..].to_ascii_lowercase();
    QUERY_NAMES.binary_search_by(|listed| listed.as_bytes().cmp(&name)).is_ok()
        || more_names.iter().any(|listed| listed.as_bytes() == name)
}

fn end_of_query_value(text: &[u8], start: usize) -> usize {
    let ends = |b: &u8| {
        b.is_ascii_whitespace() || matches!(b, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b')' | b';')
    };
    text[start..].iter().position(ends).map_or(text.len(), |length| start + length)
}

/// Secrets by kind.
static SECRETS: LazyLock<[(&str, Expression); 4]> = LazyLock::new(|| {
    let expression = |pattern: &str| {
        Expression::new(pattern).unwrap_or_else(|error| unreachable!("a fixed pattern: {error}"))
    };
    [
        // RFC 7519: three parts in base64url, the first two of them JSON objects.
        ("jwt", expression(r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
        // RFC 6750.
        ("bearer", expression(r"[Bb]earer +[A-Za-z0-9._~+/-]{12,}=*")),
        (
            "api_key",
            expression(concat!(
                r"(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}",
                r"|glpat-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
                r"|whsec_[A-Za-z0-9+/]{24,}=*|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}",
                r"|sk-(?:ant|proj|svcacct)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{32,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
                r"|npm_[A-Za-z0-9]{36}|dop_v1_[0-9a-f]{64}|shpat_[0-9a-fA-F]{32}|hf_[A-Za-z0-9]{30,}",
            )),
        ),
        (
            "private_key",
            expression(
                r"(?s)-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\z)",
            ),
        ),
    ]
});

fn standing_alone(expression: &Expression, text: &[u8]) -> Vec<Range<usize>> {
    expression.find_all(text).into_iter().filter(|range| begins_word(text, range.start)).collect()
}

/// `ddd-dd-dddd` of a number that can have been given out: not 000, 666 or 9xx, 00, 0000.
fn social_security_numbers(text: &[u8]) -> Vec<Range<usize>> {
    const LENGTH: usize = 11;
    memchr::memchr_iter(b'-', text)
        .filter_map(|hyphen| {
            let start = hyphen.checked_sub(3)?;
            let end = start + LENGTH;
            let number = text.get(start..end)?;
            let has_form = number.iter().enumerate().all(|(i, b)| match i {
                3 | 6 => *b == b'-',
                _ => b.is_ascii_digit(),
            });
            let was_given_out = !matches!(&number[..3], b"000" | b"666" | [b'9', ..])
                && &number[4..6] != b"00"
                && &number[7..] != b"0000";
            let touches = |byte: Option<&u8>| byte.is_some_and(|b| matches!(b, b'-' | b'.'));
            let is_longer =
                touches(start.checked_sub(1).and_then(|i| text.get(i))) || text.get(end) == Some(&b'-');
            (has_form && was_given_out && !is_longer && stands_alone(text, start, end)).then_some(start..end)
        })
        .collect()
}

/// Addresses as people write them: RFC 5321 without quotes and literals, and a domain with a top level of letters.
fn email_addresses(text: &[u8]) -> Vec<Range<usize>> {
    memchr::memchr_iter(b'@', text)
        .filter_map(|at| {
            let start = text[..at].iter().rposition(|b| !is_local(*b)).map_or(0, |before| before + 1);
            let end = text[at + 1..].iter().position(|b| !is_domain(*b)).map_or(text.len(), |n| at + 1 + n);
            let local = text[start..at].iter().filter(|b| b.is_ascii_alphanumeric() || **b >= 0x80).count();
            let domain = text[at + 1..end].trim_ascii_end();
            let domain = domain.strip_suffix(b".").unwrap_or(domain);
            let top = domain.rsplit(|b| *b == b'.').next()?;
            let is_address = (1..=64).contains(&(at - start))
                && local > 0
                && domain.contains(&b'.')
                && !domain.starts_with(b".")
                && top.len() >= 2
                && top.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80)
                && !is_file_name(top);
            is_address.then_some(start..at + 1 + domain.len())
        })
        .collect()
}

fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'') || b >= 0x80
}

fn is_domain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-') || b >= 0x80
}

/// Endings of files that are no top-level domains: `logo@2x.png`, `vue@3.js`.
fn is_file_name(top: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 20] = [
        b"avif", b"bmp", b"css", b"gif", b"htm", b"html", b"ico", b"jpeg", b"jpg", b"js", b"json", b"map",
        b"mjs", b"png", b"svg", b"ts", b"ttf", b"webp", b"woff", b"woff2",
    ];
    ENDINGS.contains(&top)
}

#[cfg(test)]
mod tests;
