//! International bank account numbers: ISO 13616, with each country's length and the check of ISO 7064 (mod 97-10).

use std::ops::Range;

use super::card::stands_alone;

/// Country and length, from the SWIFT IBAN registry.
const LENGTHS: [(&[u8; 2], usize); 84] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
];

/// Ranges of IBANs in a text, written together or in groups of four with single spaces.
pub(super) fn ibans(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut i = 0;
    while i + 15 <= text.len() {
        match iban_at(text, i) {
            Some(end) => {
                found.push(i..end);
                i = end;
            }
            None => i += 1,
        }
    }
    found
}

/// Whether a text begins with an IBAN, whatever stands around it.
pub(super) fn is_possible_iban(text: &[u8]) -> bool {
    end_of_iban(text, 0).is_some()
}

/// Where an IBAN that begins at `start` ends.
fn iban_at(text: &[u8], start: usize) -> Option<usize> {
    end_of_iban(text, start).filter(|end| stands_alone(text, start, *end))
}

fn end_of_iban(text: &[u8], start: usize) -> Option<usize> {
    let country = text.get(start..start + 2)?;
    let check = text.get(start + 2..start + 4)?;
    if !country.iter().all(u8::is_ascii_uppercase) || !check.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = LENGTHS.iter().find(|(code, _)| *code == country).map(|(_, length)| *length)?;
    let mut characters = Vec::with_capacity(length);
    let mut end = start;
    while characters.len() < length {
        match text.get(end)? {
            b' ' if characters.len() % 4 == 0 && text[end - 1] != b' ' => {}
            c if c.is_ascii_uppercase() || c.is_ascii_digit() => characters.push(*c),
            _ => return None,
        }
        end += 1;
    }
    (mod_97(&characters) == 1).then_some(end)
}

/// The number that the characters are with the first four moved to the end and letters as 10 to 35, modulo 97.
fn mod_97(characters: &[u8]) -> u32 {
    characters[4..].iter().chain(&characters[..4]).fold(0, |rest, c| match c {
        b'0'..=b'9' => (rest * 10 + u32::from(c - b'0')) % 97,
        _ => (rest * 100 + u32::from(c - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = ibans(text.as_bytes()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn examples_of_the_registry() {
        for iban in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "FR14 2004 1010 0505 0001 3M02 606",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
            "NL91ABNA0417164300",
        ] {
            check(iban, &[iban]);
            check(&format!("({iban})"), &[iban]);
        }
    }

    #[test]
    fn what_is_no_iban() {
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "XX89370400440532013000",
            "de89370400440532013000",
            "DE89  3704 0044 0532 0130 00",
            "ADE89370400440532013000",
            "DE",
            "",
        ] {
            check(text, &[]);
        }
    }
}
