//! Who may take which role. Tests: in `decide`.

use crate::incident::{Ctx, Incident, IncidentEvent, Refusal, RolesCommand, RolesEvent};

impl Incident {
    pub(super) fn decide_roles(&self, command: RolesCommand, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            RolesCommand::Take { by, role, person } => {
                self.not_merged("take a role in")?;
                if !ctx.setting.roster.people.contains_key(&person) {
                    return Err(Refusal::NoSuchPerson { person });
                }
                let taken = self.roles.held.get(&role) == Some(&person);
                Ok(if taken { Vec::new() } else { vec![RolesEvent::RoleTaken { by, role, person }.into()] })
            }
        }
    }
}
