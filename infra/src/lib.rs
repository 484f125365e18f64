//! The cloud resources as code, as the other programs see them, and the commands that apply them.

pub mod deploy;
pub mod deployment;
pub mod iam;
pub mod init;
mod pattern;
pub mod reindex;
pub mod settings;
pub mod template;
pub mod wrangler;
