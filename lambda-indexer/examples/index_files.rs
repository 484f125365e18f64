//! Makes index files of a made-up project, by the code that makes real ones: chunks, their summaries, the manifest, its rows.
//!
//! `cargo run --release -p tapedeck-indexer --example index_files -- FOLDER SESSIONS DAYS LEVEL` writes
//! `FOLDER/index/demo/…`: with LEVEL `l1` few sorted files a day, with `mixed` the last day as small files, and the events that the rows are
//! of in `FOLDER/index/sessions.ndjson`. The same arguments give the same files. `tests/fixtures/index` is of `120 3 mixed`.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapedeck_core::ids::{IndexFileId, SessionId};
use tapedeck_core::manifest::Union;
use tapedeck_core::object_key::IndexKey;
use tapedeck_core::summary::{ChunkMetadata, ChunkSummary, Summariser};
use tapedeck_core::tables::{Level, RowRules, State, TableRows, fold, rows_of};
use tapedeck_indexer::parquet_file::encode_file;

/// 2023-11-14T00:00:00Z, as in the spec's examples.
const FIRST_DAY_MS: i64 = 1_699_920_000_000;
const DAY_MS: i64 = 86_400_000;
/// Most sessions of one file: of these some 12 MB, and compaction folds 16 MB at once.
const SESSIONS_A_FILE: usize = 250_000;

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, sessions, days, level] = &arguments[..] else {
        return Err("expected FOLDER SESSIONS DAYS LEVEL".into());
    };
    let (sessions, days): (usize, usize) = (sessions.parse()?, days.parse()?);
    let mut events = String::new();
    for day in 0..days {
        let is_small = level == "mixed" && day + 1 == days;
        let of_day: Vec<usize> = (0..sessions).filter(|n| n % days == day).collect();
        let a_file = if is_small { of_day.len().div_ceil(5) } else { SESSIONS_A_FILE };
        for some in of_day.chunks(a_file.max(1)) {
            let mut rows = TableRows::new();
            for n in some {
                let (session, found, lines) = session(*n, day, is_small)?;
                rows.extend(found);
                if level == "mixed" {
                    events.push_str(&json!({"session": session, "events": lines}).to_string());
                    events.push('\n');
                }
            }
            write(Path::new(folder), &rows, if is_small { Level::L0 } else { Level::L1 })?;
        }
    }
    if level == "mixed" {
        fs::write(Path::new(folder).join("index/sessions.ndjson"), events)?;
    }
    Ok(())
}

fn write(folder: &Path, rows: &TableRows, level: Level) -> Result<(), Box<dyn Error>> {
    for (project, table, day, rows) in rows.files() {
        let file = encode_file(table, level, &fold(table, rows.iter().cloned()))?;
        let id = IndexFileId::of_digest(&Sha256::digest(&file));
        let path = folder.join(IndexKey { project: project.clone(), table, day, level, id }.to_string());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, file)?;
    }
    Ok(())
}

/// Even over 64 bits, and the same everywhere.
fn mix(n: usize) -> u64 {
    let mut z = (n as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn session(
    n: usize,
    day: usize,
    is_open: bool,
) -> Result<(SessionId, TableRows, Vec<Value>), Box<dyn Error>> {
    let random = mix(n);
    let pick = |salt: u64, of: u64| (random >> salt) % of;
    // Below the length of a list.
    #[allow(clippy::cast_possible_truncation)]
    let at_random = |salt, of| pick(salt, of) as usize;
    let start_s =
        FIRST_DAY_MS / 1_000 + i64::try_from(day)? * (DAY_MS / 1_000) + i64::try_from(pick(3, 86_000))?;
    let id: SessionId = format!("{start_s:08x}{random:016x}{n:08x}").parse()?;
    let page: String = format!("{:08x}", random & 0xffff_ffff);
    let at = |ms: u64| start_s * 1_000 + i64::try_from(ms).unwrap_or(0);
    let custom = |ms: u64, tag: &str, payload: Value| json!({"type": 5, "timestamp": at(ms), "data": {"tag": format!("tapedeck.{tag}"), "payload": payload}});
    let path = ["/", "/cart", "/orders/17", "/products/42", "/search", "/account"][at_random(7, 6)];
    let url = format!("https://shop.example{path}");
    let language = ["de", "en", "fr"][at_random(13, 3)];
    let agent = AGENTS[at_random(11, 5)];
    let browser = json!({"user_agent": agent, "languages": [language], "viewport": [1280, 720], "time_zone": "Europe/Berlin"});
    let mut events = vec![
        custom(
            0,
            "session",
            json!({"url": url, "title": "Shop", "tab": format!("{:08x}", random >> 32), "release": format!("shop@1.{}", day % 4), "environment": "production", "browser": browser}),
        ),
        custom(1_000, "vital", json!({"name": "LCP", "value": 800 + pick(17, 3_000)})),
        custom(1_001, "vital", json!({"name": "CLS", "value": 0.05})),
    ];
    if pick(19, 3) > 0 {
        events.push(custom(1_500, "identify", json!({"user": format!("u_{}", random % 5_000)})));
    }
    let bought = ["checkout", "signup", "search"][at_random(29, 3)];
    if pick(23, 4) == 0 {
        events.push(custom(2_000, "custom", json!({"name": bought})));
    }
    for k in 0..pick(31, 6) {
        events.push(json!({"type": 3, "timestamp": at(3_000 + k * 400), "data": {"source": 2, "type": 2, "x": 100, "y": 50, "id": 7}}));
    }
    if pick(37, 5) == 0 {
        events.push(custom(
            5_000,
            "click",
            json!({"selector": "main > button", "role": "button", "text": "Pay", "effects": []}),
        ));
    }
    for k in 0..[0, 0, 1, 2][at_random(41, 4)] {
        let which = at_random(43, 7);
        let (kind, message) = [
            ("TypeError", "Cannot read properties of undefined (reading 'total')"),
            ("Error", "order 17 failed"),
            ("Error", "GET https://shop.example/api/cart failed (500)"),
            ("ReferenceError", "basket is not defined"),
            ("RangeError", "Maximum call stack size exceeded"),
            ("Error", "ResizeObserver loop limit exceeded"),
            ("SyntaxError", "Unexpected token '<'"),
        ][which];
        let stack = format!(
            "{kind}: {message}\n    at f{which}{which}{which} (https://shop.example/js/app.{:08x}.js:1:{k})",
            day * 17
        );
        events.push(custom(6_000 + k, "error", json!({"type": kind, "message": message, "stack": stack, "handled": false, "mechanism": "onerror"})));
    }
    let last = 10_000 + pick(47, 600_000);
    events.push(json!({"type": 3, "timestamp": at(last), "data": {"source": 1, "positions": []}}));
    let metadata = ChunkMetadata {
        skew_ms: Some(20),
        segments: if pick(53, 6) == 0 { vec!["beta".to_owned()] } else { Vec::new() },
        country: Some(["DE", "US", "FR", "JP"][at_random(59, 4)].to_owned()),
        reason: Some("all".to_owned()),
    };
    let mut summariser =
        Summariser::new(format!("{page}-00000-{:08x}", random >> 32).parse()?, 4_711, metadata);
    for event in &events {
        summariser.line(&event.to_string())?;
    }
    let summary: ChunkSummary = summariser.finish()?;
    let mut union = Union::new("demo".parse()?, id.clone());
    union.insert(summary.clone());
    let manifest = union.derive().ok_or("a chunk gives a manifest")?;
    let state = if is_open { State::Open } else { State::Ended };
    let rows = rows_of(&manifest, &[summary], &RowRules { revision: 1, ..RowRules::default() }, state);
    Ok((id, rows, events))
}
