//! What calls the function by the clock, as `EventBridge` Scheduler does: with a fixed payload, at the template's times.

use tapedeck_infra::deployment::Schedule;
use tokio::task::JoinSet;

use crate::clock::now_ms;
use crate::lambda::Function;

/// Schedules that run. They stop when this is dropped.
#[derive(Debug)]
pub struct Scheduler {
    _tasks: JoinSet<()>,
}

impl Scheduler {
    /// Calls `function` by these schedules. A call that fails is logged; the next one comes in its time.
    #[must_use]
    pub fn start(function: &Function, schedules: &[Schedule]) -> Self {
        let mut tasks = JoinSet::new();
        for schedule in schedules.iter().cloned() {
            let function = function.clone();
            tasks.spawn(async move {
                loop {
                    tokio::time::sleep(schedule.when.wait(now_ms())).await;
                    if let Err(error) = function.invoke(&schedule.input).await {
                        tracing::warn!(schedule = schedule.name, %error, "a scheduled call failed");
                    }
                }
            });
        }
        Self { _tasks: tasks }
    }
}
