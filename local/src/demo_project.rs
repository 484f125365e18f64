//! The projects of `local/tapedeck.toml`, among them the one that the demo shop records into.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tapedeck_core::ids::hex;
use tapedeck_infra::deploy::next_config;
use tapedeck_infra::settings::Settings;

use crate::s3::{Bucket, Condition, Content};
use crate::secrets::Secrets;

/// Its id.
pub const PROJECT: &str = "demo";
/// Named in the file as in a deployment.
const ENVIRONMENT: &str = "local";
const FILE: &str = "local/tapedeck.toml";

/// Writes the projects' configs, as a deployment would; one that says what is stored already is left as it is.
///
/// # Errors
/// When the file breaks a rule, or the store fails.
pub async fn write(root: &Path, bucket: &Bucket, secrets: &Secrets) -> Result<()> {
    let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    let settings = Settings::parse(FILE, &with_secrets(&text, secrets)?)?;
    for object in settings.objects(ENVIRONMENT, |_| None)? {
        let stored: Option<Value> = match bucket.get(&object.key).await? {
            Some((_, stored)) => {
                Some(serde_json::from_slice(&stored).with_context(|| format!("{} is not JSON", object.key))?)
            }
            None => None,
        };
        if let Some(body) = next_config(&object, stored.as_ref())? {
            put(bucket, &object.key, body.to_string()).await?;
        }
    }
    Ok(())
}

/// The file with this machine's key and viewer instead of the zeros.
fn with_secrets(text: &str, secrets: &Secrets) -> Result<String> {
    let mut text = text.to_owned();
    let digest = hex(&Sha256::digest(secrets.viewer_token.as_bytes()));
    for (zeros, own) in [
        (format!("\"pk_{}\"", "0".repeat(22)), &secrets.project_key),
        (format!("\"{}\"", "0".repeat(64)), &digest),
    ] {
        ensure!(text.contains(&zeros), "{FILE} has no {zeros}, which stands for this machine's own");
        text = text.replace(&zeros, &format!("\"{own}\""));
    }
    Ok(text)
}

async fn put(bucket: &Bucket, key: &str, body: String) -> Result<()> {
    let content = Content { content_type: Some("application/json".to_owned()), ..Content::default() };
    bucket.put(key, Bytes::from(body), content, Condition::None).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_is_in_order_with_any_machines_secrets() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = std::fs::read_to_string(root.join(FILE)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load_or_create(&folder.path().join("secrets.json")).unwrap();
        let text = with_secrets(&text, &secrets).unwrap();
        let objects = Settings::parse(FILE, &text).unwrap().objects(ENVIRONMENT, |_| None).unwrap();
        let config = &objects
            .iter()
            .find(|object| object.body["project"] == PROJECT && object.key.contains("projects"))
            .unwrap()
            .body;
        assert_eq!(config["keys"], serde_json::json!([secrets.project_key]));
        assert!(with_secrets(&text, &secrets).is_err(), "no zeros are left");
    }
}
