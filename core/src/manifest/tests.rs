use super::*;
use crate::summary::{Browser, ChunkMetadata, MarkerKind, OpeningSource, Summariser};
use proptest::prelude::*;
use serde_json::json;

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
                .map(|at| (at, ErrorMark { error_type: None, message: seed.to_string() }))
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
