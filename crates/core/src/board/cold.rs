//! What is over and owes nothing goes cold: its row stays, the incident itself is in the store and is brought back when somebody
//! asks for it. Going cold changes nothing that anybody can see, so it is no event: like the tally it is beside the fold.
//!
//! Whoever decides brings back first what a piece of work touches ([`Board::wanted`]): a rule that met a cold incident would take
//! it for one that is not there. Never reads a store. Tests: `board/tests/cold.rs`.

use std::sync::Arc;

use super::{
    Board,
    place::{Indexed, Place},
    row::IncidentRow,
};
use crate::{
    id::IncidentId,
    incident::Incident,
    limits::{COOLED_AT_ONCE_MAX, MERGE_DEPTH_MAX},
    setting::Rules,
    signal::{SignalChange, SignalStatus},
    time::Timestamp,
};

impl Board {
    /// Lets go of incidents that are over for longer than anything can bring them back, at most [`COOLED_AT_ONCE_MAX`] of them.
    /// Returns how many.
    pub fn cool(&mut self, rules: &Rules, now: Timestamp) -> usize {
        let rest = rules.window.max(rules.reopen).max(rules.validation.watch);
        let mut cooled = 0;
        while cooled < COOLED_AT_ONCE_MAX
            && let Some((since, id)) = self.resting.get_min().copied()
            && now.since(since) > rest
        {
            // One that still waits for something rests anew with its next event.
            self.resting.remove(&(since, id));
            if let Some(incident) = self.incidents.get(&id)
                && incident.pages_under_way().next().is_none()
                && incident.watched_until().is_none_or(|until| until < now)
            {
                self.cold.insert(id, Arc::new(IncidentRow::of(incident)));
                self.incidents.remove(&id);
                cooled += 1;
            }
        }
        cooled
    }

    /// The row of an incident that is cold.
    pub fn cold(&self, id: IncidentId) -> Option<&Arc<IncidentRow>> {
        self.cold.get(&id)
    }

    /// The rows of all incidents that are cold.
    pub fn cold_rows(&self) -> impl Iterator<Item = &Arc<IncidentRow>> {
        self.cold.values()
    }

    /// Takes a cold incident back, folded from its stream. False, and nothing changes, if it is not the one that went cold: then
    /// its history was changed meanwhile. Words may have been erased; where it stands in its life cannot be.
    pub fn warm(&mut self, incident: &Arc<Incident>) -> bool {
        let id = incident.id();
        let Some(row) = self.cold.get(&id) else { return self.incidents.contains_key(&id) };
        let (was, is) = (&**row, IncidentRow::of(incident));
        if (was.version, was.phase, was.merged_into) != (is.version, is.phase, is.merged_into) {
            return false;
        }
        self.cold.remove(&id);
        self.resting.insert((incident.last_event(), id));
        self.incidents.insert(id, Arc::clone(incident));
        true
    }

    /// The cold incidents that a change to a signal touches.
    pub fn wanted(&self, change: &SignalChange, rules: &Rules, now: Timestamp) -> Vec<IncidentId> {
        let mut wanted = Vec::new();
        if self.cold.is_empty() {
            return wanted;
        }
        let (signal, claim) = match change {
            SignalChange::Raised { signal } if signal.status == SignalStatus::Ended => (None, Some(signal.fingerprint)),
            SignalChange::Raised { signal } => (Some(signal.id), None),
            SignalChange::Confirmed { id } | SignalChange::Retracted { id, .. } => (Some(*id), None),
            SignalChange::Ended { fingerprint, .. } | SignalChange::Silent { fingerprint, .. } => {
                (None, Some(*fingerprint))
            }
        };
        if let Some(id) = signal.and_then(|signal| self.signals.get(&signal)) {
            wanted.extend([Some(*id), self.holder_id(*id)].into_iter().flatten());
        }
        if let Some(id) = claim.and_then(|claim| self.claims.get(&claim)) {
            wanted.push(*id);
        }
        wanted.retain(|id| self.cold.get(id).is_some_and(|row| claim.is_none() || row.live > 0));
        // The time to reopen may have been made longer since it went cold.
        if let SignalChange::Raised { signal } = change
            && let Some(id) = self.claims.get(&signal.fingerprint).and_then(|id| self.holder_id(*id))
            && let Some(row) = self.cold.get(&id)
            && row.resolved.is_some_and(|resolved| now.since(resolved) <= rules.reopen)
        {
            wanted.push(id);
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The incident that holds what `id` held, warm or cold: itself, or the one that it was merged into in the end.
    pub fn holder_id(&self, id: IncidentId) -> Option<IncidentId> {
        let merged_into = |id: &IncidentId| match self.incidents.get(id) {
            Some(incident) => incident.merged_into(),
            None => self.cold.get(id)?.merged_into,
        };
        let known = self.incidents.contains_key(&id) || self.cold.contains_key(&id);
        std::iter::successors(known.then_some(id), merged_into).take(MERGE_DEPTH_MAX).last()
    }

    /// Puts an incident as its events make it in the place of what is there, because what is there was found to be something else.
    pub fn put_right(&mut self, incident: &Arc<Incident>) {
        let id = incident.id();
        if self.is_set_aside(id) {
            return;
        }
        if let Some(row) = self.cold.remove(&id) {
            self.order.remove(&Place::of(&row));
        }
        let before = self.incidents.get(&id).map(|known| Indexed::of(known));
        self.index(id, before, Some(Indexed::of(incident)));
        self.incidents.insert(id, Arc::clone(incident));
    }

    /// The incidents of which this board says something else than `fold` does, at most `limit` of them.
    pub fn differing(&self, fold: &Self, limit: usize) -> Vec<IncidentId> {
        let all = self.incidents.keys().chain(self.cold.keys()).chain(fold.incidents.keys()).chain(fold.cold.keys());
        let mut differing = Vec::new();
        for id in all {
            if differing.len() < limit && !self.says_the_same_of(*id, fold) && !differing.contains(id) {
                differing.push(*id);
            }
        }
        differing
    }

    fn says_the_same_of(&self, id: IncidentId, other: &Self) -> bool {
        match (self.incidents.get(&id), other.incidents.get(&id)) {
            (Some(here), Some(there)) => Arc::ptr_eq(here, there) || here == there,
            _ => self.row(id) == other.row(id),
        }
    }

    /// Whether both boards hold the same incidents. Of one that is cold its row stands for it.
    pub(super) fn has_the_incidents_of(&self, other: &Self) -> bool {
        let warm = self.incidents.iter().all(|(id, incident)| match other.incidents.get(id) {
            Some(same) => Arc::ptr_eq(same, incident) || same == incident,
            None => other.cold.get(id).is_some_and(|row| **row == IncidentRow::of(incident)),
        });
        let cold = || {
            self.cold.iter().all(|(id, row)| match other.cold.get(id) {
                Some(same) => same == row,
                None => other.incidents.get(id).is_some_and(|incident| **row == IncidentRow::of(incident)),
            })
        };
        self.len() == other.len() && warm && cold()
    }
}
