//! The project that the demo shop records into.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tapedeck_core::config::{KeyConfig, ProjectConfig};
use tapedeck_core::ids::{ProjectId, ProjectKey, hex};
use tapedeck_core::object_key::{key_config_key, project_config_key};

use crate::s3::{Bucket, Condition, Content};
use crate::secrets::Secrets;

/// Its id.
pub const PROJECT: &str = "demo";

/// Writes the project's config and its key's; a config that says the same is left as it is.
///
/// # Errors
/// When the config breaks a rule, or the store fails.
pub async fn write(bucket: &Bucket, secrets: &Secrets) -> Result<()> {
    let project: ProjectId = PROJECT.parse()?;
    let key: ProjectKey = secrets.project_key.parse().context("secrets.json has a wrong project_key")?;
    let place = project_config_key(&project);
    let stored = match bucket.get(&place).await? {
        Some((_, body)) => {
            Some(serde_json::from_slice::<Value>(&body).context("the stored config is not JSON")?)
        }
        None => None,
    };
    let revision = stored.as_ref().and_then(|config| config["revision"].as_u64()).unwrap_or(0);
    if stored.as_ref() != Some(&config(secrets, revision)) {
        let config = config(secrets, revision + 1).to_string();
        // What the edge would refuse shall fail here, by the same code.
        ProjectConfig::parse(config.as_bytes())?;
        put(bucket, &place, config).await?;
    }
    let key_config = json!({"version": 1, "project": PROJECT}).to_string();
    KeyConfig::parse(key_config.as_bytes())?;
    put(bucket, &key_config_key(&key), key_config).await
}

fn config(secrets: &Secrets, revision: u64) -> Value {
    json!({
        "version": 1,
        "revision": revision,
        "project": PROJECT,
        "keys": [secrets.project_key],
        "origins": ["http://localhost:*", "http://127.0.0.1:*"],
        "sampling": [{"from_ms": 0, "all": 1.0, "error": 1.0, "support": 1.0, "segment": 1.0, "manual": 1.0}],
        // Short, so that what was clicked can be watched soon.
        "recorder": {"flush_first_ms": 2000, "flush_max_ms": 10000},
        // Who tries this out by a driven browser shall see a recording.
        "bots": "keep",
        "viewers": [{
            "name": "whoever runs this stack",
            "sha256": hex(&Sha256::digest(secrets.viewer_token.as_bytes())),
            "role": "admin",
        }],
    })
}

async fn put(bucket: &Bucket, key: &str, body: String) -> Result<()> {
    let content = Content { content_type: Some("application/json".to_owned()), ..Content::default() };
    bucket.put(key, Bytes::from(body), content, Condition::None).await?;
    Ok(())
}
