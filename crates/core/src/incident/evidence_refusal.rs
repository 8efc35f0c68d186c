//! Why something that was asked about evidence was refused. A file of its own, as the others have their bound of lines.

use crate::{
    id::{IncidentId, SignalId},
    incident::hold::Hold,
    limits::{EVIDENCE_ITEMS_MAX, HOLD_TURNS_MAX},
};

/// Why not. Each has a stable code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceRefusal {
    /// Nothing, or more than one piece of evidence may have.
    #[error("evidence of {bytes} bytes: want 1 to {max}")]
    Size {
        /// How many came.
        bytes: u64,
        /// How many may come.
        max: u64,
    },
    /// With this it would be more than is kept of one incident.
    #[error("evidence of incident {id} would have {bytes} bytes with this: want at most {max}")]
    Full {
        /// Which incident.
        id: IncidentId,
        /// How many it would be.
        bytes: u64,
        /// How many it may be.
        max: u64,
    },
    /// It has as many pieces as it may.
    #[error("incident {id} has {EVIDENCE_ITEMS_MAX} pieces of evidence already")]
    TooMuch {
        /// Which incident.
        id: IncidentId,
    },
    /// So many had it in hand that the log holds little else.
    #[error("evidence of incident {id} has {entries} entries of custody: want fewer than {max}")]
    TooManyEntries {
        /// Which incident.
        id: IncidentId,
        /// How many there are.
        entries: u32,
        /// Where this kind of entry ends.
        max: u32,
    },
    /// Nothing with this number was kept.
    #[error("incident {id} has no evidence {number}")]
    NoSuch {
        /// Which incident.
        id: IncidentId,
        /// What was asked for.
        number: u32,
    },
    /// It has no such signal.
    #[error("incident {id} has no signal {signal}")]
    NoSuchSignal {
        /// Which incident.
        id: IncidentId,
        /// What was asked for.
        signal: SignalId,
    },
    /// Its bytes are gone.
    #[error("evidence {number} of incident {id} was erased")]
    Erased {
        /// Which incident.
        id: IncidentId,
        /// Which piece.
        number: u32,
    },
    /// Somebody wants it kept as it is.
    #[error("incident {id} is held since {} by {}: {}", hold.since, hold.by, hold.reason)]
    UnderHold {
        /// Which incident.
        id: IncidentId,
        /// By whom and why.
        hold: Box<Hold>,
    },
    /// There is no hold to lift.
    #[error("incident {id} is not held")]
    NotHeld {
        /// Which incident.
        id: IncidentId,
    },
    /// It was held and let go too often: it stays held.
    #[error("the hold of incident {id} was stated or lifted {HOLD_TURNS_MAX} times already: it stays as it is")]
    TooManyHolds {
        /// Which incident.
        id: IncidentId,
    },
}

impl EvidenceRefusal {
    /// Stable, for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Size { .. } => "evidence_size",
            Self::Full { .. } => "evidence_full",
            Self::TooMuch { .. } => "too_much_evidence",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::NoSuch { .. } => "no_such_evidence",
            Self::NoSuchSignal { .. } => "no_such_signal",
            Self::Erased { .. } => "erased",
            Self::UnderHold { .. } => "under_hold",
            Self::NotHeld { .. } => "not_held",
            Self::TooManyHolds { .. } => "too_many_holds",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Size { .. } => Some("cut it into parts, or keep a text that names it with its digest"),
            Self::UnderHold { .. } => {
                Some("an administrator lifts the hold first: `quarterdeck evidence lift ID --reason …`")
            }
            Self::TooManyEntries { .. } => Some("whoever looked lately may look again; the rest is in the bundle"),
            Self::TooManyHolds { .. } => Some("say what is new about it in a note"),
            Self::Full { .. }
            | Self::TooMuch { .. }
            | Self::NoSuch { .. }
            | Self::NoSuchSignal { .. }
            | Self::Erased { .. }
            | Self::NotHeld { .. } => None,
        }
    }
}
