//! Erasing and pinning: what the edge cannot do, and asks the indexer for (`spec/requests.md`).

use serde::Deserialize;
use serde_json::json;
use tapedeck_core::ids::{RequestId, SessionId};
use tapedeck_core::object_key::{ErasureStateKey, RequestKey};
use tapedeck_core::request::{
    Asks, Call, DOCUMENT_BYTES_MAX, DOCUMENT_VERSION, ErasureState, Request as Asked, parse_document,
};
use tapedeck_core::store::Store;
use tapedeck_core::user_hash::UserHash;
use worker::Request;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fetch::new_id;
use crate::log::Line;
use crate::viewers::{Viewer, bad_request, read_json};

#[derive(Deserialize)]
struct EraseUserRequest {
    user: Option<String>,
    user_hash: Option<UserHash>,
}

/// Asks for what a call about a session means: pinning, unpinning, erasing.
pub(crate) async fn about_session(
    viewer: &Viewer,
    session: SessionId,
    call: Call,
) -> Result<Answer, Failure> {
    let about = session.clone();
    let asks = match call {
        Call::Pin => Asks::Pin { session },
        Call::Unpin => Asks::Unpin { session },
        Call::EraseSession => Asks::EraseSession { session },
        // The router has no other.
        _ => return Ok(bad_request("no such call of a session")),
    };
    ask(viewer, call, Some(&about), asks).await
}

/// Asks for the erasure of a user.
pub(crate) async fn erase_user(
    request: &Request,
    viewer: &Viewer,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let asked: EraseUserRequest = match read_json(request, line).await? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let Some(key) = &viewer.project.user_hash_key else {
        return Ok(bad_request("the project's config has no user_hash_key, so nobody can be erased by user"));
    };
    let user = match asked {
        EraseUserRequest { user: Some(user), user_hash: None } if !user.is_empty() => {
            UserHash::of(&user, key)
        }
        EraseUserRequest { user: None, user_hash: Some(hash) } => hash,
        _ => return Ok(bad_request("body has neither user nor user_hash, or both")),
    };
    ask(viewer, Call::EraseUser, None, Asks::EraseUser { user }).await
}

async fn ask(
    viewer: &Viewer,
    call: Call,
    session: Option<&SessionId>,
    asks: Asks,
) -> Result<Answer, Failure> {
    let project = &viewer.project.project;
    let id = new_id();
    let requested_ms = id.requested_ms();
    let by = viewer.who.clone();
    let request =
        Asked { version: DOCUMENT_VERSION, id: id.clone(), project: project.clone(), asks, requested_ms, by };
    // First the record: what is asked for happens even if this answer is lost.
    viewer.record(call, session, None).await?;
    let key = RequestKey { project: project.clone(), id: id.clone() };
    viewer.create(&key.to_string(), &serde_json::to_vec(&request)?).await?;
    let reply = json!({ "request": id, "state_url": format!("/v1/projects/{project}/erasures/{id}") });
    Ok(Answer::accepted(reply.to_string()))
}

/// Tells how far a request has come.
pub(crate) async fn state(viewer: &Viewer, id: &str) -> Result<Answer, Failure> {
    let id: RequestId = match id.parse() {
        Ok(id) => id,
        Err(error) => return Ok(bad_request(&format!("{error}"))),
    };
    let project = viewer.project.project.clone();
    let key = ErasureStateKey { project: project.clone(), id: id.clone() }.to_string();
    let state: ErasureState = if let Some(object) = viewer.store.get(&key, DOCUMENT_BYTES_MAX).await? {
        parse_document(&object.body).map_err(|source| Failure::Document { key, source })?
    } else {
        let key = RequestKey { project, id: id.clone() }.to_string();
        let Some(object) = viewer.store.get(&key, DOCUMENT_BYTES_MAX).await? else {
            return Ok(Answer::error(404, "not_found", "no request of this id"));
        };
        let request: Asked =
            parse_document(&object.body).map_err(|source| Failure::Document { key, source })?;
        ErasureState::accepted(id, request.asks.action())
    };
    viewer.record(Call::ErasureState, None, None).await?;
    Ok(Answer::ok(serde_json::to_string(&state)?))
}
