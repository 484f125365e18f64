//! The cloud resources as code, as the other programs see them.

pub mod deployment;
pub mod iam;
pub mod template;
