//! Roles: who does what, and who was asked to come. Whoever is asked by name is paged beside the escalation, whose place and clock go on
//! as they were. An ask is open until somebody of those who were asked answers; after a second page it ends, and whoever asked is told.
//! Tests: `board/tests/asks.rs`, `scenarios/paging/asked_in.md`, and the laws in `tests/laws.rs`.

pub mod event;
pub mod command;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::{command::RolesCommand, event::RolesEvent};
use crate::{
    id::PersonId,
    incident::{Actor, Phase, ResponseRole, life::event::LifeEvent, refusal::Named},
    policy::Whom,
    time::Timestamp,
};

/// How it stands with something that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum AskState {
    /// Nobody has answered yet.
    Open,
    /// Somebody comes.
    Accepted,
    /// All who were asked have said that they do not come.
    Declined,
    /// Nobody answered in time.
    Unanswered,
    /// It is not needed any more: the role was taken, or the incident is over.
    Moot,
}

impl AskState {
    /// As it is written everywhere.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Unanswered => "unanswered",
            Self::Moot => "moot",
        }
    }
}

/// Something that was asked of a person or a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// From 1, in the order of asking.
    pub number: u32,
    /// Whom somebody asked.
    pub whom: Whom,
    /// The role that they are to take; none: only to come.
    pub role: Option<ResponseRole>,
    /// Who asks.
    pub by: Actor,
    /// What for.
    pub reason: String,
    /// When it was asked.
    pub at: Timestamp,
    /// Everybody who was asked.
    pub people: BTreeSet<PersonId>,
    /// Who comes.
    pub coming: BTreeSet<PersonId>,
    /// Who does not.
    pub declined: BTreeSet<PersonId>,
    /// How it stands.
    pub state: AskState,
    /// How often it was asked again.
    pub again: u32,
    /// When the next step is due; none: it is not open.
    pub next: Option<Timestamp>,
}

impl Ask {
    /// Whether this person may still answer it: late is better than never.
    pub fn awaits(&self, person: &PersonId) -> bool {
        let answered = self.coming.contains(person) || self.declined.contains(person);
        let more = match self.state {
            AskState::Open | AskState::Unanswered => true,
            // A second one of a team comes, too; a role has one holder.
            AskState::Accepted => self.role.is_none(),
            AskState::Declined | AskState::Moot => false,
        };
        more && self.people.contains(person) && !answered
    }

    /// Whether nobody is left who could come.
    pub fn is_declined_by_all(&self, last: &PersonId) -> bool {
        self.people.iter().all(|person| person == last || self.declined.contains(person))
    }

    fn ends(&mut self, state: AskState) {
        (self.state, self.next) = (state, None);
    }
}

/// Who does what, and who was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Roles {
    pub(super) held: BTreeMap<ResponseRole, PersonId>,
    /// All that was asked, by number: at most as many as people may ask, and those of empty roles.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) asks: BTreeMap<u32, Ask>,
}

impl Roles {
    /// Whether this could happen in this phase.
    pub(super) fn fits(phase: Phase, event: &RolesEvent) -> bool {
        match event {
            RolesEvent::RoleTaken { .. } | RolesEvent::RoleGivenUp { .. } => phase != Phase::Merged,
            RolesEvent::AskedIn { .. }
            | RolesEvent::AskedAgain { .. }
            | RolesEvent::AskAccepted { .. }
            | RolesEvent::AskDeclined { .. }
            | RolesEvent::AskUnanswered { .. } => phase.is_open(),
        }
    }

    /// What the event names and is not here.
    pub(super) fn missing(&self, event: &RolesEvent) -> Option<Named> {
        match event {
            RolesEvent::AskedAgain { ask, .. }
            | RolesEvent::AskAccepted { ask, .. }
            | RolesEvent::AskDeclined { ask, .. }
            | RolesEvent::AskUnanswered { ask, .. } => (!self.asks.contains_key(ask)).then_some(Named::Ask(*ask)),
            RolesEvent::RoleTaken { .. } | RolesEvent::RoleGivenUp { .. } | RolesEvent::AskedIn { .. } => None,
        }
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &RolesEvent) {
        match event {
            RolesEvent::RoleTaken { role, person, .. } => {
                self.held.insert(*role, person.clone());
                for ask in self.open_mut().filter(|ask| ask.role == Some(*role)) {
                    ask.ends(AskState::Moot);
                }
            }
            RolesEvent::RoleGivenUp { role, .. } => {
                self.held.remove(role);
            }
            RolesEvent::AskedIn { ask, whom, people, role, by, reason, next } => {
                let asked = Ask {
                    number: *ask,
                    whom: whom.clone(),
                    role: *role,
                    by: by.clone(),
                    reason: reason.clone(),
                    at,
                    people: people.iter().cloned().collect(),
                    coming: BTreeSet::new(),
                    declined: BTreeSet::new(),
                    state: AskState::Open,
                    again: 0,
                    next: Some(*next),
                };
                self.asks.insert(*ask, asked);
            }
            RolesEvent::AskedAgain { ask, people, next } => {
                if let Some(ask) = self.asks.get_mut(ask) {
                    ask.people.extend(people.iter().cloned());
                    ask.again = ask.again.saturating_add(1);
                    ask.next = Some(*next);
                }
            }
            RolesEvent::AskAccepted { ask, person } => {
                if let Some(ask) = self.asks.get_mut(ask) {
                    ask.coming.insert(person.clone());
                    ask.ends(AskState::Accepted);
                }
            }
            RolesEvent::AskDeclined { ask, person, .. } => {
                if let Some(ask) = self.asks.get_mut(ask) {
                    let last = ask.is_declined_by_all(person);
                    ask.declined.insert(person.clone());
                    if last && ask.state == AskState::Open {
                        ask.ends(AskState::Declined);
                    }
                }
            }
            RolesEvent::AskUnanswered { ask, .. } => {
                if let Some(ask) = self.asks.get_mut(ask)
                    && ask.state == AskState::Open
                {
                    ask.ends(AskState::Unanswered);
                }
            }
        }
    }

    /// The incident turned to another phase: with its end nobody is needed any more.
    pub(super) fn turned(&mut self, event: &LifeEvent) {
        if matches!(event, LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. }) {
            self.open_mut().for_each(|ask| ask.ends(AskState::Moot));
        }
    }

    fn open_mut(&mut self) -> impl Iterator<Item = &mut Ask> {
        self.asks.values_mut().filter(|ask| ask.state == AskState::Open)
    }

    /// What was asked and nobody has answered.
    pub(super) fn open(&self) -> impl Iterator<Item = &Ask> {
        self.asks.values().filter(|ask| ask.state == AskState::Open)
    }

    /// Whether people are still paged for it.
    pub(super) fn is_open(&self, ask: u32) -> bool {
        self.asks.get(&ask).is_some_and(|ask| ask.state == AskState::Open)
    }
}

impl RolesCommand {
    /// Whether it is accepted however long the incident is: an answer is bounded by what was asked.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Accept { .. } | Self::Decline { .. } => true,
            Self::Take { .. } | Self::Ask { .. } | Self::GiveUp { .. } => false,
        }
    }
}
