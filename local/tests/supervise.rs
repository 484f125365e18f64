//! Parts are started again, and leave nothing behind.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use tapedeck_local::logs::PartLog;
use tapedeck_local::supervise::Supervised;
use tokio::process::Command;

/// A part that writes its own process id and that of a child of its own, and then stays.
fn part(folder: &Path) -> Supervised {
    let log = PartLog::in_dir(folder, "part").unwrap();
    Supervised::start(log, || {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $$ $!; wait"]);
        command
    })
}

/// Waits for line `index` of the part's log: its process id and its child's.
async fn ids(folder: &Path, index: usize) -> Vec<u32> {
    let read = async {
        loop {
            let text = std::fs::read_to_string(folder.join("part.log")).unwrap_or_default();
            if let Some(line) = text.lines().nth(index) {
                return line.split(' ').map(|id| id.parse().unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap()
}

/// Waits until all of these processes have ended.
async fn gone(ids: &[u32]) {
    let runs = |id: &u32| {
        let state =
            std::process::Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output().unwrap();
        // A zombie has ended; whoever adopted it has not looked yet.
        !state.stdout.is_empty() && !state.stdout.starts_with(b"Z")
    };
    let wait = async {
        while ids.iter().any(runs) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn a_killed_part_starts_again_and_a_stopped_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let part = part(folder.path());
    let first = ids(folder.path(), 0).await;
    part.kill();
    let second = ids(folder.path(), 1).await;
    assert_ne!(first, second);
    gone(&first).await;
    part.stop().await;
    gone(&second).await;
    assert_eq!(std::fs::read_to_string(folder.path().join("part.log")).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn a_part_that_is_let_go_of_ends_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let part = part(folder.path());
    let all = ids(folder.path(), 0).await;
    drop(part);
    gone(&all).await;
}
