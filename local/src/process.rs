//! Child processes that leave nothing behind: each leads a process group of its own, which ends with it.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};

use crate::logs::PartLog;

/// A running child and its group. Both are killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Option<Pid>,
    /// Held, since waiting for a child would close it.
    _stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts `command` with its output going to `log`.
    ///
    /// Its standard input is a pipe that closes when this process ends, however it ends: a child that reads it can so
    /// notice that it is alone.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, log: &Arc<PartLog>) -> std::io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        if let Some(output) = child.stdout.take() {
            log.follow(output);
        }
        if let Some(output) = child.stderr.take() {
            log.follow(output);
        }
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let stdin = child.stdin.take();
        Ok(Self { child, group, _stdin: stdin })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the child ends. May be called again, and may be given up.
    ///
    /// # Errors
    /// When the system cannot say.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.signal(Signal::KILL);
        Ok(status)
    }

    /// How the child ended, if it has.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn exited(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Ends the child and its group at once.
    ///
    /// # Errors
    /// When the system cannot say that it ended.
    pub async fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.wait().await
    }

    /// Asks the child and its group to end, and kills what is left after `grace`.
    ///
    /// # Errors
    /// When the system cannot say that it ended.
    pub async fn stop(&mut self, grace: Duration) -> std::io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(status) => status,
            Err(_) => self.kill().await,
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The only failure is that nobody is left in the group, which is what a signal is sent for.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
