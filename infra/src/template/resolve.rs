//! Parameters, conditions and functions of a template, put into its resources.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::names::Named;
use super::{Place, Resolved, Resource, Template, TemplateError};

/// Names that lead in a circle are found by this bound.
const DEPTH_MAX: usize = 32;

pub(super) fn resolve(
    template: &Template,
    place: Place,
    given: &BTreeMap<String, String>,
) -> Result<Resolved, TemplateError> {
    if let Some(unknown) = given.keys().find(|name| !template.parameters.contains_key(*name)) {
        return Err(TemplateError::Reference { at: "Parameters".to_owned(), name: unknown.clone() });
    }
    let mut parameters = BTreeMap::new();
    for (name, parameter) in &template.parameters {
        parameters.insert(name.clone(), parameter.value(name, given.get(name).map(String::as_str))?);
    }
    let resolver = Resolver { template, place: &place, parameters };
    let mut resources = BTreeMap::new();
    for (name, raw) in &template.resources {
        if !resolver.holds(raw.condition.as_deref(), name)? {
            continue;
        }
        let properties = resolver.value(&raw.properties, &At::new(name))?.unwrap_or_default();
        let depends_on = match &raw.depends_on {
            Value::String(one) => vec![one.clone()],
            Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if let Some(missing) = depends_on.iter().find(|other| !template.resources.contains_key(*other)) {
            return Err(TemplateError::Reference { at: format!("{name}.DependsOn"), name: missing.clone() });
        }
        let resource = Resource {
            kind: raw.kind.clone(),
            properties,
            metadata: raw.metadata.clone(),
            deletion_policy: raw.deletion_policy.clone(),
            update_replace_policy: raw.update_replace_policy.clone(),
            depends_on,
        };
        resources.insert(name.clone(), resource);
    }
    let mut outputs = BTreeMap::new();
    for (name, raw) in &template.outputs {
        if !resolver.holds(raw.condition.as_deref(), name)? {
            continue;
        }
        let value = resolver.value(&raw.value, &At::new(name))?.unwrap_or_default();
        outputs.insert(name.clone(), text(&value, &At::new(name))?);
    }
    Ok(Resolved { resources, outputs, place })
}

struct Resolver<'a> {
    template: &'a Template,
    place: &'a Place,
    parameters: BTreeMap<String, Value>,
}

/// Where in the template one is, for errors, and how deep.
#[derive(Clone)]
struct At {
    path: String,
    depth: usize,
}

impl At {
    fn new(path: &str) -> Self {
        Self { path: path.to_owned(), depth: 0 }
    }

    fn within(&self, step: &str) -> Self {
        Self { path: format!("{}.{step}", self.path), depth: self.depth + 1 }
    }

    fn wrong(&self, detail: impl Into<String>) -> TemplateError {
        TemplateError::Function { at: self.path.clone(), detail: detail.into() }
    }

    fn missing(&self, name: &str) -> TemplateError {
        TemplateError::Reference { at: self.path.clone(), name: name.to_owned() }
    }
}

impl Resolver<'_> {
    /// The value, or nothing for `AWS::NoValue`.
    fn value(&self, value: &Value, at: &At) -> Result<Option<Value>, TemplateError> {
        if at.depth > DEPTH_MAX {
            return Err(at.wrong("its names lead in a circle"));
        }
        match value {
            Value::Array(items) => {
                let mut resolved = Vec::new();
                for (i, item) in items.iter().enumerate() {
                    resolved.extend(self.value(item, &at.within(&i.to_string()))?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            Value::Object(map) => {
                if let Some((function, argument)) = call(map) {
                    return self.call(function, argument, &at.within(function));
                }
                let mut resolved = Map::new();
                for (key, entry) in map {
                    if let Some(entry) = self.value(entry, &at.within(key))? {
                        resolved.insert(key.clone(), entry);
                    }
                }
                Ok(Some(Value::Object(resolved)))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn call(&self, function: &str, argument: &Value, at: &At) -> Result<Option<Value>, TemplateError> {
        let arguments = |count: usize| match argument.as_array() {
            Some(items) if items.len() == count => Ok(items),
            _ => Err(at.wrong(format!("{function} takes {count} arguments, found {argument}"))),
        };
        match function {
            "Ref" => self.reference(argument.as_str().ok_or_else(|| at.wrong("Ref takes a name"))?, at),
            "Fn::GetAtt" => {
                let [resource, attribute] = arguments(2)?.as_slice() else { return Err(at.wrong("GetAtt")) };
                let (resource, attribute) =
                    (resource.as_str().unwrap_or_default(), attribute.as_str().unwrap_or_default());
                Ok(Some(json!(self.attribute(resource, attribute, at)?)))
            }
            "Fn::Sub" => {
                let template = argument.as_str().ok_or_else(|| at.wrong("Sub takes one text here"))?;
                Ok(Some(json!(self.substitute(template, at)?)))
            }
            "Fn::If" => {
                let [condition, then, otherwise] = arguments(3)?.as_slice() else {
                    return Err(at.wrong("If"));
                };
                let holds = self.holds(condition.as_str(), &at.path)?;
                self.value(if holds { then } else { otherwise }, at)
            }
            "Fn::Join" => {
                let [separator, items] = arguments(2)?.as_slice() else { return Err(at.wrong("Join")) };
                let items = self.value(items, at)?.unwrap_or_default();
                let items = items.as_array().ok_or_else(|| at.wrong("Join takes a list"))?;
                let items = items.iter().map(|item| text(item, at)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(json!(items.join(separator.as_str().unwrap_or_default()))))
            }
            _ => Err(at.wrong(format!("the function {function} is not known here"))),
        }
    }

    fn reference(&self, name: &str, at: &At) -> Result<Option<Value>, TemplateError> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = self.pseudo(name) {
            return Ok(Some(json!(value)));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        Ok(Some(json!(self.named(name, at)?.reference())))
    }

    fn attribute(&self, resource: &str, attribute: &str, at: &At) -> Result<String, TemplateError> {
        self.named(resource, at)?
            .attribute(attribute)
            .ok_or_else(|| at.missing(&format!("attribute {attribute} of {resource} that is known here")))
    }

    fn named<'b>(&'b self, logical: &'b str, at: &At) -> Result<Named<'b>, TemplateError> {
        let raw = self.template.resources.get(logical).ok_or_else(|| at.missing(logical))?;
        let own = match Named::own_name(&raw.kind, &raw.properties) {
            Some(own) => match self.value(own, &at.within(logical))? {
                Some(own) => Some(text(&own, at)?),
                None => None,
            },
            None => None,
        };
        Ok(Named { place: self.place, logical, kind: &raw.kind, own })
    }

    /// `${Name}`, `${Name.Attribute}`, `${!literal}`.
    fn substitute(&self, template: &str, at: &At) -> Result<String, TemplateError> {
        let mut result = String::new();
        let mut rest = template;
        while let Some((before, inside)) = rest.split_once("${") {
            result.push_str(before);
            let (name, after) = inside.split_once('}').ok_or_else(|| at.wrong("a ${ without its }"))?;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute, at)?);
            } else {
                let value = self.reference(name, at)?.unwrap_or_default();
                result.push_str(&text(&value, at)?);
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn pseudo(&self, name: &str) -> Option<&str> {
        Some(match name {
            "AWS::AccountId" => &self.place.account,
            "AWS::Region" => &self.place.region,
            "AWS::StackName" => &self.place.stack,
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            _ => return None,
        })
    }

    /// Whether a condition holds; none always does.
    fn holds(&self, name: Option<&str>, at: &str) -> Result<bool, TemplateError> {
        let Some(name) = name else { return Ok(true) };
        let at = At::new(at).within(name);
        let condition = self.template.conditions.get(name).ok_or_else(|| at.missing(name))?;
        self.is_true(condition, &at)
    }

    fn is_true(&self, condition: &Value, at: &At) -> Result<bool, TemplateError> {
        if at.depth > DEPTH_MAX {
            return Err(at.wrong("its conditions lead in a circle"));
        }
        let wrong = || at.wrong(format!("{condition} is no condition that is known here"));
        let (function, argument) = condition.as_object().and_then(call).ok_or_else(wrong)?;
        let at = at.within(function);
        let items = argument.as_array();
        match (function, items) {
            ("Condition", None) => self.holds(argument.as_str(), &at.path),
            ("Fn::Equals", Some(items)) if items.len() == 2 => {
                let left = self.value(&items[0], &at)?.unwrap_or_default();
                let right = self.value(&items[1], &at)?.unwrap_or_default();
                Ok(text(&left, &at)? == text(&right, &at)?)
            }
            ("Fn::Not", Some(items)) if items.len() == 1 => Ok(!self.is_true(&items[0], &at)?),
            ("Fn::And", Some(items)) => {
                items.iter().try_fold(true, |all, item| Ok(self.is_true(item, &at)? && all))
            }
            ("Fn::Or", Some(items)) => {
                items.iter().try_fold(false, |any, item| Ok(self.is_true(item, &at)? || any))
            }
            _ => Err(wrong()),
        }
    }
}

/// A map that stands for a function, and its argument.
fn call(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    let (name, argument) = entries.next()?;
    let is_call = name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string());
    (is_call && entries.next().is_none()).then_some((name.as_str(), argument))
}

fn text(value: &Value, at: &At) -> Result<String, TemplateError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(is) => Ok(is.to_string()),
        Value::Array(items) => {
            Ok(items.iter().map(|item| text(item, at)).collect::<Result<Vec<_>, _>>()?.join(","))
        }
        _ => Err(at.wrong(format!("{value} is no text"))),
    }
}
