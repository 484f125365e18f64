//! Projects' configs in the bucket: what has changed is written, with a revision that grows.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tapedeck_core::config::ProjectConfig;

use super::command::Aws;
use crate::settings::ConfigObject;

/// Writes `objects` into `bucket` where they differ from what is there, and says how many that were.
pub(super) fn publish(aws: &Aws, bucket: &str, objects: &[&ConfigObject]) -> Result<usize> {
    let mut written = 0;
    for object in objects {
        let at = format!("s3://{bucket}/{}", object.key);
        let stored = aws.unless(&["404", "NoSuchKey", "Not Found"], &["s3", "cp", &at, "-"])?;
        let stored: Option<Value> = stored
            .map(|text| serde_json::from_str(&text).with_context(|| format!("{at} is not JSON")))
            .transpose()?;
        let Some(body) = next_config(object, stored.as_ref())? else { continue };
        aws.feed(&body.to_string(), &["s3", "cp", "-", &at, "--content-type", "application/json"])?;
        written += 1;
    }
    Ok(written)
}

/// What to write of `object` in place of `stored`, if anything.
///
/// # Errors
/// When `core` refuses it, or the system has no randomness.
pub fn next_config(object: &ConfigObject, stored: Option<&Value>) -> Result<Option<Value>> {
    next(&object.body, stored, random_key)
}

/// What to write in place of `stored`, if anything. The key of user hashes is drawn once and stays: with another one, nobody who was
/// stored before could be found.
fn next(wanted: &Value, stored: Option<&Value>, draw: impl Fn() -> Result<String>) -> Result<Option<Value>> {
    let mut body = wanted.clone();
    if body.get("revision").is_none() {
        return Ok((stored != Some(&body)).then_some(body));
    }
    let key = stored.and_then(|stored| stored.get("user_hash_key")).cloned();
    match (key, body.get("user_hash_key").is_some()) {
        (Some(key), _) => body["user_hash_key"] = key,
        (None, true) => body["user_hash_key"] = json!(draw()?),
        (None, false) => {}
    }
    let revision = stored.and_then(|stored| stored["revision"].as_u64()).unwrap_or(0);
    body["revision"] = json!(revision);
    if stored == Some(&body) {
        return Ok(None);
    }
    body["revision"] = json!(revision + 1);
    ProjectConfig::parse(body.to_string().as_bytes())?;
    Ok(Some(body))
}

fn random_key() -> Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the system has no randomness")?;
    Ok(tapedeck_core::ids::hex(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changes: &Value) -> Value {
        let mut config = json!({
            "version": 1, "revision": 0, "project": "demo", "keys": ["pk_0123456789ABCDEFGHIJKL"],
            "origins": ["https://shop.example"], "sampling": [{"from_ms": 0, "all": 0.1}],
        });
        for (name, value) in changes.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    }

    const DRAW: fn() -> Result<String> = || Ok("ab".repeat(32));

    #[test]
    fn what_has_not_changed_is_not_written() {
        let first = next(&config(&json!({})), None, DRAW).unwrap().unwrap();
        assert_eq!(first["revision"], 1);
        assert_eq!(next(&config(&json!({})), Some(&first), DRAW).unwrap(), None);
        let second = next(&config(&json!({"share_epoch": 1})), Some(&first), DRAW).unwrap().unwrap();
        assert_eq!(second["revision"], 2);
        let key = json!({"version": 1, "project": "demo"});
        assert_eq!(next(&key, Some(&key), DRAW).unwrap(), None);
    }

    #[test]
    fn the_key_of_user_hashes_is_drawn_once() {
        let hashed = config(&json!({"users": "hashed", "user_hash_key": "00".repeat(32)}));
        let first = next(&hashed, None, DRAW).unwrap().unwrap();
        assert_eq!(first["user_hash_key"], "ab".repeat(32));
        let never = || panic!("drawn again");
        assert_eq!(next(&hashed, Some(&first), never).unwrap(), None);
        let plain = next(&config(&json!({})), Some(&first), never).unwrap().unwrap();
        assert_eq!(
            plain["user_hash_key"],
            "ab".repeat(32),
            "those who were stored hashed can still be erased"
        );
    }
}
