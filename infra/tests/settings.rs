//! `tapedeck.toml`: the reference file, its schema, and what is said of mistakes.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use serde_json::{Value, json};
use tapedeck_core::config::{ProjectConfig, StoreLocation};
use tapedeck_infra::settings::{Settings, schema};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn reference() -> String {
    std::fs::read_to_string(file("tapedeck.reference.toml")).unwrap()
}

fn store(name: &str) -> Option<StoreLocation> {
    (name == "us").then(|| StoreLocation {
        endpoint: "https://s3.us-east-1.amazonaws.com".to_owned(),
        bucket: "tapedeck-production-123456789012-us-east-1".to_owned(),
        region: "us-east-1".to_owned(),
    })
}

#[test]
fn the_committed_schema_is_that_of_the_reference() {
    let made = schema(&reference()).unwrap();
    let path = file("tapedeck.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, format!("{made:#}\n")).unwrap();
    }
    // As values: the formatter of JSON has a taste of its own.
    let committed: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(committed, made, "UPDATE_SCHEMA=1 cargo test -p tapedeck-infra --test settings writes it");
}

/// Each field that `core` writes of a config stands in the reference, so that the schema lacks none.
#[test]
fn the_reference_has_every_field_that_core_knows() {
    let settings = Settings::parse("tapedeck.reference.toml", &reference()).unwrap();
    let objects = settings.objects("production", store).unwrap();
    let project = objects.iter().find(|object| object.key == "config/projects/shop.json").unwrap();
    assert_eq!(project.store.as_deref(), Some("us"));
    assert_eq!(project.body["store"]["region"], "us-east-1");
    let mut body = project.body.clone();
    body["revision"] = json!(1);
    let known = serde_json::to_value(ProjectConfig::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    check_same_fields(&known, &body, "projects.shop");
    let key = objects.iter().find(|object| object.key.starts_with("config/keys/")).unwrap();
    assert_eq!(key.body, json!({"version": 1, "project": "shop"}));
}

fn check_same_fields(known: &Value, written: &Value, path: &str) {
    match (known, written) {
        (Value::Object(known), Value::Object(written)) => {
            for (name, value) in known {
                let path = format!("{path}.{name}");
                assert!(written.contains_key(name), "{path} is not in the reference");
                check_same_fields(value, &written[name], &path);
            }
        }
        (Value::Array(known), Value::Array(written)) => {
            for (known, written) in known.iter().zip(written) {
                check_same_fields(known, written, &format!("{path}[]"));
            }
        }
        _ => {}
    }
}

#[test]
fn mistakes_are_named_with_file_line_and_field() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = reference();
        let at = text.find(from).unwrap();
        let line = text[..at].matches('\n').count() + 1;
        let changed = text.replacen(from, to, 1);
        let error = Settings::parse("tapedeck.toml", &changed).unwrap_err().to_string();
        assert_eq!(error, format!("tapedeck.toml:{line}: {expected}"));
    };
    check("all = 0.1", "all = 1.5", "projects.shop.sampling[0].all: 1.5, expected 0 to 1");
    check(
        "account = \"123456789012\"",
        "account = \"1234\"",
        "environments.production.account: \"1234\", expected 12 digits",
    );
    check("bots = \"drop\"", "bot = \"drop\"", "projects.shop.bot: there is no such field");
    check(
        "environments = [\"production\"]",
        "environments = [\"staging\"]",
        "projects.shop.environments: there is no environment \"staging\"",
    );
    check(
        "store = \"us\"",
        "store = \"eu\"",
        "projects.shop.store: environment production has no store \"eu\"",
    );
    check(
        "region = \"us-east-1\"",
        "region = \"eu-central-1\"",
        "environments.production.stores.us.region: eu-central-1 is the environment's own region; a store is another one",
    );
    check(
        "users = \"plain\"",
        "user_hash_key = \"x\"",
        "projects.shop.user_hash_key: is set by the deployment, not here",
    );
    check(
        "edge_host = \"replay.example.com\"",
        "edge_host = \"https://replay.example.com\"",
        "environments.production.edge_host: \"https://replay.example.com\", expected a host name, such as replay.example.com",
    );
    check(
        "alarm_email = \"ops@example.com\"",
        "alarm_email = \"ops\"",
        "environments.production.alarm_email: \"ops\", expected an e-mail address",
    );
    check(
        "player = \"cloudflare\"",
        "player = \"ftp\"",
        "environments.production.player: \"ftp\", expected cloudflare, cloudfront or an origin with https://",
    );
}

#[test]
fn a_wrong_line_of_toml_is_named() {
    let error = Settings::parse("tapedeck.toml", "version = 1\n[projects\n").unwrap_err().to_string();
    assert!(error.starts_with("tapedeck.toml:2: "), "{error}");
    let error = Settings::parse("tapedeck.toml", "version = 2\n").unwrap_err().to_string();
    assert_eq!(error, "tapedeck.toml:1: version: 2, this program reads version 1");
}

#[test]
fn two_projects_never_share_a_key() {
    let project = |name: &str| {
        format!(
            "[projects.{name}]\nkeys = [\"pk_0123456789ABCDEFGHIJKL\"]\norigins = [\"*\"]\nsampling = [{{ from_ms = 0, all = 1.0 }}]\n"
        )
    };
    let text = format!("version = 1\n{}{}", project("aa"), project("bb"));
    let error = Settings::parse("tapedeck.toml", &text).unwrap_err().to_string();
    assert_eq!(
        error,
        "tapedeck.toml:7: projects.bb.keys[0]: \"pk_0123456789ABCDEFGHIJKL\" is another project's too"
    );
}
