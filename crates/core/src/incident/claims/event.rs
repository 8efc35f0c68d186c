//! What is claimed about an incident, and how bad that makes it. Stored for ever: never change a variant, add one (golden files in
//! `tests/golden/`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncidentId, PersonId, SignalId},
    incident::{
        Actor, Severity,
        family::{Family, erased},
    },
    priority::Score,
    signal::{Facts, Signal},
    time::Timestamp,
};

/// A change of severity with the score that gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityChange {
    /// The severity before.
    pub from: Severity,
    /// The severity from now on.
    pub to: Severity,
    /// The score that gives the new severity, with its terms.
    pub score: Score,
}

/// What is claimed, and how bad that makes it. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClaimsEvent {
    /// Another signal belongs to it.
    #[serde(rename = "signal_attached.v1")]
    SignalAttached {
        /// The signal.
        signal: Arc<Signal>,
    },
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
        /// The signal, attached before.
        signal: SignalId,
    },
    /// A signal was undone.
    #[serde(rename = "signal_retracted.v1")]
    SignalRetracted {
        /// The signal, attached before.
        signal: SignalId,
        /// Why the claim does not hold.
        reason: String,
    },
    /// A signal was true and is over.
    #[serde(rename = "signal_ended.v1")]
    SignalEnded {
        /// The signal, attached before.
        signal: SignalId,
        /// When, by its source.
        at: Timestamp,
    },
    /// A source said that a claim is over, and meant an earlier time: it began anew since, and goes on.
    #[serde(rename = "ending_late.v1")]
    EndingLate {
        /// The signal that goes on, attached before.
        signal: SignalId,
        /// When it was over, by its source: before this signal began.
        at: Timestamp,
    },
    /// The source of a claim must repeat it and does not: it fell silent, which is no end.
    #[serde(rename = "signal_silent.v1")]
    SignalSilent {
        /// The signal, attached before.
        signal: SignalId,
        /// Until when its last word held.
        at: Timestamp,
    },
    /// Somebody at the source's end works on its claim. That is said, and is nobody's word for the incident.
    #[serde(rename = "signal_taken_up.v1")]
    SignalTakenUp {
        /// The signal, attached before.
        signal: SignalId,
        /// Which source, or who, says so.
        by: Actor,
    },
    /// Somebody is on this one claim. The others, and what raised them, go on paging.
    #[serde(rename = "signal_acknowledged.v1")]
    SignalAcknowledged {
        /// The signal, attached before.
        signal: SignalId,
        /// Who is on it.
        by: Actor,
        /// Until when that holds.
        until: Timestamp,
    },
    /// What somebody answered for does not cover this claim.
    #[serde(rename = "signal_unanswered.v1")]
    SignalUnanswered {
        /// The signal, attached before.
        signal: SignalId,
        /// Who is on what it joined, and is told of it; none: nobody is on it, the acknowledgement is void.
        to: Option<PersonId>,
    },
    /// The severity, or only the score, changed.
    #[serde(rename = "severity_changed.v1")]
    SeverityChanged(SeverityChange),
    /// A person stated facts.
    #[serde(rename = "facts_stated.v1")]
    FactsStated {
        /// Who did it.
        by: Actor,
        /// The facts.
        facts: Facts,
        /// Instead of what was known.
        replace: bool,
    },
    /// Another is part of it now.
    #[serde(rename = "merged_from.v1")]
    MergedFrom {
        /// Who did it.
        by: Actor,
        /// The incident that is now part of this one.
        from: IncidentId,
        /// The facts it brought.
        facts: Facts,
    },
}

impl Family for ClaimsEvent {
    const KINDS: &[&str] = &[
        "signal_attached.v1",
        "signals_absorbed.v1",
        "signal_confirmed.v1",
        "signal_retracted.v1",
        "signal_ended.v1",
        "ending_late.v1",
        "signal_silent.v1",
        "signal_taken_up.v1",
        "signal_acknowledged.v1",
        "signal_unanswered.v1",
        "severity_changed.v1",
        "facts_stated.v1",
        "merged_from.v1",
    ];

    fn kind(&self) -> &'static str {
        match self {
            Self::SignalAttached { .. } => "signal_attached.v1",
            Self::SignalsAbsorbed { .. } => "signals_absorbed.v1",
            Self::SignalConfirmed { .. } => "signal_confirmed.v1",
            Self::SignalRetracted { .. } => "signal_retracted.v1",
            Self::SignalEnded { .. } => "signal_ended.v1",
            Self::EndingLate { .. } => "ending_late.v1",
            Self::SignalSilent { .. } => "signal_silent.v1",
            Self::SignalTakenUp { .. } => "signal_taken_up.v1",
            Self::SignalAcknowledged { .. } => "signal_acknowledged.v1",
            Self::SignalUnanswered { .. } => "signal_unanswered.v1",
            Self::SeverityChanged(_) => "severity_changed.v1",
            Self::FactsStated { .. } => "facts_stated.v1",
            Self::MergedFrom { .. } => "merged_from.v1",
        }
    }

    fn redacted(&self) -> Self {
        match self {
            Self::SignalAttached { signal } => Self::SignalAttached { signal: Arc::new(signal.redacted()) },
            Self::SignalRetracted { signal, reason: _ } => Self::SignalRetracted { signal: *signal, reason: erased() },
            Self::SignalsAbsorbed { count: _, signal: _ }
            | Self::SignalConfirmed { signal: _ }
            | Self::SignalEnded { signal: _, at: _ }
            | Self::EndingLate { signal: _, at: _ }
            | Self::SignalSilent { signal: _, at: _ }
            | Self::SignalTakenUp { signal: _, by: _ }
            | Self::SignalAcknowledged { signal: _, by: _, until: _ }
            | Self::SignalUnanswered { signal: _, to: _ }
            | Self::SeverityChanged(SeverityChange { from: _, to: _, score: _ })
            | Self::FactsStated { by: _, facts: _, replace: _ }
            | Self::MergedFrom { by: _, from: _, facts: _ } => self.clone(),
        }
    }
}
