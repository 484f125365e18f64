//! Which errors are alike: a normalised message, and a versioned hash of what stays the same from release to release.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::stack::Frame;
use crate::text::bounded;

/// Most in-app frames that count.
const FRAMES_MAX: usize = 5;

/// Longest normalised message, in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// Why an error does not count, by itself: what a project's config and the browser add is decided where rows are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// A browser extension's script.
    Extension,
    /// Nothing that the page's own scripts did: injected by an app's browser, or a script of another origin of which the browser says
    /// nothing.
    Foreign,
    /// Known to be harmless.
    Known,
    /// Nobody was there.
    Bot,
}

impl Noise {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::Foreign => "foreign",
            Self::Known => "known",
            Self::Bot => "bot",
        }
    }
}

/// `v1:` and 16 hex digits of SHA-256 over type, title, and the names of the top in-app frames with their functions: no positions and
/// no hashes of builds, which change with each release.
#[must_use]
pub fn fingerprint(error_type: &str, title: &str, frames: &[Frame<'_>]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.as_bytes());
        hash.update([0]);
    };
    add(error_type);
    add(title);
    for frame in frames.iter().filter(|frame| frame.is_in_app()).take(FRAMES_MAX) {
        add(&frame.file_without_hash());
        // Minifiers name functions anew in each build.
        add(frame.function.filter(|name| name.len() > 2).unwrap_or_default());
    }
    let digest = hash.finalize();
    let first = digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("v1:{first:016x}")
}

/// A message without what differs between alike errors: URLs become `<url>`, texts in quotes `<text>`, hex and UUIDs `<id>`, numbers `<n>`.
#[must_use]
pub fn title_of(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = bounded(line, 1_000);
    let mut title = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        if rest.starts_with("http://") || rest.starts_with("https://") || rest.starts_with("blob:") {
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | '>' | '`'))
                .unwrap_or(rest.len());
            title.push_str("<url>");
            rest = &rest[end..];
        } else if matches!(first, '"' | '\'' | '`')
            && !title.ends_with(char::is_alphanumeric)
            && let Some(end) = after.find(first)
        {
            // Names of properties are what an error is about; sentences and values are not.
            let text = &after[..end];
            let is_name = !text.is_empty()
                && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
                && !text.chars().any(|c| c.is_ascii_digit());
            title.push(first);
            title.push_str(if is_name { text } else { "<text>" });
            title.push(first);
            rest = &after[end + first.len_utf8()..];
        } else if first.is_ascii_alphanumeric() {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            title.push_str(normal_word(word));
            rest = behind;
        } else {
            title.push(first);
            rest = after;
        }
    }
    bounded(title.trim(), TITLE_CHARS_MAX)
}

fn normal_word(word: &str) -> &str {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if digits == 0 {
        return word;
    }
    if word.bytes().all(|b| b.is_ascii_digit() || b == b'-') && word.len() < 16 {
        "<n>"
    } else if (is_hex && word.len() >= 8) || word.len() >= 16 {
        "<id>"
    } else if word.as_bytes()[0].is_ascii_digit() {
        // `12px`, `3rd`.
        "<n>"
    } else {
        word
    }
}

/// Messages of which everybody who watches pages knows that nobody is to blame: that a `ResizeObserver` defers a notification is how the
/// specification has it (<https://www.w3.org/TR/resize-observer/#deliver-resize-error>), and a script of another origin without CORS
/// is told of as `Script error.` (<https://html.spec.whatwg.org/multipage/webappapis.html#muted-errors>).
const HARMLESS: [&str; 3] = [
    "ResizeObserver loop limit exceeded",
    "ResizeObserver loop completed with undelivered notifications",
    "Non-Error promise rejection captured with value: Object Not Found Matching Id",
];

/// Names of objects that apps' own browsers inject into every page and then miss.
const INJECTED: [&str; 6] = [
    "__gCrWeb",
    "instantSearchSDKJSBridgeClearHighlight",
    "_AutofillCallbackHandler",
    "webkit.messageHandlers",
    "ceCurrentVideo",
    "zaloJSV2",
];

/// Why an error does not count, by its message and frames alone.
#[must_use]
pub fn noise_of(message: &str, frames: &[Frame<'_>]) -> Option<Noise> {
    if frames.iter().find(|frame| frame.file != "<anonymous>").is_some_and(Frame::is_extension) {
        return Some(Noise::Extension);
    }
    let is_muted =
        frames.is_empty() && matches!(message.trim_end_matches('.'), "Script error" | "Script error for");
    if is_muted || INJECTED.iter().any(|name| message.contains(name)) {
        return Some(Noise::Foreign);
    }
    HARMLESS.iter().any(|text| message.contains(text)).then_some(Noise::Known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::parse_stack;
    use proptest::prelude::*;

    fn check(message: &str, title: &str) {
        assert_eq!(title_of(message), title, "{message}");
    }

    #[test]
    fn what_differs_is_taken_out() {
        check("order 17 of 2026 failed", "order <n> of <n> failed");
        check("GET https://shop.example/api/17?x=1 failed (500)", "GET <url> failed (<n>)");
        check("no user 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "no user <id>");
        check("chunk deadbeef01 is missing", "chunk <id> is missing");
        check(
            "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
            "Unexpected token '<text>', \"<text>\"... is not valid JSON",
        );
        check("first line\nsecond", "first line");
        check("", "");
    }

    #[test]
    fn what_is_said_stays() {
        check(
            "Cannot read properties of undefined (reading 'total')",
            "Cannot read properties of undefined (reading 'total')",
        );
        check("can't find variable: foo", "can't find variable: foo");
        check("h264 is not supported", "h264 is not supported");
    }

    #[test]
    fn releases_fall_together() {
        let of =
            |stack: &str, message: &str| fingerprint("TypeError", &title_of(message), &parse_stack(stack));
        let old = of(
            "at total (https://a.example/app.4f3c2a1b.js:10:20)\nat e (https://a.example/app.4f3c2a1b.js:1:2)",
            "order 1",
        );
        let new = of(
            "at total (https://a.example/app.00aa11bb.js:99:1)\nat q (https://a.example/app.00aa11bb.js:5:6)",
            "order 2",
        );
        assert_eq!(old, new);
        assert_ne!(old, of("at other (https://a.example/app.4f3c2a1b.js:10:20)", "order 1"));
        assert_eq!((old.len(), &old[..3]), (19, "v1:"));
    }

    #[test]
    fn noise_has_a_reason() {
        let check = |message: &str, stack: &str, expected| {
            assert_eq!(noise_of(message, &parse_stack(stack)), expected, "{message}");
        };
        check("x is undefined", "at f (https://a.example/x.js:1:2)", None);
        check(
            "x is undefined",
            "at f (chrome-extension://abc/x.js:1:2)\nat g (https://a.example/x.js:1:2)",
            Some(Noise::Extension),
        );
        // Called by an extension, but thrown by the page.
        check(
            "x is undefined",
            "at f (https://a.example/x.js:1:2)\nat g (chrome-extension://abc/x.js:1:2)",
            None,
        );
        check("Script error.", "", Some(Noise::Foreign));
        check("Script error.", "at f (https://a.example/x.js:1:2)", None);
        check("undefined is not an object (evaluating 'window.__gCrWeb.form')", "", Some(Noise::Foreign));
        check("ResizeObserver loop limit exceeded", "", Some(Noise::Known));
    }

    proptest! {
        #[test]
        fn any_message_has_a_short_title(message in ".{0,300}|([\"'`a-f0-9 -]|http://){0,100}") {
            prop_assert!(title_of(&message).chars().count() <= TITLE_CHARS_MAX);
        }
    }
}
