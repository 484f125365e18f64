//! What a standard queue promises.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tapedeck_local::queue::{Depth, Queue, QueueConfig};
use tapedeck_local::store::Store;

const SHORT: Duration = Duration::from_millis(50);

fn queue(visibility: Duration, receives_max: u32) -> Queue {
    Queue::open(Store::in_memory().unwrap(), QueueConfig { visibility, receives_max }).unwrap()
}

async fn send(queue: &Queue, body: &str) {
    queue.send(body.to_owned(), Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_message_is_hidden_until_its_time_is_over_and_dies_after_enough() {
    let queue = queue(SHORT, 2);
    send(&queue, "a").await;
    for receives in 1..=2 {
        let batch = queue.receive_batch(10, Duration::from_secs(5), Duration::ZERO).await.unwrap();
        assert_eq!((batch[0].body.as_str(), batch[0].receives), ("a", receives));
        assert_eq!(queue.receive(10).await.unwrap(), []);
    }
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(queue.receive(10).await.unwrap(), []);
    let dead = queue.dead_letters().await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.body.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(queue.depth().await.unwrap(), Depth { dead: 1, ..Depth::default() });
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_a_postponed_one_returns() {
    let queue = queue(Duration::from_mins(1), 9);
    send(&queue, "a").await;
    send(&queue, "b").await;
    let batch = queue.receive(10).await.unwrap();
    queue.delete(batch[0].receipt).await.unwrap();
    queue.delete(batch[0].receipt).await.unwrap();
    queue.postpone(batch[1].receipt, Duration::ZERO).await.unwrap();
    let again = queue.receive(10).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].body.as_str(), again[0].receives), ("b", 2));
    assert_eq!(again[0].message_id, batch[1].message_id);
    // A late word on an earlier delivery does not bring the message out while somebody works on it.
    queue.postpone(batch[1].receipt, Duration::ZERO).await.unwrap();
    assert_eq!(queue.receive(10).await.unwrap(), []);
}

#[tokio::test]
async fn a_batch_is_collected_until_it_is_full_or_the_window_ends() {
    let queue = queue(Duration::from_mins(1), 9);
    send(&queue, "a").await;
    let later = queue.clone();
    tokio::spawn(async move {
        tokio::time::sleep(SHORT).await;
        send(&later, "b").await;
    });
    let full = queue.receive_batch(2, Duration::from_secs(5), Duration::from_secs(5)).await.unwrap();
    assert_eq!(full.len(), 2);
    queue.send("c".to_owned(), SHORT).await.unwrap();
    assert_eq!(queue.receive(10).await.unwrap(), [], "delayed");
    let waited = queue.receive_batch(10, Duration::from_secs(5), SHORT).await.unwrap();
    assert_eq!(waited.len(), 1);
    assert_eq!(queue.receive_batch(10, SHORT, SHORT).await.unwrap(), []);
}

#[tokio::test]
async fn a_hostile_queue_delivers_everything_twice_and_in_reverse() {
    let queue = queue(Duration::from_mins(1), 9);
    queue.set_hostile(true);
    send(&queue, "a").await;
    send(&queue, "b").await;
    for receives in 1..=2 {
        let batch = queue.receive(10).await.unwrap();
        let bodies: Vec<_> = batch.iter().map(|message| (message.body.as_str(), message.receives)).collect();
        assert_eq!(bodies.len(), 2);
        assert!(bodies.iter().all(|(_, found)| *found == receives));
        for message in batch {
            queue.delete(message.receipt).await.unwrap();
        }
    }
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test]
async fn what_a_dead_process_had_received_is_due_at_once() {
    let store = Store::in_memory().unwrap();
    let config = QueueConfig { visibility: Duration::from_hours(1), receives_max: 9 };
    let queue = Queue::open(store.clone(), config.clone()).unwrap();
    send(&queue, "a").await;
    queue.send("later".to_owned(), Duration::from_hours(1)).await.unwrap();
    assert_eq!(queue.receive(10).await.unwrap().len(), 1);
    let queue = Queue::open(store, config).unwrap();
    let batch = queue.receive(10).await.unwrap();
    assert_eq!(batch.len(), 1);
    assert_eq!((batch[0].body.as_str(), batch[0].receives), ("a", 2));
}
