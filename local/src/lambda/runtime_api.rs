//! The API through which one execution environment gets its work and gives its results.
//!
//! Reference: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use super::{FunctionConfig, PAYLOAD_BYTES_MAX};
use crate::clock::now_ms;

/// What a function says of its failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FunctionError {
    /// The kind, as the function names it.
    pub error_type: String,
    /// What happened.
    pub error_message: String,
}

type Reply = Result<Bytes, FunctionError>;

/// A served API. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    arn: String,
    state: Mutex<Work>,
    /// Told when there is work, when work is asked for first, and when the start failed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Work {
    asked: bool,
    init_error: Option<FunctionError>,
    waiting: Option<Invocation>,
    running: Option<(String, oneshot::Sender<Reply>)>,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    payload: Bytes,
    deadline_ms: u64,
    reply: oneshot::Sender<Reply>,
}

impl RuntimeApi {
    pub(super) async fn start(config: &FunctionConfig) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let arn = format!("arn:aws:lambda:{}:000000000000:function:{}", config.region, config.name);
        let shared = Arc::new(Shared { arn, state: Mutex::default(), changed: Notify::new() });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // One byte more than allowed, so that too large a response is told apart from a broken one.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the Runtime API ended");
            }
        });
        Ok(Self { addr, shared, task: task.abort_handle() })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until the function asks for work, or says that it cannot start.
    pub(super) async fn ready(&self) -> Result<(), FunctionError> {
        self.shared
            .wait_for(|work| match work.init_error.take() {
                Some(error) => Some(Err(error)),
                None => work.asked.then_some(Ok(())),
            })
            .await
    }

    /// Offers an invocation: its id, and where its result will come.
    pub(super) fn begin(&self, payload: Bytes, timeout: Duration) -> (String, oneshot::Receiver<Reply>) {
        static INVOCATIONS: AtomicU64 = AtomicU64::new(1);
        let number = INVOCATIONS.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-0000-4000-8000-{number:012x}", now_ms() / 1000);
        let deadline_ms = now_ms() + u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let (reply, result) = oneshot::channel();
        self.shared.lock().waiting = Some(Invocation { id: id.clone(), payload, deadline_ms, reply });
        self.shared.changed.notify_waiters();
        (id, result)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for<T>(&self, mut look: impl FnMut(&mut Work) -> Option<T>) -> T {
        loop {
            // Registered before looking, so that a change in between is not slept over.
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    fn finish(&self, id: &str, reply: Reply) -> Response {
        let mut work = self.lock();
        match work.running.take() {
            Some((running, sender)) if running == id => {
                // Nobody listens any more where the invocation was killed; then its result is nobody's.
                let _ = sender.send(reply);
                (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
            }
            other => {
                work.running = other;
                refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "no such invocation is running")
            }
        }
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.lock().asked = true;
    shared.changed.notify_waiters();
    let (headers, payload) = shared
        .wait_for(|work| {
            let Invocation { id, payload, deadline_ms, reply } = work.waiting.take()?;
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("lambda-runtime-aws-request-id", id.clone()),
                ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
                ("lambda-runtime-invoked-function-arn", shared.arn.clone()),
                ("lambda-runtime-trace-id", trace_id(&id)),
            ];
            work.running = Some((id, reply));
            Some((headers, payload))
        })
        .await;
    (headers, payload).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    if body.len() <= PAYLOAD_BYTES_MAX {
        return shared.finish(&id, Ok(body));
    }
    let message = format!("response is {} bytes, limit is {PAYLOAD_BYTES_MAX}", body.len());
    let error_type = "Function.ResponseSizeTooLarge".to_owned();
    shared.finish(&id, Err(FunctionError { error_type, error_message: message.clone() }));
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    shared.finish(&id, Err(parse_error(&body)))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.lock().init_error = Some(parse_error(&body));
    shared.changed.notify_waiters();
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn parse_error(body: &[u8]) -> FunctionError {
    serde_json::from_slice(body).unwrap_or_else(|_| FunctionError {
        error_type: "Unknown".to_owned(),
        error_message: String::from_utf8_lossy(body).into_owned(),
    })
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body: Value = json!({"errorType": error_type, "errorMessage": message});
    (status, Json(body)).into_response()
}

/// An X-Ray trace header that says: not sampled.
fn trace_id(id: &str) -> String {
    let digits = id.replace('-', "");
    format!("Root=1-{}-{};Sampled=0", &digits[..8], &digits[8..])
}
