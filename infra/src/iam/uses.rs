//! Which grants were used while tests ran: what is granted and never used should not be granted.
//!
//! Each process writes a file of its own into one folder, a line for the first use of each grant.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Grant;

/// Names the folder; without it nothing is written.
pub const USES_VARIABLE: &str = "TAPEDECK_PERMISSION_USES";

/// One grant, used by a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Use {
    /// Logical name of the policy.
    pub policy: String,
    /// The statement.
    pub sid: String,
    /// The action as granted.
    pub action: String,
    /// What follows the bucket's or the queue's name in the resource: the pattern of keys. Names differ between tests.
    pub within: String,
}

/// Why uses cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum UsesError {
    /// The system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line of another form.
    #[error("{} has a line that is no use", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Where this process notes its uses. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    file: Option<Arc<Mutex<Noted>>>,
}

#[derive(Debug)]
struct Noted {
    path: PathBuf,
    file: File,
    seen: BTreeSet<Use>,
}

impl From<&Grant> for Use {
    fn from(grant: &Grant) -> Self {
        // arn:partition:service:region:account:resource
        let resource = grant.resource.splitn(6, ':').nth(5).unwrap_or(&grant.resource);
        let within = resource.split_once('/').map_or("", |(_, keys)| keys);
        Self {
            policy: grant.policy.clone(),
            sid: grant.sid.clone(),
            action: grant.action.clone(),
            within: within.to_owned(),
        }
    }
}

impl Uses {
    /// Notes uses in the folder that [`USES_VARIABLE`] names, if it does.
    ///
    /// # Errors
    /// When a file cannot be made there.
    pub fn from_environment() -> Result<Self, UsesError> {
        std::env::var_os(USES_VARIABLE)
            .map_or_else(|| Ok(Self::default()), |folder| Self::in_folder(Path::new(&folder)))
    }

    /// Notes uses in a file of its own in `folder`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn in_folder(folder: &Path) -> Result<Self, UsesError> {
        let failed = |path: &Path, source| UsesError::Io { path: path.to_owned(), source };
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        for number in 0_u32.. {
            let path = folder.join(format!("{}-{number}.jsonl", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => {
                    let noted = Noted { path, file, seen: BTreeSet::new() };
                    return Ok(Self { file: Some(Arc::new(Mutex::new(noted))) });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Ok(Self::default())
    }

    /// Notes that a call was allowed by `grant`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, grant: &Grant) -> Result<(), UsesError> {
        let Some(noted) = &self.file else { return Ok(()) };
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let found = Use::from(grant);
        if !noted.seen.insert(found.clone()) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(&found)
            .map_err(|source| UsesError::Form { path: noted.path.clone(), source })?;
        line.push(b'\n');
        let path = noted.path.clone();
        noted.file.write_all(&line).map_err(|source| UsesError::Io { path, source })
    }

    /// All uses that were noted in `folder`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(folder: &Path) -> Result<BTreeSet<Use>, UsesError> {
        let failed = |path: &Path, source| UsesError::Io { path: path.to_owned(), source };
        let mut uses = BTreeSet::new();
        for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
            let path = entry.map_err(|error| failed(folder, error))?.path();
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            for line in text.lines() {
                let found = serde_json::from_str(line)
                    .map_err(|source| UsesError::Form { path: path.clone(), source })?;
                uses.insert(found);
            }
        }
        Ok(uses)
    }
}
