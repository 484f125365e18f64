//! A folder with a bucket's objects as files, as `aws s3 sync` makes one. It has no metadata, and one program at a time writes to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use tapedeck_core::ids::hex;
use tapedeck_core::store::{Created, Listed, NewObject, Object, OwnedStore, Replaced, Store, StoreError};

/// Held while something is written.
const LOCK: &str = ".tapedeck.lock";

/// A folder.
#[derive(Debug)]
pub(crate) struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn path(&self, key: &str) -> PathBuf {
        key.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Writes a file if `may` says so of what is there. The file appears whole.
    fn put(&self, key: &str, body: &[u8], may: impl Fn(Option<&str>) -> bool) -> std::io::Result<bool> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)?;
        let lock = File::create(self.root.join(LOCK))?;
        lock.lock()?;
        let found = match fs::read(&path) {
            Ok(found) => Some(etag(&found)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if !may(found.as_deref()) {
            return Ok(false);
        }
        let part = folder.join(".tapedeck.part");
        let mut file = File::create(&part)?;
        file.write_all(body)?;
        file.sync_all()?;
        fs::rename(part, path)?;
        Ok(true)
    }

    /// Every file under `path`, by key.
    fn walk(path: &Path, key: &str, found: &mut BTreeMap<String, fs::Metadata>) -> std::io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                Self::walk(&entry.path(), &format!("{key}{name}/"), found)?;
            } else {
                found.insert(format!("{key}{name}"), metadata);
            }
        }
        Ok(())
    }
}

fn etag(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn modified_ms(metadata: &fs::Metadata) -> Option<i64> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Of a file of this machine: trying again does not help, whoever owns the folder can mend it.
fn refused(operation: &'static str, key: &str) -> impl FnOnce(std::io::Error) -> StoreError {
    let key = key.to_owned();
    move |error| StoreError::Refused { operation, key, status: 403, reason: error.to_string() }
}

impl Store for FolderStore {
    async fn get(&self, key: &str, bytes_max: usize) -> Result<Option<Object>, StoreError> {
        let file = match File::open(self.path(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused("get", key)(error)),
        };
        let metadata = file.metadata().map_err(refused("get", key))?;
        let mut body = Vec::new();
        file.take(bytes_max as u64 + 1).read_to_end(&mut body).map_err(refused("get", key))?;
        if body.len() > bytes_max {
            return Err(StoreError::TooLarge { operation: "get", key: key.to_owned(), max: bytes_max });
        }
        let etag = etag(&body);
        Ok(Some(Object { body, etag, modified_ms: modified_ms(&metadata), metadata: BTreeMap::new() }))
    }

    async fn create(&self, key: &str, object: NewObject<'_>) -> Result<Created, StoreError> {
        let stored = self.put(key, object.body, |found| found.is_none()).map_err(refused("create", key))?;
        Ok(if stored { Created::Stored } else { Created::Exists })
    }

    async fn replace(&self, key: &str, etag: &str, object: NewObject<'_>) -> Result<Replaced, StoreError> {
        let stored =
            self.put(key, object.body, |found| found == Some(etag)).map_err(refused("replace", key))?;
        Ok(if stored { Replaced::Stored } else { Replaced::Changed })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let key = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut found = BTreeMap::new();
        match Self::walk(&self.path(folder), &key, &mut found) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused("list", prefix)(error)),
            _ => {}
        }
        let listed = found
            .into_iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after))
            .take(keys_max)
            .map(|(key, metadata)| Listed {
                key,
                bytes: metadata.len(),
                modified_ms: modified_ms(&metadata),
            });
        Ok(listed.collect())
    }
}

impl OwnedStore for FolderStore {
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(refused("delete", key)(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(body: &[u8]) -> NewObject<'_> {
        NewObject { body, content_type: "text/plain", metadata: &[] }
    }

    #[tokio::test]
    async fn a_folder_is_a_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FolderStore::new(folder.path());
        assert_eq!(store.get("a/b", 9).await.expect("read"), None);
        assert_eq!(store.list("a/", None, 9).await.expect("listed"), []);
        assert_eq!(store.create("a/b", object(b"one")).await.expect("written"), Created::Stored);
        assert_eq!(store.create("a/b", object(b"two")).await.expect("written"), Created::Exists);
        let found = store.get("a/b", 3).await.expect("read").expect("there");
        assert_eq!(found.body, b"one");
        assert!(matches!(store.get("a/b", 2).await, Err(StoreError::TooLarge { max: 2, .. })));
        assert_eq!(store.replace("a/b", "other", object(b"two")).await.expect("tried"), Replaced::Changed);
        assert_eq!(store.replace("a/b", &found.etag, object(b"two")).await.expect("tried"), Replaced::Stored);
        assert_eq!(
            store.replace("a/c", &found.etag, object(b"two")).await.expect("tried"),
            Replaced::Changed
        );
        for key in ["a/b-c/d", "a/bc", "e"] {
            store.create(key, object(b"")).await.expect("written");
        }
        let keys = async |prefix: &str, after: Option<&str>, max| -> Vec<String> {
            let listed = store.list(prefix, after, max).await.expect("listed");
            listed.into_iter().map(|listed| listed.key).collect()
        };
        // In byte order of the keys, not of the folders: `-` comes before `/`.
        assert_eq!(keys("", None, 9).await, ["a/b", "a/b-c/d", "a/bc", "e"]);
        assert_eq!(keys("a/b", Some("a/b"), 1).await, ["a/b-c/d"]);
        store.delete("a/b").await.expect("removed");
        store.delete("a/b").await.expect("gone is removed");
        assert_eq!(keys("a/", None, 9).await, ["a/b-c/d", "a/bc"]);
    }
}
