//! The room: what people write in an incident. Notes are for the timeline alone. Tests: in `decide`.

pub mod event;
pub mod command;

use serde::Serialize;

use self::{command::RoomCommand, event::RoomEvent};
use crate::incident::Phase;

/// What of the room the rules need: nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Room {}

impl Room {
    /// Whether this could happen in this phase.
    pub(super) const fn fits(_: Phase, event: &RoomEvent) -> bool {
        match event {
            RoomEvent::NoteAdded { .. } => true,
        }
    }

    pub(super) const fn apply(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::NoteAdded { .. } => {}
        }
    }
}

impl RoomCommand {
    /// Whether it is accepted however long the incident is.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Note { .. } => false,
        }
    }
}
