use super::strings::spelled;
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a text becomes as a string of an event; checks on the way that length, JSON and everything else stay.
fn scrubbed(text: &str) -> String {
    let line = json!({"type": 3, "timestamp": 1_700_000_000_000_i64, "data": {"text": text}}).to_string();
    let Some(Scrubbed { text: after, .. }) = Scrubber::default().scrub(&line) else { return text.to_owned() };
    assert_eq!(after.len(), line.len(), "{text}");
    let value: Value = serde_json::from_str(&after).expect("JSON as before");
    assert_eq!(value["timestamp"], 1_700_000_000_000_i64);
    value["data"]["text"].as_str().expect("a string as before").to_owned()
}

/// Every line of a corpus file that is not a comment; `\n` and the like are escapes as in JSON.
fn corpus(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).map(|line| {
        serde_json::from_str(&format!("\"{}\"", line.replace('"', "\\\""))).expect("a line of the corpus")
    })
}

#[test]
fn true_positives_lose_what_is_marked() {
    for line in corpus(include_str!("../../../tests/corpus/scrub/positive.txt")) {
        // ⟦ and ⟧ stand around what is to go.
        let text = line.replace(['⟦', '⟧'], "");
        let mut expected = String::new();
        let mut inside = false;
        for c in line.chars() {
            match c {
                '⟦' => inside = true,
                '⟧' => inside = false,
                _ if !inside || c == '\n' => expected.push(c),
                c => expected.push_str(match c.len_utf8() {
                    1 => "*",
                    2 => "×",
                    3 => "※",
                    _ => "🞶",
                }),
            }
        }
        assert_eq!(scrubbed(&text), expected);
    }
}

#[test]
fn false_positives_stay_whole() {
    for text in corpus(include_str!("../../../tests/corpus/scrub/negative.txt")) {
        assert_eq!(scrubbed(&text), text);
    }
}

#[test]
fn numbers_outside_strings_stay() {
    let line =
        r#"{"type":3,"timestamp":1700000000000,"data":{"id":4111111111111111,"x":[4111111111111111]}}"#;
    assert_eq!(Scrubber::default().scrub(line), None);
}

#[test]
fn keys_are_strings_too() {
    let line = r#"{"type":3,"timestamp":1,"data":{"jane@shop.example":1}}"#;
    let scrubbed = Scrubber::default().scrub(line).expect("a match");
    assert_eq!(scrubbed.text, r#"{"type":3,"timestamp":1,"data":{"*****************":1}}"#);
    assert_eq!(scrubbed.counts, ScrubCounts::from([("email".to_owned(), 1)]));
}

#[test]
fn escapes_hide_nothing() {
    let check = |raw: &str, expected: &str| {
        let line = format!(r#"{{"type":3,"timestamp":1,"data":"{raw}"}}"#);
        let expected = format!(r#"{{"type":3,"timestamp":1,"data":"{expected}"}}"#);
        let scrubbed = Scrubber::default().scrub(&line).map_or(line, |scrubbed| scrubbed.text);
        assert_eq!(scrubbed, expected);
    };
    check(r"\u0034111111111111111", r"\u002a***************");
    check(r"jane\u0040shop.example", r"****\u002a************");
    check(r"card:\n4111 1111 1111 1111\t", r"card:\n*******************\t");
    check(r"a\\4111111111111111", r"a\\****************");
    check(r"?token=a\/b", r"?token=*\/*");
    check("?token=a", "?token=*");
    check(r"\u20034111111111111111", r"\u2003****************");
    check(r"\uabc44111111111111111", r"\uabc4****************");
    check(r"jane@\u00e9t\u00e9.example", r"*****\u002a*\u002a********");
    check(r"4111\u00a01111\u00a01111\u00a01111", r"****\u002a****\u002a****\u002a****");
    // Numbers beyond the last look of the fast scan.
    check(r"123-45-6789", r"***********");
}

#[test]
fn what_overwriting_leaves_is_not_found_again() {
    // Escapes of two bytes become `\/`, and characters of two and more bytes others: all of them as good as `*`.
    for raw in [r"?token=abc.aC-\u0000\b21957", r"?token=\/a\/", "?token=é×🞶", r"?token=a\tb"] {
        let line = format!(r#"{{"type":3,"timestamp":1,"data":"{raw}"}}"#);
        let once = Scrubber::default().scrub(&line).expect("a match").text;
        assert_eq!(Scrubber::default().scrub(&once), None, "{once}");
    }
}

#[test]
fn the_users_own_id_stays() {
    let line = json!({"type": 5, "timestamp": 1, "data": {"tag": "tapedeck.identify", "payload": {
        "user": "jane@shop.example", "traits": {"email": "jane@shop.example"},
    }}})
    .to_string();
    let after: Value =
        serde_json::from_str(&Scrubber::default().scrub(&line).expect("a match").text).expect("JSON");
    assert_eq!(after["data"]["payload"]["user"], "jane@shop.example");
    assert_eq!(after["data"]["payload"]["traits"]["email"], "*".repeat(17));
}

#[test]
fn a_projects_own_rules() {
    let config = ScrubConfig {
        patterns: vec![Pattern { name: "customer".into(), regex: r"C-\d{6}".into() }],
        query_names: vec!["Member".into()],
    };
    let line = r#"{"type":3,"timestamp":1,"data":["no C-123456 ü","/?member=7&x=1"]}"#;
    let scrubbed = Scrubber::try_from(config).expect("patterns").scrub(line).expect("matches");
    assert_eq!(scrubbed.text, r#"{"type":3,"timestamp":1,"data":["no ******** ü","/?member=*&x=1"]}"#);
    assert_eq!(scrubbed.counts, ScrubCounts::from([("customer".to_owned(), 1), ("query".to_owned(), 1)]));
}

#[test]
fn one_long_number_is_looked_at_once() {
    // Anything but linear time would not end.
    let line = format!(r#"{{"type":3,"timestamp":1,"data":"{}"}}"#, "4111 ".repeat(2_000_000));
    assert_eq!(Scrubber::default().scrub(&line).map(|scrubbed| scrubbed.text.len()), None);
}

#[test]
fn patterns_are_bounded() {
    let error = |regex: &str| {
        let config = ScrubConfig {
            patterns: vec![Pattern { name: "p".into(), regex: regex.into() }],
            query_names: vec![],
        };
        Scrubber::try_from(config).map(|_| ()).expect_err(regex).to_string()
    };
    assert_eq!(error(&"x".repeat(513)), r#"pattern "p" is 513 bytes, limit is 512"#);
    assert_eq!(error("(x"), r#"pattern "p" cannot be used"#);
    assert_eq!(error("x{1000}{1000}{1000}"), r#"pattern "p" cannot be used"#);
    assert_eq!(error("x*"), r#"pattern "p" matches the empty text"#);
}

/// Texts full of what is looked for, and of what looks like it.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("4111111111111111".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        Just("123-45-6789".to_owned()),
        Just("jane@shop.example".to_owned()),
        Just("?token=abc&".to_owned()),
        Just("Bearer abcdefghijklmnop".to_owned()),
        Just("AKIAIOSFODNN7EXAMPLE".to_owned()),
        "[0-9 .@=?&a-zA-Z-]{1,12}",
        ".{0,4}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn length_and_json_stay_and_twice_is_once(text in any_text(), escape in any::<bool>()) {
        let raw = spelled(&text, |_, c| escape && "4@.o".contains(c));
        let line = format!(r#"{{"type":3,"timestamp":1,"data":"{raw}"}}"#);
        if let Some(once) = Scrubber::default().scrub(&line) {
            prop_assert_eq!(once.text.len(), line.len());
            let value: Value = serde_json::from_str(&once.text).expect("JSON as before");
            prop_assert_eq!(value["data"].as_str().expect("a string").encode_utf16().count(), text.encode_utf16().count());
            prop_assert_eq!(Scrubber::default().scrub(&once.text), None);
        }
    }

    #[test]
    fn the_fast_look_finds_what_stands_anywhere(text in any_text(), before in 0..5_000_usize) {
        // In a batch that is longer than a block, at any place of it.
        let line = |text: &str| json!({"type": 3, "timestamp": 1, "data": text}).to_string();
        let batch = format!("{}\n{}\n{}", line(&"x".repeat(before)), line(&text), line("y"));
        let expected = Scrubber::default().scrub(&line(&text)).map(|scrubbed| scrubbed.counts);
        prop_assert_eq!(Scrubber::default().scrub(&batch).map(|scrubbed| scrubbed.counts), expected);
    }

    #[test]
    fn the_fast_look_never_says_no_wrongly(text in any_text()) {
        let mut counts = ScrubCounts::new();
        if !Scrubber::default().find(text.as_bytes(), &mut counts).is_empty() {
            prop_assert!(may_hold(json!({ "data": text }).to_string().as_bytes(), &[]), "{}", text);
        }
    }

    #[test]
    fn escaping_changes_nothing_but_spelling(text in any_text()) {
        let plain = scrubbed(&text);
        let line = format!(r#"{{"type":3,"timestamp":1,"data":"{}"}}"#, spelled(&text, |_, _| true));
        let after = Scrubber::default().scrub(&line).map_or(line, |s| s.text);
        let value: Value = serde_json::from_str(&after).expect("JSON");
        let stars = |s: &str| s.replace(['×', '※', '🞶'], "*");
        // A character beyond the basic plane is two escapes, and so two stars.
        if text.chars().all(|c| c.len_utf16() == 1) {
            prop_assert_eq!(stars(value["data"].as_str().expect("a string")), stars(&plain));
        }
    }
}
