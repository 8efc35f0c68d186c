//! Repeats that are not recorded yet. A storm is counted without one event a repeat: a count is recorded when it has doubled,
//! and when the incident would otherwise seem to have fallen quiet. Beside the fold: lost with the process.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    id::{IncidentId, SignalId},
    incident::Incident,
    limits::REPEATS_REMEMBERED_MAX,
    time::Timestamp,
};

#[derive(Debug, Default)]
pub(super) struct Tally(HashMap<IncidentId, BTreeMap<Option<SignalId>, Pending>>);

#[derive(Debug, Default)]
struct Pending {
    count: u64,
    /// The latest repeats, so that one delivered twice is counted once.
    recent: Vec<SignalId>,
}

impl Tally {
    /// Counts one more of `claim` (none: of the signals past the limit), and says how many to record now, if any.
    pub(super) fn count(
        &mut self,
        incident: &Incident,
        claim: Option<SignalId>,
        id: SignalId,
        quiet: Duration,
        now: Timestamp,
    ) -> Option<u64> {
        let pending = self.0.entry(incident.id()).or_default().entry(claim).or_default();
        if pending.recent.contains(&id) {
            return None;
        }
        if pending.recent.len() >= REPEATS_REMEMBERED_MAX {
            pending.recent.remove(0);
        }
        pending.recent.push(id);
        pending.count = pending.count.saturating_add(1);
        let recorded = match claim {
            Some(claim) => incident.signals().get(&claim).map_or(0, |attached| attached.repeats),
            None => incident.absorbed(),
        };
        // The first repeat of a claim is nothing to tell; the first signal past the limit is.
        let next = recorded.saturating_mul(2).max(if claim.is_some() { 2 } else { 1 });
        let doubled = recorded.saturating_add(pending.count) >= next;
        let fell_quiet = now.since(incident.last_signal()) >= quiet;
        (doubled || fell_quiet).then(|| std::mem::take(&mut pending.count))
    }

    /// The incident is over.
    pub(super) fn forget(&mut self, incident: IncidentId) {
        self.0.remove(&incident);
    }
}
