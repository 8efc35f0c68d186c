//! Who does what in an incident, and who is asked to come.

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
    /// Ask a person or a team to come, beside the escalation.
    Ask {
        /// Who asks.
        by: Actor,
        /// Whom, as it was typed: a person, a policy or a schedule of the roster.
        whom: String,
        /// The role that they are to take; none: only to come.
        role: Option<ResponseRole>,
        /// What for.
        reason: String,
    },
    /// Whoever was asked comes, and takes the role that they were asked to take.
    Accept {
        /// Who comes.
        by: Actor,
        /// What they were asked; none: all that they were asked and have not answered.
        ask: Option<u32>,
    },
    /// Whoever was asked cannot come, or will not take the role.
    Decline {
        /// Who does not.
        by: Actor,
        /// What they were asked; none: all that they were asked and have not answered.
        ask: Option<u32>,
        /// Why not; may be empty.
        reason: String,
    },
    /// Give a role up.
    GiveUp {
        /// Who asks.
        by: Actor,
        /// The role.
        role: ResponseRole,
    },
}
