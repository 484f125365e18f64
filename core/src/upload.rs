//! An upload's body: a header line, then the batch (`spec/upload.md`).

use serde::Deserialize;

use crate::ids::{PageId, Seq, UploadKey};
use crate::sampling::Reason;
use crate::text::bounded;

/// Longest header line in bytes, without its newline.
pub const HEADER_BYTES_MAX: usize = 4096;

/// Most segments in a header.
pub const SEGMENTS_MAX: usize = 8;

/// Longest segment name, and longest `sdk`, in characters.
pub const LABEL_CHARS_MAX: usize = 64;

/// Why a body has no usable header. The client can mend it.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// No newline within the longest header.
    #[error("no newline in the first {} bytes, expected a header line of at most {HEADER_BYTES_MAX} bytes", .found.min(&(HEADER_BYTES_MAX + 1)))]
    NoLine {
        /// How many bytes the body has.
        found: usize,
    },
    /// Not the JSON object that the spec asks for.
    #[error("header is not of the form in spec/upload.md: {0}")]
    Form(#[from] serde_json::Error),
    /// More or longer labels than allowed.
    #[error("{field} has {found}, limit is {max}")]
    TooMany {
        /// Which field.
        field: &'static str,
        /// How many.
        found: usize,
        /// At most.
        max: usize,
    },
}

/// First line of an upload: whose batch it is. Never stored.
#[derive(Debug, Clone)]
pub struct Header {
    /// The secret that writes into the session.
    pub upload: UploadKey,
    /// The page load.
    pub page: PageId,
    /// Which of its batches.
    pub seq: Seq,
    /// Why this session is recorded.
    pub reason: Reason,
    /// The client's clock when the batch was sealed, Unix milliseconds.
    pub sent_ms: i64,
    /// `name/version` of the recorder.
    pub sdk: Option<String>,
    /// Segments that the visitor is in.
    pub segments: Vec<String>,
    /// What the visitor said when asked; `None` if not asked.
    pub consent: Option<bool>,
    /// A support ticket, as it was sent: not yet verified.
    pub support: Option<String>,
}

#[derive(Deserialize)]
struct WireHeader {
    upload: String,
    page: PageId,
    seq: Seq,
    reason: Reason,
    sent: i64,
    sdk: Option<String>,
    #[serde(default)]
    segments: Vec<String>,
    consent: Option<bool>,
    support: Option<String>,
}

/// The header and the batch behind it.
///
/// # Errors
/// [`HeaderError`] for a line that is missing, too long or of another form. The text never shows the upload key.
pub fn parse_upload(body: &[u8]) -> Result<(Header, &[u8]), HeaderError> {
    let head = &body[..body.len().min(HEADER_BYTES_MAX + 1)];
    let end = memchr::memchr(b'\n', head).ok_or(HeaderError::NoLine { found: body.len() })?;
    let wire: WireHeader = serde_json::from_slice(&body[..end])?;
    let upload = wire.upload.parse().map_err(serde::de::Error::custom).map_err(HeaderError::Form)?;
    if wire.segments.len() > SEGMENTS_MAX {
        let found = wire.segments.len();
        return Err(HeaderError::TooMany { field: "segments", found, max: SEGMENTS_MAX });
    }
    for name in &wire.segments {
        let found = name.chars().count();
        if found > LABEL_CHARS_MAX {
            return Err(HeaderError::TooMany { field: "segment name", found, max: LABEL_CHARS_MAX });
        }
    }
    let header = Header {
        upload,
        page: wire.page,
        seq: wire.seq,
        reason: wire.reason,
        sent_ms: wire.sent,
        sdk: wire.sdk.map(|sdk| bounded(&sdk, LABEL_CHARS_MAX)),
        segments: wire.segments,
        consent: wire.consent,
        support: wire.support,
    };
    Ok((header, &body[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = r#"{"upload":"ZVPxAAABAgMEBQYHCAkKCw","page":"a1B2c3D4","seq":0,"reason":"all","sent":1700000004321}"#;

    fn error(header: &str) -> String {
        parse_upload(format!("{header}\nbatch").as_bytes()).map(|_| ()).expect_err(header).to_string()
    }

    #[test]
    fn header_and_batch() {
        let body = format!("{HEADER}\nbatch\nmore");
        let (header, batch) = parse_upload(body.as_bytes()).expect("a header");
        assert_eq!(header.upload.session().start_s(), 1_700_000_000);
        assert_eq!(header.sent_ms, 1_700_000_004_321);
        assert_eq!(batch, b"batch\nmore");
    }

    #[test]
    fn unknown_fields_are_borne() {
        let header = HEADER.replace(r#""seq""#, r#""new":{"a":[1]},"seq""#);
        assert!(parse_upload(format!("{header}\n").as_bytes()).is_ok());
    }

    #[test]
    fn the_line_has_a_limit() {
        let pad = |n: usize| format!("{HEADER}{}\n", " ".repeat(n - HEADER.len()));
        assert!(parse_upload(pad(HEADER_BYTES_MAX).as_bytes()).is_ok());
        assert!(parse_upload(pad(HEADER_BYTES_MAX + 1).as_bytes()).is_err());
        assert_eq!(
            parse_upload(b"").map(|_| ()).expect_err("empty").to_string(),
            "no newline in the first 0 bytes, expected a header line of at most 4096 bytes"
        );
    }

    #[test]
    fn errors_name_the_field_and_hide_the_key() {
        let text = error(&HEADER.replace("ZVPxAAABAgMEBQYHCAkKCw", "ZVPxAAABAgMEBQYHCAkKC"));
        assert!(text.contains("upload key") && !text.contains("ZVPx"), "{text}");
        assert!(error(&HEADER.replace(r#""all""#, r#""everything""#)).contains("everything"));
        assert!(error(&HEADER.replace(r#""page":"a1B2c3D4","#, "")).contains("page"));
        assert!(error(&HEADER.replace(r#""seq":0"#, r#""seq":100000"#)).contains("100000"));
        assert!(error(&HEADER.replace(r#""seq":0"#, r#""seq":-1"#)).contains("-1"));
        assert!(error("[]").contains("spec/upload.md"));
    }

    #[test]
    fn labels_have_limits() {
        let with = |names: &[String]| {
            HEADER.replace(
                r#""seq""#,
                &format!(r#""segments":{},"seq""#, serde_json::to_string(names).expect("json")),
            )
        };
        let name = "n".repeat(LABEL_CHARS_MAX);
        assert!(parse_upload(format!("{}\n", with(&vec![name.clone(); SEGMENTS_MAX])).as_bytes()).is_ok());
        assert_eq!(error(&with(&vec![name.clone(); SEGMENTS_MAX + 1])), "segments has 9, limit is 8");
        assert_eq!(error(&with(&[name + "n"])), "segment name has 65, limit is 64");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_upload(&body);
        }
    }
}
