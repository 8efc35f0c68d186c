//! The room: what people write together in an incident, and who is there. Kept of messages is what the rules ask about them: who wrote
//! them, what is meant by them and how they stand. The words are in the log. A note is a message too, written as an event of its own kind.
//! Tests: in `decide/room/tests.rs`, and the laws in `tests/laws.rs`.

pub mod message;
pub mod event;
pub mod command;

use std::{collections::BTreeMap, sync::Arc};

use imbl::{OrdMap, OrdSet};
use serde::Serialize;

use self::{
    command::RoomCommand,
    event::RoomEvent,
    message::{Message, MessageKind, Words, note_id},
};
use crate::{
    id::{IncidentId, MessageId, PersonId},
    incident::{Actor, Phase, refusal::Named},
    limits::{ROOM_EVENTS_MAX, ROOM_PACE_MAX, ROOM_PACE_SPAN},
    time::Timestamp,
};

/// Who is there, and what was said. Maps that share what they have in common: a clone costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Room {
    messages: OrdMap<MessageId, Arc<Message>>,
    /// The messages by the events that have them, and so in their order.
    order: OrdMap<u64, MessageId>,
    /// Decisions that were not taken back, in their order.
    decisions: OrdSet<(u64, MessageId)>,
    /// Questions that nobody has answered, in their order.
    questions: OrdSet<(u64, MessageId)>,
    /// How many messages were not taken back, and how many of those are questions.
    standing: usize,
    standing_questions: usize,
    /// In the order in which they were pinned.
    pins: Vec<MessageId>,
    /// Who is there, and since when.
    present: BTreeMap<PersonId, Timestamp>,
    pace: OrdMap<Actor, Pace>,
    /// Incidents that were merged into this one: what was said in their rooms stays there.
    goes_on_from: Vec<IncidentId>,
    /// Events of the room but notes: those have the incident's bound.
    events: u64,
}

/// What somebody did lately: since this instant, so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Pace {
    since: Timestamp,
    count: u32,
}

impl Room {
    /// A message.
    pub fn message(&self, id: MessageId) -> Option<&Message> {
        self.messages.get(&id).map(|message| &**message)
    }
    /// The last `limit` messages before an event of the incident's history, in their order.
    pub fn before(&self, version: u64, limit: usize) -> Vec<MessageId> {
        let mut last: Vec<MessageId> = self.order.range(..version).rev().take(limit).map(|(_, id)| *id).collect();
        last.reverse();
        last
    }
    /// How many messages were written, those that were taken back too.
    pub fn len(&self) -> usize {
        self.messages.len()
    }
    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
    /// What was decided, in its order.
    pub fn decisions(&self) -> impl DoubleEndedIterator<Item = MessageId> {
        self.decisions.iter().map(|(_, id)| *id)
    }
    /// What nobody has answered, in its order.
    pub fn open_questions(&self) -> impl DoubleEndedIterator<Item = MessageId> {
        self.questions.iter().map(|(_, id)| *id)
    }
    /// Whether there is a question that was not taken back, answered or not.
    pub fn has_questions(&self) -> bool {
        self.standing_questions > 0
    }
    /// Whether there is a message that was not taken back.
    pub fn has_standing(&self) -> bool {
        self.standing > 0
    }
    /// What is kept in sight, in the order in which it was pinned.
    pub fn pins(&self) -> &[MessageId] {
        &self.pins
    }
    /// Who is there, and since when.
    pub const fn present(&self) -> &BTreeMap<PersonId, Timestamp> {
        &self.present
    }
    /// The incidents whose people go on here, in the order in which they were merged.
    pub fn merged_from(&self) -> &[IncidentId] {
        &self.goes_on_from
    }
    /// Another incident was merged into this one.
    pub(super) fn goes_on_from(&mut self, from: IncidentId) {
        self.goes_on_from.push(from);
    }
    /// Events that have the room's own bound.
    pub const fn events(&self) -> u64 {
        self.events
    }
    /// Whether nothing more is written here.
    pub const fn is_full(&self) -> bool {
        self.events >= ROOM_EVENTS_MAX
    }
    /// When somebody who has done too much lately may go on; none: at once.
    pub(super) fn waits_until(&self, by: &Actor, now: Timestamp) -> Option<Timestamp> {
        let pace = self.pace.get(by).filter(|pace| pace.count >= ROOM_PACE_MAX)?;
        let again = pace.since.plus(ROOM_PACE_SPAN);
        (now < again).then_some(again)
    }

    /// Whether this could happen in this phase.
    pub(super) fn fits(&self, phase: Phase, event: &RoomEvent) -> bool {
        match event {
            RoomEvent::MessageEdited { .. } | RoomEvent::MessagePinned { .. } | RoomEvent::MessageUnpinned { .. } => {
                phase != Phase::Merged
            }
            RoomEvent::MessageWritten { message, kind, .. } => {
                phase != Phase::Merged && *kind != MessageKind::Note && self.message(*message).is_none()
            }
            RoomEvent::RoomEntered { person } => !self.present.contains_key(person),
            RoomEvent::RoomLeft { person, .. } => self.present.contains_key(person),
            RoomEvent::NoteAdded { .. } | RoomEvent::MessageWithdrawn { .. } => true,
        }
    }

    /// What the event names and is not here.
    pub(super) fn missing(&self, event: &RoomEvent) -> Option<Named> {
        let gone = |id: MessageId| self.message(id).is_none_or(|known| known.withdrawn.is_some());
        match event {
            RoomEvent::MessageWritten { reply_to, .. } => {
                reply_to.filter(|id| self.message(*id).is_none()).map(Named::Message)
            }
            RoomEvent::MessageEdited { message, by, .. } => {
                let own = self.message(*message).is_some_and(|known| known.by == *by);
                (gone(*message) || !own).then_some(Named::Message(*message))
            }
            RoomEvent::MessageWithdrawn { message, .. } | RoomEvent::MessagePinned { message, .. } => {
                gone(*message).then_some(Named::Message(*message))
            }
            RoomEvent::MessageUnpinned { message, .. } => {
                (!self.pins.contains(message)).then_some(Named::Message(*message))
            }
            RoomEvent::NoteAdded { .. } | RoomEvent::RoomEntered { .. } | RoomEvent::RoomLeft { .. } => None,
        }
    }

    pub(super) fn apply(&mut self, id: IncidentId, version: u64, at: Timestamp, event: &RoomEvent) {
        match event {
            RoomEvent::NoteAdded { by, text } => {
                self.write(note_id(id, version), by, MessageKind::Note, None, (version, text));
                return;
            }
            RoomEvent::MessageWritten { message, by, kind, text, reply_to, .. } => {
                self.count(by, at);
                self.write(*message, by, *kind, *reply_to, (version, text));
            }
            RoomEvent::MessageEdited { message, by, text, .. } => {
                self.count(by, at);
                if let Some(known) = self.messages.get_mut(message).map(Arc::make_mut) {
                    (known.edited, known.now) = (Some(version), Words::of(text));
                }
            }
            RoomEvent::MessageWithdrawn { message, .. } => self.withdraw(*message, version),
            RoomEvent::MessagePinned { message, by } => {
                self.count(by, at);
                self.pins.push(*message);
            }
            RoomEvent::MessageUnpinned { message, .. } => self.pins.retain(|pinned| pinned != message),
            RoomEvent::RoomEntered { person } => {
                self.present.insert(person.clone(), at);
            }
            RoomEvent::RoomLeft { person, .. } => {
                self.present.remove(person);
            }
        }
        self.events = self.events.saturating_add(1);
    }

    fn count(&mut self, by: &Actor, at: Timestamp) {
        let pace = self.pace.get(by).copied().filter(|pace| at.since(pace.since) < ROOM_PACE_SPAN);
        let Pace { since, count } = pace.unwrap_or(Pace { since: at, count: 0 });
        self.pace.insert(by.clone(), Pace { since, count: count.saturating_add(1) });
    }

    fn write(
        &mut self,
        id: MessageId,
        by: &Actor,
        kind: MessageKind,
        reply_to: Option<MessageId>,
        (version, text): (u64, &str),
    ) {
        let words = Words::of(text);
        let by = by.clone();
        let (edited, withdrawn, answers, first, now) = (None, None, 0, words, words);
        let message = Message { by, kind, version, reply_to, edited, withdrawn, answers, first, now };
        self.messages.insert(id, Arc::new(message));
        self.order.insert(version, id);
        self.standing = self.standing.saturating_add(1);
        match kind {
            MessageKind::Decision => {
                self.decisions.insert((version, id));
            }
            MessageKind::Question => {
                self.questions.insert((version, id));
                self.standing_questions = self.standing_questions.saturating_add(1);
            }
            MessageKind::Answer => {
                if let Some(question) = reply_to {
                    self.answered(question, |answers| answers.saturating_add(1));
                }
            }
            MessageKind::Message | MessageKind::Note => {}
        }
    }

    /// The number of a question's answers changes, and with it whether it is open.
    fn answered(&mut self, question: MessageId, change: impl FnOnce(u32) -> u32) {
        let Some(known) = self.messages.get_mut(&question).map(Arc::make_mut) else { return };
        known.answers = change(known.answers);
        let place = (known.version, question);
        if known.is_open_question() {
            self.questions.insert(place);
        } else {
            self.questions.remove(&place);
        }
    }

    fn withdraw(&mut self, id: MessageId, version: u64) {
        let Some(known) = self.messages.get_mut(&id).map(Arc::make_mut) else { return };
        known.withdrawn = Some(version);
        let (kind, reply_to, place) = (known.kind, known.reply_to, (known.version, id));
        self.standing = self.standing.saturating_sub(1);
        if kind == MessageKind::Question {
            self.standing_questions = self.standing_questions.saturating_sub(1);
        }
        self.decisions.remove(&place);
        self.questions.remove(&place);
        self.pins.retain(|pinned| *pinned != id);
        if kind == MessageKind::Answer
            && let Some(question) = reply_to
        {
            self.answered(question, |answers| answers.saturating_sub(1));
        }
    }
}

impl RoomCommand {
    /// Whether it is accepted however long the incident is. What is said has a bound of its own.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Note { .. } => false,
            Self::Write { .. }
            | Self::Edit { .. }
            | Self::Withdraw { .. }
            | Self::Pin { .. }
            | Self::Unpin { .. }
            | Self::Enter { .. }
            | Self::Leave { .. } => true,
        }
    }
}
