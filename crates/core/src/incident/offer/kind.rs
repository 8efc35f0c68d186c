//! What a command is, for those who show it and ask for it: its word, what it takes, its fields, when it makes sense. Tests: `tests.rs`.

use std::fmt;

use super::given::Given;
use crate::incident::{Actor, Command, Incident, Refusal};

/// What somebody may do. Each right includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Look at everything, and change nothing.
    Read,
    /// Answer a page: acknowledge, note, take a role, ask for more people.
    Respond,
    /// Say what is so: mitigated, resolved, part of another, these facts.
    Command,
    /// Everything, including what cannot be undone.
    Administer,
}

/// What a field of a command holds, and so how a person is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A text of several lines.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A person of the roster.
    Person,
    /// A person, a policy or a schedule of the roster.
    Whom,
    /// Several people, policies and schedules of the roster.
    People,
    /// A policy of the roster.
    Policy,
    /// Another incident.
    Incident,
    /// A signal of the incident that goes on.
    Signal,
    /// A message of the room.
    Message,
    /// A word by which its sender makes sending it twice harmless.
    Key,
    /// Whole US cents.
    Cents,
    /// A whole number.
    Count,
    /// Yes or no.
    Flag,
    /// A task of the incident: its number, or its identifier.
    Task,
    /// Things that people act on, `KIND:NAME` each.
    Resources,
    /// A check of the house.
    Check,
    /// An instant, or a span from now: `45m`.
    When,
}

impl FieldKind {
    /// The kind's name outside.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Choice(_) => "choice",
            Self::Person => "person",
            Self::Whom => "whom",
            Self::People => "people",
            Self::Policy => "policy",
            Self::Incident => "incident",
            Self::Signal => "signal",
            Self::Message => "message",
            Self::Key => "key",
            Self::Cents => "cents",
            Self::Count => "count",
            Self::Flag => "flag",
            Self::Task => "task",
            Self::Resources => "resources",
            Self::Check => "check",
            Self::When => "when",
        }
    }
}

/// A field of a command.
#[derive(Clone, Copy)]
pub struct Field {
    /// Its name in a request.
    pub name: &'static str,
    /// What a person is asked.
    pub ask: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether the command means nothing without it.
    pub required: bool,
    /// What a form begins with: the value as the incident has it now.
    pub(super) known: fn(&Incident) -> Option<String>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name, self.kind)
    }
}

/// A command that a person can ask for.
#[derive(Clone, Copy)]
pub struct CommandKind {
    /// Its name in a request.
    pub word: &'static str,
    /// What hands in a hurry may type instead; may be empty.
    pub short: &'static str,
    /// On its button.
    pub title: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What it takes to ask for it.
    pub right: Right,
    /// What it is asked with.
    pub fields: &'static [Field],
    /// Whether it says the same of many incidents at once.
    pub for_many: bool,
    /// Whether it is about a message: then its place is beside that, in the room, and not among the actions of the incident.
    pub in_room: bool,
    /// Whether it makes sense now.
    pub(super) fits: fn(&Incident) -> bool,
    /// Whether it was done before, and still holds.
    pub(super) done: fn(&Incident) -> bool,
    /// Whether it is taken however long the incident is.
    pub(super) however_long: bool,
    pub(super) make: fn(Actor, &Given) -> Result<Command, Refusal>,
}

impl fmt::Debug for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.word, self.fields)
    }
}

impl CommandKind {
    /// The command of a request.
    pub fn command(&self, by: Actor, given: &Given) -> Result<Command, Refusal> {
        (self.make)(by, given)
    }

    /// Whether it makes sense now.
    pub fn fits(&self, incident: &Incident) -> bool {
        (self.fits)(incident) && (self.however_long || !incident.is_too_long())
    }
}

/// A command that makes sense now, for somebody who may ask for it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The command, with what it asks for.
    pub kind: &'static CommandKind,
    /// On its button.
    pub title: String,
    /// Its fields, each with the value as it is now.
    pub fields: Vec<(&'static Field, Option<String>)>,
}

impl Offer {
    /// The offer of this kind, whether it makes sense or not.
    pub fn of(kind: &'static CommandKind, incident: &Incident) -> Self {
        let again = if (kind.done)(incident) { " again" } else { "" };
        let fields = kind.fields.iter().map(|field| (field, (field.known)(incident))).collect();
        Self { kind, title: format!("{}{again}", kind.title), fields }
    }
}
