//! A history that does not fold is set aside: everything else goes on, people are told, and what the incident claimed opens a new
//! one when it is heard again. Never guesses what a damaged event may have said. Tests: `board/tests/aside.rs`.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Board,
    damage::{Aside, Misfit, Subject, sentence, signal},
    place::{Indexed, Place},
};
use crate::{
    id::IncidentId,
    incident::{IllegalHistory, Incident},
    journal::{Body, JournalEvent, Recorded, Stream},
    signal::{Facts, Signal},
    time::Timestamp,
};

impl Board {
    /// Whether these events fold, in their order, on top of what was recorded. Changes nothing.
    pub fn fits(&self, recorded: &[Recorded]) -> Result<(), Misfit> {
        let mut journal = self.journal;
        let mut tried: BTreeMap<IncidentId, Incident> = BTreeMap::new();
        for one in recorded {
            let misfit = |error: IllegalHistory| Misfit { stream: one.stream, reason: error.to_string() };
            match (&one.stream, &one.body) {
                (Stream::Journal, Body::Journal(_)) if one.version == journal => journal = journal.saturating_add(1),
                (Stream::Journal, Body::Journal(_)) => {
                    return Err(misfit(IllegalHistory::BadJournalVersion { want: journal, got: one.version }));
                }
                (Stream::Incident(id), Body::Incident(event)) => {
                    let known = tried.get_mut(id);
                    match (known, self.incidents.get(id)) {
                        (Some(incident), _) => incident.apply(one.version, one.at, event).map_err(misfit)?,
                        (None, Some(incident)) if recorded.len() == 1 => {
                            incident.accepts(one.version, event).map_err(misfit)?;
                        }
                        (None, Some(incident)) => {
                            let mut incident = (**incident).clone();
                            incident.apply(one.version, one.at, event).map_err(misfit)?;
                            tried.insert(*id, incident);
                        }
                        (None, None) => {
                            self.begins(*id, one.version).map_err(misfit)?;
                            tried.insert(*id, Incident::first(*id, one.at, event).map_err(misfit)?);
                        }
                    }
                }
                (stream, body) => {
                    let (stream, kind) = (stream.to_string(), body.kind());
                    return Err(misfit(IllegalHistory::WrongStream { stream, version: one.version, kind }));
                }
            }
        }
        Ok(())
    }

    /// Whether an event of an incident that is not here can be its first.
    pub(super) fn begins(&self, id: IncidentId, version: u64) -> Result<(), IllegalHistory> {
        if self.is_set_aside(id) {
            Err(IllegalHistory::SetAside { id })
        } else if let Some(row) = self.cold.get(&id) {
            Err(IllegalHistory::BadVersion { id, want: row.version.saturating_add(1), got: version })
        } else if version != 0 {
            Err(IllegalHistory::BadVersion { id, want: 0, got: version })
        } else {
            Ok(())
        }
    }

    /// Takes an incident out of everything, because its history does not fold. The journal is to be told: [`Board::untold`].
    pub fn set_aside(&mut self, id: IncidentId, reason: &str) {
        if self.is_set_aside(id) {
            return;
        }
        let incident = self.incidents.get(&id).cloned();
        let facts = incident.as_ref().map(|incident| incident.facts().clone()).unwrap_or_default();
        if let Some(incident) = &incident {
            self.index(id, Some(Indexed::of(incident)), None);
            incident.signals().values().for_each(|attached| self.groups.remove(&attached.signal, id));
        } else if let Some(row) = self.cold.get(&id) {
            self.order.remove(&Place::of(row));
        }
        self.incidents.remove(&id);
        self.cold.remove(&id);
        self.tally.forget(id);
        self.signals = without(&self.signals, id);
        self.claims = without(&self.claims, id);
        self.pages = without(&self.pages, id);
        self.aside.insert(Subject::Incident(id), Aside { reason: reason.to_owned(), facts, told: false });
    }

    /// Passes over an event at `place` of the log that belongs to no incident and cannot be read. `version`: its place in the journal,
    /// if it is of the journal.
    pub fn pass_over(&mut self, place: u64, version: Option<u64>, reason: &str) {
        if let Some(version) = version {
            self.journal = version.saturating_add(1);
        }
        let (reason, facts) = (reason.to_owned(), Facts::default());
        self.aside.entry(Subject::Event(place)).or_insert(Aside { reason, facts, told: false });
    }

    /// Whether the history of an incident was set aside.
    pub fn is_set_aside(&self, id: IncidentId) -> bool {
        self.aside.contains_key(&Subject::Incident(id))
    }

    /// Why the history of an incident was set aside; none: it was not.
    pub fn set_aside_reason(&self, id: IncidentId) -> Option<&str> {
        self.aside.get(&Subject::Incident(id)).map(|aside| aside.reason.as_str())
    }

    /// Whether an event of the log says that this is left of another that was erased: the digest of a text ([`crate::erasure::digest`]).
    pub fn has_left(&self, stream: Stream, version: u64, digest: &str) -> bool {
        self.erased.get(&(stream, version)).is_some_and(|left| **left == *digest)
    }

    /// How many events were erased.
    pub fn erased(&self) -> usize {
        self.erased.len()
    }

    /// Whether it was set aside that an event at this place of the log cannot be read.
    pub fn is_passed_over(&self, place: u64) -> bool {
        self.aside.contains_key(&Subject::Event(place))
    }

    /// What was set aside here and is not in the other board: the incident, or the place in the log; and why.
    pub fn set_aside_beside(&self, other: &Self) -> Vec<(Result<IncidentId, u64>, String)> {
        let beside = self.aside.iter().filter(|(subject, _)| !other.aside.contains_key(*subject));
        let plain = |subject: &Subject| match subject {
            Subject::Incident(id) => Ok(*id),
            Subject::Event(place) => Err(*place),
        };
        beside.map(|(subject, aside)| (plain(subject), aside.reason.clone())).collect()
    }

    /// All that was set aside, each in a sentence.
    pub fn damage(&self) -> impl Iterator<Item = String> {
        self.aside.iter().map(|(subject, aside)| sentence(*subject, &aside.reason))
    }

    /// What was set aside and is not in the journal yet: the event for it, and the signal that tells people.
    pub fn untold(&self, now: Timestamp) -> Option<(JournalEvent, Arc<Signal>)> {
        let (subject, aside) = self.aside.iter().find(|(_, aside)| !aside.told)?;
        let reason = aside.reason.clone();
        let event = match subject {
            Subject::Incident(incident) => JournalEvent::StreamSetAside { incident: *incident, reason },
            Subject::Event(place) => JournalEvent::EventSetAside { place: *place, reason },
        };
        Some((event, Arc::new(signal(*subject, aside, now))))
    }

    /// The journal says that something was set aside.
    pub(super) fn told(&mut self, subject: Subject, reason: &str) {
        match subject {
            Subject::Incident(id) => self.set_aside(id, reason),
            Subject::Event(place) => self.pass_over(place, None, reason),
        }
        if let Some(aside) = self.aside.get_mut(&subject) {
            // Who was told knows how bad it was: the same history may break at an earlier event when it is folded again.
            *aside = Aside { reason: reason.to_owned(), facts: Facts::default(), told: true };
        }
    }
}

fn without<K: Ord + Clone>(index: &imbl::OrdMap<K, IncidentId>, id: IncidentId) -> imbl::OrdMap<K, IncidentId> {
    let mut kept = index.clone();
    for (key, _) in index.iter().filter(|(_, holder)| **holder == id) {
        kept.remove(key);
    }
    kept
}
