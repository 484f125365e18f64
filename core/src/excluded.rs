//! Pages that a project excludes: whether a batch has been on one (`spec/config.md`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::event_line::{EventLine, event_type};
use crate::wildcard::Wildcard;

/// Looks at events in their order, since an address may be relative to the one before.
#[derive(Debug)]
pub(crate) struct ExcludedPages<'a> {
    patterns: &'a [Wildcard],
    page: Option<Url>,
}

impl<'a> ExcludedPages<'a> {
    pub(crate) fn new(patterns: &'a [Wildcard]) -> Self {
        Self { patterns, page: None }
    }

    /// Whether an event names a page that is excluded.
    pub(crate) fn names_one(&mut self, event: &EventLine<'_>) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let Some(url) = address(event).and_then(|address| self.resolve(&address)) else {
            return false;
        };
        let is_excluded = self.patterns.iter().any(|pattern| pattern.matches(url.path()));
        self.page = Some(url);
        is_excluded
    }

    fn resolve(&self, address: &str) -> Option<Url> {
        match &self.page {
            Some(page) => page.join(address).ok(),
            None => Url::parse(address).or_else(|_| Url::parse("http://unknown/")?.join(address)).ok(),
        }
    }
}

/// The address that an event says its page has, or goes to.
fn address<'a>(event: &EventLine<'a>) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Meta<'a> {
        #[serde(borrow)]
        href: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Custom<'a> {
        #[serde(borrow)]
        tag: Cow<'a, str>,
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Session<'a> {
        #[serde(borrow)]
        url: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Navigation<'a> {
        #[serde(borrow)]
        to: Cow<'a, str>,
    }
    let data = event.data?;
    match event.event_type {
        event_type::META => Some(serde_json::from_slice::<Meta<'_>>(data.as_bytes()).ok()?.href),
        event_type::CUSTOM => {
            let Custom { tag, payload } = serde_json::from_slice(data.as_bytes()).ok()?;
            match tag.as_ref() {
                "tapedeck.session" => {
                    Some(serde_json::from_slice::<Session<'_>>(payload.get().as_bytes()).ok()?.url)
                }
                "tapedeck.navigation" => {
                    Some(serde_json::from_slice::<Navigation<'_>>(payload.get().as_bytes()).ok()?.to)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_line::parse_event_line;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(events: &[(u8, Value)], expected: bool) {
        let patterns: Vec<Wildcard> =
            ["/account/*", "/pay"].iter().map(|pattern| pattern.parse().expect("a pattern")).collect();
        let mut excluded = ExcludedPages::new(&patterns);
        let found = events.iter().any(|(event_type, data)| {
            let line = json!({"type": event_type, "timestamp": 1, "data": data}).to_string();
            excluded.names_one(&parse_event_line(&line).expect("an event"))
        });
        assert_eq!(found, expected, "{events:?}");
    }

    fn meta(href: &str) -> (u8, Value) {
        (4, json!({"href": href, "width": 1, "height": 1}))
    }

    fn navigation(to: &str) -> (u8, Value) {
        (
            5,
            json!({"tag": "tapedeck.navigation", "payload": {"from": "/account/before", "to": to, "kind": "push"}}),
        )
    }

    #[test]
    fn where_a_page_is_named() {
        check(&[meta("https://shop.example/account/1?x=/pay")], true);
        check(&[meta("https://shop.example/pay#top")], true);
        check(
            &[(5, json!({"tag": "tapedeck.session", "payload": {"url": "https://shop.example/pay"}}))],
            true,
        );
        check(&[navigation("/account/")], true);
        check(&[navigation("https://shop.example/account/")], true);
        check(&[meta("https://shop.example/account"), navigation("/payment"), navigation("/cart")], false);
        check(&[meta("https://shop.example/?next=/account/1#/account/1")], false);
    }

    #[test]
    fn relative_to_the_page_before() {
        check(&[meta("https://shop.example/account/"), navigation("x")], true);
        check(&[meta("https://shop.example/a/"), navigation("../account/x")], true);
        check(&[meta("https://shop.example/a/"), navigation("pay")], false);
        check(&[navigation("/b"), navigation("pay")], true);
    }

    #[test]
    fn other_events_name_none() {
        check(&[(3, json!({"href": "https://shop.example/pay"}))], false);
        check(
            &[(5, json!({"tag": "tapedeck.custom", "payload": {"url": "https://shop.example/pay"}}))],
            false,
        );
        check(&[(4, json!({"href": 17})), (4, json!(null)), (5, json!({"tag": "tapedeck.session"}))], false);
        check(&[meta("")], false);
        check(&[meta("about:blank")], false);
    }
}
