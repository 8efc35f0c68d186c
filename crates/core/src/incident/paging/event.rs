//! Whom an incident tried to reach. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, PageId, PersonId, TaskId},
    incident::{
        Actor, Severity,
        family::{Family, erased},
    },
    policy::EscalationPolicy,
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
    /// No page before is known to have reached anybody, so that everybody is tried again.
    NobodyReached,
    /// Something that nobody has answered for joined what was acknowledged.
    AnotherClaim,
    /// They, or their team, were asked to come by name.
    CalledIn,
    /// Nobody came of those whom they had asked.
    NotComing,
    /// It was handed over to their team.
    HandedOver,
    /// Somebody gave them a task to do.
    TaskAssigned {
        /// The task.
        task: TaskId,
    },
    /// A task is past its time.
    TaskOverdue {
        /// The task.
        task: TaskId,
    },
    /// The reader's claim of a task ran out.
    ClaimRanOut {
        /// The task.
        task: TaskId,
    },
    /// Somebody went ahead in spite of the reader's claim of a task.
    ClaimOverridden {
        /// The task that the reader is on, or was.
        task: TaskId,
    },
}

impl PageReason {
    /// The task that it is about.
    pub const fn task(&self) -> Option<TaskId> {
        match self {
            Self::TaskAssigned { task }
            | Self::TaskOverdue { task }
            | Self::ClaimRanOut { task }
            | Self::ClaimOverridden { task } => Some(*task),
            Self::Opened
            | Self::NotAcknowledged
            | Self::AcknowledgementExpired
            | Self::SeverityRose
            | Self::Asked
            | Self::Fallback
            | Self::Failed
            | Self::MayHaveArrived
            | Self::Reopened
            | Self::NobodyReached
            | Self::AnotherClaim
            | Self::CalledIn
            | Self::NotComing
            | Self::HandedOver => None,
        }
    }
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

impl PageOutcome {
    /// In a word: `delivered`, `failed`, `unknown`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The same outcome without what the channel said.
    #[must_use]
    pub fn redacted(&self) -> Self {
        match self {
            Self::Delivered { receipt: _ } => Self::Delivered { receipt: erased() },
            Self::Failed { error: _ } => Self::Failed { error: erased() },
            Self::Unknown { error: _ } => Self::Unknown { error: erased() },
        }
    }
}

/// Whom it tried to reach, and what came of it. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PagingEvent {
    /// A tier became due. `tier` none: only the fallback is left.
    #[serde(rename = "escalated.v1")]
    Escalated {
        /// From 0.
        tier: Option<usize>,
        /// From 1.
        round: u32,
        /// What made the step due.
        reason: PageReason,
        /// Who asked.
        by: Actor,
        /// When the next step is due.
        next: Option<Timestamp>,
        /// What more hands are needed for, where somebody asked.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
    /// A page is decided: the intent, before anything leaves.
    #[serde(rename = "page_requested.v1")]
    PageRequested {
        /// The page; a repeat is another one.
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
        /// How bad it was then: what its reader was told. Older pages do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
        /// What they were asked, or had asked; none: it is a page of the escalation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ask: Option<u32>,
    },
    /// A page was owed and there was no way to reach the person: no contact on any channel.
    #[serde(rename = "page_impossible.v1")]
    PageImpossible {
        /// Who could not be reached; none: nobody was on call.
        person: Option<PersonId>,
        /// Why not.
        reason: String,
        /// From 0; the number of tiers stands for the fallback after the last round.
        tier: usize,
    },
    /// What became of a page.
    #[serde(rename = "page_settled.v1")]
    PageSettled {
        /// The page that was tried.
        page: PageId,
        /// What became of it.
        outcome: PageOutcome,
        /// From hand-over to answer.
        #[serde(with = "span_ms")]
        latency_ms: Duration,
    },
    /// Everybody was tried, the fallback too, and no page is known to have arrived.
    #[serde(rename = "nobody_reached.v1")]
    NobodyReached {
        /// How many times in a row it ended like this, from 1.
        passes: u32,
        /// When everybody is tried again; none: somebody is on it, and had asked for more hands.
        next: Option<Timestamp>,
    },
    /// It is another team's from now on: their first tier is paged, at the severity that it has.
    #[serde(rename = "handed_over.v1")]
    HandedOver {
        /// Who did it.
        by: Actor,
        /// Why to them.
        reason: String,
        /// Their policy, frozen.
        policy: Box<EscalationPolicy>,
    },
}

impl Family for PagingEvent {
    const KINDS: &[&str] = &[
        "escalated.v1",
        "page_requested.v1",
        "page_impossible.v1",
        "page_settled.v1",
        "nobody_reached.v1",
        "handed_over.v1",
    ];

    fn kind(&self) -> &'static str {
        match self {
            Self::Escalated { .. } => "escalated.v1",
            Self::PageRequested { .. } => "page_requested.v1",
            Self::PageImpossible { .. } => "page_impossible.v1",
            Self::PageSettled { .. } => "page_settled.v1",
            Self::NobodyReached { .. } => "nobody_reached.v1",
            Self::HandedOver { .. } => "handed_over.v1",
        }
    }

    fn redacted(&self) -> Self {
        match self {
            Self::PageRequested {
                page,
                person,
                channel,
                address: _,
                reason,
                tier,
                round,
                repeat_of,
                severity,
                ask,
            } => Self::PageRequested {
                page: *page,
                person: person.clone(),
                channel: channel.clone(),
                address: erased(),
                reason: reason.clone(),
                tier: *tier,
                round: *round,
                repeat_of: *repeat_of,
                severity: *severity,
                ask: *ask,
            },
            Self::PageImpossible { person, reason: _, tier } => {
                Self::PageImpossible { person: person.clone(), reason: erased(), tier: *tier }
            }
            Self::PageSettled { page, outcome, latency_ms } => {
                Self::PageSettled { page: *page, outcome: outcome.redacted(), latency_ms: *latency_ms }
            }
            Self::Escalated { note, .. } if note.is_empty() => self.clone(),
            Self::Escalated { tier, round, reason, by, next, note: _ } => Self::Escalated {
                tier: *tier,
                round: *round,
                reason: reason.clone(),
                by: by.clone(),
                next: *next,
                note: erased(),
            },
            Self::HandedOver { by, reason: _, policy } => {
                Self::HandedOver { by: by.clone(), reason: erased(), policy: policy.clone() }
            }
            Self::NobodyReached { passes: _, next: _ } => self.clone(),
        }
    }
}
