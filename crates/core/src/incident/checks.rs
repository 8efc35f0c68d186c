//! The checks of an incident: what each said last, and which were asked for and have not answered. A check that says the same again is in
//! no event, but where somebody asked: a mitigated incident of a week is not a million events. What it means for the end of the incident
//! is decided in `decide/checks.rs`. Tests: `board/tests/checks.rs`, `scenarios/recovery/`, and the laws in `tests/laws.rs`.

pub mod event;
pub mod command;
pub mod memory;

use imbl::OrdMap;
use serde::Serialize;

use self::event::ChecksEvent;
use crate::{
    id::CheckId,
    incident::{
        Actor, LifeEvent, Phase,
        unmet::{Judged, Verdict},
    },
    time::Timestamp,
};

/// How a check stands, by what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stood {
    /// What it said last.
    pub last: Judged,
    /// Since when it says so.
    pub since: Timestamp,
    /// How often in a row it did not pass since the incident was resolved last.
    pub in_a_row: u32,
}

/// Somebody asked for a check, and it has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Who asked.
    pub by: Actor,
    /// When they did: what began to look before is no answer.
    pub at: Timestamp,
}

/// What checks said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Checks {
    pub(super) stood: OrdMap<CheckId, Stood>,
    pub(super) asked: OrdMap<CheckId, Asked>,
    /// Validations that were asked for.
    pub(super) validations: u32,
    /// What checks said without being asked that was recorded.
    pub(super) changes: u32,
    /// Until when it is watched after it was resolved.
    pub(super) watch: Option<Timestamp>,
}

impl Checks {
    /// Whether this could happen in this phase.
    pub(super) const fn fits(phase: Phase, event: &ChecksEvent) -> bool {
        match event {
            ChecksEvent::ValidationAsked { .. }
            | ChecksEvent::CheckPassed(_)
            | ChecksEvent::CheckFailed(_)
            | ChecksEvent::CheckUnjudged(_) => !matches!(phase, Phase::Merged),
        }
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &ChecksEvent) {
        match event {
            ChecksEvent::ValidationAsked { by, checks } => {
                self.validations = self.validations.saturating_add(1);
                for check in checks {
                    self.asked.insert(check.clone(), Asked { by: by.clone(), at });
                }
            }
            ChecksEvent::CheckPassed(judged)
            | ChecksEvent::CheckFailed(judged)
            | ChecksEvent::CheckUnjudged(judged) => self.judged(judged),
        }
    }

    fn judged(&mut self, judged: &Judged) {
        if self.answers(judged) {
            self.asked.remove(&judged.check);
        } else {
            self.changes = self.changes.saturating_add(1);
        }
        let before = self.stood.get(&judged.check);
        let since = before.filter(|stood| stood.last.verdict == judged.verdict).map_or(judged.at, |stood| stood.since);
        let in_a_row = match judged.verdict {
            Verdict::Passed => 0,
            Verdict::Failed | Verdict::Unjudged => before.map_or(0, |stood| stood.in_a_row).saturating_add(1),
        };
        self.stood.insert(judged.check.clone(), Stood { last: judged.clone(), since, in_a_row });
    }

    /// Whether somebody waits for this. What began to look before they asked is no answer.
    pub(super) fn answers(&self, judged: &Judged) -> bool {
        self.asked.get(&judged.check).is_some_and(|asked| asked.at <= judged.at)
    }

    /// Whether a check failed since it was resolved and is watched.
    pub(super) fn fails_in_watch(&self) -> bool {
        self.watch.is_some() && self.stood.values().any(|stood| stood.in_a_row > 0)
    }

    /// The incident turned to another phase: failures are counted from its end on, and nobody waits when it is part of another.
    pub(super) fn turned(&mut self, event: &LifeEvent) {
        match event {
            LifeEvent::Resolved { recovery, .. } => {
                self.watch = recovery.as_ref().and_then(|recovery| recovery.watch);
                let names: Vec<CheckId> = self.stood.keys().cloned().collect();
                for name in names {
                    if let Some(stood) = self.stood.get_mut(&name) {
                        stood.in_a_row = 0;
                    }
                }
            }
            LifeEvent::Reopened { .. } => self.watch = None,
            LifeEvent::MergedInto { .. } => {
                self.watch = None;
                self.asked.clear();
            }
            LifeEvent::Opened { .. }
            | LifeEvent::Acknowledged { .. }
            | LifeEvent::AcknowledgementExpired {}
            | LifeEvent::Mitigated { .. }
            | LifeEvent::Reviewed { .. } => {}
        }
    }
}
