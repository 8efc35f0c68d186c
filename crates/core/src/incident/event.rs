//! What happened to an incident. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, IncidentId, PageId, PersonId, ServiceId, SignalId},
    incident::{Actor, ResponseRole, Severity},
    policy::EscalationPolicy,
    priority::Score,
    signal::{Facts, Signal},
    time::{Timestamp, span_ms},
};

/// Why a page is owed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum PageReason {
    /// The incident opened, or reached a severity that pages.
    Opened,
    /// Nobody acknowledged in time.
    NotAcknowledged,
    /// The acknowledgement ran out.
    AcknowledgementExpired,
    /// The severity rose after the acknowledgement.
    SeverityRose,
    /// Somebody asked for the next tier.
    Asked,
    /// The tier resolves to nobody, or all rounds are through.
    Fallback,
    /// The page before failed on its channel.
    Failed,
    /// Whether the page before arrived is unknown. It may have: this one is labelled a repeat.
    MayHaveArrived,
    /// It was reopened.
    Reopened,
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum PageOutcome {
    /// The channel took it.
    Delivered {
        /// What the channel answered: a message id, a status line. Without secrets.
        receipt: String,
    },
    /// The channel refused it, finally or too often.
    Failed {
        /// Why, without secrets.
        error: String,
    },
    /// We asked and never learned: a time-out, or a crash in between.
    Unknown {
        /// Why it is unknown.
        error: String,
    },
}

/// A change of severity with the score that gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityChange {
    /// Before.
    pub from: Severity,
    /// After.
    pub to: Severity,
    /// Why.
    pub score: Score,
}

/// What happened. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum IncidentEvent {
    /// It began.
    #[serde(rename = "opened.v1")]
    Opened {
        /// One line.
        title: String,
        /// The service it is about.
        service: Option<ServiceId>,
        /// The signal that opened it.
        signal: Arc<Signal>,
        /// The policy, frozen.
        policy: Box<EscalationPolicy>,
        /// The first score.
        score: Score,
        /// An exercise.
        drill: bool,
    },
    /// Another signal belongs to it.
    #[serde(rename = "signal_attached.v1")]
    SignalAttached {
        /// The signal.
        signal: Arc<Signal>,
    },
    /// The same claim again, or more signals than are kept one by one. Written when the count doubles, so that a storm is
    /// counted without one event a repeat.
    #[serde(rename = "signals_absorbed.v1")]
    SignalsAbsorbed {
        /// How many since the last such event.
        count: u64,
        /// The signal that is repeated; none: distinct signals past the limit.
        signal: Option<SignalId>,
    },
    /// A provisional signal stands on a final block now.
    #[serde(rename = "signal_confirmed.v1")]
    SignalConfirmed {
        /// Which.
        signal: SignalId,
    },
    /// A signal was undone.
    #[serde(rename = "signal_retracted.v1")]
    SignalRetracted {
        /// Which.
        signal: SignalId,
        /// Why.
        reason: String,
    },
    /// A signal was true and is over.
    #[serde(rename = "signal_ended.v1")]
    SignalEnded {
        /// Which.
        signal: SignalId,
        /// When, by its source.
        at: Timestamp,
    },
    /// The severity, or only the score, changed.
    #[serde(rename = "severity_changed.v1")]
    SeverityChanged(SeverityChange),
    /// A person stated facts.
    #[serde(rename = "facts_stated.v1")]
    FactsStated {
        /// Who.
        by: Actor,
        /// The facts.
        facts: Facts,
        /// Instead of what was known.
        replace: bool,
    },
    /// A tier became due. `tier` none: only the fallback is left.
    #[serde(rename = "escalated.v1")]
    Escalated {
        /// From 0.
        tier: Option<usize>,
        /// From 1.
        round: u32,
        /// Why.
        reason: PageReason,
        /// Who asked.
        by: Actor,
        /// When the next step is due.
        next: Option<Timestamp>,
    },
    /// A page is decided: the intent, before anything leaves.
    #[serde(rename = "page_requested.v1")]
    PageRequested {
        /// Which.
        page: PageId,
        /// To whom.
        person: PersonId,
        /// By which notifier.
        channel: ChannelId,
        /// The address there.
        address: String,
        /// Why now.
        reason: PageReason,
        /// From 0; the number of tiers stands for the fallback after the last round.
        tier: usize,
        /// From 1.
        round: u32,
        /// The page that this one repeats.
        repeat_of: Option<PageId>,
    },
    /// A page was owed and there was no way to reach the person: no contact on any channel.
    #[serde(rename = "page_impossible.v1")]
    PageImpossible {
        /// Whom.
        person: Option<PersonId>,
        /// Why not.
        reason: String,
        /// From 0; the number of tiers stands for the fallback after the last round.
        tier: usize,
    },
    /// What became of a page.
    #[serde(rename = "page_settled.v1")]
    PageSettled {
        /// Which.
        page: PageId,
        /// What became of it.
        outcome: PageOutcome,
        /// From hand-over to answer.
        #[serde(with = "span_ms")]
        latency_ms: Duration,
    },
    /// Somebody is on it.
    #[serde(rename = "acknowledged.v1")]
    Acknowledged {
        /// Who.
        by: Actor,
        /// Until when it holds.
        until: Timestamp,
    },
    /// The acknowledgement ran out with the incident still open.
    #[serde(rename = "acknowledgement_expired.v1")]
    AcknowledgementExpired {},
    /// The harm has stopped.
    #[serde(rename = "mitigated.v1")]
    Mitigated {
        /// Who.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It is over.
    #[serde(rename = "resolved.v1")]
    Resolved {
        /// Who.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It was not over.
    #[serde(rename = "reopened.v1")]
    Reopened {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// It was learned from.
    #[serde(rename = "reviewed.v1")]
    Reviewed {
        /// Who.
        by: Actor,
        /// The review's digest or address.
        note: String,
    },
    /// It is part of another now.
    #[serde(rename = "merged_into.v1")]
    MergedInto {
        /// Who.
        by: Actor,
        /// Which.
        into: IncidentId,
    },
    /// Another is part of it now.
    #[serde(rename = "merged_from.v1")]
    MergedFrom {
        /// Who.
        by: Actor,
        /// Which.
        from: IncidentId,
        /// The facts it brought.
        facts: Facts,
    },
    /// Somebody took a role.
    #[serde(rename = "role_taken.v1")]
    RoleTaken {
        /// Who asked.
        by: Actor,
        /// Which.
        role: ResponseRole,
        /// Who took it.
        person: PersonId,
    },
    /// A line for the timeline.
    #[serde(rename = "note_added.v1")]
    NoteAdded {
        /// Who.
        by: Actor,
        /// The line.
        text: String,
    },
}

impl IncidentEvent {
    /// The type with its version: `opened.v1`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened.v1",
            Self::SignalAttached { .. } => "signal_attached.v1",
            Self::SignalsAbsorbed { .. } => "signals_absorbed.v1",
            Self::SignalConfirmed { .. } => "signal_confirmed.v1",
            Self::SignalRetracted { .. } => "signal_retracted.v1",
            Self::SignalEnded { .. } => "signal_ended.v1",
            Self::SeverityChanged(_) => "severity_changed.v1",
            Self::FactsStated { .. } => "facts_stated.v1",
            Self::Escalated { .. } => "escalated.v1",
            Self::PageRequested { .. } => "page_requested.v1",
            Self::PageImpossible { .. } => "page_impossible.v1",
            Self::PageSettled { .. } => "page_settled.v1",
            Self::Acknowledged { .. } => "acknowledged.v1",
            Self::AcknowledgementExpired {} => "acknowledgement_expired.v1",
            Self::Mitigated { .. } => "mitigated.v1",
            Self::Resolved { .. } => "resolved.v1",
            Self::Reopened { .. } => "reopened.v1",
            Self::Reviewed { .. } => "reviewed.v1",
            Self::MergedInto { .. } => "merged_into.v1",
            Self::MergedFrom { .. } => "merged_from.v1",
            Self::RoleTaken { .. } => "role_taken.v1",
            Self::NoteAdded { .. } => "note_added.v1",
        }
    }
}
