//! What people may do together. Tests: in `decide`.

use crate::incident::{Ctx, Incident, IncidentEvent, Refusal, RoomCommand, RoomEvent, text::sentence};

impl Incident {
    pub(super) fn decide_room(&self, command: RoomCommand, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            RoomCommand::Note { by, text } => {
                sentence("text", &text)?;
                Ok(vec![RoomEvent::NoteAdded { by, text }.into()])
            }
            RoomCommand::TakeRole { by, role, person } => {
                self.not_merged("take a role in")?;
                if !ctx.setting.roster.people.contains_key(&person) {
                    return Err(Refusal::NoSuchPerson { person });
                }
                let taken = self.room.roles.get(&role) == Some(&person);
                Ok(if taken { Vec::new() } else { vec![RoomEvent::RoleTaken { by, role, person }.into()] })
            }
        }
    }
}
