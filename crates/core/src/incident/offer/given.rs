//! The fields of a request, as they came. What a field is not given as is refused with its name and its value.
//! Tests: `offer/tests.rs`.

use std::{fmt::Display, str::FromStr};

use serde_json::{Map, Value};

use crate::incident::Refusal;

/// Texts of one field: four times what any command takes, so that its own bound can name the one too many.
const LISTED_MAX: usize = 64;

/// The fields of a request by name. One that is not there and one that is `null` are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given(Map<String, Value>);

impl From<Map<String, Value>> for Given {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl Given {
    fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// A field as it was written, where it is a text.
    pub fn written(&self, field: &str) -> Option<&str> {
        self.value(field)?.as_str()
    }

    /// A text; nothing given is the empty one.
    pub(super) fn text(&self, field: &'static str) -> Result<String, Refusal> {
        match self.value(field) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(bad(field, other, "want a text".to_owned())),
        }
    }

    /// Something that is written as a text: a name, an identifier.
    pub(super) fn read<T: FromStr<Err: Display>>(&self, field: &'static str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| bad(field, value, "want a text".to_owned()))?;
        text.parse().map(Some).map_err(|error: T::Err| bad(field, value, error.to_string()))
    }

    /// The same where there must be one.
    pub(super) fn needed<T: FromStr<Err: Display>>(&self, field: &'static str) -> Result<T, Refusal> {
        let missing = || bad(field, &Value::Null, "it is missing".to_owned());
        self.read(field)?.ok_or_else(missing)
    }

    /// One of these words.
    pub(super) fn choice(&self, field: &'static str, words: &[&'static str]) -> Result<&'static str, Refusal> {
        let given: String = self.text(field)?;
        let found = words.iter().find(|word| **word == given).copied();
        found.ok_or_else(|| bad(field, &Value::String(given), format!("want one of {}", words.join(", "))))
    }

    /// Several texts.
    pub(super) fn list(&self, field: &'static str) -> Result<Vec<String>, Refusal> {
        let Some(value) = self.value(field) else { return Ok(Vec::new()) };
        let texts = value.as_array().ok_or_else(|| bad(field, value, "want a list of texts".to_owned()))?;
        if texts.len() > LISTED_MAX {
            return Err(bad(field, value, format!("{} of them: want at most {LISTED_MAX}", texts.len())));
        }
        let text = |one: &Value| one.as_str().map(ToOwned::to_owned);
        texts.iter().map(|one| text(one).ok_or_else(|| bad(field, one, "want a text".to_owned()))).collect()
    }

    /// A whole number.
    pub(super) fn number(&self, field: &'static str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.value(field) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| bad(field, value, "want a whole number".to_owned()))
    }

    /// Yes or no; nothing given is no.
    pub(super) fn flag(&self, field: &'static str) -> Result<bool, Refusal> {
        let Some(value) = self.value(field) else { return Ok(false) };
        value.as_bool().ok_or_else(|| bad(field, value, "want true or false".to_owned()))
    }
}

fn bad(field: &'static str, value: &Value, want: String) -> Refusal {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    Refusal::bad_field(field, &text, want)
}
