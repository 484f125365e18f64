//! Where sessions are kept: a bucket, or a folder with a bucket's objects.

use std::convert::Infallible;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use aws_config::Region;
use clap::Args;
use tapedeck_core::store::{Created, Listed, NewObject, Object, OwnedStore, Replaced, Store, StoreError};
use tapedeck_indexer::s3_store::{S3Store, client, config_loader};

use crate::folder::FolderStore;

/// As it stands on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `s3://bucket`
    Bucket(String),
    /// Anything else.
    Path(PathBuf),
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("s3://") {
            Some(bucket) => Self::Bucket(bucket.trim_end_matches('/').to_owned()),
            None => Self::Path(text.into()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(bucket) => write!(f, "s3://{bucket}"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

// Not a doc comment: clap would show it in place of the command's own.
// Credentials come as AWS's tools take them: the environment, a profile, or the machine's role.
#[derive(Debug, Args)]
pub(crate) struct AwsOptions {
    /// Region of the bucket; else `AWS_REGION`, or the profile's.
    #[arg(long)]
    region: Option<String>,
    /// Profile of ~/.aws/config; else `AWS_PROFILE`.
    #[arg(long)]
    profile: Option<String>,
    /// Another S3 than AWS's, as `https://host`; else `AWS_ENDPOINT_URL_S3`, or `AWS_ENDPOINT_URL`.
    #[arg(long)]
    endpoint_url: Option<String>,
}

impl AwsOptions {
    /// What is at a place.
    pub(crate) async fn open(&self, place: &Place) -> Result<AnyStore> {
        let bucket = match place {
            Place::Path(path) if path.is_dir() => return Ok(AnyStore::Folder(FolderStore::new(path))),
            Place::Path(path) => {
                bail!("{} is no folder; expected one with a bucket's objects, or s3://BUCKET", path.display())
            }
            Place::Bucket(bucket) if bucket.is_empty() || bucket.contains('/') => {
                bail!(
                    "{place} is no bucket; expected s3://BUCKET and nothing behind it: keys begin at its root"
                )
            }
            Place::Bucket(bucket) => bucket,
        };
        let mut loader = config_loader();
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        let from_env =
            || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|name| env::var(name).ok());
        if let Some(endpoint) = self.endpoint_url.clone().or_else(from_env) {
            loader = loader.endpoint_url(endpoint);
        }
        let config = loader.load().await;
        if config.region().is_none() {
            bail!("the region of {place} is not known: give --region, or set AWS_REGION");
        }
        Ok(AnyStore::Bucket(S3Store::new(client(&config), bucket)))
    }
}

/// A hint for whoever can mend it, where a store does not do what it should.
pub(crate) fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let store = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>())?;
    match store {
        StoreError::Refused { status: 403, .. } => Some(
            "whoever owns the bucket has to allow it: reading takes s3:GetObject and s3:ListBucket, importing also s3:PutObject and s3:DeleteObject",
        ),
        StoreError::Refused { status: 404, .. } => Some("is the bucket's name right, and the region?"),
        StoreError::Refused { status: 301, .. } => Some("the bucket is in another region: give --region"),
        StoreError::Unavailable { reason, .. } if reason.contains("redential") => {
            Some("sign in as for the AWS CLI; `tapedeck import --help` says how")
        }
        StoreError::Unavailable { .. } => Some("try again"),
        _ => None,
    }
}

/// A bucket or a folder.
#[derive(Debug)]
pub(crate) enum AnyStore {
    Bucket(S3Store),
    Folder(FolderStore),
}

impl Store for AnyStore {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        match self {
            Self::Bucket(store) => store.get(key, bytes_max).await,
            Self::Folder(store) => store.get(key, bytes_max).await,
        }
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        match self {
            Self::Bucket(store) => store.create(key, object).await,
            Self::Folder(store) => store.create(key, object).await,
        }
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        match self {
            Self::Bucket(store) => store.replace(key, etag, object).await,
            Self::Folder(store) => store.replace(key, etag, object).await,
        }
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        match self {
            Self::Bucket(store) => store.list(prefix, after, keys_max).await,
            Self::Folder(store) => store.list(prefix, after, keys_max).await,
        }
    }
}

impl OwnedStore for AnyStore {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Bucket(store) => store.delete(key).await,
            Self::Folder(store) => store.delete(key).await,
        }
    }
}
