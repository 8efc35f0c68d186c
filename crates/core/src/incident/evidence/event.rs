//! What was kept as evidence, and who had it in hand. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use serde::{Deserialize, Serialize};

use super::Digest;
use crate::{
    id::{MessageId, SignalId, TaskId},
    incident::{
        Actor,
        family::{Family, erased},
    },
    time::Timestamp,
};

/// What is kept. The bytes are in the store, by their digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
    /// What kind of bytes, as their sender says: `text/plain`.
    pub media_type: String,
    /// What it is, in a line.
    pub what: String,
    /// Where it comes from: a machine, a file, a page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// When it was made, as far as somebody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// The task that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The signal that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalId>,
    /// The message of the room that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Its words were erased, and its bytes with them. A mark of its own: anybody may call a piece `(erased)`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub erased: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(it: &bool) -> bool {
    !*it
}

/// What somebody did with evidence. `as` is the variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Handling {
    /// Looked at it, or took a copy.
    Read,
    /// Gave it to somebody outside.
    HandedOut {
        /// To whom.
        to: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// Compared the stored bytes with the digest.
    Verified {
        /// Whether they are the same.
        same: bool,
    },
}

impl Handling {
    /// One word, for clients.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::HandedOut { .. } => "handed_out",
            Self::Verified { .. } => "verified",
        }
    }
    /// In words, to read after a name.
    pub fn words(&self) -> String {
        match self {
            Self::Read => "read it".to_owned(),
            Self::HandedOut { to, reason } => format!("handed it out to {to}: {reason}"),
            Self::Verified { same: true } => "verified it: the bytes are those of its digest".to_owned(),
            Self::Verified { same: false } => "verified it: THE BYTES ARE NOT THOSE OF ITS DIGEST".to_owned(),
        }
    }
}

/// What happened to evidence. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EvidenceEvent {
    /// Something was kept.
    #[serde(rename = "evidence_kept.v1")]
    EvidenceKept {
        /// Its number in the incident, from 1.
        number: u32,
        /// Who kept it.
        by: Actor,
        /// What it is.
        kept: Box<Kept>,
    },
    /// Somebody had it in hand.
    #[serde(rename = "evidence_handled.v1")]
    EvidenceHandled {
        /// Its number in the incident.
        number: u32,
        /// Who did it.
        by: Actor,
        /// What they did.
        handling: Handling,
    },
    /// All that was there was taken out in a bundle: one event, however many pieces there are.
    #[serde(rename = "evidence_exported.v1")]
    EvidenceExported {
        /// Who took them out.
        by: Actor,
        /// The number of the last piece that there was.
        last: u32,
    },
    /// Nothing of the incident may be erased from here on.
    #[serde(rename = "held.v1")]
    Held {
        /// Who says so.
        by: Actor,
        /// Why, in a sentence.
        reason: String,
    },
    /// It may be again.
    #[serde(rename = "hold_lifted.v1")]
    HoldLifted {
        /// Who says so.
        by: Actor,
        /// Why, in a sentence.
        reason: String,
    },
}

impl Family for EvidenceEvent {
    const KINDS: &[&str] =
        &["evidence_kept.v1", "evidence_handled.v1", "evidence_exported.v1", "held.v1", "hold_lifted.v1"];

    fn kind(&self) -> &'static str {
        match self {
            Self::EvidenceKept { .. } => "evidence_kept.v1",
            Self::EvidenceHandled { .. } => "evidence_handled.v1",
            Self::EvidenceExported { .. } => "evidence_exported.v1",
            Self::Held { .. } => "held.v1",
            Self::HoldLifted { .. } => "hold_lifted.v1",
        }
    }

    // The digest stays: whoever has a copy can still show that it is the one.
    fn redacted(&self) -> Self {
        let mut redacted = self.clone();
        match &mut redacted {
            Self::EvidenceKept { kept, .. } => {
                (kept.what, kept.media_type, kept.erased) = (erased(), erased(), true);
                if !kept.source.is_empty() {
                    kept.source = erased();
                }
            }
            Self::EvidenceHandled { handling: Handling::HandedOut { to, reason }, .. } => {
                (*to, *reason) = (erased(), erased());
            }
            Self::Held { reason, .. } | Self::HoldLifted { reason, .. } => *reason = erased(),
            Self::EvidenceHandled { handling: Handling::Read | Handling::Verified { .. }, .. }
            | Self::EvidenceExported { .. } => {}
        }
        redacted
    }
}
