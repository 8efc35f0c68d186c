//! The grammar of matchers, as in `filter=alertname=~"Node.*"`, and the queries made of them.
//!
//! `name`, an operator of `=`, `!=`, `=~`, `!~`, and a value. The value may stand in double quotes, and so may a name, which may then be
//! any UTF-8. In either, `\"`, `\\` and `\n` are escapes; before anything else a backslash stands for itself. Without quotes a name is
//! what Prometheus calls a name or any text without the characters that mean something, and a value is everything up to the end.
//! White space around the parts counts for nothing.
//!
//! What filters mean was found by running Alertmanager 0.25.0, side by side in the server's `clients` tests.

use std::borrow::Cow;

use quarterdeck_core::{limits::MATCHERS_MAX, silence::Matcher};

use super::{
    LabelSet,
    answer::{AlertState, GettableAlert, GettableSilence, SilenceState},
};
use crate::bounds::{FormatError, quote};

/// One matcher.
pub fn parse_matcher(text: &str) -> Result<Matcher, FormatError> {
    let bad = |reason: &str| FormatError::at("filter", format!("bad matcher format: `{}`: {reason}", quote(text)));
    let (name, rest) = name(text.trim()).map_err(bad)?;
    let rest = rest.trim_start();
    let operators = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
    let found = operators.iter().find_map(|(sign, regex, equal)| Some((rest.strip_prefix(sign)?, *regex, *equal)));
    let (value, is_regex, is_equal) = found.ok_or_else(|| bad("want =, !=, =~ or !~ after the name"))?;
    let value = value_of(value.trim()).map_err(bad)?;
    Matcher::new(&name, &value, is_regex, is_equal).map_err(|error| bad(&error.to_string()))
}

/// The name and what follows it.
fn name(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = unquote(quoted)?;
        (Cow::Owned(name), rest)
    } else {
        let end = text.find(|c: char| c.is_whitespace() || "{}!=~,\"'`\\".contains(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        (Cow::Borrowed(name), rest)
    };
    if name.is_empty() { Err("the name is empty") } else { Ok((name, rest)) }
}

/// The value: all of it in quotes, or none.
fn value_of(text: &str) -> Result<Cow<'_, str>, &'static str> {
    match text.strip_prefix('"') {
        Some(quoted) => match unquote(quoted)? {
            (value, "") => Ok(Cow::Owned(value)),
            _ => Err("something follows the closing quote"),
        },
        None if !text.contains(['"', '\\']) => Ok(Cow::Borrowed(text)),
        None => unescape(text).map(Cow::Owned),
    }
}

/// A value without quotes. A backslash at its very end stands for itself.
fn unescape(text: &str) -> Result<String, &'static str> {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Err("a quote inside a value without quotes"),
            '\\' => match rest.next() {
                Some('n') => plain.push('\n'),
                Some(escaped @ ('"' | '\\')) => plain.push(escaped),
                Some(other) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Result<(String, &str), &'static str> {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Ok((plain, rest.as_str())),
            // What is no escape stands for itself, backslash and all: `\d` in a regular expression.
            '\\' => match rest.next() {
                Some('n') => plain.push('\n'),
                Some(escaped @ ('"' | '\\')) => plain.push(escaped),
                Some(other) => plain.extend(['\\', other]),
                None => break,
            },
            other => plain.push(other),
        }
    }
    Err("the closing quote is missing")
}

/// Whether labels satisfy all filters. A label that is not there is empty.
pub fn matches_all(filters: &[Matcher], labels: &LabelSet) -> bool {
    filters.iter().all(|filter| filter.matches(labels.get(filter.name()).map_or("", String::as_str)))
}

/// The query of GET `/api/v2/alerts` and `/api/v2/alerts/groups`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertQuery {
    /// Those neither silenced nor inhibited.
    pub active: bool,
    /// Those silenced.
    pub silenced: bool,
    /// Those inhibited.
    pub inhibited: bool,
    /// Those not routed yet.
    pub unprocessed: bool,
    /// Groups of which every alert is suppressed.
    pub muted: bool,
    /// All must match.
    pub filter: Vec<Matcher>,
    /// A regular expression for a receiver's whole name.
    pub receiver: Option<Matcher>,
}

impl AlertQuery {
    /// From the decoded pairs of a query string. Names that are not known are ignored, as Alertmanager does.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FormatError> {
        let mut query = Self {
            active: true,
            silenced: true,
            inhibited: true,
            unprocessed: true,
            muted: true,
            filter: Vec::new(),
            receiver: None,
        };
        for (name, value) in pairs {
            match name {
                "active" if !value.is_empty() => query.active = truth(value),
                "silenced" if !value.is_empty() => query.silenced = truth(value),
                "inhibited" if !value.is_empty() => query.inhibited = truth(value),
                "unprocessed" if !value.is_empty() => query.unprocessed = truth(value),
                "muted" if !value.is_empty() => query.muted = truth(value),
                "filter" => add(&mut query.filter, value)?,
                "receiver" if !value.is_empty() => {
                    let matcher = Matcher::new(name, value, true, true);
                    let bad = |error| FormatError::at(name, format!("failed to parse receiver param: {error}"));
                    query.receiver = Some(matcher.map_err(bad)?);
                }
                _ => {}
            }
        }
        Ok(query)
    }

    /// Whether an alert is asked for.
    pub fn wants(&self, alert: &GettableAlert) -> bool {
        let status = &alert.status;
        let state = match status.state {
            AlertState::Active => self.active,
            AlertState::Unprocessed => self.unprocessed,
            AlertState::Suppressed => true,
        };
        let silenced = self.silenced || status.silenced_by.is_empty();
        let inhibited = self.inhibited || status.inhibited_by.is_empty();
        let receiver = self.receiver.as_ref();
        let receiver =
            receiver.is_none_or(|wanted| alert.receivers.iter().any(|receiver| wanted.matches(&receiver.name)));
        state && silenced && inhibited && receiver && matches_all(&self.filter, &alert.labels)
    }
}

/// The query of GET `/api/v2/silences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceQuery {
    /// Those in force.
    pub active: bool,
    /// Those that are over.
    pub expired: bool,
    /// Those to come.
    pub pending: bool,
    /// Each must be one of the silence's own matchers: the same name, operator and value.
    pub filter: Vec<Matcher>,
}

impl SilenceQuery {
    /// From the decoded pairs of a query string.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FormatError> {
        let mut query = Self { active: true, expired: true, pending: true, filter: Vec::new() };
        for (name, value) in pairs {
            match name {
                "active" if !value.is_empty() => query.active = truth(value),
                "expired" if !value.is_empty() => query.expired = truth(value),
                "pending" if !value.is_empty() => query.pending = truth(value),
                "filter" => add(&mut query.filter, value)?,
                _ => {}
            }
        }
        Ok(query)
    }

    /// Whether a silence is asked for.
    pub fn wants(&self, silence: &GettableSilence) -> bool {
        let state = match silence.status.state {
            SilenceState::Active => self.active,
            SilenceState::Expired => self.expired,
            SilenceState::Pending => self.pending,
        };
        let is_it = |wanted: &Matcher| {
            silence.matchers.iter().any(|one| {
                (one.name.as_str(), one.value.as_str()) == (wanted.name(), wanted.value())
                    && (one.is_regex, one.is_equal) == (wanted.is_regex(), wanted.is_equal())
            })
        };
        state && self.filter.iter().all(is_it)
    }
}

fn add(filter: &mut Vec<Matcher>, text: &str) -> Result<(), FormatError> {
    filter.push(parse_matcher(text)?);
    FormatError::bound("filters", filter.len(), MATCHERS_MAX)
}

/// As Alertmanager reads it (nothing at all is as if it were not asked): these words, in any case, are yes, and everything else is no.
fn truth(value: &str) -> bool {
    const YES: [&str; 10] = ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    YES.contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quarterdeck_core::{id::SilenceId, silence::Silence, time::Timestamp};

    use super::*;

    fn parts(text: &str) -> (String, String, bool, bool) {
        let matcher = parse_matcher(text).unwrap();
        (matcher.name().to_owned(), matcher.value().to_owned(), matcher.is_regex(), matcher.is_equal())
    }
    fn want(name: &str, value: &str, is_regex: bool, is_equal: bool) -> (String, String, bool, bool) {
        (name.to_owned(), value.to_owned(), is_regex, is_equal)
    }

    #[test]
    fn matchers_are_read_as_amtool_writes_them() {
        assert_eq!(parts("foo=bar"), want("foo", "bar", false, true));
        assert_eq!(parts(r#"foo="bar""#), want("foo", "bar", false, true));
        assert_eq!(parts(r#" foo != "b a r" "#), want("foo", "b a r", false, false));
        assert_eq!(parts(r#"foo=~".*bar.*|x\d""#), want("foo", r".*bar.*|x\d", true, true));
        assert_eq!(parts("foo=~.*bar.{2,3}"), want("foo", ".*bar.{2,3}", true, true));
        assert_eq!(parts(r#"foo!="a\"b\\c\n""#), want("foo", "a\"b\\c\n", false, false));
        assert_eq!(parts("foo="), want("foo", "", false, true));
        assert_eq!(parts(r#"foo="""#), want("foo", "", false, true));
        assert_eq!(parts(r#""foo bar 🙂"="baz""#), want("foo bar 🙂", "baz", false, true));
        assert_eq!(parts("größe=5"), want("größe", "5", false, true));
        assert_eq!(parts("foo==x"), want("foo", "=x", false, true));
        assert_eq!(parts(r#"foo=a\.b\\.c\n\"d\"#), want("foo", "a\\.b\\.c\n\"d\\", false, true));
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_its_text() {
        for bad in [
            "",
            "foo",
            "=bar",
            r#"foo="bar"#,
            r#"foo="bar"baz"#,
            r#"foo=b"ar"#,
            "foo~bar",
            "foo=~(",
            r#""foo="x""#,
            "fo o=x",
            r#"foo="x\"#,
        ] {
            let error = parse_matcher(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("filter: bad matcher format: `{bad}`: ")), "{error}");
        }
    }

    #[test]
    fn a_label_that_is_not_there_is_empty() {
        let labels: LabelSet = [("a".to_owned(), "b".to_owned())].into();
        let matches = |text: &str| matches_all(&[parse_matcher(text).unwrap()], &labels);
        assert!(matches("a=b") && matches("a=~b|c") && matches("x=") && matches("x!=y") && matches("a!~c"));
        assert!(matches("x=~.*") && matches("x=~|q") && matches("x!~q") && matches("a!="));
        assert!(!matches("a=c") && !matches("a!=b") && !matches("a=~bb") && !matches("x!=") && !matches("x!~.*"));
    }

    #[test]
    fn a_filter_of_silences_is_one_of_their_matchers() {
        let matchers = ["a=b", "c!~d.*"].map(|text| parse_matcher(text).unwrap()).to_vec();
        let now = Timestamp::from_secs(100);
        let silence = Silence {
            id: SilenceId::from_bytes([1; 16]),
            matchers,
            starts: now,
            ends: now.plus(std::time::Duration::from_secs(9)),
            created_by: String::new(),
            comment: String::new(),
            owner: None,
        };
        let shown = GettableSilence::of(&silence, now, now);
        let wants = |text: &str| SilenceQuery::from_pairs([("filter", text)]).unwrap().wants(&shown);
        assert!(wants("a=b") && wants("c!~d.*"));
        for other in ["a!=c", "a=~b", "a!=", "z=", "z!=q", "c!=d.*", "c!~d", "a=~.*"] {
            assert!(!wants(other), "{other}");
        }
    }

    #[test]
    fn a_query_is_read_like_alertmanagers() {
        let query =
            AlertQuery::from_pairs([("silenced", "false"), ("filter", "a=b"), ("filter", "c!=d"), ("x", "y")]).unwrap();
        assert!(query.active && !query.silenced && query.filter.len() == 2);
        assert!(!AlertQuery::from_pairs([("active", "perhaps")]).unwrap().active);
        assert!(AlertQuery::from_pairs([("active", "YES")]).unwrap().active);
        assert!(AlertQuery::from_pairs([("receiver", "(")]).is_err());
        assert!(AlertQuery::from_pairs(vec![("filter", "a=b"); MATCHERS_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_matcher_or_an_error(text in ".{0,40}") {
            drop(parse_matcher(&text));
        }

        #[test]
        fn a_quoted_matcher_reads_back(name in ".{1,12}", value in ".{0,12}") {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let text = format!("\"{}\"!=\"{}\"", escape(&name), escape(&value));
            prop_assert_eq!(parts(&text), want(&name, &value, false, false));
        }
    }
}
