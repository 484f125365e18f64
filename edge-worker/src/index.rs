//! `GET …/index`: the tables' files of some days (`spec/viewer-api.md`, `spec/tables.md`).

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use serde::Serialize;
use tapedeck_core::day::Day;
use tapedeck_core::gather::gather;
use tapedeck_core::object_key::{IndexKey, IndexLevel, IndexTable, index_day_prefix};
use tapedeck_core::request::Call;
use tapedeck_core::store::{Store, StoreError};
use tapedeck_core::viewer::{INDEX_DAYS_MAX, INDEX_FILES_MAX, URL_LIFE_S};
use worker::Request;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fetch::now_ms;
use crate::recorder_config::query;
use crate::sessions::{LIST_KEYS, urls_expire_ms};
use crate::viewers::{Viewer, bad_request};

#[derive(Serialize)]
struct IndexReply {
    files: Vec<File>,
    urls_expire_ms: i64,
    now_ms: i64,
}

#[derive(Serialize)]
struct File {
    table: IndexTable,
    day: Day,
    level: IndexLevel,
    key: String,
    bytes: u64,
    url: String,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    from: Day,
    to: Day,
    tables: BTreeSet<IndexTable>,
}

/// Gives a viewer URLs of the tables' files.
pub(crate) async fn list(request: &Request, viewer: &Viewer) -> Result<Answer, Failure> {
    let (from, to, tables) = (query(request, "from"), query(request, "to"), query(request, "tables"));
    let wish = match Wish::parse(from.as_deref(), to.as_deref(), tables.as_deref()) {
        Ok(wish) => wish,
        Err(detail) => return Ok(bad_request(&detail)),
    };
    let listings = wish.tables.iter().map(|table| files_of(viewer, *table, wish.from, wish.to));
    let found: Vec<(IndexKey, u64)> = try_join_all(listings).await?.into_iter().flatten().collect();
    if found.len() > INDEX_FILES_MAX {
        let detail =
            format!("these days have more than {INDEX_FILES_MAX} files; ask for fewer days or tables");
        return Ok(bad_request(&detail));
    }
    let now_ms = now_ms();
    let sign = |(key, bytes): (IndexKey, u64)| {
        let IndexKey { table, day, level, .. } = key;
        let key = key.to_string();
        let url = viewer.store.presign_get(&key, now_ms, URL_LIFE_S).into();
        File { table, day, level, key, bytes, url }
    };
    let files = found.into_iter().map(sign).collect();
    viewer.record(Call::Index, None, None).await?;
    let reply = IndexReply { files, urls_expire_ms: urls_expire_ms(now_ms), now_ms };
    Ok(Answer::ok(serde_json::to_string(&reply)?))
}

impl Wish {
    /// From the query; else what is wrong with it, for the client.
    fn parse(from: Option<&str>, to: Option<&str>, tables: Option<&str>) -> Result<Self, String> {
        let day = |name: &str, text: Option<&str>| {
            let text = text.ok_or_else(|| format!("query has no {name}"))?;
            text.parse::<Day>().map_err(|error| format!("{name}: {error}"))
        };
        let (from, to) = (day("from", from)?, day("to", to)?);
        let days = to.since(from) + 1;
        if !(1..=INDEX_DAYS_MAX).contains(&days) {
            return Err(format!("from {from} to {to} are {days} days, expected 1 to {INDEX_DAYS_MAX}"));
        }
        let tables = match tables {
            None => gather(IndexTable::ALL),
            Some(names) => {
                let parsed = names.split(',').map(str::parse).collect::<Result<Vec<IndexTable>, _>>();
                gather(parsed.map_err(|error| format!("tables: {error}"))?)
            }
        };
        Ok(Self { from, to, tables })
    }
}

/// The files of a table's days in the order of their keys; not many more than may be in one answer.
async fn files_of(
    viewer: &Viewer,
    table: IndexTable,
    from: Day,
    to: Day,
) -> Result<Vec<(IndexKey, u64)>, StoreError> {
    let project = &viewer.project.project;
    let first = index_day_prefix(project, table, from);
    let prefix = format!("index/{project}/{table}/dt=");
    let mut files = Vec::new();
    let mut after = first;
    while files.len() <= INDEX_FILES_MAX {
        let page = viewer.store.list(&prefix, Some(&after), LIST_KEYS).await?;
        let is_last = page.len() < LIST_KEYS;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.key);
        for listed in page {
            // Notes of compaction lie there too.
            let Ok(key) = listed.key.parse::<IndexKey>() else { continue };
            if key.day > to {
                return Ok(files);
            }
            files.push((key, listed.bytes));
        }
        if is_last {
            break;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes() {
        let wish = |from, to, tables| Wish::parse(Some(from), Some(to), tables);
        let whole = wish("2026-11-01", "2026-11-20", None).expect("days");
        assert_eq!(whole.tables.len(), 3);
        let some = wish("2026-11-20", "2026-11-20", Some("errors,sessions,errors")).expect("a day");
        assert_eq!(some.tables.into_iter().collect::<Vec<_>>(), [IndexTable::Sessions, IndexTable::Errors]);
        assert!(wish("2026-01-01", "2026-04-03", None).is_ok());
        assert_eq!(
            wish("2026-01-01", "2026-04-04", None),
            Err("from 2026-01-01 to 2026-04-04 are 94 days, expected 1 to 93".to_owned())
        );
        assert!(wish("2026-01-02", "2026-01-01", None).is_err());
        assert!(wish("2026-01-01", "2026-01-01", Some("")).is_err());
        assert!(wish("2026-01-01", "2026-01-01", Some("users")).is_err());
        assert_eq!(Wish::parse(None, None, None), Err("query has no from".to_owned()));
    }
}
