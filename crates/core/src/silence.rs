//! Silences: for a while, signals of some kind open nothing and page nobody. They are recorded all the same.
//!
//! Matchers mean what they mean in Prometheus Alertmanager, so that its tools work unchanged: all must match, a label that is
//! not there is empty, and a regular expression (RE2, see `re2`) must match the whole value. Every signal has the labels `detector`,
//! `service` and `fingerprint` besides its own; its own come first. Tests: below.

mod re2;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    id::SilenceId,
    incident::{Actor, Refusal},
    limits::{LABEL_BYTES_MAX, MATCHERS_MAX, PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX, TEXT_BYTES_MAX},
    signal::Signal,
    time::Timestamp,
};

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its identifier, `sil_…`.
    pub id: SilenceId,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// From this instant on.
    pub starts: Timestamp,
    /// Until before this instant.
    pub ends: Timestamp,
    /// Who, in the words of the client.
    pub created_by: String,
    /// Why it was set, in the words of whoever set it.
    pub comment: String,
    /// Whose it is: whoever set it, whatever their client says. Older ones have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Actor>,
}

/// The label by which a silence means a service.
const SERVICE: &str = "service";
/// Services named in a refusal: what a person reads.
const SERVICES_NAMED_MAX: usize = 24;

impl Silence {
    /// Whether it makes sense at `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let after = self.starts.max(now);
        if self.ends <= after {
            return Err(Refusal::SilenceOver { ends: self.ends, after });
        }
        if self.matchers.len() > MATCHERS_MAX {
            return Err(Refusal::TooManyMatchers { count: self.matchers.len() });
        }
        if self.comment.len() > TEXT_BYTES_MAX {
            return Err(Refusal::LongComment { bytes: self.comment.len() });
        }
        if self.matchers.iter().all(|matcher| matcher.matches("")) {
            return Err(Refusal::SilencesAll);
        }
        Ok(())
    }

    /// Refuses it if it means a service that is neither one of these nor one of which a claim speaks: it would never keep anything
    /// quiet, and nobody would hear why they were paged. `spoken` is asked for the values of that label only where it must be.
    pub fn means_a_service<'a, V: AsRef<str>>(
        &self,
        services: impl Iterator<Item = &'a str> + Clone,
        spoken: impl FnOnce() -> Vec<V>,
    ) -> Result<(), Refusal> {
        let on_service = |matcher: &&Matcher| matcher.name == SERVICE && matcher.is_equal && !matcher.matches("");
        let unknown = |matcher: &&Matcher| on_service(matcher) && !services.clone().any(|known| matcher.matches(known));
        let unknown: Vec<&Matcher> = self.matchers.iter().filter(unknown).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let spoken = spoken();
        let spoken_of = |matcher: &Matcher| spoken.iter().any(|value| matcher.matches(value.as_ref()));
        let Some(matcher) = unknown.into_iter().find(|matcher| !spoken_of(matcher)) else { return Ok(()) };
        let mut known: Vec<&str> = services.clone().take(SERVICES_NAMED_MAX).collect();
        if services.count() > SERVICES_NAMED_MAX {
            known.push("and others");
        }
        let known =
            if known.is_empty() { "there are none".to_owned() } else { format!("there are {}", known.join(", ")) };
        let name = matcher.value.chars().take(80).collect();
        Err(Refusal::NoSuchService { name, is_regex: matcher.is_regex(), known })
    }

    /// Whether it is in force at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts <= now && now < self.ends
    }

    /// Whether it means this signal.
    pub fn matches(&self, signal: &Signal) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(&label(signal, &matcher.name)))
    }

    /// Whether it means a thing with these labels.
    pub fn matches_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).map_or("", String::as_str)))
    }
}

/// The service that a signal speaks of, as a matcher sees it.
pub(crate) fn service_label(signal: &Signal) -> Cow<'_, str> {
    label(signal, SERVICE)
}

/// The value of a signal's label; empty where there is none.
fn label<'a>(signal: &'a Signal, name: &str) -> Cow<'a, str> {
    if let Some(value) = signal.labels.get(name) {
        return Cow::Borrowed(value);
    }
    match name {
        "detector" => Cow::Borrowed(signal.detector.as_str()),
        "service" => Cow::Borrowed(signal.service.as_ref().map_or("", |service| service.as_str())),
        "fingerprint" => Cow::Owned(signal.fingerprint.to_string()),
        _ => Cow::Borrowed(""),
    }
}

/// One condition on a label.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    value: String,
    is_equal: bool,
    /// Present if the value is a regular expression. It follows from the value.
    pattern: Option<Pattern>,
}

/// A regular expression, for a whole value.
#[derive(Debug, Clone)]
enum Pattern {
    Re2(regex::bytes::Regex),
    /// Taken and stored by an earlier version, which read another dialect: it goes on to mean what it meant.
    Earlier(regex_lite::Regex),
}

impl Pattern {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Re2(pattern) => pattern.is_match(value.as_bytes()),
            Self::Earlier(pattern) => pattern.is_match(value),
        }
    }
}

impl Matcher {
    /// `name=value`, or `!=` where not `is_equal`, or `=~` and `!~` where `is_regex`.
    pub fn new(name: &str, value: &str, is_regex: bool, is_equal: bool) -> Result<Self, Refusal> {
        let bad = |why: String| Refusal::BadMatcher { name: name.chars().take(40).collect(), why };
        if name.is_empty() || name.len() > LABEL_BYTES_MAX {
            return Err(bad(format!("a name of {} bytes: want 1 to {LABEL_BYTES_MAX}", name.len())));
        }
        let most = if is_regex { PATTERN_BYTES_MAX } else { LABEL_BYTES_MAX };
        if value.len() > most {
            return Err(bad(format!("a value of {} bytes: want at most {most}", value.len())));
        }
        let pattern = if is_regex { Some(Pattern::Re2(re2::compile(value).map_err(bad)?)) } else { None };
        Ok(Self { name: name.to_owned(), value: value.to_owned(), is_equal, pattern })
    }

    /// One that an earlier version took, if its expression is none of RE2.
    fn earlier(name: &str, value: &str, is_equal: bool) -> Option<Self> {
        let mut anchored = regex_lite::RegexBuilder::new(&format!("^(?:{value})$"));
        let pattern = anchored.dot_matches_new_line(true).size_limit(PATTERN_COMPILED_BYTES_MAX).build().ok()?;
        Some(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            is_equal,
            pattern: Some(Pattern::Earlier(pattern)),
        })
    }
    /// The label.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What it is compared with.
    pub fn value(&self) -> &str {
        &self.value
    }
    /// Whether the value is a regular expression.
    pub const fn is_regex(&self) -> bool {
        self.pattern.is_some()
    }
    /// Whether the label must match, rather than must not.
    pub const fn is_equal(&self) -> bool {
        self.is_equal
    }
    /// Whether a label of this value satisfies it.
    pub fn matches(&self, value: &str) -> bool {
        let same = self.pattern.as_ref().map_or(self.value == value, |pattern| pattern.matches(value));
        same == self.is_equal
    }
}

/// As Prometheus and its tools write it, `name=~"value"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match (self.is_equal, self.is_regex()) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        write!(f, "{}{sign}{:?}", self.name, self.value)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.stored() == other.stored()
    }
}
impl Eq for Matcher {}

/// A matcher as it is stored.
#[derive(PartialEq, Serialize, Deserialize)]
struct Stored<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    is_regex: bool,
    is_equal: bool,
}

impl Matcher {
    fn stored(&self) -> Stored<'_> {
        Stored {
            name: Cow::Borrowed(&self.name),
            value: Cow::Borrowed(&self.value),
            is_regex: self.is_regex(),
            is_equal: self.is_equal,
        }
    }
}
impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored().serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { name, value, is_regex, is_equal } = Stored::deserialize(deserializer)?;
        Self::new(&name, &value, is_regex, is_equal).or_else(|error| {
            let earlier = if is_regex { Self::earlier(&name, &value, is_equal) } else { None };
            earlier.ok_or_else(|| D::Error::custom(error))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn silence(matchers: Vec<Matcher>) -> Silence {
        Silence {
            id: Id::from_bytes([1; 16]),
            matchers,
            starts: Timestamp::from_secs(100),
            ends: Timestamp::from_secs(200),
            created_by: "alice".to_owned(),
            comment: "moving the node".to_owned(),
            owner: None,
        }
    }
    fn matcher(name: &str, value: &str, is_regex: bool, is_equal: bool) -> Matcher {
        Matcher::new(name, value, is_regex, is_equal).unwrap()
    }

    #[test]
    fn matchers_mean_what_they_mean_in_alertmanager() {
        let labels: BTreeMap<String, String> =
            [("alertname", "NodeDown"), ("env", "prod")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let cases = [
            (matcher("alertname", "NodeDown", false, true), true),
            (matcher("alertname", "Node", true, true), false),
            (matcher("alertname", "Node.*", true, true), true),
            (matcher("alertname", "Disk|Node.+", true, true), true),
            (matcher("env", "dev", false, false), true),
            (matcher("env", "dev|prod", true, false), false),
            (matcher("missing", "", false, true), true),
            (matcher("missing", ".+", true, true), false),
        ];
        for (matcher, want) in cases {
            assert_eq!(silence(vec![matcher.clone()]).matches_labels(&labels), want, "{matcher:?}");
        }
    }

    #[test]
    fn a_silence_that_means_everything_is_refused() {
        let now = Timestamp::from_secs(50);
        assert_eq!(silence(Vec::new()).check(now), Err(Refusal::SilencesAll));
        assert_eq!(silence(vec![matcher("a", ".*", true, true)]).check(now), Err(Refusal::SilencesAll));
        assert_eq!(silence(vec![matcher("a", "b", false, true)]).check(now), Ok(()));
        assert!(silence(vec![matcher("a", "b", false, true)]).check(Timestamp::from_secs(200)).is_err());
    }

    #[test]
    fn a_silence_of_no_service_is_refused_with_the_names_of_those_that_are() {
        let check = |matchers: Vec<Matcher>, spoken: &[&str]| {
            silence(matchers).means_a_service(["api", "bridge"].into_iter(), || spoken.to_vec())
        };
        let of = |value: &str, is_regex| matcher("service", value, is_regex, true);
        for good in [of("bridge", false), of("br.*", true), of("", false), matcher("service", "brigde", false, false)] {
            assert_eq!(check(vec![good.clone()], &[]), Ok(()), "{good:?}");
        }
        assert_eq!(check(vec![of("brigde", false)], &["brigde"]), Ok(()), "a claim that stands speaks of it");
        let refused = check(vec![of("bridge", false), of("brigde", false)], &["other"]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no service `brigde`, and no claim that stands speaks of it: there are api, bridge"
        );
        let refused = check(vec![of("brigde.*", true)], &[]).unwrap_err();
        assert!(refused.to_string().starts_with("no service is like `brigde.*`"), "{refused}");
        assert_eq!(check(vec![matcher("job", "brigde", false, true)], &[]), Ok(()), "other labels are anybody's");
    }

    #[test]
    fn absurd_patterns_are_refused() {
        for bad in ["(", "a)|(b", &"x".repeat(PATTERN_BYTES_MAX + 1), "(a{1000}){1000}"] {
            assert!(Matcher::new("a", bad, true, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stored_expression_of_another_dialect_keeps_its_meaning() {
        let stored = r#"{"name":"a","value":"(?x) b . c","is_regex":true,"is_equal":true}"#;
        let matcher: Matcher = serde_json::from_str(stored).unwrap();
        assert!(matcher.matches("b\nc") && !matcher.matches("b c c"));
        assert_eq!(serde_json::to_string(&matcher).unwrap(), stored);
        assert!(Matcher::new("a", "(?x) b . c", true, true).is_err());
    }

    #[test]
    fn a_matcher_reads_back() {
        let written = serde_json::to_string(&matcher("a", "b|c", true, false)).unwrap();
        assert_eq!(written, r#"{"name":"a","value":"b|c","is_regex":true,"is_equal":false}"#);
        assert_eq!(serde_json::from_str::<Matcher>(&written).unwrap(), matcher("a", "b|c", true, false));
    }
}
