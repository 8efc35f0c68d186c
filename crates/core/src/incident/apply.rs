//! From events to state. Never decides anything: what is not in the event or in the state cannot matter here, and a history
//! that `decide` could not have written is refused. Tests: the replay law in `tests/laws.rs`, `tests/golden.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    id::{IncidentId, SignalId},
    incident::{
        Acknowledgement, Actor, Attached, Escalation, IllegalHistory, Incident, IncidentEvent, PageOutcome, PageReason,
        PageRecord, Phase, SeverityChange, refusal::Named,
    },
    signal::{Facts, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

impl Incident {
    /// The incident that its first event begins.
    pub fn first(id: IncidentId, at: Timestamp, event: &IncidentEvent) -> Result<Self, IllegalHistory> {
        let IncidentEvent::Opened { title, service, signal, policy, score, drill } = event else {
            return Err(IllegalHistory::BadOpening { id, version: 0 });
        };
        let policy = (**policy).clone();
        let why = PageReason::Opened;
        let escalation = Escalation { policy, tier: None, round: 1, next: None, stood_down: None, why, stepped: None };
        let mut incident = Self {
            id,
            title: title.clone(),
            service: service.clone(),
            drill: *drill,
            phase: Phase::Triggered,
            severity: score.severity,
            score: score.clone(),
            facts: Facts::default(),
            stated: Facts::default(),
            loudness: Loudness::Info,
            stands: true,
            held: false,
            live: 0,
            counted: 0,
            signals: BTreeMap::new(),
            claims: BTreeSet::new(),
            absorbed: 0,
            escalation,
            acknowledgement: None,
            pages: BTreeMap::new(),
            owed: BTreeSet::new(),
            asked: BTreeSet::new(),
            roles: BTreeMap::new(),
            merged_into: None,
            opened: at,
            mitigated: None,
            resolved: None,
            last_signal: at,
            last_event: at,
            version: 0,
        };
        incident.attach(signal, at);
        incident.follow(false, at, PageReason::Opened);
        Ok(incident)
    }

    /// The incident that these events make, in their order, each with its version and instant.
    pub fn fold<'a>(
        id: IncidentId,
        events: impl IntoIterator<Item = (u64, Timestamp, &'a IncidentEvent)>,
    ) -> Result<Self, IllegalHistory> {
        let mut events = events.into_iter();
        let Some((version, at, opening)) = events.next() else {
            return Err(IllegalHistory::BadOpening { id, version: 0 });
        };
        if version != 0 {
            return Err(IllegalHistory::BadVersion { id, want: 0, got: version });
        }
        let mut incident = Self::first(id, at, opening)?;
        for (version, at, event) in events {
            incident.apply(version, at, event)?;
        }
        Ok(incident)
    }

    /// Takes one event in. On error nothing has changed.
    pub fn apply(&mut self, version: u64, at: Timestamp, event: &IncidentEvent) -> Result<(), IllegalHistory> {
        let want = self.version.saturating_add(1);
        if version != want {
            return Err(IllegalHistory::BadVersion { id: self.id, want, got: version });
        }
        self.check(version, event)?;
        let wanted = self.wants_answer();
        let why = self.take_in(at, event);
        if !matches!(event, IncidentEvent::Escalated { .. }) {
            self.follow(wanted, at, why);
        }
        self.version = version;
        self.last_event = at;
        Ok(())
    }

    /// Whether `decide` could have written this event now.
    fn check(&self, version: u64, event: &IncidentEvent) -> Result<(), IllegalHistory> {
        use IncidentEvent as E;
        let fits = match event {
            E::Opened { .. } => return Err(IllegalHistory::BadOpening { id: self.id, version }),
            E::SignalAttached { .. } | E::SignalsAbsorbed { .. } | E::MergedFrom { .. } | E::Resolved { .. } => {
                self.phase.is_open()
            }
            E::Escalated { .. }
            | E::PageRequested { .. }
            | E::PageImpossible { .. }
            | E::Acknowledged { .. }
            | E::Mitigated { .. } => matches!(self.phase, Phase::Triggered | Phase::Acknowledged),
            E::AcknowledgementExpired {} => self.phase == Phase::Acknowledged,
            E::Reopened { .. } => matches!(self.phase, Phase::Mitigated | Phase::Resolved | Phase::Reviewed),
            E::Reviewed { .. } => self.phase == Phase::Resolved,
            E::MergedInto { .. } | E::SeverityChanged(_) | E::FactsStated { .. } | E::RoleTaken { .. } => {
                self.phase != Phase::Merged
            }
            E::SignalConfirmed { .. }
            | E::SignalRetracted { .. }
            | E::SignalEnded { .. }
            | E::PageSettled { .. }
            | E::NoteAdded { .. } => true,
        };
        if !fits {
            return Err(IllegalHistory::WrongPhase { id: self.id, version, phase: self.phase });
        }
        match self.missing(event) {
            Some(what) => Err(IllegalHistory::Dangling { id: self.id, version, what }),
            None => Ok(()),
        }
    }

    /// What the event names and this incident does not have.
    fn missing(&self, event: &IncidentEvent) -> Option<Named> {
        use IncidentEvent as E;
        match event {
            E::SignalConfirmed { signal }
            | E::SignalRetracted { signal, .. }
            | E::SignalEnded { signal, .. }
            | E::SignalsAbsorbed { signal: Some(signal), .. } => {
                (!self.signals.contains_key(signal)).then_some(Named::Signal(*signal))
            }
            E::PageSettled { page, .. } | E::PageRequested { repeat_of: Some(page), .. } => {
                (!self.pages.contains_key(page)).then_some(Named::Page(*page))
            }
            _ => None,
        }
    }

    /// The change itself. Says why a page is owed, should one be owed after this and not before.
    fn take_in(&mut self, at: Timestamp, event: &IncidentEvent) -> PageReason {
        use IncidentEvent as E;
        match event {
            E::Opened { .. } | E::NoteAdded { .. } => {}
            E::SignalAttached { signal } => self.attach(signal, at),
            E::SignalsAbsorbed { count, signal } => self.count(*count, *signal, at),
            E::SignalConfirmed { signal } => self.turn(*signal, SignalStatus::Confirmed, at),
            E::SignalRetracted { signal, .. } => self.turn(*signal, SignalStatus::Retracted, at),
            E::SignalEnded { signal, .. } => self.turn(*signal, SignalStatus::Ended, at),
            E::SeverityChanged(change) => return self.regrade(change),
            E::FactsStated { facts, replace, .. } => self.state(facts, *replace),
            E::MergedFrom { facts, .. } => self.state(facts, false),
            E::Escalated { tier, round, next, .. } => {
                self.escalation.tier = *tier;
                self.escalation.round = *round;
                self.escalation.next = *next;
                self.escalation.why = PageReason::NotAcknowledged;
                self.escalation.stepped = Some(at);
            }
            E::PageRequested { .. } | E::PageImpossible { .. } | E::PageSettled { .. } => self.page(at, event),
            E::Acknowledged { by, until } => {
                let (by, until, severity) = (by.clone(), *until, self.severity);
                self.acknowledgement = Some(Acknowledgement { by, at, until, severity });
                self.enter(Phase::Acknowledged);
            }
            E::AcknowledgementExpired {} => {
                self.acknowledgement = None;
                self.enter(Phase::Triggered);
                return PageReason::AcknowledgementExpired;
            }
            E::Mitigated { .. } => {
                self.mitigated = Some(at);
                self.enter(Phase::Mitigated);
            }
            E::Resolved { .. } => {
                self.resolved = Some(at);
                self.enter(Phase::Resolved);
            }
            E::Reopened { by, .. } => {
                (self.mitigated, self.resolved, self.acknowledgement) = (None, None, None);
                self.enter(Phase::Triggered);
                self.stands = true;
                self.held = *by != Actor::System;
                return PageReason::Reopened;
            }
            E::Reviewed { .. } => self.enter(Phase::Reviewed),
            E::MergedInto { into, .. } => {
                self.merged_into = Some(*into);
                self.enter(Phase::Merged);
            }
            E::RoleTaken { role, person, .. } => {
                self.roles.insert(*role, person.clone());
            }
        }
        PageReason::Opened
    }

    /// What is left to try on other channels is given up when the phase changes: somebody answered, or it starts afresh.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.held = false;
        self.owed.clear();
        self.asked.clear();
    }

    fn attach(&mut self, signal: &Arc<Signal>, at: Timestamp) {
        let mut repeats = 0;
        if let Some(before) = self.signals.get(&signal.id) {
            // Undone or over, and back again.
            repeats = before.repeats;
            self.live = self.live.saturating_sub(usize::from(before.is_live()));
            self.counted = self.counted.saturating_sub(usize::from(before.counts));
        }
        self.claims.insert((signal.fingerprint, signal.id));
        let attached = Attached { signal: Arc::clone(signal), status: signal.status, repeats, last: at, counts: true };
        self.live = self.live.saturating_add(usize::from(attached.is_live()));
        self.counted = self.counted.saturating_add(1);
        self.stands |= attached.is_live();
        self.signals.insert(signal.id, attached);
        self.facts = self.facts.merge(&signal.facts);
        self.loudness = self.loudness.max(signal.loudness);
        self.last_signal = at;
    }

    fn count(&mut self, count: u64, signal: Option<SignalId>, at: Timestamp) {
        self.last_signal = at;
        if let Some(attached) = signal.and_then(|id| self.signals.get_mut(&id)) {
            attached.repeats = attached.repeats.saturating_add(count);
            attached.last = at;
        } else {
            self.absorbed = self.absorbed.saturating_add(count);
            self.stands = true;
        }
    }

    fn turn(&mut self, id: SignalId, status: SignalStatus, at: Timestamp) {
        let Some(attached) = self.signals.get_mut(&id) else { return };
        let was_live = attached.is_live();
        let counted = attached.counts;
        attached.status = status;
        attached.last = at;
        attached.counts = counted && status != SignalStatus::Retracted;
        if was_live && !attached.is_live() {
            self.live = self.live.saturating_sub(1);
            self.stands = self.still_stands();
        }
        if status == SignalStatus::Retracted && counted {
            self.counted = self.counted.saturating_sub(1);
            (self.facts, self.loudness) = self.claimed_without(None);
        }
    }

    fn regrade(&mut self, change: &SeverityChange) -> PageReason {
        self.severity = change.to;
        self.score = change.score.clone();
        let void = self.phase == Phase::Acknowledged
            && change.to >= self.escalation.policy.page_at
            && self.acknowledgement.as_ref().is_some_and(|given| change.to > given.severity);
        if !void {
            return PageReason::Opened;
        }
        self.acknowledgement = None;
        self.enter(Phase::Triggered);
        PageReason::SeverityRose
    }

    fn state(&mut self, facts: &Facts, replace: bool) {
        if replace {
            for attached in self.signals.values_mut() {
                attached.counts = false;
            }
            self.counted = 0;
            self.loudness = Loudness::Info;
            self.stated = facts.clone();
            self.facts = facts.clone();
        } else {
            self.stated = self.stated.merge(facts);
            self.facts = self.facts.merge(facts);
        }
        self.stands |= self.is_vouched();
    }

    fn page(&mut self, at: Timestamp, event: &IncidentEvent) {
        match event {
            IncidentEvent::PageRequested { page, person, channel, address, reason, tier, round, repeat_of } => {
                if let Some(before) = repeat_of {
                    self.owed.remove(before);
                }
                let record = PageRecord {
                    id: *page,
                    person: person.clone(),
                    channel: channel.clone(),
                    address: address.clone(),
                    reason: reason.clone(),
                    tier: *tier,
                    round: *round,
                    repeat_of: *repeat_of,
                    requested: at,
                    outcome: None,
                    settled: None,
                };
                self.pages.insert(*page, record);
                if !self.wants_answer() {
                    self.asked.insert(*page);
                }
            }
            IncidentEvent::PageImpossible { person: Some(person), .. } => {
                let pages = &self.pages;
                self.owed.retain(|id| pages.get(id).is_some_and(|page| page.person != *person));
            }
            IncidentEvent::PageSettled { page, outcome, .. } => {
                let missed = !matches!(outcome, PageOutcome::Delivered { .. });
                let wanted = self.asked.remove(page) || self.wants_answer();
                if let Some(record) = self.pages.get_mut(page) {
                    record.outcome = Some(outcome.clone());
                    record.settled = Some(at);
                    if missed && wanted {
                        self.owed.insert(*page);
                    }
                }
            }
            _ => {}
        }
    }

    /// Sets the escalation going, or stops it, where an event changed whether somebody must be reached.
    fn follow(&mut self, wanted: bool, at: Timestamp, why: PageReason) {
        let wants = self.wants_answer();
        let next = self.escalation.next.take();
        if self.phase != Phase::Triggered {
            self.escalation.stood_down = None;
        } else if wants && wanted {
            self.escalation.next = next;
        } else if wanted {
            self.escalation.stood_down = next;
        } else if wants {
            self.escalation.next = Some(match self.escalation.stood_down.take().filter(|due| *due > at) {
                // The page before is as unanswered as it was.
                Some(due) => due,
                None => self.start_over(at, why),
            });
        }
    }

    /// The first step is due now; after an acknowledgement that ran out, the step where it stood.
    fn start_over(&mut self, at: Timestamp, why: PageReason) -> Timestamp {
        if why != PageReason::AcknowledgementExpired {
            self.escalation.tier = None;
            self.escalation.round = 1;
        }
        self.escalation.why = why;
        at
    }
}
