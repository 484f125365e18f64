//! What is in a tape, for a person.

use std::io::Write;

use anyhow::{Result, bail};
use tapedeck_core::tape::Tape;

/// Prints what the tape has, and reads all of it.
///
/// # Errors
/// If the file is no tape, or one of its frames is not as the header says; the others are printed all the same.
pub(crate) fn inspect(bytes: &[u8], out: &mut impl Write) -> Result<()> {
    let tape = Tape::parse(bytes)?;
    let header = tape.header();
    let manifest = &header.manifest;
    let start_ms = manifest.started_ms;
    let seconds =
        |from_ms: i64, to_ms: i64| format!("{}.{:03}", (to_ms - from_ms) / 1000, (to_ms - from_ms) % 1000);
    writeln!(out, "session   {} of project {}", manifest.session, manifest.project)?;
    writeln!(out, "length    {} s from {start_ms} ms", seconds(start_ms, manifest.ended_ms))?;
    writeln!(out, "written   by {}, {} bytes, header {}", header.writer, bytes.len(), tape.header_bytes())?;
    let counts = &manifest.counts;
    writeln!(
        out,
        "contents  {} page loads, {} chunks, {} events, {} errors, {} users",
        manifest.pages.len(),
        counts.chunks,
        counts.events,
        counts.counts.errors,
        manifest.users.len()
    )?;
    for page in &manifest.pages {
        let url =
            page.opening.as_ref().and_then(|opening| opening.url.as_deref()).unwrap_or("unknown address");
        writeln!(out, "page      {} at {} s: {url}", page.page, seconds(start_ms, page.first_ms))?;
    }
    for gap in &manifest.gaps {
        writeln!(out, "missing   batches {} to {} of page load {}", gap.from_seq, gap.to_seq - 1, gap.page)?;
    }
    let mut damaged = 0;
    for (index, frame) in header.frames.iter().enumerate() {
        let state = match tape.frame(index) {
            Ok(_) => "sound".to_owned(),
            Err(error) => {
                damaged += 1;
                format!("DAMAGED: {error}")
            }
        };
        writeln!(
            out,
            "frame     {index}: page load {}, {} to {} s, {} events, {} of {} bytes, {state}",
            frame.page,
            seconds(start_ms, frame.first_ms),
            seconds(start_ms, frame.last_ms),
            frame.events,
            frame.bytes,
            frame.inflated_bytes
        )?;
    }
    if damaged > 0 {
        bail!("{damaged} of {} frames are damaged", header.frames.len());
    }
    tape.verify()?;
    writeln!(out, "sound     every checksum, event and time is as the header says")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = include_bytes!("../../tests/fixtures/tapes/two-pages.tape");
    const DAMAGED: &[u8] = include_bytes!("../../tests/fixtures/tapes/damaged-frame.tape");

    fn check(bytes: &[u8]) -> (String, Option<String>) {
        let mut out = Vec::new();
        let error = inspect(bytes, &mut out).err().map(|error| error.to_string());
        (String::from_utf8(out).expect("text"), error)
    }

    #[test]
    fn a_whole_tape_is_said_to_be_sound() {
        let (text, error) = check(WHOLE);
        assert_eq!(error, None);
        assert!(text.contains("contents  2 page loads, 6 chunks, "), "{text}");
        assert!(text.contains("missing   batches 3 to 3 of page load a1B2c3D4"), "{text}");
        assert!(text.ends_with("as the header says\n"), "{text}");
    }

    #[test]
    fn a_damaged_frame_is_named_and_fails() {
        let (text, error) = check(DAMAGED);
        assert_eq!(error.as_deref(), Some("1 of 4 frames are damaged"));
        assert!(text.contains("frame     2: ") && text.contains("DAMAGED: SHA-256 is "), "{text}");
        assert!(check(b"no tape").1.is_some());
    }
}
