//! The tape of a session, where there is one (`spec/tape.md`).

use std::collections::BTreeSet;

use serde::Serialize;
use tapedeck_core::gather::gather;
use tapedeck_core::ids::SessionId;
use tapedeck_core::manifest::Outline;
use tapedeck_core::object_key::{ArchiveClass, TapeKey};
use tapedeck_core::store::{Listed, Store};
use tapedeck_core::tape::{PREAMBLE_BYTES, Preamble};
use tapedeck_core::viewer::URL_LIFE_S;

use crate::failure::Failure;
use crate::fetch::now_ms;
use crate::viewers::Viewer;

/// Most tapes of one session in one class that are looked at: each set of chunks has its own, and all but the last are on their way out.
const TAPES_MAX: usize = 10;

/// What a player needs to read a tape.
#[derive(Debug, Serialize)]
pub(crate) struct Tape {
    key: String,
    url: String,
    bytes: u64,
    header_bytes: u64,
}

/// The tape that the manifest names; where nothing else of the session is left, the one that is there.
pub(crate) async fn find(
    viewer: &Viewer,
    session: &SessionId,
    manifest: Option<&Outline>,
    has_chunks: bool,
) -> Result<Option<Tape>, Failure> {
    let project = viewer.project.project.clone();
    let tape = |key: TapeKey, bytes, header_bytes| {
        let key = key.to_string();
        let url = viewer.store.presign_get(&key, now_ms(), URL_LIFE_S).into();
        Some(Tape { key, url, bytes, header_bytes })
    };
    if let Some(mark) = manifest.and_then(|manifest| manifest.tape.as_ref()) {
        let key = TapeKey { class: mark.class, project, session: session.clone(), set: mark.set.clone() };
        return Ok(tape(key, mark.bytes, mark.header_bytes));
    }
    if manifest.is_some() || has_chunks {
        return Ok(None);
    }
    // The rules may have changed since, but a class that no rule names any more has its tapes' last days.
    let always = [ArchiveClass::Pinned, ArchiveClass::Days(30), ArchiveClass::Days(90)];
    let classes: BTreeSet<ArchiveClass> = gather(viewer.project.retention.classes().chain(always));
    let mut found: Vec<(TapeKey, u64)> = Vec::new();
    for class in classes {
        let prefix = TapeKey::prefix(class, &project, session);
        let listed = viewer.store.list(&prefix, None, TAPES_MAX).await?;
        found.extend(
            listed.into_iter().filter_map(|Listed { key, bytes, .. }| Some((key.parse().ok()?, bytes))),
        );
    }
    // Of several the largest: chunks are added to a set, and not taken away.
    let Some((key, bytes)) = found.into_iter().max_by_key(|(_, bytes)| *bytes) else {
        return Ok(None);
    };
    let place = key.to_string();
    let Some(head) = viewer.store.get_head(&place, PREAMBLE_BYTES).await? else {
        return Ok(None);
    };
    let preamble = Preamble::parse(&head).map_err(|source| Failure::Tape { key: place, source })?;
    Ok(tape(key, bytes, (PREAMBLE_BYTES + preamble.header_bytes) as u64))
}
