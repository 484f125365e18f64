//! What the function is told by its environment.

use std::time::Duration;

/// Longest delay of a message, in seconds: SQS takes no longer one.
pub const DELAY_S_MAX: u64 = 900;

/// Why the function cannot begin. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable that has to be there.
    #[error("environment variable {name} is not set, expected {expected}")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A variable of another form.
    #[error("environment variable {name} is {found:?}, expected {expected}")]
    Form {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
}

/// Where messages go, and how long things wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The bucket that tasks and schedules are about. Events name theirs.
    pub bucket: String,
    /// URL of the queue that feeds this function.
    pub queue_url: String,
    /// URL of the queue of messages that cannot be worked on.
    pub dead_letters_url: String,
    /// A message that was delivered so often and fails is a dead letter.
    pub receives_max: u32,
    /// A session has ended when nothing came of it for so long.
    pub hop: Duration,
    /// Chunks of a session are merged together so often; at once where it is zero.
    pub merge_every: Duration,
    /// From a tombstone to the last pass of an erasure: longer than the longest invocation and the life of a signed URL.
    pub second_pass: Duration,
}

impl Settings {
    /// The longest hop: that of one message.
    pub const HOP: Duration = Duration::from_secs(DELAY_S_MAX);

    /// As `infra/aws/template.yaml` has it.
    pub const MERGE_EVERY: Duration = Duration::from_mins(5);

    /// What `spec/requests.md` promises.
    pub const SECOND_PASS: Duration = Duration::from_mins(20);

    /// By the environment.
    ///
    /// | variable | |
    /// |---|---|
    /// | `TAPEDECK_BUCKET`, `TAPEDECK_QUEUE_URL`, `TAPEDECK_DEAD_LETTERS_URL` | have to be there |
    /// | `TAPEDECK_RECEIVES_MAX` | 8; at most the queue's own `maxReceiveCount`, behind which nobody knows the reason |
    /// | `TAPEDECK_MERGE_EVERY_S` | 300; 0 merges each chunk as it comes |
    /// | `TAPEDECK_HOP_S`, `TAPEDECK_SECOND_PASS_S` | 900, 1200; shorter ones are for tests |
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Of a bucket that no environment tells of, for tests and measurements: chunks are merged as they come, and nothing waits.
    #[must_use]
    pub fn at_once() -> Self {
        Self {
            bucket: "b".to_owned(),
            queue_url: "q".to_owned(),
            dead_letters_url: "d".to_owned(),
            receives_max: 9,
            hop: Duration::ZERO,
            merge_every: Duration::ZERO,
            second_pass: Duration::ZERO,
        }
    }

    /// How long after a session's manifest is written it is looked at.
    #[must_use]
    pub fn look_after(&self) -> Duration {
        if self.merge_every.is_zero() { self.hop } else { self.merge_every.min(self.hop) }
    }

    fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let must = |name, expected| get(name).ok_or(SettingsError::Missing { name, expected });
        let url = |name| must(name, "the URL of an SQS queue");
        let seconds = |name, usual: Duration, max: u64| match get(name) {
            None => Ok(usual),
            Some(found) => match found.parse::<u64>() {
                Ok(seconds) if seconds <= max => Ok(Duration::from_secs(seconds)),
                _ => Err(SettingsError::Form { name, found, expected: "whole seconds within the limit" }),
            },
        };
        let receives = "TAPEDECK_RECEIVES_MAX";
        let receives_max = match get(receives) {
            None => 8,
            Some(found) => match found.parse() {
                Ok(n) if n > 0 => n,
                _ => return Err(SettingsError::Form { name: receives, found, expected: "1 or more" }),
            },
        };
        Ok(Self {
            bucket: must("TAPEDECK_BUCKET", "the name of the bucket")?,
            queue_url: url("TAPEDECK_QUEUE_URL")?,
            dead_letters_url: url("TAPEDECK_DEAD_LETTERS_URL")?,
            receives_max,
            hop: seconds("TAPEDECK_HOP_S", Self::HOP, DELAY_S_MAX)?,
            merge_every: seconds("TAPEDECK_MERGE_EVERY_S", Self::MERGE_EVERY, DELAY_S_MAX)?,
            second_pass: seconds("TAPEDECK_SECOND_PASS_S", Self::SECOND_PASS, 86_400)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &[(&str, &str)]) -> Result<Settings, String> {
        let get =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::read(get).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_is_usual() {
        let urls =
            [("TAPEDECK_BUCKET", "b"), ("TAPEDECK_QUEUE_URL", "q"), ("TAPEDECK_DEAD_LETTERS_URL", "d")];
        let settings = check(&urls).expect("settings");
        assert_eq!(
            (settings.hop, settings.merge_every, settings.second_pass, settings.receives_max),
            (Settings::HOP, Settings::MERGE_EVERY, Settings::SECOND_PASS, 8)
        );
        let shorter = [&urls[..], &[("TAPEDECK_HOP_S", "1")]].concat();
        assert_eq!(check(&shorter).expect("settings").hop, Duration::from_secs(1));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(
            check(&[]),
            Err("environment variable TAPEDECK_BUCKET is not set, expected the name of the bucket".into())
        );
        let long = [
            ("TAPEDECK_BUCKET", "b"),
            ("TAPEDECK_QUEUE_URL", "q"),
            ("TAPEDECK_DEAD_LETTERS_URL", "d"),
            ("TAPEDECK_HOP_S", "901"),
        ];
        assert!(check(&long).is_err());
    }
}
