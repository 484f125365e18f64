//! Memory that a summary takes, from the kernel: the process's largest resident set.

use std::fmt::Write as _;
use std::hint::black_box;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tapedeck_core::config::Limits;
use tapedeck_core::inflate::deflate;

use crate::cpu::summary_of;

/// Summarises the largest chunk of a shape that is admitted. In a process of its own.
pub(crate) fn memory(shape: &str) -> Result<Value> {
    let max = Limits::CEILING.inflated_bytes_max;
    let gzip = {
        let text = match shape {
            "mutations" => {
                let mut noise = 1_u64;
                let mut text = String::with_capacity(max);
                while text.len() + 200 < max {
                    noise =
                        noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    writeln!(
                        text,
                        "{{\"type\":3,\"data\":{{\"source\":0,\"texts\":[{{\"id\":{},\"value\":\"{noise:016x}\"}}]}},\"timestamp\":1700000000000}}",
                        noise % 1_000
                    )?;
                }
                text
            }
            "snapshot" => {
                one_event(max, r#"{"type":2,"data":{"node":[""#, r#""]},"timestamp":1700000000000}"#)
            }
            "custom" => one_event(
                max,
                r#"{"type":5,"timestamp":1700000000000,"data":{"tag":"tapedeck.custom","payload":{"name":""#,
                r#""}}}"#,
            ),
            "clicks" => {
                let line = "{\"type\":3,\"data\":{\"source\":2,\"type\":2,\"id\":91,\"x\":87,\"y\":207},\"timestamp\":1700000000000}\n";
                line.repeat(max / line.len())
            }
            // The most members that a line may have which is still looked into.
            "members" => {
                let start = r#"{"type":5,"timestamp":1700000000000,"data":{"tag":"tapedeck.custom","payload":{"name":["#;
                let line = format!("{start}{}0]}}}}}}\n", "0,".repeat((1 << 19) - 100));
                line.repeat(max / line.len())
            }
            _ => bail!("expected mutations, snapshot, custom, clicks or members, found {shape}"),
        };
        deflate(text.as_bytes())
    };
    let before = resident("VmRSS")?;
    // The largest so far is forgotten: proc(5), clear_refs.
    std::fs::write("/proc/self/clear_refs", "5").context("the kernel keeps the largest resident set")?;
    let summary = black_box(summary_of(&gzip)?);
    let peak = resident("VmHWM")?;
    Ok(json!({
        "shape": shape,
        "events": summary.facts.events,
        "inflated_bytes": summary.facts.inflated_bytes,
        "stored_bytes": gzip.len(),
        "peak_bytes": gzip.len() as u64 + peak.saturating_sub(before),
    }))
}

fn one_event(bytes: usize, start: &str, end: &str) -> String {
    format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
}

fn resident(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("a number of kB")?;
    Ok(kib.trim().parse::<u64>()? * 1024)
}
