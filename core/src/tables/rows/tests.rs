use super::*;
use crate::manifest::Union;
use crate::summary::{ChunkMetadata, Summariser};
use serde_json::{Value, json};

const T: i64 = 1_700_000_000_000;
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

fn custom(at_ms: i64, tag: &str, payload: &Value) -> Value {
    json!({"type": 5, "timestamp": T + at_ms, "data": {"tag": format!("tapedeck.{tag}"), "payload": payload}})
}

fn session(at_ms: i64, url: &str) -> Value {
    let browser = json!({"user_agent": USER_AGENT, "languages": ["de", "en"], "viewport": [1280, 720]});
    custom(at_ms, "session", &json!({"url": url, "tab": "Zz9Yy8Xx", "release": "shop@1", "browser": browser}))
}

fn error(at_ms: i64, message: &str) -> Value {
    let stack =
        "at total (https://shop.example/app.4f3c2a1b.js:10:20)\nat x (https://cdn.example/lib.js:1:2)";
    custom(
        at_ms,
        "error",
        &json!({"type": "TypeError", "message": message, "stack": stack, "handled": false}),
    )
}

/// The rows of a session of these chunks: `(page, seq, events)`.
fn rows(chunks: &[(&str, u32, Vec<Value>)], rules: &RowRules) -> TableRows {
    let summaries: Vec<ChunkSummary> = chunks
        .iter()
        .map(|(page, seq, events)| {
            let name = format!("{page}-{seq:05}-1a2b3c4d").parse().expect("a chunk name");
            let metadata = ChunkMetadata { reason: Some("all".to_owned()), ..ChunkMetadata::default() };
            let mut summariser = Summariser::new(name, 100, metadata);
            for event in events {
                summariser.line(&event.to_string()).expect("an event");
            }
            summariser.finish().expect("a summary")
        })
        .collect();
    let project = "demo".parse().expect("a project");
    let mut union = Union::new(project, "6553f100000102030405060708090a0b".parse().expect("a session"));
    summaries.iter().cloned().for_each(|summary| union.insert(summary));
    rows_of(&union.derive().expect("chunks"), &summaries, rules, State::Ended)
}

fn check(row: &Row, table: Table, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(serde_json::to_value(row.get(table, name)).expect("json"), *value, "{table}.{name}");
    }
}

#[test]
fn a_session_says_what_people_search_for() {
    let rows = rows(
        &[
            (
                "aaaaaaaa",
                0,
                vec![
                    session(0, "https://shop.example/orders/17?x=1"),
                    custom(10, "navigation", &json!({"to": "/cart"})),
                    custom(20, "custom", &json!({"name": "bought"})),
                    custom(25, "console", &json!({"level": "error", "args": ["x"]})),
                    custom(25, "console", &json!({"level": "log", "args": ["x"]})),
                    custom(26, "request", &json!({"status": 404})),
                    custom(27, "request", &json!({"status": 200})),
                    custom(28, "request", &json!({"failure": "network"})),
                    custom(29, "longtask", &json!({"duration_ms": 90})),
                    error(30, "order 17 failed"),
                ],
            ),
            ("aaaaaaaa", 2, vec![json!({"type": 3, "timestamp": T + 5_000, "data": {"source": 1}})]),
            ("bbbbbbbb", 0, vec![session(9_000, "https://shop.example/thanks")]),
        ],
        &RowRules { revision: 7, ..RowRules::default() },
    );
    let found: Vec<&Row> = rows.of(Table::Sessions).collect();
    check(
        found[0],
        Table::Sessions,
        &[
            ("session", json!("6553f100000102030405060708090a0b")),
            ("started_ms", json!(T)),
            ("ended_ms", json!(T + 9_001)),
            ("duration_ms", json!(9_001)),
            ("active_ms", json!(0)),
            ("config", json!(7)),
            ("chunks", json!(3)),
            ("state", json!("ended")),
            ("reason", json!("all")),
            ("release", json!("shop@1")),
            ("browser", json!("Chrome")),
            ("device", json!("desktop")),
            ("language", json!("de")),
            ("viewport_width", json!(1280)),
            ("entry_url", json!("https://shop.example/orders/17?x=1")),
            ("exit_url", json!("https://shop.example/thanks")),
            ("urls", json!(["/cart", "/orders/:id", "/thanks"])),
            ("custom_events", json!(["bought"])),
            ("page_loads", json!(2)),
            ("tabs", json!(1)),
            ("errors", json!(1)),
            ("console_errors", json!(1)),
            ("requests", json!(3)),
            ("failed_requests", json!(2)),
            ("long_tasks", json!(1)),
            ("missing_chunks", json!(1)),
            ("pinned", json!(false)),
        ],
    );
    let fingerprints = found[0].get(Table::Sessions, "fingerprints");
    let errors: Vec<&Row> = rows.of(Table::Errors).collect();
    assert_eq!(
        *fingerprints,
        Cell::List(vec![match errors[0].get(Table::Errors, "fingerprint") {
            Cell::Text(fingerprint) => fingerprint.clone(),
            other => panic!("{other:?}"),
        }])
    );
}

#[test]
fn an_error_knows_page_user_and_moment() {
    let chunks = [
        (
            "aaaaaaaa",
            0,
            vec![
                session(0, "https://shop.example/"),
                custom(5, "identify", &json!({"user": "u_17"})),
                custom(10, "navigation", &json!({"to": "/cart/55?x"})),
            ],
        ),
        (
            "aaaaaaaa",
            1,
            vec![error(20, "order 17 failed"), custom(30, "navigation", &json!({"to": "/late"}))],
        ),
    ];
    let all = rows(&chunks, &RowRules::default());
    let found: Vec<&Row> = all.of(Table::Errors).collect();
    assert_eq!(found.len(), 1);
    check(
        found[0],
        Table::Errors,
        &[
            ("page", json!("aaaaaaaa")),
            ("seq", json!(1)),
            ("event", json!(0)),
            ("at_ms", json!(T + 20)),
            ("title", json!("order <n> failed")),
            ("url", json!("https://shop.example/cart/55?x")),
            ("route", json!("/cart/:id")),
            ("user", json!("u_17")),
            ("source", json!("https://shop.example/app.4f3c2a1b.js")),
            ("function", json!("total")),
            ("line", json!(10)),
            ("column", json!(20)),
            ("in_app", json!(true)),
            ("handled", json!(false)),
            ("group", json!(null)),
            ("noise", json!(null)),
        ],
    );
    let rules = json!({"rules": [{"message": "order * failed", "frame": "*/lib.js", "group": "orders"}], "noise": [{"url": "*/cart/*"}]});
    let rules = RowRules { revision: 1, errors: serde_json::from_value(rules).expect("rules") };
    let all = rows(&chunks, &rules);
    let named: Vec<&Row> = all.of(Table::Errors).collect();
    check(named[0], Table::Errors, &[("group", json!("orders")), ("noise", json!("known"))]);
    assert_eq!(named[0].get(Table::Errors, "fingerprint"), found[0].get(Table::Errors, "fingerprint"));
}

#[test]
fn a_page_has_the_last_of_each_vital() {
    let vital =
        |at_ms, name: &str, value: f64| custom(at_ms, "vital", &json!({"name": name, "value": value}));
    let all = rows(
        &[
            (
                "aaaaaaaa",
                0,
                vec![
                    session(0, "https://shop.example/p/1"),
                    vital(10, "LCP", 2512.34),
                    vital(11, "CLS", 0.25),
                ],
            ),
            ("aaaaaaaa", 1, vec![vital(20, "LCP", 2600.0), vital(21, "XYZ", 1.0)]),
        ],
        &RowRules::default(),
    );
    let found: Vec<&Row> = all.of(Table::Pages).collect();
    check(
        found[0],
        Table::Pages,
        &[
            ("route", json!("/p/:id")),
            ("lcp_ms", json!(2600.0)),
            ("cls", json!(0.25)),
            ("inp_ms", json!(null)),
            ("tab", json!("Zz9Yy8Xx")),
        ],
    );
}
