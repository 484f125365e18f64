//! What tests ask of a running stack: faults, counts, invocations. Only on this machine, and not for web pages.

use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::stack::Running;

#[derive(Deserialize)]
struct Pause {
    seconds: f64,
}

#[derive(Deserialize)]
struct Hostile {
    on: bool,
}

/// | call | does |
/// |---|---|
/// | `GET /_local/counters` | what the bucket was asked for by whom, and how many messages are where |
/// | `GET /_local/dead-letters` | messages that failed too often or cannot be worked on: `body`, `reason` |
/// | `POST /_local/invoke` | hands the JSON body to the indexer: 200 and its result, or 502 and the error |
/// | `POST /_local/kill/{part}` | kills the `edge`'s or the `indexer`'s process |
/// | `POST /_local/s3/pause?seconds=` | the bucket's port refuses connections for so long |
/// | `POST /_local/queue/hostile?on=` | whether the queue repeats and reorders as much as it may |
pub(crate) fn router(running: Running) -> Router {
    Router::new()
        .route("/_local/counters", get(counters))
        .route("/_local/dead-letters", get(dead_letters))
        .route("/_local/invoke", post(invoke))
        .route("/_local/kill/{part}", post(kill))
        .route("/_local/s3/pause", post(pause))
        .route("/_local/queue/hostile", post(hostile))
        .layer(DefaultBodyLimit::max(8 << 20))
        .layer(from_fn(refuse_pages))
        .with_state(running)
}

/// A browser names the page that sends a request to another origin; nobody else sends that header.
async fn refuse_pages(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "not for web pages").into_response();
    }
    next.run(request).await
}

async fn counters(State(running): State<Running>) -> Response {
    match running.queue.depth().await {
        Ok(depth) => {
            Json(json!({"bucket": running.bucket.counters().snapshot(), "queue": depth})).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn dead_letters(State(running): State<Running>) -> Response {
    match running.queue.dead_letters().await {
        Ok(letters) => Json(letters).into_response(),
        Err(error) => failed(&error),
    }
}

async fn invoke(State(running): State<Running>, Json(payload): Json<Value>) -> Response {
    match running.indexer.invoke(&payload).await {
        Ok(result) => Json(result).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({"error": error.to_string()}))).into_response(),
    }
}

async fn kill(State(running): State<Running>, Path(part): Path<String>) -> Response {
    match part.as_str() {
        "edge" => running.edge.kill(),
        "indexer" => running.indexer.kill(),
        _ => return (StatusCode::NOT_FOUND, "expected edge or indexer").into_response(),
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn pause(State(running): State<Running>, Query(pause): Query<Pause>) -> Response {
    let Ok(duration) = Duration::try_from_secs_f64(pause.seconds) else {
        return (StatusCode::BAD_REQUEST, "seconds is not a time").into_response();
    };
    running.s3.pause(duration).await;
    StatusCode::NO_CONTENT.into_response()
}

async fn hostile(State(running): State<Running>, Query(hostile): Query<Hostile>) -> StatusCode {
    running.queue.set_hostile(hostile.on);
    StatusCode::NO_CONTENT
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a control call failed");
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}
