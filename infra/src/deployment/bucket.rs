//! The bucket: who reads it from pages, what it announces, how long things live in it.

use serde::Deserialize;
use serde_json::Value;

use super::{DeploymentError, arn_of};
use crate::pattern::matches;
use crate::template::Resolved;

/// A bucket as the template describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Which pages may read it.
    pub cors: Vec<Cors>,
    /// What it announces.
    pub notifications: Vec<Notification>,
    /// How long objects live.
    pub lifetimes: Vec<Lifetime>,
}

/// One rule of cross-origin requests.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Cors {
    /// For people.
    pub id: Option<String>,
    /// As browsers write them.
    pub allowed_origins: Vec<String>,
    /// `GET` …
    pub allowed_methods: Vec<String>,
    /// In lower case.
    #[serde(default)]
    pub allowed_headers: Vec<String>,
    /// What scripts may read of a reply.
    #[serde(default)]
    pub exposed_headers: Vec<String>,
    /// For how many seconds a browser need not ask again.
    #[serde(default)]
    pub max_age: u32,
}

impl Cors {
    /// Whether a page of `origin` may send a request of this method with these headers.
    #[must_use]
    pub fn allows<'a>(&self, origin: &str, method: &str, headers: impl IntoIterator<Item = &'a str>) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
        any(&self.allowed_origins, origin)
            && self.allowed_methods.iter().any(|allowed| allowed == method)
            && headers.into_iter().all(|header| any(&self.allowed_headers, &header.to_ascii_lowercase()))
    }
}

/// A kind of event under a prefix, and the queue that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// `s3:ObjectCreated:*`
    pub event: String,
    /// Of keys.
    pub prefix: String,
    /// Of keys.
    pub suffix: String,
    /// ARN.
    pub queue: String,
}

impl Notification {
    /// Whether an event (`ObjectCreated:Put`) for `key` is announced.
    #[must_use]
    pub fn announces(&self, event: &str, key: &str) -> bool {
        let named = self.event.strip_prefix("s3:").unwrap_or(&self.event);
        let is_kind = named.strip_suffix('*').map_or(named == event, |kind| event.starts_with(kind));
        is_kind && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// Objects under a prefix go after so many days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Of keys.
    pub prefix: String,
    /// From the last write.
    pub days: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawBucket {
    bucket_name: String,
    // Asserted on in tests; nothing on one machine acts on these three.
    #[serde(rename = "BucketEncryption")]
    _bucket_encryption: Value,
    #[serde(rename = "PublicAccessBlockConfiguration")]
    _public_access_block_configuration: Value,
    #[serde(rename = "OwnershipControls")]
    _ownership_controls: Value,
    #[serde(default)]
    cors_configuration: RawCors,
    #[serde(default)]
    notification_configuration: RawNotifications,
    #[serde(default)]
    lifecycle_configuration: RawLifecycle,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawCors {
    cors_rules: Vec<Cors>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawNotifications {
    #[serde(default)]
    queue_configurations: Vec<RawNotification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawNotification {
    event: String,
    queue: String,
    #[serde(default)]
    filter: RawFilter,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFilter {
    #[serde(rename = "S3Key")]
    key: RawKeyFilter,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawKeyFilter {
    rules: Vec<RawFilterRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawFilterRule {
    name: FilterKind,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FilterKind {
    Prefix,
    Suffix,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawLifecycle {
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawRule {
    #[serde(rename = "Id")]
    _id: String,
    status: Status,
    prefix: Option<String>,
    expiration_in_days: Option<u32>,
    // There are no multipart uploads on one machine.
    #[serde(rename = "AbortIncompleteMultipartUpload")]
    _abort_incomplete_multipart_upload: Option<Value>,
}

#[derive(Deserialize, PartialEq)]
enum Status {
    Enabled,
    Disabled,
}

impl Bucket {
    pub(super) fn read(resolved: &Resolved, name: &str) -> Result<Self, DeploymentError> {
        let raw: RawBucket = resolved.properties(name)?;
        let notifications = raw
            .notification_configuration
            .queue_configurations
            .into_iter()
            .map(|raw| {
                let mut notification = Notification {
                    event: raw.event,
                    prefix: String::new(),
                    suffix: String::new(),
                    queue: raw.queue,
                };
                for rule in raw.filter.key.rules {
                    match rule.name {
                        FilterKind::Prefix => notification.prefix = rule.value,
                        FilterKind::Suffix => notification.suffix = rule.value,
                    }
                }
                notification
            })
            .collect();
        let lifetimes = raw
            .lifecycle_configuration
            .rules
            .into_iter()
            .filter(|rule| rule.status == Status::Enabled)
            .filter_map(|rule| {
                Some(Lifetime { prefix: rule.prefix.unwrap_or_default(), days: rule.expiration_in_days? })
            })
            .collect();
        Ok(Self {
            arn: arn_of(resolved, "s3", &raw.bucket_name),
            name: raw.bucket_name,
            cors: raw.cors_configuration.cors_rules,
            notifications,
            lifetimes,
        })
    }

    /// How many days an object of this key lives: the shortest of the rules that fit, as S3 does.
    #[must_use]
    pub fn days(&self, key: &str) -> Option<u32> {
        let fit = self.lifetimes.iter().filter(|lifetime| key.starts_with(&lifetime.prefix));
        fit.map(|lifetime| lifetime.days).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_by_origin_method_and_headers() {
        let rule = Cors {
            id: None,
            allowed_origins: vec!["https://player.example".to_owned(), "https://*.acme.example".to_owned()],
            allowed_methods: vec!["GET".to_owned()],
            allowed_headers: vec!["range".to_owned(), "x-amz-*".to_owned()],
            exposed_headers: Vec::new(),
            max_age: 0,
        };
        let check = |origin: &str, method: &str, headers: &[&str], expected: bool| {
            assert_eq!(rule.allows(origin, method, headers.iter().copied()), expected, "{origin} {method}");
        };
        check("https://player.example", "GET", &["Range"], true);
        check("https://a.acme.example", "GET", &["x-amz-date"], true);
        check("https://player.example.evil", "GET", &[], false);
        check("https://player.example", "PUT", &[], false);
        check("https://player.example", "GET", &["authorization"], false);
    }

    #[test]
    fn events_are_announced_by_kind_and_place() {
        let of = |event: &str, prefix: &str, suffix: &str| Notification {
            event: event.to_owned(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            queue: String::new(),
        };
        let check = |notification: Notification, event: &str, key: &str, expected: bool| {
            assert_eq!(notification.announces(event, key), expected, "{notification:?} {event} {key}");
        };
        check(of("s3:ObjectCreated:*", "chunks/", ""), "ObjectCreated:Put", "chunks/a", true);
        check(of("s3:ObjectCreated:Copy", "chunks/", ""), "ObjectCreated:Put", "chunks/a", false);
        check(of("s3:ObjectCreated:*", "chunks/", ""), "ObjectCreated:Put", "requests/a", false);
        check(of("s3:ObjectCreated:*", "", ".gz"), "ObjectCreated:Put", "chunks/a.json", false);
        check(of("s3:ObjectRemoved:*", "chunks/", ""), "ObjectCreated:Put", "chunks/a", false);
    }
}
