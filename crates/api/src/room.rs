//! The room of an incident: who is there, and what was said, as it stands now.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A room, with the end of what was said there or a part before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Room {
    /// `inc_…`
    pub incident: String,
    /// Where the incident stands.
    pub phase: String,
    /// The incident that it is part of now: people go on in the room of that one.
    pub merged_into: Option<String>,
    /// The incidents that were merged into this one: what was said in their rooms is still to be read there.
    pub merged_from: Vec<String>,
    /// Who is there.
    pub present: Vec<Present>,
    /// What is kept in sight, in the order in which it was pinned.
    pub pins: Vec<Message>,
    /// What was decided, the last 50, in their order. The review has all.
    pub decisions: Vec<Message>,
    /// What nobody has answered, the last 50, in their order.
    pub open_questions: Vec<Message>,
    /// What was said, in its order.
    pub messages: Vec<Message>,
    /// `before` for the part before this one; none: this one begins with the first message.
    pub earlier: Option<u64>,
    /// How many messages were written, those that were withdrawn too.
    pub written: usize,
    /// Whether the caller may write here now.
    pub may_write: bool,
    /// The chats that this room is mirrored to.
    pub chats: Vec<Mirrored>,
}

/// A chat that a room is mirrored to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mirrored {
    /// The chat's name in the configuration.
    pub chat: String,
    /// The channel there, as the chat calls it.
    pub channel: String,
    /// Since when nothing gets through one way or the other; none: it works.
    pub away_since: Option<String>,
}

/// Somebody who is in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Present {
    /// Their name in the configuration.
    pub person: String,
    /// How people call them.
    pub name: String,
    /// Since when.
    pub since: String,
    /// The roles that they have.
    pub roles: Vec<String>,
}

/// A message as it stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// `msg_…`
    pub id: String,
    /// `message`, `note`, `decision`, `question`, `answer`.
    pub kind: String,
    /// Who wrote it, as the log names them.
    pub by: String,
    /// How people call them.
    pub name: String,
    /// When it was written.
    pub at: String,
    /// Its words now; none: it was withdrawn.
    pub text: Option<String>,
    /// The message that it replies to; of an answer, the question.
    pub reply_to: Option<String>,
    /// When its author changed its words last.
    pub edited: Option<String>,
    /// Who took it back, when and why.
    pub withdrawn: Option<Withdrawn>,
    /// Whether it is kept in sight.
    pub pinned: bool,
    /// Of a question: whether an answer stands.
    pub answered: bool,
    /// Where it came from; none: it was written here.
    pub origin: Option<String>,
    /// Its place in the log.
    pub log_index: u64,
}

/// That a message was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withdrawn {
    /// By whom.
    pub by: String,
    /// When it was taken back.
    pub at: String,
    /// Why; empty where its author did.
    pub reason: String,
}
