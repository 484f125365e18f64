//! Numbers of one invocation, as one line that CloudWatch makes metrics of.
//!
//! Form: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::{Map, Value, json};

use crate::clock::now_ms;

/// Under which name metrics are found.
pub const NAMESPACE: &str = "Tapedeck";

/// Which numbers are metrics, beside `Duration`: ten in all, as many as an account has free. Each more is $0.30 a month, also where nothing
/// happens but the schedules. <https://aws.amazon.com/cloudwatch/pricing/>
pub const METRICS: [&str; 9] =
    ["Messages", "Chunks", "Damaged", "Sessions", "Written", "Refused", "Ended", "Failed", "DeadLetters"];

/// What an invocation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages of the queue's batch.
    pub messages: u64,
    /// Objects that events were about.
    pub objects: u64,
    /// Of these, those that are no business of this program.
    pub ignored: u64,
    /// Chunks among them.
    pub chunks: u64,
    /// Chunks that are merged later, together with others.
    pub deferred: u64,
    /// Chunks that were not there any more.
    pub gone: u64,
    /// Chunks that were set apart.
    pub damaged: u64,
    /// Sessions whose chunks they were.
    pub sessions: u64,
    /// Manifests that were written.
    pub written: u64,
    /// Files of tables that were written.
    pub files: u64,
    /// Documents of usage that were written.
    pub usage: u64,
    /// Sessions or users that were not written since they are erased.
    pub refused: u64,
    /// Sessions that have ended.
    pub ended: u64,
    /// Tasks that were carried out.
    pub tasks: u64,
    /// Objects and tasks that failed and come again.
    pub failed: u64,
    /// Messages that were put aside.
    pub dead_letters: u64,
}

impl Counts {
    fn named(&self) -> [(&'static str, u64); 16] {
        [
            ("Messages", self.messages),
            ("Objects", self.objects),
            ("Ignored", self.ignored),
            ("Chunks", self.chunks),
            ("Deferred", self.deferred),
            ("Gone", self.gone),
            ("Damaged", self.damaged),
            ("Sessions", self.sessions),
            ("Written", self.written),
            ("Files", self.files),
            ("Usage", self.usage),
            ("Refused", self.refused),
            ("Ended", self.ended),
            ("Tasks", self.tasks),
            ("Failed", self.failed),
            ("DeadLetters", self.dead_letters),
        ]
    }

    /// The line, without its newline. Numbers that are 0 are left out but for failures, so that an alarm sees them fall.
    #[must_use]
    pub fn line(&self, duration_ms: u64) -> String {
        let numbers = self
            .named()
            .into_iter()
            .filter(|(name, n)| *n > 0 || *name == "Failed" || *name == "DeadLetters")
            .chain([("Duration", duration_ms)]);
        let mut line: Map<String, Value> = numbers.map(|(name, n)| (name.to_owned(), json!(n))).collect();
        let metrics: Vec<Value> = METRICS
            .iter()
            .filter(|name| line.contains_key(**name))
            .map(|name| json!({"Name": name, "Unit": "Count"}))
            .chain([json!({"Name": "Duration", "Unit": "Milliseconds"})])
            .collect();
        let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics});
        line.insert("_aws".to_owned(), json!({"Timestamp": now_ms(), "CloudWatchMetrics": [directive]}));
        line.insert("message".to_owned(), json!("invocation"));
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_numbers_are_metrics_and_the_others_are_in_the_line() {
        let counts = Counts { chunks: 7, written: 2, files: 3, ..Counts::default() };
        let line: Value = serde_json::from_str(&counts.line(12)).expect("json");
        assert_eq!((&line["Chunks"], &line["Duration"], &line["Failed"]), (&json!(7), &json!(12), &json!(0)));
        assert_eq!(line["Files"], 3);
        assert!(METRICS.iter().all(|name| Counts::default().named().iter().any(|(known, _)| known == name)));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Tapedeck");
        let names: Vec<&str> = directive["Metrics"]
            .as_array()
            .expect("metrics")
            .iter()
            .filter_map(|metric| metric["Name"].as_str())
            .collect();
        assert_eq!(names, ["Chunks", "Written", "Failed", "DeadLetters", "Duration"]);
    }
}
