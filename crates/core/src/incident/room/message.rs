//! What a message is, and what is kept of one: what the rules ask about it, and where its words are in the history. The words
//! themselves are in the log alone. Tests: in `decide/room/tests.rs`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    id::{IncidentId, MessageId},
    incident::Actor,
    signal::ERASED,
};

/// What somebody means by a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Something said.
    Message,
    /// A line for the timeline, which the room shows in its place. An event of its own kind, older than rooms.
    Note,
    /// What was decided: a section of the review.
    Decision,
    /// Something that is to be answered.
    Question,
    /// What closes a question.
    Answer,
}

impl MessageKind {
    /// As it is written everywhere.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Note => "note",
            Self::Decision => "decision",
            Self::Question => "question",
            Self::Answer => "answer",
        }
    }
}

/// Where a message came from that was not written here; none: it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The channel that it came by, as the configuration names it.
    pub channel: String,
    /// What the message is called there.
    pub message: String,
    /// What its author is called there.
    pub author: String,
}

/// A message as the room keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who wrote it.
    pub by: Actor,
    /// What is meant by it.
    pub kind: MessageKind,
    /// The event that has its words, by its version in the incident's history.
    pub version: u64,
    /// The message that it replies to; of an answer, the question.
    pub reply_to: Option<MessageId>,
    /// The event that has its words since they were changed last.
    pub edited: Option<u64>,
    /// The event that took it back.
    pub withdrawn: Option<u64>,
    /// Of a question: answers that were not taken back.
    pub answers: u32,
    /// Of the words as they were first, so that a key that is used for other words is found.
    pub(in crate::incident) first: Words,
    /// Of the words as they are now, so that the same change twice is one.
    pub(in crate::incident) now: Words,
}

impl Message {
    /// Whether it is a question that nobody has answered.
    pub const fn is_open_question(&self) -> bool {
        matches!(self.kind, MessageKind::Question) && self.answers == 0 && self.withdrawn.is_none()
    }

    /// Whether these are its words now.
    pub(in crate::incident) fn says(&self, text: &str) -> bool {
        self.now == Words::of(text)
    }
}

/// Tells words from others. In memory only: of what was erased nothing is left but that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::incident) struct Words(Option<[u8; 8]>);

impl Words {
    pub(in crate::incident) fn of(text: &str) -> Self {
        if text == ERASED {
            return Self(None);
        }
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        Self(digest.first_chunk().copied())
    }

    /// Whether they can have been these: what was erased can have been anything.
    pub(in crate::incident) fn may_be(self, text: &str) -> bool {
        self.0.is_none() || self == Self::of(text)
    }
}

/// How a note is called as a message: its event says no identifier, and its place is as good as one.
pub fn note_id(incident: IncidentId, version: u64) -> MessageId {
    MessageId::digest(&[b"note", incident.bytes(), &version.to_be_bytes()])
}

/// How a message is called whose sender gave a key: the same key of the same author is the same message.
pub fn keyed_id(incident: IncidentId, by: &Actor, key: &str) -> MessageId {
    let who = match by {
        Actor::Person(person) => format!("person {person}"),
        Actor::Token(_) | Actor::System => by.to_string(),
    };
    MessageId::digest(&[b"message", incident.bytes(), who.as_bytes(), key.as_bytes()])
}
