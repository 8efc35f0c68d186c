//! What rows of THE LIST have in common: how a row begins, and the fields that several of them ask for. Tests: `tests.rs`.

use super::kind::{CommandKind, Field, FieldKind, Right};
use crate::incident::{Command, LifeCommand};

/// A row that leaves nothing open but what it must say.
pub(super) const PLAIN: CommandKind = CommandKind {
    word: "",
    short: "",
    title: "",
    doc: "",
    right: Right::Administer,
    fields: &[],
    for_many: false,
    in_room: false,
    fits: |_| true,
    done: |_| false,
    however_long: false,
    make: |by, _| Ok(Command::Life(LifeCommand::Acknowledge { by })),
};

pub(super) const fn field(name: &'static str, kind: FieldKind, ask: &'static str) -> Field {
    Field { name, ask, kind, required: false, known: |_| None }
}

pub(super) const fn needed(name: &'static str, kind: FieldKind, ask: &'static str) -> Field {
    Field { required: true, ..field(name, kind, ask) }
}

/// A row about messages: these have a bound of their own, so that a long incident leaves people their room.
pub(super) const IN_ROOM: CommandKind =
    CommandKind { in_room: true, right: Right::Respond, however_long: true, ..PLAIN };

pub(super) const WHY: Field = needed("reason", FieldKind::Text, "Why");
pub(super) const CODE_NAME: Field = field("code_name", FieldKind::Text, "Its name outside; empty: one is drawn");
pub(super) const MEMBERS: Field = field(
    "members",
    FieldKind::People,
    "Who is inside besides you and those who have a role: people, policies, schedules",
);
/// A row about who may look into what is restricted. Taken at any length: who may look is never beyond a bound.
pub(super) const INSIDE: CommandKind = CommandKind {
    right: Right::Command,
    fields: &[needed("whom", FieldKind::Whom, "Whom: a person, a policy or a schedule"), WHY],
    fits: |incident| incident.restriction().is_some(),
    however_long: true,
    ..PLAIN
};

pub(super) const KEY: Field =
    field("key", FieldKind::Key, "A word of your own: sent again with it, it is written once");

pub(super) const TASK: Field = needed("task", FieldKind::Task, "Which task");
pub(super) const UNTIL: Field =
    field("until", FieldKind::When, "Until when you are on it: 45m, or an instant; empty: 30 minutes");
pub(super) const OVERRIDE: Field = field(
    "override",
    FieldKind::Text,
    "Only if a claim is in your way: why you go ahead all the same; its holder is told",
);
