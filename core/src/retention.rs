//! Which sessions are kept longer than their chunks, and for how long: `retention` in `spec/config.md`.

use crate::config::{Retention, RetentionRule};
use crate::manifest::Manifest;
use crate::object_key::ArchiveClass;
use crate::summary::MarkerKind;

/// How long sessions with an error are kept where the config does not say.
pub const ERRORS: ArchiveClass = ArchiveClass::Days(90);

/// How long a session is kept after it was unpinned, at least.
pub const UNPINNED: ArchiveClass = ArchiveClass::Days(30);

/// The class of tape that a session gets when it has ended; `None` where its chunks' own lifetime is enough. Of all that fit, the
/// longest.
#[must_use]
pub fn decide_class(retention: &Retention, manifest: &Manifest) -> Option<ArchiveClass> {
    let rules = retention.rules.iter().filter(|rule| fits(rule, manifest)).map(|rule| rule.class);
    let errors = (manifest.counts.counts.errors > 0).then(|| retention.errors.unwrap_or(ERRORS));
    rules.chain(errors).max()
}

fn fits(rule: &RetentionRule, manifest: &Manifest) -> bool {
    let RetentionRule { segment, user, custom, url, class: _ } = rule;
    let markers = |kind: MarkerKind| {
        manifest
            .markers
            .iter()
            .filter(move |marker| marker.what.kind == kind)
            .map(|marker| marker.what.label.as_str())
    };
    let loaded = manifest.pages.iter().filter_map(|page| page.opening.as_ref()?.url.as_deref());
    let mut urls = loaded.chain(markers(MarkerKind::Navigation));
    segment.as_ref().is_none_or(|pattern| manifest.segments.iter().any(|segment| pattern.matches(segment)))
        && user.as_ref().is_none_or(|pattern| manifest.users.iter().any(|user| pattern.matches(user)))
        && custom.as_ref().is_none_or(|pattern| markers(MarkerKind::Custom).any(|name| pattern.matches(name)))
        && url.as_ref().is_none_or(|pattern| urls.any(|url| pattern.matches(url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Union;
    use crate::summary::{ChunkMetadata, Summariser};
    use serde_json::{Value, json};

    #[allow(clippy::needless_pass_by_value)]
    fn check(retention: Value, events: &[(&str, Value)], expected: Option<&str>) {
        let name = "a1B2c3D4-00000-1a2b3c4d".parse().expect("a name");
        let metadata = ChunkMetadata { segments: vec!["beta".to_owned()], ..ChunkMetadata::default() };
        let mut summariser = Summariser::new(name, 1, metadata);
        let session = ("session", json!({"url": "https://shop.example/cart"}));
        for (tag, payload) in [&[session][..], events].concat() {
            let event = json!({"type": 5, "timestamp": 17, "data": {"tag": format!("tapedeck.{tag}"), "payload": payload}});
            summariser.line(&event.to_string()).expect("an event");
        }
        let session = "6553f10018f45d4a71053ad0482c3b0e".parse().expect("a session");
        let mut union = Union::new("demo".parse().expect("a project"), session);
        union.insert(summariser.finish().expect("events"));
        let manifest = union.derive().expect("a chunk");
        let rules: Retention = serde_json::from_value(retention.clone()).expect("rules");
        let found = decide_class(&rules, &manifest).map(|class| class.to_string());
        assert_eq!(found.as_deref(), expected, "{retention}");
    }

    #[test]
    fn errors_are_kept() {
        let error = [("error", json!({"message": "x is undefined"}))];
        check(json!({}), &[], None);
        check(json!({}), &error, Some("90d"));
        check(json!({"errors": "180d"}), &error, Some("180d"));
        check(json!({"errors": "180d"}), &[], None);
    }

    #[test]
    fn a_rule_fits_by_all_of_its_conditions() {
        let rule = |rule: Value| json!({ "rules": [rule] });
        check(rule(json!({"segment": "beta", "class": "30d"})), &[], Some("30d"));
        check(rule(json!({"segment": "alpha", "class": "30d"})), &[], None);
        check(rule(json!({"url": "*/cart", "segment": "beta", "class": "30d"})), &[], Some("30d"));
        check(rule(json!({"url": "*/pay", "segment": "beta", "class": "30d"})), &[], None);
        let went = [("navigation", json!({"to": "https://shop.example/pay"}))];
        check(rule(json!({"url": "*/pay", "class": "30d"})), &went, Some("30d"));
        check(
            rule(json!({"user": "u_*", "class": "30d"})),
            &[("identify", json!({"user": "u_17"}))],
            Some("30d"),
        );
        check(
            rule(json!({"custom": "signed up", "class": "30d"})),
            &[("custom", json!({"name": "signed up"}))],
            Some("30d"),
        );
    }

    #[test]
    fn the_longest_class_holds() {
        let rules = json!([{"segment": "beta", "class": "365d"}, {"url": "*", "class": "30d"}]);
        let error = [("error", json!({"message": "x"}))];
        check(json!({ "rules": rules }), &error, Some("365d"));
    }
}
