//! What goes back to the client.

use tapedeck_core::reply::Reply;
use worker::{Headers, Response, ResponseBuilder};

/// On every answer, errors included. Uploads and viewers come from other origins and without cookies, so there is nothing
/// to mirror an origin for (`spec/upload.md`, `spec/viewer-api.md`).
const HEADERS: [(&str, &str); 6] = [
    ("access-control-allow-origin", "*"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("referrer-policy", "no-referrer"),
    // Browsers heed it only over TLS.
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
];

/// An answer before it is sent.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// What a log calls it: an outcome, a reason or an error code.
    pub(crate) outcome: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Answer {
    /// 200 with JSON that nobody may keep.
    pub(crate) fn ok(body: String) -> Self {
        let headers =
            vec![("cache-control", "no-store".to_owned()), ("content-type", "application/json".to_owned())];
        Self { status: 200, outcome: "ok".to_owned(), headers, body: Some(body) }
    }

    /// 202: it was written down, and will be done.
    pub(crate) fn accepted(body: String) -> Self {
        Self { status: 202, outcome: "accepted".to_owned(), ..Self::ok(body) }
    }

    /// 204 with the methods and headers that a browser may use, on any path.
    pub(crate) fn preflight() -> Self {
        let headers = vec![
            ("access-control-allow-headers", "authorization, content-type".to_owned()),
            ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS".to_owned()),
            ("access-control-max-age", "86400".to_owned()),
        ];
        Self { status: 204, outcome: "ok".to_owned(), headers, body: None }
    }

    /// An error that the client can mend, or has to live with: `code` for programs, `detail` for people.
    pub(crate) fn error(status: u16, code: &str, detail: &str) -> Self {
        Reply::error(status, code, detail).into()
    }

    /// The same with this value of a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(there, _)| *there != name);
        self.headers.push((name, value.into()));
        self
    }

    /// As the platform wants it.
    ///
    /// # Errors
    /// None in practice: all names and values are plain ASCII.
    pub(crate) fn into_response(self) -> worker::Result<Response> {
        let headers = Headers::new();
        for (name, value) in HEADERS {
            headers.set(name, value)?;
        }
        for (name, value) in &self.headers {
            headers.set(name, value)?;
        }
        let builder = ResponseBuilder::new().with_status(self.status).with_headers(headers);
        Ok(match self.body {
            Some(body) => builder.fixed(body.into_bytes()),
            None => builder.empty(),
        })
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let Reply { status, body, retry_after_s } = reply;
        // The most telling word of the reply: which limit, why, what is wrong, or what became of it.
        let outcome = ["limit", "reason", "error", "outcome"].iter().find_map(|name| body[name].as_str());
        let outcome = outcome.unwrap_or_default().to_owned();
        let answer = Self { status, outcome, ..Self::ok(body.to_string()) };
        match retry_after_s {
            Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
            None => answer,
        }
    }
}
