use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ids::ContentHash;
use crate::manifest::{Manifest, Union};
use crate::object_key::ChunkName;
use crate::summary::{ChunkMetadata, Summariser};

const START_MS: i64 = 1_700_000_000_000;

/// A chunk by page, seq and its events: (type, milliseconds after the start, bytes of filling).
fn chunk(page: &str, seq: u64, events: &[(u8, i64, usize)]) -> (ChunkName, String) {
    let event = |(kind, after_ms, filling): &(u8, i64, usize)| {
        json!({"type": kind, "timestamp": START_MS + after_ms, "data": {"x": "ä".repeat(*filling)}})
            .to_string()
    };
    let text = events.iter().map(event).collect::<Vec<_>>().join("\n") + "\n";
    let hash = format!("{seq:08x}").parse::<ContentHash>().expect("a hash");
    let seq = seq.try_into().expect("a seq");
    (ChunkName { page: page.parse().expect("a page"), seq, hash }, text)
}

fn manifest_of(chunks: &[(ChunkName, String)]) -> Manifest {
    let project = "demo".parse().expect("a project");
    let session = "6553f10018f45d4a71053ad0482c3b0e".parse().expect("a session");
    let mut union = Union::new(project, session);
    for (name, text) in chunks {
        let mut summariser = Summariser::new(name.clone(), 1, ChunkMetadata::default());
        for line in text.lines() {
            summariser.line(line).expect("an event");
        }
        union.insert(summariser.finish().expect("events"));
    }
    union.derive().expect("at least one chunk")
}

fn tape_of(chunks: &[(ChunkName, String)]) -> Vec<u8> {
    let mut sorted = chunks.to_vec();
    sorted.sort();
    let mut writer = TapeWriter::new();
    for (name, text) in &sorted {
        writer.chunk(name, text).expect("in order");
    }
    writer.finish("tests", manifest_of(chunks)).expect("a tape")
}

fn chunks_of(tape: &Tape<'_>) -> Vec<(ChunkName, String)> {
    let mut chunks = Vec::new();
    tape.each_chunk(|name, text| {
        chunks.push((name, text));
        Ok::<(), TapeError>(())
    })
    .expect("whole");
    chunks
}

/// Meta event and full snapshot, and an increment each second for so many seconds.
fn seconds(from_s: i64, count: i64) -> Vec<(u8, i64, usize)> {
    let increments = (0..count).map(|s| (3, (from_s + s) * 1000 + 2, 1));
    [(4, from_s * 1000, 0), (2, from_s * 1000 + 1, 5)].into_iter().chain(increments).collect()
}

#[test]
fn what_was_written_is_read() {
    let mut chunks = vec![
        chunk("bbbbbbbb", 0, &seconds(0, 30)),
        chunk("bbbbbbbb", 1, &seconds(30, 30)),
        chunk("bbbbbbbb", 3, &[(3, 70_000, 0)]),
        chunk("aaaaaaaa", 0, &seconds(20, 10)),
    ];
    let bytes = tape_of(&chunks);
    let tape = Tape::parse(&bytes).expect("a tape");
    let verified = tape.verify().expect("sound");
    assert_eq!(verified.chunks, 4);
    assert_eq!(verified.events, 32 + 32 + 1 + 12);
    chunks.sort();
    assert_eq!(chunks_of(&tape), chunks);
    assert_eq!(tape.header().manifest, manifest_of(&chunks));
    let pages: Vec<&str> = tape.header().frames.iter().map(|frame| frame.page.as_str()).collect();
    assert_eq!(pages, ["bbbbbbbb", "aaaaaaaa"], "by time, and under 45 s nothing is cut");
}

#[test]
fn frames_begin_with_checkpoints_where_there_are_some() {
    let chunks: Vec<_> = (0..6).map(|n| chunk("aaaaaaaa", n, &seconds(n.cast_signed() * 20, 20))).collect();
    let bytes = tape_of(&chunks);
    let tape = Tape::parse(&bytes).expect("a tape");
    tape.verify().expect("sound");
    let frames = &tape.header().frames;
    // Snapshots each 20 s: the first at which 45 s are there is at 60 s.
    let starts: Vec<i64> = frames.iter().map(|frame| frame.first_ms - START_MS).collect();
    assert_eq!(starts, [0, 60_000]);
    assert_eq!(frames[1].checkpoints[0], (START_MS + 60_001, 0));
    assert_eq!(frames[0].parts.len(), 3);
}

#[test]
fn without_checkpoints_time_and_size_cut() {
    let long: Vec<_> = (0..300).map(|s| (3, s * 1000, 0)).collect();
    let bytes = tape_of(&[chunk("aaaaaaaa", 0, &long)]);
    let tape = Tape::parse(&bytes).expect("a tape");
    tape.verify().expect("sound");
    let events: Vec<u64> = tape.header().frames.iter().map(|frame| frame.events).collect();
    assert_eq!(events, [120, 120, 60], "a frame ends before it holds 120 s");
    assert_eq!(tape.header().frames[1].parts[0].from, 120);

    let large: Vec<_> = (0..5).map(|s| (3, s, 1024 * 1024)).collect();
    let bytes = tape_of(&[chunk("aaaaaaaa", 0, &large)]);
    let tape = Tape::parse(&bytes).expect("a tape");
    tape.verify().expect("sound");
    let events: Vec<u64> = tape.header().frames.iter().map(|frame| frame.events).collect();
    assert_eq!(events, [2, 2, 1], "a frame ends once it holds 4 MiB");
}

#[test]
fn a_checkpoint_stays_whole() {
    // The snapshot would make the frame longer than 2 minutes, and has to stay with its meta event.
    let chunk = chunk("aaaaaaaa", 0, &[(4, 0, 0), (2, 130_001, 0), (3, 130_002, 0)]);
    let bytes = tape_of(&[chunk]);
    let tape = Tape::parse(&bytes).expect("a tape");
    tape.verify().expect("sound");
    assert_eq!(tape.header().frames[0].checkpoints, [(START_MS + 130_001, 0)]);
    assert_eq!(tape.header().frames[1].events, 1);
}

#[test]
fn a_snapshot_of_another_chunk_is_no_checkpoint() {
    let chunks = [chunk("aaaaaaaa", 0, &[(4, 0, 0)]), chunk("aaaaaaaa", 1, &[(2, 1, 0)])];
    let bytes = tape_of(&chunks);
    let tape = Tape::parse(&bytes).expect("a tape");
    tape.verify().expect("sound");
    assert!(tape.header().frames[0].checkpoints.is_empty());
}

#[test]
fn every_damaged_byte_is_found() {
    let bytes = tape_of(&[chunk("aaaaaaaa", 0, &seconds(0, 3)), chunk("aaaaaaaa", 1, &seconds(130, 3))]);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let found = Tape::parse(&damaged).and_then(|tape| tape.verify());
        assert!(found.is_err(), "byte {at} of {}", bytes.len());
    }
    for cut in 0..bytes.len() {
        assert!(Tape::parse(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let longer = [&bytes[..], b"\0"].concat();
    assert!(matches!(Tape::parse(&longer), Err(TapeError::Length { .. })));
}

#[test]
fn a_damaged_frame_is_a_hole() {
    let mut bytes = tape_of(&[chunk("aaaaaaaa", 0, &seconds(0, 3)), chunk("aaaaaaaa", 1, &seconds(130, 3))]);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let tape = Tape::parse(&bytes).expect("its header is whole");
    assert!(tape.frame(0).is_ok());
    assert!(matches!(tape.frame(1), Err(FrameError::Checksum { .. })));
}

#[test]
fn other_files_are_named() {
    let check = |bytes: &[u8], expected: &str| {
        assert_eq!(Tape::parse(bytes).expect_err("no tape").to_string(), expected);
    };
    check(b"", "file has 0 bytes, a tape begins with 48");
    check(&[0x1f; 48], "file begins with 1f1f1f1f1f1f1f1f, a tape with 5441504544454b44 (TAPEDECK)");
    let whole = tape_of(&[chunk("aaaaaaaa", 0, &[(3, 0, 0)])]);
    let mut newer = whole.clone();
    newer[8] = 2;
    check(&newer, "tape has version 2, this program reads version 1");
    let mut large = whole;
    large[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    check(&large, "header is 4294967295 bytes, limit is 1048576");
}

#[test]
fn chunks_come_in_order() {
    let (first, second) = (chunk("aaaaaaaa", 0, &[(3, 0, 0)]), chunk("aaaaaaaa", 1, &[(3, 1, 0)]));
    let mut writer = TapeWriter::new();
    writer.chunk(&second.0, &second.1).expect("the first");
    let error = writer.chunk(&first.0, &first.1).expect_err("out of order");
    assert!(matches!(error, TapeWriteError::Order { .. }));
}

#[test]
fn a_manifest_of_other_chunks_is_refused() {
    let (first, second) = (chunk("aaaaaaaa", 0, &[(3, 0, 0)]), chunk("aaaaaaaa", 1, &[(3, 1, 0)]));
    for others in [vec![second.clone()], vec![first.clone(), second]] {
        let mut writer = TapeWriter::new();
        writer.chunk(&first.0, &first.1).expect("an event");
        let refused = writer.finish("tests", manifest_of(&others)).expect_err("another manifest");
        assert!(matches!(refused, TapeWriteError::Manifest(HeaderError::Chunk { .. })), "{refused}");
    }
}

prop_compose! {
    fn arbitrary_chunks()(
        events in proptest::collection::vec(
            proptest::collection::vec((prop_oneof![Just(2_u8), Just(3), Just(4), Just(5)], 0..400_000_i64, 0..40_usize), 1..40),
            1..12,
        )
    ) -> Vec<(ChunkName, String)> {
        events
            .iter()
            .enumerate()
            .map(|(n, events)| chunk(["aaaaaaaa", "bbbbbbbb", "Cc3Dd4Ee"][n % 3], n as u64, events))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_session_survives(mut chunks in arbitrary_chunks()) {
        let bytes = tape_of(&chunks);
        let tape = Tape::parse(&bytes).expect("a tape");
        let verified = tape.verify().expect("sound");
        prop_assert_eq!(verified.chunks, chunks.len());
        chunks.sort();
        prop_assert_eq!(chunks_of(&tape), chunks);
        // The same chunks give the same file, whoever writes it.
        prop_assert_eq!(tape_of(&chunks_of(&tape)), bytes);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz_tape(&bytes);
        fuzz_tape(&[b"TAPEDECK\x01\0\0\0\x10\0\0\0", &bytes[..]].concat());
    }
}
