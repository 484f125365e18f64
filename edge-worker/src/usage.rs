//! What a project was admitted today, out of the bucket and remembered for a minute (`spec/upload.md`).

use std::cell::RefCell;
use std::error::Error;
use std::num::NonZeroUsize;

use tapedeck_core::config::ProjectConfig;
use tapedeck_core::day::Day;
use tapedeck_core::object_key::UsageKey;
use tapedeck_core::store::Store;
use tapedeck_core::usage::{USAGE_BYTES_MAX, Usage};

use crate::fetch::now_ms;
use crate::log;
use crate::ttl_cache::{Known, TtlCache};

/// Most days of projects remembered.
const DAYS_MAX: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");

thread_local! {
    static DAYS: RefCell<TtlCache<u64>> = RefCell::new(TtlCache::new(DAYS_MAX));
}

/// Bytes admitted today; 0 where the project has no budget, or nothing can be known: a budget saves money, and shall not lose
/// recordings while its counter is away.
pub(crate) async fn used_bytes(store: &impl Store, project: &ProjectConfig) -> u64 {
    if project.budget.is_none() {
        return 0;
    }
    let key = UsageKey { project: project.project.clone(), day: Day::of_ms(now_ms()) }.to_string();
    let stale = match DAYS.with_borrow_mut(|days| days.look_up(&key, now_ms())) {
        Known::Fresh(bytes) | Known::Stale { value: bytes, failed: true } => return bytes,
        Known::Missing => return 0,
        Known::Stale { value, failed: false } => Some(value),
        Known::Nothing => None,
    };
    let read: Result<Option<u64>, Box<dyn Error>> = match store.get(&key, USAGE_BYTES_MAX).await {
        Ok(Some(object)) => Usage::parse(&object.body).map(|usage| Some(usage.bytes)).map_err(Into::into),
        Ok(None) => Ok(None),
        Err(error) => Err(error.into()),
    };
    DAYS.with_borrow_mut(|days| match (&read, stale) {
        (Ok(Some(bytes)), _) => days.found(&key, *bytes, now_ms()),
        (Err(_), Some(_)) => days.failed(&key, now_ms()),
        // Not asked for again with every batch while the store is away.
        (Ok(None) | Err(_), _) => days.missing(&key, now_ms()),
    });
    match read {
        Ok(bytes) => bytes.unwrap_or(0),
        Err(error) => {
            log::stale(&key, error.as_ref());
            stale.unwrap_or(0)
        }
    }
}
