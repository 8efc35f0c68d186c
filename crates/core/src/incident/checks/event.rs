//! What was asked of checks, and what they said. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    id::CheckId,
    incident::{
        Actor,
        family::{Family, erased},
        unmet::{Judged, Verdict},
    },
};

/// What was asked, and what came of it. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ChecksEvent {
    /// Somebody wants to know whether it is over.
    #[serde(rename = "validation_asked.v1")]
    ValidationAsked {
        /// Who asks.
        by: Actor,
        /// The checks that are made because of it.
        checks: BTreeSet<CheckId>,
    },
    /// A check found all as it must be.
    #[serde(rename = "check_passed.v1")]
    CheckPassed(Judged),
    /// A check found something that is not as it must be.
    #[serde(rename = "check_failed.v1")]
    CheckFailed(Judged),
    /// A check could not be judged.
    #[serde(rename = "check_unjudged.v1")]
    CheckUnjudged(Judged),
}

impl ChecksEvent {
    /// The event of what a check said.
    pub fn of(judged: Judged) -> Self {
        match judged.verdict {
            Verdict::Passed => Self::CheckPassed(judged),
            Verdict::Failed => Self::CheckFailed(judged),
            Verdict::Unjudged => Self::CheckUnjudged(judged),
        }
    }

    /// What a check said, if this is such an event.
    pub const fn judged(&self) -> Option<&Judged> {
        match self {
            Self::ValidationAsked { .. } => None,
            Self::CheckPassed(judged) | Self::CheckFailed(judged) | Self::CheckUnjudged(judged) => Some(judged),
        }
    }
}

impl Family for ChecksEvent {
    const KINDS: &[&str] = &["validation_asked.v1", "check_passed.v1", "check_failed.v1", "check_unjudged.v1"];

    fn kind(&self) -> &'static str {
        match self {
            Self::ValidationAsked { .. } => "validation_asked.v1",
            Self::CheckPassed(_) => "check_passed.v1",
            Self::CheckFailed(_) => "check_failed.v1",
            Self::CheckUnjudged(_) => "check_unjudged.v1",
        }
    }

    /// What was seen may quote a page that names somebody; the rules read the verdict and the instants alone.
    fn redacted(&self) -> Self {
        let unseen = |judged: &Judged| Judged { seen: erased(), ..judged.clone() };
        match self {
            Self::ValidationAsked { by: _, checks: _ } => self.clone(),
            Self::CheckPassed(judged) => Self::CheckPassed(unseen(judged)),
            Self::CheckFailed(judged) => Self::CheckFailed(unseen(judged)),
            Self::CheckUnjudged(judged) => Self::CheckUnjudged(unseen(judged)),
        }
    }
}
