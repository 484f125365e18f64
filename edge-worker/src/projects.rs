//! Configs of projects, out of the bucket and remembered for a minute (`spec/config.md`).

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::thread::LocalKey;

use tapedeck_core::config::{CONFIG_BYTES_MAX, ConfigError, KeyConfig, ProjectConfig};
use tapedeck_core::ids::{ProjectId, ProjectKey};
use tapedeck_core::object_key::{key_config_key, project_config_key};
use tapedeck_core::store::{Store, StoreError};

use crate::fetch::now_ms;
use crate::log;
use crate::ttl_cache::{Known, TtlCache};

/// Most configs remembered. Each was at most 256 KiB as JSON; nearly all are under 4.
const PROJECTS_MAX: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// Most project keys remembered.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

// An isolate has one thread, and all its requests share what lies here.
thread_local! {
    static KEYS: RefCell<TtlCache<ProjectId>> = RefCell::new(TtlCache::new(KEYS_MAX));
    static PROJECTS: RefCell<TtlCache<Rc<ProjectConfig>>> = RefCell::new(TtlCache::new(PROJECTS_MAX));
}

/// What may be done with a config that is too old, when the bucket is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staleness {
    /// Recording goes on with it.
    Borne,
    /// Reading does not: a token may have been taken away.
    Refused,
}

/// Why a project's config is not known. The operator can mend it, or time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// The bucket.
    #[error("the config cannot be read")]
    Store(#[from] StoreError),
    /// An object that breaks a rule.
    #[error("{key} is refused")]
    Config {
        /// Which object.
        key: String,
        /// The rule.
        source: ConfigError,
    },
    /// A project key whose project has no config.
    #[error("project {project} has a key but no config")]
    NoConfig {
        /// The project that the key names.
        project: ProjectId,
    },
    /// A config in another project's place.
    #[error("the config in the place of project {place} is that of project {found}")]
    OtherProject {
        /// Where it lies.
        place: ProjectId,
        /// The project that it names.
        found: ProjectId,
    },
}

/// The project that a key writes to; `None` for a key that nobody knows.
///
/// # Errors
/// [`ProjectError`], unless an older config is remembered.
pub(crate) async fn by_key(
    store: &impl Store,
    key: &ProjectKey,
) -> Result<Option<Rc<ProjectConfig>>, ProjectError> {
    let parse = |bytes: &[u8]| KeyConfig::parse(bytes).map(|config| config.project);
    let Some(project) = remembered(&KEYS, store, key_config_key(key), Staleness::Borne, parse).await? else {
        return Ok(None);
    };
    let config = config(store, &project, Staleness::Borne).await?;
    let config = config.ok_or(ProjectError::NoConfig { project })?;
    // A key that was rotated out of the config is void, even while its own object is still there.
    Ok(config.keys.contains(key).then_some(config))
}

/// The project of that id as viewers may know it: never more than a minute old. `None` if there is none.
///
/// # Errors
/// [`ProjectError`]
pub(crate) async fn for_viewer(
    store: &impl Store,
    project: &ProjectId,
) -> Result<Option<Rc<ProjectConfig>>, ProjectError> {
    config(store, project, Staleness::Refused).await
}

async fn config(
    store: &impl Store,
    project: &ProjectId,
    staleness: Staleness,
) -> Result<Option<Rc<ProjectConfig>>, ProjectError> {
    let parse = |bytes: &[u8]| ProjectConfig::parse(bytes).map(Rc::new);
    let found = remembered(&PROJECTS, store, project_config_key(project), staleness, parse).await?;
    match found {
        Some(config) if config.project != *project => {
            Err(ProjectError::OtherProject { place: project.clone(), found: config.project.clone() })
        }
        found => Ok(found),
    }
}

/// What `parse` makes of an object, or made of it before.
async fn remembered<T: Clone>(
    cache: &'static LocalKey<RefCell<TtlCache<T>>>,
    store: &impl Store,
    key: String,
    staleness: Staleness,
    parse: impl Fn(&[u8]) -> Result<T, ConfigError>,
) -> Result<Option<T>, ProjectError> {
    let stale = match cache.with_borrow_mut(|cache| cache.look_up(&key, now_ms())) {
        Known::Fresh(value) => return Ok(Some(value)),
        Known::Missing => return Ok(None),
        Known::Stale { value, failed } if staleness == Staleness::Borne => {
            if failed {
                return Ok(Some(value));
            }
            Some(value)
        }
        Known::Stale { .. } | Known::Nothing => None,
    };
    let read = match store.get(&key, CONFIG_BYTES_MAX).await {
        Ok(None) => Ok(None),
        Ok(Some(object)) => match parse(&object.body) {
            Ok(value) => Ok(Some(value)),
            Err(source) => Err(ProjectError::Config { key: key.clone(), source }),
        },
        Err(error) => Err(error.into()),
    };
    cache.with_borrow_mut(|cache| match &read {
        Ok(Some(value)) => cache.found(&key, value.clone(), now_ms()),
        Ok(None) => cache.missing(&key, now_ms()),
        Err(_) => cache.failed(&key, now_ms()),
    });
    match (read, stale) {
        (Err(error), Some(stale)) => {
            log::stale(&key, &error);
            Ok(Some(stale))
        }
        (read, _) => read,
    }
}
