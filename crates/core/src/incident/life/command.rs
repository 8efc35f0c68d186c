//! What people ask of an incident as a whole.

use crate::{id::IncidentId, incident::Actor};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifeCommand {
    /// Somebody is on it.
    Acknowledge {
        /// Who is.
        by: Actor,
    },
    /// The harm has stopped.
    Mitigate {
        /// Who says so.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It is over.
    Resolve {
        /// Who says so.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It was not over.
    Reopen {
        /// Who says so.
        by: Actor,
        /// Why it is to be looked at again.
        reason: String,
    },
    /// It was learned from.
    Review {
        /// Who closes it.
        by: Actor,
        /// The review's digest or address.
        note: String,
    },
    /// It is part of another incident.
    MergeInto {
        /// Who says so.
        by: Actor,
        /// The other one.
        into: IncidentId,
    },
}
