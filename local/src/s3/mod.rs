//! An S3 bucket: the operations that Tapedeck and its tests use, with AWS's semantics, over HTTP.
//!
//! The protocol, the signatures and presigned URLs are [`s3s`]'s; here are storage, permissions, CORS and notifications.
//! Absent on purpose: versions, ACLs, multipart uploads, encryption, bucket management, other buckets.

mod cors;
mod counters;
mod event;
mod objects;
mod policy;
mod server;
mod service;

pub use counters::{Count, Counters};
pub use event::{object_created, test_event};
pub use objects::{Condition, Content, ObjectMeta, Objects, PutError};
pub use policy::Credential;
pub use server::S3Server;
pub use service::{Bucket, BucketConfig};
