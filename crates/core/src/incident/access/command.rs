//! What is asked about who may look.

use super::part::Part;
use crate::{id::PersonId, incident::Actor};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessCommand {
    /// Only those let in are to see more than a code name; or more of them, where it is so already.
    Restrict {
        /// Who asks.
        by: Actor,
        /// Its name outside; empty: one is drawn.
        code_name: String,
        /// Why, for the log and those inside.
        reason: String,
        /// Who is let in besides whoever asks and those who have a role: people, policies, schedules, as they were written.
        members: Vec<String>,
    },
    /// Somebody may look.
    LetIn {
        /// Who asks.
        by: Actor,
        /// A person, a policy or a schedule, as it was written.
        whom: String,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Somebody may not look any more.
    PutOut {
        /// Who asks.
        by: Actor,
        /// A person, a policy or a schedule, as it was written.
        whom: String,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Everybody may look again.
    Lift {
        /// Who asks.
        by: Actor,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// An administrator looks though nobody let them in.
    BreakGlass {
        /// Who asks.
        by: Actor,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Somebody is about to be shown something.
    Read {
        /// Who looks.
        by: PersonId,
        /// At what.
        part: Part,
    },
}

impl AccessCommand {
    /// Whether it is accepted however long the incident is. Who may look is decided at any length; readings have a pace of their own.
    pub(in crate::incident) const fn survives_length(&self) -> bool {
        match self {
            Self::Restrict { .. }
            | Self::PutOut { .. }
            | Self::BreakGlass { .. }
            | Self::Read { .. }
            | Self::LetIn { .. }
            | Self::Lift { .. } => true,
        }
    }
}
