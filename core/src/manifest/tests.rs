use super::*;
use crate::summary::{Browser, ChunkMetadata, MarkerKind, OpeningSource, Summariser};
use proptest::prelude::*;
use serde_json::{Value, json};

fn empty() -> Union {
    Union::new(
        "demo".parse().expect("a project"),
        "6553f100000102030405060708090a0b".parse().expect("a session"),
    )
}

fn union_of(summaries: &[ChunkSummary]) -> Union {
    let mut union = empty();
    summaries.iter().cloned().for_each(|summary| union.insert(summary));
    union
}

fn chunk(page: &str, seq: u64, first_ms: i64, last_ms: i64) -> ChunkSummary {
    let name = format!("{page}-{seq:05}-1a2b3c4d").parse().expect("a chunk name");
    let mut summariser = Summariser::new(name, 100, ChunkMetadata::default());
    for at_ms in [first_ms, last_ms] {
        summariser
            .line(&json!({"type": 3, "timestamp": at_ms, "data": {"source": 1}}).to_string())
            .expect("an event");
    }
    summariser.finish().expect("a summary")
}

#[test]
fn nothing_has_no_manifest() {
    assert_eq!(empty().derive(), None);
}

#[test]
fn times_come_from_first_and_last_event() {
    let manifest =
        union_of(&[chunk("bbbbbbbb", 0, 500, 900), chunk("aaaaaaaa", 0, 600, 700)]).derive().expect("chunks");
    assert_eq!((manifest.started_ms, manifest.ended_ms), (500, 901));
    let pages: Vec<&str> = manifest.pages.iter().map(|page| page.page.as_str()).collect();
    assert_eq!(pages, ["bbbbbbbb", "aaaaaaaa"]);
}

#[test]
fn gaps_are_named() {
    let check = |seqs: &[u64], expected: &[(u32, u32, Option<i64>, i64)]| {
        let chunks: Vec<_> =
            seqs.iter().map(|n| chunk("aaaaaaaa", *n, *n as i64 * 10, *n as i64 * 10 + 5)).collect();
        let found: Vec<_> = union_of(&chunks)
            .derive()
            .expect("chunks")
            .gaps
            .into_iter()
            .map(|gap| (gap.from_seq, gap.to_seq, gap.from_ms, gap.to_ms))
            .collect();
        assert_eq!(found, expected, "{seqs:?}");
    };
    check(&[0, 1, 2], &[]);
    check(&[2], &[(0, 2, None, 20)]);
    check(&[0, 3, 4, 9], &[(1, 3, Some(5), 30), (5, 9, Some(45), 90)]);
}

#[test]
fn an_unknown_version_is_refused_by_name() {
    let error = Manifest::parse(br#"{"version":2,"new":"form"}"#).expect_err("version 2");
    assert_eq!(error.to_string(), "manifest has version 2, this program reads version 1");
    assert!(Manifest::parse(b"").is_err());
    assert!(Manifest::parse(&vec![b' '; MANIFEST_BYTES_MAX + 1]).is_err());
}

prop_compose! {
    fn any_position(name: ChunkName)(at_ms in 0..1_000_i64, event in 0..50_usize) -> Position {
        Position { at_ms, page: name.page.clone(), seq: name.seq, hash: name.hash.clone(), event }
    }
}

fn any_summary() -> impl Strategy<Value = ChunkSummary> {
    // Few pages and seqs, so that chunks meet; the content is a function of the name, as the hash in it promises.
    ("[ab]{8}", 0..30_u64)
        .prop_flat_map(|(page, seq)| {
            let name: ChunkName = format!("{page}-{seq:05}-1a2b3c4d").parse().expect("a chunk name");
            let seed = page.bytes().fold(seq as i64, |sum, b| sum * 31 + i64::from(b));
            Just((name, seed))
        })
        .prop_map(|(name, seed)| {
            let positions = |n: i64| {
                (0..n)
                    .map(|i| Position {
                        at_ms: (seed * 7 + i * 13).rem_euclid(10_000),
                        page: name.page.clone(),
                        seq: name.seq,
                        hash: name.hash.clone(),
                        event: usize::try_from(i).expect("small"),
                    })
                    .collect::<Vec<_>>()
            };
            let errors: BTreeMap<_, _> = positions(seed.rem_euclid(60))
                .into_iter()
                .map(|at| {
                    (
                        at,
                        ErrorMark {
                            error_type: None,
                            message: seed.to_string(),
                            fingerprint: None,
                            noise: None,
                        },
                    )
                })
                .collect();
            let markers: BTreeMap<_, _> = positions(seed.rem_euclid(90))
                .into_iter()
                .map(|at| (at, Marker { kind: MarkerKind::Custom, label: seed.to_string() }))
                .collect();
            let mut summary = chunk(
                name.page.as_str(),
                u64::from(name.seq.get()),
                seed.rem_euclid(1000),
                seed.rem_euclid(1000) + 10,
            );
            summary.facts.counts = Counts {
                errors: errors.len() as u64,
                markers: markers.len() as u64,
                clicks: 1,
                ..Counts::default()
            };
            summary.facts.skew_ms = (seed % 3 == 0).then_some(seed);
            summary.opening = (seed % 2 == 0).then(|| Opening {
                source: if seed % 4 == 0 { OpeningSource::Session } else { OpeningSource::Meta },
                at: positions(1).remove(0),
                url: Some(seed.to_string()),
                title: None,
                tab: None,
                referrer: None,
                previous_page: None,
            });
            summary.environment = (seed % 2 == 0).then(|| Environment {
                at: positions(1).remove(0),
                release: Some(seed.to_string()),
                environment: None,
                browser: Browser::default(),
            });
            summary.users = vec![format!("u{seed}"), "u".into()];
            summary.segments = vec![format!("s{seed}")];
            summary.reason = Some(seed.to_string());
            summary.routes = (0..seed.rem_euclid(70)).map(|i| format!("/{seed}/{i}")).collect();
            summary.fingerprints = [format!("v1:{seed}")].into();
            summary.vitals = [(Vital::Lcp, (positions(1).remove(0), seed))].into();
            summary.country = Some(["DE", "US", "FR"][seed.rem_euclid(3) as usize].into());
            summary.errors = errors;
            summary.markers = markers;
            summary
        })
}

fn any_union() -> impl Strategy<Value = Union> {
    proptest::collection::vec(any_summary(), 0..12).prop_map(|summaries| union_of(&summaries))
}

fn merged(a: &Union, b: &Union) -> Union {
    let mut union = a.clone();
    union.merge(b.clone());
    union
}

proptest! {
    #[test]
    fn merging_is_idempotent(a in any_union()) {
        prop_assert_eq!(merged(&a, &a), a);
    }

    #[test]
    fn merging_is_commutative(a in any_union(), b in any_union()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
    }

    #[test]
    fn merging_is_associative(a in any_union(), b in any_union(), c in any_union()) {
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
    }

    #[test]
    fn any_order_gives_the_same_bytes(
        (summaries, shuffled) in proptest::collection::vec(any_summary(), 1..12)
            .prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
    ) {
        let bytes = |summaries: &[ChunkSummary]| union_of(summaries).derive().expect("chunks").encode().expect("json");
        prop_assert_eq!(bytes(&summaries), bytes(&shuffled));
    }

    #[test]
    fn written_then_read_then_derived_is_the_same(union in any_union()) {
        if let Some(manifest) = union.derive() {
            let read = Manifest::parse(&manifest.encode().expect("json")).expect("what was written");
            prop_assert_eq!(&read, &manifest);
            prop_assert_eq!(&Union::from(read), &union);
        }
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Manifest::parse(&bytes);
    }
}

/// A session as long and as full as the edge lets it be, by every list at once.
fn longest() -> Vec<ChunkSummary> {
    let long = |n: usize, i: usize| format!("{i:05}{}", "x".repeat(n));
    (0..1_200)
        .map(|i: usize| {
            let (page, seq) = (i / 5, i % 5);
            let name = format!("{page:08}-{seq:05}-{:08x}", (i as u32).wrapping_mul(2_654_435_761)).parse().expect("a chunk name");
            let mut summariser = Summariser::new(
                name,
                1_000_000,
                ChunkMetadata { skew_ms: Some(-123_456), country: Some("DE".into()), segments: vec![long(50, i)], reason: Some("all".into()) },
            );
            let at_ms = 1_700_000_000_000 + i as i64 * 10_000;
            let mut line = |event: Value| summariser.line(&event.to_string()).expect("an event");
            let custom = |tag: &str, payload: Value| json!({"type": 5, "timestamp": at_ms, "data": {"tag": format!("tapedeck.{tag}"), "payload": payload}});
            if seq == 0 {
                line(custom("session", json!({"url": format!("https://shop.example/{}", long(900, i)), "title": long(190, i), "tab": "Zz9Yy8Xx", "referrer": long(900, i), "browser": {"user_agent": long(290, i)}})));
            }
            for k in 0..6 {
                line(json!({"type": 4, "timestamp": at_ms, "data": {"href": "https://shop.example/"}}));
                line(json!({"type": 2, "timestamp": at_ms, "data": {}}));
                line(json!({"type": 3, "timestamp": at_ms, "data": {"source": 2, "type": 2, "x": k * 100, "y": 5, "id": 7}}));
            }
            line(custom("error", json!({"type": "TypeError", "message": long(290, i)})));
            line(custom("custom", json!({"name": long(190, i)})));
            line(custom("identify", json!({"user": long(190, i)})));
            line(custom("request", json!({"status": 500})));
            line(custom("navigation", json!({"to": format!("/{}", long(290, i))})));
            for name in ["LCP", "INP", "CLS", "FCP", "TTFB"] {
                line(custom("vital", json!({"name": name, "value": 123_456.789})));
            }
            summariser.finish().expect("a summary")
        })
        .collect()
}

#[test]
fn the_longest_session_has_a_small_manifest() {
    let summaries = longest();
    let whole = union_of(&summaries);
    let manifest = whole.derive().expect("chunks");
    let bytes = manifest.encode().expect("json");
    assert!(bytes.len() <= 256 * 1024, "{} bytes", bytes.len());
    let more = manifest.more.as_ref().expect("not all are listed");
    let hidden = 1_200 - manifest.counts.chunks;
    assert!(more.chunks.abs_diff(hidden) < hidden / 4, "{} of {hidden}", more.chunks);
    assert_eq!(manifest.ended_ms, 1_700_000_000_000 + 1_199 * 10_000 + 1);

    // Read back, in parts, in any order, twice: the same bytes.
    assert_eq!(Union::from(Manifest::parse(&bytes).expect("what was written")), whole);
    let parts: Vec<Union> =
        (0..3).map(|n| union_of(&summaries.iter().skip(n).step_by(3).cloned().collect::<Vec<_>>())).collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let union = order.iter().fold(empty(), |sum, n| merged(&merged(&sum, &parts[*n]), &parts[*n]));
        assert_eq!(union, whole, "{order:?}");
    }
    let every = summaries.iter().cloned().fold(empty().with_every_chunk(), |mut union, summary| {
        union.insert(summary);
        union
    });
    assert_eq!(every.derive().expect("chunks").counts.chunks, 1_200);
}
