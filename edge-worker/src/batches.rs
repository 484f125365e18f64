//! `POST /v1/batches`: `spec/upload.md`.

use tapedeck_core::admit::{Decision, Refusal, RequestFacts, body_bytes_max, check_body_bytes, decide};
use tapedeck_core::config::Limits;
use tapedeck_core::reply::Reply;
use tapedeck_core::store::{Created, NewObject, Store};
use worker::{Env, Request};

use crate::VERSION;
use crate::answer::Answer;
use crate::body::{self, BodyError};
use crate::failure::Failure;
use crate::fetch::{now_ms, sha256};
use crate::log::Line;
use crate::rate_limits;
use crate::recorder_config::{project_of, unknown_key};
use crate::settings::Settings;
use crate::usage;

/// Media type of a chunk: gzip is what it is, not how something else travels.
const CHUNK_TYPE: &str = "application/gzip";

/// Receives one batch. `stored` is only said after the store has confirmed it.
pub(crate) async fn receive(
    request: &Request,
    env: &Env,
    settings: &Settings,
    line: &mut Line,
) -> Result<Answer, Failure> {
    if let Err(refusal) = check_body_bytes(body::stated_bytes(request).unwrap_or(0), &Limits::CEILING) {
        return Ok(Reply::refused(&refusal).into());
    }
    let Some(project) = project_of(request, settings).await? else {
        return Ok(unknown_key());
    };
    line.project = Some(project.project.clone());
    let body = match body::read(request, body_bytes_max(&project.limits)).await {
        Ok(body) => body,
        Err(BodyError::TooLarge { found, max }) => {
            return Ok(Reply::refused(&Refusal::CompressedBytes { found, max }).into());
        }
        Err(BodyError::Full(full)) => return Err(full.into()),
        Err(BodyError::Broken { found }) => return Err(Failure::Broken { found }),
        Err(BodyError::Slow { found }) => return Err(Failure::Slow { found }),
    };
    line.bytes = Some(body.bytes.len());
    if !rate_limits::admit_upload(env, &project.project, &body.bytes).await {
        return Ok(Reply::slow_down(rate_limits::RETRY_AFTER_S, "this project receives too much").into());
    }

    let store = settings.store(project.store.as_ref())?;
    let used_bytes = usage::used_bytes(&store, &project).await;
    let header = |name| request.headers().get(name).ok().flatten();
    let (origin, user_agent) = (header("origin"), header("user-agent"));
    let country = request.cf().and_then(worker::Cf::country);
    let facts = RequestFacts {
        origin: origin.as_deref(),
        user_agent: user_agent.as_deref(),
        gpc: header("sec-gpc").as_deref() == Some("1"),
        share_key: settings.share_key(),
        used_bytes,
        country: country.as_deref(),
        edge: VERSION,
        received_ms: now_ms(),
    };
    let kept = match decide(&facts, &body.bytes, &project) {
        Decision::Keep(kept) => kept,
        Decision::Drop(reason) => return Ok(Reply::dropped(reason).into()),
        Decision::Refuse(refusal) => return Ok(Reply::refused(&refusal).into()),
    };
    let hash = sha256(kept.text()).await?;
    let chunk = kept.into_chunk(&hash);
    line.events = Some(chunk.events);
    line.inflated_bytes = Some(chunk.inflated_bytes);
    line.scrubbed.clone_from(&chunk.scrubbed);

    let object = NewObject { body: &chunk.body, content_type: CHUNK_TYPE, metadata: &chunk.metadata };
    let reply = match store.create(&chunk.key.to_string(), object).await? {
        Created::Stored => Reply::stored(),
        Created::Exists => Reply::duplicate(),
    };
    Ok(reply.into())
}
