//! The columns of each table, in the order of `spec/tables.md`.

use crate::object_key::IndexTable;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Unix milliseconds, UTC.
    Time,
    /// `INT32`.
    Int,
    /// `INT64`.
    Long,
    /// `DOUBLE`.
    Double,
    /// `BOOLEAN`.
    Bool,
    /// Texts.
    List,
}

/// A column's name and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

macro_rules! columns {
    ($($name:ident: $kind:ident),* $(,)?) => { &[$(Column { name: stringify!($name), kind: Kind::$kind }),*] };
}

/// In every table, before its own.
const COMMON: &[Column] = columns! {
    session: Text, started_ms: Time, core: Int, config: Long, chunks: Int, users: List, release: Text, environment: Text,
    country: Text, browser: Text, browser_version: Text, os: Text, device: Text, segments: List,
};

const SESSIONS: &[Column] = columns! {
    state: Text, ended_ms: Time, duration_ms: Long, active_ms: Long, language: Text, time_zone: Text, viewport_width: Int,
    viewport_height: Int, reason: Text, entry_url: Text, exit_url: Text, urls: List, referrer: Text, fingerprints: List,
    custom_events: List, page_loads: Int, tabs: Int, events: Int, errors: Int, console_errors: Int, requests: Int,
    failed_requests: Int, clicks: Int, rage_clicks: Int, dead_clicks: Int, inputs: Int, long_tasks: Int, missing_chunks: Int,
    bytes: Long, inflated_bytes: Long, pinned: Bool,
};

const ERRORS: &[Column] = columns! {
    page: Text, seq: Int, hash: Text, event: Int, at_ms: Time, fingerprint: Text, group: Text, type: Text, message: Text,
    title: Text, handled: Bool, in_app: Bool, mechanism: Text, source: Text, function: Text, line: Int, column: Int, url: Text,
    route: Text, user: Text, noise: Text, trace: Text,
};

const PAGES: &[Column] = columns! {
    page: Text, tab: Text, first_ms: Time, last_ms: Time, url: Text, route: Text, title: Text, referrer: Text, lcp_ms: Double,
    inp_ms: Double, fcp_ms: Double, ttfb_ms: Double, cls: Double, errors: Int, requests: Int, failed_requests: Int, clicks: Int,
    rage_clicks: Int, dead_clicks: Int, inputs: Int, long_tasks: Int,
};

impl IndexTable {
    /// Its columns, in the order in which they are written.
    #[must_use]
    pub fn columns(self) -> impl ExactSizeIterator<Item = Column> + Clone {
        let (common, own) = (COMMON, self.own());
        (0..common.len() + own.len())
            .map(move |i| common.get(i).copied().unwrap_or_else(|| own[i - common.len()]))
    }

    /// Where a column is.
    #[must_use]
    pub fn position(self, name: &str) -> Option<usize> {
        self.columns().position(|column| column.name == name)
    }

    /// The columns that name a row.
    #[must_use]
    pub fn key(self) -> &'static [&'static str] {
        match self {
            Self::Sessions => &["session"],
            Self::Errors => &["session", "page", "seq", "hash", "event"],
            Self::Pages => &["session", "page"],
        }
    }

    /// The columns by which a file is sorted, before the key.
    #[must_use]
    pub fn order(self) -> &'static [&'static str] {
        match self {
            Self::Sessions => &["started_ms"],
            Self::Errors => &["fingerprint", "at_ms"],
            Self::Pages => &["route", "first_ms"],
        }
    }

    fn own(self) -> &'static [Column] {
        match self {
            Self::Sessions => SESSIONS,
            Self::Errors => ERRORS,
            Self::Pages => PAGES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_orders_name_columns() {
        for table in IndexTable::ALL {
            for name in table.key().iter().chain(table.order()) {
                assert!(table.position(name).is_some(), "{table}.{name}");
            }
        }
    }

    #[test]
    fn columns_are_those_of_the_spec() {
        let spec = include_str!("../../../spec/tables.md");
        for table in IndexTable::ALL {
            for column in table.columns() {
                assert!(
                    spec.contains(&format!("`{}`", column.name)),
                    "{table}.{} is not in spec/tables.md",
                    column.name
                );
            }
        }
    }
}
