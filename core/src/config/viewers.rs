//! Who may watch, and what each may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{ConfigError, check_count, check_text, wrong};

/// Most viewers, and most groups.
pub const VIEWERS_MAX: usize = 500;

/// Longest name of a viewer or group, and longest audience, in characters.
const NAME_CHARS_MAX: usize = 200;

/// One who may watch: known by the digest of a bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// For people: whose token it is.
    pub name: String,
    /// SHA-256 of the token's UTF-8 bytes, 64 lower-case hex digits.
    pub sha256: String,
    /// What the holder may do.
    pub role: Role,
    /// Unix milliseconds from which the token is void; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
}

impl Viewer {
    pub(super) fn validate(&self, field: &str) -> Result<(), ConfigError> {
        check_text(&format!("{field}.name"), &self.name, NAME_CHARS_MAX)?;
        let is_digest =
            self.sha256.len() == 64 && self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_digest {
            return Ok(());
        }
        // The value stays out of the text: somebody may have put the token itself here.
        Err(wrong(
            format!("{field}.sha256"),
            format!("{} characters", self.sha256.len()),
            "64 lower-case hex digits: the SHA-256 of the token",
        ))
    }
}

/// What a viewer may do: each role also what the one before it may (`spec/viewer-api.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watch.
    Viewer,
    /// Share, pin, and ask visitors to be recorded.
    Support,
    /// Erase.
    Admin,
}

/// Cloudflare Access in front of viewers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessConfig {
    /// `https://{team}.cloudflareaccess.com`: issues assertions, and has the keys that they are signed with.
    pub team: String,
    /// The application's tag, which an assertion must be for.
    pub audience: String,
    /// What members of a group may do.
    pub groups: BTreeMap<String, Role>,
}

impl AccessConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let url = Url::parse(&self.team).ok();
        let is_team = url.as_ref().is_some_and(|url| {
            // Without TLS anybody on the way could give out keys of his own. On one machine there is nobody on the way.
            let is_private = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
            is_private && url.origin().ascii_serialization() == self.team
        });
        if !is_team {
            return Err(wrong("access.team", format!("{:?}", self.team), "https://host, nothing behind it"));
        }
        check_text("access.audience", &self.audience, NAME_CHARS_MAX)?;
        check_count("access.groups", self.groups.len(), VIEWERS_MAX)?;
        if self.groups.is_empty() {
            return Err(wrong("access.groups", "empty", "at least one group"));
        }
        self.groups.keys().try_for_each(|name| check_text("access.groups", name, NAME_CHARS_MAX))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
