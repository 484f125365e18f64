//! A TOML file as JSON, and on which line of it each field stands.

use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SettingsError;

/// What a file says, and where.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    /// Path of each field, as in `projects.shop.sampling[0].all`, and its line, counted from 1.
    lines: Vec<(String, usize)>,
}

impl Document {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, SettingsError> {
        let line_at = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| SettingsError::Toml {
            file: file.to_owned(),
            line: error.span().map_or(1, |span| line_at(span.start)),
            detail: error.message().to_owned(),
        })?;
        let mut document = Self { value: Value::Null, lines: Vec::new() };
        document.value = document.table(table.get_ref(), "", &line_at);
        Ok(document)
    }

    /// The line of a field, or of the nearest one around it that stands in the file.
    pub(super) fn line(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some((_, line)) = self.lines.iter().find(|(known, _)| known == path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return 1,
            }
        }
    }

    /// Every path and its line, in the order of the file.
    pub(super) fn lines(&self) -> &[(String, usize)] {
        &self.lines
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str, line_at: &impl Fn(usize) -> usize) -> Value {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut map = Map::new();
        for (key, value) in entries {
            let name = key.get_ref().to_string();
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.lines.push((path.clone(), line_at(key.span().start)));
            map.insert(name, self.value(value, &path, line_at));
        }
        Value::Object(map)
    }

    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        path: &str,
        line_at: &impl Fn(usize) -> usize,
    ) -> Value {
        match value.get_ref() {
            DeValue::String(text) => json!(text),
            DeValue::Boolean(is) => json!(is),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Null, |number| json!(number)),
            DeValue::Float(number) => {
                number.as_str().parse::<f64>().map_or(Value::Null, |number| json!(number))
            }
            DeValue::Datetime(time) => json!(time.to_string()),
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    let path = format!("{path}[{i}]");
                    self.lines.push((path.clone(), line_at(item.span().start)));
                    self.value(item, &path, line_at)
                })
                .collect(),
            DeValue::Table(table) => self.table(table, path, line_at),
        }
    }
}
