//! The two folders of static files, as a web server would serve them: the demo shop with its few calls, and the player.

use std::collections::BTreeMap;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_http::services::{ServeDir, ServeFile};

/// The demo shop: the files in `folder`, `tapedeck` as `/tapedeck.json`, and the calls of `local/demo/API.md`.
pub fn demo(folder: &Path, tapedeck: Value) -> Router {
    let index = ServeFile::new(folder.join("index.html"));
    let files = ServeDir::new(folder);
    let pages = move |request: Request| {
        let (index, files) = (index.clone(), files.clone());
        async move {
            let is_file = request.uri().path().rsplit('/').next().is_some_and(|last| last.contains('.'));
            let (Ok(response) | Err(response)) = if is_file {
                files.oneshot(request).await.map(IntoResponse::into_response).map_err(|never| match never {})
            } else {
                index.oneshot(request).await.map(IntoResponse::into_response).map_err(|never| match never {})
            };
            response
        }
    };
    Router::new()
        .route("/tapedeck.json", get(move || ready(not_stored(&tapedeck))))
        .route("/api/orders", post(order))
        .route("/api/recommendations", get(recommendations))
        .route(
            "/api/fail",
            get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": "kiln_cold"}))) }),
        )
        .route("/api/hang", get(hang))
        .route("/api/{*unknown}", axum::routing::any(|| async { StatusCode::NOT_FOUND }))
        .fallback(pages)
        .layer(from_fn(cache))
        .layer(from_fn(open_assets))
}

/// The player: the files in `folder`, `tapedeck` as `/tapedeck.json`, and `headers` on every reply.
pub fn player(folder: &Path, tapedeck: Value, headers: PlayerHeaders) -> Router {
    let headers = Arc::new(headers);
    Router::new()
        .route("/tapedeck.json", get(move || ready(not_stored(&tapedeck))))
        .fallback_service(ServeDir::new(folder))
        .layer(from_fn(cache))
        .layer(from_fn(move |request: Request, next: Next| {
            let headers = Arc::clone(&headers);
            async move {
                let own = headers.of(request.uri().path()).clone();
                let mut response = next.run(request).await;
                response.headers_mut().extend(own);
                response
            }
        }))
}

/// The headers that the player must be served with, by path.
#[derive(Clone, Debug)]
pub struct PlayerHeaders {
    usual: HeaderMap,
    of_paths: BTreeMap<String, HeaderMap>,
}

/// Why the player's headers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlayerHeadersError {
    /// Not headers by path.
    #[error("the player's headers are not an object of objects of strings")]
    Form(#[from] serde_json::Error),
    /// Not what HTTP allows.
    #[error("the player's headers have one that HTTP does not allow: {name}")]
    Header {
        /// Its name.
        name: String,
    },
}

impl PlayerHeaders {
    /// Reads what `player/headers.ts` made: for each path all of its headers, and `/*` for all others.
    ///
    /// # Errors
    /// [`PlayerHeadersError`]
    pub fn parse(json: &[u8]) -> Result<Self, PlayerHeadersError> {
        let by_path: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_slice(json)?;
        let mut of_paths = BTreeMap::new();
        for (path, named) in by_path {
            let mut headers = HeaderMap::new();
            for (name, value) in named {
                let wrong = || PlayerHeadersError::Header { name: name.clone() };
                headers.insert(
                    HeaderName::try_from(name.as_str()).map_err(|_| wrong())?,
                    HeaderValue::try_from(value).map_err(|_| wrong())?,
                );
            }
            of_paths.insert(path, headers);
        }
        Ok(Self { usual: of_paths.remove("/*").unwrap_or_default(), of_paths })
    }

    fn of(&self, path: &str) -> &HeaderMap {
        self.of_paths.get(path).unwrap_or(&self.usual)
    }
}

/// Names under `/assets/` have a hash in them; everything else is asked for again.
async fn cache(request: Request, next: Next) -> Response {
    let hashed = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    let value = if hashed && response.status().is_success() {
        HeaderValue::from_static("public, max-age=31536000, immutable")
    } else {
        HeaderValue::from_static("no-cache")
    };
    response.headers_mut().entry(CACHE_CONTROL).or_insert(value);
    response
}

/// Fonts of a recorded page are loaded by the player, from its own origin; browsers want leave for that.
async fn open_assets(request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    if is_asset {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

fn not_stored(value: &Value) -> Response {
    ([(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn order() -> Response {
    const SIGNS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    tokio::time::sleep(Duration::from_millis(300)).await;
    let Ok(random) = getrandom::u32() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let name: String =
        random.to_le_bytes().iter().map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()])).collect();
    (StatusCode::CREATED, Json(json!({"order": format!("W-{name}")}))).into_response()
}

async fn recommendations() -> Json<Value> {
    tokio::time::sleep(Duration::from_millis(150)).await;
    Json(json!({"picks": [3, 8, 12, 16, 5]}))
}

async fn hang() -> Json<Value> {
    tokio::time::sleep(Duration::from_mins(1)).await;
    Json(json!({}))
}
