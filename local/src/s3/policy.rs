//! Who may do what, as the bucket's policy and the parts' roles say it in a cloud.

use http::HeaderMap;

/// A part's access key, and what it allows.
#[derive(Clone)]
pub struct Credential {
    /// The part it belongs to; names it in [`super::Counters`].
    pub part: String,
    /// Public half.
    pub access_key_id: String,
    /// Secret half.
    pub secret_access_key: String,
    /// What it allows.
    pub policy: Policy,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("part", &self.part)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// What is allowed; everything else is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(Vec<Grant>);

/// One thing that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Everything.
    All,
    /// To list the bucket. With it, a missing object is a 404; AWS answers 403 to who may not list.
    List,
    /// To read objects under a prefix.
    Read(&'static str),
    /// To create objects under a prefix, with `If-None-Match: *` and not otherwise (condition key `s3:if-none-match`).
    Create(&'static str),
    /// To create and replace objects under a prefix.
    Write(&'static str),
    /// To delete objects under a prefix.
    Delete(&'static str),
}

impl Policy {
    /// Exactly these grants.
    #[must_use]
    pub fn new(grants: impl Into<Vec<Grant>>) -> Self {
        Self(grants.into())
    }

    /// The owner's.
    #[must_use]
    pub fn admin() -> Self {
        Self::new([Grant::All])
    }

    /// The edge's: it creates chunks and requests, reads what it signs for, and cannot overwrite or delete.
    #[must_use]
    pub fn edge() -> Self {
        Self::new([
            Grant::List,
            Grant::Read("config/"),
            Grant::Read("chunks/"),
            Grant::Read("manifests/"),
            Grant::Read("index/"),
            Grant::Read("archive/"),
            Grant::Read("usage/"),
            Grant::Read("requests/"),
            Grant::Read("erasures/"),
            Grant::Create("chunks/"),
            Grant::Create("requests/"),
            Grant::Create("audit/"),
        ])
    }

    /// The indexer's: it reads what the edge wrote, and writes what is derived from it.
    #[must_use]
    pub fn indexer() -> Self {
        Self::new([
            Grant::List,
            Grant::Read("config/"),
            Grant::Read("chunks/"),
            Grant::Read("requests/"),
            Grant::Read("manifests/"),
            Grant::Write("manifests/"),
        ])
    }

    /// Whether a request is allowed. `operation` is S3's name for it; `key` is absent where it concerns the bucket.
    #[must_use]
    pub fn allows(&self, operation: &str, key: Option<&str>, headers: &HeaderMap) -> bool {
        let creates = headers.get(http::header::IF_NONE_MATCH).is_some_and(|value| value == "*");
        let under = |prefix: &str| key.is_some_and(|key| key.starts_with(prefix));
        self.0.iter().any(|grant| match *grant {
            Grant::All => true,
            Grant::List => matches!(operation, "ListObjectsV2" | "HeadBucket"),
            Grant::Read(prefix) => matches!(operation, "GetObject" | "HeadObject") && under(prefix),
            Grant::Create(prefix) => operation == "PutObject" && creates && under(prefix),
            Grant::Write(prefix) => operation == "PutObject" && under(prefix),
            Grant::Delete(prefix) => operation == "DeleteObject" && under(prefix),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &Policy, operation: &str, key: &str, if_none_match: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        if let Some(value) = if_none_match {
            headers.insert(http::header::IF_NONE_MATCH, value.parse().unwrap());
        }
        assert_eq!(
            policy.allows(operation, Some(key), &headers),
            expected,
            "{operation} {key} {if_none_match:?}"
        );
    }

    #[test]
    fn the_edge_creates_and_never_replaces_or_deletes() {
        let edge = Policy::edge();
        check(&edge, "PutObject", "chunks/x", Some("*"), true);
        check(&edge, "PutObject", "requests/x", Some("*"), true);
        check(&edge, "PutObject", "chunks/x", None, false);
        check(&edge, "PutObject", "chunks/x", Some("\"etag\""), false);
        check(&edge, "PutObject", "manifests/x", Some("*"), false);
        check(&edge, "DeleteObject", "chunks/x", None, false);
        check(&edge, "GetObject", "chunks/x", None, true);
        check(&edge, "GetObject", "audit/x", None, false);
    }

    #[test]
    fn the_indexer_writes_manifests_and_only_reads_chunks() {
        let indexer = Policy::indexer();
        check(&indexer, "PutObject", "manifests/x", None, true);
        check(&indexer, "PutObject", "chunks/x", Some("*"), false);
        check(&indexer, "GetObject", "chunks/x", None, true);
        check(&indexer, "DeleteObject", "manifests/x", None, false);
    }
}
