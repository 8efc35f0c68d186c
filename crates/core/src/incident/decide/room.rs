//! What people may write together. Tests: in `decide`.

use crate::incident::{Incident, IncidentEvent, Refusal, RoomCommand, RoomEvent, text::sentence};

impl Incident {
    pub(super) fn decide_room(&self, command: RoomCommand) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            RoomCommand::Note { by, text } => {
                sentence("text", &text)?;
                Ok(vec![RoomEvent::NoteAdded { by, text }.into()])
            }
        }
    }
}
