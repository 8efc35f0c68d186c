//! Signals that belong to no incident: too quiet to open one, or silenced. Bounded: the oldest make room.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::{
    id::{SignalId, SilenceId},
    journal::JournalEvent,
    limits::LOOSE_SIGNALS_MAX,
    signal::{Fingerprint, Signal, SignalChange, SignalStatus},
    time::Timestamp,
};

/// A signal that belongs to no incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LooseSignal {
    /// The signal as it was noted.
    pub signal: Arc<Signal>,
    /// How it stands now.
    pub status: SignalStatus,
    /// The silence that kept it from opening; none: too quiet.
    pub silence: Option<SilenceId>,
    /// When it was noted.
    pub noted: Timestamp,
    version: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Loose {
    signals: OrdMap<SignalId, LooseSignal>,
    /// By journal version, so by age.
    ages: OrdMap<u64, SignalId>,
    claims: OrdMap<Fingerprint, SignalId>,
}

impl Loose {
    pub(super) fn get(&self, id: &SignalId) -> Option<&LooseSignal> {
        self.signals.get(id)
    }

    pub(super) fn latest(&self) -> impl Iterator<Item = &LooseSignal> {
        self.ages.values().rev().filter_map(|id| self.signals.get(id))
    }

    /// All of them, the oldest first: enough to make the same again.
    pub(super) fn kept(&self) -> Vec<(bool, &LooseSignal)> {
        let claims = |loose: &LooseSignal| self.claims.get(&loose.signal.fingerprint) == Some(&loose.signal.id);
        let oldest_first = self.ages.values().filter_map(|id| self.signals.get(id));
        oldest_first.map(|loose| (claims(loose), loose)).collect()
    }

    /// From what `kept` gave.
    pub(super) fn of_kept(kept: Vec<(bool, LooseSignal)>) -> Self {
        let mut all = Self::default();
        for (claims, loose) in kept {
            let id = loose.signal.id;
            if claims {
                all.claims.insert(loose.signal.fingerprint, id);
            }
            all.ages.insert(loose.version, id);
            all.signals.insert(id, loose);
        }
        all
    }

    /// Whether this claim was noted after `since` and still stands.
    pub(super) fn has_lately(&self, signal: &Signal, since: Timestamp) -> bool {
        let same = self.claims.get(&signal.fingerprint).and_then(|id| self.signals.get(id));
        same.is_some_and(|loose| loose.status.is_live() && loose.noted >= since)
    }

    /// What this change means to a signal that is kept here; none: nothing.
    pub(super) fn turn(&self, change: &SignalChange) -> Option<JournalEvent> {
        let (id, status, reason) = match change {
            SignalChange::Raised { .. } => return None,
            SignalChange::Confirmed { id } => (*id, SignalStatus::Confirmed, String::new()),
            SignalChange::Retracted { id, reason } => (*id, SignalStatus::Retracted, reason.clone()),
            SignalChange::Ended { fingerprint, at } => {
                let id = *self.claims.get(fingerprint)?;
                if self.signals.get(&id).is_some_and(|loose| loose.signal.began_after(*at)) {
                    return None;
                }
                (id, SignalStatus::Ended, String::new())
            }
            SignalChange::Silent { fingerprint, .. } => {
                let why = "its source must repeat it and does not".to_owned();
                (*self.claims.get(fingerprint)?, SignalStatus::Ended, why)
            }
        };
        let changes = self.signals.get(&id).is_some_and(|loose| loose.status.is_live() && loose.status != status);
        changes.then_some(JournalEvent::SignalTurned { signal: id, status, reason })
    }

    pub(super) fn note(&mut self, signal: &Arc<Signal>, silence: Option<SilenceId>, version: u64, at: Timestamp) {
        self.remove(&signal.id);
        let loose = LooseSignal { signal: Arc::clone(signal), status: signal.status, silence, noted: at, version };
        self.claims.insert(signal.fingerprint, signal.id);
        self.ages.insert(version, signal.id);
        self.signals.insert(signal.id, loose);
        if self.signals.len() > LOOSE_SIGNALS_MAX
            && let Some((_, oldest)) = self.ages.get_min()
        {
            let oldest = *oldest;
            self.remove(&oldest);
        }
    }

    /// Puts another text of the same signal in the place of the one that was noted by this event, if it is still here.
    pub(super) fn replace(&mut self, signal: &Arc<Signal>, version: u64) {
        if let Some(loose) = self.signals.get_mut(&signal.id).filter(|loose| loose.version == version) {
            loose.signal = Arc::clone(signal);
        }
    }

    pub(super) fn set(&mut self, id: &SignalId, status: SignalStatus) {
        if let Some(loose) = self.signals.get_mut(id) {
            loose.status = status;
        }
    }

    pub(super) fn remove(&mut self, id: &SignalId) {
        let Some(loose) = self.signals.remove(id) else { return };
        self.ages.remove(&loose.version);
        if self.claims.get(&loose.signal.fingerprint) == Some(id) {
            self.claims.remove(&loose.signal.fingerprint);
        }
    }
}
