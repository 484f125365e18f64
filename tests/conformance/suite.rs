//! What every store has to do: the contract of `tapedeck_core::store`, case by case.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tapedeck_core::store::{Created, Listed, NewObject, Replaced, Store, StoreError};

use crate::stores::Subject;

/// Writers at once, where one of them shall win.
const WRITERS: usize = 16;

fn object(body: &[u8]) -> NewObject<'_> {
    NewObject { body, content_type: "application/octet-stream", metadata: &[] }
}

fn key(subject: &impl Subject, name: &str) -> String {
    format!("{}{name}", subject.prefix())
}

async fn create(subject: &impl Subject, key: &str, body: &[u8]) {
    assert_eq!(subject.store().create(key, object(body)).await.unwrap(), Created::Stored, "{key}");
}

/// The body and the version of an object that is there.
async fn read(subject: &impl Subject, key: &str) -> (Vec<u8>, String) {
    let found =
        subject.store().get(key, usize::MAX).await.unwrap().unwrap_or_else(|| panic!("{key} is not there"));
    (found.body, found.etag)
}

async fn list(subject: &impl Subject, prefix: &str, after: Option<&str>, keys_max: usize) -> Vec<String> {
    let after = after.map(|after| key(subject, after));
    let listed = subject.store().list(&key(subject, prefix), after.as_deref(), keys_max).await.unwrap();
    listed.into_iter().map(|listed| listed.key.strip_prefix(subject.prefix()).unwrap().to_owned()).collect()
}

pub(crate) async fn what_is_written_is_read(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, b"first").await;
    let (body, etag) = read(subject, &key).await;
    assert_eq!(body, b"first");
    assert_eq!(subject.store().replace(&key, &etag, object(b"second")).await.unwrap(), Replaced::Stored);
    let (body, second) = read(subject, &key).await;
    assert_eq!(body, b"second");
    assert_ne!(etag, second);
    let listed = subject.store().list(&key, None, 10).await.unwrap();
    let modified_ms = listed[0].modified_ms;
    assert_eq!(listed, [Listed { key, bytes: 6, modified_ms }]);
}

pub(crate) async fn what_is_absent_is_none(subject: &impl Subject) {
    create(subject, &key(subject, "a/b"), b"").await;
    for absent in ["a", "a/", "a/b/c", "b"] {
        assert_eq!(subject.store().get(&key(subject, absent), 10).await.unwrap(), None, "{absent}");
    }
}

pub(crate) async fn every_byte_survives(subject: &impl Subject) {
    let every: Vec<u8> = (0..=255).chain([0, b'\r', b'\n', 0]).collect();
    for (name, body) in
        [("every", &every[..]), ("empty", b""), ("zero", b"\0"), ("chunked", b"5\r\nhello\r\n0\r\n\r\n")]
    {
        let key = key(subject, name);
        create(subject, &key, body).await;
        assert_eq!(read(subject, &key).await.0, body, "{name}");
    }
}

pub(crate) async fn a_large_object_survives(subject: &impl Subject) {
    let mut random = fastrand::Rng::with_seed(1);
    let body: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(9 * 1024 * 1024 + 1).collect();
    let key = key(subject, "large");
    create(subject, &key, &body).await;
    assert!(read(subject, &key).await.0 == body);
}

pub(crate) async fn metadata_survives(subject: &impl Subject) {
    let metadata = [
        ("received-ms", "1700000004371".to_owned()),
        ("sdk", "tapedeck-recorder/0.1.0".to_owned()),
        ("segments", "b%C3%A9ta,a%2Cb".to_owned()),
        ("edge", "0.1.0+1a2b".to_owned()),
    ];
    let expected: BTreeMap<String, String> =
        metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let with = NewObject { body: b"1", content_type: "application/gzip", metadata: &metadata };
    let key = key(subject, "a");
    assert_eq!(subject.store().create(&key, with).await.unwrap(), Created::Stored);
    let found = subject.store().get(&key, 10).await.unwrap().unwrap();
    assert_eq!(found.metadata, expected);
    // What is not named again is gone.
    assert_eq!(subject.store().replace(&key, &found.etag, object(b"2")).await.unwrap(), Replaced::Stored);
    assert_eq!(subject.store().get(&key, 10).await.unwrap().unwrap().metadata, BTreeMap::new());
}

pub(crate) async fn every_key_survives(subject: &impl Subject) {
    let names = [
        "a b",
        "a+b",
        "a%20b",
        "a&b=c",
        "a?b#c",
        "ä/é/日本",
        "a'b\"c",
        "a<b>c",
        "(a)*!~",
        "a//b",
        "a:b@c;d,e$",
    ];
    for name in names {
        create(subject, &key(subject, name), name.as_bytes()).await;
    }
    for name in names {
        assert_eq!(read(subject, &key(subject, name)).await.0, name.as_bytes(), "{name}");
    }
    let mut sorted = names;
    sorted.sort_unstable();
    assert_eq!(list(subject, "", None, 1000).await, sorted);
    for name in names {
        assert_eq!(list(subject, name, None, 1).await, [name]);
    }
}

pub(crate) async fn reading_is_bounded(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, &[b'x'; 1000]).await;
    assert_eq!(subject.store().get(&key, 1000).await.unwrap().unwrap().body.len(), 1000);
    for max in [999, 0] {
        let error = subject.store().get(&key, max).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { max: found, .. } if found == max), "{error}");
    }
}

pub(crate) async fn of_many_creators_one_wins(subject: &impl Subject) {
    for round in 0..8 {
        let key = key(subject, &round.to_string());
        let bodies: Vec<Vec<u8>> =
            (0..WRITERS).map(|writer| format!("writer {writer}").into_bytes()).collect();
        let all = join_all(bodies.iter().map(|body| create_until_told(subject, &key, body))).await;
        let won: Vec<usize> = (0..WRITERS).filter(|writer| all[*writer] == Created::Stored).collect();
        assert_eq!(won.len(), 1, "{won:?} were told that they had won");
        assert_eq!(read(subject, &key).await.0, bodies[won[0]]);
    }
}

/// AWS may answer 409 while another conditional write is under way, and asks to come again.
async fn create_until_told(subject: &impl Subject, key: &str, body: &[u8]) -> Created {
    loop {
        match subject.store().create(key, object(body)).await {
            Ok(created) => return created,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

pub(crate) async fn what_exists_is_not_created_again(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, b"first").await;
    let before = read(subject, &key).await;
    for body in [&b"first"[..], b"second", b""] {
        assert_eq!(subject.store().create(&key, object(body)).await.unwrap(), Created::Exists);
        assert_eq!(read(subject, &key).await, before);
    }
}

pub(crate) async fn what_was_removed_can_be_created(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, b"first").await;
    subject.remove(&key).await;
    assert_eq!(subject.store().get(&key, 10).await.unwrap(), None);
    assert!(list(subject, "", None, 10).await.is_empty());
    create(subject, &key, b"second").await;
    assert_eq!(read(subject, &key).await.0, b"second");
}

pub(crate) async fn a_version_is_replaced_once(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, b"first").await;
    let first = read(subject, &key).await.1;
    assert_eq!(subject.store().replace(&key, &first, object(b"second")).await.unwrap(), Replaced::Stored);
    let second = read(subject, &key).await;
    for stale in [first.as_str(), "\"00000000000000000000000000000000\""] {
        assert_eq!(subject.store().replace(&key, stale, object(b"third")).await.unwrap(), Replaced::Changed);
        assert_eq!(read(subject, &key).await, second);
    }
    assert_eq!(subject.store().replace(&key, &second.1, object(b"third")).await.unwrap(), Replaced::Stored);
}

pub(crate) async fn of_many_replacers_one_wins(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, b"first").await;
    for round in 0..8 {
        let etag = read(subject, &key).await.1;
        let bodies: Vec<Vec<u8>> =
            (0..WRITERS).map(|writer| format!("round {round} writer {writer}").into_bytes()).collect();
        let writes = bodies.iter().map(|body| subject.store().replace(&key, &etag, object(body)));
        let all: Vec<Replaced> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
        let won: Vec<usize> = (0..WRITERS).filter(|writer| all[*writer] == Replaced::Stored).collect();
        assert_eq!(won.len(), 1, "{won:?} were told that they had won");
        assert_eq!(read(subject, &key).await.0, bodies[won[0]]);
    }
}

pub(crate) async fn what_is_gone_is_not_replaced(subject: &impl Subject) {
    let key = key(subject, "a");
    create(subject, &key, b"first").await;
    let etag = read(subject, &key).await.1;
    subject.remove(&key).await;
    assert_eq!(subject.store().replace(&key, &etag, object(b"second")).await.unwrap(), Replaced::Changed);
    assert_eq!(subject.store().get(&key, 10).await.unwrap(), None);
}

pub(crate) async fn counting_by_replacing_loses_nothing(subject: &impl Subject) {
    let key = key(subject, "counter");
    create(subject, &key, b"0").await;
    let count = async || {
        loop {
            let (body, etag) = read(subject, &key).await;
            let next = String::from_utf8(body).unwrap().parse::<usize>().unwrap() + 1;
            match subject.store().replace(&key, &etag, object(next.to_string().as_bytes())).await.unwrap() {
                Replaced::Stored => return,
                Replaced::Changed => {}
            }
        }
    };
    join_all((0..WRITERS).map(|_| count())).await;
    assert_eq!(read(subject, &key).await.0, WRITERS.to_string().as_bytes());
}

pub(crate) async fn listings_are_in_byte_order(subject: &impl Subject) {
    let names = ["a", "a-b", "a/b", "a/b/c", "a0", "aa", "A", "Z", "_", "~", "10", "9", "é", "z"];
    for name in names {
        create(subject, &key(subject, name), name.as_bytes()).await;
    }
    let mut sorted = names;
    sorted.sort_unstable();
    assert_eq!(list(subject, "", None, 1000).await, sorted);
    assert_eq!(list(subject, "a/", None, 1000).await, ["a/b", "a/b/c"]);
    assert_eq!(list(subject, "a", None, 1000).await, ["a", "a-b", "a/b", "a/b/c", "a0", "aa"]);
    assert!(list(subject, "b", None, 1000).await.is_empty());
}

pub(crate) async fn listings_begin_behind_a_key(subject: &impl Subject) {
    for name in ["p/a", "p/b", "p/c", "q/a"] {
        create(subject, &key(subject, name), b"").await;
    }
    assert_eq!(list(subject, "p/", Some("p/a"), 1000).await, ["p/b", "p/c"]);
    // Neither has to be a key that is there, nor one under the prefix.
    assert_eq!(list(subject, "p/", Some("p/aa"), 1000).await, ["p/b", "p/c"]);
    assert_eq!(list(subject, "p/", Some("o"), 1000).await, ["p/a", "p/b", "p/c"]);
    assert!(list(subject, "p/", Some("p/c"), 1000).await.is_empty());
    assert!(list(subject, "p/", Some("q"), 1000).await.is_empty());
}

pub(crate) async fn listings_are_bounded(subject: &impl Subject) {
    for name in ["a", "b", "c"] {
        create(subject, &key(subject, name), b"").await;
    }
    assert_eq!(list(subject, "", None, 1).await, ["a"]);
    assert_eq!(list(subject, "", Some("a"), 1).await, ["b"]);
    assert_eq!(list(subject, "", None, 2).await, ["a", "b"]);
    assert_eq!(list(subject, "", None, 3).await, ["a", "b", "c"]);
    assert_eq!(list(subject, "", None, 4).await, ["a", "b", "c"]);
}

pub(crate) async fn long_listings_are_read_page_by_page(subject: &impl Subject) {
    let names: Vec<String> = (0..1203).map(|n| format!("{n:04}")).collect();
    for some in names.chunks(50) {
        let keys: Vec<String> = some.iter().map(|name| key(subject, name)).collect();
        join_all(keys.iter().map(|key| create(subject, key, b""))).await;
    }
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = list(subject, "", found.last().map(String::as_str), 1000).await;
        found.extend(page.iter().cloned());
        if page.len() < 1000 {
            break;
        }
    }
    assert_eq!(found, names);
}
