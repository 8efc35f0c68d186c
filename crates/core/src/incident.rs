//! The incident: what people respond to. It is a fold of its events and nothing else.
//!
//! `decide` turns a command into events or a refusal, `apply` turns an event into state; both are pure and in this folder.
//! What is owed at an instant is in [`crate::duty`].

pub mod command;
pub mod event;
pub mod refusal;

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

pub use self::{
    command::{Actor, Command, Ctx},
    event::{IncidentEvent, PageOutcome, PageReason, SeverityChange},
    refusal::{IllegalHistory, Refusal},
};
use crate::{
    id::{ChannelId, IncidentId, PageId, PersonId, ServiceId, SignalId},
    policy::EscalationPolicy,
    priority::Score,
    signal::{Facts, Signal, SignalStatus},
    time::Timestamp,
};

/// How bad: SEV1 is worst. Ordered so that a worse severity is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look in working hours.
    Sev5,
    /// Minor.
    Sev4,
    /// Moderate: somebody is paged.
    Sev3,
    /// Major.
    Sev2,
    /// Critical: funds, keys or the whole business.
    Sev1,
}

impl Severity {
    /// From the mildest to the worst.
    pub const ALL: [Self; 5] = [Self::Sev5, Self::Sev4, Self::Sev3, Self::Sev2, Self::Sev1];
    /// 1 to 5.
    pub const fn number(self) -> u8 {
        match self {
            Self::Sev1 => 1,
            Self::Sev2 => 2,
            Self::Sev3 => 3,
            Self::Sev4 => 4,
            Self::Sev5 => 5,
        }
    }
}
impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sev1 => "SEV1",
            Self::Sev2 => "SEV2",
            Self::Sev3 => "SEV3",
            Self::Sev4 => "SEV4",
            Self::Sev5 => "SEV5",
        })
    }
}
impl FromStr for Severity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is no severity: want SEV1 to SEV5"))
    }
}

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
    /// Over.
    Resolved,
    /// Over, and learned from.
    Reviewed,
    /// Part of another incident now.
    Merged,
}

impl Phase {
    /// Whether people still work on it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Triggered | Self::Acknowledged | Self::Mitigated)
    }
}

/// What people do in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseRole {
    /// Decides.
    Commander,
    /// Works on the cause.
    Operations,
    /// Speaks to the outside.
    Communications,
    /// Keeps the record.
    Scribe,
}

/// A page as the incident knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRecord {
    /// Which.
    pub id: PageId,
    /// To whom.
    pub person: PersonId,
    /// By which notifier.
    pub channel: ChannelId,
    /// The address there.
    pub address: String,
    /// Why now.
    pub reason: PageReason,
    /// Tier and round that owed it.
    pub tier: usize,
    /// Round, from 1.
    pub round: u32,
    /// The page that this one repeats because its outcome stayed unknown or it failed.
    pub repeat_of: Option<PageId>,
    /// When it was decided.
    pub requested: Timestamp,
    /// What became of it; none while it is under way.
    pub outcome: Option<PageOutcome>,
    /// When the outcome was known.
    pub settled: Option<Timestamp>,
}

/// Where the escalation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Frozen at opening, so that an edit of the policy cannot rewrite a running incident.
    pub policy: EscalationPolicy,
    /// The tier paged last; none before the first page.
    pub tier: Option<usize>,
    /// Round, from 1. Greater than the policy's rounds: only the fallback is left.
    pub round: u32,
    /// When the next step is due; none while acknowledged, over, or too mild to page.
    pub next: Option<Timestamp>,
}

/// Somebody's word that they are on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
}

/// A signal as the incident knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The signal as it was when attached.
    pub signal: Arc<Signal>,
    /// How it stands now.
    pub status: SignalStatus,
    /// How often the same claim came again.
    pub repeats: u64,
    /// When it came last.
    pub last: Timestamp,
}

/// An incident. Private fields: [`Incident::apply`] is the only way to change one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    pub(crate) id: IncidentId,
    pub(crate) title: String,
    pub(crate) service: Option<ServiceId>,
    pub(crate) drill: bool,
    pub(crate) phase: Phase,
    pub(crate) severity: Severity,
    pub(crate) score: Score,
    pub(crate) facts: Facts,
    pub(crate) signals: BTreeMap<SignalId, Attached>,
    pub(crate) absorbed: u64,
    pub(crate) escalation: Escalation,
    pub(crate) acknowledgement: Option<Acknowledgement>,
    pub(crate) pages: BTreeMap<PageId, PageRecord>,
    pub(crate) roles: BTreeMap<ResponseRole, PersonId>,
    pub(crate) merged_into: Option<IncidentId>,
    pub(crate) opened: Timestamp,
    pub(crate) mitigated: Option<Timestamp>,
    pub(crate) resolved: Option<Timestamp>,
    pub(crate) last_event: Timestamp,
    pub(crate) version: u64,
}
