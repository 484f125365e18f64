//! Time of a summary and of a merge.

use std::hint::black_box;
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use flate2::bufread::GzDecoder;
use serde_json::{Value, json};
use tapedeck_core::config::Clicks;
use tapedeck_core::inflate::{deflate, inflate};
use tapedeck_core::manifest::{Manifest, Union};
use tapedeck_core::summary::{ChunkMetadata, ChunkSummary};
use tapedeck_indexer::chunk::summarise;
use tapedeck_tests::recording;

use crate::{chunks, float};

const INFLATED_BYTES_MAX: usize = 32 << 20;

/// How long each comparison lasts.
const LONG_ENOUGH: Duration = Duration::from_secs(8);

/// The summary of a chunk's bytes, whichever chunk it is.
pub(crate) fn summary_of(gzip: &[u8]) -> Result<ChunkSummary> {
    Ok(summarise("a1B2c3D4-00000-1a2b3c4d".parse()?, gzip, ChunkMetadata::default(), Clicks::default())?)
}

fn inflate_alone(gzip: &[u8], buffer: &mut [u8]) -> usize {
    let mut decoder = GzDecoder::new(gzip);
    let mut bytes = 0;
    while let Ok(read @ 1..) = decoder.read(buffer) {
        black_box(&buffer[..read]);
        bytes += read;
    }
    bytes
}

fn parse_whole(gzip: &[u8]) -> Result<()> {
    let text = inflate(gzip, INFLATED_BYTES_MAX, usize::MAX)?.bytes;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        black_box(serde_json::from_slice::<Value>(line)?);
    }
    Ok(())
}

fn timed(mut act: impl FnMut() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    act()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Chunks summarised, inflated alone, and parsed whole, each chunk turn by turn. The quickest of each counts: whatever else the machine does
/// only adds.
pub(crate) fn summary(files: &[&str]) -> Result<Value> {
    let chunks = chunks(files)?;
    let mut buffer = vec![0; 64 * 1024];
    let bytes: usize = chunks.iter().map(|gzip| inflate_alone(gzip, &mut buffer)).sum();
    let mut quickest = vec![[f64::INFINITY; 3]; chunks.len()];
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < LONG_ENOUGH || rounds < 5 {
        for (gzip, quickest) in chunks.iter().zip(&mut quickest) {
            let times = [
                timed(|| black_box(summary_of(gzip)).map(drop))?,
                timed(|| {
                    black_box(inflate_alone(gzip, &mut buffer));
                    Ok(())
                })?,
                timed(|| parse_whole(gzip))?,
            ];
            for (least, time) in quickest.iter_mut().zip(times) {
                *least = least.min(time);
            }
        }
        rounds += 1;
    }
    let sum = |which: usize| quickest.iter().map(|times| times[which]).sum::<f64>();
    let [summing, inflating, parsing] = [sum(0), sum(1), sum(2)];
    Ok(json!({
        "chunks": chunks.len(),
        "bytes": bytes,
        "gzip_bytes": chunks.iter().map(Vec::len).sum::<usize>(),
        "rounds": rounds,
        "summary_mb_per_s": float(bytes) / 1e6 / summing,
        "inflate_mb_per_s": float(bytes) / 1e6 / inflating,
        "value_mb_per_s": float(bytes) / 1e6 / parsing,
        "of_value_x": parsing / summing,
        "of_inflate_x": summing / inflating,
    }))
}

/// So many bytes of the chunks' events, again and again.
fn grown(chunks: &[Vec<u8>], bytes: usize) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for gzip in chunks {
        all.extend(inflate(gzip, INFLATED_BYTES_MAX, usize::MAX)?.bytes);
        if !all.ends_with(b"\n") {
            all.push(b'\n');
        }
    }
    let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
    let mut text = Vec::with_capacity(bytes);
    // The longest lines only where they fit.
    for line in lines.iter().cycle() {
        if text.len() + 500 > bytes {
            break;
        }
        if text.len() + line.len() <= bytes {
            text.extend_from_slice(line);
        }
    }
    ensure!(!text.is_empty(), "no line fits into {bytes} bytes");
    Ok(text)
}

/// The size of the smallest chunk that is compared with others.
const BLOCK_BYTES: usize = 64 << 10;

/// At most [`BLOCK_BYTES`] of lines from all over the chunks, none longer than an eighth of it.
fn block(chunks: &[Vec<u8>]) -> Result<Vec<u8>> {
    let all = grown(chunks, 8 << 20)?;
    let lines: Vec<&[u8]> =
        all.split_inclusive(|byte| *byte == b'\n').filter(|line| line.len() <= BLOCK_BYTES / 8).collect();
    let bytes: usize = lines.iter().map(|line| line.len()).sum();
    let mut text = Vec::with_capacity(BLOCK_BYTES);
    for line in lines.iter().step_by(bytes.div_ceil(BLOCK_BYTES)) {
        if text.len() + line.len() <= BLOCK_BYTES {
            text.extend_from_slice(line);
        }
    }
    ensure!(text.len() > BLOCK_BYTES / 2, "only {} bytes of lines that are not too long", text.len());
    Ok(text)
}

/// Time per byte, from 64 KiB to the largest chunk, of the same events over and over: a byte of one kind of event costs twice one of another, and
/// sizes of other mixtures would be compared by that. No block is within reach of the compression of the one before.
pub(crate) fn flat(files: &[&str]) -> Result<Value> {
    let block = block(&chunks(files)?)?;
    let mut sizes = Vec::new();
    let mut chunks = Vec::new();
    for bytes in [64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 32 << 20] {
        let text = block.repeat(bytes / BLOCK_BYTES);
        chunks.push((text.len(), deflate(&text), f64::MAX));
    }
    // In turns, so that whatever else the machine does meets all of them.
    let begun = Instant::now();
    while begun.elapsed() < 2 * LONG_ENOUGH {
        for (bytes, gzip, best) in &mut chunks {
            // As long for each.
            for _ in 0..=(8 << 20) / *bytes {
                *best = best.min(timed(|| black_box(summary_of(gzip)).map(drop))?);
            }
        }
    }
    for (bytes, _, best) in chunks {
        sizes.push(json!({"bytes": bytes, "ns_per_byte": best * 1e9 / float(bytes)}));
    }
    Ok(json!(sizes))
}

/// What it takes to put one more chunk into manifests of ever more chunks, bytes to bytes.
pub(crate) fn merge() -> Result<Value> {
    let session = recording::session(1);
    let summary = |seq: u32| -> Result<ChunkSummary> {
        let chunk = recording::chunk(&session, "a1B2c3D4", seq);
        Ok(summarise(chunk.key.name.clone(), &chunk.body, ChunkMetadata::default(), Clicks::default())?)
    };
    let mut sizes = Vec::new();
    for chunks in [25, 50, 100, 200, 400] {
        let mut union = Union::new(recording::project(), session.clone());
        for seq in 0..chunks {
            union.insert(summary(seq)?);
        }
        let stored = union.derive().context("chunks")?.encode()?;
        let one = summary(chunks)?;
        let mut best = f64::MAX;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            best = best.min(timed(|| {
                let mut union: Union = Manifest::parse(&stored)?.into();
                union.insert(one.clone());
                black_box(union.derive().context("chunks")?.encode()?);
                Ok(())
            })?);
        }
        let bytes = stored.len();
        sizes.push(json!({"chunks": chunks, "bytes": bytes, "us": best * 1e6, "ns_per_byte": best * 1e9 / float(bytes)}));
    }
    Ok(json!(sizes))
}
