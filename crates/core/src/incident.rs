//! The incident: what people respond to. It is a fold of its events and nothing else.
//!
//! `decide` turns a command into events or a refusal, `apply` turns an event into state; both are pure. An incident has facets: its
//! life, the claims about it, its paging, and the room in which people work on it. Each facet is a folder with its own events and
//! commands, and says itself what fits, what changes and what is owed; `decide`, `apply` and [`crate::duty`] hand each thing to its
//! facet and hold only what spans them.
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

pub mod refusal;
pub mod family;
pub mod event;
pub mod command;
pub mod life;
pub mod claims;
pub mod paging;
pub mod room;
pub mod apply;
pub mod decide;
pub mod read;
pub mod offer;

use serde::{Deserialize, Serialize};

pub use self::{
    claims::Attached,
    command::{Actor, ClaimsCommand, Command, Ctx, LifeCommand, PagingCommand, RoomCommand},
    event::{
        ClaimsEvent, ERASED, Family, IncidentEvent, LifeEvent, PageOutcome, PageReason, PagingEvent, RoomEvent,
        SeverityChange,
    },
    life::Acknowledgement,
    paging::{Escalation, PageRecord},
    refusal::{IllegalHistory, Refusal},
};
use self::{claims::Claims, life::Life, paging::Paging, room::Room};
pub use crate::severity::Severity;
use crate::time::Timestamp;

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
    /// It is over; nobody is paged.
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
    /// Whether the harm goes on, as far as anybody said: only now are people paged.
    pub const fn is_unsettled(self) -> bool {
        matches!(self, Self::Triggered | Self::Acknowledged)
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

/// An incident: its facets, each of which knows its own events and nothing of the others'. Private fields: [`Incident::apply`] is the
/// only way to change one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    life: Life,
    claims: Claims,
    paging: Paging,
    room: Room,
    last_event: Timestamp,
    /// Version of the last event; the first is 0.
    version: u64,
}
