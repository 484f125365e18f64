//! Which small files of a day become one: decided from a listing alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::store::Listed;

/// A day is compacted from this many `l0` files on.
pub const FILES_MIN: usize = 64;

/// Most bytes of files read for one new file: with all its rows in memory, some 300 MB.
pub const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// `l1` files smaller than this are folded again also by themselves, once there are [`SMALL_MIN`].
const SMALL_BYTES: u64 = 4 * 1024 * 1024;

/// How many small `l1` files are too many.
const SMALL_MIN: usize = 8;

/// `…/replaced/{id}.json`: files whose rows are in others by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Form of this document: 1.
    pub version: u32,
    /// When it was written, Unix milliseconds.
    pub replaced_ms: i64,
    /// Keys of the files that have the rows.
    pub by: Vec<String>,
    /// Keys of the files that had them.
    pub keys: Vec<String>,
}

impl Replaced {
    /// How long the files stay: longer than any URL signed for them lives.
    pub const GRACE_MS: i64 = 60 * 60 * 1000;

    /// Whether the replaced files may be removed.
    #[must_use]
    pub fn is_over(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.replaced_ms) >= Self::GRACE_MS
    }
}

/// Keys of files that become one, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// At least two.
    pub keys: Vec<String>,
}

/// What to fold of a day's files, of which those in `replaced` are done with; `None` where there is nothing to do.
#[must_use]
pub fn plan_fold(files: &[Listed], replaced: &BTreeSet<String>) -> Option<Fold> {
    let level = |level: &str| {
        let mut files: Vec<&Listed> = files
            .iter()
            .filter(|file| {
                file.key.ends_with(".parquet") && file.key.contains(level) && !replaced.contains(&file.key)
            })
            .collect();
        files.sort_by(|a, b| a.key.cmp(&b.key));
        files
    };
    let (fresh, mut large) = (level("/l0/"), level("/l1/"));
    let is_fresh = fresh.len() >= FILES_MIN;
    let is_scattered = large.iter().filter(|file| file.bytes < SMALL_BYTES).count() >= SMALL_MIN;
    let mut chosen: Vec<&Listed> = Vec::new();
    if is_fresh {
        // Whatever wrote a file that large, it is no small one.
        chosen.extend(fresh.into_iter().filter(|file| file.bytes <= INPUT_BYTES_MAX / 4));
    }
    if is_fresh || is_scattered {
        // With them what was folded before, as long as there is room: readers of files that overlap have to compare the keys of all rows.
        large.sort_by_key(|file| file.bytes);
        chosen.extend(large);
    }
    let mut bytes = 0;
    let mut keys: Vec<String> = chosen
        .into_iter()
        .take_while(|file| {
            bytes += file.bytes;
            bytes <= INPUT_BYTES_MAX
        })
        .map(|file| file.key.clone())
        .collect();
    keys.sort();
    (keys.len() > 1).then_some(Fold { keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(level: &str, n: usize, bytes: u64) -> Vec<Listed> {
        (0..n)
            .map(|i| Listed {
                key: format!("index/demo/errors/dt=2023-11-14/{level}/{i:04}.parquet"),
                bytes,
                modified_ms: None,
            })
            .collect()
    }

    fn check(files: &[Listed], expected: usize) {
        assert_eq!(plan_fold(files, &BTreeSet::new()).map_or(0, |fold| fold.keys.len()), expected);
    }

    #[test]
    fn only_where_there_is_something_to_do() {
        check(&[], 0);
        check(&files("l0", FILES_MIN - 1, 1000), 0);
        check(&files("l0", FILES_MIN, 1000), FILES_MIN);
        check(&[files("l0", FILES_MIN, 1000), files("l1", 3, 1000)].concat(), FILES_MIN + 3);
        check(&files("l1", SMALL_MIN, 1000), SMALL_MIN);
        check(&files("l1", SMALL_MIN, SMALL_BYTES), 0);
    }

    #[test]
    fn what_was_replaced_is_done_with() {
        let files = files("l0", FILES_MIN, 1000);
        let replaced = files[..1].iter().map(|file| file.key.clone()).collect();
        assert_eq!(plan_fold(&files, &replaced), None);
    }

    #[test]
    fn memory_is_bounded() {
        check(&files("l0", 200, INPUT_BYTES_MAX / 100), 100);
        check(&files("l0", 100, INPUT_BYTES_MAX), 0);
        // The smallest of them first, for which there is room.
        let folded = [files("l0", FILES_MIN, 1000), files("l1", 3, INPUT_BYTES_MAX * 2 / 5)].concat();
        check(&folded, FILES_MIN + 2);
        check(&[files("l0", 100, 1000), files("l1", 100, INPUT_BYTES_MAX)].concat(), 100);
    }

    #[test]
    fn an_hour_passes_before_files_go() {
        let replaced = Replaced { version: 1, replaced_ms: 1_000, by: vec![], keys: vec![] };
        assert!(!replaced.is_over(1_000 + Replaced::GRACE_MS - 1));
        assert!(replaced.is_over(1_000 + Replaced::GRACE_MS));
    }
}
