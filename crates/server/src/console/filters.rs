//! How instants, money and long identifiers read on a page.
//!
//! A value that carries markup of its own is a type here, built from parsed or escaped parts only and marked as safe; all other
//! text on a page is escaped by the template. Tests: below.

#![expect(
    clippy::inline_always,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    unreachable_pub,
    reason = "the shape that `askama::filter_fn` wants and makes"
)]

use std::fmt;

use askama::{
    Values,
    filters::{Html, HtmlSafe, escape},
};
use quarterdeck_core::{money::Usd, time::Timestamp};

use super::prose::{Prose, sentence};

/// Characters of a long identifier that stay in front and behind.
const KEPT_FRONT: usize = 10;
/// See [`KEPT_FRONT`].
const KEPT_BACK: usize = 6;

/// How an instant is shown. Without the script all but [`As::Clock`] read as date and time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// `3 min ago`.
    Ago,
    /// `in 2 min 10 s`, counting down.
    Until,
    /// Date and time to the second.
    Stamp,
    /// Time of day to the millisecond.
    Clock,
    /// Day and time of day to the second.
    Moment,
}

/// An instant as a `<time>` element; what is no instant reads as it came.
#[derive(Debug, Clone)]
pub(super) struct When {
    text: String,
    instant: Option<Timestamp>,
    shown: As,
}

impl HtmlSafe for When {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(instant) = self.instant else {
            let Ok(text) = escape(&self.text, Html);
            return write!(f, "{text}");
        };
        let pattern = match self.shown {
            As::Clock => "%H:%M:%S.%3f",
            As::Moment => "%d %b %H:%M:%S",
            As::Ago | As::Until | As::Stamp => "%Y-%m-%d %H:%M:%S UTC",
        };
        let read = instant.to_jiff().strftime(pattern);
        let manner = match self.shown {
            As::Ago => " data-as=\"ago\"",
            As::Until => " data-as=\"until\"",
            As::Stamp | As::Clock | As::Moment => "",
        };
        write!(f, "<time datetime=\"{instant}\"{manner}>{read}</time>")
    }
}

fn when(text: impl fmt::Display, shown: As) -> When {
    let text = text.to_string();
    let instant = text.parse().ok();
    When { text, instant, shown }
}

/// `3 min ago`.
#[askama::filter_fn]
pub(super) fn ago(text: impl fmt::Display, _: &dyn Values) -> askama::Result<When> {
    Ok(when(text, As::Ago))
}

/// `in 2 min 10 s`.
#[askama::filter_fn]
pub(super) fn until(text: impl fmt::Display, _: &dyn Values) -> askama::Result<When> {
    Ok(when(text, As::Until))
}

/// `2026-07-01 12:03:04 UTC`.
#[askama::filter_fn]
pub(super) fn stamp(text: impl fmt::Display, _: &dyn Values) -> askama::Result<When> {
    Ok(when(text, As::Stamp))
}

/// `12:03:04.567`, for rows that stand under their day.
#[askama::filter_fn]
pub(super) fn clock(text: impl fmt::Display, _: &dyn Values) -> askama::Result<When> {
    Ok(when(text, As::Clock))
}

/// `28 Nov 12:03:04`, for what people say.
#[askama::filter_fn]
pub(super) fn moment(text: impl fmt::Display, _: &dyn Values) -> askama::Result<When> {
    Ok(when(text, As::Moment))
}

/// An amount in whole US cents as people read it.
#[askama::filter_fn]
pub(super) fn money(cents: &u64, _: &dyn Values) -> askama::Result<Usd> {
    Ok(Usd::from_cents(*cents))
}

/// A word of the API as prose: `key_compromise` is `key compromise`.
#[askama::filter_fn]
pub(super) fn prose(word: impl fmt::Display, _: &dyn Values) -> askama::Result<String> {
    Ok(word.to_string().replace('_', " "))
}

/// A whole number of more than four digits with commas between thousands; all other text as it is.
#[askama::filter_fn]
pub(super) fn grouped(text: impl fmt::Display, _: &dyn Values) -> askama::Result<String> {
    Ok(with_commas(&text.to_string()))
}

fn with_commas(text: &str) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() <= 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut grouped = String::with_capacity(text.len() * 4 / 3 + 1);
    if digits.len() < text.len() {
        grouped.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A sentence with `code` and **bold**.
#[askama::filter_fn]
pub(super) fn marked(text: impl fmt::Display, _: &dyn Values) -> askama::Result<Prose> {
    Ok(sentence(&text.to_string()))
}

/// A long identifier: short to the eye, whole for the pointer and the clipboard.
#[derive(Debug, Clone)]
pub(super) struct Long(String);

impl HtmlSafe for Long {}

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(whole) = escape(&self.0, Html);
        let short = shortened(&self.0);
        let Ok(short) = escape(&short, Html);
        write!(
            f,
            "<span class=\"long\"><code title=\"{whole}\">{short}</code><button type=\"button\" class=\"copy\" \
             data-copy=\"{whole}\" aria-label=\"Copy {short}\"></button></span>"
        )
    }
}

fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= KEPT_FRONT + KEPT_BACK + 1 {
        return text.to_owned();
    }
    let front: String = text.chars().take(KEPT_FRONT).collect();
    let back: String = text.chars().skip(count - KEPT_BACK).collect();
    format!("{front}…{back}")
}

/// Shortened, with the whole behind it.
#[askama::filter_fn]
pub(super) fn long(text: impl fmt::Display, _: &dyn Values) -> askama::Result<Long> {
    Ok(Long(text.to_string()))
}

/// A severity as shape and word: the shape says it without colour, the word without eyes for shapes.
#[derive(Debug, Clone)]
pub(super) struct Badge(String);

impl HtmlSafe for Badge {}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, shape) = match self.0.as_str() {
            "SEV1" => ("sev1", "M5 1h6l4 4v6l-4 4H5l-4-4V5z"),
            "SEV2" => ("sev2", "M8 1l7.5 14H.5z"),
            "SEV3" => ("sev3", "M8 .5L15.5 8 8 15.5.5 8z"),
            "SEV4" => ("sev4", "M2 2h12v12H2z"),
            _ => ("sev5", "M8 1.5a6.5 6.5 0 110 13 6.5 6.5 0 010-13z"),
        };
        let Ok(word) = escape(&self.0, Html);
        write!(
            f,
            "<span class=\"sev {class}\"><svg viewBox=\"0 0 16 16\" width=\"12\" height=\"12\" aria-hidden=\"true\">\
             <path d=\"{shape}\"/></svg>{word}</span>"
        )
    }
}

/// A severity as shape and word.
#[askama::filter_fn]
pub(super) fn severity(word: impl fmt::Display, _: &dyn Values) -> askama::Result<Badge> {
    Ok(Badge(word.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_time_element_and_anything_else_is_escaped() {
        let at = "2026-07-01T12:03:04.567Z";
        insta::assert_snapshot!(when(at, As::Ago), @r#"<time datetime="2026-07-01T12:03:04.567Z" data-as="ago">2026-07-01 12:03:04 UTC</time>"#);
        insta::assert_snapshot!(when(at, As::Clock), @r#"<time datetime="2026-07-01T12:03:04.567Z">12:03:04.567</time>"#);
        insta::assert_snapshot!(when("<b>", As::Stamp), @"&#60;b&#62;");
    }

    #[test]
    fn a_long_identifier_keeps_both_ends_and_is_escaped_in_attributes() {
        assert_eq!(shortened("0x1234567890abcdef1234567890abcdef"), "0x12345678…abcdef");
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened("ééééééééééééééééééé"), "éééééééééé…éééééé");
        let hostile = Long("\"><script>alert(1)</script>".to_owned()).to_string();
        assert!(
            !hostile.contains("<script>") && hostile.contains("data-copy=\"&#34;&#62;&#60;script&#62;"),
            "{hostile}"
        );
    }

    #[test]
    fn only_whole_numbers_are_grouped() {
        for (text, read) in [
            ("1250400000000000000000", "1,250,400,000,000,000,000,000"),
            ("-10000", "-10,000"),
            ("9999", "9999"),
            ("0x12345", "0x12345"),
            ("31.25678", "31.25678"),
            ("", ""),
        ] {
            assert_eq!(with_commas(text), read);
        }
    }

    #[test]
    fn every_severity_has_a_shape_of_its_own() {
        let shapes: std::collections::BTreeSet<String> =
            ["SEV1", "SEV2", "SEV3", "SEV4", "SEV5"].map(|word| Badge(word.to_owned()).to_string()).into();
        assert_eq!(shapes.len(), 5);
    }
}
