//! What people do together in an incident.

use crate::{
    id::PersonId,
    incident::{Actor, ResponseRole},
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
    /// Take a role.
    TakeRole {
        /// Who asks.
        by: Actor,
        /// The role.
        role: ResponseRole,
        /// Who takes it.
        person: PersonId,
    },
}
