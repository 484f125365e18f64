//! Keeps one part's process running: says when it ends, where its log is, and starts it again.

use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::logs::PartLog;
use crate::process::Process;

/// The longest wait before a part that keeps ending is started again.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A part that ran this long is not one that cannot start.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a part may take to end when asked.
const GRACE: Duration = Duration::from_secs(5);

/// A part that is kept running until [`Supervised::stop`], or until this is dropped.
#[derive(Debug)]
pub struct Supervised {
    log: Arc<PartLog>,
    kills: Arc<Notify>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts what `command` makes, with its output in `log`, and again whenever it ends.
    #[must_use]
    pub fn start(log: Arc<PartLog>, command: impl Fn() -> Command + Send + 'static) -> Self {
        let kills = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(Arc::clone(&log), command, Arc::clone(&kills), stopped));
        Self { log, kills, stop, task }
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &PartLog {
        &self.log
    }

    /// Kills the process that runs now. A fault for tests: it is started again.
    pub fn kill(&self) {
        self.kills.notify_waiters();
    }

    /// Ends the part, gently first.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        // The task holds the receiver, and lets go of it when the part has ended.
        self.stop.closed().await;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    log: Arc<PartLog>,
    command: impl Fn() -> Command,
    kills: Arc<Notify>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut failures = 0;
    loop {
        let begun = Instant::now();
        let ended = match Process::start(command(), &log) {
            Err(error) => format!("cannot be started: {error}"),
            Ok(mut process) => {
                let status = tokio::select! {
                    status = process.wait() => status,
                    () = kills.notified() => process.kill().await,
                    _ = stopped.changed() => {
                        if let Err(error) = process.stop(GRACE).await {
                            tracing::error!(%error, part = log.part(), "cannot tell whether the part ended");
                        }
                        return;
                    }
                };
                match status {
                    Ok(status) => format!("ended: {status}"),
                    Err(error) => format!("is lost: {error}"),
                }
            }
        };
        failures = if begun.elapsed() > SETTLED { 0 } else { failures + 1 };
        let wait = (Duration::from_millis(100) * 2_u32.saturating_pow(failures)).min(BACKOFF_MAX);
        let place = log.path().map(|path| format!(", its log is {}", path.display())).unwrap_or_default();
        tracing::warn!("{} {ended}{place}; starting it again in {} ms", log.part(), wait.as_millis());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.changed() => return,
        }
    }
}
