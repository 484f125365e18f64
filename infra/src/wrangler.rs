//! What Cloudflare is told: wrangler's configuration of the edge and of the player, for one environment.

use serde_json::{Value, json};

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
    /// The folder of the recorder's files, seen from the file.
    pub assets: &'a str,
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
    /// wrangler reads it otherwise than it was meant.
    #[error("wrangler binds {}, expected {}", found.join(", "), expected.join(", "))]
    Bindings {
        /// What the Worker would get.
        found: Vec<String>,
        /// What it needs.
        expected: Vec<String>,
    },
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
    if value["assets"]["directory"].is_null() {
        return Err(WranglerError::Missing("assets.directory"));
    }
    value["assets"]["directory"] = json!(config.assets);
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
        "name": player_name(environment),
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

/// The Worker that serves the player's files.
#[must_use]
pub fn player_name(environment: &str) -> String {
    format!("tapedeck-player-{environment}")
}

/// What the Worker of a configuration finds in its `env`, by the names that it asks for.
#[must_use]
pub fn bindings(config: &Value) -> Vec<String> {
    let lists = [("ratelimits", "name"), ("analytics_engine_datasets", "binding")];
    let mut names: Vec<String> = lists
        .iter()
        .flat_map(|(list, field)| config[list].as_array().into_iter().flatten().map(move |one| &one[field]))
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    names.extend(config["vars"].as_object().into_iter().flat_map(|vars| vars.keys().cloned()));
    names
}

/// Whether what `wrangler deploy --dry-run` says of bindings is what `config` names, each and no other.
///
/// # Errors
/// [`WranglerError::Bindings`]
pub fn check_dry_run(config: &Value, said: &str) -> Result<(), WranglerError> {
    let mut found: Vec<String> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("env.")?.split([' ', '(']).next().map(str::to_owned))
        .collect();
    let mut expected = bindings(config);
    found.sort();
    expected.sort();
    if found == expected { Ok(()) } else { Err(WranglerError::Bindings { found, expected }) }
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
            assets: "assets",
        };
        let made = edge(own, &config).unwrap();
        assert_eq!(made["name"], "tapedeck-edge-my-staging");
        assert_eq!(made["main"], "../edge-worker/build/index.js");
        assert_eq!(made["assets"]["directory"], "assets");
        assert_eq!(made["vars"]["CONFIG_BUCKET"], "b");
        assert_eq!(made["routes"], json!([{"pattern": "replay.example.com", "custom_domain": true}]));
        assert_eq!(made["workers_dev"], false);
        assert_eq!(made["analytics_engine_datasets"][0]["dataset"], "tapedeck_edge_my_staging");
        let other =
            edge(own, &EdgeConfig { environment: "production", host: None, ..config.clone() }).unwrap();
        assert_ne!(made["ratelimits"][0]["namespace_id"], other["ratelimits"][0]["namespace_id"]);
        assert_eq!(other["workers_dev"], true);
        assert!(edge("name = \"x\"", &config).is_err());
    }

    #[test]
    fn what_wrangler_binds_is_held_to_what_was_meant() {
        let config = json!({
            "vars": {"CONFIG_BUCKET": "b"},
            "ratelimits": [{"name": "ADDRESS_LIMIT"}],
            "analytics_engine_datasets": [{"binding": "COUNTERS"}],
        });
        let said = "Your Worker has access to the following bindings:\nBinding      Resource\n\
            env.COUNTERS (tapedeck_edge)             Analytics Engine Dataset\n\
            env.ADDRESS_LIMIT (1200 requests/60s)    Rate Limit\n";
        let whole =
            format!("{said}env.CONFIG_BUCKET (\"b\")    Environment Variable\n\n--dry-run: exiting now.");
        assert!(check_dry_run(&config, &whole).is_ok());
        assert_eq!(
            check_dry_run(&config, said).unwrap_err().to_string(),
            "wrangler binds ADDRESS_LIMIT, COUNTERS, expected ADDRESS_LIMIT, CONFIG_BUCKET, COUNTERS"
        );
    }
}
