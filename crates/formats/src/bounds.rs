//! How much of foreign text is taken in, and how a refusal says where and what.
//!
//! Nesting of what is read is bounded by the JSON reader itself, at 127 levels ([`quarterdeck_core::limits::JSON_DEPTH_MAX`]);
//! what a format ignores is skipped without recursion. Tests: below and in each format.

use quarterdeck_core::time::Timestamp;
use serde::de::DeserializeOwned;

/// Characters of a foreign value that an error repeats.
const QUOTE_CHARS_MAX: usize = 200;

/// Why a body, or a part of one, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// More bytes or items than are taken at once.
    #[error("{what}: {count}, want at most {max}")]
    TooMuch {
        /// What is too much: `body in bytes`, `alerts`.
        what: String,
        /// How much there is.
        count: usize,
        /// How much is taken.
        max: usize,
    },
    /// No JSON at all.
    #[error("not JSON: {reason}")]
    NotJson {
        /// What the reader said, with line and column.
        reason: String,
    },
    /// JSON, but not what the format says.
    #[error("{path}: {reason}")]
    At {
        /// `alerts[3].labels.foo`.
        path: String,
        /// What is wrong with what, shortened.
        reason: String,
    },
}

impl FormatError {
    /// A refusal of the value at `path`.
    pub(crate) fn at(path: impl Into<String>, reason: impl AsRef<str>) -> Self {
        Self::At { path: path.into(), reason: quote(reason.as_ref()) }
    }
    /// The refusal if `count` is more than `max`.
    pub(crate) fn bound(what: impl Into<String>, count: usize, max: usize) -> Result<(), Self> {
        if count <= max { Ok(()) } else { Err(Self::TooMuch { what: what.into(), count, max }) }
    }
    /// The same where saying what is too much costs more than counting it.
    pub(crate) fn bound_of(what: impl FnOnce() -> String, count: usize, max: usize) -> Result<(), Self> {
        if count <= max { Ok(()) } else { Err(Self::TooMuch { what: what(), count, max }) }
    }
}

/// A foreign text as an error repeats it: one line, shortened.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTE_CHARS_MAX).collect();
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() {
        quoted.push('…');
    }
    quoted
}

/// Reads a document of at most `bytes_max` bytes; an error has the path below `root`.
///
/// The path costs time to keep, so a document that fails is read again for it; one that does not is read once.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], bytes_max: usize, root: &str) -> Result<T, FormatError> {
    FormatError::bound("body in bytes", bytes.len(), bytes_max)?;
    serde_json::from_slice(bytes).map_err(|error| explain::<T>(bytes, root, &error))
}

fn explain<T: DeserializeOwned>(bytes: &[u8], root: &str, error: &serde_json::Error) -> FormatError {
    if !error.is_data() {
        return FormatError::NotJson { reason: quote(&error.to_string()) };
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => FormatError::at(join(root, &error.path().to_string()), without_place(&error.inner().to_string())),
        Ok(_) => FormatError::at(join(root, "."), without_place(&error.to_string())),
    }
}

/// The path says where, and in a part of a document the reader's line and column would be those of the part.
fn without_place(text: &str) -> &str {
    text.rsplit_once(" at line ").map_or(text, |(before, _)| before)
}

fn join(root: &str, path: &str) -> String {
    match (root, path) {
        ("", ".") => "body".to_owned(),
        ("", path) => quote(path),
        (root, ".") => root.to_owned(),
        (root, path) if path.starts_with('[') => format!("{root}{}", quote(path)),
        (root, path) => format!("{root}.{}", quote(path)),
    }
}

/// At most `bytes_max` bytes of `text`, cut between characters; what is cut is marked.
pub(crate) fn clip(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut clipped = String::with_capacity(bytes_max);
    for character in text.chars() {
        if clipped.len() + character.len_utf8() + '…'.len_utf8() > bytes_max {
            break;
        }
        clipped.push(character);
    }
    clipped.push('…');
    clipped
}

/// One line of at most `bytes_max` bytes: without control characters, runs of white space made one space.
pub(crate) fn line(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max && is_plain(text) {
        return text.to_owned();
    }
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clip(&visible.split_whitespace().collect::<Vec<_>>().join(" "), bytes_max)
}

/// Whether a text is a line already: nearly every title is, and need not be taken apart for it.
fn is_plain(text: &str) -> bool {
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    visible && !text.contains("  ") && !text.starts_with(' ') && !text.ends_with(' ')
}

/// An instant as monitors write it: RFC 3339, also with `+0000` for a zone. The zero time of Go, the year 1, is none.
pub(crate) fn instant(text: &str) -> Result<Option<Timestamp>, String> {
    match text.parse::<Timestamp>() {
        Ok(instant) if instant <= Timestamp::MIN => Ok(None),
        Ok(instant) => Ok(Some(instant)),
        Err(_) => Err(format!("`{}` is no instant: want RFC 3339, such as 2026-01-31T12:00:00Z", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_error_says_where() {
        let error = |text: &str| read::<Vec<BTreeMap<String, String>>>(text.as_bytes(), 1_000, "alerts").unwrap_err();
        assert_eq!(error(r#"[{}, {"a": 5}]"#).to_string(), "alerts[1].a: invalid type: integer `5`, expected a string");
        assert_eq!(error("[{").to_string(), "not JSON: EOF while parsing an object at line 1 column 2");
        assert_eq!(error(&"[".repeat(1_001)).to_string(), "body in bytes: 1001, want at most 1000");
        let deep = format!("[{{\"a\":{}", "[".repeat(500));
        assert!(matches!(error(&deep), FormatError::NotJson { .. } | FormatError::At { .. }));
    }

    #[test]
    fn instants_are_read_as_monitors_write_them() {
        let july = "2015-07-17T08:42:58.315Z".parse().ok();
        for text in ["2015-07-17T08:42:58.315Z", "2015-07-17T08:42:58.315+0000", "2015-07-17T10:42:58.3150001+02:00"] {
            assert_eq!(instant(text), Ok(july), "{text}");
        }
        assert_eq!(instant("0001-01-01T00:00:00Z"), Ok(None));
        for bad in ["", "yesterday", "1437122578", "2015-13-17T08:42:58Z"] {
            assert!(instant(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in ".{0,200}", max in 3_usize..100) {
            prop_assert!(clip(&text, max).len() <= max);
            prop_assert!(line(&text, max).len() <= max);
            prop_assert!(!line(&text, max).contains(char::is_control));
        }
    }
}
