//! What was put where, in the bucket: so that the same is not put again, from whichever machine.

use anyhow::Result;
use serde_json::{Value, json};

use super::command::Aws;

/// One part that Cloudflare serves.
pub(super) struct Mark<'a> {
    pub(super) aws: &'a Aws,
    pub(super) bucket: &'a str,
    pub(super) part: &'static str,
}

impl Mark<'_> {
    fn place(&self) -> String {
        format!("s3://{}/config/deployed/{}.json", self.bucket, self.part)
    }

    fn read(&self) -> Result<Value> {
        let there = self.aws.unless(&["404", "NoSuchKey", "Not Found"], &["s3", "cp", &self.place(), "-"])?;
        Ok(there.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default())
    }

    /// Where it is served, if it was ever deployed.
    pub(super) fn origin(&self) -> Result<Option<String>> {
        Ok(self.read()?["origin"].as_str().map(str::to_owned))
    }

    /// Where it is served, if what is there has this digest.
    pub(super) fn same(&self, digest: &str) -> Result<Option<String>> {
        let there = self.read()?;
        let origin = there["origin"].as_str().filter(|_| there["digest"] == digest);
        Ok(origin.map(str::to_owned))
    }

    pub(super) fn put(&self, digest: &str, origin: &str) -> Result<()> {
        let body = json!({"version": 1, "digest": digest, "origin": origin}).to_string();
        self.aws.feed(&body, &["s3", "cp", "-", &self.place(), "--content-type", "application/json"])
    }
}
