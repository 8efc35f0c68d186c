//! Who does what in an incident.

use crate::{
    id::PersonId,
    incident::{Actor, ResponseRole},
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolesCommand {
    /// Take a role.
    Take {
        /// Who asks.
        by: Actor,
        /// The role.
        role: ResponseRole,
        /// Who takes it.
        person: PersonId,
    },
}
