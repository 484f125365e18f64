//! The Worker: receives batches (`spec/upload.md`), tells recorders their settings (`spec/config.md`), and gives viewers
//! what they may read (`spec/viewer-api.md`).
//!
//! What is decided is decided in `tapedeck_core`; here is what acts. [`route`] finds the call. [`batches`], [`recorder_config`]
//! and [`viewers`] with its calls each read from top to bottom: decode, decide, act, reply. [`projects`] and `tapedeck_s3_store` read and write the
//! bucket, [`answer`] goes back, and [`failure`] is all that can go wrong on our side.

mod access_jwt;
mod answer;
mod batches;
mod body;
mod counters;
mod failure;
mod fetch;
mod in_flight;
mod index;
mod log;
mod pace;
mod pieces;
mod projects;
mod rate_limits;
mod recorder_config;
mod requests;
mod route;
mod sessions;
mod settings;
mod shares;
mod tapes;
mod ttl_cache;
mod usage;
mod viewers;

use serde_json::json;
use tapedeck_core::reply::Reply;
use worker::{Context, Env, Request, Response, event};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::log::Line;
use crate::route::Route;
use crate::settings::Settings;

/// Version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One request, from the platform to the platform.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    let started_ms = fetch::now_ms();
    let path = request.path();
    let route = Route::parse(request.method().as_ref(), &path);
    let mut line = Line { route: route.name(), ..Line::default() };
    let answer = answer(route, &request, &env, &mut line).await.unwrap_or_else(|failure| {
        line.cause = Some(log::chain(&failure));
        failure.reply().into()
    });
    body::discard(&request).await;
    line.status = answer.status;
    line.outcome.clone_from(&answer.outcome);
    line.duration_ms = fetch::now_ms() - started_ms;
    line.write();
    counters::count(&env, &line);
    answer.into_response()
}

async fn answer(route: Route<'_>, request: &Request, env: &Env, line: &mut Line) -> Result<Answer, Failure> {
    // What costs nothing is not counted: preflights would use up what uploads need.
    let costs = !matches!(route, Route::Preflight | Route::Health);
    if costs && !rate_limits::admit_address(env, request).await {
        return Ok(Reply::slow_down(rate_limits::RETRY_AFTER_S, "this address asks too often").into());
    }
    match route {
        Route::Preflight => Ok(Answer::preflight()),
        Route::Health => Ok(Answer::ok(json!({ "status": "ok", "version": VERSION }).to_string())),
        Route::Batches => batches::receive(request, env, Settings::of(env)?, line).await,
        Route::RecorderConfig => recorder_config::answer(request, Settings::of(env)?, line).await,
        Route::Viewer { project, route } => {
            viewers::answer(request, Settings::of(env)?, project, route, line).await
        }
        Route::WrongMethod { allow } => {
            let detail = format!("this path has {allow}");
            Ok(Answer::error(405, "method", &detail).with_header("allow", allow))
        }
        Route::Unknown => Ok(Answer::error(404, "not_found", "no such path")),
    }
}
