//! Roles: who does what, and who was asked to come. Whoever is asked by name is paged beside the escalation, whose place and clock go on
//! as they were. An ask is open until somebody of those who were asked answers; after a second page it ends, and whoever asked is told.
//! Tests: `board/tests/asks.rs`, `scenarios/paging/asked_in.md`, and the laws in `tests/laws.rs`.

pub mod event;
pub mod command;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use self::{command::RolesCommand, event::RolesEvent};
use crate::{
    id::PersonId,
    incident::{Actor, Phase, ResponseRole, Severity, life::event::LifeEvent, refusal::Named},
    policy::Whom,
    role::{Empty, RoleClock},
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
    /// Which must not be empty for long, frozen at the opening.
    #[serde(skip_serializing_if = "no_clocks")]
    pub(super) clocks: Arc<Vec<RoleClock>>,
    /// When it began, or began again.
    since: Timestamp,
    /// When somebody gave a role up that is empty now.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    emptied: BTreeMap<ResponseRole, Timestamp>,
    /// When it was this bad first, since it began. What comes and goes starts no clock anew.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reached: BTreeMap<Severity, Timestamp>,
}

fn no_clocks(clocks: &Arc<Vec<RoleClock>>) -> bool {
    clocks.is_empty()
}

impl Roles {
    /// Nobody has a role yet.
    pub(super) fn begin(clocks: &[RoleClock], at: Timestamp, severity: Severity) -> Self {
        let mut roles = Self { clocks: Arc::new(clocks.to_vec()), since: at, ..Self::default() };
        roles.graded(at, severity);
        roles
    }

    /// How bad it is now.
    pub(super) fn graded(&mut self, at: Timestamp, severity: Severity) {
        if self.clocks.is_empty() {
            return;
        }
        for reached in Severity::ALL.into_iter().filter(|reached| *reached <= severity) {
            self.reached.entry(reached).or_insert(at);
        }
    }

    /// Whether the clock of a role runs in this phase. Who is asked by the incident's own policy is paged by its escalation until somebody
    /// has answered, and by that has a commander.
    fn runs(clock: &RoleClock, phase: Phase, stands: bool) -> bool {
        match phase {
            Phase::Acknowledged => true,
            Phase::Triggered => stands && clock.whom.is_some(),
            Phase::Mitigated | Phase::Resolved | Phase::Reviewed | Phase::Merged => false,
        }
    }

    /// Until when a role may be empty that is empty now; none: for ever.
    fn may_be_empty_until(&self, clock: &RoleClock, severity: Severity) -> Option<Timestamp> {
        if self.held.contains_key(&clock.role) {
            return None;
        }
        let emptied = self.emptied.get(&clock.role).copied().unwrap_or(self.since).max(self.since);
        let due = |empty: &Empty| {
            let reached = self.reached.get(&empty.severity).filter(|_| empty.severity <= severity)?;
            Some(emptied.max(*reached).plus(empty.span))
        };
        clock.empty.iter().filter_map(due).min()
    }

    /// The roles that are empty and whose clock runs, each with the instant from which on it is paged for. Not those that somebody is
    /// asked to take already, by an ask that is not `over` in this moment.
    pub(super) fn missed(
        &self,
        phase: Phase,
        stands: bool,
        severity: Severity,
        over: impl Fn(&Ask) -> bool,
    ) -> impl Iterator<Item = (&RoleClock, Timestamp)> {
        let asked = move |role| self.open().any(|ask| ask.role == Some(role) && !over(ask));
        let running = self.clocks.iter().filter(move |clock| Self::runs(clock, phase, stands) && !asked(clock.role));
        running.filter_map(move |clock| Some((clock, self.may_be_empty_until(clock, severity)?)))
    }

    /// What we ask for an empty role ends with what made it urgent.
    pub(super) fn keep_needed(&mut self, phase: Phase, stands: bool, severity: Severity) {
        let ours = |ask: &Ask| ask.state == AskState::Open && ask.by == Actor::System;
        if !self.asks.values().any(ours) {
            return;
        }
        let needed = |role| {
            let mut clocks = self.clocks.iter().filter(|clock| Some(clock.role) == role);
            clocks.any(|clock| {
                Self::runs(clock, phase, stands) && clock.empty.iter().any(|empty| empty.severity <= severity)
            })
        };
        let over: Vec<u32> =
            self.asks.values().filter(|ask| ours(ask) && !needed(ask.role)).map(|ask| ask.number).collect();
        for number in over {
            if let Some(ask) = self.asks.get_mut(&number) {
                ask.ends(AskState::Moot);
            }
        }
    }

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
                self.emptied.remove(role);
                for ask in self.open_mut().filter(|ask| ask.role == Some(*role)) {
                    ask.ends(AskState::Moot);
                }
            }
            RolesEvent::RoleGivenUp { role, .. } => {
                self.held.remove(role);
                self.emptied.insert(*role, at);
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
                if let Some(ask) = self.asks.get_mut(ask)
                    && ask.state == AskState::Open
                {
                    // Who declined and is asked anew may answer anew.
                    ask.declined.retain(|person| !people.contains(person));
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
                    // An empty role is asked for until somebody takes it.
                    if last && ask.state == AskState::Open && ask.by != Actor::System {
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
    pub(super) fn turned(&mut self, at: Timestamp, event: &LifeEvent, severity: Severity) {
        if matches!(event, LifeEvent::Reopened { .. }) {
            self.since = at;
            self.reached.clear();
            self.graded(at, severity);
        }
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
