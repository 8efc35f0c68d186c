//! What people do together in an incident. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncidentId, MessageId, PersonId},
    incident::{
        Actor,
        family::{Family, erased},
        room::message::{MessageKind, Origin, note_id},
    },
    time::Timestamp,
};

/// What people do together. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RoomEvent {
    /// A line for the timeline.
    #[serde(rename = "note_added.v1")]
    NoteAdded {
        /// Who did it.
        by: Actor,
        /// The line.
        text: String,
    },
    /// Somebody wrote in the room.
    #[serde(rename = "message_written.v1")]
    MessageWritten {
        /// The message.
        message: MessageId,
        /// Who wrote it.
        by: Actor,
        /// What is meant by it.
        kind: MessageKind,
        /// The words.
        text: String,
        /// The message that it replies to; of an answer, the question that it closes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// Where it came from; none: it was written here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// Its author changed the words. Those of before stay in the log.
    #[serde(rename = "message_edited.v1")]
    MessageEdited {
        /// The message.
        message: MessageId,
        /// Its author.
        by: Actor,
        /// The words from now on.
        text: String,
        /// Where the change came from; none: it was made here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// A message was taken back: it is not shown any more. Its words stay in the log.
    #[serde(rename = "message_withdrawn.v1")]
    MessageWithdrawn {
        /// The message.
        message: MessageId,
        /// Who took it back.
        by: Actor,
        /// Why; empty where its author did.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// Where that came from; none: it was done here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// A message is kept in sight.
    #[serde(rename = "message_pinned.v1")]
    MessagePinned {
        /// The message.
        message: MessageId,
        /// Who pinned it.
        by: Actor,
    },
    /// A message need not be kept in sight any more.
    #[serde(rename = "message_unpinned.v1")]
    MessageUnpinned {
        /// The message.
        message: MessageId,
        /// Who unpinned it.
        by: Actor,
    },
    /// Somebody opened the room who was not in it.
    #[serde(rename = "room_entered.v1")]
    RoomEntered {
        /// Who is there from now on.
        person: PersonId,
    },
    /// Somebody has not been seen in the room for a while.
    #[serde(rename = "room_left.v1")]
    RoomLeft {
        /// Who is not there any more.
        person: PersonId,
        /// When they were seen last.
        seen: Timestamp,
    },
}

/// What stands in the place of words that were taken back.
pub const WITHDRAWN: &str = "(withdrawn)";

impl RoomEvent {
    /// The message whose words this event has. `incident` and `version` say where it is.
    pub fn words_of(&self, incident: IncidentId, version: u64) -> Option<MessageId> {
        match self {
            Self::MessageWritten { message, .. } | Self::MessageEdited { message, .. } => Some(*message),
            Self::NoteAdded { .. } => Some(note_id(incident, version)),
            Self::MessageWithdrawn { .. }
            | Self::MessagePinned { .. }
            | Self::MessageUnpinned { .. }
            | Self::RoomEntered { .. }
            | Self::RoomLeft { .. } => None,
        }
    }

    /// The event as people see it once its message was taken back.
    #[must_use]
    pub fn unsaid(&self) -> Self {
        let mut unsaid = self.clone();
        if let Self::NoteAdded { text, .. } | Self::MessageWritten { text, .. } | Self::MessageEdited { text, .. } =
            &mut unsaid
        {
            WITHDRAWN.clone_into(text);
        }
        unsaid
    }
}

impl Family for RoomEvent {
    const KINDS: &[&str] = &[
        "note_added.v1",
        "message_written.v1",
        "message_edited.v1",
        "message_withdrawn.v1",
        "message_pinned.v1",
        "message_unpinned.v1",
        "room_entered.v1",
        "room_left.v1",
    ];

    fn kind(&self) -> &'static str {
        match self {
            Self::NoteAdded { .. } => "note_added.v1",
            Self::MessageWritten { .. } => "message_written.v1",
            Self::MessageEdited { .. } => "message_edited.v1",
            Self::MessageWithdrawn { .. } => "message_withdrawn.v1",
            Self::MessagePinned { .. } => "message_pinned.v1",
            Self::MessageUnpinned { .. } => "message_unpinned.v1",
            Self::RoomEntered { .. } => "room_entered.v1",
            Self::RoomLeft { .. } => "room_left.v1",
        }
    }

    fn redacted(&self) -> Self {
        let elsewhere = |origin: &Option<Origin>| {
            let origin = origin.as_ref();
            origin.map(|origin| Origin { author: erased(), ..origin.clone() })
        };
        match self {
            Self::NoteAdded { by, text: _ } => Self::NoteAdded { by: by.clone(), text: erased() },
            Self::MessageWritten { message, by, kind, text: _, reply_to, origin } => Self::MessageWritten {
                message: *message,
                by: by.clone(),
                kind: *kind,
                text: erased(),
                reply_to: *reply_to,
                origin: elsewhere(origin),
            },
            Self::MessageEdited { message, by, text: _, origin } => {
                Self::MessageEdited { message: *message, by: by.clone(), text: erased(), origin: elsewhere(origin) }
            }
            Self::MessageWithdrawn { message, by, reason, origin } => Self::MessageWithdrawn {
                message: *message,
                by: by.clone(),
                reason: if reason.is_empty() { String::new() } else { erased() },
                origin: elsewhere(origin),
            },
            Self::MessagePinned { message: _, by: _ }
            | Self::MessageUnpinned { message: _, by: _ }
            | Self::RoomEntered { person: _ }
            | Self::RoomLeft { person: _, seen: _ } => self.clone(),
        }
    }
}
