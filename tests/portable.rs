//! `tapedeck export` and `tapedeck import`, the program itself: between two buckets of the real S3 server, a folder, and rrweb's JSON.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tapedeck_core::ids::SessionId;
use tapedeck_core::manifest::Manifest;
use tapedeck_core::object_key::{SessionTombstoneKey, manifest_key};
use tapedeck_core::store::{NewObject, Store as _};
use tapedeck_core::tables::Table;
use tapedeck_core::tape::Tape;
use tapedeck_indexer::parquet_file::decode_file;
use tapedeck_local::mapping::{Mapping, MappingConfig};
use tapedeck_local::queue::QueueConfig;
use tapedeck_tests::recording::{OTHER_PAGE, PAGE, Recorded, chunk, project, session};
use tapedeck_tests::{BUCKET, REGION, Stack, built, eventually};
use tokio::process::Command;

/// A bucket, and the program that works on it with its owner's access key.
struct Fixture {
    stack: Stack,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self { stack: Stack::start(QueueConfig::default()).await, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let (id, secret) = self.stack.access_key("admin");
        let mut command = Command::new(built("tapedeck"));
        command
            .args(arguments)
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_REGION", REGION)
            .env("AWS_ENDPOINT_URL_S3", self.stack.server.endpoint());
        command.output().await.unwrap()
    }

    async fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    async fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    async fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let store = self.stack.store("admin").await;
        for listed in store.list(prefix, None, 1_000).await.unwrap() {
            found.insert(listed.key.clone(), store.get(&listed.key, usize::MAX).await.unwrap().unwrap().body);
        }
        found
    }

    /// A session that ended and has a tape.
    async fn ended(&self) -> (SessionId, Vec<Recorded>) {
        let session = session(1);
        let chunks: Vec<Recorded> =
            (0..4).map(|seq| chunk(&session, PAGE, seq)).chain([chunk(&session, OTHER_PAGE, 0)]).collect();
        let function = self.stack.indexer_with(&self.stack.server.endpoint(), 1, &[("TAPEDECK_HOP_S", "1")]);
        let config = MappingConfig { window: Duration::from_millis(50), ..MappingConfig::default() };
        let _mapping = Mapping::start(&self.stack.queue, &function, &config);
        for chunk in &chunks {
            self.stack.upload(chunk).await;
        }
        eventually("the session ends", async || {
            let manifest = Manifest::parse(&self.stack.manifest(&session).await?).unwrap();
            manifest.tape.filter(|tape| tape.chunks == chunks.len() as u64)
        })
        .await;
        eventually("its last rows are there", async || {
            self.stack.queue.depth().await.unwrap().is_idle().then_some(())
        })
        .await;
        (session, chunks)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn inflated(gzip: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(gzip).read_to_string(&mut text).unwrap();
    text
}

/// In an order that does not depend on which page comes first within a millisecond.
fn sorted(mut events: Vec<Value>) -> Vec<Value> {
    events.sort_by_cached_key(|event| (event["timestamp"].as_i64(), event.to_string()));
    events
}

fn events(json: &[u8]) -> Vec<Value> {
    serde_json::from_slice(json).unwrap()
}

/// What the recorder sent from a real browser: a batch of rrweb's events a file.
fn real_events() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/corpus");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "gz"));
    texts
        .flat_map(|file| {
            let text = inflated(&std::fs::read(file).unwrap());
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        })
        .collect()
}

#[tokio::test]
async fn a_session_moves_to_another_bucket() {
    let (from, to) = (Fixture::new().await, Fixture::new().await);
    let (session, chunks) = from.ended().await;
    let tape = from.file("session.tape");
    let bucket = format!("s3://{BUCKET}");
    from.succeed(&["export", session.as_str(), "--from", &bucket, "--project", "demo", "--to", text(&tape)])
        .await;
    assert!(from.succeed(&["inspect", text(&tape)]).await.contains("2 page loads, 5 chunks, "));

    let said = to.succeed(&["import", text(&tape), "--to", &bucket]).await;
    assert_eq!(said.trim(), session.as_str());
    assert_eq!(to.stack.manifest(&session).await, from.stack.manifest(&session).await, "byte for byte");
    assert_eq!(to.objects("archive/").await, from.objects("archive/").await);
    let rows = async |of: &Fixture, table: Table| {
        let mut rows = Vec::new();
        for (key, body) in of.objects(&format!("index/demo/{table}/")).await {
            assert!(key.contains("dt=2023-11-14/"), "{key}");
            rows.extend(decode_file(table, body).unwrap());
        }
        tapedeck_core::tables::fold(table, rows)
    };
    for table in [Table::Sessions, Table::Pages] {
        assert_eq!(rows(&to, table).await, rows(&from, table).await, "{table}");
    }
    assert_eq!(rows(&to, Table::Errors).await.len(), chunks.len(), "an error each");
    let usage = to.objects("usage/").await;
    assert_eq!(usage, from.objects("usage/").await, "of the days on which it was recorded");
    assert_eq!(usage.len(), 2);

    // Again, and there is nothing more.
    let before = to.objects("").await;
    to.succeed(&["import", text(&tape), "--to", &bucket]).await;
    assert_eq!(to.objects("").await, before);

    // For another project, and for another time.
    to.succeed(&["import", text(&tape), "--to", &bucket, "--project", "moved", "--class", "180d"]).await;
    let archived = to.objects("archive/180d/moved/").await;
    let (_, bytes) = archived.first_key_value().unwrap();
    let mine = Tape::parse(bytes).unwrap().header().manifest.clone();
    assert_eq!(mine.project.to_string(), "moved");
    assert_eq!(mine.counts.chunks, 5);
}

#[tokio::test]
async fn events_are_the_same_as_rrweb_json() {
    let fixture = Fixture::new().await;
    let (session, chunks) = fixture.ended().await;
    let json = fixture.file("events.json");
    let bucket = format!("s3://{BUCKET}");
    fixture
        .succeed(&["export", session.as_str(), "--from", &bucket, "--project", "demo", "--to", text(&json)])
        .await;
    let expected: Vec<Value> = chunks
        .iter()
        .flat_map(|chunk| {
            let text = inflated(&chunk.body);
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        })
        .collect();
    assert_eq!(sorted(events(&std::fs::read(&json).unwrap())), sorted(expected));
}

#[tokio::test]
async fn a_real_recording_comes_from_rrweb_json_and_goes_back() {
    let fixture = Fixture::new().await;
    let recorded = real_events();
    assert!(recorded.len() > 100, "{}", recorded.len());
    let (json, tape) = (fixture.file("events.json"), fixture.file("session.tape"));
    std::fs::write(&json, serde_json::to_vec_pretty(&recorded).unwrap()).unwrap();
    let session = fixture.succeed(&["import", text(&json), "--project", "demo", "--to", text(&tape)]).await;
    let session = session.trim();
    let said = fixture.succeed(&["inspect", text(&tape)]).await;
    assert!(said.contains(session) && said.contains("sound     every checksum"), "{said}");
    let of_tape = fixture.succeed(&["events", text(&tape)]).await;
    assert_eq!(sorted(events(of_tape.as_bytes())), sorted(recorded.clone()));

    // The same, by way of a bucket; and it is the same session each time.
    let bucket = format!("s3://{BUCKET}");
    assert_eq!(
        fixture.succeed(&["import", text(&json), "--project", "demo", "--to", &bucket]).await.trim(),
        session
    );
    let back = fixture
        .succeed(&[
            "export",
            session,
            "--from",
            &bucket,
            "--project",
            "demo",
            "--to",
            "-",
            "--format",
            "rrweb",
        ])
        .await;
    assert_eq!(sorted(events(back.as_bytes())), sorted(recorded));
    let stored = fixture.stack.manifest(&session.parse().unwrap()).await.unwrap();
    let stored = Manifest::parse(&stored).unwrap();
    let tape = std::fs::read(tape).unwrap();
    let of_file = Tape::parse(&tape).unwrap().header().manifest.clone();
    assert_eq!(Manifest { tape: None, ..stored }, of_file);
    assert!(!of_file.pages.is_empty() && of_file.counts.counts.clicks > 0);
}

#[tokio::test]
async fn a_copied_folder_is_as_good_as_its_bucket() {
    let fixture = Fixture::new().await;
    let (session, _) = fixture.ended().await;
    let copy = fixture.file("copy");
    for (key, body) in fixture.objects("").await {
        let file = copy.join(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, body).unwrap();
    }
    let export = async |from: &str, to: &str| {
        let to = fixture.file(to);
        let arguments = ["export", session.as_str(), "--from", from, "--project", "demo", "--to", text(&to)];
        fixture.succeed(&arguments).await;
        std::fs::read(to).unwrap()
    };
    let of_bucket = export(&format!("s3://{BUCKET}"), "bucket.tape").await;
    // Also where only the chunks are left, and what was said beside them is in the manifest.
    std::fs::remove_dir_all(copy.join("archive")).unwrap();
    let of_folder = export(text(&copy), "folder.tape").await;
    assert_eq!(of_folder, of_bucket);

    let other = fixture.file("other");
    std::fs::create_dir(&other).unwrap();
    fixture.succeed(&["import", text(&fixture.file("bucket.tape")), "--to", text(&other)]).await;
    let manifest = std::fs::read(other.join(manifest_key(&project(), &session))).unwrap();
    assert_eq!(Some(manifest), fixture.stack.manifest(&session).await);
}

#[tokio::test]
async fn nothing_erased_is_exported_or_brought_back() {
    let fixture = Fixture::new().await;
    let (session, _) = fixture.ended().await;
    let (tape, bucket) = (fixture.file("session.tape"), format!("s3://{BUCKET}"));
    let export = ["export", session.as_str(), "--from", &bucket, "--project", "demo", "--to", text(&tape)];
    fixture.succeed(&export).await;
    let key = SessionTombstoneKey { project: project(), session: session.clone() }.to_string();
    let body = br#"{"version":1,"request":"1700000000000-0000000000000001","at_ms":1700000000000}"#;
    let object = NewObject { body, content_type: "application/json", metadata: &[] };
    fixture.stack.store("admin").await.create(&key, object).await.unwrap();
    let before = fixture.objects("").await;
    let error = fixture.fail(&["import", text(&tape), "--to", &bucket]).await;
    assert!(error.contains("was erased: what was asked to be forgotten is not brought back"), "{error}");
    assert_eq!(fixture.objects("").await, before);
    std::fs::remove_file(&tape).unwrap();
    assert!(fixture.fail(&export).await.contains("was erased"));
    assert!(!tape.exists());
}

#[tokio::test]
async fn errors_say_what_was_found_and_who_can_mend_it() {
    let fixture = Fixture::new().await;
    let (tape, none) = (fixture.file("x.tape"), session(7));
    let export = async |from: &str| {
        let arguments = ["export", none.as_str(), "--from", from, "--project", "demo", "--to", text(&tape)];
        fixture.fail(&arguments).await
    };
    let bucket = format!("s3://{BUCKET}");
    let error = export(&bucket).await;
    assert!(error.contains("there is no chunk and no tape of session"), "{error}");
    assert!(error.contains("is it the bucket that the indexer works on?"), "{error}");
    assert!(export("s3://elsewhere").await.contains("hint: "));
    assert!(export("s3://").await.contains("expected s3://BUCKET"));
    assert!(export("/no/such/folder").await.contains("/no/such/folder is no folder"));
    std::fs::write(&tape, b"no tape").unwrap();
    let error = fixture.fail(&["import", text(&tape), "--to", &bucket]).await;
    assert!(error.contains("x.tape: "), "{error}");
    let json = fixture.file("x.json");
    std::fs::write(&json, b"[]").unwrap();
    let error = fixture.fail(&["import", text(&json), "--to", &bucket]).await;
    assert!(error.contains("give --project"), "{error}");
    let error = fixture.fail(&["import", text(&json), "--to", &bucket, "--project", "demo"]).await;
    assert!(error.contains("the recording has no events"), "{error}");
    assert!(fixture.objects("").await.is_empty(), "and nothing was written");
}
