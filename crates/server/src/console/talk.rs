//! The pages of a room as values, as `pages` has the others. Tests: `tests/it/room.rs`.

use askama::Template;
use quarterdeck_api as api;

use super::{filters, pages::Frame};

/// `/incidents/{id}/room`
#[derive(Template)]
#[template(path = "room.html")]
pub(super) struct RoomPage {
    /// Around it.
    pub frame: Frame,
    /// The incident.
    pub sum: api::IncidentSummary,
    /// Who is there, and what is kept in sight.
    pub room: api::Room,
    /// What was said.
    pub lines: Vec<Said>,
    /// The message that something is to be done with.
    pub about: Option<About>,
    /// Roles whose holders are not there: the role, and who has it.
    pub absent: Vec<(String, String)>,
    /// What is kept in sight.
    pub kept: [Kept; 3],
    /// Why the last command was not done.
    pub refused: Option<api::ErrorBody>,
    /// What was typed and refused.
    pub typed: String,
    /// What makes sending it twice harmless.
    pub key: String,
    /// Who looks, so that a draft is shown to nobody else.
    pub me: String,
    /// The visitor may write here.
    pub may_write: bool,
    /// As many messages as a room may have.
    pub full: bool,
    /// What is shown ends before this; none: it ends with the last message.
    pub before: Option<u64>,
}

/// Messages alone, for pages that are open.
#[derive(Template)]
#[template(path = "room_messages.html")]
pub(super) struct RoomMessages {
    /// What was said.
    pub lines: Vec<Said>,
}

/// What stands beside the messages alone.
#[derive(Template)]
#[template(path = "room_side.html")]
pub(super) struct RoomSide {
    /// Who is there, and what is kept in sight.
    pub room: api::Room,
    /// Roles whose holders are not there.
    pub absent: Vec<(String, String)>,
    /// What is kept in sight.
    pub kept: [Kept; 3],
}

/// What stands above the messages alone.
#[derive(Template)]
#[template(path = "room_head.html")]
pub(super) struct RoomHead {
    /// The incident.
    pub sum: api::IncidentSummary,
    /// Whether people go on elsewhere.
    pub room: api::Room,
}

/// Messages that are kept in sight.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// What they are.
    pub title: &'static str,
    /// What is said where there are none.
    pub none: &'static str,
    /// The messages.
    pub these: Vec<api::Message>,
}

/// What is kept in sight of a room: first what waits for somebody.
pub(super) fn kept(room: &api::Room) -> [Kept; 3] {
    let open = ("Open questions", "Nothing waits for an answer.", &room.open_questions);
    let decided = ("Decisions", "Nothing is decided yet.", &room.decisions);
    let pinned = ("Pinned", "Nothing is pinned.", &room.pins);
    [open, decided, pinned].map(|(title, none, these)| Kept { title, none, these: these.clone() })
}

/// A message as a room shows it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The message.
    pub it: api::Message,
    /// The incident.
    pub incident: String,
    /// What it is called in the page.
    pub html_id: String,
}

/// A message that something is to be done with.
#[derive(Debug, Clone)]
pub(super) struct About {
    /// The message.
    pub line: Said,
    /// The visitor wrote it.
    pub own: bool,
    /// What was typed as a reply and refused.
    pub reply: String,
}
