//! What somebody looks at of an incident. Tests: none needed, it is a list.

use serde::{Deserialize, Serialize};

/// What somebody looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The incident as it stands, with the end of its timeline.
    Incident,
    /// Its timeline.
    Timeline,
    /// What was said in its room.
    Room,
    /// What it must pass.
    Checks,
    /// What was kept as evidence.
    Evidence,
    /// One of its signals.
    Signal,
    /// The review.
    Review,
    /// The bundle, for an outsider.
    Bundle,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Incident,
        Self::Timeline,
        Self::Room,
        Self::Checks,
        Self::Evidence,
        Self::Signal,
        Self::Review,
        Self::Bundle,
    ];

    /// As it is written: `the timeline`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Incident => "the incident",
            Self::Timeline => "the timeline",
            Self::Room => "the room",
            Self::Checks => "the checks",
            Self::Evidence => "the evidence",
            Self::Signal => "a signal",
            Self::Review => "the review",
            Self::Bundle => "the bundle",
        }
    }
}
