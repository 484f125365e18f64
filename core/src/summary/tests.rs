use super::*;
use proptest::prelude::*;
use serde_json::json;

fn summarise(events: &[Value]) -> Result<ChunkSummary, SummaryError> {
    let name = "a1B2c3D4-00000-1a2b3c4d".parse().expect("a chunk name");
    let mut summariser = Summariser::new(name, 10, ChunkMetadata::default());
    for event in events {
        summariser.line(&event.to_string())?;
    }
    summariser.finish()
}

fn check(events: &[Value]) -> ChunkSummary {
    summarise(events).expect("a summary")
}

fn custom(at_ms: i64, tag: &str, payload: &Value) -> Value {
    json!({"type": 5, "timestamp": at_ms, "data": {"tag": tag, "payload": payload}})
}

#[test]
fn a_checkpoint_is_meta_and_snapshot_side_by_side() {
    let meta = |t: i64| json!({"type": 4, "timestamp": t, "data": {"href": "https://shop.example/", "width": 1, "height": 1}});
    let full = |t: i64| json!({"type": 2, "timestamp": t, "data": {}});
    let other = |t: i64| json!({"type": 3, "timestamp": t, "data": {"source": 0}});
    let summary = check(&[full(10), meta(20), full(21), other(22), meta(30), other(31), full(32), meta(40)]);
    assert_eq!(summary.facts.checkpoints, [(21, 1)]);
    assert_eq!((summary.facts.first_ms, summary.facts.last_ms, summary.facts.events), (10, 40, 8));
    let opening = summary.opening.expect("from the first meta event");
    assert_eq!((opening.source, opening.at.at_ms), (OpeningSource::Meta, 20));
}

#[test]
fn the_session_event_says_more_than_meta() {
    let summary = check(&[
        json!({"type": 4, "timestamp": 1, "data": {"href": "https://shop.example/#"}}),
        custom(
            2,
            "tapedeck.session",
            &json!({
                "tab": "Zz9Yy8Xx", "url": "https://shop.example/", "title": "Shop", "release": "1.4.2",
                "browser": {"user_agent": "UA", "viewport": [1280, 720], "screen": [-1, "x"], "languages": ["de", 7],
                    "color_scheme": "dark"},
            }),
        ),
    ]);
    let opening = summary.opening.expect("an opening");
    assert_eq!((opening.source, opening.title.as_deref()), (OpeningSource::Session, Some("Shop")));
    let environment = summary.environment.expect("an environment");
    assert_eq!(environment.browser.viewport, Some((1280, 720)));
    assert_eq!(environment.browser.screen, None);
    assert_eq!(environment.browser.languages, ["de"]);
    assert_eq!(environment.browser.color_scheme.as_deref(), Some("dark"));
    assert_eq!(summary.facts.counts.markers, 1);
}

#[test]
fn clicks_inputs_errors_and_users_are_counted() {
    let summary = check(&[
        json!({"type": 3, "timestamp": 1, "data": {"source": 2, "type": 2, "id": 5}}),
        json!({"type": 3, "timestamp": 2, "data": {"source": 2, "type": 1, "id": 5}}),
        json!({"type": 3, "timestamp": 3, "data": {"source": 5, "text": "***", "id": 6}}),
        custom(4, "tapedeck.error", &json!({"type": "TypeError", "message": "x is undefined"})),
        custom(5, "tapedeck.error", &json!({"message": 7})),
        custom(6, "tapedeck.identify", &json!({"user": "u_17"})),
        custom(7, "tapedeck.identify", &json!({"user": "u_17"})),
        custom(8, "other.tag", &json!({"user": "u_18"})),
        json!({"type": 5, "timestamp": 9, "data": "no object"}),
    ]);
    assert_eq!(
        summary.facts.counts,
        Counts { errors: 2, clicks: 1, inputs: 1, markers: 2, ..Counts::default() }
    );
    assert_eq!(summary.facts.active, Some((1, 3)));
    assert_eq!(summary.users, ["u_17"]);
    let messages: Vec<&str> = summary.errors.values().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["x is undefined", ""]);
}

#[test]
fn what_a_page_does_by_itself_is_not_the_visitor() {
    let incremental = |t: i64, source: u8, kind: u8| json!({"type": 3, "timestamp": t, "data": {"source": source, "type": kind}});
    let alone = [incremental(1, 0, 0), incremental(2, 3, 0), incremental(3, 2, 5), incremental(4, 2, 6)];
    assert_eq!(check(&alone).facts.active, None);
    let hidden = custom(5, "tapedeck.visibility", &json!({"state": "hidden"}));
    assert_eq!(check(&[hidden]).facts.active, None);
    let seen = [
        custom(1, "tapedeck.session", &json!({})),
        custom(7, "tapedeck.visibility", &json!({"state": "visible"})),
        incremental(9, 0, 0),
    ];
    assert_eq!(check(&seen).facts.active, Some((1, 7)));
    assert_eq!(check(&[incremental(3, 1, 0), incremental(4, 6, 0)]).facts.active, Some((3, 4)));
}

#[test]
fn what_is_kept_is_bounded() {
    let errors: Vec<Value> = (0..ERRORS_MAX as i64 + 20)
        .rev()
        .map(|t| custom(t, "tapedeck.error", &json!({"message": "m".repeat(10_000)})))
        .collect();
    let summary = check(&errors);
    assert_eq!(summary.facts.counts.errors, ERRORS_MAX as u64 + 20);
    assert_eq!(summary.errors.len(), ERRORS_MAX);
    let (first, error) = summary.errors.first_key_value().expect("errors");
    assert_eq!((first.at_ms, error.message.chars().count()), (0, MESSAGE_CHARS_MAX));
}

#[test]
fn damage_is_named() {
    assert!(matches!(summarise(&[]), Err(SummaryError::Empty)));
    let error =
        summarise(&[json!({"type": 3, "timestamp": 1}), json!({"type": 3})]).expect_err("no timestamp");
    assert_eq!(error.to_string(), "event 1 (from 0)");
}

/// An event with its members in the order in which rrweb and the recorder write them.
fn written(event: &Value) -> String {
    let member = |name: &str| event.get(name).map(|value| format!(r#""{name}":{value}"#));
    let order =
        if event["type"] == 5 { ["type", "timestamp", "data"] } else { ["type", "data", "timestamp"] };
    format!("{{{}}}", order.into_iter().filter_map(member).collect::<Vec<_>>().join(","))
}

fn summariser() -> Summariser {
    let name = "a1B2c3D4-00000-1a2b3c4d".parse().expect("a chunk name");
    Summariser::new(name, 10, ChunkMetadata::default())
}

fn by_bytes(text: &str, cuts: &[usize], mut summariser: Summariser) -> Result<ChunkSummary, SummaryError> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([text.len()]).collect();
    cuts.sort_unstable();
    let mut from = 0;
    for cut in cuts {
        summariser.bytes(&text.as_bytes()[from..cut])?;
        from = cut;
    }
    summariser.finish()
}

#[test]
fn a_long_event_is_known_by_its_ends() {
    let long = "x".repeat(LINE_BYTES_MAX);
    let named = |name: &str| custom(5, "tapedeck.custom", &json!({"name": name}));
    let lines = [
        r#"{"type":4,"data":{"href":"https://shop.example/"},"timestamp":1}"#.to_owned(),
        format!(r#"{{"type":2,"data":{{"node":{{"text":"{long}"}}}},"timestamp":2}}"#),
        format!(r#"{{"type":3,"data":{{"source":0,"texts":["{long}"]}},"timestamp":3}}"#),
        written(&named(&long)),
        written(&named("short")),
    ];
    let text = lines.join("\n");
    for cuts in [vec![], vec![70, 200, 1_000, 60_000, 2_000_000]] {
        let summary = by_bytes(&text, &cuts, summariser()).expect("a summary");
        assert_eq!((summary.facts.first_ms, summary.facts.last_ms, summary.facts.events), (1, 5, 5));
        assert_eq!(summary.facts.checkpoints, [(2, 0)]);
        assert_eq!(summary.facts.inflated_bytes, text.len() as u64 + 1);
        assert_eq!(summary.custom_events.iter().collect::<Vec<_>>(), ["short"]);
    }
    // Nobody knows the time of this one before its end, which is not where rrweb writes it.
    let strange = format!(r#"{{"data":"{long}","timestamp":7,"type":3}}"#);
    let error = by_bytes(&strange, &[100], summariser()).expect_err("too long");
    assert!(matches!(error, SummaryError::Long { index: 0 }), "{error}");
    assert_eq!(by_bytes(&strange, &[100], summariser().thorough()).expect("a summary").facts.first_ms, 7);
}

#[test]
fn bytes_go_by_thresholds() {
    let click =
        |at_ms| json!({"type": 3, "data": {"source": 2, "type": 2, "x": 5, "y": 5}, "timestamp": at_ms});
    let effects =
        json!({"at_ms": 20, "selector": "button", "role": "button", "effects": ["dom"], "effect_ms": 1_000});
    let events = [click(10), click(20), click(900), custom(2_000, "tapedeck.click", &effects)];
    let text = events.iter().map(written).collect::<Vec<_>>().join("\n");
    let counted = |clicks: Clicks| {
        let counts =
            by_bytes(&text, &[7, 90], summariser().with_clicks(clicks)).expect("a summary").facts.counts;
        (counts.clicks, counts.rage_clicks, counts.dead_clicks)
    };
    assert_eq!(counted(Clicks::default()), (3, 1, 0));
    assert_eq!(counted(Clicks { rage_ms: 500, ..Clicks::default() }), (3, 0, 0));
    assert_eq!(counted(Clicks { dead_ms: 999, ..Clicks::default() }), (3, 1, 1));
}

#[test]
fn what_is_no_text_is_named() {
    let mut summariser = summariser();
    let error = summariser.bytes(b"\xff\n").expect_err("no text");
    assert_eq!(error.to_string(), "line 0 (from 0) is not UTF-8");
}

/// Events of every kind, of which some are looked into and some are not.
fn any_event() -> impl Strategy<Value = Value> {
    let data = prop_oneof![
        (0..17_u8, 0..9_u8, ".{0,300}").prop_map(
            |(source, kind, text)| json!({"source": source, "type": kind, "x": 3.5, "y": -1, "text": text})
        ),
        (0..17_u8).prop_map(|source| json!({"source": source})),
        ".{0,200}".prop_map(|text| json!({"href": text, "node": {"text": text}})),
        (".{0,100}", "error|custom|click|navigation|session|vital").prop_map(|(text, tag)| json!({"tag": format!("tapedeck.{tag}"),
            "payload": {"message": text, "name": text, "to": text, "url": text, "effects": [], "role": "button"}})),
        (0..6_000_u32).prop_map(|effect_ms| json!({"tag": "tapedeck.click",
            "payload": {"effects": ["dom"], "effect_ms": effect_ms, "role": "button"}})),
        Just(json!(null)),
        Just(json!(r#"},"timestamp":1}"#)),
    ];
    (0..7_u8, 0..2_000_000_000_000_i64, data)
        .prop_map(|(event_type, at_ms, data)| json!({"type": event_type, "timestamp": at_ms, "data": data}))
}

proptest! {
    /// However a chunk comes in pieces, it is summarised as line by line, each parsed whole.
    #[test]
    fn bytes_are_lines(
        events in proptest::collection::vec((any_event(), any::<bool>()), 1..30),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        ends in any::<bool>(),
        (rage_count, rage_ms, rage_px, dead_ms) in (2..5_u32, 100..2_000_u32, 5..100_u32, 100..5_000_u32),
    ) {
        let clicks = Clicks { rage_count, rage_ms, rage_px, dead_ms };
        let lines: Vec<String> = events
            .iter()
            .map(|(event, is_written)| if *is_written { written(event) } else { event.to_string() })
            .collect();
        let mut by_line = summariser().with_clicks(clicks);
        for line in &lines {
            by_line.line(line).expect("an event");
        }
        let by_line = by_line.finish().expect("a summary");
        let text = lines.join("\n") + if ends { "\n" } else { "" };
        for summariser in [summariser(), summariser().thorough()] {
            let by_bytes = by_bytes(&text, &cuts, summariser.with_clicks(clicks));
            prop_assert_eq!(&by_bytes.expect("a summary"), &by_line);
        }
    }
}

#[test]
fn metadata_may_be_absent_or_strange() {
    let read = |pairs: &[(&str, &'static str)]| {
        ChunkMetadata::read(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| *value))
    };
    assert_eq!(read(&[]), ChunkMetadata::default());
    let all =
        [("received-ms", "105"), ("sent-ms", "100"), ("segments", "b%C3%A9ta,a%2Cb,,"), ("country", "DE")];
    assert_eq!(
        read(&all),
        ChunkMetadata {
            skew_ms: Some(5),
            segments: vec!["béta".into(), "a,b".into()],
            country: Some("DE".into()),
            reason: None,
        }
    );
    assert_eq!(
        read(&[("received-ms", "x"), ("sent-ms", "100"), ("country", "Germany")]),
        ChunkMetadata::default()
    );
}

proptest! {
    #[test]
    fn any_line_is_read_without_panic(line in ".{0,200}", payload in ".{0,100}") {
        let name: ChunkName = "a1B2c3D4-00000-1a2b3c4d".parse().expect("a chunk name");
        let mut summariser = Summariser::new(name, 10, ChunkMetadata::default());
        let _ = summariser.line(&line);
        for tag in ["session", "error", "navigation", "identify", "custom", "lost"] {
            let event = custom(1, &format!("tapedeck.{tag}"), &json!({"url": payload, "user": payload, "browser": payload}));
            prop_assert!(summariser.line(&event.to_string()).is_ok());
        }
    }
}
