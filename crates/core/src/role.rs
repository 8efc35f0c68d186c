//! The parts that people take in an incident.

use serde::{Deserialize, Serialize};

/// What people do in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseRole {
    /// Decides what is done, and says when it is over.
    Commander,
    /// Works on the cause.
    Operations,
    /// Speaks to the outside.
    Communications,
    /// Keeps the record.
    Scribe,
}

impl ResponseRole {
    /// All of them, the one that decides first.
    pub const ALL: [Self; 4] = [Self::Commander, Self::Operations, Self::Communications, Self::Scribe];

    /// As it is written everywhere: `commander`, `operations`, `communications`, `scribe`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commander => "commander",
            Self::Operations => "operations",
            Self::Communications => "communications",
            Self::Scribe => "scribe",
        }
    }
}
