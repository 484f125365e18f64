//! The `Condition` of a statement.

use serde_json::Value;

use crate::pattern::matches;

/// All of them must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<Condition>);

#[derive(Clone, Debug)]
struct Condition {
    operator: Operator,
    /// In lower case.
    key: String,
    /// One of them must fit.
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    ArnEquals,
    ArnLike,
    Bool,
    Null,
    NumericGreaterThan,
}

/// Keys whose meaning the local servers give; any other would never be there, and a condition on it would do nothing.
const KEYS: [&str; 6] = [
    "aws:securetransport",
    "aws:sourcearn",
    "aws:sourceaccount",
    "s3:if-none-match",
    "s3:prefix",
    "s3:signatureage",
];

impl Conditions {
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let wrong = |found: &Value| format!("the condition {found} is not of IAM's form");
        let mut conditions = Vec::new();
        for (operator, keys) in value.as_object().ok_or_else(|| wrong(value))? {
            let operator = match operator.as_str() {
                "StringEquals" => Operator::StringEquals,
                "StringNotEquals" => Operator::StringNotEquals,
                "StringLike" => Operator::StringLike,
                "ArnEquals" => Operator::ArnEquals,
                "ArnLike" => Operator::ArnLike,
                "Bool" => Operator::Bool,
                "Null" => Operator::Null,
                "NumericGreaterThan" => Operator::NumericGreaterThan,
                _ => return Err(format!("the operator {operator} is not known here")),
            };
            for (key, values) in keys.as_object().ok_or_else(|| wrong(keys))? {
                let key = key.to_lowercase();
                if !KEYS.contains(&key.as_str()) {
                    return Err(format!("the condition key {key} is not known here"));
                }
                let values = match values {
                    Value::Array(values) => values.clone(),
                    one => vec![one.clone()],
                };
                let values = values
                    .iter()
                    .map(|value| match value {
                        Value::String(text) => Ok(text.clone()),
                        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
                        _ => Err(wrong(value)),
                    })
                    .collect::<Result<_, _>>()?;
                conditions.push(Condition { operator, key, values });
            }
        }
        Ok(Self(conditions))
    }

    pub(super) fn hold(&self, context: &[(&str, String)]) -> bool {
        self.0.iter().all(|condition| condition.holds(context))
    }
}

impl Condition {
    fn holds(&self, context: &[(&str, String)]) -> bool {
        let found = context.iter().find(|(key, _)| *key == self.key).map(|(_, value)| value.as_str());
        let Some(found) = found else {
            // A key that is not there fits no operator but this, and those that negate.
            return match self.operator {
                Operator::Null => self.values.iter().any(|value| value == "true"),
                Operator::StringNotEquals => true,
                _ => false,
            };
        };
        let any = |fits: &dyn Fn(&str) -> bool| self.values.iter().any(|value| fits(value));
        match self.operator {
            Operator::StringEquals => any(&|value| value == found),
            Operator::StringNotEquals => !any(&|value| value == found),
            // Both compare ARNs with wildcards.
            Operator::StringLike | Operator::ArnEquals | Operator::ArnLike => {
                any(&|value| matches(value, found))
            }
            Operator::Bool => any(&|value| value.eq_ignore_ascii_case(found)),
            Operator::Null => any(&|value| value == "false"),
            Operator::NumericGreaterThan => any(
                &|value| matches!((found.parse::<f64>(), value.parse::<f64>()), (Ok(found), Ok(value)) if found > value),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(condition: &Value, context: &[(&str, &str)], expected: bool) {
        let conditions = Conditions::parse(condition).unwrap();
        let context: Vec<_> = context.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        assert_eq!(conditions.hold(&context), expected, "{condition} {context:?}");
    }

    #[test]
    fn operators_are_those_of_iam() {
        let creates = json!({"Null": {"s3:if-none-match": "true"}});
        check(&creates, &[], true);
        check(&creates, &[("s3:if-none-match", "*")], false);
        let insecure = json!({"Bool": {"aws:SecureTransport": "false"}});
        check(&insecure, &[("aws:securetransport", "true")], false);
        check(&insecure, &[("aws:securetransport", "false")], true);
        check(&insecure, &[], false);
        let late = json!({"NumericGreaterThan": {"s3:signatureAge": "960000"}});
        check(&late, &[("s3:signatureage", "960001")], true);
        check(&late, &[("s3:signatureage", "960000")], false);
        check(&late, &[], false);
        let both = json!({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::b"}, "StringEquals": {"aws:SourceAccount": ["1", "2"]}});
        check(&both, &[("aws:sourcearn", "arn:aws:s3:::b"), ("aws:sourceaccount", "2")], true);
        check(&both, &[("aws:sourcearn", "arn:aws:s3:::b")], false);
        check(&json!({"StringNotEquals": {"s3:prefix": "a"}}), &[], true);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(Conditions::parse(&json!({"DateLessThan": {"aws:CurrentTime": "x"}})).is_err());
        assert!(Conditions::parse(&json!({"StringEquals": {"aws:PrincipalOrgID": "x"}})).is_err());
    }
}
