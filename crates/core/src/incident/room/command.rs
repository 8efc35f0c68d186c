//! What people do together in an incident.

use crate::incident::Actor;

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
}
