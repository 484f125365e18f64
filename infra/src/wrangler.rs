//! What Cloudflare is told: wrangler's configuration of the edge and of the player, for one environment.

use serde_json::{Map, Value, json};

/// Where the edge finds its config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeConfig<'a> {
    /// Names the Worker.
    pub environment: &'a str,
    /// Its host name, if it has one of its own.
    pub host: Option<&'a str>,
    /// S3's endpoint, without the bucket.
    pub endpoint: &'a str,
    /// The bucket with `config/`.
    pub bucket: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Where `edge-worker/` lies, seen from the file.
    pub folder: &'a str,
}

/// Why `edge-worker/wrangler.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WranglerError {
    /// Not TOML.
    #[error("edge-worker/wrangler.toml is not TOML")]
    Toml(#[from] toml::de::Error),
    /// Without a field that it must have.
    #[error("edge-worker/wrangler.toml has no {0}")]
    Missing(&'static str),
}

/// The names of the secrets that the edge needs.
pub const SECRETS: [&str; 3] = ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "SHARE_KEY"];

/// `edge-worker/wrangler.toml` (`own`) with what differs between environments.
///
/// # Errors
/// [`WranglerError`]
pub fn edge(own: &str, config: &EdgeConfig<'_>) -> Result<Value, WranglerError> {
    let mut value: Value = toml::from_str(own)?;
    let within = |path: &str| format!("{}/{path}", config.folder);
    let main = value["main"].as_str().ok_or(WranglerError::Missing("main"))?;
    value["main"] = json!(within(main));
    value["name"] = json!(edge_name(config.environment));
    value["vars"] = json!({
        "CONFIG_ENDPOINT": config.endpoint,
        "CONFIG_BUCKET": config.bucket,
        "CONFIG_REGION": config.region,
    });
    if let Some(directory) = value["assets"]["directory"].as_str().map(within) {
        value["assets"]["directory"] = json!(directory);
    } else {
        value.as_object_mut().map(|fields| fields.remove("assets"));
    }
    // Counters of one environment are not another's.
    for (i, limit) in value["ratelimits"].as_array_mut().into_iter().flatten().enumerate() {
        limit["namespace_id"] = json!(namespace(config.environment, i).to_string());
    }
    for dataset in value["analytics_engine_datasets"].as_array_mut().into_iter().flatten() {
        let name =
            format!("{}_{}", dataset["dataset"].as_str().unwrap_or("tapedeck_edge"), config.environment);
        dataset["dataset"] = json!(name.replace('-', "_"));
    }
    route(&mut value, config.host);
    Ok(value)
}

/// The player: static files only, in the folder `files` beside the file.
#[must_use]
pub fn player(environment: &str, host: Option<&str>, compatibility_date: &str) -> Value {
    let mut value = json!({
        "name": format!("tapedeck-player-{environment}"),
        "compatibility_date": compatibility_date,
        "assets": {"directory": "files", "html_handling": "auto-trailing-slash"},
    });
    route(&mut value, host);
    value
}

/// The Worker's name.
#[must_use]
pub fn edge_name(environment: &str) -> String {
    format!("tapedeck-edge-{environment}")
}

/// A host of one's own, or the subdomain of workers.dev.
fn route(value: &mut Value, host: Option<&str>) {
    value["workers_dev"] = json!(host.is_none());
    value["preview_urls"] = json!(false);
    if let Some(host) = host {
        value["routes"] = json!([{"pattern": host, "custom_domain": true}]);
    }
}

/// A number that names a rate limiter's counters, within the account: the same for the same environment.
fn namespace(environment: &str, index: usize) -> u32 {
    // FNV-1a; it need only be the same tomorrow.
    let hash = environment
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % 100_000_000 * 10 + u32::try_from(index).unwrap_or_default()
}

/// The player's `_headers` file, as Cloudflare reads it: `headers` on every reply, and hashed files kept for ever.
#[must_use]
pub fn headers_file(headers: &Map<String, Value>) -> String {
    let mut text = String::from("/*\n");
    for (name, value) in headers {
        for part in ["  ", name, ": ", value.as_str().unwrap_or_default(), "\n"] {
            text.push_str(part);
        }
    }
    text.push_str("/assets/*\n  Cache-Control: public, max-age=31536000, immutable\n");
    text
}

/// The player's headers from the template `player/headers.json`: `{edge}`, `{store}` and `{assets}` filled in.
#[must_use]
pub fn player_headers(
    template: &Map<String, Value>,
    edge: &str,
    stores: &str,
    assets: &str,
) -> Map<String, Value> {
    template
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or_default();
            let filled = value.replace("{edge}", edge).replace("{store}", stores).replace("{assets}", assets);
            // Nothing to fill in leaves a space before the semicolon.
            (name.clone(), json!(filled.replace(" ;", ";")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_has_its_own_names() {
        let own = "name = \"tapedeck-edge\"\nmain = \"build/index.js\"\ncompatibility_date = \"2026-07-01\"\nkeep_vars = true\n\
            [assets]\ndirectory = \"assets\"\n[[ratelimits]]\nname = \"A\"\nnamespace_id = \"8701\"\nsimple = { limit = 1, period = 60 }\n\
            [[analytics_engine_datasets]]\nbinding = \"COUNTERS\"\ndataset = \"tapedeck_edge\"\n";
        let config = EdgeConfig {
            environment: "my-staging",
            host: Some("replay.example.com"),
            endpoint: "https://s3.eu-central-1.amazonaws.com",
            bucket: "b",
            region: "eu-central-1",
            folder: "../edge-worker",
        };
        let made = edge(own, &config).unwrap();
        assert_eq!(made["name"], "tapedeck-edge-my-staging");
        assert_eq!(made["main"], "../edge-worker/build/index.js");
        assert_eq!(made["assets"]["directory"], "../edge-worker/assets");
        assert_eq!(made["vars"]["CONFIG_BUCKET"], "b");
        assert_eq!(made["routes"], json!([{"pattern": "replay.example.com", "custom_domain": true}]));
        assert_eq!(made["workers_dev"], false);
        assert_eq!(made["analytics_engine_datasets"][0]["dataset"], "tapedeck_edge_my_staging");
        let other = edge(own, &EdgeConfig { environment: "production", host: None, ..config }).unwrap();
        assert_ne!(made["ratelimits"][0]["namespace_id"], other["ratelimits"][0]["namespace_id"]);
        assert_eq!(other["workers_dev"], true);
        assert!(
            edge(
                "name = \"x\"",
                &EdgeConfig {
                    environment: "a",
                    ..EdgeConfig {
                        environment: "a",
                        host: None,
                        endpoint: "",
                        bucket: "",
                        region: "",
                        folder: ""
                    }
                }
            )
            .is_err()
        );
    }

    #[test]
    fn headers_are_filled_in() {
        let template = json!({"Content-Security-Policy": "connect-src 'self' {edge} {store}; img-src 'self' {assets}; x"});
        let headers = player_headers(template.as_object().unwrap(), "https://e", "https://s", "");
        let expected = "/*\n  Content-Security-Policy: connect-src 'self' https://e https://s; img-src 'self'; x\n/assets/*\n  Cache-Control: public, max-age=31536000, immutable\n";
        assert_eq!(headers_file(&headers), expected);
    }
}
