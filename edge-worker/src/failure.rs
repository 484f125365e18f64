//! What goes wrong on our side. The client hears 503 and comes again; the log hears why.

use tapedeck_core::manifest::ManifestError;
use tapedeck_core::reply::Reply;
use tapedeck_core::request::DocumentError;
use tapedeck_core::store::StoreError;
use tapedeck_core::tape::PreambleError;

use crate::access_jwt::KeysError;
use crate::fetch::DigestError;
use crate::in_flight::Full;
use crate::projects::ProjectError;
use crate::settings::SettingsError;
use tapedeck_s3_store::LocationError;

/// Why a request could not be answered as it deserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The deployment.
    #[error("the Worker is not set up")]
    Settings(#[from] SettingsError),
    /// The deployment's bucket, or the one that a project names.
    #[error("the bucket's location is refused")]
    Location(#[from] LocationError),
    /// A project's config.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The bucket.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest that this program does not read.
    #[error("the manifest of session {session} is refused")]
    Manifest {
        /// Which.
        session: String,
        /// Why.
        source: ManifestError,
    },
    /// A tape that this program does not read.
    #[error("{key} is refused")]
    Tape {
        /// Which object.
        key: String,
        /// Why.
        source: PreambleError,
    },
    /// A request or its state that this program does not read.
    #[error("{key} is refused")]
    Document {
        /// Which object.
        key: String,
        /// Why.
        source: DocumentError,
    },
    /// Cloudflare Access.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Other requests.
    #[error(transparent)]
    Full(#[from] Full),
    /// A body that ended too soon.
    #[error("the body broke off after {found} bytes")]
    Broken {
        /// How many came.
        found: usize,
    },
    /// A body that came too slowly.
    #[error("the body came too slowly, {found} bytes of it")]
    Slow {
        /// How many came.
        found: usize,
    },
    /// The platform.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A reply that has no JSON form.
    #[error("the reply cannot be written")]
    Reply(#[from] serde_json::Error),
}

impl Failure {
    /// What the client hears.
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::Full(_) => Reply::unavailable(2, "too much is being received at this moment"),
            Self::Broken { .. } => Reply::unavailable(2, "the body broke off before its end"),
            // Not 408, which a client takes for a batch that nobody wants.
            Self::Slow { .. } => Reply::unavailable(10, "the body came too slowly"),
            Self::Store(error) | Self::Project(ProjectError::Store(error)) if error.is_transient() => {
                Reply::unavailable(5, "the store does not answer")
            }
            Self::Keys(_) => Reply::unavailable(5, "the keys of Cloudflare Access cannot be read"),
            // The operator has to do something first.
            _ => Reply::unavailable(60, "the edge is not set up as it should be; its log says more"),
        }
    }
}
