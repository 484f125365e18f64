//! How many bytes all requests of one isolate hold at a time. They share its 128 MB, so together they are bounded.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Most bytes in flight. 128 MB bear it beside the runtime, the code and the caches (20), and one admission of the largest
/// batch that a config may allow, inflated into a buffer that doubles (64): admission waits for nothing but the platform's hash, which is there
/// before another request goes on, so there is one at a time.
const BYTES_MAX: usize = 40 * 1024 * 1024;

static IN_FLIGHT: Counter = Counter::new(BYTES_MAX);

/// More bytes are in flight than the isolate bears. It passes by itself.
#[derive(Debug, thiserror::Error)]
#[error("{in_flight} bytes are in flight, {more} more would exceed {max}")]
pub(crate) struct Full {
    in_flight: usize,
    more: usize,
    max: usize,
}

/// Bytes that a request holds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    counter: &'a Counter,
    bytes: usize,
}

impl Reservation<'static> {
    /// Nothing yet, of what this isolate has.
    pub(crate) fn new() -> Self {
        IN_FLIGHT.reservation()
    }
}

impl Reservation<'_> {
    /// Takes more.
    ///
    /// # Errors
    /// [`Full`]; what was taken before stays taken until the drop.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Full> {
        self.counter.take(more)?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.counter.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Counter {
    taken: AtomicUsize,
    max: usize,
}

impl Counter {
    const fn new(max: usize) -> Self {
        Self { taken: AtomicUsize::new(0), max }
    }

    fn reservation(&self) -> Reservation<'_> {
        Reservation { counter: self, bytes: 0 }
    }

    fn take(&self, more: usize) -> Result<(), Full> {
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                taken.checked_add(more).filter(|sum| *sum <= self.max)
            })
            .map(|_| ())
            .map_err(|in_flight| Full { in_flight, more, max: self.max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_bounded_and_given_back() {
        let counter = Counter::new(10);
        let (mut one, mut two) = (counter.reservation(), counter.reservation());
        assert!(one.grow(6).is_ok());
        assert!(two.grow(4).is_ok());
        assert_eq!(
            two.grow(1).expect_err("full").to_string(),
            "10 bytes are in flight, 1 more would exceed 10"
        );
        drop(one);
        assert!(two.grow(6).is_ok());
        assert!(two.grow(usize::MAX).is_err());
        drop(two);
        assert_eq!(counter.taken.into_inner(), 0);
    }
}
