//! Stack traces as Chromium, Firefox and Safari write them.
//!
//! Of our own making: no crate reads browsers' traces (those on crates.io read Rust's, Java's and Python's, or map positions by
//! source maps once a trace is read), and the well-known readers are JavaScript. It is bounded in frames and characters, never fails,
//! and what it does not understand is no frame.

use crate::text::bounded;

/// Most frames that are read.
pub const FRAMES_MAX: usize = 50;

/// Longest line that is looked at, in bytes.
const LINE_BYTES_MAX: usize = 2_000;

/// One frame, the innermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The function's name; `None` for the top level and for functions without one.
    pub function: Option<&'a str>,
    /// Address of the script.
    pub file: &'a str,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
}

impl Frame<'_> {
    /// Whether the script is the page's: not the browser's own, not an extension's.
    #[must_use]
    pub fn is_in_app(&self) -> bool {
        (self.file.starts_with("http://") || self.file.starts_with("https://") || self.file.starts_with('/'))
            && !self.is_extension()
    }

    /// Whether the script is a browser extension's.
    #[must_use]
    pub fn is_extension(&self) -> bool {
        const SCHEMES: [&str; 5] = [
            "chrome-extension://",
            "moz-extension://",
            "safari-extension://",
            "safari-web-extension://",
            "webkit-masked-url://",
        ];
        SCHEMES.iter().any(|scheme| self.file.starts_with(scheme))
    }

    /// The script's path, of which a build's hash is taken out: `https://a.example/js/app.4f3c2a1b.js?v=2` is `/js/app.js`.
    #[must_use]
    pub fn file_without_hash(&self) -> String {
        let path = self.file.split(['?', '#']).next().unwrap_or_default();
        let path =
            path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
        let kept: Vec<&str> = name
            .split_inclusive(['.', '-', '_'])
            .enumerate()
            .filter(|(i, part)| *i == 0 || !looks_like_hash(part.trim_end_matches(['.', '-', '_'])))
            .map(|(_, part)| part)
            .collect();
        let name = kept.concat();
        // `app-4f3c2a1b.js` leaves `app-js`.
        let name = match (name.rsplit_once(['-', '_']), path.rsplit_once('.')) {
            (Some((stem, end)), Some((_, extension))) if end == extension => format!("{stem}.{extension}"),
            _ => name,
        };
        bounded(&format!("{folder}/{name}"), 200)
    }
}

/// Whether a part of a file's name is a build's hash: 6 and more characters with a digit among letters, or 8 and more hex.
fn looks_like_hash(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let is_word = part.bytes().all(|b| b.is_ascii_alphanumeric());
    is_word && part.len() >= 6 && digits > 0 && (part.len() >= 8 || digits > 1)
}

/// The frames of `stack`, innermost first, at most [`FRAMES_MAX`].
#[must_use]
pub fn parse_stack(stack: &str) -> Vec<Frame<'_>> {
    stack.lines().take(4 * FRAMES_MAX).filter_map(parse_frame).take(FRAMES_MAX).collect()
}

fn parse_frame(line: &str) -> Option<Frame<'_>> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let line = line.trim();
    // Chromium: `at name (file:1:2)`, `at file:1:2`, `at async name (file:1:2)`, `at name (eval at f (file:1:2), <anonymous>:1:1)`.
    if let Some(rest) = line.strip_prefix("at ") {
        let rest = rest.strip_prefix("async ").unwrap_or(rest);
        let Some((function, place)) = rest.strip_suffix(')').and_then(|rest| rest.split_once(" (")) else {
            return frame("", rest);
        };
        // Of code made by `eval`, the place that called it.
        let place = place
            .rsplit_once(" (")
            .map_or(place, |(_, inner)| inner.split_once(')').map_or(inner, |(inner, _)| inner));
        return frame(function.strip_prefix("new ").unwrap_or(function), place);
    }
    // Firefox and Safari: `name@file:1:2`, `@file:1:2`, `file:1:2`, `name@file line 3 > eval:1:1`.
    let (function, place) = line.split_once('@').unwrap_or(("", line));
    let place =
        place.split_once(" line ").filter(|(_, rest)| rest.contains(" > ")).map_or(place, |(file, _)| file);
    // A message may hold an `@`, and has no position.
    let found = frame(function, place)?;
    (found.line.is_some() && !function.contains(' ')).then_some(found)
}

fn frame<'a>(function: &'a str, place: &'a str) -> Option<Frame<'a>> {
    let number = |text: &str| text.parse::<u32>().ok();
    let (file, line, column) = match place.rsplit_once(':') {
        Some((rest, last)) if number(last).is_some() => match rest.rsplit_once(':') {
            Some((file, line)) if number(line).is_some() => (file, number(line), number(last)),
            _ => (rest, number(last), None),
        },
        _ => (place, None, None),
    };
    let function = Some(function.trim()).filter(|name| {
        !matches!(*name, "" | "<anonymous>" | "anonymous" | "?" | "global code" | "module code" | "eval code")
    });
    // `at random` in a message is no place.
    let is_place = line.is_some() || file.contains("://") || file.starts_with('<');
    (is_place && !file.is_empty() && !file.contains(' ')).then_some(Frame { function, file, line, column })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Found<'a> = (Option<&'a str>, &'a str, Option<u32>, Option<u32>);

    fn check(stack: &str, expected: &[Found<'_>]) {
        let found: Vec<_> =
            parse_stack(stack).into_iter().map(|f| (f.function, f.file, f.line, f.column)).collect();
        assert_eq!(found, expected, "{stack}");
    }

    #[test]
    fn chromium() {
        check(
            "TypeError: Cannot read properties of undefined (reading 'x')\n    at Cart.total (https://shop.example/js/app.4f3c2a1b.js:10:20)\n    at async https://shop.example/js/vendor.js:1:2\n    at new Basket (https://shop.example/a.js:3:4)\n    at Array.map (<anonymous>)\n    at eval (eval at run (https://shop.example/e.js:5:6), <anonymous>:1:1)",
            &[
                (Some("Cart.total"), "https://shop.example/js/app.4f3c2a1b.js", Some(10), Some(20)),
                (None, "https://shop.example/js/vendor.js", Some(1), Some(2)),
                (Some("Basket"), "https://shop.example/a.js", Some(3), Some(4)),
                (Some("Array.map"), "<anonymous>", None, None),
                (Some("eval"), "https://shop.example/e.js", Some(5), Some(6)),
            ],
        );
    }

    #[test]
    fn firefox_and_safari() {
        check(
            "total@https://shop.example/js/app.js:10:20\n@https://shop.example/js/vendor.js:1:2\nrun/<@https://shop.example/a.js:3:4\nf@https://shop.example/e.js line 5 > eval:1:1\n",
            &[
                (Some("total"), "https://shop.example/js/app.js", Some(10), Some(20)),
                (None, "https://shop.example/js/vendor.js", Some(1), Some(2)),
                (Some("run/<"), "https://shop.example/a.js", Some(3), Some(4)),
            ],
        );
        check(
            "total@https://shop.example/js/app.js:10:20\nglobal code@https://shop.example/js/app.js:99:1\nmap@[native code]",
            &[(Some("total"), "https://shop.example/js/app.js", Some(10), Some(20))],
        );
    }

    #[test]
    fn what_is_no_frame() {
        check("", &[]);
        check("Error: write to a@b.example at 10:20", &[]);
        check("no stack\n  at\n  at ()", &[]);
    }

    #[test]
    fn builds_fall_together() {
        let check = |file: &str, expected: &str| {
            assert_eq!(
                Frame { function: None, file, line: None, column: None }.file_without_hash(),
                expected
            );
        };
        check("https://a.example/js/app.4f3c2a1b.js?v=2", "/js/app.js");
        check("https://a.example/assets/index-B7kq9XyZ.js", "/assets/index.js");
        check("https://a.example/js/jquery-3.7.1.min.js", "/js/jquery-3.7.1.min.js");
        check("https://a.example/checkout.js", "/checkout.js");
        check("https://a.example", "/");
        check("/local.js", "/local.js");
    }

    #[test]
    fn whose_script_it_is() {
        let frame = |file| Frame { function: None, file, line: None, column: None };
        assert!(frame("https://a.example/x.js").is_in_app());
        assert!(frame("moz-extension://17/x.js").is_extension());
        for file in
            ["<anonymous>", "chrome-extension://x/y.js", "webkit-masked-url://hidden/", "resource://gre/x.js"]
        {
            assert!(!frame(file).is_in_app(), "{file}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(stack in "(at |@|:|[(]|[)]|http://|[a-z]|[0-9]|\n| |ä|eval | line | > ){0,80}") {
            for frame in parse_stack(&stack) {
                prop_assert!(stack.contains(frame.file));
                let _ = frame.file_without_hash();
            }
        }

        #[test]
        fn frames_are_bounded(n in 0..500_usize) {
            prop_assert!(parse_stack(&"at f (https://a.example/x.js:1:2)\n".repeat(n)).len() <= FRAMES_MAX);
        }
    }
}
