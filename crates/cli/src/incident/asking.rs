//! `quarterdeck incident ack` and its sisters: the core's list of commands as subcommands, so that a new one needs no line here.
//!
//! What a command cannot do without stands in its place on the line, and so does its text; all else is an option.
//! Tests: below.

use clap::{Arg, ArgAction, ArgMatches, error::ErrorKind, value_parser};
use quarterdeck_api::Command;
use quarterdeck_core::incident::offer::{COMMANDS, CommandKind, Field, FieldKind};
use serde_json::{Map, Value, json};

/// A command on an incident.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asking {
    /// `inc_…`
    pub(super) id: String,
    /// What is asked.
    pub(super) command: Command,
}

/// The word of a command or a field as a command line spells it.
pub(super) fn spelled(word: &str) -> String {
    word.replace('_', "-")
}

/// One subcommand for each command.
pub(super) fn subcommands() -> Vec<clap::Command> {
    COMMANDS.iter().map(subcommand).collect()
}

/// Whether a command has this name.
pub(super) fn is_one(name: &str) -> bool {
    COMMANDS.iter().any(|kind| spelled(kind.word) == name)
}

fn subcommand(kind: &CommandKind) -> clap::Command {
    let id = Arg::new("id").required(true).help("inc_…");
    let mut command = clap::Command::new(spelled(kind.word)).about(kind.doc).arg(id);
    if !kind.short.is_empty() {
        command = command.visible_alias(kind.short);
    }
    command.args(kind.fields.iter().map(argument))
}

fn argument(field: &Field) -> Arg {
    let named = Arg::new(field.name).help(field.ask);
    let in_its_place = field.required || field.kind == FieldKind::Text;
    let argument = if in_its_place { named.required(field.required) } else { named.long(spelled(field.name)) };
    match field.kind {
        FieldKind::Text
        | FieldKind::Person
        | FieldKind::Whom
        | FieldKind::Policy
        | FieldKind::Incident
        | FieldKind::Signal
        | FieldKind::Message
        | FieldKind::Key => argument,
        FieldKind::Choice(words) => argument.value_parser(words.to_vec()),
        FieldKind::Cents | FieldKind::Count => argument.value_parser(value_parser!(u64)),
        FieldKind::Flag => argument.action(ArgAction::SetTrue),
    }
}

/// What was typed, if it is a command on an incident.
pub(super) fn read(matches: &ArgMatches) -> Result<Option<Asking>, clap::Error> {
    let Some((name, given)) = matches.subcommand() else { return Ok(None) };
    let Some(kind) = COMMANDS.iter().find(|kind| spelled(kind.word) == name) else { return Ok(None) };
    let mut request: Map<String, Value> = [("command".to_owned(), json!(kind.word))].into_iter().collect();
    for field in kind.fields {
        if let Some(value) = value(field, given) {
            request.insert(field.name.to_owned(), value);
        }
    }
    let id = given.get_one::<String>("id").cloned().unwrap_or_default();
    let bad = |error: serde_json::Error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n"));
    let command = serde_json::from_value(Value::Object(request)).map_err(bad)?;
    Ok(Some(Asking { id, command }))
}

fn value(field: &Field, given: &ArgMatches) -> Option<Value> {
    match field.kind {
        FieldKind::Text
        | FieldKind::Choice(_)
        | FieldKind::Person
        | FieldKind::Whom
        | FieldKind::Policy
        | FieldKind::Incident
        | FieldKind::Signal
        | FieldKind::Message
        | FieldKind::Key => given.get_one::<String>(field.name).map(|text| json!(text)),
        FieldKind::Cents | FieldKind::Count => given.get_one::<u64>(field.name).map(|number| json!(number)),
        FieldKind::Flag => given.get_flag(field.name).then_some(Value::Bool(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Asking, String> {
        let command = clap::Command::new("incident").subcommands(subcommands());
        let matches = command.try_get_matches_from(["incident"].into_iter().chain(line.split(' ')));
        let matches = matches.map_err(|error| error.to_string())?;
        read(&matches).map_err(|error| error.to_string())?.ok_or_else(|| "no command".to_owned())
    }

    fn asked(line: &str) -> Command {
        let asking = typed(line).unwrap();
        assert_eq!(asking.id, "inc_1");
        asking.command
    }

    #[test]
    fn what_is_typed_is_the_request_of_the_api() {
        assert_eq!(asked("ack inc_1"), Command::Acknowledge {});
        assert_eq!(asked("acknowledge inc_1"), Command::Acknowledge {});
        assert_eq!(asked("acknowledge-claim inc_1 sig_1"), Command::AcknowledgeClaim { signal: "sig_1".to_owned() });
        assert_eq!(asked("note inc_1 seen"), Command::Note { text: "seen".to_owned() });
        assert_eq!(asked("resolve inc_1 mended"), Command::Resolve { note: "mended".to_owned() });
        let (whom, reason) = ("bo".to_owned(), "hands".to_owned());
        assert_eq!(asked("page inc_1 bo hands"), Command::Page { whom, reason });
        assert_eq!(asked("accept inc_1"), Command::Accept { ask: None });
        assert_eq!(
            asked("decline inc_1 abroad --ask 2"),
            Command::Decline { reason: "abroad".to_owned(), ask: Some(2) }
        );
        let (to, reason) = ("bridge".to_owned(), "theirs".to_owned());
        assert_eq!(asked("hand-over inc_1 bridge theirs"), Command::HandOver { to, reason });
        assert_eq!(asked("merge inc_1 inc_2"), Command::Merge { into: "inc_2".to_owned() });
        let (role, person) = ("scribe".to_owned(), Some("bo".to_owned()));
        assert_eq!(asked("take-role inc_1 scribe --person bo"), Command::TakeRole { role, person });
        let facts = Command::StateFacts {
            money_at_risk_cents: 0,
            users: Some(7),
            irreversible: false,
            key_compromise: false,
            theft: true,
            replace: false,
        };
        assert_eq!(asked("state-facts inc_1 --users 7 --theft"), facts);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        assert!(typed("note inc_1").unwrap_err().contains("<text>"));
        assert!(typed("resolve inc_1").unwrap_err().contains("<note>"));
        assert!(typed("take-role inc_1 chef").unwrap_err().contains("commander"));
        assert!(typed("state-facts inc_1 --users many").unwrap_err().contains("many"));
    }

    #[test]
    fn every_command_of_the_list_is_offered_and_well_made() {
        let mut command = clap::Command::new("incident").subcommands(subcommands());
        command.build();
        command.clone().debug_assert();
        for kind in COMMANDS {
            assert!(command.find_subcommand(spelled(kind.word)).is_some() && is_one(&spelled(kind.word)), "{kind:?}");
        }
    }
}
