//! What sources and people claim about an incident.

use std::sync::Arc;

use crate::{
    id::{IncidentId, SignalId},
    incident::Actor,
    signal::{Facts, Fingerprint, Signal, SignalChange},
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimsCommand {
    /// A signal came, changed, was undone or ended.
    Signal(SignalChange),
    /// The same claim came again, or signals past the limit came. The board counts and asks this at doublings.
    Count {
        /// The signal that is repeated; none: distinct signals past the limit.
        signal: Option<SignalId>,
        /// How many since the last such command.
        count: u64,
    },
    /// Its source says that somebody there works on this claim.
    TakeUp {
        /// Which claim.
        claim: Fingerprint,
        /// The source.
        by: Actor,
    },
    /// Somebody is on one claim of several.
    Acknowledge {
        /// Who is on it.
        by: Actor,
        /// A signal that makes the claim.
        signal: SignalId,
    },
    /// A person states facts about impact; with `replace`, instead of what signals claimed.
    StateFacts {
        /// Who states them.
        by: Actor,
        /// The facts.
        facts: Facts,
        /// Instead of, rather than together with, what is known. The only way to lower a severity by hand.
        replace: bool,
    },
    /// The other side of a merge: take the facts and the live signals of `from` over. The board asks this, nobody else.
    Absorb {
        /// Who merged them.
        by: Actor,
        /// The incident that becomes part of this one.
        from: IncidentId,
        /// What people stated about it.
        facts: Facts,
        /// Its live signals that count, as they stand.
        signals: Vec<Arc<Signal>>,
    },
}
