//! Whole sessions: as a tape, and made anew.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tapedeck_core::config::Clicks;
use tapedeck_core::ids::ContentHash;
use tapedeck_core::inflate::inflate;
use tapedeck_core::manifest::Union;
use tapedeck_core::object_key::{ChunkKey, ChunkName};
use tapedeck_core::store::memory::MemoryStore;
use tapedeck_core::store::{NewObject, Store as _};
use tapedeck_core::summary::ChunkMetadata;
use tapedeck_core::tape::{Tape, TapeWriter};
use tapedeck_indexer::chunk::summarise;
use tapedeck_indexer::clock::now_ms;
use tapedeck_indexer::deadline::Deadline;
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::outbox::{Outbox, OutboxError};
use tapedeck_indexer::reindex::{Reindexed, reindex_shard};
use tapedeck_indexer::rules::KnownRules;
use tapedeck_indexer::settings::Settings;
use tapedeck_indexer::shell::Shell;
use tapedeck_indexer::task::Task;
use tapedeck_tests::recording;

use crate::{chunks, float};

const INFLATED_BYTES_MAX: usize = 32 << 20;

/// Names for chunks in the order in which they are given. Each begins a page load if its first event is the recorder's first.
fn named(chunks: Vec<Vec<u8>>) -> Result<Vec<(ChunkName, Vec<u8>, String)>> {
    let (mut page, mut seq) = (0, 0);
    let mut all = Vec::new();
    for gzip in chunks {
        let text = String::from_utf8(inflate(&gzip, INFLATED_BYTES_MAX, usize::MAX)?.bytes)?;
        let begins = text.lines().next().is_some_and(|line| line.contains("\"tapedeck.session\""));
        (page, seq) = if begins { (page + 1, 0) } else { (page, seq + 1) };
        let hash = ContentHash::of_digest(&Sha256::digest(&text));
        let name: ChunkName = format!("{page:08}-{seq:05}-{hash}").parse()?;
        all.push((name, gzip, text));
    }
    all.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    Ok(all)
}

/// Bytes of the tape of a session's chunks.
pub(crate) fn tape(files: &[&str]) -> Result<Value> {
    let chunks = named(chunks(files)?)?;
    let session = recording::session(1);
    let mut union = Union::new(recording::project(), session);
    let mut writer = TapeWriter::new();
    for (name, gzip, text) in &chunks {
        union.insert(summarise(name.clone(), gzip, ChunkMetadata::default(), Clicks::default())?);
        writer.chunk(name, text)?;
    }
    let manifest = union.derive().context("chunks")?;
    let manifest_bytes = manifest.encode()?.len();
    let tape = writer.finish("bench", manifest)?;
    let read = Tape::parse(&tape)?;
    read.verify()?;
    let gzip_bytes: usize = chunks.iter().map(|(_, gzip, _)| gzip.len()).sum();
    let inflated_bytes: usize = chunks.iter().map(|(.., text)| text.len()).sum();
    Ok(json!({
        "chunks": chunks.len(), "inflated_bytes": inflated_bytes, "gzip_bytes": gzip_bytes, "tape_bytes": tape.len(),
        "header_bytes": read.header_bytes(), "manifest_bytes": manifest_bytes,
    }))
}

/// Nobody is asked anything while a shard is made anew in time: a message would be work that is not measured.
struct NoOutbox;

impl Outbox for NoOutbox {
    async fn send(&self, task: &Task, _: Duration) -> Result<(), OutboxError> {
        panic!("work was put off: {task:?}")
    }

    async fn bury(&self, body: &str, reason: &str) -> Result<(), OutboxError> {
        panic!("{body} is a dead letter: {reason}")
    }
}

/// So many sessions of these chunks, made anew by one core, out of a store in memory.
pub(crate) fn rebuild(sessions: u64, files: &[&str]) -> Result<Value> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let chunks = named(chunks(files)?)?;
        let store = MemoryStore::default();
        let mut stored = 0;
        for n in 0..sessions {
            for (name, gzip, _) in &chunks {
                let key =
                    ChunkKey { project: recording::project(), session: recording::session(n), name: name.clone() };
                let object = NewObject { body: gzip, content_type: "application/gzip", metadata: &[] };
                store.create(&key.to_string(), object).await?;
                stored += gzip.len();
            }
        }
        let (settings, rules) = (Settings::at_once(), KnownRules::default());
        let shell = Shell {
            store: &store,
            outbox: &NoOutbox,
            settings: &settings,
            patience: Patience::default(),
            deadline: Deadline::within(Duration::from_hours(1)),
            now_ms,
            rules: &rules,
        };
        let begun = Instant::now();
        let mut found = 0;
        for shard in 0..=u8::MAX {
            let done = reindex_shard(&shell, &recording::project(), "bench", &format!("{shard:02x}"), None, Reindexed::default()).await?;
            found += done.sessions;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let per_s = float(usize::try_from(found)?) / seconds;
        Ok(json!({"sessions": found, "chunks": chunks.len(), "stored_bytes": stored, "seconds": seconds, "sessions_per_s": per_s}))
    })
}
