//! What people ask of an incident as a whole.

use crate::{
    id::IncidentId,
    incident::{Actor, unmet::Judged},
};

/// What comes with the word that it is over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closing {
    /// Why it is over though something stands in the way; none: then it is not.
    pub reason: Option<String>,
    /// What checks said lately that is in no event, because it was no news.
    pub ran: Vec<Judged>,
}

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
        /// On what that rests.
        closing: Closing,
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
