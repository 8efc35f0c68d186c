//! A line of text as people write it in a room: a message, or a command that begins with a slash. The words are those of THE LIST of
//! commands and their shorts, so that a new command needs nothing here. The same for the console's box and for any chat that is
//! joined to a room. Reads only; whoever has a line carries it out. Tests: below.

use std::collections::BTreeMap;

use crate::{
    incident::offer::{COMMANDS, CommandKind, Field, FieldKind},
    near,
    time::When,
};

/// What a line asks for.
#[derive(Debug, Clone)]
pub enum Line {
    /// These words, as a message.
    Says(String),
    /// This command, with what was typed for its fields, by their names.
    Asks(&'static CommandKind, BTreeMap<String, String>),
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// No command is called so.
    #[error("`/{word}` is no command: {remedy}; to say it as it stands begin with `//`")]
    Unknown {
        /// What was typed, cut short.
        word: String,
        /// What may be meant.
        remedy: String,
    },
    /// It means nothing without this.
    #[error("`/{word}` needs {what}: `{usage}`")]
    Missing {
        /// The command.
        word: &'static str,
        /// The field that is missing.
        what: &'static str,
        /// How it is written.
        usage: String,
    },
    /// More was typed than it takes.
    #[error("`/{word}` does not take `{more}`: `{usage}`")]
    TooMuch {
        /// The command.
        word: &'static str,
        /// What is too much, cut short.
        more: String,
        /// How it is written.
        usage: String,
    },
}

/// Characters of what was typed that a refusal repeats.
const SHOWN_CHARS: usize = 40;

/// Reads a line. A slash that is not the first character means nothing; two at the beginning are one that is said.
pub fn read(text: &str) -> Result<Line, BadLine> {
    let Some(rest) = text.strip_prefix('/') else { return Ok(Line::Says(text.to_owned())) };
    if rest.starts_with('/') {
        return Ok(Line::Says(rest.to_owned()));
    }
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let kind = named(word).ok_or_else(|| {
        let known: Vec<&str> =
            COMMANDS.iter().flat_map(|kind| [kind.word, kind.short]).filter(|w| !w.is_empty()).collect();
        BadLine::Unknown { word: shortened(word), remedy: near::remedy(word, &known, "") }
    })?;
    fields(kind, rest.trim()).map(|typed| Line::Asks(kind, typed))
}

fn named(word: &str) -> Option<&'static CommandKind> {
    let word = word.to_lowercase().replace('-', "_");
    COMMANDS.iter().find(|kind| kind.word == word || (!kind.short.is_empty() && kind.short == word))
}

/// What stands where: first what the command cannot do without, a word each, then what is optional as `name=value` or by its name
/// alone, and the text to the end of the line.
fn fields(kind: &'static CommandKind, mut rest: &str) -> Result<BTreeMap<String, String>, BadLine> {
    let mut typed = BTreeMap::new();
    let text = kind.fields.iter().find(|field| field.kind == FieldKind::Text);
    while !rest.is_empty() {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let next = kind.fields.iter().find(|field| is_word(field) && field.required && !typed.contains_key(field.name));
        let optional = kind.fields.iter().find(|field| is_word(field) && !typed.contains_key(field.name));
        if let Some((field, value)) = option(kind, word) {
            typed.insert(field.name.to_owned(), value.to_owned());
        } else if let Some(field) =
            instant(kind, word).filter(|field| next.is_none() && !typed.contains_key(field.name))
        {
            typed.insert(field.name.to_owned(), word.to_owned());
        } else if let Some(field) = next {
            typed.insert(field.name.to_owned(), word.to_owned());
        } else if let Some(field) = text {
            typed.insert(field.name.to_owned(), rest.to_owned());
            break;
        } else if let Some(field) = optional {
            typed.insert(field.name.to_owned(), word.to_owned());
        } else {
            return Err(BadLine::TooMuch { word: kind.word, more: shortened(rest), usage: usage(kind) });
        }
        rest = after.trim_start();
    }
    match kind.fields.iter().find(|field| field.required && !typed.contains_key(field.name)) {
        Some(field) => Err(BadLine::Missing { word: kind.word, what: field.name, usage: usage(kind) }),
        None => Ok(typed),
    }
}

/// Whether a field is one word of the line by its place. A number, an instant or a resource without its name would not say which.
const fn is_word(field: &Field) -> bool {
    match field.kind {
        FieldKind::Choice(_)
        | FieldKind::Person
        | FieldKind::Whom
        | FieldKind::Policy
        | FieldKind::Incident
        | FieldKind::Signal
        | FieldKind::Message
        | FieldKind::Task => true,
        FieldKind::Text
        | FieldKind::Key
        | FieldKind::Cents
        | FieldKind::Check
        | FieldKind::Count
        | FieldKind::Flag
        | FieldKind::Resources
        | FieldKind::People
        | FieldKind::When => false,
    }
}

/// `45m` where a text may follow and need not: nobody gives a span for a reason.
fn instant(kind: &'static CommandKind, word: &str) -> Option<&'static Field> {
    let bare = kind.fields.iter().all(|field| field.kind != FieldKind::Text || !field.required);
    let field = kind.fields.iter().find(|field| field.kind == FieldKind::When)?;
    (bare && word.parse::<When>().is_ok()).then_some(field)
}

/// `users=500`, or `theft` for what is only yes or no.
fn option<'a>(kind: &'static CommandKind, word: &'a str) -> Option<(&'static Field, &'a str)> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let field = kind.fields.iter().find(|field| field.name == name && field.kind != FieldKind::Text)?;
    match (field.kind, word.contains('=')) {
        (FieldKind::Flag, false) => Some((field, "yes")),
        (FieldKind::Flag, true) | (_, false) => None,
        (_, true) => Some((field, value)),
    }
}

/// `/take_role role [person]`
fn usage(kind: &CommandKind) -> String {
    let field = |field: &Field| match (field.required, field.kind) {
        (true, _) => field.name.to_owned(),
        (false, FieldKind::Cents | FieldKind::Count | FieldKind::Key | FieldKind::Resources | FieldKind::When) => {
            format!("[{}=…]", field.name)
        }
        (false, _) => format!("[{}]", field.name),
    };
    let fields = kind.fields.iter().filter(|one| one.kind != FieldKind::Key).map(|one| format!(" {}", field(one)));
    format!("/{}{}", kind.word, fields.collect::<String>())
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> (&'static str, Vec<(String, String)>) {
        match read(text) {
            Ok(Line::Asks(kind, typed)) => (kind.word, typed.into_iter().collect()),
            other => panic!("{text}: {other:?}"),
        }
    }
    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_line_without_a_slash_at_its_beginning_is_a_message() {
        for text in ["we look at a/b", " /ack", "https://example.org", "", "ack"] {
            assert!(matches!(read(text), Ok(Line::Says(said)) if said == text), "{text}");
        }
        assert!(matches!(read("//etc/hosts is changed"), Ok(Line::Says(said)) if said == "/etc/hosts is changed"));
    }

    #[test]
    fn a_slash_and_a_word_of_the_list_is_that_command() {
        assert_eq!(asked("/ack"), ("acknowledge", vec![]));
        assert_eq!(asked("/Acknowledge "), ("acknowledge", vec![]));
        assert_eq!(asked("/note  the key\\nis in the safe"), ("note", pairs(&[("text", "the key\\nis in the safe")])));
        assert_eq!(asked("/decide stop users=all"), ("decide", pairs(&[("text", "stop users=all")])));
        assert_eq!(asked("/resolve all is back"), ("resolve", pairs(&[("note", "all is back")])));
        let role = pairs(&[("person", "bob"), ("role", "scribe")]);
        assert_eq!(asked("/take-role scribe bob"), ("take_role", role.clone()));
        assert_eq!(asked("/take_role scribe person=bob"), ("take_role", role));
        assert_eq!(asked("/take_role scribe"), ("take_role", pairs(&[("role", "scribe")])));
        let claim = pairs(&[("task", "1"), ("until", "45m")]);
        assert_eq!(asked("/claim 1 45m"), ("claim_task", claim.clone()));
        assert_eq!(asked("/claim 1 until=45m"), ("claim_task", claim));
        let over = pairs(&[("override", "she sleeps"), ("task", "1"), ("until", "2h")]);
        assert_eq!(asked("/claim 1 2h she sleeps"), ("claim_task", over));
        let over = pairs(&[("override", "2 people wait"), ("task", "1")]);
        assert_eq!(asked("/claim 1 2 people wait"), ("claim_task", over));
        let facts = pairs(&[("theft", "yes"), ("users", "500")]);
        assert_eq!(asked("/state_facts users=500 theft"), ("state_facts", facts));
        let answer = pairs(&[("question", "msg_1"), ("text", "bob holds it")]);
        assert_eq!(asked("/answer msg_1 bob holds it"), ("answer", answer));
        assert_eq!(asked("/say a/b"), ("say", pairs(&[("text", "a/b")])));
        let reply = pairs(&[("reply_to", "msg_1"), ("text", "yes")]);
        assert_eq!(asked("/say reply_to=msg_1 yes"), ("say", reply));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_may_be_meant() {
        assert_eq!(
            refused("/resolv it is over"),
            "`/resolv` is no command: write `resolve` if that is meant; to say it as it stands begin with `//`"
        );
        assert!(refused("/etc/hosts is changed").contains("`//`"));
        assert!(refused("/").starts_with("`/` is no command: write one of `acknowledge`, `ack`, "));
        assert_eq!(refused("/note "), "`/note` needs text: `/note text`");
        assert_eq!(refused("/resolve"), "`/resolve` needs note: `/resolve note [override]`");
        assert_eq!(refused("/take_role"), "`/take_role` needs role: `/take_role role [person]`");
        assert_eq!(refused("/ack now"), "`/acknowledge` does not take `now`: `/acknowledge`");
        assert!(
            refused("/state_facts 500")
                .starts_with("`/state_facts` does not take `500`: `/state_facts [money_at_risk_cents=…]")
        );
    }

    #[test]
    fn every_command_of_the_list_is_read_by_its_word_and_its_short() {
        for kind in COMMANDS {
            for word in [kind.word, kind.short].into_iter().filter(|word| !word.is_empty()) {
                assert!(std::ptr::eq(named(word).unwrap(), kind), "{word}");
            }
        }
    }
}
