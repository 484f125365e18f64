//! Bounded copies of texts from outside.

/// At most `chars_max` characters of `text`; a cut is marked by `…` as the last of them.
#[must_use]
pub fn bounded(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn cuts_at_characters() {
        assert_eq!(bounded("añb", 3), "añb");
        assert_eq!(bounded("añbc", 3), "añ…");
        assert_eq!(bounded("", 0), "");
    }
}
