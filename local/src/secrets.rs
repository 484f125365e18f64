//! What a stack on this machine keeps between runs so that links, keys and tokens stay good.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Everything secret, and the project key, which is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// What the demo shop uploads with.
    pub project_key: String,
    /// What the player asks the edge with.
    pub viewer_token: String,
    /// What the edge makes grants and support tickets with.
    #[serde(default)]
    pub share_key: String,
    /// The owner's access to the bucket.
    pub admin: AccessKey,
    /// The edge's.
    pub edge: AccessKey,
    /// The indexer's.
    pub indexer: AccessKey,
}

/// An access key to the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Public half.
    pub id: String,
    /// Secret half.
    pub secret: String,
}

impl Secrets {
    /// Reads them from `path`, or draws new ones and writes them there for the owner's eyes.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not of this form.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        if path.exists() {
            let mut secrets: Self = read_json(path)?;
            // A stack that was begun before there were grants.
            if secrets.share_key.is_empty() {
                secrets.share_key = base62(43)?;
                write_private(path, &serde_json::to_vec_pretty(&secrets)?)?;
            }
            return Ok(secrets);
        }
        let key = |part: &str| -> Result<AccessKey> {
            Ok(AccessKey { id: format!("{part}-{}", base62(16)?), secret: base62(40)? })
        };
        let secrets = Self {
            project_key: format!("pk_{}", base62(22)?),
            viewer_token: base62(32)?,
            share_key: base62(43)?,
            admin: key("admin")?,
            edge: key("edge")?,
            indexer: key("indexer")?,
        };
        write_private(path, &serde_json::to_vec_pretty(&secrets)?)?;
        Ok(secrets)
    }
}

/// Writes a file that only its owner may read: whole, or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not of the expected form", path.display()))
}

fn base62(length: usize) -> Result<String> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let byte = getrandom::u32().context("the system has no randomness")?.to_le_bytes()[0];
        // 248 is the largest multiple of 62 in a byte: beyond it, the first digits would come more often.
        if byte < 248 {
            text.push(char::from(DIGITS[usize::from(byte) % DIGITS.len()]));
        }
    }
    Ok(text)
}
