//! What one step of the engine will write, and what became of the signals in it.

use std::sync::Arc;

use quarterdeck_core::{
    board::{Board, Fate},
    id::{IncidentId, PageId, SignalId},
    journal::Recorded,
    signal::{Fingerprint, SignalChange, SignalStatus},
    time::Timestamp,
};

use crate::store::{SignalRow, SignalUpdate};

/// What one step will write.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) recorded: Vec<Arc<Recorded>>,
    pub(super) signals: Vec<SignalRow>,
    pub(super) signal_updates: Vec<SignalUpdate>,
    pub(super) settled: Vec<PageId>,
    pub(super) cursors: Vec<(String, String)>,
    pub(super) snapshots: Vec<(String, Vec<u8>)>,
}

impl Draft {
    pub(super) fn is_empty(&self) -> bool {
        self.recorded.is_empty()
            && self.signals.is_empty()
            && self.signal_updates.is_empty()
            && self.settled.is_empty()
            && self.cursors.is_empty()
            && self.snapshots.is_empty()
    }

    pub(super) fn note_signal(&mut self, change: &SignalChange, fate: &Fate, now: Timestamp, board: &Board) {
        let mut update = |id, status| self.signal_updates.push(SignalUpdate { id, status });
        match change {
            SignalChange::Raised { signal } if !matches!(fate, Fate::Repeated(_)) => {
                let json = serde_json::to_string(&**signal).unwrap_or_default();
                self.signals.push(SignalRow {
                    id: signal.id,
                    fingerprint: signal.fingerprint,
                    status: signal.status,
                    incident: incident_of(fate),
                    fate: words(fate),
                    observed: now,
                    json,
                });
            }
            SignalChange::Raised { .. } => {}
            SignalChange::Confirmed { id } => update(*id, SignalStatus::Confirmed),
            SignalChange::Retracted { id, .. } => update(*id, SignalStatus::Retracted),
            SignalChange::Ended { fingerprint, .. } => {
                for id in standing(board, fate, *fingerprint) {
                    update(id, SignalStatus::Ended);
                }
            }
        }
    }
}

/// The incident that a signal opened or joined.
pub fn incident_of(fate: &Fate) -> Option<IncidentId> {
    match fate {
        Fate::Opened(id)
        | Fate::Attached(id)
        | Fate::Repeated(id)
        | Fate::Confirmed(id)
        | Fate::Retracted(id)
        | Fate::Ended(id) => Some(*id),
        Fate::Silenced(_) | Fate::Noted | Fate::Unknown => None,
    }
}

/// What became of a signal, as a person reads it.
pub fn words(fate: &Fate) -> String {
    match fate {
        Fate::Opened(id) => format!("opened {id}"),
        Fate::Attached(id) => format!("joined {id}"),
        Fate::Repeated(id) => format!("repeats what {id} knows"),
        Fate::Confirmed(id) => format!("stands for good on {id}"),
        Fate::Retracted(id) => format!("was undone on {id}"),
        Fate::Ended(id) => format!("is over on {id}"),
        Fate::Silenced(id) => format!("silenced by {id}"),
        Fate::Noted => "too quiet to open an incident".to_owned(),
        Fate::Unknown => "was never raised here".to_owned(),
    }
}

/// The signals of a claim that still stand, where its end is heard.
fn standing(board: &Board, fate: &Fate, fingerprint: Fingerprint) -> Vec<SignalId> {
    let attached = incident_of(fate).and_then(|id| board.incident(id)).into_iter();
    let attached = attached.flat_map(|incident| incident.of_claim(fingerprint).map(|one| one.signal.id));
    let loose = board.loose_signals().filter(|one| one.signal.fingerprint == fingerprint).map(|one| one.signal.id);
    if matches!(fate, Fate::Noted) { loose.collect() } else { attached.collect() }
}
