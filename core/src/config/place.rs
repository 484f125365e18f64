//! Where in a JSON text something is, as a path of fields: an operator looks for a field, not for a column.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The path of the value of `json` that `error` is about: `sampling[0].all`. Empty where that is the text as a whole, or where it
/// is no JSON.
pub(super) fn place(json: &[u8], error: &serde_json::Error) -> String {
    let Ok(text) = std::str::from_utf8(json) else {
        return String::new();
    };
    let start_of_line: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // The parser tells how far it has read.
    let at = text.as_ptr().addr() + start_of_line + error.column().saturating_sub(1);
    let mut path = String::new();
    let mut value = text;
    loop {
        let members = members(value);
        let holds = |inner: &&RawValue| {
            let start = inner.get().as_ptr().addr();
            (start..start + inner.get().len()).contains(&at)
        };
        if let Some((step, inner)) = members.iter().find(|(_, inner)| holds(inner)) {
            path.push_str(step);
            value = inner.get();
            continue;
        }
        // A value that was read, and then refused for what it says, is the last one in front; an absent one is nowhere.
        let is_missing = error.to_string().starts_with("missing field");
        let before = members.iter().filter(|(_, inner)| inner.get().as_ptr().addr() <= at);
        if let Some((step, _)) = before.max_by_key(|(_, inner)| inner.get().as_ptr().addr())
            && !is_missing
        {
            path.push_str(step);
        }
        return path.trim_start_matches('.').to_owned();
    }
}

/// The members of an object or array, each with how one gets to it.
fn members(value: &str) -> Vec<(String, &RawValue)> {
    if let Ok(fields) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(value.as_bytes()) {
        return fields.into_iter().map(|(name, inner)| (format!(".{name}"), inner)).collect();
    }
    let items = serde_json::from_slice::<Vec<&RawValue>>(value.as_bytes()).unwrap_or_default();
    items.into_iter().enumerate().map(|(i, inner)| (format!("[{i}]"), inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::place;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Outer {
        a: u8,
        b: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Inner {
        c: crate::ids::PageId,
        d: Option<u8>,
    }

    #[track_caller]
    fn check(json: &[u8], expected: &str) {
        let error = serde_json::from_slice::<Outer>(json).expect_err("a wrong text");
        assert_eq!(place(json, &error), expected, "{error}");
    }

    #[test]
    fn paths() {
        check(br#"{"a":"x","b":[]}"#, "a");
        check(br#"{"a":1,"b":[{"c":"aaaaaaaa"},{"c":"x"}]}"#, "b[1].c");
        check(b"{\"a\":1,\n \"b\":[{\"c\": \"x\" , \"d\":1},\n {\"c\":\"aaaaaaaa\"}]}", "b[0].c");
        check(br#"{"a":1,"b":[{"d":1}]}"#, "b[0]");
        check(br#"{"a":1,"b":7}"#, "b");
        check(br#"{"a":1}"#, "");
        check(b"{", "");
        check(b"\xff", "");
    }
}
