//! A tape as the JSON array of events that rrweb's players take.

use std::io::Write;

use anyhow::{Context as _, Result};
use tapedeck_core::event_line::parse_event_line;
use tapedeck_core::tape::Tape;

/// Writes the events of one page load, or of all, in order of time; of one moment in the tape's order.
///
/// # Errors
/// If the tape is not sound, or there is nowhere to write to.
pub(crate) fn events(bytes: &[u8], page: Option<&str>, out: &mut (impl Write + ?Sized)) -> Result<()> {
    let tape = Tape::parse(bytes)?;
    let mut lines: Vec<(i64, String)> = Vec::new();
    for index in tape.header().by_position() {
        let frame = &tape.header().frames[index];
        if page.is_some_and(|page| page != frame.page.as_str()) {
            continue;
        }
        let text = tape.frame(index).with_context(|| format!("frame {index}"))?;
        for line in text.lines() {
            lines.push((parse_event_line(line)?.at_ms, line.to_owned()));
        }
    }
    lines.sort_by_key(|(at_ms, _)| *at_ms);
    out.write_all(b"[")?;
    for (index, (_, line)) in lines.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        out.write_all(line.as_bytes())?;
    }
    out.write_all(b"\n]\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const WHOLE: &[u8] = include_bytes!("../../tests/fixtures/tapes/two-pages.tape");

    #[test]
    fn events_are_in_order_of_time() {
        let count = |page| {
            let mut out = Vec::new();
            events(WHOLE, page, &mut out).expect("sound");
            let events: Vec<Value> = serde_json::from_slice(&out).expect("an array");
            let times: Vec<i64> = events.iter().filter_map(|event| event["timestamp"].as_i64()).collect();
            assert!(times.is_sorted());
            events.len()
        };
        assert_eq!(count(None), count(Some("a1B2c3D4")) + count(Some("Zz9Yy8Xx")));
    }
}
