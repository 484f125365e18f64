//! Each rule at its bound, under it and over it.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const START_MS: i64 = 1_700_000_000_000;
const SENT_MS: i64 = START_MS + 4_321;

fn project() -> ProjectConfig {
    let config = json!({
        "version": 1, "revision": 1, "project": "demo", "keys": [],
        "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 1, "manual": 0}],
        "limits": {"compressed_bytes_max": 4000, "inflated_bytes_max": 5000, "events_max": 5},
    });
    ProjectConfig::parse(config.to_string().as_bytes()).expect("a config")
}

fn facts() -> RequestFacts<'static> {
    RequestFacts {
        origin: Some("https://shop.example"),
        country: Some("DE"),
        edge: "test",
        received_ms: SENT_MS + 50,
        ..RequestFacts::default()
    }
}

fn body(change: impl FnOnce(&mut serde_json::Value), batch: &[u8]) -> Vec<u8> {
    let mut header = json!({
        "upload": "ZVPxAAABAgMEBQYHCAkKCw", "page": "a1B2c3D4", "seq": 3, "reason": "all",
        "sent": SENT_MS, "sdk": "tapedeck-recorder/0.1.0",
    });
    change(&mut header);
    [header.to_string().as_bytes(), b"\n", batch].concat()
}

fn event(at_ms: i64) -> String {
    format!(r#"{{"type":3,"timestamp":{at_ms},"data":{{}}}}"#)
}

/// The decision in one word: `store`, the drop reason, or the refusal's code.
fn check(body: &[u8], expected: &str) {
    let found = match admit(&facts(), body, &project()) {
        Admission::Store(_) => "store",
        Admission::Drop(reason) => reason.as_str(),
        Admission::Refuse(refusal) => refusal.code(),
    };
    assert_eq!(found, expected);
}

#[test]
fn gzip_is_stored_as_it_came() {
    let gzip = deflate(event(START_MS).as_bytes());
    let body = body(|_| (), &gzip);
    let Admission::Store(chunk) = admit(&facts(), &body, &project()) else { panic!("not stored") };
    assert!(matches!(chunk.body, Cow::Borrowed(bytes) if bytes == gzip));
    assert_eq!((chunk.events, chunk.inflated_bytes), (1, event(START_MS).len()));
    assert_eq!(
        chunk.metadata,
        [
            ("received-ms", "1700000004371"),
            ("sent-ms", "1700000004321"),
            ("reason", "all"),
            ("edge", "test"),
            ("sdk", "tapedeck-recorder/0.1.0"),
            ("country", "DE"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    );
}

#[test]
fn the_key_does_not_depend_on_the_compression() {
    let text = format!("{}\n{}\n", event(START_MS), event(START_MS + 1));
    let (first, second) = text.split_at(text.len() / 2);
    let gz = |text: &str| deflate(text.as_bytes());
    let keys: Vec<String> = [text.as_bytes().to_vec(), gz(&text), [gz(first), gz(second)].concat()]
        .iter()
        .map(|batch| {
            let body = body(|_| (), batch);
            let Admission::Store(chunk) = admit(&facts(), &body, &project()) else { panic!("not stored") };
            let inflated = inflate(&chunk.body, 5000, 200).expect("what is stored is gzip");
            assert_eq!((inflated.members, inflated.bytes), (1, text.clone().into_bytes()));
            chunk.key.to_string()
        })
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[1], keys[2]);
}

#[test]
fn what_nobody_should_store_is_overwritten() {
    let text = format!(r#"{{"type":3,"timestamp":{START_MS},"data":"4111 1111 1111 1111"}}"#);
    let gzip = deflate(text.as_bytes());
    let sent = body(|_| (), &gzip);
    let Admission::Store(chunk) = admit(&facts(), &sent, &project()) else { panic!("not stored") };
    let stored = inflate(&chunk.body, 5000, 200).expect("gzip").bytes;
    assert_eq!(
        String::from_utf8(stored).expect("UTF-8"),
        text.replace("4111 1111 1111 1111", &"*".repeat(19))
    );
    assert_eq!(chunk.scrubbed, ScrubCounts::from([("card".to_owned(), 1)]));
    // The key is that of the bytes as received.
    assert_eq!(chunk.key.name.hash, ContentHash::of_digest(&Sha256::digest(&text)));
}

#[test]
fn limits_at_and_one_over() {
    let line = |n: usize| {
        let pad = "x".repeat(n - event(START_MS).len() - 6);
        format!(r#"{{"type":3,"timestamp":{START_MS},"data":{{}},"":"{pad}"}}"#)
    };
    check(&body(|_| (), &deflate(line(5000).as_bytes())), "store");
    check(&body(|_| (), &deflate(line(5001).as_bytes())), "inflated_bytes");
    check(&body(|_| (), line(4000).as_bytes()), "store");
    check(&body(|_| (), line(4001).as_bytes()), "compressed_bytes");
    let events = |n: usize| vec![event(START_MS); n].join("\n");
    check(&body(|_| (), events(5).as_bytes()), "store");
    check(&body(|_| (), events(6).as_bytes()), "events");
    check(&vec![b'x'; body_bytes_max(&project().limits) + 1], "compressed_bytes");
    check(&vec![b'x'; body_bytes_max(&project().limits)], "header");
}

#[test]
fn sessions_end() {
    let batch = event(START_MS);
    let sent = |ms: i64| body(|h| h["sent"] = json!(START_MS + ms), batch.as_bytes());
    check(&sent(3_600_000), "store");
    check(&sent(3_600_001), "session_too_long");
    check(&sent(-CLOCK_SLACK_MS), "store");
    check(&sent(-CLOCK_SLACK_MS - 1), "clock");
    check(&body(|h| h["sent"] = json!(i64::MAX), batch.as_bytes()), "session_too_long");
    check(&body(|h| h["sent"] = json!(i64::MIN), batch.as_bytes()), "clock");
}

#[test]
fn events_are_of_the_sessions_time() {
    let at = |ms: i64| body(|_| (), event(ms).as_bytes());
    check(&at(START_MS - EVENT_TIME_SLACK_MS), "store");
    check(&at(START_MS - EVENT_TIME_SLACK_MS - 1), "event_time");
    check(&at(SENT_MS + EVENT_TIME_SLACK_MS), "store");
    check(&at(SENT_MS + EVENT_TIME_SLACK_MS + 1), "event_time");
}

#[test]
fn what_is_not_wanted_is_dropped() {
    let batch = event(START_MS);
    check(&body(|h| h["consent"] = json!(false), batch.as_bytes()), "consent");
    check(&body(|h| h["consent"] = json!(true), batch.as_bytes()), "store");
    check(&body(|h| h["reason"] = json!("manual"), batch.as_bytes()), "not_sampled");
}

#[test]
fn what_is_wrong_is_refused() {
    check(b"", "header");
    check(b"{}\n", "header");
    check(&body(|_| (), b""), "empty");
    check(&body(|_| (), b"\n"), "empty");
    check(&body(|_| (), &deflate(b"")), "empty");
    check(&body(|_| (), b"\xff\xfe"), "utf8");
    check(&body(|_| (), b"{}"), "event");
    check(&body(|_| (), format!("{}\n\n{}", event(START_MS), event(START_MS)).as_bytes()), "event");
    check(&body(|_| (), b"\x1f\x8b rubbish"), "gzip");
    let other = RequestFacts { origin: Some("https://evil.example"), ..facts() };
    let admission = admit(&other, b"", &project());
    assert!(matches!(admission, Admission::Refuse(Refusal::Origin { .. })), "{admission:?}");
}

#[test]
fn metadata_is_plain_ascii() {
    let body = body(
        |h| {
            h["sdk"] = json!("ünicode\r\nx: y/1");
            h["segments"] = json!(["béta", "a,b"]);
        },
        event(START_MS).as_bytes(),
    );
    let strange = RequestFacts { country: Some("x\n"), ..facts() };
    let Admission::Store(chunk) = admit(&strange, &body, &project()) else { panic!("not stored") };
    assert_eq!(
        chunk.metadata[4..],
        [("sdk", "_nicode__x__y/1".to_owned()), ("segments", "b%C3%A9ta,a%2Cb".to_owned()),]
    );
}

/// The decision in one word, under other circumstances.
#[track_caller]
fn check_with(facts: &RequestFacts<'_>, project: &ProjectConfig, body: &[u8], expected: &str) {
    let found = match admit(facts, body, project) {
        Admission::Store(_) => "store",
        Admission::Drop(reason) => reason.as_str(),
        Admission::Refuse(refusal) => refusal.code(),
    };
    assert_eq!(found, expected);
}

/// The test's project with fields of its own.
fn project_with(changes: &serde_json::Value) -> ProjectConfig {
    let mut config = json!({
        "version": 1, "revision": 1, "project": "demo", "keys": [],
        "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 1}],
    });
    let fields = config.as_object_mut().expect("an object");
    fields.extend(changes.as_object().expect("an object").clone());
    ProjectConfig::parse(config.to_string().as_bytes()).expect("a config")
}

#[test]
fn bots_are_dropped_before_anything_is_read() {
    let bot = RequestFacts { user_agent: Some("Mozilla/5.0 (compatible; Googlebot/2.1)"), ..facts() };
    check_with(&bot, &project(), b"", "bot");
    check_with(&bot, &project_with(&json!({"bots": "keep"})), b"", "header");
    let person =
        RequestFacts { user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"), ..facts() };
    check_with(&person, &project(), &body(|_| (), event(START_MS).as_bytes()), "store");
    let elsewhere = RequestFacts { origin: None, ..bot };
    check_with(&elsewhere, &project(), b"", "origin");
}

#[test]
fn consent_and_global_privacy_control() {
    let gpc = RequestFacts { gpc: true, ..facts() };
    let asks = project_with(&json!({"privacy": {"require_consent": true}}));
    let deaf = project_with(&json!({"privacy": {"honour_gpc": false}}));
    let said = |consent: Option<bool>| {
        body(|h| consent.into_iter().for_each(|yes| h["consent"] = json!(yes)), event(START_MS).as_bytes())
    };
    for (facts, project, consent, expected) in [
        (&facts(), &project(), None, "store"),
        (&facts(), &project(), Some(false), "consent"),
        (&gpc, &project(), None, "consent"),
        (&gpc, &project(), Some(true), "store"),
        (&gpc, &project(), Some(false), "consent"),
        (&gpc, &deaf, None, "store"),
        (&facts(), &asks, None, "consent"),
        (&facts(), &asks, Some(true), "store"),
        (&gpc, &asks, Some(true), "store"),
    ] {
        check_with(facts, project, &said(consent), expected);
    }
}

#[test]
fn support_needs_a_ticket() {
    let key: ShareKey = "0123456789abcdef0123456789abcdef".parse().expect("a key");
    let project = project_with(&json!({"sampling": [{"from_ms": 0, "all": 0}], "share_epoch": 2}));
    let ticket = |expires_ms, epoch| {
        let ticket = Ticket { project: project.project.clone(), expires_ms, epoch };
        ticket.seal(&key).expect("a ticket")
    };
    let with = |ticket: &str| {
        let set = |h: &mut serde_json::Value| {
            h["reason"] = json!("support");
            h["support"] = json!(ticket);
        };
        body(set, event(START_MS).as_bytes())
    };
    let knows = RequestFacts { share_key: Some(&key), ..facts() };
    check_with(&knows, &project, &with(&ticket(START_MS + 1, 2)), "store");
    check_with(&knows, &project, &with(&ticket(START_MS, 2)), "not_sampled");
    check_with(&knows, &project, &with(&ticket(START_MS + 1, 1)), "not_sampled");
    check_with(&knows, &project, &with("x.y"), "not_sampled");
    check_with(&facts(), &project, &with(&ticket(START_MS + 1, 2)), "not_sampled");
    let none = body(|h| h["reason"] = json!("support"), event(START_MS).as_bytes());
    check_with(&knows, &project, &none, "not_sampled");

    // A claim that nobody vouches for is not stored as if it were true.
    let all = project_with(&json!({}));
    let body = with("x.y");
    let Admission::Store(chunk) = admit(&knows, &body, &all) else { panic!("not stored") };
    assert!(chunk.metadata.contains(&("reason", "all".to_owned())));
}

#[test]
fn a_budget_ends_in_steps() {
    // The session's fraction is 0.0975.
    let project = project_with(&json!({
        "sampling": [{"from_ms": 0, "all": 0.15, "segment": 0.15}],
        "budget": {"bytes_per_day": 1_000, "reserve": 0.2},
    }));
    let used = |used_bytes, reason: &str, expected| {
        let facts = RequestFacts { used_bytes, ..facts() };
        let body = body(|h| h["reason"] = json!(reason), event(START_MS).as_bytes());
        check_with(&facts, &project, &body, expected);
    };
    used(639, "all", "store");
    used(640, "all", "not_sampled");
    used(799, "segment", "store");
    used(800, "all", "over_budget");
    used(800, "segment", "over_budget");
    for reason in ["error", "manual"] {
        used(999, reason, "store");
        used(1_000, reason, "over_budget");
    }
    let nobody = project_with(&json!({
        "sampling": [{"from_ms": 0, "all": 0}], "budget": {"bytes_per_day": 1_000},
    }));
    let over = RequestFacts { used_bytes: 1_000, ..facts() };
    check_with(&over, &nobody, &body(|_| (), b""), "not_sampled");
}

#[test]
fn an_excluded_page_is_refused_whole() {
    let project = project_with(&json!({"excluded_pages": ["/account/*"]}));
    let meta = |href: &str| format!(r#"{{"type":4,"timestamp":{START_MS},"data":{{"href":"{href}"}}}}"#);
    let batch =
        format!("{}\n{}\n{}", event(START_MS), meta("https://shop.example/account/1"), event(START_MS));
    check_with(&facts(), &project, &body(|_| (), batch.as_bytes()), "excluded_page");
    check_with(&facts(), &project, &body(|_| (), meta("https://shop.example/").as_bytes()), "store");
    // What is wrong with a batch is said before where it was.
    check_with(&facts(), &project, &body(|_| (), format!("{batch}\nx").as_bytes()), "event");
}

#[test]
fn users_are_stored_hashed_where_the_project_says_so() {
    let identify = |user: &str| {
        format!(
            r#"{{"type":5,"timestamp":{START_MS},"data":{{"tag":"tapedeck.identify","payload":{{"user":"{user}","traits":{{"mail":"a@b.example"}}}}}}}}"#
        )
    };
    let text = identify("mary@shop.example");
    let gzip = deflate(text.as_bytes());
    let stored = |changes: &serde_json::Value| {
        let sent = body(|_| (), &gzip);
        let Admission::Store(chunk) = admit(&facts(), &sent, &project_with(changes)) else {
            panic!("not stored")
        };
        assert_eq!(chunk.key.name.hash, ContentHash::of_digest(&Sha256::digest(&text)));
        String::from_utf8(inflate(&chunk.body, 5000, 200).expect("gzip").bytes).expect("UTF-8")
    };
    let scrubbed = |text: &str| text.replace("a@b.example", "***********");
    assert_eq!(stored(&json!({})), scrubbed(&text));
    let key = json!("0b".repeat(32));
    assert_eq!(stored(&json!({"user_hash_key": key})), scrubbed(&text));
    let hash = crate::user_hash::UserHash::of("mary@shop.example", &"0b".repeat(32).parse().expect("a key"));
    assert_eq!(stored(&json!({"user_hash_key": key, "users": "hashed"})), scrubbed(&identify(hash.as_str())));
}

proptest! {
    #[test]
    fn any_bytes_are_decided_without_panic(batch in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = admit(&facts(), &batch, &project());
        let _ = admit(&facts(), &body(|_| (), &batch), &project());
    }
}
