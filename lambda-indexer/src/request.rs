//! What viewers asked for in `requests/`: erasing and pinning (`spec/requests.md`). A request goes on over as many invocations as it
//! needs; its state says how far it has come, and a message to ourselves where to go on.

use std::collections::BTreeSet;
use std::time::Duration;

use tapedeck_core::ids::{ProjectId, RequestId, SessionId};
use tapedeck_core::object_key::{ArchiveClass, ErasureStateKey, PinKey, RequestKey};
use tapedeck_core::request::{
    Asks, DOCUMENT_BYTES_MAX, DOCUMENT_VERSION, DocumentError, ErasureState, Pin, Progress, Removed, Request,
    parse_document,
};
use tapedeck_core::retention::{UNPINNED, decide_class};
use tapedeck_core::store::{Created, NewObject, OwnedStore, Replaced, StoreError};

use crate::clock::{ms, now_ms};
use crate::end::{EndError, name_tape};
use crate::erase::EraseError;
use crate::listing::chunks_of;
use crate::merge::{MergeError, stored};
use crate::outbox::{Outbox, OutboxError};
use crate::pass::{PassError, Place, Target, pass};
use crate::quarantine::damaged;
use crate::rules::ProjectRules;
use crate::session_tape::{Recorded, SessionTapeError, best, classes, delete_others, record, tapes};
use crate::shell::{ConfigReadError, Shell};
use crate::task::Task;
use crate::tombstone::{TombstoneError, bury_session, bury_user, is_erased};

/// Why a request is not carried out yet. It may be tried again from where it is.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The store failed or refused.
    #[error("request cannot be carried out")]
    Store(#[from] StoreError),
    /// A document of it cannot be read.
    #[error("{key} cannot be read")]
    Document {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// Others wrote its state at each try.
    #[error("{key} was changed by others at each of {tries} tries")]
    Contended {
        /// Which object.
        key: String,
        /// How many.
        tries: u32,
    },
    /// Not in practice.
    #[error("document has no JSON form")]
    Encode(#[from] serde_json::Error),
    /// A tombstone.
    #[error(transparent)]
    Tombstone(#[from] TombstoneError),
    /// Objects of a session.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// A pass over the bucket.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// A tape.
    #[error("tape of session cannot be moved")]
    Tape(#[from] SessionTapeError),
    /// A manifest.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A manifest that names a tape.
    #[error(transparent)]
    End(#[from] EndError),
    /// A project's rules.
    #[error(transparent)]
    Config(#[from] ConfigReadError),
    /// The message that goes on.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Carries out a request, or a part of it. `from` is where a pass stopped.
///
/// # Errors
/// [`RequestError`]
pub async fn carry_out_request<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    id: &RequestId,
    from: Option<&str>,
) -> Result<(), RequestError> {
    let key = RequestKey { project: project.clone(), id: id.clone() }.to_string();
    let Some(object) = shell.store.get(&key, DOCUMENT_BYTES_MAX).await? else {
        tracing::warn!(key, "request is gone");
        return Ok(());
    };
    let request: Request =
        parse_document(&object.body).map_err(|source| RequestError::Document { key, source })?;
    let state = state(shell, project, id, &request).await?;
    if matches!(state.state, Progress::Done | Progress::Failed) {
        return Ok(());
    }
    match &request.asks {
        Asks::Pin { session } => pin(shell, &request, session).await,
        Asks::Unpin { session } => unpin(shell, &request, session).await,
        Asks::EraseSession { session } => {
            bury_session(&shell.store, project, session, id).await?;
            erase(shell, &request, &Target::Session(session.clone()), &state, from).await
        }
        Asks::EraseUser { user } => {
            bury_user(&shell.store, project, user, id).await?;
            erase(shell, &request, &Target::User(user.clone()), &state, from).await
        }
    }
}

/// One pass over what is erased, or the part of it that this invocation has time for.
async fn erase<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    request: &Request,
    target: &Target,
    state: &ErasureState,
    from: Option<&str>,
) -> Result<(), RequestError> {
    let Request { project, id, .. } = request;
    let again = async |from: Option<String>, delay: Duration| {
        let task = Task::Request { project: project.clone(), request: id.clone(), from };
        shell.outbox.send(&task, delay).await
    };
    if state.tombstone_ms.is_none() {
        let now = now_ms();
        write_state(shell, request, |state| {
            state.state = Progress::Running;
            state.tombstone_ms.get_or_insert(now);
            state.pass.get_or_insert(1);
        })
        .await?;
    }
    let wait_ms = ms(shell.settings.second_pass);
    let due_ms = state.tombstone_ms.unwrap_or_else(now_ms).saturating_add(wait_ms);
    if state.state == Progress::Waiting && from.is_none() {
        let left = Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms())).unwrap_or(0));
        if !left.is_zero() {
            again(None, left).await?;
            return Ok(());
        }
        write_state(shell, request, |state| {
            state.state = Progress::Running;
            state.pass = Some(state.pass.unwrap_or(1) + 1);
            state.shards_done = Some(0);
        })
        .await?;
    }
    // The first pass may end late enough, but it did not begin so.
    let is_late = state.pass.unwrap_or(1) > 1 || (state.state == Progress::Waiting && from.is_none());
    let done = pass(shell, project, id, target, Place::parse(from)).await?;
    let is_last = done.next.is_none() && is_late && done.is_clean;
    write_state(shell, request, |state| {
        let before = state.removed.unwrap_or_default();
        state.removed = Some(Removed {
            chunks: before.chunks + done.removed.chunks,
            manifests: before.manifests + done.removed.manifests,
            tapes: before.tapes + done.removed.tapes,
            rows: before.rows + done.removed.rows,
        });
        state.sessions = Some(state.sessions.unwrap_or(0) + done.sessions);
        state.shards_done = Some(done.next.as_ref().map_or(256, Place::shards_done));
        if done.next.is_none() {
            state.state = if is_last { Progress::Done } else { Progress::Waiting };
            state.done_ms = is_last.then(now_ms);
        }
    })
    .await?;
    if let Some(next) = &done.next {
        again(Some(next.to_string()), Duration::ZERO).await?;
    } else if !is_last {
        again(None, Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms())).unwrap_or(0)))
            .await?;
    }
    Ok(())
}

async fn pin<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    request: &Request,
    session: &SessionId,
) -> Result<(), RequestError> {
    let Request { project, id, requested_ms, .. } = request;
    if is_erased(&shell.store, project, session).await? {
        return fail(shell, request, "the session was erased").await;
    }
    let rules = ProjectRules::read(&shell.store, project).await?;
    let Some(recorded) = recorded(shell, project, session, &rules).await? else {
        return fail(shell, request, "the session has expired, or there never was one of this id").await;
    };
    let key = PinKey { project: project.clone(), session: session.clone() }.to_string();
    let pin = Pin { version: DOCUMENT_VERSION, request: id.clone(), pinned_ms: *requested_ms };
    let body = serde_json::to_vec(&pin)?;
    shell.store.create(&key, json_object(&body)).await?;
    let mark = recorded.publish(&shell.store, ArchiveClass::Pinned, project, session).await?;
    name_tape(shell, project, session, &rules, Some(mark.clone()), false).await?;
    if is_erased(&shell.store, project, session).await? {
        delete_others(&shell.store, ArchiveClass::Pinned, project, session, None).await?;
        shell.store.delete(&key).await?;
        return fail(shell, request, "the session was erased").await;
    }
    delete_others(&shell.store, ArchiveClass::Pinned, project, session, Some(&mark.set)).await?;
    finish(shell, request).await
}

async fn unpin<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    request: &Request,
    session: &SessionId,
) -> Result<(), RequestError> {
    let project = &request.project;
    let key = PinKey { project: project.clone(), session: session.clone() }.to_string();
    let pinned = tapes(&shell.store, &[ArchiveClass::Pinned], project, session).await?;
    if let Some((_, recorded)) = best(&shell.store, &pinned).await? {
        let manifest =
            recorded.manifest().map_err(|source| SessionTapeError::Tape { key: key.clone(), source })?;
        let rules = ProjectRules::read(&shell.store, project).await?;
        let class = decide_class(&rules.retention, &manifest).map_or(UNPINNED, |class| class.max(UNPINNED));
        let mark = recorded.publish(&shell.store, class, project, session).await?;
        if name_tape(shell, project, session, &rules, Some(mark), true).await?.is_none()
            && is_erased(&shell.store, project, session).await?
        {
            delete_others(&shell.store, class, project, session, None).await?;
        }
    }
    // The pin first: a session that ends in between then gets the tape of one that is not pinned.
    shell.store.delete(&key).await?;
    delete_others(&shell.store, ArchiveClass::Pinned, project, session, None).await?;
    finish(shell, request).await
}

/// A session as a tape: of its chunks, or the best that is there.
async fn recorded<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    session: &SessionId,
    rules: &ProjectRules,
) -> Result<Option<Recorded>, RequestError> {
    if let Some(manifest) = stored(&shell.store, project, session).await? {
        let mut names: BTreeSet<_> = manifest.chunk_names().collect();
        if manifest.more.is_some() {
            let damaged = damaged(&shell.store, project, session).await?;
            let all = chunks_of(&shell.store, project, session).await?;
            names.extend(all.into_iter().filter(|name| !damaged.contains(name)));
        }
        if let Some(recorded) = record(&shell.store, project, session, &names, rules.clicks).await? {
            return Ok(Some(recorded));
        }
    }
    let keys = tapes(&shell.store, &classes(&shell.store).await?, project, session).await?;
    Ok(best(&shell.store, &keys).await?.map(|(_, recorded)| recorded))
}

async fn finish<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    request: &Request,
) -> Result<(), RequestError> {
    let done_ms = now_ms();
    let done = |state: &mut ErasureState| {
        state.state = Progress::Done;
        state.done_ms = Some(done_ms);
    };
    write_state(shell, request, done).await
}

async fn fail<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    request: &Request,
    detail: &str,
) -> Result<(), RequestError> {
    let failed = |state: &mut ErasureState| {
        state.state = Progress::Failed;
        state.detail = Some(detail.to_owned());
    };
    write_state(shell, request, failed).await
}

async fn state<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    project: &ProjectId,
    id: &RequestId,
    request: &Request,
) -> Result<ErasureState, RequestError> {
    let key = ErasureStateKey { project: project.clone(), id: id.clone() }.to_string();
    match shell.store.get(&key, DOCUMENT_BYTES_MAX).await? {
        Some(object) => parse_document(&object.body).map_err(|source| RequestError::Document { key, source }),
        None => Ok(ErasureState::accepted(id.clone(), request.asks.action())),
    }
}

/// Changes a request's state by compare-and-swap. What is done stays done.
async fn write_state<S: OwnedStore, O: Outbox>(
    shell: &Shell<'_, S, O>,
    request: &Request,
    change: impl Fn(&mut ErasureState),
) -> Result<(), RequestError> {
    let key = ErasureStateKey { project: request.project.clone(), id: request.id.clone() }.to_string();
    let tries = shell.patience.tries_max;
    for _ in 0..tries {
        let found = shell.store.get(&key, DOCUMENT_BYTES_MAX).await?;
        let mut state = match &found {
            Some(object) => parse_document(&object.body)
                .map_err(|source| RequestError::Document { key: key.clone(), source })?,
            None => ErasureState::accepted(request.id.clone(), request.asks.action()),
        };
        if matches!(state.state, Progress::Done | Progress::Failed) {
            return Ok(());
        }
        change(&mut state);
        let body = serde_json::to_vec(&state)?;
        let is_written = match &found {
            None => shell.store.create(&key, json_object(&body)).await? == Created::Stored,
            Some(found) => {
                shell.store.replace(&key, &found.etag, json_object(&body)).await? == Replaced::Stored
            }
        };
        if is_written {
            return Ok(());
        }
    }
    Err(RequestError::Contended { key, tries })
}

fn json_object(body: &[u8]) -> NewObject<'_> {
    NewObject { body, content_type: "application/json", metadata: &[] }
}
