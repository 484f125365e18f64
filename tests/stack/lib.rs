//! What the tests of this folder stand on: the local bucket, queue and Lambda service around the real indexer, sessions to
//! put through them, and a proxy that makes the store fail at will.
//!
//! `cargo build --bins -p tapedeck-indexer -p tapedeck && cargo test -p tapedeck-tests` runs them: the programs that are tested are not built by the tests.
//!
//! What happens must not depend on time: tests wait with [`eventually`] for what they expect.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod fault_proxy;
pub mod recording;
mod stack;

use std::time::{Duration, Instant};

pub use stack::{BUCKET, PLAYER, REGION, Stack, built, cloud, indexer_binary, s3_client, template};

/// How long [`eventually`] waits before it gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `look` finds what it looks for, and returns that.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {} s: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
