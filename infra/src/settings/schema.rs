//! The JSON schema of `tapedeck.toml`, for editors. It is made from the reference file, which has every field once, with a comment; what
//! a value may be is checked by `core` alone.

use serde_json::{Map, Value, json};

use super::SettingsError;
use super::document::Document;

/// Tables whose keys are names that the operator gives.
const NAMED: [&str; 6] = [
    "environments",
    "environments.*.parameters",
    "environments.*.stores",
    "projects",
    "projects.*.access.groups",
    "projects.*.sampling[].segments",
];

/// The schema of files that have no other fields than the reference `text`.
///
/// # Errors
/// When the reference is no TOML.
pub fn schema(text: &str) -> Result<Value, SettingsError> {
    let document = Document::parse("tapedeck.reference.toml", text)?;
    let comments = Comments { lines: text.lines().collect(), document: &document };
    let mut schema = of(&document.value, "", "", &comments);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("tapedeck.toml");
    schema["required"] = json!(["version"]);
    Ok(schema)
}

struct Comments<'a> {
    lines: Vec<&'a str>,
    document: &'a Document,
}

impl Comments<'_> {
    /// The comment right above the line of a field.
    fn above(&self, path: &str) -> Option<String> {
        let (_, line) = self.document.lines().iter().find(|(known, _)| known == path)?;
        let mut comment = Vec::new();
        for above in self.lines[..line - 1].iter().rev() {
            match above.strip_prefix("# ") {
                Some(text) => comment.push(text),
                None => break,
            }
        }
        comment.reverse();
        (!comment.is_empty()).then(|| comment.join(" "))
    }
}

/// `path` is where the value stands in the reference, `general` the same with `*` for names that the operator gives.
fn of(value: &Value, path: &str, general: &str, comments: &Comments<'_>) -> Value {
    let mut schema = match value {
        Value::Object(map) => {
            let is_named = NAMED.contains(&general);
            let step =
                |at: &str, name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            let inner = |name: &String, entry: &Value| {
                let general = step(general, if is_named { "*" } else { name });
                of(entry, &step(path, name), &general, comments)
            };
            if is_named {
                let one = map.iter().next().map_or(json!(true), |(name, entry)| inner(name, entry));
                json!({"type": "object", "additionalProperties": one})
            } else {
                let properties: Map<String, Value> =
                    map.iter().map(|(name, entry)| (name.clone(), inner(name, entry))).collect();
                json!({"type": "object", "properties": properties, "additionalProperties": false})
            }
        }
        Value::Array(items) => {
            let one = items.first().map_or(json!(true), |item| {
                of(item, &format!("{path}[0]"), &format!("{general}[]"), comments)
            });
            json!({"type": "array", "items": one})
        }
        Value::String(_) => json!({"type": "string"}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_f64() => json!({"type": "number"}),
        Value::Number(_) => json!({"type": "integer"}),
        Value::Null => json!(true),
    };
    if general == "environments.*.parameters.*" {
        // Texts and numbers.
        schema = json!({});
    }
    if let (Some(comment), Some(fields)) = (comments.above(path), schema.as_object_mut()) {
        fields.insert("description".to_owned(), json!(comment));
    }
    schema
}
