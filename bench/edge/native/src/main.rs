//! `tapedeck-bench FILE…`: admits batches (gzip NDJSON) as the edge does, natively, and prints what that costs as JSON: against inflating
//! the same bytes, and over sizes from 10 KiB to 16 MiB.

use std::borrow::Cow;
use std::hint::black_box;
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::bufread::GzDecoder;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tapedeck_core::admit::{Admission, RequestFacts, admit};
use tapedeck_core::config::ProjectConfig;
use tapedeck_core::inflate::{deflate, inflate};

/// Bytes of the batches that growth is measured with.
const SIZES: [usize; 6] = [10 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/// How long each thing is measured.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

const INFLATED_BYTES_MAX: usize = 32 << 20;

fn main() -> Result<()> {
    let mut batches = Vec::new();
    for path in std::env::args().skip(1) {
        let gzip = std::fs::read(&path).with_context(|| format!("cannot read {path}"))?;
        let text = inflate(&gzip, INFLATED_BYTES_MAX, usize::MAX).with_context(|| path.clone())?.bytes;
        batches.push(String::from_utf8(text).with_context(|| path.clone())?);
    }
    if batches.is_empty() {
        bail!("no batches given");
    }
    let project = project()?;
    let bodies = batches.iter().map(|text| body(text)).collect::<Result<Vec<_>>>()?;
    let bytes: usize = batches.iter().map(String::len).sum();
    // Without any limit, into a buffer that is as large as it has to be: there is nothing quicker to compare with.
    let inflating = quickest(|| {
        for ((_, gzip), text) in bodies.iter().zip(&batches) {
            let mut bytes = Vec::with_capacity(text.len() + 1);
            black_box(GzDecoder::new(&gzip[..]).read_to_end(&mut bytes)).ok();
        }
    });
    for (body, _) in &bodies {
        check(body, &project)?;
    }
    let admitting = quickest(|| {
        for (body, _) in &bodies {
            black_box(admit(&facts(), body, &project));
        }
    });

    let mut growth = Vec::new();
    for size in SIZES {
        let text = grown(&batches, size)?;
        let (body, _) = body(&text)?;
        check(&body, &project)?;
        let time = quickest(|| {
            black_box(admit(&facts(), &body, &project));
        });
        growth.push(json!({"bytes": text.len(), "ns_per_byte": time.as_secs_f64() * 1e9 / per(text.len())}));
    }
    let result = json!({
        "batches": batches.len(),
        "bytes": bytes,
        "inflate_mb_per_s": per(bytes) / 1e6 / inflating.as_secs_f64(),
        "admit_mb_per_s": per(bytes) / 1e6 / admitting.as_secs_f64(),
        "growth": growth,
    });
    println!("{result}");
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn per(bytes: usize) -> f64 {
    bytes as f64
}

fn project() -> Result<ProjectConfig> {
    let config = json!({
        "version": 1, "revision": 1, "project": "bench", "keys": [], "origins": ["*"], "sampling": [{"from_ms": 0, "all": 1}],
        "limits": {"compressed_bytes_max": 8 << 20, "inflated_bytes_max": INFLATED_BYTES_MAX, "ratio_max": 1_000, "events_max": 100_000},
    });
    Ok(ProjectConfig::parse(config.to_string().as_bytes())?)
}

fn facts() -> RequestFacts<'static> {
    RequestFacts {
        origin: Some("https://shop.example"),
        user_agent: Some(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
        ),
        gpc: false,
        share_key: None,
        used_bytes: 0,
        country: Some("DE"),
        edge: "bench",
        received_ms: 0,
    }
}

/// An upload of these events, and the gzip in it.
fn body(text: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let time = |line: Option<&str>| -> Result<i64> {
        let event: Value = serde_json::from_str(line.context("a batch without events")?)?;
        event["timestamp"].as_i64().context("an event without a time")
    };
    let (first_ms, last_ms) = (time(text.lines().next())?, time(text.lines().last())?);
    let start_s = u32::try_from(first_ms / 1_000)?;
    let mut key = [0; 16];
    key[..4].copy_from_slice(&start_s.to_be_bytes());
    let header = json!({
        "upload": URL_SAFE_NO_PAD.encode(key), "page": "a1B2c3D4", "seq": 0, "reason": "all", "sent": last_ms, "sdk": "bench/1",
    });
    let gzip = deflate(text.as_bytes());
    Ok(([header.to_string().as_bytes(), b"\n", &gzip].concat(), gzip))
}

fn check(body: &[u8], project: &ProjectConfig) -> Result<()> {
    match admit(&facts(), body, project) {
        // Writing a batch anew takes longer than all else: sizes are compared by batches of which none is.
        Admission::Store(chunk) if matches!(chunk.body, Cow::Borrowed(_)) => Ok(()),
        Admission::Store(chunk) => {
            bail!("a batch of {} bytes is written anew: {:?}", chunk.inflated_bytes, chunk.scrubbed)
        }
        Admission::Drop(reason) => bail!("a batch is dropped: {}", reason.as_str()),
        Admission::Refuse(refusal) => Err(refusal).context("a batch is refused"),
    }
}

/// The lines of the corpus again and again, each with something of its own, until there are so many bytes.
fn grown(batches: &[String], bytes: usize) -> Result<String> {
    let lines: Vec<&str> = batches.iter().flat_map(|text| text.lines()).collect();
    let first = lines.first().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let at_ms = first.and_then(|event| event["timestamp"].as_i64()).context("no first event")?;
    let mut text = String::with_capacity(bytes + 4096);
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    // Snapshots are as large as the smallest batch here.
    for line in lines.iter().filter(|line| line.len() < 4_000).cycle() {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut event: Value = serde_json::from_str(line)?;
        event["timestamp"] = at_ms.into();
        // Letters alone: some of so many digits would be card numbers, and be overwritten.
        let letters = format!("{noise:016x}").replace(|c: char| c.is_ascii_digit(), "x");
        event["noise"] = letters.into();
        let line = format!("{event}\n");
        if text.len() + line.len() > bytes && !text.is_empty() {
            return Ok(text);
        }
        text += &line;
    }
    bail!("the corpus has no lines that are short enough")
}

/// The quickest of many times, in time of the processor: whatever else the machine does only adds.
fn quickest(mut act: impl FnMut()) -> Duration {
    let (begun, mut best) = (Instant::now(), Duration::MAX);
    while best == Duration::MAX || begun.elapsed() < LONG_ENOUGH {
        let before = processor_time();
        act();
        best = best.min(processor_time().saturating_sub(before));
    }
    best
}

/// How long this thread has run, to the nanosecond: <https://man7.org/linux/man-pages/man3/clock_gettime.3.html>. What `/proc` tells is
/// as old as the scheduler's last look.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a thread has run for no negative time")
}
