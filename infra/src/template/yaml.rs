//! A template's YAML as JSON, with CloudFormation's short tags written out: `!Ref x` as `{"Ref": "x"}`.

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value, json};

use super::TemplateError;

/// Reads the one document in `text`.
///
/// # Errors
/// [`TemplateError::Yaml`] and [`TemplateError::Tag`], with the line.
pub(super) fn parse(text: &str) -> Result<Value, TemplateError> {
    let documents = MarkedYaml::load_from_str(text).map_err(|error| TemplateError::Yaml {
        line: error.marker().line(),
        detail: error.info().to_owned(),
    })?;
    match documents.as_slice() {
        [document] => value(document),
        _ => Err(TemplateError::Yaml {
            line: 1,
            detail: format!("{} documents, expected one", documents.len()),
        }),
    }
}

fn value(node: &MarkedYaml<'_>) -> Result<Value, TemplateError> {
    let line = node.span.start.line();
    let wrong = |detail: &str| TemplateError::Yaml { line, detail: detail.to_owned() };
    match &node.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Ok(Value::Null),
            Scalar::Boolean(is) => Ok(json!(is)),
            Scalar::Integer(number) => Ok(json!(number)),
            Scalar::FloatingPoint(number) => Ok(json!(number.into_inner())),
            Scalar::String(text) => Ok(json!(text)),
        },
        YamlData::Sequence(items) => items.iter().map(value).collect(),
        YamlData::Mapping(entries) => {
            let mut map = Map::new();
            for (key, entry) in entries {
                let YamlData::Value(Scalar::String(key)) = &key.data else {
                    return Err(TemplateError::Yaml {
                        line: key.span.start.line(),
                        detail: "a key that is no text: write it in quotes".to_owned(),
                    });
                };
                map.insert(key.to_string(), value(entry)?);
            }
            Ok(Value::Object(map))
        }
        YamlData::Tagged(tag, node) => tagged(&tag.suffix, &value(node)?, line),
        YamlData::Representation(..) => Err(wrong("a scalar that was not read")),
        YamlData::Alias(_) => Err(wrong("an alias, which CloudFormation does not know")),
        YamlData::BadValue => Err(wrong("a value that does not fit its tag")),
    }
}

fn tagged(tag: &str, value: &Value, line: usize) -> Result<Value, TemplateError> {
    match tag {
        "Ref" | "Condition" => Ok(json!({ tag: value })),
        "GetAtt" => {
            let parts = value.as_str().and_then(|text| text.split_once('.'));
            let (resource, attribute) = parts.ok_or_else(|| TemplateError::Yaml {
                line,
                detail: format!("!GetAtt {value}, expected Resource.Attribute"),
            })?;
            Ok(json!({ "Fn::GetAtt": [resource, attribute] }))
        }
        "Sub" | "If" | "Equals" | "Not" | "And" | "Or" | "Join" | "Select" | "Split" => {
            Ok(json!({ format!("Fn::{tag}"): value }))
        }
        _ => Err(TemplateError::Tag { line, tag: tag.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Value) {
        assert_eq!(&parse(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn short_tags_are_written_out() {
        check("a: !Ref B", &json!({"a": {"Ref": "B"}}));
        check("a: !GetAtt B.Arn", &json!({"a": {"Fn::GetAtt": ["B", "Arn"]}}));
        check("a: !Sub 'x${B}'", &json!({"a": {"Fn::Sub": "x${B}"}}));
        check("a: !If [C, !Ref B, 1]", &json!({"a": {"Fn::If": ["C", {"Ref": "B"}, 1]}}));
        check("a: [true, 1.5, ~, 'true']", &json!({"a": [true, 1.5, null, "true"]}));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            error("a: 1\nb: !Transform x"),
            "line 2: the tag !Transform is not among those that infra/src/template/yaml.rs knows"
        );
        assert!(error("a: 1\na: 2").contains("line 2"), "{}", error("a: 1\na: 2"));
        assert!(error("a: [").contains("line"), "{}", error("a: ["));
        assert!(error("1: a").contains("quotes"), "{}", error("1: a"));
    }
}
