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
pub(crate) struct Asking {
    /// `inc_…`
    pub(super) id: String,
    /// What is asked.
    pub(crate) command: Command,
}

/// The word of a command or a field as a command line spells it.
pub(crate) fn spelled(word: &str) -> String {
    word.replace('_', "-")
}

/// How a command's word is spelled in some place; none: it is not there.
pub(crate) type Spelling = fn(&str) -> Option<String>;

/// All of them, each by its own word.
#[expect(clippy::unnecessary_wraps, reason = "a spelling may leave commands out; this one leaves out none")]
fn in_full(word: &str) -> Option<String> {
    Some(spelled(word))
}

/// One subcommand for each command.
pub(super) fn subcommands() -> Vec<clap::Command> {
    let named = |kind: &CommandKind| {
        let command = subcommand(kind, spelled(kind.word));
        if kind.short.is_empty() { command } else { command.visible_alias(kind.short) }
    };
    COMMANDS.iter().map(named).collect()
}

/// One subcommand for each command that has a name by this spelling.
pub(crate) fn subcommands_as(spelling: Spelling) -> Vec<clap::Command> {
    COMMANDS.iter().filter_map(|kind| Some(subcommand(kind, spelling(kind.word)?))).collect()
}

/// Whether a command has this name.
pub(super) fn is_one(name: &str) -> bool {
    kind_as(name, in_full).is_some()
}

/// The command that has this name by this spelling.
pub(crate) fn kind_as(name: &str, spelling: Spelling) -> Option<&'static CommandKind> {
    COMMANDS.iter().find(|kind| spelling(kind.word).is_some_and(|spelled| spelled == name))
}

fn subcommand(kind: &CommandKind, name: String) -> clap::Command {
    let id = Arg::new("id").required(true).help("inc_…");
    clap::Command::new(name).about(kind.doc).arg(id).args(kind.fields.iter().map(argument))
}

fn argument(field: &Field) -> Arg {
    let named = Arg::new(field.name).help(field.ask);
    // Why one goes ahead all the same is never typed by mistake in the place of something else.
    let in_its_place = field.required || (field.kind == FieldKind::Text && field.name != "override");
    let argument = if in_its_place { named.required(field.required) } else { named.long(spelled(field.name)) };
    match field.kind {
        FieldKind::Text
        | FieldKind::Person
        | FieldKind::Whom
        | FieldKind::Policy
        | FieldKind::Incident
        | FieldKind::Signal
        | FieldKind::Message
        | FieldKind::Key
        | FieldKind::Task
        | FieldKind::Check
        | FieldKind::When => argument,
        FieldKind::People => argument.visible_alias("let-in").action(ArgAction::Append).value_delimiter(','),
        FieldKind::Resources => argument.visible_alias("on").action(ArgAction::Append).value_delimiter(','),
        FieldKind::Choice(words) => argument.value_parser(words.to_vec()),
        FieldKind::Cents | FieldKind::Count => argument.value_parser(value_parser!(u64)),
        FieldKind::Flag => argument.action(ArgAction::SetTrue),
    }
}

/// What was typed, if it is a command on an incident.
pub(super) fn read(matches: &ArgMatches) -> Result<Option<Asking>, clap::Error> {
    read_as(matches, in_full)
}

/// The same where commands are called by this spelling.
pub(crate) fn read_as(matches: &ArgMatches, spelling: Spelling) -> Result<Option<Asking>, clap::Error> {
    let Some((name, given)) = matches.subcommand() else { return Ok(None) };
    let Some(kind) = kind_as(name, spelling) else { return Ok(None) };
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
        | FieldKind::Key
        | FieldKind::Task
        | FieldKind::Check
        | FieldKind::When => given.get_one::<String>(field.name).map(|text| json!(text)),
        FieldKind::Cents | FieldKind::Count => given.get_one::<u64>(field.name).map(|number| json!(number)),
        FieldKind::Flag => given.get_flag(field.name).then_some(Value::Bool(true)),
        FieldKind::Resources | FieldKind::People => {
            let each: Vec<&String> = given.get_many::<String>(field.name)?.collect();
            Some(json!(each))
        }
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
        assert_eq!(asked("resolve inc_1 mended"), Command::Resolve { note: "mended".to_owned(), reason: None });
        let over = Command::Resolve { note: "mended".to_owned(), reason: Some("lags".to_owned()) };
        assert_eq!(asked("resolve inc_1 mended --override lags"), over);
        assert_eq!(asked("validate inc_1"), Command::Validate { check: None });
        assert_eq!(asked("validate inc_1 --check moves"), Command::Validate { check: Some("moves".to_owned()) });
        let (role, whom, reason) = ("deputy".to_owned(), "bo".to_owned(), "sleep".to_owned());
        assert_eq!(asked("request-role inc_1 deputy bo sleep"), Command::RequestRole { role, whom, reason });
        assert_eq!(asked("give-up-role inc_1 scribe"), Command::GiveUpRole { role: "scribe".to_owned() });
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
        let on = vec!["flag:a".to_owned(), "dns:b.example".to_owned()];
        let task = Command::AddTask {
            title: "pause".to_owned(),
            assignee: None,
            due: Some("45m".to_owned()),
            resources: on,
            claim: true,
            until: None,
            going_ahead: Some("burns".to_owned()),
        };
        assert_eq!(asked("add-task inc_1 pause --on flag:a,dns:b.example --due 45m --claim --override burns"), task);
        assert_eq!(
            asked("done inc_1 3 paused"),
            Command::FinishTask { task: "3".to_owned(), note: "paused".to_owned() }
        );
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
