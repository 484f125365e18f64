//! Which web origins may upload: patterns with one `*` per label (`spec/config.md`).

use serde::{Deserialize, Serialize};
use url::Url;

/// Why a text is no origin pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("origin {found:?} is not scheme://host or scheme://host:port with http or https")]
pub struct OriginPatternError {
    found: String,
}

/// `scheme://host[:port]`, in which a label or the port may be `*`; or `*` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OriginPattern {
    /// Every origin, and requests that name none.
    Any,
    /// One scheme, with patterns for labels and port.
    Of {
        /// `http` or `https`.
        scheme: String,
        /// The host's labels from left to right; `*` stands for exactly one.
        labels: Vec<String>,
        /// `None` for any port.
        port: Option<u16>,
    },
}

impl TryFrom<String> for OriginPattern {
    type Error = OriginPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let error = || OriginPatternError { found: text.chars().take(256).collect() };
        let (scheme, rest) = text.split_once("://").ok_or_else(error)?;
        let default_port = default_port(scheme).ok_or_else(error)?;
        // An IPv6 address has colons of its own, inside brackets.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match port {
            None => Some(default_port),
            Some("*") => None,
            Some(digits) => Some(digits.parse().map_err(|_| error())?),
        };
        // Checked by the parser that browsers' origins go through, with the wildcards filled in.
        let concrete = Url::parse(&format!("{scheme}://{}", host.replace('*', "x"))).map_err(|_| error())?;
        let labels: Vec<String> = host.to_ascii_lowercase().split('.').map(str::to_owned).collect();
        let wildcards_are_whole = labels.iter().all(|label| label == "*" || !label.contains('*'));
        if concrete.host_str() != Some(&labels.join(".").replace('*', "x"))
            || !wildcards_are_whole
            || concrete.path() != "/"
            || concrete.port().is_some()
        {
            return Err(error());
        }
        Ok(Self::Of { scheme: scheme.to_owned(), labels, port })
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> Self {
        match pattern {
            OriginPattern::Any => "*".to_owned(),
            OriginPattern::Of { scheme, labels, port } => {
                let host = labels.join(".");
                match port {
                    None => format!("{scheme}://{host}:*"),
                    Some(port) if default_port(&scheme) == Some(port) => format!("{scheme}://{host}"),
                    Some(port) => format!("{scheme}://{host}:{port}"),
                }
            }
        }
    }
}

impl OriginPattern {
    /// Whether a request's `Origin` header passes. `None` (no header) and `null` pass only [`OriginPattern::Any`].
    #[must_use]
    pub fn allows(&self, origin: Option<&str>) -> bool {
        let Self::Of { scheme, labels, port } = self else {
            return true;
        };
        let Some(url) = origin.and_then(|origin| Url::parse(origin).ok()) else {
            return false;
        };
        let Some(host) = url.host_str() else {
            return false;
        };
        let mut found = host.split('.');
        url.scheme() == scheme
            && port.is_none_or(|port| url.port_or_known_default() == Some(port))
            && labels.iter().all(|label| {
                found.next().is_some_and(|l| if label == "*" { !l.is_empty() } else { l == label })
            })
            && found.next().is_none()
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, allowed: &[&str], refused: &[&str]) {
        let parsed = OriginPattern::try_from(pattern.to_owned()).expect(pattern);
        assert_eq!(String::from(parsed.clone()), pattern);
        for origin in allowed {
            assert!(parsed.allows(Some(origin)), "{pattern} refuses {origin}");
        }
        for origin in refused {
            assert!(!parsed.allows(Some(origin)), "{pattern} allows {origin}");
        }
    }

    #[test]
    fn patterns() {
        check(
            "https://shop.example",
            &["https://shop.example", "https://shop.example:443", "https://SHOP.example"],
            &[
                "http://shop.example",
                "https://shop.example:8443",
                "https://a.shop.example",
                "https://shop.example.evil.example",
                "https://evilshop.example",
                "null",
                "",
            ],
        );
        check(
            "https://*.shop.example",
            &["https://www.shop.example"],
            &["https://shop.example", "https://a.b.shop.example", "https://.shop.example"],
        );
        check(
            "http://localhost:*",
            &["http://localhost", "http://localhost:8081"],
            &["https://localhost:8081", "http://localhost.evil.example"],
        );
        check("http://[::1]:*", &["http://[::1]:80", "http://[::1]:8081"], &["http://[::2]:80"]);
        check("*", &["https://anything.example", "null"], &[]);
        assert!(OriginPattern::Any.allows(None));
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "",
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/path",
            "https://w*.shop.example",
            "https://shop.example:port",
            "https://user@shop.example",
            "https://shop.example:99999",
            "https://shop.example?x",
        ] {
            assert!(OriginPattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_panic(pattern in ".{0,60}", origin in ".{0,60}") {
            if let Ok(pattern) = OriginPattern::try_from(pattern) {
                let _ = pattern.allows(Some(&origin));
            }
        }
    }
}
