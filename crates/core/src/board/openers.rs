//! How much each source has open, and how much it says. Tests: `board/tests/bounds.rs`.

use std::{collections::HashMap, time::Duration};

use imbl::OrdMap;

use crate::{bounds::Bounds, id::SourceId, time::Timestamp};

/// Open incidents by the source whose signal opened them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Openers(OrdMap<SourceId, Count>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    /// Those that are about no known service.
    unplaced: usize,
}

impl Openers {
    pub(super) fn opened(&mut self, source: SourceId, placed: bool) {
        let count = self.0.entry(source).or_default();
        count.all = count.all.saturating_add(1);
        count.unplaced = count.unplaced.saturating_add(usize::from(!placed));
    }

    pub(super) fn closed(&mut self, source: &SourceId, placed: bool) {
        let Some(count) = self.0.get_mut(source) else { return };
        count.all = count.all.saturating_sub(1);
        count.unplaced = count.unplaced.saturating_sub(usize::from(!placed));
        if count.all == 0 {
            self.0.remove(source);
        }
    }

    /// Incidents that the source has open.
    pub(super) fn all(&self, source: &SourceId) -> usize {
        self.0.get(source).map_or(0, |count| count.all)
    }

    /// Those of them that are about no known service.
    pub(super) fn unplaced(&self, source: &SourceId) -> usize {
        self.0.get(source).map_or(0, |count| count.unplaced)
    }
}

/// New signals of each source in the minute that runs. Beside the fold: lost with the process, and begun anew with each copy.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<SourceId, (Timestamp, u32)>);

/// The span that signals are counted in.
const MINUTE: Duration = Duration::from_mins(1);

impl Pace {
    /// Counts one more, and says whether it is beyond the bound.
    pub(super) fn is_over(&mut self, source: &SourceId, bounds: &Bounds, now: Timestamp) -> bool {
        let (since, count) = self.0.entry(source.clone()).or_insert((now, 0));
        if now.since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count > bounds.signals_a_minute
    }
}

/// What was found of a signal on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paced {
    /// It claimed what its source may not.
    pub(super) confined: bool,
    /// It came too soon after too many.
    pub(super) fast: bool,
}
