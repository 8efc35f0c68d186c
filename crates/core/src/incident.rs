//! The incident: what people respond to. It is a fold of its events and nothing else.
//!
//! `decide` turns a command into events or a refusal, `apply` turns an event into state; both are pure. An incident has facets: its
//! life, the claims about it, its paging, the roles in it, the room in which people work on it, its tasks, the checks that it must pass, the evidence that is kept of it, and who may look. Each facet is a folder with its own state, events and
//! commands, and says itself what fits and what changes; what may be asked of it, and what it owes, is its file below `decide`, which
//! sees the whole incident. `apply`, `decide` and [`crate::duty`] hand each thing on and hold only what spans the facets.
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

pub mod phase;
pub mod holding;
pub mod hold;
pub mod evidence_refusal;
pub mod unmet;
pub mod refusal;
pub mod text;
pub mod declaration;
pub mod family;
pub mod paging;
pub mod life;
pub mod claims;
pub mod roles;
pub mod room;
pub mod tasks;
pub mod checks;
pub mod evidence;
pub mod access;
pub mod event;
pub mod command;
pub mod state;
pub mod read;
pub mod apply;
pub mod decide;
pub mod offer;
pub mod line;
pub mod seen;

pub use self::{
    access::Part,
    claims::{Attached, Taken},
    command::{
        AccessCommand, ChecksCommand, ClaimsCommand, Closing, Command, Ctx, EvidenceCommand, LifeCommand,
        PagingCommand, RolesCommand, RoomCommand, TasksCommand,
    },
    declaration::Declaration,
    event::{
        AccessEvent, ChecksEvent, ClaimsEvent, ERASED, EvidenceEvent, Family, IncidentEvent, LifeEvent, Overridden,
        PageOutcome, PageReason, PagingEvent, Recovery, RolesEvent, RoomEvent, SeverityChange, TasksEvent,
    },
    life::Acknowledgement,
    paging::{Escalation, HandedOver, PageRecord},
    phase::Phase,
    refusal::{IllegalHistory, Refusal},
    roles::{Ask, AskState},
    room::{
        Room,
        event::WITHDRAWN,
        message::{Message, MessageKind, Origin, keyed_id, note_id},
    },
    seen::Seen,
    state::Incident,
};
pub use crate::{actor::Actor, role::ResponseRole, severity::Severity};
