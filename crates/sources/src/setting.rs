//! Settings of sources: what each means, what it may be, and what it is where nobody says.
//!
//! A kind of source lists its settings; the configuration reads exactly those, `check` and the API show them.

use std::{collections::BTreeMap, fmt, time::Duration};

use quarterdeck_core::time::human_span;

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One address, with one of these schemes.
    Address(&'static [&'static str]),
    /// Any number of addresses, with one of these schemes.
    Addresses(&'static [&'static str]),
    /// A span of time.
    Span {
        /// Where nobody says.
        default: Duration,
        /// At least.
        min: Duration,
        /// At most.
        max: Duration,
    },
    /// A whole number.
    Whole {
        /// Of what.
        unit: &'static str,
        /// Where nobody says.
        default: u64,
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// One of these words; the first where nobody says.
    Word(&'static [&'static str]),
}

impl Form {
    /// What it may be, for a person: `10 to 20 requests, 15 unless told otherwise`.
    pub fn bounds(self) -> String {
        match self {
            Self::Address(schemes) => format!("an address that begins with {}", begins(schemes)),
            Self::Addresses(schemes) => format!("addresses that begin with {}", begins(schemes)),
            Self::Span { default, min, max } => {
                format!("{} to {}, {} unless told otherwise", human_span(min), human_span(max), human_span(default))
            }
            Self::Whole { unit, default, min, max } => {
                format!("{min} to {max} {unit}, {default} unless told otherwise")
            }
            Self::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                let first = quoted.first().cloned().unwrap_or_default();
                format!("{}; {first} unless told otherwise", quoted.join(", "))
            }
        }
    }

    fn takes(self, value: &Value) -> Result<(), String> {
        match (self, value) {
            (Self::Address(schemes), Value::Text(text)) => has_scheme(text, schemes),
            (Self::Addresses(schemes), Value::Texts(all)) => all.iter().try_for_each(|text| has_scheme(text, schemes)),
            (Self::Span { min, max, .. }, Value::Span(span)) if (min..=max).contains(span) => Ok(()),
            (Self::Whole { min, max, .. }, Value::Whole(number)) if (min..=max).contains(number) => Ok(()),
            (Self::Word(words), Value::Text(text)) if words.contains(&text.as_str()) => Ok(()),
            _ => Err(format!("want {}", self.bounds())),
        }
    }
}

fn begins(schemes: &[&str]) -> String {
    let all: Vec<String> = schemes.iter().map(|scheme| format!("`{scheme}://`")).collect();
    all.join(" or ")
}

/// Says nothing of the address itself: it may have a key in it.
fn has_scheme(text: &str, schemes: &[&str]) -> Result<(), String> {
    let parsed = url::Url::parse(text).map_err(|error| format!("this is no address: {error}"))?;
    if schemes.contains(&parsed.scheme()) && parsed.has_host() {
        return Ok(());
    }
    Err(format!("this is no address of its kind: begin it with {}", begins(schemes)))
}

/// One setting of a kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingSpec {
    /// The key in the configuration: `http`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// What it may be.
    pub form: Form,
    /// Whether there is no source without it.
    pub required: bool,
}

/// A value as the configuration gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An address or a word.
    Text(String),
    /// Several addresses.
    Texts(Vec<String>),
    /// A span.
    Span(Duration),
    /// A number.
    Whole(u64),
}

/// Settings by name, each known to its kind and within its bounds. Prints without values: addresses have keys in them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Value>);

impl Settings {
    /// Checks what was given against what a kind has.
    pub fn of(specs: &'static [SettingSpec], given: BTreeMap<String, Value>) -> Result<Self, SettingError> {
        let mut settings = BTreeMap::new();
        for (name, value) in given {
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
                return Err(SettingError::Unknown { name, known: known.join(", ") });
            };
            spec.form.takes(&value).map_err(|reason| SettingError::Bad { name: spec.name, reason })?;
            settings.insert(spec.name, value);
        }
        match specs.iter().find(|spec| spec.required && !settings.contains_key(spec.name)) {
            Some(spec) => Err(SettingError::Missing { name: spec.name, doc: spec.doc }),
            None => Ok(Self(settings)),
        }
    }

    /// An address or a word that was given; a word that was not is the first of its kind.
    pub fn text(&self, spec: &SettingSpec) -> Option<&str> {
        match (self.0.get(spec.name), spec.form) {
            (Some(Value::Text(text)), _) => Some(text),
            (None, Form::Word(words)) => words.first().copied(),
            _ => None,
        }
    }
    /// Addresses that were given.
    pub fn texts(&self, spec: &SettingSpec) -> &[String] {
        match self.0.get(spec.name) {
            Some(Value::Texts(all)) => all,
            _ => &[],
        }
    }
    /// A span, as given or where nobody said; zero for a setting that is none.
    pub fn span(&self, spec: &SettingSpec) -> Duration {
        match (self.0.get(spec.name), spec.form) {
            (Some(Value::Span(span)), _) => *span,
            (_, Form::Span { default, .. }) => default,
            _ => Duration::ZERO,
        }
    }
    /// A number, as given or where nobody said; zero for a setting that is none.
    pub fn whole(&self, spec: &SettingSpec) -> u64 {
        match (self.0.get(spec.name), spec.form) {
            (Some(Value::Whole(number)), _) => *number,
            (_, Form::Whole { default, .. }) => default,
            _ => 0,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why settings make no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A required setting is not there.
    #[error("it needs the setting `{name}`: {doc}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// What it is.
        doc: &'static str,
    },
    /// No such setting.
    #[error("there is no setting `{name}`: it has {known}")]
    Unknown {
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// The value cannot be.
    #[error("{reason}")]
    Bad {
        /// The setting.
        name: &'static str,
        /// Why not, without the value: it may be secret.
        reason: String,
    },
    /// Each setting is good and together they are not.
    #[error("{reason}")]
    Together {
        /// The setting to change.
        name: &'static str,
        /// Why not.
        reason: String,
    },
    /// What every source of the kind needs cannot be made.
    #[error("{reason}")]
    Defect {
        /// What the system said.
        reason: String,
    },
}

impl SettingError {
    /// The setting to look at; empty where it is none.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name, .. } | Self::Bad { name, .. } | Self::Together { name, .. } => name,
            Self::Unknown { name, .. } => name,
            Self::Defect { .. } => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: SettingSpec =
        SettingSpec { name: "url", doc: "Where it is.", form: Form::Address(&["http", "https"]), required: true };
    const EVERY: SettingSpec = SettingSpec {
        name: "every",
        doc: "How often.",
        form: Form::Span {
            default: Duration::from_secs(1),
            min: Duration::from_millis(50),
            max: Duration::from_mins(1),
        },
        required: false,
    };
    const HOW: SettingSpec =
        SettingSpec { name: "how", doc: "How.", form: Form::Word(&["auto", "off"]), required: false };
    const SPECS: &[SettingSpec] = &[URL, EVERY, HOW];

    fn of(given: &[(&str, Value)]) -> Result<Settings, SettingError> {
        Settings::of(SPECS, given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn what_nobody_says_is_the_default_and_nothing_is_printed() {
        let url = Value::Text("https://node.example/key-of-somebody".to_owned());
        let settings = of(&[("url", url)]).unwrap();
        assert_eq!((settings.span(&EVERY), settings.text(&HOW)), (Duration::from_secs(1), Some("auto")));
        assert!(!format!("{settings:?}").contains("key-of-somebody"));
    }

    #[test]
    fn what_cannot_be_is_refused_without_its_value() {
        let url = || ("url", Value::Text("http://127.0.0.1:1".to_owned()));
        let text = |text: &str| Value::Text(text.to_owned());
        let cases = [
            (of(&[]), "it needs the setting `url`: Where it is."),
            (of(&[url(), ("uhr", text("x"))]), "there is no setting `uhr`: it has url, every, how"),
            (
                of(&[("url", text("ftp://secret@host"))]),
                "this is no address of its kind: begin it with `http://` or `https://`",
            ),
            (
                of(&[url(), ("every", Value::Span(Duration::ZERO))]),
                "want 50 ms to 1 min 0 s, 1.0 s unless told otherwise",
            ),
            (of(&[url(), ("how", text("maybe"))]), "want `auto`, `off`; `auto` unless told otherwise"),
            (of(&[url(), ("how", Value::Whole(1))]), "want `auto`, `off`; `auto` unless told otherwise"),
        ];
        for (found, want) in cases {
            assert_eq!(found.unwrap_err().to_string(), want);
        }
    }
}
