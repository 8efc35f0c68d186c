//! What is erased, and what stays in its place: a redaction by which the rules come to the same end, and an event of the journal that
//! commits to it. The leaf of the log is not touched: it commits to a salted digest of what was there. Nothing here writes: the engine
//! does, both in one transaction. Tests: below, and the law in `tests/laws.rs`.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    id::{IncidentId, SignalId, SilenceId},
    incident::{Actor, ClaimsEvent, IncidentEvent, LifeEvent},
    journal::{Body, ErasedEvent, JournalEvent, Recorded, Stream},
    limits::{ERASED_AT_ONCE_MAX, TEXT_BYTES_MAX},
};

/// What is to be written instead of the events that are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The stored text of each event from now on.
    pub redactions: Vec<Redaction>,
    /// The event that says so.
    pub event: JournalEvent,
}

/// One event's text from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redaction {
    /// The version of the event in its stream.
    pub version: u64,
    /// The stored text: an event of the same type, without personal data.
    pub body: String,
}

/// What somebody's words are about, so that their copies are found in other histories: signals that a merged incident handed over or
/// that came again, what was said of signals without an incident, and what became of all-clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The incident, if all of it is erased.
    pub incident: Option<IncidentId>,
    /// The signals whose words are erased.
    pub signals: BTreeSet<SignalId>,
    /// The silence, if its words are erased.
    pub silence: Option<SilenceId>,
}

impl About {
    /// Adds the signal of an event, if it has one.
    pub fn add(&mut self, body: &Body) {
        self.signals.extend(signal_of(body));
    }

    /// Whether an event holds words about it.
    pub fn is_in(&self, body: &Body) -> bool {
        let about = match body {
            Body::Journal(JournalEvent::AllClearSettled { incident, .. }) => self.incident == Some(*incident),
            Body::Journal(JournalEvent::SilenceSet { silence, .. }) => self.silence == Some(silence.id),
            Body::Journal(JournalEvent::SilenceNotice { id, .. } | JournalEvent::SilenceNoticeSettled { id, .. }) => {
                self.silence == Some(*id)
            }
            Body::Journal(
                JournalEvent::Started { .. }
                | JournalEvent::Configured { .. }
                | JournalEvent::DetectorSilent { .. }
                | JournalEvent::SourceBegunAnew { .. }
                | JournalEvent::SecretsRefused { .. }
                | JournalEvent::SessionBegan { .. }
                | JournalEvent::SessionEnded { .. }
                | JournalEvent::Erased { .. }
                | JournalEvent::StreamSetAside { .. }
                | JournalEvent::EventSetAside { .. }
                | JournalEvent::AuditFailed { .. }
                | JournalEvent::SpokeInNeed { .. }
                | JournalEvent::ClockStepped { .. }
                | JournalEvent::SilenceExpired { .. }
                | JournalEvent::SilenceOver { .. }
                | JournalEvent::GapOpened { .. }
                | JournalEvent::GapClosed { .. }
                | JournalEvent::SignalNoted { .. }
                | JournalEvent::SignalTurned { .. },
            )
            | Body::Incident(_) => false,
        };
        about || signal_of(body).is_some_and(|signal| self.signals.contains(&signal))
    }

    /// Identifiers of which the stored text of an event about it holds one: another text need not be read.
    pub fn names(&self) -> BTreeSet<String> {
        let signals = self.signals.iter().map(ToString::to_string);
        let silence = self.silence.iter().map(ToString::to_string);
        signals.chain(self.incident.iter().map(ToString::to_string)).chain(silence).collect()
    }
}

/// The signal whose words an event holds.
fn signal_of(body: &Body) -> Option<SignalId> {
    match body {
        Body::Incident(
            IncidentEvent::Life(LifeEvent::Opened { signal, .. })
            | IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }),
        )
        | Body::Journal(JournalEvent::SignalNoted { signal, .. }) => Some(signal.id),
        Body::Incident(IncidentEvent::Claims(ClaimsEvent::SignalRetracted { signal, .. }))
        | Body::Journal(JournalEvent::SignalTurned { signal, .. }) => Some(*signal),
        Body::Incident(
            IncidentEvent::Life(_)
            | IncidentEvent::Claims(_)
            | IncidentEvent::Paging(_)
            | IncidentEvent::Roles(_)
            | IncidentEvent::Room(_)
            | IncidentEvent::Tasks(_)
            | IncidentEvent::Checks(_)
            | IncidentEvent::Evidence(_)
            | IncidentEvent::Access(_),
        )
        | Body::Journal(_) => None,
    }
}

/// Why nothing was erased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotErased {
    /// Erasing is explained, or it looks like tampering.
    #[error("the reason is {bytes} bytes: want 1 to {TEXT_BYTES_MAX}")]
    BadReason {
        /// How long it is.
        bytes: usize,
    },
    /// What was named holds nothing of any person, or was erased before.
    #[error("nothing of {stream} that was named holds personal data")]
    NothingThere {
        /// Whose history.
        stream: Stream,
    },
    /// More than one event may commit to.
    #[error("{count} events at once: want at most {ERASED_AT_ONCE_MAX}")]
    TooMany {
        /// How many hold something.
        count: usize,
    },
    /// Events of another history among them.
    #[error("event {version} is of {of}, not of {stream}")]
    WrongStream {
        /// Whose history was named.
        stream: Stream,
        /// Whose it is.
        of: Stream,
        /// Its version there.
        version: u64,
    },
    /// An event that cannot be written: a defect of ours.
    #[error("write the redaction of event {version}: {detail}")]
    Unwritable {
        /// Which event.
        version: u64,
        /// What the writer said.
        detail: String,
    },
}

/// Erases what these events of one history hold of people. What holds nothing, or was erased before, is left as it is.
pub fn erase<'a>(
    stream: Stream,
    events: impl IntoIterator<Item = &'a Recorded>,
    by: Actor,
    reason: &str,
) -> Result<Erasure, NotErased> {
    let bytes = reason.trim().len();
    if bytes == 0 || reason.len() > TEXT_BYTES_MAX {
        return Err(NotErased::BadReason { bytes });
    }
    let mut redactions = Vec::new();
    for recorded in events {
        let (of, version) = (recorded.stream, recorded.version);
        if of != stream {
            return Err(NotErased::WrongStream { stream, of, version });
        }
        let redacted = recorded.body.redacted();
        if redacted != recorded.body {
            redactions.push(Redaction { version, body: written(&redacted, version)? });
        }
    }
    let count = redactions.len();
    if count == 0 {
        return Err(NotErased::NothingThere { stream });
    }
    if count > ERASED_AT_ONCE_MAX {
        return Err(NotErased::TooMany { count });
    }
    let events = redactions.iter().map(|one| ErasedEvent { version: one.version, redaction: digest(&one.body) });
    let event = JournalEvent::Erased { stream, events: events.collect(), by, reason: reason.to_owned() };
    Ok(Erasure { redactions, event })
}

impl Erasure {
    /// Whether events of the journal are erased by it.
    pub fn is_of_journal(&self) -> bool {
        matches!(&self.event, JournalEvent::Erased { stream: Stream::Journal, .. })
    }

    /// The history as it reads from now on.
    pub fn redacted(&self, history: impl IntoIterator<Item = Recorded>) -> Vec<Recorded> {
        let erased: BTreeSet<u64> = self.redactions.iter().map(|redaction| redaction.version).collect();
        let redact = |recorded: Recorded| {
            let body = if erased.contains(&recorded.version) { recorded.body.redacted() } else { recorded.body };
            Recorded { body, ..recorded }
        };
        history.into_iter().map(redact).collect()
    }
}

/// Whether this event commits to `body` as what stands in the place of an event.
pub fn commits_to(event: &JournalEvent, stream: Stream, version: u64, body: &str) -> bool {
    let JournalEvent::Erased { stream: of, events, .. } = event else { return false };
    *of == stream && events.iter().any(|erased| erased.version == version && erased.redaction == digest(body))
}

fn written(body: &Body, version: u64) -> Result<String, NotErased> {
    body.to_json().map_err(|error| NotErased::Unwritable { version, detail: error.to_string() })
}

/// What an event of the journal says of the text that is left: its SHA-256, in hex.
pub fn digest(body: &str) -> String {
    alloy_primitives::hex::encode(Sha256::digest(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::Id, incident::RoomEvent, signal::SignalStatus, time::Timestamp};

    const STREAM: Stream = Stream::Incident(Id::from_bytes([7; 16]));

    fn ann() -> Actor {
        Actor::Person("ann".parse().unwrap())
    }

    fn recorded(version: u64, event: impl Into<IncidentEvent>) -> Recorded {
        Recorded { stream: STREAM, version, at: Timestamp::default(), body: Body::Incident(event.into()) }
    }

    fn history() -> [Recorded; 2] {
        let note = RoomEvent::NoteAdded { by: ann(), text: "the customer is Jane Roe".to_owned() };
        [recorded(3, note), recorded(4, LifeEvent::AcknowledgementExpired {})]
    }

    #[test]
    fn the_event_commits_to_what_stands_in_the_place() {
        let erasure = erase(STREAM, &history(), ann(), "asked for").unwrap();
        let [note] = erasure.redactions.as_slice() else { panic!("{erasure:?}") };
        assert_eq!(note.body, r#"{"type":"note_added.v1","by":{"person":"ann"},"text":"(erased)"}"#);
        assert!(commits_to(&erasure.event, STREAM, 3, &note.body));
        assert!(!commits_to(&erasure.event, STREAM, 4, &note.body));
        assert!(!commits_to(&erasure.event, Stream::Journal, 3, &note.body));
        assert!(!commits_to(&erasure.event, STREAM, 3, &note.body.replace("ann", "bob")));
    }

    #[test]
    fn the_stored_text_of_what_is_about_it_has_one_of_the_names() {
        let signal = Id::from_bytes([9; 16]);
        let turned =
            JournalEvent::SignalTurned { signal, status: SignalStatus::Retracted, reason: "Jane Roe".to_owned() };
        let retracted = IncidentEvent::Claims(ClaimsEvent::SignalRetracted { signal, reason: "Jane Roe".to_owned() });
        let about = About { signals: [signal].into(), ..About::default() };
        for body in [Body::Journal(turned), Body::Incident(retracted)] {
            let text = body.to_json().unwrap();
            assert!(about.is_in(&body) && !About::default().is_in(&body), "{text}");
            assert!(about.names().iter().any(|name| text.contains(&format!("\"{name}\""))), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_erased_is_refused() {
        let refused = |events: &[Recorded], stream, reason| erase(stream, events, ann(), reason).unwrap_err();
        assert_eq!(refused(&history(), STREAM, " "), NotErased::BadReason { bytes: 0 });
        assert_eq!(refused(&history()[1..], STREAM, "why"), NotErased::NothingThere { stream: STREAM });
        assert!(matches!(refused(&history(), Stream::Journal, "why"), NotErased::WrongStream { version: 3, .. }));
        let erasure = erase(STREAM, &history(), ann(), "why").unwrap();
        let body = Body::from_json(&STREAM, &erasure.redactions[0].body).unwrap();
        let again = Recorded { body, ..history()[0].clone() };
        assert_eq!(refused(&[again], STREAM, "why"), NotErased::NothingThere { stream: STREAM });
    }
}
