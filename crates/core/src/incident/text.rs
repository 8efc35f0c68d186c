//! Bounds of what people and monitors write into an incident.

use crate::{
    incident::{Actor, Refusal, refusal::VALUE_SHOWN_CHARS},
    limits::{TEXT_BYTES_MAX, TITLE_BYTES_MAX},
};

/// A text that may be empty.
pub(super) fn bounded(field: &'static str, text: &str) -> Result<(), Refusal> {
    let bytes = text.len();
    if bytes > TEXT_BYTES_MAX { Err(Refusal::BadText { field, bytes, max: TEXT_BYTES_MAX }) } else { Ok(()) }
}

/// A text that says something.
pub(super) fn sentence(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::BadText { field, bytes: 0, max: TEXT_BYTES_MAX });
    }
    bounded(field, text)
}

/// What was done to end it, in words that somebody can read. Quarterdeck itself always says why.
pub(super) fn account(verb: &'static str, by: &Actor, text: &str) -> Result<(), Refusal> {
    if *by != Actor::System && !says_something(text) {
        return Err(Refusal::NothingSaid { verb, value: text.trim().chars().take(VALUE_SHOWN_CHARS).collect() });
    }
    bounded("note", text)
}

/// Whether there is a letter or a digit in it, of whatever script: blanks and signs alone tell nobody anything.
pub(crate) fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// One line that says something, with single spaces.
pub(super) fn title(field: &'static str, text: &str) -> Result<String, Refusal> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let bytes = line.len();
    if bytes == 0 || bytes > TITLE_BYTES_MAX {
        return Err(Refusal::BadText { field, bytes, max: TITLE_BYTES_MAX });
    }
    Ok(line)
}

/// A title cut at a character boundary.
pub(super) fn shortened(title: &str) -> String {
    let mut short = String::with_capacity(title.len().min(TITLE_BYTES_MAX));
    for character in title.chars() {
        if short.len() + character.len_utf8() > TITLE_BYTES_MAX {
            break;
        }
        short.push(character);
    }
    short
}
