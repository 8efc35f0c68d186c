//! What a list shows of an incident, and what is kept in memory of one that is cold. Nothing but a projection of the incident:
//! whoever has a row can have it made again. Tests: in `board/tests/cold.rs`.

use serde::{Deserialize, Serialize};

use crate::{
    duty::stands_down,
    id::{IncidentId, ServiceId},
    incident::{Actor, Incident, Phase, Severity},
    money::Usd,
    time::Timestamp,
};

/// An incident in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// The incident.
    pub id: IncidentId,
    /// One line: what makes it as bad as it is.
    pub title: Box<str>,
    /// The service it is about.
    pub service: Option<ServiceId>,
    /// Whether it is an exercise.
    pub drill: bool,
    /// Where it stands in its life.
    pub phase: Phase,
    /// How bad.
    pub severity: Severity,
    /// Money at risk, by all that is claimed.
    pub money_at_risk: Usd,
    /// When it began.
    pub opened: Timestamp,
    /// When it was over; none if it is not, or was merged.
    pub resolved: Option<Timestamp>,
    /// When the last event was recorded.
    pub last_event: Timestamp,
    /// The version of the last event.
    pub version: u64,
    /// Signals attached one by one.
    pub signals: usize,
    /// How many of them are live.
    pub live: usize,
    /// Distinct signals that were only counted.
    pub absorbed: u64,
    /// Who is on it, or was when it ended.
    pub acknowledged_by: Option<Actor>,
    /// When the next step of the escalation is due.
    pub next_step: Option<Timestamp>,
    /// When it resolves by itself, if nothing comes back.
    pub stands_down: Option<Timestamp>,
    /// How many times in a row everybody was tried and nobody is known to have been reached.
    #[serde(default)]
    pub unreached: u32,
    /// When it begins again, if a monitor says by then that it goes on.
    pub looks_again: Option<Timestamp>,
    /// The incident that it is part of now.
    pub merged_into: Option<IncidentId>,
    /// Whether only some may look: then this is all that others are told, and `title` is the code name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

impl IncidentRow {
    /// The row of an incident, as everybody may see it.
    pub fn of(incident: &Incident) -> Self {
        let inside = Self::inside(incident);
        if !inside.restricted {
            return inside;
        }
        Self {
            title: incident.name_outside().into(),
            service: None,
            money_at_risk: Usd::ZERO,
            signals: 0,
            absorbed: 0,
            acknowledged_by: None,
            ..inside
        }
    }

    /// The row of an incident, for those who may look into it.
    pub fn inside(incident: &Incident) -> Self {
        Self {
            id: incident.id(),
            title: incident.headline().into(),
            service: incident.service().cloned(),
            drill: incident.is_drill(),
            phase: incident.phase(),
            severity: incident.severity(),
            money_at_risk: incident.facts().money_at_risk,
            opened: incident.opened(),
            resolved: incident.resolved(),
            last_event: incident.last_event(),
            version: incident.version(),
            signals: incident.signals().len(),
            live: incident.live_signals(),
            absorbed: incident.absorbed(),
            acknowledged_by: incident.acknowledgement().map(|given| given.by.clone()),
            next_step: incident.escalation().next,
            stands_down: stands_down(incident),
            unreached: incident.unreached(),
            looks_again: incident.looks_again(),
            merged_into: incident.merged_into(),
            restricted: incident.restriction().is_some(),
        }
    }
}
