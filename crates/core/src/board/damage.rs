//! What is said of a history that does not fold. Tests: `board/tests/aside.rs`.

use crate::{
    id::{Id, IncidentId, Name},
    journal::Stream,
    signal::{DAMAGED_HISTORY, Explanation, Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

/// An event that cannot be read or does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Whose history it is.
    pub stream: Stream,
    /// What is wrong with it.
    pub reason: String,
}

/// What was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// The whole history of an incident.
    Incident(IncidentId),
    /// One event that belongs to no incident, by its place in the log.
    Event(u64),
}

/// Why, and what was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) reason: String,
    /// What the incident claimed, as far as it could be read.
    pub(super) facts: Facts,
    /// Whether the journal has it.
    pub(super) told: bool,
}

pub(super) fn sentence(subject: Subject, reason: &str) -> String {
    match subject {
        Subject::Incident(id) => format!("the history of {id} cannot be followed and was set aside: {reason}"),
        Subject::Event(place) => format!("event {place} of the log cannot be read and was passed over: {reason}"),
    }
}

/// What people are told. About no service, so that it joins no incident that somebody has answered already; several histories that
/// break at once are one incident by their label.
pub(super) fn signal(subject: Subject, aside: &Aside, now: Timestamp) -> Signal {
    let name = match subject {
        Subject::Incident(id) => id.to_string(),
        Subject::Event(place) => format!("event {place}"),
    };
    let next = match subject {
        Subject::Incident(_) => {
            "Nobody is paged for that incident any more. What it claims opens a new one when it is heard again. Look at its events \
             in the store, and at the disk."
        }
        Subject::Event(_) => "What it said is lost to the rules. Look at the store, and at the disk.",
    };
    Signal {
        id: Id::digest(&[DAMAGED_HISTORY.as_bytes(), name.as_bytes()]),
        fingerprint: Fingerprint::of(&[DAMAGED_HISTORY.as_bytes(), name.as_bytes()]),
        detector: Name::new(DAMAGED_HISTORY).unwrap_or_else(|_| Name::unnamed()),
        parameters: String::new(),
        status: SignalStatus::Confirmed,
        loudness: Loudness::Critical,
        service: None,
        title: format!("damaged history: {name} was set aside"),
        explanation: Explanation { text: format!("{}. {next}", sentence(subject, &aside.reason)), numbers: Vec::new() },
        facts: aside.facts.clone(),
        confidence_permille: 1_000,
        position: None,
        parties: Vec::new(),
        drill: false,
        labels: [("alertname".to_owned(), DAMAGED_HISTORY.to_owned()), ("history".to_owned(), name)].into(),
        link: None,
        event_time: now,
        observed: now,
    }
}
