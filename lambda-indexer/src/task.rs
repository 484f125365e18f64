//! What the function asks itself to do later, in messages to its own queue, and what a schedule or a person asks for.

use serde::{Deserialize, Serialize};
use tapedeck_core::ids::{ProjectId, RequestId, SessionId, SetHash};
use tapedeck_core::object_key::ChunkName;

use crate::reindex::Reindexed;

/// One thing to be done, as JSON: `{"tapedeck":"end","project":…,…}`. Doing it again does no harm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "tapedeck", rename_all = "snake_case")]
pub enum Task {
    /// Look at a session: merge the chunks that its manifest does not have yet, or, where there are none, find that it has ended.
    End {
        /// Whose.
        project: ProjectId,
        /// Which session.
        session: SessionId,
        /// The chunks of the manifest that this message looks after; one with other chunks has a message of its own. Absent for a look
        /// at whatever is there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<SetHash>,
        /// When this was sent, Unix milliseconds: the manifest may not be written yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_ms: Option<i64>,
        /// When the manifest was written of which a listing found that it has all chunks, Unix milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listed_ms: Option<i64>,
        /// Chunks whose rows this message brings, since who merged them may not have come to that.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rows: Vec<ChunkName>,
    },
    /// Go on with a request of `requests/`.
    Request {
        /// Whose.
        project: ProjectId,
        /// Which request.
        request: RequestId,
        /// Where to go on; absent for the start of a pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// The daily look at what no event brought, what never ended, and what can be compacted.
    Sweep {
        /// Sessions behind this prefix of `chunks/`; absent for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// Fold the small files of the tables' days.
    Compact {
        /// Files behind this key of `index/`; absent for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// Make manifests and tables anew from what they are derived from.
    Reindex {
        /// Whose.
        project: ProjectId,
        /// Names the run: `index/{project}/reindex/{run}/{shard}.json` says what it has done.
        run: String,
        /// Which of the 256 shards, two hex digits; absent for all of them, each as a task of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shard: Option<String>,
        /// Sessions of the shard behind this one; absent for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<SessionId>,
        /// What was done of the shard before.
        #[serde(default, skip_serializing_if = "Reindexed::is_nothing")]
        done: Reindexed,
    },
}

impl Task {
    /// The kind, as it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::End { .. } => "end",
            Self::Request { .. } => "request",
            Self::Sweep { .. } => "sweep",
            Self::Compact { .. } => "compact",
            Self::Reindex { .. } => "reindex",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_form_of_a_message() {
        let session = "6553f10018f45d4a71053ad0482c3b0e";
        let written = json!({"tapedeck": "end", "project": "demo", "session": session, "set": "1a2b3c4d"});
        let task: Task = serde_json::from_value(written.clone()).expect("a task");
        assert_eq!(task.name(), "end");
        assert_eq!(serde_json::to_value(&task).expect("json"), written);
        // The shortest, as a person may send it.
        let shortest = json!({"tapedeck": "end", "project": "demo", "session": session});
        let task: Task = serde_json::from_value(shortest.clone()).expect("a task");
        assert_eq!(serde_json::to_value(&task).expect("json"), shortest);
        // As the schedules have it.
        let sweep: Task = serde_json::from_value(json!({"tapedeck": "sweep"})).expect("a task");
        assert_eq!(sweep, Task::Sweep { from: None });
        assert!(serde_json::from_value::<Task>(json!({"tapedeck": "dance"})).is_err());
    }
}
