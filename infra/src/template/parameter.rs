//! A template's parameter and the rules of its value.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::TemplateError;

/// A parameter as the template declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Parameter {
    #[serde(rename = "Type")]
    kind: Kind,
    /// For people.
    pub description: String,
    default: Option<Value>,
    allowed_pattern: Option<String>,
    allowed_values: Option<Vec<Value>>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    constraint_description: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Kind {
    String,
    Number,
    CommaDelimitedList,
}

impl Parameter {
    /// Whether a deployment may leave it out.
    #[must_use]
    pub fn has_default(&self) -> bool {
        self.default.is_some()
    }

    /// Whether anything is checked about a value.
    #[must_use]
    pub fn has_rule(&self) -> bool {
        self.kind == Kind::CommaDelimitedList
            || self.allowed_pattern.is_some()
            || self.allowed_values.is_some()
            || self.min_value.is_some()
    }

    /// What `Ref` gives: the value given, or the default.
    ///
    /// # Errors
    /// [`TemplateError::Parameter`]
    pub(super) fn value(&self, name: &str, given: Option<&str>) -> Result<Value, TemplateError> {
        let text = match (given, &self.default) {
            (Some(given), _) => given.to_owned(),
            (None, Some(Value::String(default))) => default.clone(),
            (None, Some(default)) => default.to_string(),
            (None, None) => return Err(wrong(name, "not given", "a value, since it has no default")),
        };
        let rule = |otherwise: String| self.constraint_description.clone().unwrap_or(otherwise);
        if let Some(pattern) = &self.allowed_pattern {
            let regex = Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|error| wrong(name, pattern, &format!("a pattern: {error}")))?;
            if !regex.is_match(&text) {
                return Err(wrong(name, &text, &rule(pattern.clone())));
            }
        }
        if let Some(values) = &self.allowed_values {
            let values: Vec<String> = values.iter().map(plain).collect();
            if !values.contains(&text) {
                return Err(wrong(name, &text, &rule(format!("one of {}", values.join(", ")))));
            }
        }
        match self.kind {
            Kind::String => Ok(json!(text)),
            Kind::CommaDelimitedList => Ok(text.split(',').map(str::trim).collect()),
            Kind::Number => {
                let number: f64 = text.parse().map_err(|_| wrong(name, &text, "a number"))?;
                let (min, max) = (self.min_value.unwrap_or(f64::MIN), self.max_value.unwrap_or(f64::MAX));
                if !(min..=max).contains(&number) {
                    return Err(wrong(name, &text, &rule(format!("{min} to {max}"))));
                }
                Ok(text.parse::<i64>().map_or_else(|_| json!(number), |whole| json!(whole)))
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn wrong(name: &str, found: &str, expected: &str) -> TemplateError {
    TemplateError::Parameter { name: name.to_owned(), found: found.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parameter: Value, given: Option<&str>, expected: Result<Value, &str>) {
        let parameter: Parameter = serde_json::from_value(parameter).unwrap();
        let found = parameter.value("P", given).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn rules_hold_for_what_is_given() {
        let days =
            json!({"Type": "Number", "Description": "", "Default": 14, "MinValue": 2, "MaxValue": 400});
        check(days.clone(), None, Ok(json!(14)));
        check(days.clone(), Some("400"), Ok(json!(400)));
        check(days.clone(), Some("401"), Err("parameter P is 401, expected 2 to 400"));
        check(days, Some("many"), Err("parameter P is many, expected a number"));
        let name = json!({"Type": "String", "Description": "", "AllowedPattern": "[a-z]+", "ConstraintDescription": "letters"});
        check(name.clone(), Some("ab"), Ok(json!("ab")));
        check(name.clone(), Some("ab1"), Err("parameter P is ab1, expected letters"));
        check(name, None, Err("parameter P is not given, expected a value, since it has no default"));
        let host = json!({"Type": "String", "Description": "", "AllowedValues": ["none", "cloudfront"]});
        check(host, Some("s3"), Err("parameter P is s3, expected one of none, cloudfront"));
        let list = json!({"Type": "CommaDelimitedList", "Description": ""});
        check(list, Some("a, b"), Ok(json!(["a", "b"])));
    }
}
