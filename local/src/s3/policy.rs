//! Who may do what: the template's policies, asked for each call.

use http::HeaderMap;
use tapedeck_infra::iam::Caller;

use crate::clock::now_ms;
use crate::cloud::{Cloud, secure};

/// A part's access key, and who that is.
#[derive(Clone)]
pub struct Credential {
    /// The part it belongs to; names it in [`super::Counters`].
    pub part: String,
    /// Public half.
    pub access_key_id: String,
    /// Secret half.
    pub secret_access_key: String,
    /// Its user or role in the template. Without one it is the bucket's owner, who may do everything.
    pub caller: Option<Caller>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("part", &self.part)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// The action that IAM knows an operation of S3 by, and whether it concerns an object.
fn action(operation: &str) -> Option<(&'static str, bool)> {
    Some(match operation {
        "GetObject" | "HeadObject" => ("s3:GetObject", true),
        "PutObject" | "CopyObject" => ("s3:PutObject", true),
        "DeleteObject" => ("s3:DeleteObject", true),
        "ListObjectsV2" | "HeadBucket" => ("s3:ListBucket", false),
        _ => return None,
    })
}

impl Credential {
    /// Whether the policies allow an operation of S3. `key` is absent where it concerns the bucket; `signed_ms` is when a URL
    /// was signed, Unix ms, where it is one.
    #[must_use]
    pub fn may(
        &self,
        cloud: &Cloud,
        operation: &str,
        key: Option<&str>,
        headers: &HeaderMap,
        signed_ms: Option<u64>,
    ) -> bool {
        let Some(caller) = &self.caller else { return true };
        // Each of its keys is asked for on its own.
        if operation == "DeleteObjects" {
            return true;
        }
        let Some((action, of_object)) = action(operation) else { return false };
        let bucket = &cloud.deployment.bucket.arn;
        let resource = match (of_object, key) {
            (true, Some(key)) => format!("{bucket}/{key}"),
            (true, None) => return false,
            (false, _) => bucket.clone(),
        };
        let mut context = vec![secure()];
        if let Some(value) = headers.get(http::header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) {
            context.push(("s3:if-none-match", value.to_owned()));
        }
        if let Some(signed_ms) = signed_ms {
            context.push(("s3:signatureage", now_ms().saturating_sub(signed_ms).to_string()));
        }
        cloud.allows(caller, action, &resource, &context)
    }
}

/// When a URL was signed, by its query: `X-Amz-Date=20261121T120000Z`.
pub(super) fn signed_ms(query: &str) -> Option<u64> {
    let (_, date) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "X-Amz-Date")?;
    let at: jiff::Timestamp =
        jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &*date).ok()?.in_tz("UTC").ok()?.timestamp();
    u64::try_from(at.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::signed_ms;

    #[test]
    fn the_age_of_a_url_is_read_from_it() {
        assert_eq!(signed_ms("X-Amz-Date=20231114T221320Z&X-Amz-Expires=900"), Some(1_700_000_000_000));
        assert_eq!(signed_ms("list-type=2"), None);
        assert_eq!(signed_ms("X-Amz-Date=yesterday"), None);
    }
}
