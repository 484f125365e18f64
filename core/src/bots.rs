//! Whether a user agent says that it is no person's browser: crawlers, previews, monitors, test drivers.
//!
//! Only what names itself is known. Who hides is not found here, and costs no more than a visitor.

use std::sync::LazyLock;

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

/// The names by their first byte: an agent has a hundred places, and at most of them no name can begin.
static NAMES_BY_BYTE: LazyLock<Vec<Vec<&[u8]>>> = LazyLock::new(|| {
    let mut names = vec![Vec::new(); 256];
    for name in NAMES.lines().filter(|line| !line.starts_with('#')).map(str::as_bytes) {
        if let Some(first) = name.first() {
            names[usize::from(*first)].push(name);
        }
    }
    names
});

/// Whether `user_agent` names a bot. A browser that says nothing is not taken for one.
#[must_use]
pub fn is_bot(user_agent: &str) -> bool {
    let agent = &user_agent.as_bytes()[..user_agent.len().min(BYTES_MAX)];
    has_stem(agent) || has_name(agent)
}

fn has_stem(agent: &[u8]) -> bool {
    let mut rest = agent;
    while !rest.is_empty() {
        let begins = |part: &&str| {
            rest.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part.as_bytes()))
        };
        // What is no bot hides the part that it has.
        if let Some(no_bot) = NO_BOTS.iter().find(|part| begins(part)) {
            rest = &rest[no_bot.len()..];
        } else if STEMS.iter().any(begins) {
            return true;
        } else {
            rest = &rest[1..];
        }
    }
    false
}

fn has_name(agent: &[u8]) -> bool {
    (0..agent.len())
        .any(|i| NAMES_BY_BYTE[usize::from(agent[i])].iter().any(|name| agent[i..].starts_with(name)))
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
