//! Where in a batch something may stand that is to be overwritten: never too few places, and seldom too many. `tapedeck_scan` finds what looks
//! like it; this takes a closer look. Only the strings around what is left are decoded.

use std::ops::Range;

use tapedeck_scan::signs::{Runs, SECRET_STARTS, kind, next_sign};

use super::card::{card_numbers, is_possible_card};
use super::iban::is_possible_iban;
use super::{is_domain, is_listed_name, is_local, social_security_numbers};

/// Fewest digits of a number of any kind.
const DIGITS_MIN: usize = 9;

/// Bytes that are searched for one kind before they are searched for the other.
const BLOCK: usize = 4096;

/// Whether a text may hold anything at all.
pub(super) fn may_hold(text: &[u8], more_names: &[String]) -> bool {
    next_suspect(text, 0, more_names).is_some()
}

/// Whether a text may hold a secret of a well-known form.
pub(super) fn may_hold_secret(text: &[u8]) -> bool {
    next_sign(text, 0..text.len(), kind::SECRETS, &|i, kinds| begins(text, i, kinds, &[])).is_some()
}

/// A place at or behind `from`, in or right before something that may have to be overwritten. There is none in lines before it.
pub(super) fn next_suspect(text: &[u8], from: usize, more_names: &[String]) -> Option<usize> {
    let mut runs = Runs::new(text, from);
    let begins = |i, kinds| begins(text, i, kinds, more_names);
    let mut start = from;
    while start < text.len() {
        let end = text.len().min(start + BLOCK);
        let sign = next_sign(text, start..end, kind::ALL, &begins);
        let to = sign.unwrap_or(end);
        let number = std::iter::from_fn(|| runs.next(to)).find(|run| is_possible_number(text, run.clone()));
        let number = number.map(|run| run.start);
        if number.is_some() || sign.is_some() {
            return number.or(sign);
        }
        start = end;
    }
    None
}

/// A closer look at a place where something of these kinds may begin.
#[cold]
#[inline(never)]
fn begins(text: &[u8], i: usize, kinds: u16, more_names: &[String]) -> bool {
    let rest = &text[i..];
    let is = |kind| kinds & kind != 0;
    let begins_secret = || {
        SECRET_STARTS.iter().any(|(start, _, length)| {
            let token = rest.strip_prefix(*start).and_then(|rest| rest.get(..*length));
            token.is_some_and(|token| token.iter().all(|b| is_token(*b)))
        })
    };
    // The domain may begin with an escape. What is before it ends in what may be part of an address, or else in no escape of such.
    (is(kind::AT) && i > 0 && is_local(text[i - 1]) && (is_domain(rest[1]) || rest[1] == b'\\'))
        || (is(kind::EQUALS) && is_listed_name(&text[..i], more_names))
        || (is(kind::ESCAPE) && hides(rest))
        || (is(kind::IBAN) && is_possible_iban(rest))
        || (is(kind::SECRETS) && begins_secret())
}

/// Whether an escape writes a character that needs none, as only somebody does who hides something: `\u0034`, `\/`.
fn hides(escape: &[u8]) -> bool {
    match escape.get(1) {
        Some(b'/') => true,
        _ => matches!(escape.get(2..5), Some([b'0', b'0', b'2'..=b'7' | b'a' | b'A'])),
    }
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~' | b'+' | b'/' | b'=')
}

/// Whether a run holds a card or a social security number, as far as the run alone tells.
fn is_possible_number(text: &[u8], Range { start, end }: Range<usize>) -> bool {
    let run = &text[start..end];
    let digits = run.iter().filter(|b| b.is_ascii_digit()).count();
    if digits < DIGITS_MIN {
        return false;
    }
    // The digits of an escape are none of the number: `\u2003` and a card.
    if text[start.saturating_sub(5)..start].contains(&b'\\') {
        return true;
    }
    if digits == run.len() {
        return is_possible_card(run);
    }
    !card_numbers(run).is_empty() || !social_security_numbers(run).is_empty()
}
