//! `GET …/sessions/{session}` and `POST …/sessions/{session}/urls`: `spec/viewer-api.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::future::try_join;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tapedeck_core::config::ProjectConfig;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{MANIFEST_BYTES_MAX, Manifest};
use tapedeck_core::object_key::{ChunkKey, ChunkName, chunks_prefix, manifest_key};
use tapedeck_core::store::{Listed, Store, StoreError};
use tapedeck_core::viewer::{Moment, NAMES_MAX, NEWER_MAX, Newer, URL_LIFE_S, authorize, plan_urls};
use worker::Request;

use crate::answer::Answer;
use crate::body::{self, BodyError};
use crate::failure::Failure;
use crate::fetch::{Platform, now_ms};
use crate::in_flight::Reservation;
use crate::log::Line;
use crate::projects;
use crate::recorder_config::query;
use crate::settings::Settings;
use tapedeck_s3_store::S3Store;

/// Largest body of a request for URLs, in bytes: its 256 names have 6,400.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Keys per page of a listing: the most that S3 gives.
const LIST_KEYS: usize = 1_000;

/// Most pages of chunks looked through for those that are not in the manifest.
const LIST_PAGES_MAX: usize = 10;

/// How many times a manifest's bytes it takes to read, plan and answer with it.
const MANIFEST_COPIES: usize = 6;

#[derive(Serialize)]
struct SessionReply<'a> {
    project: &'a ProjectId,
    session: &'a SessionId,
    manifest: Option<&'a RawValue>,
    newer: Vec<Newer>,
    #[serde(flatten)]
    signed: Signed,
}

#[derive(Serialize)]
struct Signed {
    urls: BTreeMap<String, String>,
    urls_expire_ms: i64,
    now_ms: i64,
}

#[derive(Deserialize)]
struct UrlsRequest {
    chunks: Vec<ChunkName>,
}

/// What a viewer was let through to.
struct Access {
    project: Rc<ProjectConfig>,
    store: S3Store<Platform>,
}

/// Gives a viewer a session's manifest, what is newer than it, and URLs to begin with.
pub(crate) async fn open(
    request: &Request,
    settings: &Settings,
    project: &str,
    session: &str,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let Some(Access { project, store }) = access(request, settings, project, line).await? else {
        return Ok(unauthorized());
    };
    let session: SessionId = match session.parse() {
        Ok(session) => session,
        Err(error) => return Ok(bad_request(&error.to_string())),
    };
    let Some(moment) = Moment::parse(query(request, "at").as_deref()) else {
        return Ok(bad_request("at is neither Unix milliseconds nor end"));
    };

    let key = manifest_key(&project.project, &session);
    let chunks = chunks(&store, &project.project, &session);
    let (object, chunks) = try_join(store.get(&key, MANIFEST_BYTES_MAX), chunks).await?;
    if object.is_none() && chunks.is_empty() {
        return Ok(Answer::error(404, "not_found", "no chunk of this session is stored"));
    }
    let bytes = object.map(|object| object.body).unwrap_or_default();
    let mut in_flight = Reservation::new();
    in_flight.grow(MANIFEST_COPIES * bytes.len())?;
    let (raw, manifest) = if bytes.is_empty() {
        (None, None)
    } else {
        let refused = |source| Failure::Manifest { session: session.to_string(), source };
        let manifest = Manifest::parse(&bytes).map_err(refused)?;
        (Some(serde_json::from_slice::<&RawValue>(&bytes)?), Some(manifest))
    };

    let known: BTreeSet<ChunkName> = manifest.iter().flat_map(Manifest::chunk_names).collect();
    let newer: Vec<(ChunkName, u64)> =
        chunks.into_iter().filter(|(name, _)| !known.contains(name)).take(NEWER_MAX).collect();
    let names: Vec<ChunkName> = newer.iter().map(|(name, _)| name.clone()).collect();
    let planned = plan_urls(manifest.as_ref(), &names, moment);
    let reply = SessionReply {
        project: &project.project,
        session: &session,
        manifest: raw,
        newer: newer.into_iter().map(|(name, bytes)| Newer::new(name, bytes)).collect(),
        signed: presign(&store, &project.project, &session, planned),
    };
    Ok(Answer::ok(serde_json::to_string(&reply)?))
}

/// Gives a viewer URLs of named chunks. A name is signed whether or not an object is there.
pub(crate) async fn sign(
    request: &mut Request,
    settings: &Settings,
    project: &str,
    session: &str,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let Some(Access { project, store }) = access(request, settings, project, line).await? else {
        return Ok(unauthorized());
    };
    let session: SessionId = match session.parse() {
        Ok(session) => session,
        Err(error) => return Ok(bad_request(&error.to_string())),
    };
    let body = match body::read(request, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error @ BodyError::TooLarge { .. }) => return Ok(bad_request(&error.to_string())),
        Err(BodyError::Full(full)) => return Err(full.into()),
        Err(BodyError::Broken { found }) => return Err(Failure::Broken { found }),
        Err(BodyError::Slow { found }) => return Err(Failure::Slow { found }),
    };
    line.bytes = Some(body.bytes.len());
    let names = match serde_json::from_slice::<UrlsRequest>(&body.bytes) {
        Ok(UrlsRequest { chunks }) if chunks.len() <= NAMES_MAX => chunks,
        Ok(UrlsRequest { chunks }) => {
            return Ok(bad_request(&format!("chunks has {} names, limit is {NAMES_MAX}", chunks.len())));
        }
        Err(error) => {
            return Ok(bad_request(&format!("body is not of the form in spec/viewer-api.md: {error}")));
        }
    };
    let signed = presign(&store, &project.project, &session, names);
    Ok(Answer::ok(serde_json::to_string(&signed)?))
}

/// What the request's token lets through to. `None` looks the same for every reason: a stranger learns nothing.
async fn access(
    request: &Request,
    settings: &Settings,
    project: &str,
    line: &mut Line,
) -> Result<Option<Access>, Failure> {
    let authorization = request.headers().get("authorization").ok().flatten();
    let token = authorization.as_deref().and_then(bearer_token);
    let (Some(token), Ok(project)) = (token, project.parse::<ProjectId>()) else {
        return Ok(None);
    };
    let Some(project) = projects::for_viewer(&settings.store(None)?, &project).await? else {
        return Ok(None);
    };
    if authorize(&project, token, now_ms()).is_none() {
        return Ok(None);
    }
    line.project = Some(project.project.clone());
    let store = settings.store(project.store.as_ref())?;
    Ok(Some(Access { project, store }))
}

/// The token of `Authorization: Bearer {token}` (RFC 6750; the scheme's case does not matter, RFC 9110).
fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session's chunks in the order of their names, with their sizes. Other objects there are passed over.
async fn chunks(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
) -> Result<Vec<(ChunkName, u64)>, StoreError> {
    let prefix = chunks_prefix(project, session);
    let mut chunks = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..LIST_PAGES_MAX {
        let page = store.list(&prefix, after.as_deref(), LIST_KEYS).await?;
        let is_last = page.len() < LIST_KEYS;
        after = page.last().map(|listed| listed.key.clone());
        chunks.extend(page.into_iter().filter_map(|Listed { key, bytes, .. }| {
            let ChunkKey { name, .. } = key.parse().ok()?;
            Some((name, bytes))
        }));
        if is_last {
            break;
        }
    }
    Ok(chunks)
}

fn presign(
    store: &S3Store<Platform>,
    project: &ProjectId,
    session: &SessionId,
    names: impl IntoIterator<Item = ChunkName>,
) -> Signed {
    let now_ms = now_ms();
    let urls = names
        .into_iter()
        .map(|name| {
            let text = name.to_string();
            let key = ChunkKey { project: project.clone(), session: session.clone(), name };
            (text, store.presign_get(&key.to_string(), now_ms, URL_LIFE_S).into())
        })
        .collect();
    // Signatures know whole seconds, so they end with the second that they began in.
    let urls_expire_ms = now_ms - now_ms.rem_euclid(1_000) + i64::from(URL_LIFE_S) * 1_000;
    Signed { urls, urls_expire_ms, now_ms }
}

fn unauthorized() -> Answer {
    Answer::error(401, "unauthorized", "no token that opens this project")
        .with_header("www-authenticate", "Bearer")
}

fn bad_request(detail: &str) -> Answer {
    Answer::error(400, "request", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        assert_eq!(bearer_token("Bearer vt_1"), Some("vt_1"));
        assert_eq!(bearer_token("bearer  vt_1 "), Some("vt_1"));
        assert_eq!(bearer_token("Basic vt_1"), None);
        assert_eq!(bearer_token("Bearer"), None);
        assert_eq!(bearer_token(""), None);
    }
}
