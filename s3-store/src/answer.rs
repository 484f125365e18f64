//! What a store's answers mean.

use instant_xml::FromXml;
use percent_encoding::percent_decode_str;
use tapedeck_core::store::{Listed, StoreError};

use crate::http::HttpAnswer;

/// What S3 says when it does not do what was asked.
#[derive(FromXml)]
#[xml(rename = "Error")]
struct ErrorBody {
    #[xml(rename = "Code")]
    code: String,
}

/// A listing, as far as it is read: rusty-s3's own form of it reads what nobody here asks for, which is a hundredth of the Worker.
#[derive(FromXml)]
#[xml(rename = "ListBucketResult", ns("http://s3.amazonaws.com/doc/2006-03-01/"))]
struct ListBody {
    contents: Vec<Contents>,
    #[xml(rename = "IsTruncated")]
    is_truncated: Option<bool>,
    #[xml(rename = "NextContinuationToken")]
    next: Option<String>,
    #[xml(rename = "EncodingType")]
    encoding: Option<String>,
}

#[derive(FromXml)]
#[xml(rename = "Contents", ns("http://s3.amazonaws.com/doc/2006-03-01/"))]
struct Contents {
    #[xml(rename = "Key")]
    key: String,
    #[xml(rename = "Size")]
    size: Option<u64>,
}

impl Contents {
    /// Its key, where keys are encoded: as forms are, with `+` for a space
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>, `encoding-type`).
    fn decode_key(&mut self) {
        let spaced = self.key.replace('+', " ");
        // Untouched where that is no text.
        if let Ok(key) = percent_decode_str(&spaced).decode_utf8() {
            self.key = key.into_owned();
        }
    }
}

/// Longest word of S3's that is kept, in characters. Its own have at most 40.
const CODE_CHARS_MAX: usize = 64;

impl HttpAnswer {
    /// The version that the answer names. Only S3 answers with one: a 200 without it comes from something in between.
    pub(crate) fn etag(&self, operation: &'static str, key: &str) -> Result<String, StoreError> {
        self.headers.get("etag").cloned().ok_or_else(|| StoreError::Unavailable {
            operation,
            key: key.to_owned(),
            reason: "status 200 without an ETag".to_owned(),
        })
    }

    /// S3's word for what went wrong, if the body has one.
    pub(crate) fn error_code(&self) -> Option<String> {
        let body = str::from_utf8(&self.body).ok()?;
        let ErrorBody { code } = instant_xml::from_str(body).ok()?;
        let is_word = code.len() <= CODE_CHARS_MAX && code.bytes().all(|b| b.is_ascii_alphanumeric());
        is_word.then_some(code)
    }

    /// Whether S3 says that there is no such object. A bucket that is missing is 404 too, and means something else.
    pub(crate) fn says_no_such_key(&self) -> bool {
        self.status == 404 && self.error_code().as_deref() == Some("NoSuchKey")
    }

    /// Whether the same request may succeed when it is sent again: a conditional write that met another (409), and a store that is
    /// busy or away.
    pub(crate) fn asks_to_come_again(&self) -> bool {
        matches!(self.status, 408 | 409 | 425 | 429 | 500..)
    }

    /// Status and S3's word, for people.
    pub(crate) fn describe(&self) -> String {
        format!("status {}: {}", self.status, self.word())
    }

    pub(crate) fn refused(&self, operation: &'static str, key: &str) -> StoreError {
        StoreError::Refused { operation, key: key.to_owned(), status: self.status, reason: self.word() }
    }

    fn word(&self) -> String {
        self.error_code().unwrap_or_else(|| "no S3 error".to_owned())
    }
}

/// One page of a listing.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Objects in byte order of their keys.
    pub listed: Vec<Listed>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Why an answer is no page of a listing.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not text.
    #[error("the listing is not UTF-8 from byte {valid_bytes}")]
    Utf8 {
        /// How many bytes are.
        valid_bytes: usize,
    },
    /// Not the XML of `ListBucketResult`.
    #[error("the listing is not a ListBucketResult: {0}")]
    Form(String),
    /// An object without a size.
    #[error("{key} is listed without a size")]
    Size {
        /// Which.
        key: String,
    },
}

/// A page of a listing, out of `ListObjectsV2`'s XML.
///
/// # Errors
/// [`PageError`]
pub fn parse_page(body: &[u8]) -> Result<Page, PageError> {
    let text = str::from_utf8(body).map_err(|error| PageError::Utf8 { valid_bytes: error.valid_up_to() })?;
    let form = |error: instant_xml::Error| PageError::Form(error.to_string());
    let ListBody { contents, is_truncated, next, encoding } = instant_xml::from_str(text).map_err(form)?;
    let next = match (is_truncated, next) {
        (Some(false), _) => None,
        (_, Some(token)) if !token.is_empty() => Some(token),
        // It would seem to end here.
        (Some(true), _) => return Err(PageError::Form("truncated, and no token to go on with".to_owned())),
        (None, _) => None,
    };
    let is_encoded = encoding.as_deref() == Some("url");
    let listed = contents
        .into_iter()
        .map(|mut contents| {
            if is_encoded {
                contents.decode_key();
            }
            let Contents { key, size } = contents;
            match size {
                Some(bytes) => Ok(Listed { key, bytes, modified_ms: None }),
                None => Err(PageError::Size { key }),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Page { listed, next })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer { status, headers: BTreeMap::new(), body: body.into() }
    }

    #[test]
    fn s3s_word_is_read_out_of_its_errors() {
        let code = |body: &str| answer(404, body).error_code();
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key></Error>";
        assert_eq!(code(xml).as_deref(), Some("NoSuchKey"));
        assert_eq!(code(""), None);
        assert_eq!(code("<html>not found</html>"), None);
        // What is no word of S3's does not come into a log.
        assert_eq!(code("<Error><Code>a token: x y</Code></Error>"), None);
        assert_eq!(answer(503, "").describe(), "status 503: no S3 error");
    }

    #[test]
    fn what_asks_to_come_again() {
        for status in [408, 409, 425, 429, 500, 503, 599] {
            assert!(answer(status, "").asks_to_come_again(), "{status}");
        }
        for status in [200, 304, 307, 400, 403, 404, 412] {
            assert!(!answer(status, "").asks_to_come_again(), "{status}");
        }
    }

    #[test]
    fn pages() {
        let page = |contents: &str| {
            let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
            parse_page(
                format!("<ListBucketResult xmlns=\"{namespace}\">{contents}</ListBucketResult>").as_bytes(),
            )
        };
        assert_eq!(page("").expect("no objects"), Page { listed: vec![], next: None });
        let object = |size: &str| {
            format!(
                "<Contents><ETag>\"1\"</ETag><Key>a</Key><LastModified>2026-01-01T00:00:00Z</LastModified>{size}</Contents>"
            )
        };
        let next = "<NextContinuationToken>t</NextContinuationToken>";
        assert_eq!(
            page(&format!("{}{next}", object("<Size>7</Size>"))).expect("one object"),
            Page {
                listed: vec![Listed { key: "a".to_owned(), bytes: 7, modified_ms: None }],
                next: Some("t".to_owned())
            }
        );
        let encoded = object("<Size>7</Size>").replace("<Key>a<", "<Key>a+b%2Bc%C3%A9%25<");
        let keys = |xml: &str| page(xml).expect("one object").listed[0].key.clone();
        assert_eq!(keys(&encoded), "a+b%2Bc%C3%A9%25");
        assert_eq!(keys(&format!("{encoded}<EncodingType>url</EncodingType>")), "a b+cé%");
        let plus = object("<Size>7</Size>").replace("<Key>a<", "<Key>a+b<");
        assert_eq!(keys(&format!("{plus}<EncodingType>url</EncodingType>")), "a b");
        for (truncated, token, expected) in [
            ("false", "t", Some(None)),
            ("true", "t", Some(Some("t"))),
            ("true", "", None),
            ("no", "t", None),
        ] {
            let found = page(&format!(
                "<IsTruncated>{truncated}</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
            ));
            assert_eq!(found.ok().map(|page| page.next), expected.map(|next| next.map(str::to_owned)));
        }
        assert_eq!(page(&object("")).expect_err("no size").to_string(), "a is listed without a size");
        assert!(matches!(page(&object("<Size>-7</Size>")), Err(PageError::Form(_))));
    }

    #[test]
    fn what_is_no_page() {
        for body in ["", "<html>", "<ListBucketResult>", "<Error><Code>NoSuchKey</Code></Error>"] {
            assert!(matches!(parse_page(body.as_bytes()), Err(PageError::Form(_))), "{body}");
        }
        assert!(matches!(parse_page(b"<\xff"), Err(PageError::Utf8 { valid_bytes: 1 })));
    }
}
