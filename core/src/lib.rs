//! Every rule and every format of Tapedeck, without I/O.
//!
//! Functions here take bytes, configuration and `now`, and return values; the programs around them (the edge, the indexer)
//! read and write. Nothing here knows a clock, a network or an environment, and all of it builds for wasm32.
//!
//! In the order a batch travels: [`upload`] splits the body, [`admit`] decides on it, [`object_key`] names the chunk,
//! [`summary`] reads it once, [`manifest`] unites the summaries, [`viewer`] plans what a player gets to read.

#![cfg_attr(test, allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation))]

pub mod admit;
pub mod bots;
pub mod config;
pub mod day;
pub mod error_group;
pub mod event_line;
mod excluded;
pub mod gather;
pub mod grant;
mod identify;
pub mod ids;
pub mod inflate;
pub mod manifest;
pub mod object_key;
pub mod origin;
pub mod reply;
pub mod request;
pub mod retention;
pub mod route;
pub mod sampling;
pub mod scrub;
pub mod stack;
pub mod store;
pub mod summary;
#[cfg(feature = "index")]
pub mod tables;
pub mod tape;
pub mod text;
pub mod upload;
pub mod usage;
#[cfg(feature = "index")]
pub mod user_agent;
pub mod user_hash;
pub mod viewer;
pub mod wildcard;
