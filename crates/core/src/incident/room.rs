//! The room: what people do together in an incident. Notes are for the timeline alone; roles are kept. Tests: in `decide`.

pub mod event;
pub mod command;

use std::collections::BTreeMap;

use serde::Serialize;

use self::{command::RoomCommand, event::RoomEvent};
use crate::{
    id::PersonId,
    incident::{Phase, ResponseRole},
};

/// Who does what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Room {
    pub(super) roles: BTreeMap<ResponseRole, PersonId>,
}

impl Room {
    /// Whether this could happen in this phase.
    pub(super) fn fits(phase: Phase, event: &RoomEvent) -> bool {
        match event {
            RoomEvent::RoleTaken { .. } => phase != Phase::Merged,
            RoomEvent::NoteAdded { .. } => true,
        }
    }

    pub(super) fn apply(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::RoleTaken { role, person, .. } => {
                self.roles.insert(*role, person.clone());
            }
            RoomEvent::NoteAdded { .. } => {}
        }
    }
}

impl RoomCommand {
    /// Whether it is accepted however long the incident is.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Note { .. } | Self::TakeRole { .. } => false,
        }
    }
}
