//! Who may look into an incident. One that is restricted goes by a code name outside: lists, tasks, conflicts, pages and streams tell that
//! name, its severity and its phase, and nothing else. Inside are those whom somebody let in, whoever was paged for it or took a role in it
//! since, and nobody else, whatever their right. Every reading is an event. Tests: `board/tests/access.rs`, `scenarios/access/`, and for
//! every door `tests/it/leaks.rs` of the server.

pub mod part;
pub mod command;
pub mod event;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::{command::AccessCommand, event::AccessEvent, part::Part};
use crate::{
    id::PersonId,
    incident::{Actor, Phase, RolesEvent, paging::event::PagingEvent},
    limits::{READ_AGAIN, READ_AGAIN_LATER, READINGS_CLOSE},
    policy::{Roster, Whom},
    time::Timestamp,
};

/// That an incident is restricted, and who is inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restriction {
    /// Its name outside.
    pub code_name: String,
    /// Who restricted it.
    pub by: Actor,
    /// Why whoever restricted it did.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// People and teams that somebody let in.
    pub members: Vec<Whom>,
    /// Who came in by being paged for it, by taking a role, or by breaking the glass.
    pub came: BTreeSet<PersonId>,
    /// Who was paged for it before it was restricted, and is not inside by that: who knew of it may be the question. Neither are they
    /// by what the escalation pages them for later: a claim of their own could make it do so.
    pub before: BTreeSet<PersonId>,
    /// Who was put out, though a team of theirs is inside.
    pub out: BTreeSet<PersonId>,
}

impl Restriction {
    /// Whether this person is inside.
    pub fn admits(&self, person: &PersonId, roster: &Roster) -> bool {
        if self.out.contains(person) {
            return false;
        }
        self.came.contains(person) || self.members.iter().any(|whom| roster.means(whom, person))
    }
}

/// When somebody looked at something: first, last, and how many readings that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// How many readings; what is looked at again within a short time is one.
    pub times: u32,
}

/// Who may look, and who did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Access {
    /// None: everybody with the right to read may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restriction: Option<Restriction>,
    /// Who looked at what.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "as_list")]
    pub(super) readings: BTreeMap<(PersonId, Part), Reading>,
    /// How many events of reading there are: they have a pace of their own and do not fill the incident.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub(super) read_events: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_none_yet(count: &u64) -> bool {
    *count == 0
}

fn as_list<S: serde::Serializer>(
    readings: &BTreeMap<(PersonId, Part), Reading>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(readings)
}

impl Access {
    /// Whether this could happen in this phase, and as it is restricted now.
    pub(super) fn fits(&self, phase: Phase, event: &AccessEvent) -> bool {
        match event {
            AccessEvent::Restricted { .. } => self.restriction.is_none() && phase != Phase::Merged,
            AccessEvent::LetIn { .. }
            | AccessEvent::PutOut { .. }
            | AccessEvent::RestrictionLifted { .. }
            | AccessEvent::GlassBroken { .. }
            | AccessEvent::Read { .. } => self.restriction.is_some(),
        }
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &AccessEvent) {
        match event {
            AccessEvent::Restricted { by, code_name, reason, members } => {
                self.restriction = Some(Restriction {
                    code_name: code_name.clone(),
                    by: by.clone(),
                    reason: reason.clone(),
                    since: at,
                    members: members.clone(),
                    came: BTreeSet::new(),
                    before: BTreeSet::new(),
                    out: BTreeSet::new(),
                });
            }
            AccessEvent::RestrictionLifted { .. } => self.restriction = None,
            AccessEvent::LetIn { whom, .. } => {
                if let Some(inside) = &mut self.restriction {
                    if let Whom::Person(person) = whom {
                        inside.out.remove(person);
                    }
                    if !inside.members.contains(whom) {
                        inside.members.push(whom.clone());
                    }
                }
            }
            AccessEvent::PutOut { whom, .. } => {
                if let Some(inside) = &mut self.restriction {
                    inside.members.retain(|member| member != whom);
                    if let Whom::Person(person) = whom {
                        inside.came.remove(person);
                        inside.out.insert(person.clone());
                    }
                }
            }
            AccessEvent::GlassBroken { by, .. } => {
                if let Some(inside) = &mut self.restriction {
                    inside.out.remove(by);
                    inside.came.insert(by.clone());
                }
            }
            AccessEvent::Read { by, part } => {
                self.read_events = self.read_events.saturating_add(1);
                let begun = Reading { first: at, last: at, times: 0 };
                let reading = self.readings.entry((by.clone(), *part)).or_insert(begun);
                (reading.last, reading.times) = (at, reading.times.saturating_add(1));
            }
        }
    }

    /// These were paged for it before it was restricted.
    pub(super) fn knew(&mut self, people: impl Iterator<Item = PersonId>) {
        if let Some(inside) = &mut self.restriction {
            inside.before.extend(people);
        }
    }

    /// Whoever is paged for it, and was not put out, comes in by that: for whom somebody asked, or has a task, and whom the escalation reaches
    /// for the first time.
    pub(super) fn hears_of_paging(&mut self, event: &PagingEvent) {
        let PagingEvent::PageRequested { person, ask, reason, .. } = event else { return };
        let knew = self.restriction.as_ref().is_some_and(|inside| inside.before.contains(person));
        if ask.is_some() || reason.task().is_some() || !knew {
            self.comes(person);
        }
    }

    /// Whoever takes a role comes in by that.
    pub(super) fn hears_of_roles(&mut self, event: &RolesEvent) {
        if let RolesEvent::RoleTaken { person, .. } | RolesEvent::AskAccepted { person, .. } = event {
            self.comes(person);
        }
    }

    fn comes(&mut self, person: &PersonId) {
        if let Some(inside) = self.restriction.as_mut().filter(|inside| !inside.out.contains(person)) {
            inside.came.insert(person.clone());
        }
    }

    /// Whether a look at this is a reading of its own: the last one is some time ago. Of an incident that was read very often it must be
    /// longer ago, so that readings cannot fill the log.
    pub(super) fn is_news(&self, by: &PersonId, part: Part, now: Timestamp) -> bool {
        let again = if self.read_events < READINGS_CLOSE { READ_AGAIN } else { READ_AGAIN_LATER };
        let last = self.readings.get(&(by.clone(), part)).map(|reading| reading.last);
        last.is_none_or(|last| now.since(last) >= again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often somebody looks, in the end a day's looks are one.
    #[test]
    fn readings_do_not_fill_the_log() {
        let (ann, bob): (PersonId, PersonId) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let (mut access, mut now) = (Access::default(), Timestamp::from_secs(1_700_000_000));
        for _ in 0..READINGS_CLOSE {
            assert!(access.is_news(&ann, Part::Incident, now));
            access.apply(now, &AccessEvent::Read { by: ann.clone(), part: Part::Incident });
            now = now.plus(READ_AGAIN);
        }
        assert!(!access.is_news(&ann, Part::Incident, now));
        assert!(access.is_news(&bob, Part::Incident, now), "somebody else is news");
        assert!(access.is_news(&ann, Part::Incident, now.plus(READ_AGAIN_LATER)));
        assert_eq!(access.read_events, READINGS_CLOSE);
    }
}
