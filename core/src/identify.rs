//! The user in a `tapedeck.identify` event: where it stands, and its hash in place of it (`spec/upload.md`).

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::user_hash::{UserHash, UserHashKey};

const TAG: &str = "tapedeck.identify";

/// Where in a line the value of `payload.user` stands, if the line is a `tapedeck.identify` event that names one.
pub(crate) fn user_value(line: &str) -> Option<Range<usize>> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: Custom<'a>,
    }
    #[derive(Deserialize)]
    struct Custom<'a> {
        #[serde(borrow)]
        tag: Cow<'a, str>,
        #[serde(borrow)]
        payload: Identify<'a>,
    }
    #[derive(Deserialize)]
    struct Identify<'a> {
        #[serde(borrow)]
        user: &'a RawValue,
    }
    // The tag stands there as it is, unless somebody has escaped a letter of it.
    let bytes = line.as_bytes();
    memchr::memmem::find(bytes, TAG.as_bytes()).or_else(|| memchr::memmem::find(bytes, b"\\u00"))?;
    let event: Event<'_> = serde_json::from_slice(line.as_bytes()).ok()?;
    if event.data.tag != TAG {
        return None;
    }
    let user = event.data.payload.user.get();
    // The raw value is a slice of the line.
    let start = user.as_ptr().addr() - line.as_ptr().addr();
    Some(start..start + user.len())
}

/// The batch with every user in it replaced by its hash; `None` if there is none to replace. Everything else stays byte for byte.
pub(crate) fn hash_users(batch: &str, key: &UserHashKey) -> Option<String> {
    let mut hashed = String::new();
    let mut copied = 0;
    let mut start = 0;
    for line in batch.split_inclusive('\n') {
        if let Some(range) = user_value(line)
            && let Some(hash) = hash_of(&line[range.clone()], key)
        {
            hashed.push_str(&batch[copied..start + range.start]);
            hashed.push('"');
            hashed.push_str(hash.as_str());
            hashed.push('"');
            copied = start + range.end;
        }
        start += line.len();
    }
    if copied == 0 {
        return None;
    }
    hashed.push_str(&batch[copied..]);
    Some(hashed)
}

/// The hash that takes the place of a JSON value; `None` for one that names nobody, and for a hash.
fn hash_of(raw: &str, key: &UserHashKey) -> Option<UserHash> {
    if raw == "null" {
        return None;
    }
    // A number is an id as it is written. Anything else is no id, but shall not stay readable for that.
    let user: Cow<'_, str> =
        serde_json::from_slice::<String>(raw.as_bytes()).map_or(Cow::Borrowed(raw), Cow::Owned);
    let hash = UserHash::of(&user, key);
    (hash.as_str() != user).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn key() -> UserHashKey {
        "0b".repeat(32).parse().expect("a key")
    }

    fn line(user: &str) -> String {
        format!(
            r#"{{"type":5,"timestamp":1,"data":{{"tag":"tapedeck.identify","payload":{{"user":{user},"traits":{{"plan":"x"}}}}}}}}"#
        )
    }

    #[test]
    fn the_user_alone_is_replaced() {
        let hash = UserHash::of("u_17", &key());
        let hashed = line(&format!("\"{hash}\""));
        let other = r#"{"type":3,"timestamp":2,"data":{"user":"u_17"}}"#;
        let check = |user: &str| {
            let batch = format!("{other}\n{}\n{other}\n{}", line(user), line(user));
            let expected = format!("{other}\n{hashed}\n{other}\n{hashed}");
            assert_eq!(hash_users(&batch, &key()), Some(expected), "{user}");
        };
        check(r#""u_17""#);
        check(r#""u_\u0031\u0037""#);
        assert_eq!(hash_users(&hashed, &key()), None);
        assert_eq!(hash_users(other, &key()), None);
        assert_eq!(hash_users(&line("null"), &key()), None);
        assert_eq!(hash_users("", &key()), None);
    }

    #[test]
    fn a_user_that_is_no_text() {
        let expect = |user: &str, text: &str| {
            let hash = UserHash::of(text, &key());
            assert_eq!(hash_users(&line(user), &key()), Some(line(&format!("\"{hash}\""))));
        };
        expect("17", "17");
        expect(r#"{"id":17}"#, r#"{"id":17}"#);
        expect(r#""""#, "");
    }

    #[test]
    fn no_escape_hides_a_user() {
        let hash = UserHash::of("u_17", &key());
        let hidden = |user: &str| {
            format!(
                r#"{{"type":5,"timestamp":1,"data":{{"\u0074ag":"tapedeck.\u0069dentify","payload":{{"\u0075ser":{user}}}}}}}"#
            )
        };
        assert_eq!(hash_users(&hidden(r#""u_17""#), &key()), Some(hidden(&format!("\"{hash}\""))));
    }

    proptest! {
        #[test]
        fn hashing_twice_is_hashing_once(users in proptest::collection::vec(".{0,12}", 0..4)) {
            let lines: Vec<String> = users.iter().map(|user| line(&json!(user).to_string())).collect();
            let batch = lines.join("\n");
            let once = hash_users(&batch, &key()).unwrap_or_else(|| batch.clone());
            prop_assert_eq!(hash_users(&once, &key()), None);
            for (user, line) in users.iter().zip(once.split('\n')) {
                let event: Value = serde_json::from_str(line).expect("JSON as before");
                prop_assert_eq!(&event["data"]["payload"]["user"], &json!(UserHash::of(user, &key()).as_str()));
                prop_assert_eq!(&event["data"]["payload"]["traits"], &json!({"plan": "x"}));
            }
        }

        #[test]
        fn any_text_is_searched_without_panic(batch in ".{0,200}") {
            let _ = hash_users(&batch, &key());
        }
    }
}
