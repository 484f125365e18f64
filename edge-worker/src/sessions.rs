//! `GET …/sessions/{session}` and `POST …/sessions/{session}/urls`: `spec/viewer-api.md`.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tapedeck_core::gather::gather;
use tapedeck_core::ids::{ProjectId, SessionId};
use tapedeck_core::manifest::{MANIFEST_BYTES_MAX, Outline};
use tapedeck_core::object_key::{ChunkKey, ChunkName, chunks_prefix, manifest_key};
use tapedeck_core::request::Call;
use tapedeck_core::store::{Listed, Store, StoreError};
use tapedeck_core::viewer::{Moment, NAMES_MAX, NEWER_MAX, Newer, URL_LIFE_S, granted_chunks, plan_urls};
use worker::Request;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fetch::now_ms;
use crate::in_flight::Reservation;
use crate::log::Line;
use crate::recorder_config::query;
use crate::tapes::{self, Tape};
use crate::viewers::{Viewer, bad_request, forbidden, read_json};

/// Keys per page of a listing: the most that S3 gives.
pub(crate) const LIST_KEYS: usize = 1_000;

/// Most pages of chunks looked through for those that are not in the manifest: as many chunks as a day's session can have.
const LIST_PAGES_MAX: usize = 100;

/// How many times a manifest's bytes it takes to read, plan and answer with it.
const MANIFEST_COPIES: usize = 6;

#[derive(Serialize)]
struct SessionReply<'a> {
    project: &'a ProjectId,
    session: &'a SessionId,
    manifest: Option<&'a RawValue>,
    newer: Vec<Newer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tape: Option<Tape>,
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

/// A manifest as it was read, and what it says.
struct Known {
    bytes: Vec<u8>,
    manifest: Option<Outline>,
    _in_flight: Reservation<'static>,
}

/// Gives a viewer a session's manifest, what is newer than it, and URLs to begin with.
pub(crate) async fn open(request: &Request, viewer: &Viewer, session: &SessionId) -> Result<Answer, Failure> {
    let Some(moment) = Moment::parse(query(request, "at").as_deref()) else {
        return Ok(bad_request("at is neither Unix milliseconds nor end"));
    };
    let project = &viewer.project.project;
    let first = list_chunks(&viewer.store, project, session, None);
    let (known, first) = try_join(read_manifest(viewer, session), async { Ok(first.await?) }).await?;
    let manifest = known.manifest.as_ref();
    // Of a part of the session, what has no known time may lie outside.
    let grant = viewer.permit.moment();
    let has_chunks = !first.is_empty();
    let newer = match grant {
        None => newer(&viewer.store, project, session, manifest, first).await?,
        Some(_) => Vec::new(),
    };
    let tape = match grant {
        None => tapes::find(viewer, session, manifest, has_chunks).await?,
        Some(_) => None,
    };
    if manifest.is_none() && !has_chunks && tape.is_none() {
        return Ok(Answer::error(404, "not_found", "no chunk of this session is stored"));
    }
    let names: Vec<ChunkName> = newer.iter().map(|(name, _)| name.clone()).collect();
    let moment = match (moment, grant.and_then(|grant| grant.at_ms)) {
        (Moment::Start, Some(at_ms)) => Moment::At(at_ms),
        (moment, _) => moment,
    };
    let mut planned = plan_urls(manifest, &names, moment);
    if let Some(grant) = grant {
        let granted = manifest.map(|manifest| granted_chunks(manifest, grant)).unwrap_or_default();
        planned.retain(|name| granted.contains(name));
    }
    let reply = SessionReply {
        project,
        session,
        manifest: manifest.map(|_| serde_json::from_slice(&known.bytes)).transpose()?,
        newer: newer.into_iter().map(|(name, bytes)| Newer::new(name, bytes)).collect(),
        tape,
        signed: presign(viewer, session, planned),
    };
    let body = serde_json::to_string(&reply)?;
    viewer.record(Call::Session, Some(session), None).await?;
    Ok(Answer::ok(body))
}

/// Gives a viewer URLs of named chunks. A name is signed whether or not an object is there.
pub(crate) async fn sign(
    request: &Request,
    viewer: &Viewer,
    session: &SessionId,
    line: &mut Line,
) -> Result<Answer, Failure> {
    let names = match read_json::<UrlsRequest>(request, line).await? {
        Ok(UrlsRequest { chunks }) if chunks.len() <= NAMES_MAX => chunks,
        Ok(UrlsRequest { chunks }) => {
            return Ok(bad_request(&format!("chunks has {} names, limit is {NAMES_MAX}", chunks.len())));
        }
        Err(answer) => return Ok(answer),
    };
    if let Some(grant) = viewer.permit.moment() {
        let known = read_manifest(viewer, session).await?;
        let granted = known.manifest.map(|manifest| granted_chunks(&manifest, grant)).unwrap_or_default();
        if !names.iter().all(|name| granted.contains(name)) {
            return Ok(forbidden());
        }
    }
    let body = serde_json::to_string(&presign(viewer, session, names))?;
    viewer.record(Call::Urls, Some(session), None).await?;
    Ok(Answer::ok(body))
}

async fn read_manifest(viewer: &Viewer, session: &SessionId) -> Result<Known, Failure> {
    let key = manifest_key(&viewer.project.project, session);
    let object = viewer.store.get(&key, MANIFEST_BYTES_MAX).await?;
    let bytes = object.map(|object| object.body).unwrap_or_default();
    let mut in_flight = Reservation::new();
    in_flight.grow(MANIFEST_COPIES * bytes.len())?;
    let refused = |source| Failure::Manifest { session: session.to_string(), source };
    let manifest = if bytes.is_empty() { None } else { Some(Outline::parse(&bytes).map_err(refused)?) };
    Ok(Known { bytes, manifest, _in_flight: in_flight })
}

/// The chunks that are not in the manifest, in the order of their names, with their sizes: the first of them. `page` is the first page
/// of the listing.
async fn newer(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    manifest: Option<&Outline>,
    mut page: Vec<Listed>,
) -> Result<Vec<(ChunkName, u64)>, StoreError> {
    let known: BTreeSet<ChunkName> = gather(manifest.into_iter().flat_map(Outline::chunk_names));
    let mut newer = Vec::new();
    for _ in 1..LIST_PAGES_MAX {
        let after = page.last().filter(|_| page.len() == LIST_KEYS).map(|listed| listed.key.clone());
        // Other objects there are passed over.
        let named = page.into_iter().filter_map(|Listed { key, bytes, .. }| {
            let ChunkKey { name, .. } = key.parse().ok()?;
            Some((name, bytes))
        });
        newer.extend(named.filter(|(name, _)| !known.contains(name)));
        newer.truncate(NEWER_MAX);
        match after {
            Some(after) if newer.len() < NEWER_MAX => {
                page = list_chunks(store, project, session, Some(&after)).await?;
            }
            _ => break,
        }
    }
    Ok(newer)
}

async fn list_chunks(
    store: &impl Store,
    project: &ProjectId,
    session: &SessionId,
    after: Option<&str>,
) -> Result<Vec<Listed>, StoreError> {
    store.list(&chunks_prefix(project, session), after, LIST_KEYS).await
}

fn presign(viewer: &Viewer, session: &SessionId, names: impl IntoIterator<Item = ChunkName>) -> Signed {
    let now_ms = now_ms();
    let project = &viewer.project.project;
    let sign = |name: ChunkName| {
        let text = name.to_string();
        let key = ChunkKey { project: project.clone(), session: session.clone(), name };
        (text, viewer.store.presign_get(&key.to_string(), now_ms, URL_LIFE_S).into())
    };
    Signed { urls: gather(names.into_iter().map(sign)), urls_expire_ms: urls_expire_ms(now_ms), now_ms }
}

/// When URLs end that were signed at `now_ms`. Signatures know whole seconds, so they end with the second that they began in.
pub(crate) fn urls_expire_ms(now_ms: i64) -> i64 {
    now_ms - now_ms.rem_euclid(1_000) + i64::from(URL_LIFE_S) * 1_000
}
