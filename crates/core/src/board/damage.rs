//! What is said of a history that does not fold. Tests: `board/tests/aside.rs`.

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Subject {
    /// The whole history of an incident.
    Incident(IncidentId),
    /// One event that belongs to no incident, by its place in the log.
    Event(u64),
}

/// Why, and what was known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    let text = format!("{}. {next}", sentence(subject, &aside.reason));
    damaged(name.clone(), format!("damaged history: {name} was set aside"), text, aside.facts.clone(), now)
}

/// What people are told when the program goes by something else than the log says.
pub fn audit_signal(size: u64, finding: &str, now: Timestamp) -> Signal {
    let title = "damaged record: the program does not go by what its log says".to_owned();
    let text = format!(
        "The log of {size} events was read whole and compared with what the program goes by: {finding}. Look at the store, and at who \
         can write there; then start the program again: it reads the whole log first."
    );
    damaged(format!("audit at {size}"), title, text, Facts::default(), now)
}

/// What people are told when somebody has the program go on with a store that is behind what was published of it.
pub fn lost_signal(size: u64, finding: &str, now: Timestamp) -> Signal {
    let title = "lost history: the store is behind its own signed log".to_owned();
    let text = format!(
        "{finding}. What is missing was acknowledged to those who sent it, and may have been open. Look through the published log, which \
         is kept beside the new one, and tell the monitors to say again what stands."
    );
    damaged(format!("lost at {size}"), title, text, Facts::default(), now)
}

fn damaged(name: String, title: String, text: String, facts: Facts, now: Timestamp) -> Signal {
    Signal {
        id: Id::digest(&[DAMAGED_HISTORY.as_bytes(), name.as_bytes()]),
        fingerprint: Fingerprint::of(&[DAMAGED_HISTORY.as_bytes(), name.as_bytes()]),
        detector: Name::new(DAMAGED_HISTORY).unwrap_or_else(|_| Name::unnamed()),
        parameters: String::new(),
        status: SignalStatus::Confirmed,
        loudness: Loudness::Critical,
        service: None,
        title,
        explanation: Explanation { text, numbers: Vec::new() },
        facts,
        confidence_permille: 1_000,
        position: None,
        parties: Vec::new(),
        drill: false,
        repeats: false,
        source: None,
        group: None,
        annotations: None,
        declared: None,
        labels: [("alertname".to_owned(), DAMAGED_HISTORY.to_owned()), ("history".to_owned(), name)].into(),
        link: None,
        event_time: now,
        observed: now,
    }
}
