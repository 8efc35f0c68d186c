//! What people do together in an incident.

use crate::{
    id::{MessageId, PersonId},
    incident::{
        Actor,
        room::message::{MessageKind, Origin},
    },
    time::Timestamp,
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomCommand {
    /// A line for the timeline.
    Note {
        /// Who writes it.
        by: Actor,
        /// The line.
        text: String,
    },
    /// Write in the room.
    Write {
        /// Who writes.
        by: Actor,
        /// What is meant by it.
        kind: MessageKind,
        /// The words.
        text: String,
        /// The message that it replies to; of an answer, the question.
        reply_to: Option<MessageId>,
        /// What tells this message from all others of its author, made by whoever sends it: sent twice, it is written once.
        key: Option<String>,
        /// Where it came from; none: it is written here.
        origin: Option<Origin>,
    },
    /// Change the words of a message of one's own.
    Edit {
        /// Who changes them.
        by: Actor,
        /// Which message.
        message: MessageId,
        /// The words from now on.
        text: String,
        /// Where the change came from; none: it is made here.
        origin: Option<Origin>,
    },
    /// Take a message back.
    Withdraw {
        /// Who takes it back.
        by: Actor,
        /// Which message.
        message: MessageId,
        /// Why: needed for a message of somebody else.
        reason: String,
        /// Where that came from; none: it is done here.
        origin: Option<Origin>,
    },
    /// Keep a message in sight.
    Pin {
        /// Who asks.
        by: Actor,
        /// Which message.
        message: MessageId,
    },
    /// Keep it in sight no longer.
    Unpin {
        /// Who asks.
        by: Actor,
        /// Which message.
        message: MessageId,
    },
    /// Somebody is seen in the room.
    Enter {
        /// Who is seen there.
        person: PersonId,
    },
    /// Somebody was not seen in the room since.
    Leave {
        /// Who is seen there.
        person: PersonId,
        /// When they were seen last.
        seen: Timestamp,
    },
}
