//! The project's own rules about errors, and about what is kept longer than chunks live.

use serde::{Deserialize, Serialize};

use super::{ConfigError, check_count, check_text, wrong};
use crate::object_key::ArchiveClass;
use crate::wildcard::Wildcard;

/// Most rules in one list.
pub const RULES_MAX: usize = 100;

/// Longest name of a group, in characters.
const GROUP_CHARS_MAX: usize = 100;

/// How errors are grouped, and which are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorRules {
    /// The first that fits names the group.
    pub rules: Vec<GroupRule>,
    /// What fits one of these is kept and not counted.
    pub noise: Vec<ErrorPattern>,
}

/// Which errors are meant: those that fit every condition that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorPattern {
    /// The error's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Wildcard>,
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Wildcard>,
    /// The page's URL at that moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Wildcard>,
    /// The file of any of its frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<Wildcard>,
}

/// Names a group of errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRule {
    /// Which errors.
    #[serde(flatten)]
    pub pattern: ErrorPattern,
    /// What they are called together.
    pub group: String,
}

/// What an error is compared by.
#[derive(Debug, Clone, Copy)]
pub struct ErrorFacts<'a> {
    /// Its type.
    pub error_type: &'a str,
    /// Its message.
    pub message: &'a str,
    /// The page's URL at that moment.
    pub url: &'a str,
    /// The files of its frames.
    pub frames: &'a [&'a str],
}

impl ErrorPattern {
    /// Whether an error fits every condition. A pattern without conditions fits none.
    #[must_use]
    pub fn matches(&self, error: &ErrorFacts<'_>) -> bool {
        let fits = |pattern: &Option<Wildcard>, text: &str| pattern.as_ref().is_none_or(|p| p.matches(text));
        !self.is_empty()
            && fits(&self.error_type, error.error_type)
            && fits(&self.message, error.message)
            && fits(&self.url, error.url)
            && self.frame.as_ref().is_none_or(|p| error.frames.iter().any(|frame| p.matches(frame)))
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn validate(&self, field: &str) -> Result<(), ConfigError> {
        if self.is_empty() {
            return Err(wrong(field, "without condition", "type, message, url or frame"));
        }
        Ok(())
    }
}

impl ErrorRules {
    /// The group that the project's own rules give an error.
    #[must_use]
    pub fn group(&self, error: &ErrorFacts<'_>) -> Option<&str> {
        self.rules.iter().find(|rule| rule.pattern.matches(error)).map(|rule| rule.group.as_str())
    }

    /// Whether an error is known and not to be counted.
    #[must_use]
    pub fn is_noise(&self, error: &ErrorFacts<'_>) -> bool {
        self.noise.iter().any(|pattern| pattern.matches(error))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check_count("errors.rules", self.rules.len(), RULES_MAX)?;
        for (i, rule) in self.rules.iter().enumerate() {
            rule.pattern.validate(&format!("errors.rules[{i}]"))?;
            check_text(&format!("errors.rules[{i}].group"), &rule.group, GROUP_CHARS_MAX)?;
        }
        check_count("errors.noise", self.noise.len(), RULES_MAX)?;
        let mut noise = self.noise.iter().enumerate();
        noise.try_for_each(|(i, pattern)| pattern.validate(&format!("errors.noise[{i}]")))
    }
}

/// Which sessions get a tape when they have ended, and of which class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Of all that fit, the longest class holds.
    pub rules: Vec<RetentionRule>,
    /// The class of sessions with an error that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<ArchiveClass>,
}

/// Sessions that fit every condition that is there are kept in a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRule {
    /// The name of one of its segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Wildcard>,
    /// The id of one of its users, as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Wildcard>,
    /// The name of one of its custom events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Wildcard>,
    /// The URL of one of its pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Wildcard>,
    /// How long they are kept.
    pub class: ArchiveClass,
}

impl Retention {
    /// Every class that a session of this project may be kept in by its rules.
    pub fn classes(&self) -> impl Iterator<Item = ArchiveClass> {
        self.rules.iter().map(|rule| rule.class).chain(self.errors)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        check_count("retention.rules", self.rules.len(), RULES_MAX)?;
        for (i, rule) in self.rules.iter().enumerate() {
            let RetentionRule { segment, user, custom, url, class } = rule;
            if [segment, user, custom, url].iter().all(|condition| condition.is_none()) {
                let expected = "segment, user, custom or url";
                return Err(wrong(format!("retention.rules[{i}]"), "without condition", expected));
            }
            check_class(&format!("retention.rules[{i}].class"), *class)?;
        }
        self.errors.map_or(Ok(()), |class| check_class("retention.errors", class))
    }
}

/// A rule keeps for a time; only a person pins.
fn check_class(field: &str, class: ArchiveClass) -> Result<(), ConfigError> {
    match class {
        ArchiveClass::Days(_) => Ok(()),
        ArchiveClass::Pinned => Err(wrong(field, class, "a number of days, like 90d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_fits_names_the_group() {
        let rules: ErrorRules = serde_json::from_value(json!({
            "rules": [
                {"type": "TypeError", "frame": "*/vendor/*", "group": "vendor"},
                {"message": "Load* failed", "group": "loading"},
                {"url": "https://shop.example/pay*", "group": "paying"},
            ],
            "noise": [{"message": "ResizeObserver loop*"}, {}],
        }))
        .expect("rules");
        let error = ErrorFacts {
            error_type: "TypeError",
            message: "Loading chunk 7 failed",
            url: "https://shop.example/pay/1",
            frames: &["https://shop.example/app.js", "https://shop.example/vendor/x.js"],
        };
        assert_eq!(rules.group(&error), Some("vendor"));
        assert_eq!(rules.group(&ErrorFacts { frames: &[], ..error }), Some("loading"));
        assert_eq!(rules.group(&ErrorFacts { frames: &[], message: "x", ..error }), Some("paying"));
        assert_eq!(rules.group(&ErrorFacts { frames: &[], message: "x", url: "", ..error }), None);
        assert!(rules.is_noise(&ErrorFacts { message: "ResizeObserver loop limit exceeded", ..error }));
        // A pattern without conditions would make everything noise; a config with one is refused, and it fits nothing.
        assert!(!rules.is_noise(&error));
    }
}
