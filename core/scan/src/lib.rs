//! The loops that see every byte of a batch, apart from `tapedeck-core` because the Worker is built to be small and these alone to be fast.
//!
//! [`event`] reads the events of a batch as recorders write them. [`signs`] finds the few places at which scrubbing has to look closely.

pub mod event;
mod filter;
pub mod signs;
