//! The vectors in `tests/vectors/`, which the TypeScript tests read as well.
//!
//! A file holds inputs and what follows from them. Each test reads it, derives everything anew from the inputs, and expects
//! the same text. `UPDATE_VECTORS=1 cargo test -p tapedeck-core --test vectors` writes the derived fields instead: to add a
//! case, write its inputs with any values for the rest, run that, and check the difference by other means than this code.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tapedeck_core::ids::{ContentHash, PageId, ProjectId, Seq, SessionId, UploadKey, shard};
use tapedeck_core::object_key::{ChunkKey, ChunkName, manifest_key};
use tapedeck_core::sampling::{Rates, Reason, decide_sampling, rates_at};

/// A vector file: one case a line, so that differences are easy to read.
#[derive(Deserialize)]
struct Vectors<C, R = NoRefusals> {
    cases: Vec<C>,
    #[serde(default = "Vec::new")]
    refused: Vec<R>,
}

/// For files in which nothing is refused.
#[derive(Serialize, Deserialize)]
enum NoRefusals {}

impl<C: Serialize + DeserializeOwned, R: Serialize + DeserializeOwned> Vectors<C, R> {
    /// Derives every case and refusal of `tests/vectors/{name}` anew, and expects or writes the result.
    fn check(name: &str, derive: impl Fn(&mut C), refuse: impl Fn(&mut R)) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut vectors: Self = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        vectors.cases.iter_mut().for_each(derive);
        vectors.refused.iter_mut().for_each(refuse);
        let derived = vectors.encode();
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            std::fs::write(&path, derived).unwrap_or_else(|error| panic!("{name}: {error}"));
            return;
        }
        for (found, expected) in derived.lines().zip(text.lines()) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(derived.lines().count(), text.lines().count(), "{name}: lines");
    }

    fn encode(&self) -> String {
        let cases = one_a_line(&self.cases);
        if self.refused.is_empty() {
            return format!("{{\"cases\":{cases}}}\n");
        }
        format!("{{\"cases\":{cases},\n\"refused\":{}}}\n", one_a_line(&self.refused))
    }
}

fn one_a_line(items: &[impl Serialize]) -> String {
    let lines: Vec<String> =
        items.iter().map(|item| serde_json::to_string(item).expect("vectors have a JSON form")).collect();
    format!("[\n{}\n]", lines.join(",\n"))
}

/// For inputs of vectors, which are valid by intent.
fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn ids() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        upload: String,
        start_s: u32,
        session: String,
        project: ProjectId,
        shard: String,
        fraction: f64,
    }
    #[derive(Serialize, Deserialize)]
    struct Refused {
        upload: String,
        why: String,
    }
    Vectors::<Case, Refused>::check(
        "ids.json",
        |case| {
            let session = parsed::<UploadKey>(&case.upload).session();
            case.start_s = session.start_s();
            case.shard = shard(&case.project, &session);
            case.fraction = session.fraction();
            case.session = session.into();
        },
        |refused| assert!(refused.upload.parse::<UploadKey>().is_err(), "{}", refused.why),
    );
}

/// The example of `spec/ids.md`, by `python3 -c 'import hashlib; print(hashlib.sha256(bytes.fromhex("6553f100000102030405060708090a0b")).hexdigest())'`.
#[test]
fn the_spec_example_holds() {
    let session = parsed::<UploadKey>("ZVPxAAABAgMEBQYHCAkKCw").session();
    assert_eq!(session.as_str(), "6553f10018f45d4a71053ad0482c3b0e");
    assert_eq!(shard(&parsed("demo"), &session), "e5");
}

#[test]
fn chunk_keys() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        project: ProjectId,
        session: SessionId,
        page: PageId,
        seq: Seq,
        hash: ContentHash,
        key: String,
        manifest_key: String,
    }
    #[derive(Serialize, Deserialize)]
    struct Refused {
        key: String,
        why: String,
    }
    Vectors::<Case, Refused>::check(
        "chunk_keys.json",
        |case| {
            let name = ChunkName { page: case.page.clone(), seq: case.seq, hash: case.hash.clone() };
            let key = ChunkKey { project: case.project.clone(), session: case.session.clone(), name };
            case.key = key.to_string();
            assert_eq!(parsed::<ChunkKey>(&case.key), key);
            case.manifest_key = manifest_key(&case.project, &case.session);
        },
        |refused| assert!(refused.key.parse::<ChunkKey>().is_err(), "{}", refused.why),
    );
}

#[test]
fn sampling() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        session: SessionId,
        sampling: Box<RawValue>,
        reason: Reason,
        segments: Vec<String>,
        rate: f64,
        keep: bool,
    }
    Vectors::<Case>::check(
        "sampling.json",
        |case| {
            let sampling: Vec<Rates> = serde_json::from_str(case.sampling.get()).expect("rates");
            let rates = rates_at(&sampling, case.session.start_ms()).expect("at least one entry");
            case.rate = rates.rate(case.reason, &case.segments);
            case.keep = decide_sampling(&sampling, &case.session, case.reason, &case.segments);
        },
        |refused| match *refused {},
    );
}
