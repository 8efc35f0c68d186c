//! The rooms of a timeline: who looks at which, and what was said there. What people do there is in `stage/room.rs`.
//! Tests: `scenarios/room/`.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::{
    id::{IncidentId, MessageId, PersonId},
    incident::{IncidentEvent, RoomEvent, Seen, note_id},
    time::Timestamp,
};

/// The rooms as a scenario knows them.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) seen: Seen,
    /// Who looks at which.
    pub(super) open: BTreeSet<(IncidentId, PersonId)>,
    /// Messages by the words that they had at any time.
    pub(super) said: BTreeMap<(IncidentId, String), MessageId>,
}

impl Rooms {
    /// When somebody will have gone who looks no more.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.seen.next()
    }

    /// Remembers what a message says.
    pub(super) fn hear(&mut self, id: IncidentId, version: u64, event: &IncidentEvent) {
        let (text, message) = match event {
            IncidentEvent::Room(
                RoomEvent::MessageWritten { message, text, .. } | RoomEvent::MessageEdited { message, text, .. },
            ) => (text, *message),
            IncidentEvent::Room(RoomEvent::NoteAdded { text, .. }) => (text, note_id(id, version)),
            _ => return,
        };
        self.said.insert((id, text.clone()), message);
    }
}
