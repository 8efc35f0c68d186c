//! What checks said that is in no event, because it said nothing new: beside the fold, as a tally is, and lost with the process. It tells
//! when a check was made last, and is handed in with the request to resolve, so that what was good a minute ago need not be asked again.
//! Tests: `board/tests/checks.rs`.

use std::collections::BTreeMap;

use crate::{
    id::{CheckId, IncidentId},
    incident::unmet::Judged,
    time::Timestamp,
};

/// The last word of each check about each incident.
#[derive(Debug, Clone, Default)]
pub struct Memory(BTreeMap<IncidentId, BTreeMap<CheckId, Judged>>);

impl Memory {
    /// A check spoke.
    pub fn heard(&mut self, incident: IncidentId, judged: Judged) {
        self.0.entry(incident).or_default().insert(judged.check.clone(), judged);
    }

    /// When a check was made last, of those that this process made.
    pub fn last(&self, incident: IncidentId, check: &CheckId) -> Option<Timestamp> {
        self.0.get(&incident)?.get(check).map(|judged| judged.at)
    }

    /// All that checks said last about an incident.
    pub fn of(&self, incident: IncidentId) -> Vec<Judged> {
        self.0.get(&incident).map(|all| all.values().cloned().collect()).unwrap_or_default()
    }

    /// Keeps only what is said about these.
    pub fn keep(&mut self, wanted: impl Fn(IncidentId) -> bool) {
        self.0.retain(|incident, _| wanted(*incident));
    }
}
