//! Whether a user agent says that it is no person's browser: crawlers, previews, monitors, test drivers.
//!
//! Only what names itself is known. Who hides is not found here, and costs no more than a visitor.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Parts of what most bots call themselves, in lower case. `generate.mjs` reads this list.
const STEMS: [&str; 16] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "headless",
    "http:",
    "https:",
    "scrap",
    "fetch",
    "scanner",
    "preview",
    "python",
    "java/",
    "curl",
    "wget",
    "lighthouse",
];

/// What has such a part in its name all the same: a maker of phones.
const NO_BOTS: [&str; 1] = ["cubot"];

/// Names without such a part, by `generate.mjs` from a list that others keep.
const NAMES: &str = include_str!("bots/names.txt");

/// Longest user agent that is looked at, in bytes.
const BYTES_MAX: usize = 1_024;

static STEM_FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    // At one place the first pattern of the list wins, so that what is no bot hides the part that it has.
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(aho_corasick::MatchKind::LeftmostFirst)
        .build(NO_BOTS.iter().chain(&STEMS))
        .unwrap_or_else(|error| unreachable!("a fixed list of short literals: {error}"))
});

static NAME_FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(NAMES.lines().filter(|line| !line.starts_with('#')))
        .unwrap_or_else(|error| unreachable!("a fixed list of short literals: {error}"))
});

/// Whether `user_agent` names a bot. A browser that says nothing is not taken for one.
#[must_use]
pub fn is_bot(user_agent: &str) -> bool {
    let agent = &user_agent.as_bytes()[..user_agent.len().min(BYTES_MAX)];
    STEM_FINDER.find_iter(agent).any(|found| found.pattern().as_usize() >= NO_BOTS.len())
        || NAME_FINDER.is_match(agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_maker_of_phones_is_no_bot() {
        assert!(!is_bot(
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
        ));
        assert!(is_bot(
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (compatible; Googlebot/2.1)"
        ));
    }

    #[test]
    fn every_name_is_found() {
        let names: Vec<&str> = NAMES.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(names.len() > 200, "{} names", names.len());
        for name in names {
            assert!(is_bot(&format!("Mozilla/5.0 {name}")), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_panic(agent in ".{0,600}") {
            let _ = is_bot(&agent);
        }
    }
}
