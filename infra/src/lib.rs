//! The cloud resources as code, as the other programs see them.

pub mod deployment;
pub mod iam;
mod pattern;
pub mod template;
