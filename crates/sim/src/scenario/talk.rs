//! What people do in the room of an incident, as a line says it. A message is named by its words. Reads only: what it comes to is in
//! `stage`. Tests: `tests/scenarios.rs`.

use quarterdeck_core::incident::MessageKind;

use super::words::Words;

/// What somebody does in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Talk {
    /// Writes; an answer names its question.
    Writes { kind: MessageKind, text: String, to: Option<String> },
    /// A line of the box: a message, or a command with a slash.
    Types(String),
    /// Changes the words of a message.
    Changes { from: String, to: String },
    /// Takes a message back.
    Withdraws { text: String, reason: String },
    /// Keeps a message in sight.
    Pins(String),
    /// Keeps it in sight no longer.
    Unpins(String),
    /// Opens the room, and looks at it until it is closed.
    Opens,
    /// Closes it.
    Closes,
}

/// Reads what comes after the person; none: it is about something else.
pub(super) fn read(verb: &str, words: &mut Words) -> Result<Option<Talk>, String> {
    let writes = |kind, text| Talk::Writes { kind, text, to: None };
    Ok(Some(match verb {
        "says" => writes(MessageKind::Message, quoted(words)?),
        "decides" => writes(MessageKind::Decision, quoted(words)?),
        "asks" => writes(MessageKind::Question, quoted(words)?),
        "types" => Talk::Types(quoted(words)?),
        "answers" => {
            let text = quoted(words)?;
            words.expect("to")?;
            Talk::Writes { kind: MessageKind::Answer, text, to: Some(quoted(words)?) }
        }
        "changes" => {
            let from = quoted(words)?;
            words.expect("to")?;
            Talk::Changes { from, to: quoted(words)? }
        }
        "withdraws" => {
            let text = quoted(words)?;
            let reason = if words.takes("because") { quoted(words)? } else { String::new() };
            Talk::Withdraws { text, reason }
        }
        "pins" => Talk::Pins(quoted(words)?),
        "unpins" => Talk::Unpins(quoted(words)?),
        "opens" if words.takes("the room") => Talk::Opens,
        "closes" if words.takes("the room") => Talk::Closes,
        _ => return Ok(None),
    }))
}

fn quoted(words: &mut Words) -> Result<String, String> {
    if words.is_over() || !words.peek(0).is_empty() {
        return Err(format!("expected the words of a message in double quotes, found {}", words.found()));
    }
    words.next("the words of a message in double quotes")
}
