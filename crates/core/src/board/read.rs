//! What others may read of a board. Tests: none needed; each function is a look-up.

use std::sync::Arc;

use super::{Board, loose::LooseSignal};
use crate::{
    chain::Gap,
    id::{IncidentId, PageId, SignalId, SilenceId},
    incident::Incident,
    signal::{Fingerprint, Signal},
    silence::Silence,
    time::Timestamp,
};

impl Board {
    /// An incident that is warm.
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id).map(Arc::as_ref)
    }
    /// An incident that is warm, to keep.
    pub fn shared(&self, id: IncidentId) -> Option<Arc<Incident>> {
        self.incidents.get(&id).cloned()
    }
    /// All incidents that are warm, by identifier: those that are open, and those that were over lately.
    pub fn incidents(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.incidents.values().map(Arc::as_ref)
    }
    /// The warm incident that holds what `id` held: itself, or the one that it was merged into in the end.
    pub fn holder(&self, id: IncidentId) -> Option<&Incident> {
        self.incident(self.holder_id(id)?)
    }
    /// The incident that decided a page, warm or cold.
    pub fn incident_of_page(&self, page: PageId) -> Option<IncidentId> {
        self.pages.get(&page).copied()
    }
    /// The incident that took a signal last, warm or cold.
    pub fn incident_of_signal(&self, signal: &SignalId) -> Option<IncidentId> {
        self.signals.get(signal).copied()
    }
    /// The incident that holds a claim now, warm or cold.
    pub fn incident_of_claim(&self, claim: &Fingerprint) -> Option<IncidentId> {
        self.holder_id(*self.claims.get(claim)?)
    }
    /// A signal as it came last, as far as it is in memory.
    pub fn signal(&self, signal: &SignalId) -> Option<&Arc<Signal>> {
        let incident = self.incident_of_signal(signal).and_then(|id| self.incident(id));
        let attached = incident.and_then(|incident| incident.signals().get(signal));
        attached.map(|attached| &attached.signal).or_else(|| self.loose.get(signal).map(|loose| &loose.signal))
    }
    /// A signal that belongs to no incident.
    pub fn loose_signal(&self, signal: &SignalId) -> Option<&LooseSignal> {
        self.loose.get(signal)
    }
    /// The signals that belong to no incident, the latest first.
    pub fn loose_signals(&self) -> impl Iterator<Item = &LooseSignal> {
        self.loose.latest()
    }
    /// A silence, in force or not.
    pub fn silence(&self, id: SilenceId) -> Option<&Silence> {
        self.silences.get(&id).map(Arc::as_ref)
    }
    /// The silences in force at `now`.
    pub fn silences(&self, now: Timestamp) -> impl Iterator<Item = &Silence> {
        self.all_silences().filter(move |silence| silence.is_active(now))
    }
    /// All silences that are remembered, also those to come and those lately ended.
    pub fn all_silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values().map(Arc::as_ref)
    }
    /// The stretches in which we cannot look, as far as they last.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.values().map(Arc::as_ref)
    }
    /// How many events the journal has.
    pub const fn journal_len(&self) -> u64 {
        self.journal
    }
}
