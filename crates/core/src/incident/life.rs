//! The life of an incident: what it is, where it stands, and who is on it. Whoever answers takes over from the escalation; that an
//! acknowledgement runs out is this facet's only duty. Tests: in `decide`, in `board/tests/`, and the laws in `tests/laws.rs`.

pub mod event;
pub mod command;

use serde::{Deserialize, Serialize};

use self::{
    command::LifeCommand,
    event::{LifeEvent, Overridden},
};
use crate::{
    bounds::OVER_BOUND,
    id::{IncidentId, ServiceId, SourceId},
    incident::{Actor, PageReason, Phase, Severity},
    signal::Signal,
    time::Timestamp,
};

/// Somebody's word that they are on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who gave it.
    pub by: Actor,
    /// When it was given.
    pub at: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
    /// The severity for which it was given. Above it, it is void.
    pub severity: Severity,
}

/// What it is and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Life {
    pub(super) id: IncidentId,
    pub(super) title: String,
    pub(super) service: Option<ServiceId>,
    pub(super) drill: bool,
    /// Whose signal began it.
    pub(super) opener: Option<SourceId>,
    /// Who declared it; none: a signal began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) declared_by: Option<Actor>,
    /// Whether it gathers what a source may not claim, or too much of it.
    pub(super) gathers: bool,
    pub(super) phase: Phase,
    pub(super) acknowledgement: Option<Acknowledgement>,
    pub(super) merged_into: Option<IncidentId>,
    pub(super) opened: Timestamp,
    pub(super) mitigated: Option<Timestamp>,
    pub(super) resolved: Option<Timestamp>,
    /// When to see whether a monitor still says that it goes on.
    pub(super) look_again: Option<Timestamp>,
    /// Who said last that it was not over, and why.
    pub(super) reopened_by: Option<(Actor, String)>,
    /// Who said last that it is over, and how it ended.
    pub(super) resolved_by: Option<(Actor, String)>,
    /// Why it was over then though something stood in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overridden: Option<Overridden>,
}

impl Life {
    /// A life that begins.
    pub(super) fn begin(
        id: IncidentId,
        at: Timestamp,
        title: &str,
        service: Option<&ServiceId>,
        drill: bool,
        first: &Signal,
    ) -> Self {
        Self {
            id,
            title: title.to_owned(),
            service: service.cloned(),
            drill,
            opener: first.source.clone(),
            declared_by: first.declared.as_ref().map(|declared| declared.by.clone()),
            gathers: first.detector.as_str() == OVER_BOUND,
            phase: Phase::Triggered,
            acknowledgement: None,
            merged_into: None,
            opened: at,
            mitigated: None,
            resolved: None,
            look_again: None,
            reopened_by: None,
            resolved_by: None,
            overridden: None,
        }
    }

    /// Whether this could happen now. That it begins can happen only once, and that was before.
    pub(super) const fn fits(phase: Phase, event: &LifeEvent) -> bool {
        match event {
            LifeEvent::Opened { .. } => false,
            LifeEvent::Acknowledged { .. } | LifeEvent::Mitigated { .. } => phase.is_unsettled(),
            LifeEvent::AcknowledgementExpired {} => matches!(phase, Phase::Acknowledged),
            LifeEvent::Resolved { .. } => phase.is_open(),
            LifeEvent::Reopened { .. } => matches!(phase, Phase::Mitigated | Phase::Resolved | Phase::Reviewed),
            LifeEvent::Reviewed { .. } => matches!(phase, Phase::Resolved),
            LifeEvent::MergedInto { .. } => !matches!(phase, Phase::Merged),
        }
    }

    /// Turns to the next phase. Says why a page is owed, should one be owed after this and not before.
    pub(super) fn apply(&mut self, at: Timestamp, event: &LifeEvent, severity: Severity) -> PageReason {
        match event {
            LifeEvent::Opened { .. } => {}
            LifeEvent::Acknowledged { by, until } => {
                self.acknowledgement = Some(Acknowledgement { by: by.clone(), at, until: *until, severity });
                self.phase = Phase::Acknowledged;
            }
            LifeEvent::AcknowledgementExpired {} => {
                self.void();
                return PageReason::AcknowledgementExpired;
            }
            LifeEvent::Mitigated { .. } => {
                self.mitigated = Some(at);
                self.phase = Phase::Mitigated;
            }
            LifeEvent::Resolved { by, note, look_again, recovery } => {
                self.look_again = *look_again;
                self.overridden = recovery.as_ref().and_then(|recovery| recovery.over.clone());
                self.resolved = Some(at);
                self.resolved_by = Some((by.clone(), note.clone()));
                self.phase = Phase::Resolved;
            }
            LifeEvent::Reopened { by, reason } => {
                self.reopened_by = Some((by.clone(), reason.clone()));
                (self.mitigated, self.resolved, self.look_again) = (None, None, None);
                self.void();
                return PageReason::Reopened;
            }
            LifeEvent::Reviewed { .. } => self.phase = Phase::Reviewed,
            LifeEvent::MergedInto { into, .. } => {
                self.merged_into = Some(*into);
                self.look_again = None;
                self.phase = Phase::Merged;
            }
        }
        PageReason::Opened
    }

    /// Nobody is on it any more.
    pub(super) fn void(&mut self) {
        self.acknowledgement = None;
        self.phase = Phase::Triggered;
    }

    /// Whether somebody is on it, but for a milder severity than this one.
    pub(super) fn is_outgrown(&self, severity: Severity) -> bool {
        self.phase == Phase::Acknowledged
            && self.acknowledgement.as_ref().is_some_and(|given| severity > given.severity)
    }

    /// Whether the acknowledgement has run out at `now`.
    pub(super) fn ran_out(&self, now: Timestamp) -> bool {
        self.next_deadline().is_some_and(|until| until <= now)
    }

    /// When the acknowledgement runs out.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.acknowledgement.as_ref().map(|given| given.until)
    }
}

impl LifeCommand {
    /// Whether it is accepted however long the incident is: what answers and ends it.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Acknowledge { .. } | Self::Resolve { .. } | Self::MergeInto { .. } => true,
            Self::Mitigate { .. } | Self::Reopen { .. } | Self::Review { .. } => false,
        }
    }
}
