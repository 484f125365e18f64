//! The indexer's binary while things fail around it: it is killed, the store goes away, requests and replies are lost. Nothing
//! that lies in the bucket may be missing from the manifest afterwards.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tapedeck_core::ids::SessionId;
use tapedeck_core::manifest::Manifest;
use tapedeck_local::lambda::Function;
use tapedeck_local::mapping::{Mapping, MappingConfig};
use tapedeck_local::queue::{Queue, QueueConfig};
use tapedeck_local::s3::{Condition, Content};
use tapedeck_tests::fault_proxy::{Fault, FaultProxy};
use tapedeck_tests::recording::{PAGE, Recorded, chunk, manifest_of, session};
use tapedeck_tests::{Stack, eventually};

/// Batches soon enough for tests, and large enough to be a batch.
fn feed(queue: &Queue, function: &Function, batch_max: usize) -> Mapping {
    Mapping::start(
        queue,
        function,
        &MappingConfig { batch_max, window: Duration::from_millis(50), ..MappingConfig::default() },
    )
}

async fn manifest_is_complete(stack: &Stack, session: &SessionId, chunks: &[Recorded]) {
    let expected = manifest_of(chunks);
    eventually("the manifest has all chunks", async || {
        (stack.manifest(session).await.as_ref() == Some(&expected)).then_some(())
    })
    .await;
}

async fn queue_is_empty(queue: &Queue) {
    eventually("the queue is empty, also of dead letters", async || {
        queue.depth().await.unwrap().is_idle().then_some(())
    })
    .await;
}

/// The fault strikes each request of two invocations in turn, until there is none left to strike: the first makes a session's
/// manifest, the second replaces it. A process that waits for what is held is killed.
async fn every_request(fault: Fault) {
    let stack = Stack::start(QueueConfig::default()).await;
    let proxy = Arc::new(FaultProxy::start(stack.server.addr()).await);
    let function = stack.indexer(&proxy.endpoint(), 1);
    let _mapping = feed(&stack.queue, &function, 10);
    for nth in 0.. {
        let session = session(nth);
        let nth = usize::try_from(nth).unwrap();
        proxy.arm(nth, fault);
        let killer = matches!(fault, Fault::RequestHeld | Fault::ReplyHeld).then(|| {
            let (proxy, function) = (Arc::clone(&proxy), function.clone());
            tokio::spawn(async move {
                proxy.struck().await;
                function.kill();
            })
        });
        let chunks = [chunk(&session, PAGE, 0), chunk(&session, PAGE, 1)];
        for (count, chunk) in chunks.iter().enumerate() {
            stack.upload(chunk).await;
            manifest_is_complete(&stack, &session, &chunks[..=count]).await;
            queue_is_empty(&stack.queue).await;
        }
        if let Some(killer) = killer {
            killer.abort();
        }
        if !proxy.has_struck() {
            // Manifest, config, chunk and tombstone are read and the manifest is written, then rows are: of three tables with the first
            // chunk, of errors with the second.
            assert_eq!(nth, 8 + 6);
            return;
        }
    }
}

#[tokio::test]
async fn a_store_that_refuses_any_request() {
    every_request(Fault::Refused).await;
}

#[tokio::test]
async fn any_request_meets_another_write() {
    every_request(Fault::Conflict).await;
}

#[tokio::test]
async fn any_request_is_lost() {
    every_request(Fault::RequestLost).await;
}

#[tokio::test]
async fn any_reply_is_lost() {
    every_request(Fault::ReplyLost).await;
}

#[tokio::test]
async fn killed_before_any_request_is_carried_out() {
    every_request(Fault::RequestHeld).await;
}

#[tokio::test]
async fn killed_after_any_request_was_carried_out() {
    every_request(Fault::ReplyHeld).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_batch() {
    let stack = Stack::start(QueueConfig::default()).await;
    let proxy = FaultProxy::start(stack.server.addr()).await;
    let function = stack.indexer(&proxy.endpoint(), 1);
    let sessions: Vec<SessionId> = (0..4).map(session).collect();
    let mut chunks: Vec<Recorded> = Vec::new();
    for seq in 0..10 {
        for session in &sessions {
            chunks.push(chunk(session, PAGE, seq));
        }
    }
    for chunk in &chunks {
        stack.upload(chunk).await;
    }
    // Somewhere among the reads of the batch's chunks, then among the manifests' reads and writes.
    let _mapping = feed(&stack.queue, &function, chunks.len());
    let mut kills = 0;
    for nth in [15, 43, 46] {
        proxy.arm(nth, Fault::ReplyHeld);
        tokio::select! {
            () = proxy.struck() => {
                function.kill();
                kills += 1;
            }
            // Where the batch came back in parts, what is left of it may be less than that.
            () = queue_is_empty(&stack.queue) => break,
        }
    }
    assert!(kills > 0);
    for session in &sessions {
        let chunks: Vec<Recorded> =
            chunks.iter().filter(|chunk| chunk.key.session == *session).cloned().collect();
        manifest_is_complete(&stack, session, &chunks).await;
    }
    queue_is_empty(&stack.queue).await;
}

#[tokio::test]
async fn a_store_that_is_away_for_seconds() {
    let stack = Stack::start(QueueConfig::default()).await;
    let function = stack.indexer(&stack.server.endpoint(), 1);
    let _mapping = feed(&stack.queue, &function, 10);
    let session = session(1);
    let chunks: Vec<Recorded> = (0..20).map(|seq| chunk(&session, PAGE, seq)).collect();
    let (before, during) = chunks.split_at(10);
    for chunk in before {
        stack.upload(chunk).await;
    }
    stack.server.pause(Duration::from_secs(4)).await;
    for chunk in during {
        // Past the protocol, as if the edge's last requests had still come through: their events come while nothing can be read.
        let metadata =
            chunk.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let content = Content { metadata, ..Content::default() };
        let body = Bytes::copy_from_slice(&chunk.body);
        stack.bucket.put(&chunk.key.to_string(), body, content, Condition::Absent).await.unwrap();
    }
    manifest_is_complete(&stack, &session, &chunks).await;
    queue_is_empty(&stack.queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_on_one_session() {
    let stack = Stack::start(QueueConfig::default()).await;
    let session = session(1);
    let chunks: Vec<Recorded> = (0..100).map(|seq| chunk(&session, PAGE, seq)).collect();
    for chunk in &chunks {
        stack.upload(chunk).await;
    }
    let function = stack.indexer(&stack.server.endpoint(), 2);
    let _mapping = feed(&stack.queue, &function, 5);
    manifest_is_complete(&stack, &session, &chunks).await;
    queue_is_empty(&stack.queue).await;
}

/// What a number of the environment says, or `usual`.
fn from_env(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Recorders upload while two environments are killed at random moments, for `TAPEDECK_KILL_S` seconds (30); `TAPEDECK_KILL_SEED` repeats a
/// run. Sessions end and get their tapes meanwhile, late chunks come, and in the end each has a manifest of all its chunks and a tape of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments() {
    let seed = from_env("TAPEDECK_KILL_SEED", fastrand::u64(..));
    let length = Duration::from_secs(from_env("TAPEDECK_KILL_S", 30));
    println!("TAPEDECK_KILL_SEED={seed} TAPEDECK_KILL_S={}", length.as_secs());
    let mut random = fastrand::Rng::with_seed(seed);
    // A message is received again after each kill, and none of them is to blame.
    let stack = Stack::start(QueueConfig { receives_max: 100_000, ..QueueConfig::default() }).await;
    let patient =
        [("TAPEDECK_RECEIVES_MAX", "100000"), ("TAPEDECK_HOP_S", "2"), ("TAPEDECK_MERGE_EVERY_S", "1")];
    let function = stack.indexer_with(&stack.server.endpoint(), 2, &patient);
    let _mapping = feed(&stack.queue, &function, 10);
    let begun = std::time::Instant::now();
    let (mut chunks, mut kills) = (Vec::<Recorded>::new(), 0);
    let (mut sessions, mut next) = (Vec::new(), 0);
    while begun.elapsed() < length {
        // A few sessions at a time; each has up to ten chunks, and then another takes its place.
        while sessions.len() < 4 {
            sessions.push((session(next), 0_u32, random.u32(1..=10)));
            next += 1;
        }
        let of = random.usize(..sessions.len());
        let (session, seq, count) = &mut sessions[of];
        let chunk = chunk(session, PAGE, *seq);
        stack.upload(&chunk).await;
        chunks.push(chunk);
        *seq += 1;
        if seq == count {
            sessions.swap_remove(of);
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..60))).await;
        if random.u8(..4) == 0 {
            function.kill();
            kills += 1;
        }
    }
    println!("{kills} kills, {next} sessions, {} chunks", chunks.len());
    assert!(kills > 10);
    for number in 0..next {
        let session = session(number);
        let chunks: Vec<&Recorded> = chunks.iter().filter(|chunk| chunk.key.session == session).collect();
        if chunks.is_empty() {
            continue;
        }
        let expected = Manifest::parse(&manifest_of(chunks.iter().copied())).unwrap();
        eventually("each session has all its chunks, and a tape of them", async || {
            let mut manifest = Manifest::parse(&stack.manifest(&session).await?).unwrap();
            let tape = manifest.tape.take()?;
            (manifest == expected && tape.chunks == chunks.len() as u64).then_some(())
        })
        .await;
    }
    queue_is_empty(&stack.queue).await;
}
