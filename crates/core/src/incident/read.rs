//! What others may read of an incident. Tests: none needed; each function is one field or one comparison.

use std::collections::BTreeMap;

use crate::{
    id::{IncidentId, PageId, PersonId, ServiceId, SignalId},
    incident::{Acknowledgement, Attached, Escalation, Incident, PageRecord, Phase, ResponseRole, Severity},
    limits::EVENTS_PER_INCIDENT_MAX,
    priority::Score,
    signal::{Facts, Fingerprint, Loudness},
    time::Timestamp,
};

impl Incident {
    /// Which.
    pub const fn id(&self) -> IncidentId {
        self.id
    }
    /// One line, from the first signal.
    pub fn title(&self) -> &str {
        &self.title
    }
    /// The service it is about.
    pub const fn service(&self) -> Option<&ServiceId> {
        self.service.as_ref()
    }
    /// Whether it is an exercise.
    pub const fn is_drill(&self) -> bool {
        self.drill
    }
    /// Where it stands in its life.
    pub const fn phase(&self) -> Phase {
        self.phase
    }
    /// Whether people still work on it.
    pub const fn is_open(&self) -> bool {
        self.phase.is_open()
    }
    /// How bad.
    pub const fn severity(&self) -> Severity {
        self.severity
    }
    /// Why so bad.
    pub const fn score(&self) -> &Score {
        &self.score
    }
    /// All that is claimed about impact.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
    /// The part of the facts that people stated, or that merged incidents brought.
    pub const fn stated(&self) -> &Facts {
        &self.stated
    }
    /// The loudest signal that counts.
    pub const fn loudness(&self) -> Loudness {
        self.loudness
    }
    /// The signals, by identifier.
    pub const fn signals(&self) -> &BTreeMap<SignalId, Attached> {
        &self.signals
    }
    /// How many signals are live.
    pub const fn live_signals(&self) -> usize {
        self.live
    }
    /// How many distinct signals came past the limit and were only counted, as of the last recorded doubling.
    pub const fn absorbed(&self) -> u64 {
        self.absorbed
    }
    /// Where the escalation stands, with its frozen policy.
    pub const fn escalation(&self) -> &Escalation {
        &self.escalation
    }
    /// Who is on it, and until when.
    pub const fn acknowledgement(&self) -> Option<&Acknowledgement> {
        self.acknowledgement.as_ref()
    }
    /// The pages, by identifier.
    pub const fn pages(&self) -> &BTreeMap<PageId, PageRecord> {
        &self.pages
    }
    /// Pages that were decided and whose outcome is not known yet.
    pub fn pages_under_way(&self) -> impl Iterator<Item = &PageRecord> {
        self.pages.values().filter(|page| page.outcome.is_none())
    }
    /// Who does what.
    pub const fn roles(&self) -> &BTreeMap<ResponseRole, PersonId> {
        &self.roles
    }
    /// The incident that it is part of now.
    pub const fn merged_into(&self) -> Option<IncidentId> {
        self.merged_into
    }
    /// When it began.
    pub const fn opened(&self) -> Timestamp {
        self.opened
    }
    /// When the harm stopped; none if it went on since.
    pub const fn mitigated(&self) -> Option<Timestamp> {
        self.mitigated
    }
    /// When it was over; none if it was reopened since.
    pub const fn resolved(&self) -> Option<Timestamp> {
        self.resolved
    }
    /// When a signal was last attached or counted.
    pub const fn last_signal(&self) -> Timestamp {
        self.last_signal
    }
    /// When the last event was recorded.
    pub const fn last_event(&self) -> Timestamp {
        self.last_event
    }
    /// The version of the last event. The first is 0.
    pub const fn version(&self) -> u64 {
        self.version
    }
    /// Whether it has as many events as an incident may have; see [`crate::incident::Refusal::TooLong`].
    pub const fn is_too_long(&self) -> bool {
        self.version.saturating_add(1) >= EVENTS_PER_INCIDENT_MAX
    }
    /// Whether somebody must be reached and nobody has answered: triggered, bad enough to page, and still going on.
    pub fn wants_answer(&self) -> bool {
        self.phase == Phase::Triggered && self.stands && self.severity >= self.escalation.policy.page_at
    }
    /// Whether a person, or an incident merged into this one, stated facts: then no signal's end closes it.
    pub fn is_vouched(&self) -> bool {
        self.stated != Facts::default()
    }
    /// Whether anything says that it still goes on: a live signal, a person who reopened it, or facts that a person stated.
    pub const fn stands(&self) -> bool {
        self.stands
    }
    /// The same, counted anew.
    pub(super) fn still_stands(&self) -> bool {
        self.live > 0 || self.absorbed > 0 || self.held || self.is_vouched()
    }
    /// The attached signals that make this claim.
    pub fn of_claim(&self, fingerprint: Fingerprint) -> impl Iterator<Item = &Attached> {
        let all = (fingerprint, SignalId::from_bytes([0; 16]))..=(fingerprint, SignalId::from_bytes([255; 16]));
        self.claims.range(all).filter_map(|(_, id)| self.signals.get(id))
    }
}
