//! The demo shop's server as `local/demo/API.md` promises it, and the player's.

#![allow(clippy::unwrap_used)]

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tapedeck_local::stat::{PlayerHeaders, demo, player};
use tempfile::TempDir;
use tokio::net::TcpListener;

struct Site {
    url: String,
    _folder: TempDir,
}

async fn serve(site: impl FnOnce(&std::path::Path) -> axum::Router) -> Site {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    for (name, text) in [("index.html", "<p>index"), ("assets/app-1a2b.js", "1"), ("products.json", "[]")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let router = site(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Site { url, _folder: folder }
}

impl Site {
    async fn ask(&self, method: Method, path: &str) -> Response {
        Client::new().request(method, format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// Checks status, content type and cache control of a `GET`, and returns the body.
    async fn check(&self, path: &str, status: u16, content_type: &str, cache: &str) -> String {
        let found = self.ask(Method::GET, path).await;
        let header = |name| found.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(
            (found.status().as_u16(), header("content-type"), header("cache-control")),
            (status, content_type, cache),
            "{path}"
        );
        found.text().await.unwrap()
    }
}

#[tokio::test]
async fn another_origin_may_load_the_shops_fonts_and_nothing_else() {
    let site = serve(|folder| demo(folder, json!({}))).await;
    for (path, expected) in [("/assets/app-1a2b.js", Some("*")), ("/", None), ("/tapedeck.json", None)] {
        let found = site.ask(Method::GET, path).await;
        let allowed = found.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, expected, "{path}");
    }
}

#[tokio::test]
async fn the_shop_is_a_folder_with_routes_of_its_own() {
    let site = serve(|folder| demo(folder, json!({"edge": "http://edge"}))).await;
    for route in ["/", "/product/harbour-mug", "/thanks/W-7K2M", "/lab"] {
        assert_eq!(site.check(route, 200, "text/html", "no-cache").await, "<p>index");
    }
    site.check("/assets/app-1a2b.js", 200, "text/javascript", "public, max-age=31536000, immutable").await;
    site.check("/products.json", 200, "application/json", "no-cache").await;
    site.check("/assets/missing.js", 404, "", "no-cache").await;
    let config = site.check("/tapedeck.json", 200, "application/json", "no-store").await;
    assert_eq!(serde_json::from_str::<Value>(&config).unwrap(), json!({"edge": "http://edge"}));
}

#[tokio::test]
async fn the_shops_calls_answer_as_its_page_says() {
    let site = serve(|folder| demo(folder, json!({}))).await;
    let order = site.ask(Method::POST, "/api/orders").await;
    assert_eq!(order.status(), 201);
    let order: Value = order.json().await.unwrap();
    let name = order["order"].as_str().unwrap().strip_prefix("W-").unwrap();
    assert!(
        name.len() == 4 && name.bytes().all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit()),
        "{name}"
    );
    let picks: Value = site.ask(Method::GET, "/api/recommendations").await.json().await.unwrap();
    assert_eq!(picks, json!({"picks": [3, 8, 12, 16, 5]}));
    let failed = site.ask(Method::GET, "/api/fail").await;
    assert_eq!(failed.status(), 500);
    assert_eq!(failed.json::<Value>().await.unwrap(), json!({"error": "kiln_cold"}));
    assert_eq!(site.ask(Method::GET, "/api/orders").await.status(), 405);
    assert_eq!(site.ask(Method::GET, "/api/unknown").await.status(), 404);
}

#[tokio::test]
async fn the_player_is_served_with_its_headers() {
    let made = br#"{
        "/*": {"Content-Security-Policy": "connect-src 'self' http://edge", "A": "1"},
        "/embed.html": {"Content-Security-Policy": "frame-ancestors 'none'", "A": "1"}
    }"#;
    let headers = PlayerHeaders::parse(made).unwrap();
    let site = serve(|folder| player(folder, json!({"edge": "http://edge"}), headers)).await;
    for path in ["/", "/tapedeck.json", "/assets/app-1a2b.js", "/missing"] {
        let found = site.ask(Method::GET, path).await;
        let policy = found.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(policy, "connect-src 'self' http://edge", "{path}");
    }
    let embed = site.ask(Method::GET, "/embed.html").await;
    assert_eq!(embed.headers()["content-security-policy"], "frame-ancestors 'none'");
    assert_eq!(embed.headers()["a"], "1");
    assert!(PlayerHeaders::parse(br#"{"/*": {"A": 1}}"#).is_err());
    assert!(PlayerHeaders::parse(br#"{"/*": {"a b": "1"}}"#).is_err());
}
