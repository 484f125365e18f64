//! What calls the function by the clock, as `EventBridge` Scheduler does: with a fixed payload, at the template's times.

use tapedeck_infra::deployment::Schedule;
use tokio::task::JoinSet;

use crate::clock::now_ms;
use crate::cloud::Cloud;
use crate::lambda::{Function, InvokeError};

/// Why a schedule's call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Its role's policies do not allow the call.
    #[error("the role of {0} may not call its target")]
    Denied(String),
    /// The function.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
}

/// Schedules that run. They stop when this is dropped.
#[derive(Debug)]
pub struct Scheduler {
    _tasks: JoinSet<()>,
}

impl Scheduler {
    /// Calls `function` by the schedules of `cloud`. A call that fails is logged; the next one comes in its time.
    #[must_use]
    pub fn start(cloud: &Cloud, function: &Function) -> Self {
        let mut tasks = JoinSet::new();
        for schedule in cloud.deployment.schedules.iter().cloned() {
            let (cloud, function) = (cloud.clone(), function.clone());
            tasks.spawn(async move {
                loop {
                    tokio::time::sleep(schedule.when.wait(now_ms())).await;
                    if let Err(error) = call(&cloud, &function, &schedule).await {
                        tracing::warn!(schedule = schedule.name, %error, "a scheduled call failed");
                    }
                }
            });
        }
        Self { _tasks: tasks }
    }
}

/// What happens when a schedule's time has come.
///
/// # Errors
/// [`ScheduleError`]
pub async fn call(cloud: &Cloud, function: &Function, schedule: &Schedule) -> Result<(), ScheduleError> {
    if !cloud.may_call(schedule) {
        return Err(ScheduleError::Denied(schedule.name.clone()));
    }
    function.invoke(&schedule.input).await?;
    Ok(())
}
