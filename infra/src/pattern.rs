//! Patterns as AWS has them: `*` stands for any run of characters, `?` for one.

/// Whether `pattern` fits the whole of `text`. Time grows with the product of their lengths at most.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where the last star was, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    read = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_run() {
        let check =
            |pattern, text, expected| assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        check("s3:PutObject", "s3:PutObject", true);
        check("s3:PutObject", "s3:PutObjectAcl", false);
        check("s3:*", "s3:PutObject", true);
        check("s3:*", "sqs:SendMessage", false);
        check("b/chunks/*", "b/chunks/", true);
        check("b/chunks/*", "b/chunks/a/b", true);
        check("b/chunks/*", "b/chunk", false);
        check("b/*/state/*", "b/erasures/p/state/1.json", true);
        check("b/*/state/*", "b/erasures/p/users/1.json", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
    }
}
