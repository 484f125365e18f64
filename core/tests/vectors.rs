//! The vectors in `tests/vectors/`, which the TypeScript tests read as well.
//!
//! A file holds inputs and what follows from them. Each test reads it, derives everything anew from the inputs, and expects
//! the same text. `UPDATE_VECTORS=1 cargo test -p tapedeck-core --test vectors` writes the derived fields instead: to add a
//! case, write its inputs with any values for the rest, run that, and check the difference by other means than this code.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tapedeck_core::admit::{Admission, RequestFacts, admit};
use tapedeck_core::bots::is_bot;
use tapedeck_core::config::ProjectConfig;
use tapedeck_core::ids::{ContentHash, PageId, ProjectId, Seq, SessionId, UploadKey, shard};
use tapedeck_core::manifest::Union;
use tapedeck_core::object_key::{ChunkKey, ChunkName, manifest_key};
use tapedeck_core::origin::OriginPattern;
use tapedeck_core::reply::Reply;
use tapedeck_core::sampling::{Rates, Reason, decide_sampling, rates_at};
use tapedeck_core::summary::{ChunkMetadata, MarkerKind, Summariser};

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

/// The answer to a whole upload. What the edge adds of its own (time, country, version) is left out.
#[test]
fn admission() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        name: String,
        origin: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_agent: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gpc: Option<bool>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used_bytes: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share_key: Option<String>,
        body_base64: String,
        config: Box<RawValue>,
        expect: BTreeMap<String, Value>,
    }
    Vectors::<Case>::check(
        "admission.json",
        |case| {
            let project = ProjectConfig::parse(case.config.get().as_bytes()).expect("a config");
            let body = BASE64.decode(&case.body_base64).expect("base64");
            let share_key = case.share_key.as_deref().map(parsed);
            let facts = RequestFacts {
                origin: case.origin.as_deref(),
                user_agent: case.user_agent.as_deref(),
                gpc: case.gpc.unwrap_or(false),
                share_key: share_key.as_ref(),
                used_bytes: case.used_bytes.unwrap_or(0),
                country: None,
                edge: "vectors",
                received_ms: 1_700_000_005_000,
            };
            case.expect = answer(&admit(&facts, &body, &project), &body);
        },
        |refused| match *refused {},
    );
}

fn answer(admission: &Admission<'_>, body: &[u8]) -> BTreeMap<String, Value> {
    let reply = match admission {
        Admission::Store(_) => Reply::stored(),
        Admission::Drop(reason) => Reply::dropped(*reason),
        Admission::Refuse(refusal) => Reply::refused(refusal),
    };
    let Value::Object(fields) = reply.body else { panic!("a reply is an object") };
    let mut answer: BTreeMap<String, Value> = fields.into_iter().collect();
    answer.insert("status".into(), reply.status.into());
    // For people; it may change.
    answer.remove("detail");
    if let Admission::Store(chunk) = admission {
        let stored_bytes = if body.ends_with(&chunk.body) { "as_sent" } else { "written_anew" };
        let of_the_edge = ["received-ms", "edge"];
        let metadata: BTreeMap<_, _> =
            chunk.metadata.iter().filter(|(name, _)| !of_the_edge.contains(name)).cloned().collect();
        answer.insert("key".into(), chunk.key.to_string().into());
        answer.insert("stored_bytes".into(), stored_bytes.into());
        answer.insert("metadata".into(), json!(metadata));
    }
    answer
}

#[test]
fn origins() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        pattern: OriginPattern,
        origin: Option<String>,
        allowed: bool,
    }
    #[derive(Serialize, Deserialize)]
    struct Refused {
        pattern: String,
        why: String,
    }
    Vectors::<Case, Refused>::check(
        "origins.json",
        |case| case.allowed = case.pattern.allows(case.origin.as_deref()),
        |refused| assert!(OriginPattern::try_from(refused.pattern.clone()).is_err(), "{}", refused.why),
    );
}

/// Bots out of the list that `core/src/bots/generate.mjs` reads, and people's browsers.
#[test]
fn bots() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        agent: String,
        bot: bool,
    }
    Vectors::<Case>::check("bots.json", |case| case.bot = is_bot(&case.agent), |refused| match *refused {});
}

/// What recorders see of a config, and why one is refused.
#[test]
fn config() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        name: String,
        config: Box<RawValue>,
        recorder: Value,
    }
    #[derive(Serialize, Deserialize)]
    struct Refused {
        config: Box<RawValue>,
        error: String,
    }
    Vectors::<Case, Refused>::check(
        "config.json",
        |case| {
            let config = ProjectConfig::parse(case.config.get().as_bytes()).expect("a config");
            case.recorder = serde_json::to_value(config.for_recorder()).expect("json");
        },
        |refused| {
            let error = ProjectConfig::parse(refused.config.get().as_bytes()).expect_err("a wrong config");
            refused.error = error.to_string();
        },
    );
}

/// Chunks in the order in which they come, which must not matter, and the manifest's very bytes.
#[test]
fn manifests() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        name: String,
        project: ProjectId,
        session: SessionId,
        chunks: Vec<StoredChunk>,
        manifest: Box<RawValue>,
    }
    #[derive(Serialize, Deserialize)]
    struct StoredChunk {
        key: String,
        bytes: u64,
        metadata: BTreeMap<String, String>,
        lines: Vec<String>,
    }
    Vectors::<Case>::check(
        "manifests.json",
        |case| {
            let summaries = case.chunks.iter().map(|chunk| {
                let key = parsed::<ChunkKey>(&chunk.key);
                assert_eq!((&key.project, &key.session), (&case.project, &case.session), "{}", case.name);
                let metadata = ChunkMetadata::read(|name| chunk.metadata.get(name).map(String::as_str));
                let mut summariser = Summariser::new(key.name, chunk.bytes, metadata);
                chunk.lines.iter().for_each(|line| summariser.line(line).expect("an event"));
                summariser.finish().expect("at least one event")
            });
            let mut union = Union::new(case.project.clone(), case.session.clone());
            summaries.for_each(|summary| union.insert(summary));
            let bytes = union.derive().expect("at least one chunk").encode().expect("json");
            let text = String::from_utf8(bytes).expect("json");
            let line = text.strip_suffix('\n').expect("one line");
            case.manifest = RawValue::from_string(line.to_owned()).expect("json");
        },
        |refused| match *refused {},
    );
}

/// What a chunk's lines tell, as far as the player, which summarises chunks that are not indexed yet, needs it too.
#[test]
fn summaries() {
    #[derive(Serialize, Deserialize)]
    struct Case {
        name: String,
        lines: Vec<String>,
        summary: Value,
    }
    Vectors::<Case>::check(
        "summary.json",
        |case| {
            let name = parsed::<ChunkName>("a1B2c3D4-00000-1a2b3c4d");
            let mut summariser = Summariser::new(name, 100, ChunkMetadata::default());
            for line in &case.lines {
                summariser.line(line).expect("an event");
            }
            let summary = summariser.finish().expect("at least one event");
            let facts = &summary.facts;
            let mut found = json!({
                "first_ms": facts.first_ms, "last_ms": facts.last_ms, "events": facts.events, "checkpoints": facts.checkpoints,
                "errors": summary.errors.iter().map(|(at, error)| json!({
                    "at_ms": at.at_ms, "type": error.error_type.clone().unwrap_or_default(), "message": error.message,
                })).collect::<Vec<_>>(),
                "navigations": summary.markers.iter()
                    .filter(|(_, marker)| marker.kind == MarkerKind::Navigation)
                    .map(|(at, marker)| json!({"at_ms": at.at_ms, "label": marker.label}))
                    .collect::<Vec<_>>(),
            });
            if let Some(active) = facts.active {
                found["active"] = json!(active);
            }
            if let Some(opening) = &summary.opening {
                let texts = [("url", &opening.url), ("title", &opening.title), ("tab", &opening.tab)];
                let known = texts
                    .into_iter()
                    .filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
                found["opening"] = Value::Object(known.collect());
            }
            case.summary = found;
        },
        |refused| match *refused {},
    );
}
