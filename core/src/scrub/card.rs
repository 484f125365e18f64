//! Payment card numbers: ISO/IEC 7812 prefixes and lengths, and the Luhn check digit.

use std::ops::Range;

/// Ranges of card numbers in a text: one run of digits, or the groups in which cards print them, with one kind of separator.
pub(super) fn card_numbers(text: &[u8]) -> Vec<Range<usize>> {
    let groups = digit_groups(text);
    let mut found = Vec::new();
    let mut i = 0;
    while i < groups.len() {
        if let Some(count) = card_at(text, &groups[i..]) {
            found.push(groups[i].start..groups[i + count - 1].end);
            i += count;
        } else {
            i += 1;
        }
    }
    found
}

/// Whether a run of nothing but digits is a card number, whatever stands around it.
pub(super) fn is_possible_card(digits: &[u8]) -> bool {
    is_card(digits, std::slice::from_ref(&(0..digits.len())))
}

/// How many of the first groups are a card number.
fn card_at(text: &[u8], groups: &[Range<usize>]) -> Option<usize> {
    // Longest first: 19 digits in five groups before the 16 in its first four.
    const GROUPINGS: [&[usize]; 5] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 1]];
    let first = groups.first()?;
    let separator = groups.get(1).map(|second| &text[first.end..second.start]).filter(|s| is_separator(s));
    if let Some(separator) = separator {
        for sizes in GROUPINGS {
            let Some(candidate) = groups.get(..sizes.len()) else { continue };
            let fits = candidate.iter().zip(sizes).all(|(group, size)| group.len() == *size)
                && candidate.windows(2).all(|pair| &text[pair[0].end..pair[1].start] == separator);
            if fits
                && stands_alone(text, first.start, candidate[sizes.len() - 1].end)
                && is_card(text, candidate)
            {
                return Some(sizes.len());
            }
        }
    }
    let single = &groups[..1];
    (stands_alone(text, first.start, first.end) && !is_part_of_number(text, first) && is_card(text, single))
        .then_some(1)
}

/// Whether the digits have a card's prefix, the length that goes with it, and the right check digit.
fn is_card(text: &[u8], groups: &[Range<usize>]) -> bool {
    let length: usize = groups.iter().map(Range::len).sum();
    if !(13..=19).contains(&length) {
        return false;
    }
    let digits = || groups.iter().flat_map(|group| &text[group.clone()]).map(|digit| u32::from(digit - b'0'));
    let prefix = digits().take(4).fold(0, |number, digit| number * 10 + digit);
    has_issuer(prefix, length)
        && luhn(
            groups
                .iter()
                .rev()
                .flat_map(|group| text[group.clone()].iter().rev())
                .map(|digit| u32::from(digit - b'0')),
        )
}

/// Issuers' ranges by the first four digits, and the lengths that they give out.
fn has_issuer(prefix: u32, length: usize) -> bool {
    match prefix {
        // Visa.
        4000..=4999 => matches!(length, 13 | 16 | 19),
        // Mastercard.
        2221..=2720 | 5100..=5599 => length == 16,
        // American Express.
        3400..=3499 | 3700..=3799 => length == 15,
        // Diners Club.
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length),
        // JCB; Discover, RuPay, UnionPay, Maestro, Mir.
        3528..=3589 | 2200..=2204 | 5000..=5099 | 5600..=6999 | 8100..=8199 => (16..=19).contains(&length),
        _ => false,
    }
}

fn luhn(reversed: impl Iterator<Item = u32>) -> bool {
    let sum: u32 = reversed
        .enumerate()
        .map(|(i, digit)| match (i % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn digit_groups(text: &[u8]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut i = 0;
    while i < text.len() {
        if text[i].is_ascii_digit() {
            let start = i;
            while i < text.len() && text[i].is_ascii_digit() {
                i += 1;
            }
            groups.push(start..i);
        } else {
            i += 1;
        }
    }
    groups
}

/// A space, a hyphen, a full stop, or a no-break space.
fn is_separator(bytes: &[u8]) -> bool {
    matches!(bytes, b" " | b"-" | b"." | b"\xc2\xa0")
}

/// Whether no letter, digit or underscore touches the range: otherwise it is part of an id.
pub(super) fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    begins_word(text, start) && !text.get(end).copied().is_some_and(is_word)
}

/// Whether what begins at `start` is not the rest of a longer word.
pub(super) fn begins_word(text: &[u8], start: usize) -> bool {
    !start.checked_sub(1).is_some_and(|before| is_word(text[before]))
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Whether a decimal point joins the digits to others: `0.4539148803436467`, or `.45…` as minifiers write it.
fn is_part_of_number(text: &[u8], digits: &Range<usize>) -> bool {
    let is_point_before = digits.start > 0 && text[digits.start - 1] == b'.';
    let is_fraction_behind =
        text.get(digits.end) == Some(&b'.') && text.get(digits.end + 1).is_some_and(u8::is_ascii_digit);
    is_point_before || is_fraction_behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = card_numbers(text.as_bytes()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn cards_in_the_forms_people_write() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
            "5500005555555559",
            "2221000000000009",
            "378282246310005",
            "3782 822463 10005",
            "30569309025904",
            "3056 930902 5904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "4222222222222",
            "6304000000000000",
        ] {
            check(card, &[card]);
            check(&format!("Card: {card}, thanks"), &[card]);
        }
    }

    #[test]
    fn a_number_beside_a_card_does_not_hide_it() {
        check("2024 4111 1111 1111 1111 12 27", &["4111 1111 1111 1111"]);
        check("4111111111111111 123", &["4111111111111111"]);
        check("4111111111111111,5500005555555559", &["4111111111111111", "5500005555555559"]);
    }

    #[test]
    fn what_is_no_card() {
        for text in [
            "4111111111111112",
            "4111 1111 1111 1112",
            "4111 1111-1111 1111",
            "1700000000000",
            "1732181234567",
            "0.4111111111111111",
            ".4111111111111111",
            "4111111111111111.5",
            "4111111111111111px",
            "id_4111111111111111",
            "a4111111111111111",
            "41111111111111111111",
            "12345678-1234-1234-1234-123456789012",
            "4111 1111 1111",
            "",
        ] {
            check(text, &[]);
        }
    }
}
