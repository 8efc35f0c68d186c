//! What is asked of checks.

use crate::{
    id::CheckId,
    incident::{Actor, unmet::Judged},
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChecksCommand {
    /// Make the checks now, or one of them.
    Validate {
        /// Who wants to know.
        by: Actor,
        /// Which; none: all that the incident must pass.
        check: Option<CheckId>,
    },
    /// A check was made.
    Report {
        /// What it said.
        judged: Judged,
    },
}

impl ChecksCommand {
    /// Whether it is accepted however long the incident is: without it nothing could end by itself what is too long. Both are bounded.
    pub(in crate::incident) const fn survives_length(&self) -> bool {
        match self {
            Self::Validate { .. } | Self::Report { .. } => true,
        }
    }
}
