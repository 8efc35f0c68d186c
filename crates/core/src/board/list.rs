//! The list of incidents in the order in which people read it, kept ready: a page of it costs what it shows, however many
//! incidents there are. Tests: in `board/tests/list.rs`.

use std::{ops::Bound, sync::Arc};

use super::{
    Board,
    place::{Cursor, FIRST_OVER, Indexed, Listed, Place, Which},
    row::IncidentRow,
};
use crate::{id::IncidentId, incident::Incident, journal::Stream};

impl Board {
    /// At most `limit` incidents of the list, beginning after `after`.
    pub fn list(&self, which: Which, after: Option<Cursor>, limit: usize) -> Listed {
        let first_over = Bound::Included(FIRST_OVER);
        let start = match (after, which) {
            (Some(Cursor(place)), Which::Over) if place.is_open() => first_over,
            (Some(Cursor(place)), _) => Bound::Excluded(place),
            (None, Which::Over) => first_over,
            (None, Which::Open | Which::All) => Bound::Unbounded,
        };
        let mut places =
            self.order.range((start, Bound::Unbounded)).take_while(|place| which != Which::Open || place.is_open());
        let shown: Vec<Place> = places.by_ref().take(limit).copied().collect();
        let next = shown.last().copied().filter(|_| places.next().is_some()).map(Cursor);
        Listed { rows: shown.iter().filter_map(|place| self.row(place.id())).collect(), next }
    }

    /// An incident in one line, warm or cold.
    pub fn row(&self, id: IncidentId) -> Option<Arc<IncidentRow>> {
        let warm = self.incidents.get(&id).map(|incident| Arc::new(IncidentRow::of(incident)));
        warm.or_else(|| self.cold.get(&id).cloned())
    }

    /// Whether only some may look into it.
    pub fn is_restricted(&self, id: IncidentId) -> bool {
        match self.incidents.get(&id) {
            Some(warm) => warm.restriction().is_some(),
            None => self.cold.get(&id).is_some_and(|row| row.restricted),
        }
    }

    /// Incidents for which everybody was tried, and nobody is known to have been reached since.
    pub fn unreached(&self) -> impl Iterator<Item = &Incident> {
        self.unreached.iter().filter_map(|id| self.incident(*id))
    }

    /// How many of them there are.
    pub fn unreached_count(&self) -> usize {
        self.unreached.len()
    }

    /// How many incidents people work on.
    pub const fn open_incidents(&self) -> usize {
        self.open
    }

    /// How many incidents there are, warm and cold.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Brings the indexes from what they hold of an incident to what they should hold. None: nothing.
    pub(super) fn index(&mut self, id: IncidentId, before: Option<Indexed>, after: Option<Indexed>) {
        if before == after {
            return;
        }
        if let Some(Indexed { deadline, place, rests, unreached, opener, gathers, held }) = before {
            deadline.map(|at| self.deadlines.remove(&(at, Stream::Incident(id))));
            self.order.remove(&place);
            self.open = self.open.saturating_sub(usize::from(place.is_open()));
            rests.map(|at| self.resting.remove(&(at, id)));
            unreached.then(|| self.unreached.remove(&id));
            gathers.then(|| self.gathering.remove(&id));
            held.iter().for_each(|hold| drop(self.held.remove(hold)));
            if let Some((source, placed)) = opener {
                self.openers.closed(&source, placed);
            }
        }
        if let Some(Indexed { deadline, place, rests, unreached, opener, gathers, held }) = after {
            deadline.map(|at| self.deadlines.insert((at, Stream::Incident(id))));
            self.order.insert(place);
            self.open = self.open.saturating_add(usize::from(place.is_open()));
            rests.map(|at| self.resting.insert((at, id)));
            unreached.then(|| self.unreached.insert(id));
            gathers.then(|| self.gathering.insert(id));
            self.held.extend(held);
            if let Some((source, placed)) = opener {
                self.openers.opened(source, placed);
            }
        }
    }
}
