//! What is asked about reaching people.

use std::time::Duration;

use crate::{
    id::{PageId, PolicyId},
    incident::{Actor, PageOutcome},
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagingCommand {
    /// Page the next tier now.
    Escalate {
        /// Who asks.
        by: Actor,
        /// What more hands are needed for.
        reason: String,
    },
    /// Make it another team's.
    HandOver {
        /// Who asks.
        by: Actor,
        /// Their policy.
        to: PolicyId,
        /// Why to them.
        reason: String,
    },
    /// A page went out, or did not.
    SettlePage {
        /// The page.
        page: PageId,
        /// What became of it.
        outcome: PageOutcome,
        /// From hand-over to answer.
        latency: Duration,
    },
}
