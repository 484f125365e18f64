//! Where a bucket is, and how URLs name it.

use rusty_s3::{Bucket, UrlStyle};
use tapedeck_core::config::StoreLocation;
use url::{Host, Url};

/// Why a location is none that requests can go to. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// Not a URL.
    #[error("endpoint {found:?} is no URL")]
    Endpoint {
        /// As it was configured.
        found: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Not one that a bucket can be at.
    #[error("bucket {bucket:?} cannot be at {endpoint}: {reason:?}")]
    Bucket {
        /// As it was configured.
        endpoint: String,
        /// As it was configured.
        bucket: String,
        /// What is wrong with it.
        reason: rusty_s3::BucketError,
    },
}

/// How URLs name a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://{bucket}.{endpoint}/{key}`; but in the path where that cannot be: the endpoint is an address or `localhost`, or
    /// the name has a dot, which no wildcard certificate covers.
    Automatic,
    /// `https://{endpoint}/{bucket}/{key}`
    Path,
}

impl Addressing {
    /// The bucket at `location`.
    ///
    /// # Errors
    /// [`LocationError`]
    pub(crate) fn bucket(self, location: &StoreLocation) -> Result<Bucket, LocationError> {
        let StoreLocation { endpoint, bucket, region } = location;
        let url: Url =
            endpoint.parse().map_err(|source| LocationError::Endpoint { found: endpoint.clone(), source })?;
        let style = self.style(&url, bucket);
        Bucket::new(url, style, bucket.clone(), region.clone()).map_err(|reason| LocationError::Bucket {
            endpoint: endpoint.clone(),
            bucket: bucket.clone(),
            reason,
        })
    }

    fn style(self, endpoint: &Url, bucket: &str) -> UrlStyle {
        let is_name = matches!(endpoint.host(), Some(Host::Domain(name)) if name != "localhost");
        if self == Self::Path || !is_name || bucket.contains('.') {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(endpoint: &str, bucket: &str) -> StoreLocation {
        StoreLocation { endpoint: endpoint.to_owned(), bucket: bucket.to_owned(), region: "r".to_owned() }
    }

    #[track_caller]
    fn check(endpoint: &str, bucket: &str, addressing: Addressing, object_url: &str) {
        let bucket = addressing.bucket(&location(endpoint, bucket)).expect("a bucket");
        assert_eq!(bucket.object_url("k").as_str(), object_url);
    }

    #[test]
    fn a_bucket_is_in_the_host_where_it_can_be() {
        use Addressing::{Automatic, Path};
        let aws = "https://s3.eu-central-1.amazonaws.com";
        check(aws, "tapes", Automatic, "https://tapes.s3.eu-central-1.amazonaws.com/k");
        check(aws, "tapes", Path, "https://s3.eu-central-1.amazonaws.com/tapes/k");
        check(aws, "ta.pes", Automatic, "https://s3.eu-central-1.amazonaws.com/ta.pes/k");
        check("http://127.0.0.1:9000", "tapes", Automatic, "http://127.0.0.1:9000/tapes/k");
        check("http://[::1]:9000", "tapes", Automatic, "http://[::1]:9000/tapes/k");
        check("http://localhost:9000", "tapes", Automatic, "http://localhost:9000/tapes/k");
    }

    #[test]
    fn what_is_no_location_is_named() {
        let error = |endpoint: &str| {
            let error = Addressing::Automatic.bucket(&location(endpoint, "tapes"));
            error.map(|_| ()).expect_err(endpoint).to_string()
        };
        assert_eq!(error("s3 at amazon"), r#"endpoint "s3 at amazon" is no URL"#);
        assert!(error("mailto:x@y").starts_with(r#"bucket "tapes" cannot be at mailto:x@y: "#));
    }
}
