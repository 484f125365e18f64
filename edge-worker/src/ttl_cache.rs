//! What an isolate remembers of the bucket for a while: values by object key, and which keys have no object.

use std::num::NonZeroUsize;

use lru::LruCache;

/// How long what was read counts as fresh, in milliseconds.
pub(crate) const FRESH_MS: i64 = 60_000;

/// How long a key without an object is not asked for again, in milliseconds: short, since somebody may just be deploying it.
pub(crate) const MISSING_MS: i64 = 10_000;

/// How long after a failure a stale value is used without trying again, in milliseconds.
pub(crate) const RETRY_MS: i64 = 5_000;

/// Most keys remembered as missing: strangers choose them.
const MISSING_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

/// Values that were read, the least recently used forgotten first.
#[derive(Debug)]
pub(crate) struct TtlCache<T> {
    found: LruCache<String, Found<T>>,
    missing: LruCache<String, i64>,
}

#[derive(Debug)]
struct Found<T> {
    value: T,
    read_ms: i64,
    failed_ms: Option<i64>,
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// Read within [`FRESH_MS`].
    Fresh(T),
    /// Read before that.
    Stale {
        /// As it was then.
        value: T,
        /// Whether reading it again has failed within [`RETRY_MS`].
        failed: bool,
    },
    /// There was no object within [`MISSING_MS`].
    Missing,
    /// Nothing.
    Nothing,
}

impl<T: Clone> TtlCache<T> {
    /// A cache of at most so many values.
    pub(crate) fn new(values_max: NonZeroUsize) -> Self {
        Self { found: LruCache::new(values_max), missing: LruCache::new(MISSING_MAX) }
    }

    /// What is known of `key` at `now_ms`.
    pub(crate) fn look_up(&mut self, key: &str, now_ms: i64) -> Known<T> {
        if let Some(found) = self.found.get(key) {
            let value = found.value.clone();
            return if now_ms - found.read_ms < FRESH_MS {
                Known::Fresh(value)
            } else {
                let failed = found.failed_ms.is_some_and(|failed_ms| now_ms - failed_ms < RETRY_MS);
                Known::Stale { value, failed }
            };
        }
        match self.missing.get(key) {
            Some(read_ms) if now_ms - read_ms < MISSING_MS => Known::Missing,
            _ => Known::Nothing,
        }
    }

    /// The object of `key` was read.
    pub(crate) fn found(&mut self, key: &str, value: T, now_ms: i64) {
        self.missing.pop(key);
        self.found.put(key.to_owned(), Found { value, read_ms: now_ms, failed_ms: None });
    }

    /// There is no object of `key`.
    pub(crate) fn missing(&mut self, key: &str, now_ms: i64) {
        self.found.pop(key);
        self.missing.put(key.to_owned(), now_ms);
    }

    /// The object of `key` could not be read.
    pub(crate) fn failed(&mut self, key: &str, now_ms: i64) {
        if let Some(found) = self.found.get_mut(key) {
            found.failed_ms = Some(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> TtlCache<u8> {
        TtlCache::new(NonZeroUsize::new(2).expect("not zero"))
    }

    #[test]
    fn values_grow_stale_and_stay() {
        let mut cache = cache();
        assert_eq!(cache.look_up("a", 0), Known::Nothing);
        cache.found("a", 1, 0);
        assert_eq!(cache.look_up("a", FRESH_MS - 1), Known::Fresh(1));
        assert_eq!(cache.look_up("a", FRESH_MS), Known::Stale { value: 1, failed: false });
        cache.failed("a", FRESH_MS);
        assert_eq!(cache.look_up("a", FRESH_MS + RETRY_MS - 1), Known::Stale { value: 1, failed: true });
        assert_eq!(cache.look_up("a", FRESH_MS + RETRY_MS), Known::Stale { value: 1, failed: false });
        cache.found("a", 2, 2 * FRESH_MS);
        assert_eq!(cache.look_up("a", 2 * FRESH_MS), Known::Fresh(2));
    }

    #[test]
    fn what_is_missing_is_forgotten_soon() {
        let mut cache = cache();
        cache.found("a", 1, 0);
        cache.missing("a", 0);
        assert_eq!(cache.look_up("a", MISSING_MS - 1), Known::Missing);
        assert_eq!(cache.look_up("a", MISSING_MS), Known::Nothing);
        cache.found("a", 1, 1);
        assert_eq!(cache.look_up("a", 1), Known::Fresh(1));
    }

    #[test]
    fn both_kinds_are_bounded_apart() {
        let mut cache = cache();
        cache.found("a", 1, 0);
        for i in 0..2 * MISSING_MAX.get() {
            cache.missing(&i.to_string(), 0);
        }
        assert_eq!(cache.look_up("a", 1), Known::Fresh(1));
        assert_eq!(cache.look_up("0", 1), Known::Nothing);
        for key in ["b", "c"] {
            cache.found(key, 2, 0);
        }
        assert_eq!(cache.look_up("a", 1), Known::Nothing);
    }
}
