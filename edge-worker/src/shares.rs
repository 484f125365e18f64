//! `POST …/sessions/{session}/shares` and `POST …/tickets`: `spec/viewer-api.md`.

use serde::Deserialize;
use serde_json::json;
use tapedeck_core::grant::{Grant, Ticket};
use tapedeck_core::ids::SessionId;
use tapedeck_core::request::Call;
use tapedeck_core::viewer::{GRANT_LIFE_MS, TICKET_LIFE_MS, bounded_name};
use worker::Request;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fetch::now_ms;
use crate::log::Line;
use crate::settings::Settings;
use crate::viewers::{Viewer, bad_request, read_json};

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "all of them are times, and the spec names them so")]
struct ShareRequest {
    expires_ms: Option<i64>,
    at_ms: Option<i64>,
    until_ms: Option<i64>,
}

#[derive(Deserialize)]
struct TicketRequest {
    expires_ms: Option<i64>,
    note: Option<String>,
}

/// Gives out a grant to one session.
pub(crate) async fn share(
    request: &Request,
    settings: &Settings,
    viewer: &Viewer,
    session: SessionId,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let ShareRequest { expires_ms, at_ms, until_ms } = match read_json(request, line).await? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let Some(expires_ms) = GRANT_LIFE_MS.end(expires_ms, now_ms()) else {
        return Ok(bad_request("expires_ms is past, or more than 90 days ahead"));
    };
    if at_ms.zip(until_ms).is_some_and(|(at_ms, until_ms)| at_ms >= until_ms) {
        return Ok(bad_request("at_ms is not before until_ms"));
    }
    let project = viewer.project.project.clone();
    let epoch = viewer.project.share_epoch;
    let grant = Grant { project, session, expires_ms, at_ms, until_ms, epoch };
    let sealed = grant.seal(settings.required_share_key()?)?;
    viewer.record(Call::Share, Some(&grant.session), None).await?;
    Ok(Answer::ok(json!({ "grant": sealed, "expires_ms": expires_ms }).to_string()))
}

/// Gives out a support ticket.
pub(crate) async fn ticket(
    request: &Request,
    settings: &Settings,
    viewer: &Viewer,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let TicketRequest { expires_ms, note } = match read_json(request, line).await? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let Some(expires_ms) = TICKET_LIFE_MS.end(expires_ms, now_ms()) else {
        return Ok(bad_request("expires_ms is past, or more than 7 days ahead"));
    };
    let project = viewer.project.project.clone();
    let ticket = Ticket { project, expires_ms, epoch: viewer.project.share_epoch };
    let sealed = ticket.seal(settings.required_share_key()?)?;
    viewer.record(Call::Ticket, None, note.map(|note| bounded_name(&note))).await?;
    Ok(Answer::ok(json!({ "ticket": sealed, "expires_ms": expires_ms }).to_string()))
}
