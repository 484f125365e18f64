//! The parts of Tapedeck that are somebody else's in production, on one machine: a bucket, a queue, the Lambda
//! service, and what starts and stops them together with the real edge, indexer, demo shop and player.
//!
//! Nothing here decides anything about sessions. What AWS does is the reference, and each module says where it differs.

pub mod clock;
pub mod cloud;
mod control;
pub mod demo_project;
mod digest;
pub mod lambda;
pub mod logs;
pub mod mapping;
pub mod ports;
pub mod process;
pub mod queue;
pub mod s3;
pub mod schedule;
pub mod secrets;
pub mod sqs;
pub mod stack;
pub mod stat;
pub mod store;
pub mod supervise;
