//! What people and machines ask of an incident. Who may ask is the shell's to check; whether it makes sense is decided here.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::{Id, IdSource, IncidentId, PageId, PersonId, SignalId},
    incident::{PageOutcome, ResponseRole},
    setting::Setting,
    signal::{Facts, Signal, SignalChange},
    time::Timestamp,
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person of the roster.
    Person(PersonId),
    /// A token that belongs to no person: an integration.
    Token(String),
    /// Quarterdeck itself.
    System,
}
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => f.pad(person.as_str()),
            Self::Token(name) => write!(f, "token {name}"),
            Self::System => f.pad("quarterdeck"),
        }
    }
}

/// What `decide` may know besides the incident: the instant, fresh identifiers, and how the house is set up.
pub struct Ctx<'a> {
    /// The instant of the decision.
    pub now: Timestamp,
    /// Fresh identifiers.
    pub ids: &'a mut dyn IdSource,
    /// People, services, rules and weights.
    pub setting: &'a Setting,
}

impl Ctx<'_> {
    /// A fresh identifier.
    pub fn fresh<K>(&mut self) -> Id<K> {
        Id::from_bytes(self.ids.fresh())
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A signal came, changed, was undone or ended.
    Signal(SignalChange),
    /// Somebody is on it.
    Acknowledge {
        /// Who.
        by: Actor,
    },
    /// The harm has stopped.
    Mitigate {
        /// Who.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It is over.
    Resolve {
        /// Who.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It was not over.
    Reopen {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// It was learned from.
    Review {
        /// Who.
        by: Actor,
        /// The review's digest or address.
        note: String,
    },
    /// It is part of another incident.
    MergeInto {
        /// Who.
        by: Actor,
        /// Which other.
        into: IncidentId,
    },
    /// The other side of a merge: take the facts and the live signals of `from` over. The board asks this, nobody else.
    Absorb {
        /// Who.
        by: Actor,
        /// Which other.
        from: IncidentId,
        /// What people stated about it.
        facts: Facts,
        /// Its live signals that count, as they stand.
        signals: Vec<Arc<Signal>>,
    },
    /// The same claim came again, or signals past the limit came. The board counts and asks this at doublings.
    Count {
        /// The signal that is repeated; none: distinct signals past the limit.
        signal: Option<SignalId>,
        /// How many since the last such command.
        count: u64,
    },
    /// A line for the timeline.
    Note {
        /// Who.
        by: Actor,
        /// The line.
        text: String,
    },
    /// Take a role.
    TakeRole {
        /// Who asks.
        by: Actor,
        /// Which role.
        role: ResponseRole,
        /// Who takes it.
        person: PersonId,
    },
    /// Page the next tier now.
    Escalate {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// A person states facts about impact; with `replace`, instead of what signals claimed.
    StateFacts {
        /// Who.
        by: Actor,
        /// The facts.
        facts: Facts,
        /// Instead of, rather than together with, what is known. The only way to lower a severity by hand.
        replace: bool,
    },
    /// Carry out all that is due at the instant of the context.
    CarryOutDuties,
    /// A page went out, or did not.
    SettlePage {
        /// Which.
        page: PageId,
        /// What became of it.
        outcome: PageOutcome,
        /// From hand-over to answer.
        latency: Duration,
    },
}
