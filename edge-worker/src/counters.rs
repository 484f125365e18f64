//! One data point for each request, in the platform's analytics: `edge-worker/README.md` names the columns.

use worker::{AnalyticsEngineDataPointBuilder, Env};

use crate::VERSION;
use crate::log::{self, Line};

/// The dataset's binding.
const BINDING: &str = "COUNTERS";

/// Kinds of what is scrubbed, in the order of their columns; a project's own patterns share the last one.
const KINDS: [&str; 9] = ["card", "iban", "ssn", "email", "jwt", "bearer", "api_key", "private_key", "query"];

/// Counts a request. Where the deployment has no dataset, or it fails, the request is answered all the same.
pub(crate) fn count(env: &Env, line: &Line) {
    let Ok(dataset) = env.analytics_engine(BINDING) else { return };
    let project = line.project.as_ref().map_or("-", |project| project.as_str());
    let point = AnalyticsEngineDataPointBuilder::new()
        .indexes([project])
        .blobs([project, line.route, &line.outcome, &line.status.to_string(), VERSION])
        .doubles(doubles(line))
        .build();
    if let Err(error) = dataset.write_data_point(&point) {
        log::counter_failed(&error);
    }
}

/// Body, inflated bytes, events, milliseconds, then what was scrubbed by kind.
fn doubles(line: &Line) -> Vec<f64> {
    // Counts of one request are far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let number = |n: Option<usize>| n.unwrap_or(0) as f64;
    let mut scrubbed = [0.0; KINDS.len() + 1];
    for (kind, count) in &line.scrubbed {
        let column = KINDS.iter().position(|known| known == kind).unwrap_or(KINDS.len());
        #[allow(clippy::cast_precision_loss)]
        let count = *count as f64;
        scrubbed[column] += count;
    }
    #[allow(clippy::cast_precision_loss)]
    let duration_ms = line.duration_ms as f64;
    [number(line.bytes), number(line.inflated_bytes), number(line.events), duration_ms]
        .into_iter()
        .chain(scrubbed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let line = Line {
            duration_ms: 7,
            bytes: Some(100),
            inflated_bytes: Some(500),
            events: Some(3),
            scrubbed: [("email", 2), ("customer", 4), ("order", 1)].map(|(k, n)| (k.to_owned(), n)).into(),
            ..Line::default()
        };
        assert_eq!(
            doubles(&line),
            [100.0, 500.0, 3.0, 7.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]
        );
    }
}
