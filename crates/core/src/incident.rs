//! The incident: what people respond to. It is a fold of its events and nothing else.
//!
//! `decide` turns a command into events or a refusal, `apply` turns an event into state; both are pure and in this folder,
//! with `listen`: what a signal does to an incident. What is owed at an instant is in [`crate::duty`].
//!
//! ```text
//!  triggered ──► acknowledged ──► mitigated ──► resolved ──► reviewed        open, not reviewed ──► merged
//!      ▲               │              │             │            │
//!      └───────────────┴──────────────┴─────────────┴────────────┘
//!        expired, or        reopened by a person or by a signal
//!        severity rose
//! ```
//!
//! An acknowledgement is given for a severity. If the severity rises above it, the acknowledgement is void, the incident is
//! triggered again and the escalation starts from the first tier.
//!
//! A signal that was true and is over (ended) keeps counting for the severity; one that was undone (retracted) does not. So a
//! monitor that flaps cannot page an acknowledged incident again and again.
//!
//! An escalation whose cause goes keeps its place until its next step would have been due. So a chain that reorganizes again and
//! again cannot page the first person at every turn and never reach the second.
//!
//! Tests: beside `decide`, in `board/tests/`, and the laws in `tests/laws.rs`.

pub mod apply;
pub mod command;
pub mod decide;
pub mod event;
pub mod listen;
pub mod offer;
pub mod read;
pub mod refusal;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use self::{
    command::{Actor, Command, Ctx},
    event::{IncidentEvent, PageOutcome, PageReason, SeverityChange},
    refusal::{IllegalHistory, Refusal},
};
pub use crate::severity::Severity;
use crate::{
    id::{ChannelId, IncidentId, PageId, PersonId, ServiceId, SignalId},
    policy::EscalationPolicy,
    priority::Score,
    signal::{Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

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
    /// The tier that owed it, from 0; the number of tiers stands for the fallback after the last round.
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
    /// When the next step would have been due, had the cause not gone before anybody answered. If it comes back before then,
    /// the escalation goes on where it stood; if nothing stands by then, the incident resolves by itself.
    pub stood_down: Option<Timestamp>,
    /// Why the next step is owed.
    pub why: PageReason,
    /// When the last step was taken.
    pub stepped: Option<Timestamp>,
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
    /// The severity for which it was given. Above it, it is void.
    pub severity: Severity,
}

/// A signal as the incident knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The signal as it was when attached.
    pub signal: Arc<Signal>,
    /// How it stands now.
    pub status: SignalStatus,
    /// How often the same claim came again, as of the last recorded doubling: up to as many again may be uncounted.
    pub repeats: u64,
    /// When it was last heard of, as of the last recorded doubling.
    pub last: Timestamp,
    /// Whether its facts count for the severity; not once a person stated facts instead of them, nor when retracted.
    pub counts: bool,
}

impl Attached {
    /// Whether what it claims still goes on, as far as anyone said.
    pub const fn is_live(&self) -> bool {
        self.status.is_live()
    }
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
    /// All that is claimed: by signals that count, by people, by incidents merged into this one.
    pub(crate) facts: Facts,
    /// The part of the facts that does not come from this incident's own signals.
    pub(crate) stated: Facts,
    /// The loudest signal that counts.
    pub(crate) loudness: Loudness,
    /// Something says that it still goes on: a live signal, a person who reopened it, or facts that a person stated.
    pub(crate) stands: bool,
    /// A person or an integration reopened it and nobody has answered since: no signal's end closes it.
    pub(crate) held: bool,
    /// Signals that are live.
    pub(crate) live: usize,
    /// Signals whose facts count.
    pub(crate) counted: usize,
    pub(crate) signals: BTreeMap<SignalId, Attached>,
    /// Every attached signal by what it claims, for repeats and ends.
    #[serde(skip)]
    pub(crate) claims: BTreeSet<(Fingerprint, SignalId)>,
    pub(crate) absorbed: u64,
    pub(crate) escalation: Escalation,
    pub(crate) acknowledgement: Option<Acknowledgement>,
    pub(crate) pages: BTreeMap<PageId, PageRecord>,
    /// Pages that did not arrive, or perhaps not, and for which the next contact is owed.
    pub(crate) owed: BTreeSet<PageId>,
    /// Pages under way that a person asked for when none was owed: seen through to the last contact all the same.
    pub(crate) asked: BTreeSet<PageId>,
    pub(crate) roles: BTreeMap<ResponseRole, PersonId>,
    pub(crate) merged_into: Option<IncidentId>,
    pub(crate) opened: Timestamp,
    pub(crate) mitigated: Option<Timestamp>,
    pub(crate) resolved: Option<Timestamp>,
    /// When a signal was last attached or counted.
    pub(crate) last_signal: Timestamp,
    pub(crate) last_event: Timestamp,
    /// Version of the last event; the first is 0.
    pub(crate) version: u64,
}
