//! Viewers' calls: who asks, whether they may, and what is recorded of it (`spec/viewer-api.md`, `spec/requests.md`).

use std::rc::Rc;

use serde::Deserialize;
use tapedeck_core::config::ProjectConfig;
use tapedeck_core::grant::Grant;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::object_key::AuditKey;
use tapedeck_core::request::{AuditRecord, Call, DOCUMENT_VERSION, How};
use tapedeck_core::store::{NewObject, Store};
use tapedeck_core::viewer::{Permit, authorize, bounded_name};
use tapedeck_s3_store::S3Store;
use worker::Request;

use crate::access_jwt;
use crate::answer::Answer;
use crate::body::{self, BodyError};
use crate::failure::Failure;
use crate::fetch::{Platform, new_id, now_ms};
use crate::log::Line;
use crate::projects;
use crate::route::ViewerRoute;
use crate::settings::Settings;
use crate::{index, requests, sessions, shares};

/// Largest body of a viewer's call, in bytes: 256 chunk names have 6,400.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Media type of what the edge writes for the indexer and for the record.
pub(crate) const JSON_TYPE: &str = "application/json";

/// Somebody who was let in, and what to.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// The project as it is now.
    pub(crate) project: Rc<ProjectConfig>,
    /// Its bucket.
    pub(crate) store: S3Store<Platform>,
    /// For the record.
    pub(crate) who: String,
    /// What that one may.
    pub(crate) permit: Permit,
    how: How,
    country: Option<String>,
}

/// Answers a viewer's call: lets in, reads what it is about, looks whether it is allowed, does it.
pub(crate) async fn answer(
    request: &Request,
    settings: &Settings,
    project: &str,
    route: ViewerRoute<'_>,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let Some(viewer) = admit(request, settings, project).await? else {
        return Ok(unauthorized());
    };
    line.project = Some(viewer.project.project.clone());
    let session = match route.session().map(str::parse::<SessionId>).transpose() {
        Ok(session) => session,
        Err(error) => return Ok(bad_request(&error.to_string())),
    };
    let call = route.call();
    if !viewer.permit.allows(call, session.as_ref()) {
        return Ok(forbidden());
    }
    match (route, session) {
        (ViewerRoute::Session { call, .. }, Some(session)) => match call {
            Call::Session => sessions::open(request, &viewer, &session).await,
            Call::Urls => sessions::sign(request, &viewer, &session, line).await,
            Call::Share => shares::share(request, settings, &viewer, session, line).await,
            _ => requests::about_session(&viewer, session, call).await,
        },
        (ViewerRoute::Index, _) => index::list(request, &viewer).await,
        (ViewerRoute::Tickets, _) => shares::ticket(request, settings, &viewer, line).await,
        (ViewerRoute::EraseUser, _) => requests::erase_user(request, &viewer, line).await,
        (ViewerRoute::ErasureState { id }, _) => requests::state(&viewer, id).await,
        (ViewerRoute::Session { .. }, None) => Ok(bad_request("no session")),
    }
}

/// Who the request shows to be asking. `None` looks the same for every reason: a stranger learns nothing.
async fn admit(request: &Request, settings: &Settings, project: &str) -> Result<Option<Viewer>, Failure> {
    let header = |name| request.headers().get(name).ok().flatten();
    let (authorization, assertion) = (header("authorization"), header("cf-access-jwt-assertion"));
    let Ok(project) = project.parse::<ProjectId>() else {
        return Ok(None);
    };
    if authorization.is_none() && assertion.is_none() {
        return Ok(None);
    }
    let Some(project) = projects::for_viewer(&settings.store(None)?, &project).await? else {
        return Ok(None);
    };
    let shown = match (authorization.as_deref().map(credentials), assertion, &project.access) {
        (Some(Some(("bearer", token))), ..) => authorize(&project, token, now_ms())
            .map(|viewer| (bounded_name(&viewer.name), How::Token, Permit::Role(viewer.role))),
        (Some(Some(("grant", grant))), ..) => settings
            .share_key()
            .and_then(|key| Grant::open(grant, key, &project.project, project.share_epoch, now_ms()))
            .map(|grant| ("a grant".to_owned(), How::Grant, Permit::Grant(Box::new(grant)))),
        (None, Some(assertion), Some(access)) => access_jwt::identify(&assertion, access)
            .await?
            .map(|(who, role)| (who, How::Access, Permit::Role(role))),
        _ => None,
    };
    let Some((who, how, permit)) = shown else {
        return Ok(None);
    };
    let store = settings.store(project.store.as_ref())?;
    let country = request.cf().and_then(worker::Cf::country);
    Ok(Some(Viewer { project, store, who, permit, how, country }))
}

/// The scheme of an `Authorization` header and what follows it. The scheme's case does not matter (RFC 9110).
fn credentials(authorization: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let scheme = ["bearer", "grant"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
    Some((scheme, rest.trim()))
}

impl Viewer {
    /// Writes that this call was made: before its reply, and where that cannot be, there is none.
    ///
    /// # Errors
    /// As of the store.
    pub(crate) async fn record(
        &self,
        call: Call,
        session: Option<&SessionId>,
        note: Option<String>,
    ) -> Result<(), Failure> {
        let id = new_id();
        let record = AuditRecord {
            version: DOCUMENT_VERSION,
            at_ms: id.requested_ms(),
            project: self.project.project.clone(),
            who: self.who.clone(),
            how: self.how,
            role: self.permit.role(),
            call,
            session: session.cloned(),
            country: self.country.clone(),
            note,
        };
        let key = AuditKey { project: self.project.project.clone(), id };
        self.create(&key.to_string(), &serde_json::to_vec(&record)?).await
    }

    /// Writes an object of the edge's own. One that is there already is this one, written by an attempt that seemed to fail: its name
    /// is drawn by chance.
    ///
    /// # Errors
    /// As of the store.
    pub(crate) async fn create(&self, key: &str, body: &[u8]) -> Result<(), Failure> {
        self.store.create(key, NewObject { body, content_type: JSON_TYPE, metadata: &[] }).await?;
        Ok(())
    }
}

/// What a request's body says, or what the client hears in place of it. An empty body is an empty object.
pub(crate) async fn read_json<T: for<'a> Deserialize<'a>>(
    request: &Request,
    line: &mut Line,
) -> Result<Result<T, Answer>, Failure> {
    let body = match body::read(request, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error @ BodyError::TooLarge { .. }) => return Ok(Err(bad_request(&error.to_string()))),
        Err(BodyError::Full(full)) => return Err(full.into()),
        Err(BodyError::Broken { found }) => return Err(Failure::Broken { found }),
        Err(BodyError::Slow { found }) => return Err(Failure::Slow { found }),
    };
    line.bytes = Some(body.bytes.len());
    let bytes = if body.bytes.is_empty() { b"{}" } else { body.bytes.as_slice() };
    let parsed = serde_json::from_slice(bytes);
    Ok(parsed
        .map_err(|error| bad_request(&format!("body is not of the form in spec/viewer-api.md: {error}"))))
}

fn unauthorized() -> Answer {
    Answer::error(401, "unauthorized", "no token that opens this project")
        .with_header("www-authenticate", "Bearer")
}

pub(crate) fn forbidden() -> Answer {
    Answer::error(403, "forbidden", "who asks may not make this call")
}

pub(crate) fn bad_request(detail: &str) -> Answer {
    Answer::error(400, "request", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        assert_eq!(credentials("Bearer vt_1"), Some(("bearer", "vt_1")));
        assert_eq!(credentials("bearer  vt_1 "), Some(("bearer", "vt_1")));
        assert_eq!(credentials("Grant a.b"), Some(("grant", "a.b")));
        assert_eq!(credentials("Basic vt_1"), None);
        assert_eq!(credentials("Bearer"), None);
        assert_eq!(credentials(""), None);
    }
}
