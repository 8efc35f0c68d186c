//! The list of signals as the log has it: which events put a signal on it or change one there, and how an entry reads back.
//!
//! The list holds nothing that the log does not: it can be made again from the log, and what is erased there is gone here.
//! Tests: `tests/it/signals.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    board::Fate,
    incident::IncidentEvent,
    journal::{Body, JournalEvent, Recorded, Stream},
    signal::{Signal, SignalStatus},
};

use super::words;
use crate::store::{Batch, FoundSignal, SignalRow, SignalUpdate};

/// Puts what this event says about signals into the batch that writes it. `place`: the event's in the log.
pub(super) fn list(recorded: &Recorded, place: u64, batch: &mut Batch) {
    use IncidentEvent as E;
    use JournalEvent as J;
    let incident = match recorded.stream {
        Stream::Incident(id) => Some(id),
        Stream::Journal => None,
    };
    let mut turn = |id, status| batch.signal_updates.push(SignalUpdate { id, status });
    match &recorded.body {
        Body::Incident(E::SignalConfirmed { signal }) => turn(*signal, SignalStatus::Confirmed),
        Body::Incident(E::SignalRetracted { signal, .. }) => turn(*signal, SignalStatus::Retracted),
        Body::Incident(E::SignalEnded { signal, .. }) => turn(*signal, SignalStatus::Ended),
        Body::Journal(J::SignalTurned { signal, status, .. }) => turn(*signal, *status),
        body => {
            if let Some((signal, _)) = held(&recorded.stream, body) {
                let (id, status, observed) = (signal.id, signal.status, recorded.at);
                batch.signals.push(SignalRow { id, status, incident, observed, place });
            }
        }
    }
}

/// The signal that an event has, and what became of it then.
fn held<'a>(stream: &Stream, body: &'a Body) -> Option<(&'a Arc<Signal>, Fate)> {
    match (stream, body) {
        (Stream::Incident(id), Body::Incident(IncidentEvent::Opened { signal, .. })) => {
            Some((signal, Fate::Opened(*id)))
        }
        (Stream::Incident(id), Body::Incident(IncidentEvent::SignalAttached { signal })) => {
            Some((signal, Fate::Attached(*id)))
        }
        (_, Body::Journal(JournalEvent::SignalNoted { signal, silence })) => {
            Some((signal, silence.map_or(Fate::Noted, Fate::Silenced)))
        }
        _ => None,
    }
}

/// Why a listed signal cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Somebody had it erased.
    #[error("it was erased from the log")]
    Erased,
    /// The event is not what we write.
    #[error("its event at place {place} of the log cannot be read: {detail}")]
    Damaged {
        /// Of the event.
        place: u64,
        /// What is wrong with it.
        detail: String,
    },
}

/// The signal of an entry as it was when it came, and what became of it then, in words.
pub fn read_back(found: &FoundSignal) -> Result<(Arc<Signal>, String), Unreadable> {
    let json = found.event.as_ref().ok_or(Unreadable::Erased)?;
    let damaged = |detail: String| Unreadable::Damaged { place: found.row.place, detail };
    let stream = found.row.incident.map_or(Stream::Journal, Stream::Incident);
    let body = Body::from_json(&stream, json).map_err(|error| damaged(error.to_string()))?;
    let (signal, fate) = held(&stream, &body).ok_or_else(|| damaged(format!("`{}` has no signal", body.kind())))?;
    if signal.id != found.row.id {
        return Err(damaged(format!("it has signal {}", signal.id)));
    }
    Ok((Arc::clone(signal), words(&fate)))
}
