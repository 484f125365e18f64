//! What projects were admitted, into the bucket: first the hours, session by session, then the days, which the edge reads
//! (`spec/usage.md`).

use serde::Serialize;
use tapedeck_core::config::Budget;
use tapedeck_core::store::{Created, NewObject, Replaced, Store, StoreError};
use tapedeck_core::usage::{Counted, HOUR_BYTES_MAX, HourUsage, USAGE_BYTES_MAX, Usage, UsageError};

use crate::merge::Patience;

/// A thousandth of a budget: with so many bytes, an invocation counts for sure.
const STEPS: u64 = 1_000;

/// Why usage is not in the bucket. What it is counted from comes again.
#[derive(Debug, thiserror::Error)]
pub enum UsageWriteError {
    /// The store failed or refused.
    #[error("usage cannot be counted")]
    Store(#[from] StoreError),
    /// What is there is not ours.
    #[error("{key} cannot be read; delete it, and reindex the project to count the day again")]
    Form {
        /// Which object.
        key: String,
        /// What is wrong with it.
        source: UsageError,
    },
    /// Others wrote at each try.
    #[error("{key} was changed by others at each of {tries} tries")]
    Contended {
        /// Which object.
        key: String,
        /// How many.
        tries: u32,
    },
}

/// Whether so many bytes are counted at once, rather than when their sessions end. Where there is a budget, with a chance of so many
/// thousandths of it as they are: a busy project's day is then known within some percent of its budget, and costs a few thousand requests at
/// most. Where there is none, nobody waits for the sum.
#[must_use]
pub fn is_counted_now(budget: Option<&Budget>, bytes: u64, chance: f64) -> bool {
    let Some(budget) = budget else { return false };
    // A chance needs no more digits than a double has.
    #[allow(clippy::cast_precision_loss)]
    let (bytes, step) = (bytes as f64, (budget.bytes_per_day / STEPS).max(1) as f64);
    chance * step < bytes
}

/// Raises the documents of all that was counted, each by compare-and-swap. Returns how many were written. Counting the same again
/// writes nothing.
///
/// # Errors
/// [`UsageWriteError`]; each document is then whole, and the call may be repeated.
pub async fn write_usage(
    store: &impl Store,
    counted: &Counted,
    patience: Patience,
) -> Result<u64, UsageWriteError> {
    let mut written = 0;
    for (key, sessions) in counted.hours() {
        let raise = |hour: &mut HourUsage| hour.raise(sessions);
        let (hour, is_new) =
            update(store, &key.to_string(), HOUR_BYTES_MAX, patience, HourUsage::parse, raise).await?;
        written += u64::from(is_new);
        // Also where the hour was known: whoever wrote it may not have come to this.
        let raise = |day: &mut Usage| day.raise(key.hour, hour.amount());
        let day = key.day.to_string();
        let (_, is_new) = update(store, &day, USAGE_BYTES_MAX, patience, Usage::parse, raise).await?;
        written += u64::from(is_new);
    }
    Ok(written)
}

/// Reads a document, changes it, and writes it over what was read, until that succeeds. Returns it, and whether it had to be written.
async fn update<D: Default + Serialize>(
    store: &impl Store,
    key: &str,
    bytes_max: usize,
    patience: Patience,
    parse: impl Fn(&[u8]) -> Result<D, UsageError>,
    change: impl Fn(&mut D) -> bool,
) -> Result<(D, bool), UsageWriteError> {
    let form = |source| UsageWriteError::Form { key: key.to_owned(), source };
    let mut unanswered = None;
    for tries in 0..patience.tries_max {
        if tries > 0 {
            patience.pause(tries - 1).await;
        }
        let found = store.get(key, bytes_max).await?;
        let mut document = match &found {
            None => D::default(),
            Some(object) => parse(&object.body).map_err(form)?,
        };
        if !change(&mut document) {
            return Ok((document, false));
        }
        let body = serde_json::to_vec(&document).map_err(|error| form(error.into()))?;
        let object = NewObject { body: &body, content_type: "application/json", metadata: &[] };
        let written = match &found {
            None => store.create(key, object).await.map(|created| created == Created::Stored),
            Some(found) => {
                store.replace(key, &found.etag, object).await.map(|replaced| replaced == Replaced::Stored)
            }
        };
        match written {
            Ok(true) => return Ok((document, true)),
            Ok(false) => unanswered = None,
            // The write may have happened all the same: only reading again tells.
            Err(error) if error.is_transient() => unanswered = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(unanswered.map_or_else(
        || UsageWriteError::Contended { key: key.to_owned(), tries: patience.tries_max },
        UsageWriteError::Store,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_much_of_a_budget_is_counted_now() {
        let budget = Budget { bytes_per_day: 1_000_000, reserve: 0.2 };
        let check = |bytes, chance, expected| {
            assert_eq!(is_counted_now(Some(&budget), bytes, chance), expected, "{bytes} {chance}");
        };
        check(1_000, 0.999, true);
        check(500, 0.499, true);
        check(500, 0.5, false);
        check(0, 0.0, false);
        assert!(!is_counted_now(None, u64::MAX, 0.0));
        let tiny = Budget { bytes_per_day: 1, reserve: 0.2 };
        assert!(is_counted_now(Some(&tiny), 1, 0.999));
    }
}
