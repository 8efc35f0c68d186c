//! What is asked of evidence.

use super::{Digest, event::Handling};
use crate::{
    id::{MessageId, SignalId},
    incident::{Actor, tasks::command::Which},
    time::Timestamp,
};

/// What is to be kept. Its bytes are written in the same transaction as the event: the log never names what is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
    /// What kind of bytes.
    pub media_type: String,
    /// What it is, in a line.
    pub what: String,
    /// Where it comes from; empty: nobody says.
    pub source: String,
    /// When it was made, as far as somebody says so.
    pub made: Option<Timestamp>,
    /// The task that it belongs to.
    pub task: Option<Which>,
    /// The signal that it belongs to.
    pub signal: Option<SignalId>,
    /// The message of the room that it belongs to.
    pub message: Option<MessageId>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceCommand {
    /// Keep something.
    Keep {
        /// Who keeps it.
        by: Actor,
        /// What it is.
        keeping: Box<Keeping>,
    },
    /// Somebody has it in hand.
    Handle {
        /// Who did it.
        by: Actor,
        /// Its number in the incident.
        number: u32,
        /// What they do.
        handling: Handling,
    },
    /// All of it is taken out in a bundle.
    Export {
        /// Who takes it out.
        by: Actor,
    },
    /// Nothing of the incident may be erased from here on.
    Hold {
        /// Who says so.
        by: Actor,
        /// Why, in a sentence.
        reason: String,
    },
    /// It may be again.
    LiftHold {
        /// Who says so.
        by: Actor,
        /// Why, in a sentence.
        reason: String,
    },
}

impl EvidenceCommand {
    /// Whether it is accepted however long the incident is: a long one is where evidence matters most. Each has a bound of its own.
    pub(in crate::incident) const fn survives_length(&self) -> bool {
        match self {
            Self::Keep { .. }
            | Self::Handle { .. }
            | Self::Export { .. }
            | Self::Hold { .. }
            | Self::LiftHold { .. } => true,
        }
    }
}
