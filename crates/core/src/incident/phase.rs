//! Where an incident stands: the word that everybody sees, and what it allows.

use serde::{Deserialize, Serialize};

/// Where an incident stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody has answered yet.
    Triggered,
    /// Somebody has, and works on it.
    Acknowledged,
    /// The harm has stopped; the cause may remain.
    Mitigated,
    /// It is over; nobody is paged.
    Resolved,
    /// Over, and learned from.
    Reviewed,
    /// Part of another incident now.
    Merged,
}

impl Phase {
    /// As it is written everywhere: `triggered`, `acknowledged`, `mitigated`, `resolved`, `reviewed`, `merged`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Reviewed => "reviewed",
            Self::Merged => "merged",
        }
    }
    /// Whether the harm goes on, as far as anybody said: only now are people paged.
    pub const fn is_unsettled(self) -> bool {
        matches!(self, Self::Triggered | Self::Acknowledged)
    }
    /// Whether people still work on it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Triggered | Self::Acknowledged | Self::Mitigated)
    }
}
