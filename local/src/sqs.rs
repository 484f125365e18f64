//! What the function asks of its queues, in the protocol that the SDK speaks: `SendMessage`, to the queue with or without a delay, and to the
//! dead letters.
//!
//! Reference: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>. Where AWS
//! differs: of a signature only the access key is looked at, since nothing outside this machine gets here.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router, extract::DefaultBodyLimit};
use serde::Deserialize;
use serde_json::json;

use crate::cloud::{Cloud, secure};
use crate::digest::md5_hex;
use crate::queue::Queue;

/// Longest delay, in seconds, as in SQS.
const DELAY_S_MAX: u64 = 900;

/// Largest message, as in SQS.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The path of the queue of events.
pub const EVENTS: &str = "/000000000000/tapedeck-events";

/// The path of the queue of dead letters.
pub const DEAD_LETTERS: &str = "/000000000000/tapedeck-dead-letters";

#[derive(Clone)]
struct Endpoint {
    queue: Queue,
    cloud: Cloud,
    access_key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    message_body: String,
    #[serde(default)]
    delay_seconds: u64,
    #[serde(default)]
    message_attributes: HashMap<String, Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    string_value: Option<String>,
}

/// The endpoint of `queue` for the holder of one access key.
pub fn router(queue: &Queue, cloud: &Cloud, access_key_id: &str) -> Router {
    let endpoint =
        Endpoint { queue: queue.clone(), cloud: cloud.clone(), access_key_id: access_key_id.to_owned() };
    Router::new()
        .route("/", post(call))
        .layer(DefaultBodyLimit::max(2 * MESSAGE_BYTES_MAX))
        .with_state(endpoint)
}

async fn call(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed_by = format!("Credential={}/", endpoint.access_key_id);
    if !text(header::AUTHORIZATION.as_str()).contains(&signed_by) {
        return refuse(StatusCode::FORBIDDEN, "AccessDenied", "not signed with the indexer's access key");
    }
    if text("x-amz-target") != "AmazonSQS.SendMessage" {
        return refuse(
            StatusCode::BAD_REQUEST,
            "com.amazonaws.sqs#UnsupportedOperation",
            "expected SendMessage",
        );
    }
    let request: SendMessage = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "InvalidParameterValue", &error.to_string()),
    };
    if request.delay_seconds > DELAY_S_MAX || request.message_body.len() > MESSAGE_BYTES_MAX {
        return refuse(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValue",
            "the delay or the message is too long",
        );
    }
    let md5 = md5_hex(request.message_body.as_bytes());
    let deployment = &endpoint.cloud.deployment;
    let is_event = request.queue_url.ends_with(EVENTS);
    let arn = if is_event { &deployment.events.arn } else { &deployment.dead_letters.arn };
    if !endpoint.cloud.allows(&deployment.indexer_role(), "sqs:SendMessage", arn, &[secure()]) {
        return refuse(StatusCode::FORBIDDEN, "AccessDenied", "the indexer's role does not allow it");
    }
    let sent = if is_event {
        endpoint.queue.send(request.message_body, Duration::from_secs(request.delay_seconds)).await
    } else if request.queue_url.ends_with(DEAD_LETTERS) {
        let reason = request.message_attributes.get("reason").and_then(|reason| reason.string_value.clone());
        endpoint.queue.bury(request.message_body, reason).await
    } else {
        let kind = "com.amazonaws.sqs#QueueDoesNotExist";
        return refuse(StatusCode::BAD_REQUEST, kind, &format!("there is no queue {}", request.queue_url));
    };
    match sent {
        Ok(()) => Json(json!({"MessageId": "00000000-0000-4000-8000-000000000000", "MD5OfMessageBody": md5}))
            .into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &error.to_string()),
    }
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, Json(json!({"__type": kind, "message": message}))).into_response()
}
