//! How a message reads, the same on every channel, and how foreign words are quoted without giving a secret away.

use std::{fmt, sync::Arc};

use super::{Message, MessageKind};

/// Characters of a provider's own words that a reason keeps: enough to look them up, too few to be a body.
const QUOTE_CHARS_MAX: usize = 200;
/// Bytes of a provider's words that are looked at for secrets before they are shortened.
const QUOTE_BYTES_READ: usize = 4_096;
/// A run of this many bytes of a secret counts as the secret: providers shorten what they repeat.
const SECRET_RUN_BYTES: usize = 8;

/// `DRILL: REPEAT: SEV1: title`, on one line and at most `chars_max` characters long.
pub(crate) fn headline(message: &Message, chars_max: usize) -> String {
    let drill = if message.drill { "DRILL: " } else { "" };
    let repeat = if message.repeat { "REPEAT: " } else { "" };
    let over = match message.kind {
        MessageKind::Resolved => "RESOLVED: ",
        MessageKind::HandedOver => "HANDED OVER: ",
        MessageKind::Page | MessageKind::Notice => "",
    };
    let title = one_line(&message.title);
    let severity = match message.kind {
        MessageKind::Page | MessageKind::Resolved | MessageKind::HandedOver => format!("{}: ", message.severity),
        MessageKind::Notice => String::new(),
    };
    shorten(&format!("{drill}{repeat}{over}{severity}{title}"), chars_max)
}

/// What stands below the headline, as lines of plain text: the warnings first, then the reasons.
pub(crate) fn paragraphs(message: &Message) -> Vec<String> {
    let mut lines = Vec::new();
    if message.drill {
        lines.push("THIS IS A DRILL.".to_owned());
    }
    if message.repeat {
        lines.push("You may have this already: we did not learn whether an earlier attempt arrived.".to_owned());
    }
    lines.push(printable(&message.text).trim_end().to_owned());
    lines
}

/// `Incident inc_…, page pag_…, for Alice, decided 2026-01-01T00:00:00.000Z`.
pub(crate) fn origin(message: &Message) -> String {
    let person = one_line(&message.person);
    let person = if person.is_empty() { String::new() } else { format!(", for {person}") };
    match message.kind {
        MessageKind::Page | MessageKind::Resolved | MessageKind::HandedOver => {
            format!("Incident {}, page {}{person}, decided {}", message.incident, message.page, message.at)
        }
        MessageKind::Notice => format!("Notice {}{person}, decided {}", message.page, message.at),
    }
}

/// The key under which a channel may recognise the same message twice. A page and its all-clear differ.
pub(crate) fn idempotency_key(message: &Message) -> String {
    match message.kind {
        MessageKind::Page | MessageKind::Notice => message.page.to_string(),
        MessageKind::Resolved => format!("{}.resolved", message.page),
        MessageKind::HandedOver => format!("{}.handed_over", message.page),
    }
}

/// What a person is invited to do at the link.
pub(crate) fn invitation(message: &Message) -> &'static str {
    match message.kind {
        MessageKind::Page => "Open and acknowledge",
        MessageKind::Resolved | MessageKind::HandedOver => "Open the incident",
        MessageKind::Notice => "Open the silences",
    }
}

/// The console's link, if it is one that a person can follow.
pub(crate) fn link(message: &Message) -> Option<url::Url> {
    url::Url::parse(&message.link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Without control characters, and with every run of white space made one space: nothing here can begin a new header.
pub(crate) fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without control characters other than the end of a line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// At most `chars_max` characters; what is cut is marked.
pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// A value that prints as `***`.
#[derive(Clone)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A provider's own words, fit for a log: one line, shortened, and withheld whole if any part of a secret is in them.
pub(crate) fn quote(foreign: &str, secrets: &[Secret]) -> String {
    let read: String = foreign.chars().take(QUOTE_BYTES_READ).collect();
    if secrets.iter().any(|secret| shows(&read, secret.expose())) {
        return "(withheld: the answer repeats a secret)".to_owned();
    }
    shorten(&one_line(&read), QUOTE_CHARS_MAX)
}

/// Whether `text` holds `secret`, or a run of it that is long enough to matter, in any letter case.
fn shows(text: &str, secret: &str) -> bool {
    let (text, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let run = SECRET_RUN_BYTES.min(secret.len());
    run > 0 && secret.as_bytes().windows(run).any(|part| text.as_bytes().windows(run).any(|seen| seen == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_repeats_part_of_a_secret_is_not_quoted() {
        let secrets = [Secret::new("correct-horse-battery")];
        assert_eq!(quote("bad key\r\n horse", &secrets), "bad key horse");
        for leak in ["key correct-horse-battery is bad", "key …HORSE-BATtery is bad"] {
            assert_eq!(quote(leak, &secrets), "(withheld: the answer repeats a secret)");
        }
        assert_eq!(quote(&"x".repeat(10_000), &secrets).chars().count(), QUOTE_CHARS_MAX);
        assert_eq!(format!("{secrets:?}"), "[***]");
    }

    #[test]
    fn a_line_is_a_line() {
        assert_eq!(one_line("a\r\nBcc: b\u{0}\u{85}c\td"), "a Bcc: b c d");
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
    }
}
