//! What a config may say, and what is told of one that it may not.

use super::*;
use serde_json::{Value, json};

fn minimal() -> Value {
    json!({
        "version": 1, "revision": 1, "project": "demo", "keys": ["pk_0123456789ABCDEFGHIJKL"],
        "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 0.1}],
    })
}

/// The config after `change`, or the error's text.
fn check(change: impl FnOnce(&mut Value)) -> Result<ProjectConfig, String> {
    let mut config = minimal();
    change(&mut config);
    ProjectConfig::parse(config.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_filled_in() {
    let config = check(|_| ()).expect("the minimal config");
    assert_eq!(config.limits, Limits::default());
    assert!((config.sampling[0].error - 1.0).abs() < f64::EPSILON);
    assert_eq!(
        serde_json::to_value(config.for_recorder()).expect("json"),
        json!({
            "version": 1, "project": "demo",
            "sampling": [{"from_ms": 0, "all": 0.1, "error": 1.0, "support": 1.0, "segment": 1.0, "manual": 1.0}],
            "limits": {"compressed_bytes_max": 2_097_152, "inflated_bytes_max": 16_777_216, "ratio_max": 200,
                       "events_max": 10_000, "session_ms_max": 3_600_000},
            "recorder": {"flush_first_ms": 5_000, "flush_max_ms": 60_000},
            "excluded_pages": [],
            "privacy": {"unmask": [], "block": [], "query_allow": [], "network": {"urls": [], "headers": [], "bodies": false},
                        "trace_origins": [], "require_consent": false, "honour_gpc": true},
            "clicks": {"dead_ms": 1_500},
        })
    );
}

#[test]
fn limits_reach_the_ceiling_and_no_further() {
    assert!(check(|c| c["limits"] = json!({"inflated_bytes_max": 33_554_432})).is_ok());
    assert_eq!(
        check(|c| c["limits"] = json!({"inflated_bytes_max": 33_554_433})),
        Err("config field limits.inflated_bytes_max is 33554433, expected 1 to 33554432".into())
    );
    assert!(check(|c| c["limits"] = json!({"session_ms_max": -1})).is_err());
    assert!(check(|c| c["limits"] = json!({"events_max": 0})).is_err());
}

#[test]
fn a_wrong_field_is_named() {
    assert_eq!(
        check(|c| c["sampling"][0]["all"] = json!(1.5)),
        Err("config field sampling[0].all is 1.5, expected 0 to 1".into())
    );
    assert_eq!(
        check(|c| c["sampling"] = json!([])),
        Err("config field sampling is empty, expected at least one entry".into())
    );
    assert_eq!(
        check(|c| c["version"] = json!(2)),
        Err("config has version 2, this program reads version 1".into())
    );
    assert!(check(|c| c["origins"] = json!(["shop.example"])).is_err());
    assert!(check(|c| c["scrub"] = json!({"patterns": [{"name": "p", "regex": "(x"}]})).is_err());
    assert!(check(|c| c["recorder"] = json!({"flush_max_ms": 1_000})).is_err());
}

#[test]
fn a_token_in_place_of_its_digest_is_not_repeated() {
    let viewers = json!([{"name": "x", "role": "viewer", "sha256": "vt_secret"}]);
    let error = check(|c| c["viewers"] = viewers).expect_err("no digest");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_large_object_is_not_parsed() {
    let bytes = vec![b' '; CONFIG_BYTES_MAX + 1];
    assert!(matches!(ProjectConfig::parse(&bytes), Err(ConfigError::TooLarge { .. })));
}

/// What of the example in the spec is not about a bucket or a person.
#[test]
fn every_field_is_kept() {
    let config = json!({
        "version": 1, "revision": 7, "project": "demo", "keys": ["pk_0123456789ABCDEFGHIJKL"],
        "origins": ["https://shop.example"],
        "sampling": [{"from_ms": 0, "all": 0.1, "error": 1.0, "support": 1.0, "segment": 1.0, "manual": 1.0}],
        "limits": {"compressed_bytes_max": 1, "inflated_bytes_max": 2, "ratio_max": 3, "events_max": 4, "session_ms_max": 5},
        "recorder": {"flush_first_ms": 500, "flush_max_ms": 600_000},
        "viewers": [{"name": "desk", "sha256": "0a".repeat(32), "role": "support", "expires_ms": 1}],
        "access": {"team": "https://acme.cloudflareaccess.com", "audience": "aud", "groups": {"engineering": "admin"}},
        "share_epoch": 3,
        "user_hash_key": "0b".repeat(32),
        "users": "hashed",
        "bots": "keep",
        "excluded_pages": ["/account/*"],
        "budget": {"bytes_per_day": 10_737_418_240_u64, "reserve": 0.25},
        "privacy": {"unmask": [".public"], "block": ["#map"], "query_allow": ["page"],
                    "network": {"urls": ["https://api.shop.example/*"], "headers": ["x-request-id"], "bodies": true},
                    "trace_origins": ["https://api.shop.example"], "require_consent": true, "honour_gpc": false},
        "clicks": {"rage_count": 4, "rage_ms": 900, "rage_px": 20, "dead_ms": 2_000},
        "errors": {"rules": [{"type": "TypeError", "group": "types"}], "noise": [{"message": "ResizeObserver*"}]},
        "retention": {"rules": [{"segment": "beta", "class": "90d"}], "errors": "30d"},
        "asset_origins": ["https://cdn.shop.example"],
        "store": {"endpoint": "https://s3.eu-central-1.amazonaws.com", "bucket": "tapedeck-eu", "region": "eu-central-1"},
    });
    let parsed = ProjectConfig::parse(config.to_string().as_bytes()).expect("a config");
    assert_eq!(serde_json::to_value(&parsed).expect("json"), config);
    let seen = serde_json::to_value(parsed.for_recorder()).expect("json");
    assert_eq!((&seen["privacy"], &seen["excluded_pages"]), (&config["privacy"], &config["excluded_pages"]));
    assert_eq!(seen["clicks"], json!({"dead_ms": 2_000}));
    for secret in
        ["access", "share_epoch", "user_hash_key", "viewers", "budget", "store", "errors", "retention"]
    {
        assert!(seen.get(secret).is_none(), "recorders see {secret}");
    }
}

#[test]
fn what_is_absent_has_its_default() {
    let config = check(|_| ()).expect("the minimal config");
    assert_eq!((config.users, config.bots, config.share_epoch), (UserStorage::Plain, BotPolicy::Drop, 0));
    assert_eq!(config.clicks, Clicks { rage_count: 3, rage_ms: 1_000, rage_px: 30, dead_ms: 1_500 });
    assert!(config.privacy.honour_gpc && !config.privacy.require_consent);
    assert_eq!((config.access, config.budget, config.user_hash_key), (None, None, None));
    let config = check(|c| c["budget"] = json!({"bytes_per_day": 5})).expect("a budget without reserve");
    assert_eq!(config.budget, Some(Budget { bytes_per_day: 5, reserve: 0.2 }));
}

/// A field at a bound, beyond it, and what is said then.
#[track_caller]
fn bound(change: impl Fn(&mut Value, Value), fits: Value, beyond: Value, said: &str) {
    check(|c| change(c, fits)).expect(said);
    let error = check(|c| change(c, beyond)).expect_err(said);
    assert_eq!(error, format!("config field {said}"));
}

fn many(n: usize, item: &str) -> Value {
    vec![item; n].into()
}

fn text(n: usize) -> Value {
    "x".repeat(n).into()
}

#[test]
fn bounds_of_what_recorders_see() {
    bound(
        |c, v| c["excluded_pages"] = v,
        many(50, "/a"),
        many(51, "/a"),
        "excluded_pages is 51 entries, expected at most 50",
    );
    bound(
        |c, v| c["privacy"] = json!({"unmask": v}),
        many(100, &"x".repeat(500)),
        many(101, "x"),
        "privacy.unmask is 101 entries, expected at most 100",
    );
    bound(
        |c, v| c["privacy"] = json!({"block": [v]}),
        text(500),
        text(501),
        "privacy.block[0] is 501 characters, expected 1 to 500",
    );
    bound(
        |c, v| c["privacy"] = json!({"query_allow": ["a", v]}),
        text(100),
        text(0),
        "privacy.query_allow[1] is 0 characters, expected 1 to 100",
    );
    bound(
        |c, v| c["privacy"] = json!({"network": {"urls": v}}),
        many(100, "*"),
        many(101, "*"),
        "privacy.network.urls is 101 entries, expected at most 100",
    );
    bound(
        |c, v| c["clicks"] = json!({"dead_ms": v}),
        json!(10_000),
        json!(10_001),
        "clicks.dead_ms is 10001, expected 100 to 10000",
    );
    bound(
        |c, v| c["clicks"] = json!({"rage_count": v}),
        json!(2),
        json!(1),
        "clicks.rage_count is 1, expected 2 to 20",
    );
}

#[test]
fn bounds_of_what_they_do_not_see() {
    bound(
        |c, v| c["budget"] = json!({"bytes_per_day": v}),
        json!(1),
        json!(0),
        "budget.bytes_per_day is 0, expected 1 to 9007199254740992",
    );
    bound(
        |c, v| c["budget"] = json!({"bytes_per_day": 1, "reserve": v}),
        json!(1),
        json!(1.01),
        "budget.reserve is 1.01, expected 0 to 1",
    );
    bound(
        |c, v| c["share_epoch"] = v,
        json!(1_u64 << 53),
        json!((1_u64 << 53) + 1),
        "share_epoch is 9007199254740993, expected 0 to 9007199254740992",
    );
    bound(
        |c, v| c["errors"] = json!({"rules": [{"type": "x", "group": v}]}),
        text(100),
        text(101),
        "errors.rules[0].group is 101 characters, expected 1 to 100",
    );
    bound(
        |c, v| c["errors"] = json!({"noise": [v]}),
        json!({"url": "*"}),
        json!({}),
        "errors.noise[0] is without condition, expected type, message, url or frame",
    );
    bound(
        |c, v| c["retention"] = json!({"rules": [v]}),
        json!({"user": "u_*", "class": "3650d"}),
        json!({"class": "90d"}),
        "retention.rules[0] is without condition, expected segment, user, custom or url",
    );
    bound(
        |c, v| c["retention"] = json!({"errors": v}),
        json!("90d"),
        json!("pinned"),
        "retention.errors is pinned, expected a number of days, like 90d",
    );
    bound(
        |c, v| c["users"] = v,
        json!("plain"),
        json!("hashed"),
        "users is hashed without user_hash_key, expected plain, or a user_hash_key beside it",
    );
    bound(
        |c, v| c["access"] = json!({"team": v, "audience": "a", "groups": {"g": "viewer"}}),
        json!("https://acme.cloudflareaccess.com"),
        json!("http://acme.cloudflareaccess.com"),
        r#"access.team is "http://acme.cloudflareaccess.com", expected https://host, nothing behind it"#,
    );
    bound(
        |c, v| c["access"] = json!({"team": v, "audience": "a", "groups": {"g": "viewer"}}),
        json!("http://127.0.0.1:8080"),
        json!("https://acme.cloudflareaccess.com/"),
        r#"access.team is "https://acme.cloudflareaccess.com/", expected https://host, nothing behind it"#,
    );
    bound(
        |c, v| c["access"] = json!({"team": "https://a.example", "audience": "a", "groups": v}),
        json!({"g": "support"}),
        json!({}),
        "access.groups is empty, expected at least one group",
    );
    bound(
        |c, v| c["store"] = json!({"endpoint": v, "bucket": "b", "region": "r"}),
        json!("https://s3.example"),
        json!("s3.example"),
        r#"store.endpoint is "s3.example", expected https://host"#,
    );
}

/// What the types refuse is named as well, with its place.
#[test]
fn a_value_of_the_wrong_form_is_named() {
    let said = |change: &dyn Fn(&mut Value)| {
        let mut config = minimal();
        change(&mut config);
        let error = ProjectConfig::parse(config.to_string().as_bytes()).expect_err("a wrong config");
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        (error.to_string(), source)
    };
    for (change, field, what) in [
        (&(|c: &mut Value| c["users"] = json!("both")) as &dyn Fn(&mut Value), "users", "both"),
        (&|c| c["excluded_pages"] = json!(["/a", ""]), "excluded_pages[1]", "1 to 512"),
        (&|c| c["origins"] = json!(["https://a.example", "shop.example"]), "origins[1]", "shop.example"),
        (&|c| c["asset_origins"] = json!(["*.example"]), "asset_origins[0]", "*.example"),
        (&|c| c["sampling"] = json!([{"from_ms": 0}]), "sampling[0]", "all"),
        (&|c| c["user_hash_key"] = json!("00ff"), "user_hash_key", "4 characters"),
        (&|c| c["retention"] = json!({"errors": "forever"}), "retention.errors", "forever"),
        (&|c| c["privacy"] = json!({"honour_gpc": 1}), "privacy.honour_gpc", "boolean"),
        (
            &|c| c["viewers"] = json!([{"name": "x", "sha256": "", "role": "owner"}]),
            "viewers[0].role",
            "owner",
        ),
    ] {
        let (error, source) = said(change);
        assert_eq!(error, format!("config field {field} is not of the form in spec/config.md"));
        assert!(source.contains(what), "{source}");
    }
}
