//! How an incident begins, is answered and ends. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncidentId, ServiceId},
    incident::{
        Actor,
        family::{Family, erased},
    },
    policy::EscalationPolicy,
    priority::Score,
    role::RoleClock,
    signal::Signal,
    time::Timestamp,
};

/// Why it was over though something stood in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    /// The sentence of whoever said so.
    pub reason: String,
    /// What stood in the way, a line each.
    pub unmet: Vec<String>,
}

/// What the end of an incident rests on, and how long it is looked at afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recovery {
    /// Until when its checks go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Timestamp>,
    /// Why in spite of what stood in the way; none: nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Overridden>,
}

impl Recovery {
    fn redacted(&self) -> Self {
        let unnamed =
            |over: &Overridden| Overridden { reason: erased(), unmet: over.unmet.iter().map(|_| erased()).collect() };
        Self { watch: self.watch, over: self.over.as_ref().map(unnamed) }
    }
}

/// How it begins, is answered and ends. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum LifeEvent {
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
        /// Which roles must not be empty for long, frozen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roles: Vec<RoleClock>,
    },
    /// Somebody is on it.
    #[serde(rename = "acknowledged.v1")]
    Acknowledged {
        /// Who did it.
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
        /// Who did it.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It is over.
    #[serde(rename = "resolved.v1")]
    Resolved {
        /// Who did it.
        by: Actor,
        /// What was done.
        note: String,
        /// A monitor said then that it goes on: if it still does at this instant, it was not over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look_again: Option<Timestamp>,
        /// That its checks go on, and what was overridden; none: neither.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovery: Option<Box<Recovery>>,
    },
    /// It was not over.
    #[serde(rename = "reopened.v1")]
    Reopened {
        /// Who did it.
        by: Actor,
        /// Why it was not over after all.
        reason: String,
    },
    /// It was learned from.
    #[serde(rename = "reviewed.v1")]
    Reviewed {
        /// Who did it.
        by: Actor,
        /// The review's digest or address.
        note: String,
    },
    /// It is part of another now.
    #[serde(rename = "merged_into.v1")]
    MergedInto {
        /// Who did it.
        by: Actor,
        /// The incident that goes on.
        into: IncidentId,
    },
}

impl Family for LifeEvent {
    const KINDS: &[&str] = &[
        "opened.v1",
        "acknowledged.v1",
        "acknowledgement_expired.v1",
        "mitigated.v1",
        "resolved.v1",
        "reopened.v1",
        "reviewed.v1",
        "merged_into.v1",
    ];

    fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened.v1",
            Self::Acknowledged { .. } => "acknowledged.v1",
            Self::AcknowledgementExpired {} => "acknowledgement_expired.v1",
            Self::Mitigated { .. } => "mitigated.v1",
            Self::Resolved { .. } => "resolved.v1",
            Self::Reopened { .. } => "reopened.v1",
            Self::Reviewed { .. } => "reviewed.v1",
            Self::MergedInto { .. } => "merged_into.v1",
        }
    }

    fn redacted(&self) -> Self {
        match self {
            Self::Opened { title: _, service, signal, policy, score, drill, roles } => Self::Opened {
                title: erased(),
                service: service.clone(),
                signal: Arc::new(signal.redacted()),
                policy: policy.clone(),
                score: score.clone(),
                drill: *drill,
                roles: roles.clone(),
            },
            Self::Mitigated { by, note: _ } => Self::Mitigated { by: by.clone(), note: erased() },
            Self::Resolved { by, note: _, look_again, recovery } => Self::Resolved {
                by: by.clone(),
                note: erased(),
                look_again: *look_again,
                recovery: recovery.as_ref().map(|recovery| Box::new(recovery.redacted())),
            },
            Self::Reopened { by, reason: _ } => Self::Reopened { by: by.clone(), reason: erased() },
            Self::Reviewed { by, note: _ } => Self::Reviewed { by: by.clone(), note: erased() },
            Self::Acknowledged { by: _, until: _ }
            | Self::AcknowledgementExpired {}
            | Self::MergedInto { by: _, into: _ } => self.clone(),
        }
    }
}
