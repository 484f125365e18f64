//! The route of a page's address: its path with what looks like an id taken out, so that pages that differ only in ids fall together.

use url::Url;

use crate::text::bounded;

/// Longest route, in characters.
pub const ROUTE_CHARS_MAX: usize = 200;

/// The route of an absolute or relative URL: `/orders/:id/items`. A URL without path (`data:`, `about:`) is its scheme and a colon.
#[must_use]
pub fn route_of(url: &str) -> String {
    let path = match Url::parse(url) {
        Ok(url) if url.cannot_be_a_base() => return format!("{}:", url.scheme()),
        Ok(url) => url.path().to_owned(),
        // A relative one; the path is what stands before query and fragment.
        Err(_) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
    };
    let segments: Vec<&str> =
        path.split('/').map(|segment| if looks_like_id(segment) { ":id" } else { segment }).collect();
    let route = segments.join("/");
    bounded(if route.is_empty() { "/" } else { &route }, ROUTE_CHARS_MAX)
}

/// Whether a path's segment looks like an id: digits, hex of 8 and more, UUIDs, base62 of 16 and more with a digit, anything masked.
fn looks_like_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let has_digit = bytes.iter().any(u8::is_ascii_digit);
    let is_hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    let is_uuid = || {
        let parts: Vec<&str> = segment.split('-').collect();
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts.iter().all(|part| is_hex(part.as_bytes()))
    };
    if bytes.is_empty() {
        return false;
    }
    bytes.contains(&b'*')
        || bytes.iter().all(u8::is_ascii_digit)
        // `deadbeef` is a word as often as a hash; with a digit in it, it is no word.
        || (bytes.len() >= 8 && has_digit && is_hex(bytes))
        || is_uuid()
        || (bytes.len() >= 16 && has_digit && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) && !is_words(segment))
}

/// Words with hyphens and perhaps a number between them, as titles in addresses are: `summer-sale-2026-shoes`.
fn is_words(segment: &str) -> bool {
    let mut parts = segment.split(['-', '_']);
    segment.contains(['-', '_'])
        && parts.all(|part| {
            part.bytes().all(|b| b.is_ascii_digit()) || part.bytes().all(|b| b.is_ascii_lowercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(url: &str, expected: &str) {
        assert_eq!(route_of(url), expected, "{url}");
    }

    #[test]
    fn ids_are_taken_out() {
        check("https://shop.example/", "/");
        check("https://shop.example", "/");
        check("https://shop.example/orders/17/items?x=1#top", "/orders/:id/items");
        check("https://shop.example/orders/6553f100/", "/orders/:id/");
        check("https://shop.example/u/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/u/:id");
        check("https://shop.example/u/4kXq9ZbT0mW2cV5r", "/u/:id");
        check("https://shop.example/u/****@****", "/u/:id");
        check("/cart?x", "/cart");
        check("?x", "/");
        check("data:text/html,x", "data:");
        check("about:blank", "about:");
        // No browser writes a host so.
        check("https://É.SHOP.example/orders/17", "https://É.SHOP.example/orders/:id");
        check("https://%C3%89X/orders/17", "https://%C3%89X/orders/:id");
    }

    #[test]
    fn words_stay() {
        check("https://shop.example/internationalization", "/internationalization");
        check("https://shop.example/summer-sale-2026-shoes", "/summer-sale-2026-shoes");
        check("https://shop.example/facade", "/facade");
        check("https://shop.example/v2/deadbeef", "/v2/deadbeef");
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_route(url in ".{0,600}") {
            prop_assert!(route_of(&url).chars().count() <= ROUTE_CHARS_MAX);
        }

        #[test]
        fn a_route_is_its_own_route(path in "(/[a-z0-9]{0,20}){1,4}") {
            let route = route_of(&path);
            prop_assert_eq!(route_of(&route), route);
        }
    }
}
