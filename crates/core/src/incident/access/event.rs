//! Who may look, and who looked. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use serde::{Deserialize, Serialize};

use super::part::Part;
use crate::{
    id::PersonId,
    incident::{
        Actor,
        family::{Family, erased},
    },
    policy::Whom,
};

/// What happened. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AccessEvent {
    /// From now on only those let in see more than its code name, its severity and its phase.
    #[serde(rename = "restricted.v1")]
    Restricted {
        /// Who restricted it; Quarterdeck itself, where a rule of the configuration says so.
        by: Actor,
        /// Its name outside.
        code_name: String,
        /// Why, for the log and those inside.
        reason: String,
        /// Who is let in from the start.
        members: Vec<Whom>,
    },
    /// Somebody, or a team, may look.
    #[serde(rename = "let_in.v1")]
    LetIn {
        /// Who let them in.
        by: Actor,
        /// Who may look.
        whom: Whom,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Somebody, or a team, may not look any more.
    #[serde(rename = "put_out.v1")]
    PutOut {
        /// Who put them out.
        by: Actor,
        /// Who may not look.
        whom: Whom,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Everybody may look again.
    #[serde(rename = "restriction_lifted.v1")]
    RestrictionLifted {
        /// Who lifted it.
        by: Actor,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// An administrator whom nobody let in came in all the same.
    #[serde(rename = "glass_broken.v1")]
    GlassBroken {
        /// Who came in.
        by: PersonId,
        /// Why, for the log and those inside.
        reason: String,
    },
    /// Somebody looked. What they look at again within a short time is the same reading.
    #[serde(rename = "read.v1")]
    Read {
        /// Who looked.
        by: PersonId,
        /// At what.
        part: Part,
    },
}

impl Family for AccessEvent {
    const KINDS: &[&str] =
        &["restricted.v1", "let_in.v1", "put_out.v1", "restriction_lifted.v1", "glass_broken.v1", "read.v1"];

    fn kind(&self) -> &'static str {
        match self {
            Self::Restricted { .. } => "restricted.v1",
            Self::LetIn { .. } => "let_in.v1",
            Self::PutOut { .. } => "put_out.v1",
            Self::RestrictionLifted { .. } => "restriction_lifted.v1",
            Self::GlassBroken { .. } => "glass_broken.v1",
            Self::Read { .. } => "read.v1",
        }
    }

    // The code name stays: it is what everybody outside knows the incident by.
    fn redacted(&self) -> Self {
        let mut redacted = self.clone();
        match &mut redacted {
            Self::Restricted { reason, .. }
            | Self::LetIn { reason, .. }
            | Self::PutOut { reason, .. }
            | Self::RestrictionLifted { reason, .. }
            | Self::GlassBroken { reason, .. } => *reason = erased(),
            Self::Read { .. } => {}
        }
        redacted
    }
}
