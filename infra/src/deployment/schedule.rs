//! What runs by the clock.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::DeploymentError;
use crate::template::{Resolved, TemplateError};

/// A schedule as the template describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Logical name.
    pub name: String,
    /// What AWS calls it.
    pub full_name: String,
    /// When.
    pub when: When,
    /// ARN of the function.
    pub target: String,
    /// ARN of the role that calls it.
    pub role: String,
    /// What the function is handed.
    pub input: Value,
}

/// When a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Again and again after so long.
    Every(Duration),
    /// Each day at this time, UTC.
    Daily {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawSchedule {
    #[serde(rename = "Name")]
    full_name: String,
    #[serde(rename = "Description")]
    _description: Value,
    schedule_expression: String,
    // On one machine it runs on the minute.
    #[serde(rename = "FlexibleTimeWindow")]
    _flexible_time_window: Value,
    target: RawTarget,
    state: Option<State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawTarget {
    arn: String,
    role_arn: String,
    input: String,
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Value,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letter_config: Value,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum State {
    Enabled,
    Disabled,
}

/// Every schedule that is not switched off.
pub(super) fn read_all(resolved: &Resolved) -> Result<Vec<Schedule>, DeploymentError> {
    let mut schedules = Vec::new();
    for (name, _) in resolved.of_kind("AWS::Scheduler::Schedule") {
        let raw: RawSchedule = resolved.properties(name)?;
        if raw.state == Some(State::Disabled) {
            continue;
        }
        let wrong = |path: &str, detail: String| TemplateError::Property {
            resource: name.to_owned(),
            path: path.to_owned(),
            detail,
        };
        let when = When::parse(&raw.schedule_expression).ok_or_else(|| {
            let found = &raw.schedule_expression;
            wrong(
                "ScheduleExpression",
                format!("{found}, expected rate(N minutes|hours|days) or cron(M H * * ? *)"),
            )
        })?;
        let input = serde_json::from_str(&raw.target.input)
            .map_err(|error| wrong("Target.Input", format!("no JSON: {error}")))?;
        schedules.push(Schedule {
            name: name.to_owned(),
            full_name: raw.full_name,
            when,
            target: raw.target.arn,
            role: raw.target.role_arn,
            input,
        });
    }
    Ok(schedules)
}

impl When {
    fn parse(expression: &str) -> Option<Self> {
        let (kind, inside) = expression.strip_suffix(')')?.split_once('(')?;
        let words: Vec<&str> = inside.split(' ').collect();
        match (kind, words.as_slice()) {
            ("rate", [number, unit]) => {
                let unit = match unit.trim_end_matches('s') {
                    "minute" => 60,
                    "hour" => 3600,
                    "day" => 86_400,
                    _ => return None,
                };
                Some(Self::Every(
                    Duration::from_secs(number.parse::<u32>().ok().filter(|n| *n > 0)?.into()) * unit,
                ))
            }
            ("cron", [minute, hour, "*", "*", "?", "*"]) => {
                let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
                (hour < 24 && minute < 60).then_some(Self::Daily { hour, minute })
            }
            _ => None,
        }
    }

    /// How long after `now_ms` (Unix) it runs next, where its last run was now.
    #[must_use]
    pub fn wait(self, now_ms: u64) -> Duration {
        const DAY_MS: u64 = 86_400_000;
        match self {
            Self::Every(every) => every,
            Self::Daily { hour, minute } => {
                let at = (u64::from(hour) * 60 + u64::from(minute)) * 60_000;
                let since = now_ms % DAY_MS;
                Duration::from_millis(if since < at { at - since } else { at + DAY_MS - since })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        let check = |text, expected| assert_eq!(When::parse(text), expected, "{text}");
        check("rate(1 hour)", Some(When::Every(Duration::from_hours(1))));
        check("rate(15 minutes)", Some(When::Every(Duration::from_mins(15))));
        check("cron(20 3 * * ? *)", Some(When::Daily { hour: 3, minute: 20 }));
        check("cron(20 24 * * ? *)", None);
        check("cron(0/5 * * * ? *)", None);
        check("rate(0 hours)", None);
        check("at(2026-01-01T00:00:00)", None);
    }

    #[test]
    fn the_next_day_follows_the_last_run() {
        let daily = When::Daily { hour: 3, minute: 20 };
        assert_eq!(daily.wait(0), Duration::from_mins(200));
        assert_eq!(daily.wait(200 * 60_000), Duration::from_hours(24));
        assert_eq!(daily.wait(200 * 60_000 + 1), Duration::from_millis(86_400_000 - 1));
    }
}
