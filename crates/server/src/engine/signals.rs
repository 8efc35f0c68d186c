//! The list of signals as the log has it: which events put a signal on it or change one there, and how an entry reads back.
//!
//! The list holds nothing that the log does not: it can be made again from the log, and what is erased there is gone here.
//! Tests: `tests/it/signals.rs`.

use std::sync::Arc;

use quarterdeck_core::{
    board::Fate,
    id::SignalId,
    incident::{ClaimsEvent, IncidentEvent, LifeEvent},
    journal::{Body, JournalEvent, Recorded, Stream},
    signal::{Signal, SignalStatus},
    time::Timestamp,
};

use super::{incident_of, published::Published, work::StartError};
use quarterdeck_store::{Batch, FoundSignal, SignalRow, SignalUpdate, StoreError, StoredEvent};

/// The signal that an event is about.
pub(super) fn about(body: &Body) -> Option<SignalId> {
    use IncidentEvent as E;
    match body {
        Body::Incident(
            E::Life(LifeEvent::Opened { signal, .. }) | E::Claims(ClaimsEvent::SignalAttached { signal }),
        )
        | Body::Journal(JournalEvent::SignalNoted { signal, .. }) => Some(signal.id),
        Body::Incident(E::Claims(
            ClaimsEvent::SignalConfirmed { signal }
            | ClaimsEvent::SignalRetracted { signal, .. }
            | ClaimsEvent::SignalEnded { signal, .. },
        ))
        | Body::Journal(JournalEvent::SignalTurned { signal, .. }) => Some(*signal),
        _ => None,
    }
}

/// Puts what this event says about a signal into the batch that writes it. `place`: the event's in the log; `seen`: when the
/// signal was seen, as far as was known before.
pub(super) fn list(recorded: &Recorded, place: u64, seen: Option<Timestamp>, batch: &mut Batch) {
    use IncidentEvent as E;
    let mut turn = |id, status| {
        batch.signal_updates.extend(seen.map(|observed| SignalUpdate { id, observed, status }));
    };
    match &recorded.body {
        Body::Incident(E::Claims(ClaimsEvent::SignalConfirmed { signal })) => turn(*signal, SignalStatus::Confirmed),
        Body::Incident(E::Claims(ClaimsEvent::SignalRetracted { signal, .. })) => {
            turn(*signal, SignalStatus::Retracted);
        }
        Body::Incident(E::Claims(ClaimsEvent::SignalEnded { signal, .. })) => turn(*signal, SignalStatus::Ended),
        Body::Journal(JournalEvent::SignalTurned { signal, status, .. }) => turn(*signal, *status),
        body => {
            let Some((signal, fate)) = held(&recorded.stream, body) else { return };
            let (id, status, observed) = (signal.id, signal.status, signal.observed);
            batch.signals_moved.extend(seen.filter(|seen| *seen != observed).map(|seen| (seen, id)));
            batch.signals.push(SignalRow { id, status, incident: incident_of(&fate), observed, place });
        }
    }
}

/// The signal that an event has, and what became of it then.
fn held<'a>(stream: &Stream, body: &'a Body) -> Option<(&'a Arc<Signal>, Fate)> {
    match (stream, body) {
        (Stream::Incident(id), Body::Incident(IncidentEvent::Life(LifeEvent::Opened { signal, .. }))) => {
            Some((signal, Fate::Opened(*id)))
        }
        (Stream::Incident(id), Body::Incident(IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }))) => {
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
    #[error("its event at place {place} of the log cannot be shown: {detail}")]
    Damaged {
        /// Of the event.
        place: u64,
        /// What is wrong with it.
        detail: String,
    },
}

/// Signals of a list as they were when they came, and what became of them then: each as the log has it, or why not. What is not what
/// the log commits to is told.
pub async fn read_back(published: &Published, list: &[FoundSignal]) -> Result<Vec<ReadBack>, StoreError> {
    let events: Vec<StoredEvent> = list.iter().filter_map(|found| found.event.clone()).collect();
    let mut said = published.told(&events).await?.into_iter();
    let back = |found: &FoundSignal| {
        let said = found.event.as_ref().and_then(|_| said.next());
        let damaged = |detail: String| Unreadable::Damaged { place: found.row.place, detail };
        match said {
            None | Some(Ok(None)) => Err(Unreadable::Erased),
            Some(Ok(Some(recorded))) => of_row(&found.row, &recorded.stream, &recorded.body),
            Some(Err(StartError::Unreadable { detail, .. })) => Err(damaged(detail)),
            Some(Err(other)) => Err(damaged(other.to_string())),
        }
    };
    Ok(list.iter().map(back).collect())
}

/// A signal read back, or why it cannot be shown.
pub type ReadBack = Result<(Arc<Signal>, Fate), Unreadable>;

/// The signal that this event has, if the list means this one.
fn of_row(row: &SignalRow, stream: &Stream, body: &Body) -> ReadBack {
    let damaged = |detail: String| Unreadable::Damaged { place: row.place, detail };
    if row.incident != stream.incident() {
        return Err(damaged(format!("it is an event of {stream}")));
    }
    let (signal, fate) = held(stream, body).ok_or_else(|| damaged(format!("`{}` has no signal", body.kind())))?;
    if signal.id != row.id {
        return Err(damaged(format!("it has signal {}", signal.id)));
    }
    Ok((Arc::clone(signal), fate))
}
