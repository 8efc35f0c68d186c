//! What people wrote in the room, as it stands in the end: the words as they were changed last, without what was taken back. One pass
//! collects it beside the others. Tests: `review/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Names, NoteRow};
use crate::{
    id::{IncidentId, MessageId},
    incident::{IncidentEvent, MessageKind, RoomEvent, note_id},
    time::Timestamp,
};

/// The messages that were taken back by any of these events.
pub(super) fn withdrawn(events: &[Entry]) -> BTreeSet<MessageId> {
    let taken_back = events.iter().filter_map(|(_, _, _, event)| match event {
        IncidentEvent::Room(RoomEvent::MessageWithdrawn { message, .. }) => Some(*message),
        IncidentEvent::Room(_)
        | IncidentEvent::Roles(_)
        | IncidentEvent::Life(_)
        | IncidentEvent::Claims(_)
        | IncidentEvent::Paging(_)
        | IncidentEvent::Tasks(_)
        | IncidentEvent::Checks(_)
        | IncidentEvent::Evidence(_)
        | IncidentEvent::Access(_) => None,
    });
    taken_back.collect()
}

/// What stands of what was written.
pub(super) struct Said {
    incident: IncidentId,
    withdrawn: BTreeSet<MessageId>,
    written: Vec<(MessageId, MessageKind, NoteRow)>,
    places: BTreeMap<MessageId, usize>,
    answered: BTreeSet<MessageId>,
}

impl Said {
    pub(super) const fn new(incident: IncidentId, withdrawn: BTreeSet<MessageId>) -> Self {
        Self { incident, withdrawn, written: Vec::new(), places: BTreeMap::new(), answered: BTreeSet::new() }
    }

    /// The event as it may be shown: without the words of what was taken back.
    pub(super) fn shown(&self, version: u64, event: &IncidentEvent) -> Option<IncidentEvent> {
        let IncidentEvent::Room(event) = event else { return None };
        let hidden = event.words_of(self.incident, version).is_some_and(|id| self.withdrawn.contains(&id));
        hidden.then(|| event.unsaid().into())
    }

    /// Takes in what was written or changed. An answer that stands closes its question.
    pub(super) fn apply(&mut self, names: &Names<'_>, (index, version, at): (u64, u64, Timestamp), event: &RoomEvent) {
        let (id, by, kind, text) = match event {
            RoomEvent::NoteAdded { by, text } => (note_id(self.incident, version), by, MessageKind::Note, text),
            RoomEvent::MessageWritten { message, by, kind, text, reply_to, .. } => {
                if *kind == MessageKind::Answer && !self.withdrawn.contains(message) {
                    self.answered.extend(*reply_to);
                }
                (*message, by, *kind, text)
            }
            RoomEvent::MessageEdited { message, text, .. } => {
                let known = self.places.get(message).and_then(|place| self.written.get_mut(*place));
                if let Some((_, _, row)) = known {
                    row.text.clone_from(text);
                }
                return;
            }
            RoomEvent::MessageWithdrawn { .. }
            | RoomEvent::MessagePinned { .. }
            | RoomEvent::MessageUnpinned { .. }
            | RoomEvent::RoomEntered { .. }
            | RoomEvent::RoomLeft { .. } => return,
        };
        if !self.withdrawn.contains(&id) {
            self.places.insert(id, self.written.len());
            self.written.push((id, kind, NoteRow { at, log_index: index, by: names.actor(by), text: text.clone() }));
        }
    }

    /// What stands and is this.
    pub(super) fn of(&self, wanted: MessageKind) -> Vec<NoteRow> {
        let these = self.written.iter().filter(|(_, kind, _)| *kind == wanted);
        these.map(|(_, _, row)| row.clone()).collect()
    }

    /// Questions that nobody answered.
    pub(super) fn open_questions(&self) -> Vec<NoteRow> {
        let open = |id: &MessageId, kind: MessageKind| kind == MessageKind::Question && !self.answered.contains(id);
        let these = self.written.iter().filter(|(id, kind, _)| open(id, *kind));
        these.map(|(_, _, row)| row.clone()).collect()
    }
}
