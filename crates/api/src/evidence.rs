//! The evidence of an incident: what was kept, who had it in hand, and whether the law holds it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The evidence of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// `inc_…`
    pub incident: String,
    /// What was kept, in order.
    pub items: Vec<EvidenceItem>,
    /// Bundles that were taken out with the bytes of all pieces that there were, in order.
    pub exports: Vec<CustodyEntry>,
    /// Bytes of all of it that is not erased.
    pub bytes: u64,
    /// That nothing of the incident may be erased, and why; none: it may be.
    pub hold: Option<EvidenceHold>,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceItem {
    /// Its number in the incident, from 1.
    pub number: u32,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What kind of bytes, as their sender says.
    pub media_type: String,
    /// What it is, in a line.
    pub what: String,
    /// Where it comes from; empty: nobody said.
    pub source: String,
    /// When it was made, as far as somebody said so.
    pub made: Option<String>,
    /// The number of the task that it belongs to.
    pub task: Option<u32>,
    /// The signal that it belongs to, `sig_…`.
    pub signal: Option<String>,
    /// The message that it belongs to, `msg_…`.
    pub message: Option<String>,
    /// Who kept it.
    pub by: String,
    /// The instant of it.
    pub at: String,
    /// What was done with it since, in order.
    pub custody: Vec<CustodyEntry>,
    /// Its words were erased, and its bytes with them; the digest stays.
    pub erased: bool,
}

/// What somebody did with a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustodyEntry {
    /// Who did it.
    pub by: String,
    /// The instant of it.
    pub at: String,
    /// `read`, `handed_out`, `exported`, `verified`.
    pub handling: String,
    /// The same in words.
    pub words: String,
}

/// Legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceHold {
    /// Who said so last.
    pub by: String,
    /// Since when it is held.
    pub since: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// What came of comparing a piece with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceVerified {
    /// Which piece.
    pub number: u32,
    /// The digest that the log has.
    pub sha256: String,
    /// Whether the stored bytes are those of the digest.
    pub same: bool,
}
