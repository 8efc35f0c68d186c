//! From events to the review: one pass that collects. The figures made of what it collects are in `figures`.

use std::{collections::BTreeMap, time::Duration};

use super::{
    CitedLog, Context, Entry, Names, PageRow, Point, Review, RoleRow, Row, ScoreRow, Sentence, SignalRow, Unreviewable,
    evidence::Evidence,
    recovery::Checked,
    said::{self, Said},
    tasks::Tasks,
    words,
};
use crate::{
    id::{IncidentId, PageId, ServiceId, SignalId},
    incident::{ClaimsEvent, IncidentEvent, LifeEvent, MessageKind, PageOutcome, PagingEvent, Phase, RolesEvent},
    money::Usd,
    priority::Score,
    signal::{Facts, Signal, SignalStatus},
    time::Timestamp,
};

pub(super) fn draft(events: &[Entry], context: &Context<'_>) -> Result<Review, Unreviewable> {
    let (Some((first, _, at, opening)), Some(last)) = (events.first(), events.last()) else {
        return Err(Unreviewable::NoEvents { id: context.incident });
    };
    let IncidentEvent::Life(LifeEvent::Opened { title, signal, score, drill, .. }) = opening else {
        return Err(Unreviewable::BadOpening { id: context.incident, index: *first });
    };
    let log = CitedLog {
        origin: context.log_origin.to_owned(),
        size: context.log_size,
        root: context.log_root.to_owned(),
        first_index: *first,
        last_index: last.0,
    };
    let mut fold = Fold::new(&context.names, Point { what: "opened", at: *at, log_index: *first });
    let mut said = Said::new(context.incident, said::withdrawn(events));
    let mut before: Option<(u64, u64)> = None;
    for (index, version, at, event) in events {
        in_order(context, before, *index, matches!(event, IncidentEvent::Life(LifeEvent::Opened { .. })))?;
        fold.missing_versions(before, *index, *version);
        let shown = said.shown(*version, event);
        fold.timeline.push(Row {
            at: *at,
            log_index: *index,
            version: *version,
            text: words::line(shown.as_ref().unwrap_or(event), &context.names),
            readings: words::readings(event),
        });
        fold.apply(*at, *index, event);
        if let IncidentEvent::Room(event) = event {
            said.apply(&context.names, (*index, *version, *at), event);
        }
        before = Some((*index, *version));
    }
    let severity = fold.severities(score);
    let impact = fold.impact(score);
    let durations = fold.durations(signal);
    let summary = fold.summary(signal, *drill, &severity, &impact, &durations);
    fold.unsettled_pages();
    Ok(Review {
        id: context.incident,
        title: title.clone(),
        drill: *drill,
        phase: fold.phase,
        log,
        severity,
        summary,
        impact,
        durations,
        timeline: fold.timeline,
        pages: fold.pages,
        signals: fold.signals,
        scores: fold.scores,
        roles: fold.roles,
        notes: said.of(MessageKind::Note),
        decisions: said.of(MessageKind::Decision),
        open_questions: said.open_questions(),
        tasks: fold.tasks.rows,
        left_open: fold.tasks.left_open,
        evidence: fold.evidence.rows,
        custody: fold.evidence.custody,
        recovery: fold.checked.sentences,
        checks: fold.checked.rows,
        access: fold.access,
        gaps: fold.gaps,
        contributing_factors: Vec::new(),
        action_items: Vec::new(),
    })
}

fn in_order(context: &Context<'_>, before: Option<(u64, u64)>, index: u64, opens: bool) -> Result<(), Unreviewable> {
    let id = context.incident;
    if let Some((before, _)) = before.filter(|(before, _)| *before >= index) {
        return Err(Unreviewable::OutOfOrder { id, index, before });
    }
    if index >= context.log_size {
        return Err(Unreviewable::BeyondLog { id, index, size: context.log_size });
    }
    if opens == before.is_some() {
        return Err(Unreviewable::BadOpening { id, index });
    }
    Ok(())
}

/// What somebody claimed about impact, and where.
pub(super) struct ImpactClaim {
    signal: Option<SignalId>,
    pub(super) facts: Facts,
    pub(super) log_index: u64,
}

/// What the pass over the events collects.
pub(super) struct Fold<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) phase: Phase,
    pub(super) opened: Point,
    pub(super) acknowledged: Option<(Point, String)>,
    pub(super) mitigated: Option<Point>,
    pub(super) resolved: Option<Point>,
    pub(super) reopened: Vec<u64>,
    pub(super) merged: Option<(IncidentId, u64)>,
    pub(super) claims: Vec<ImpactClaim>,
    pub(super) services: BTreeMap<ServiceId, u64>,
    /// The highest money at risk of the scores so far, and where.
    pub(super) highest: Option<(Usd, u64)>,
    /// The money at risk of the last score, and where.
    pub(super) last_score: Option<(Usd, u64)>,
    page_places: BTreeMap<PageId, usize>,
    signal_places: BTreeMap<SignalId, usize>,
    timeline: Vec<Row>,
    pub(super) pages: Vec<PageRow>,
    signals: Vec<SignalRow>,
    pub(super) scores: Vec<ScoreRow>,
    roles: Vec<RoleRow>,
    tasks: Tasks,
    evidence: Evidence,
    checked: Checked,
    access: Vec<Sentence>,
    gaps: Vec<Sentence>,
}

impl<'a> Fold<'a> {
    fn new(names: &'a Names<'a>, opened: Point) -> Self {
        Self {
            names,
            phase: Phase::Triggered,
            opened,
            acknowledged: None,
            mitigated: None,
            resolved: None,
            reopened: Vec::new(),
            merged: None,
            claims: Vec::new(),
            services: BTreeMap::new(),
            highest: None,
            last_score: None,
            page_places: BTreeMap::new(),
            signal_places: BTreeMap::new(),
            timeline: Vec::new(),
            pages: Vec::new(),
            signals: Vec::new(),
            scores: Vec::new(),
            roles: Vec::new(),
            tasks: Tasks::default(),
            evidence: Evidence::default(),
            checked: Checked::default(),
            access: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn missing_versions(&mut self, before: Option<(u64, u64)>, index: u64, version: u64) {
        let Some((index_before, before)) = before else { return };
        if version != before.saturating_add(1) {
            let text = format!("Event {version} follows event {before}: what was between is not in this review.");
            self.gaps.push(Sentence { text, log_indexes: vec![index_before, index] });
        }
    }

    fn claim(&mut self, index: u64, facts: &Facts) {
        self.claims.push(ImpactClaim { signal: None, facts: facts.clone(), log_index: index });
    }

    fn apply(&mut self, at: Timestamp, index: u64, event: &IncidentEvent) {
        match event {
            IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }) => self.attach(index, signal),
            IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count, signal }) => {
                self.absorb(index, *count, *signal);
            }
            IncidentEvent::Claims(ClaimsEvent::SignalConfirmed { signal }) => {
                self.change_signal(index, *signal, SignalStatus::Confirmed, None);
            }
            IncidentEvent::Claims(ClaimsEvent::SignalRetracted { signal, reason }) => {
                self.change_signal(index, *signal, SignalStatus::Retracted, Some(reason.clone()));
                self.claims.retain(|claim| claim.signal != Some(*signal));
            }
            IncidentEvent::Claims(ClaimsEvent::SignalEnded { signal, .. }) => {
                self.change_signal(index, *signal, SignalStatus::Ended, None);
            }
            IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change)) => self.score(at, index, &change.score),
            IncidentEvent::Claims(ClaimsEvent::FactsStated { facts, replace, .. }) => {
                if *replace {
                    self.claims.clear();
                }
                self.claim(index, facts);
            }
            IncidentEvent::Claims(ClaimsEvent::MergedFrom { facts, .. }) => self.claim(index, facts),
            IncidentEvent::Paging(PagingEvent::PageRequested { .. }) => self.request(at, index, event),
            IncidentEvent::Paging(PagingEvent::PageSettled { page, outcome, latency_ms }) => {
                self.settle(at, index, *page, outcome, *latency_ms);
            }
            IncidentEvent::Paging(PagingEvent::PageImpossible { .. } | PagingEvent::NobodyReached { .. }) => {
                self.gap(words::line(event, self.names), &[index]);
            }
            IncidentEvent::Roles(RolesEvent::RoleTaken { role, person, .. }) => {
                let name = self.names.person(person);
                self.roles.push(RoleRow { at, log_index: index, role: *role, person: person.clone(), name });
            }
            IncidentEvent::Tasks(event) => self.tasks.take(at, index, event, self.names),
            IncidentEvent::Evidence(event) => {
                if let Some((task, number)) = self.evidence.take(at, index, event, self.names) {
                    self.tasks.attach(task, number);
                }
            }
            IncidentEvent::Checks(event) => self.checked.take(at, index, event, self.names),
            IncidentEvent::Access(_) => {
                let text = format!("{at}: {}.", words::line(event, self.names).trim_end_matches('.'));
                self.access.push(Sentence { text, log_indexes: vec![index] });
            }
            IncidentEvent::Life(event) => self.live(at, index, event),
            IncidentEvent::Claims(ClaimsEvent::SignalUnanswered { to: None, .. })
            | IncidentEvent::Paging(PagingEvent::HandedOver { .. }) => {
                if self.phase == Phase::Acknowledged {
                    self.phase = Phase::Triggered;
                }
            }
            // Its pages are events of their own; what a source said late or not at all changes no figure, and neither does what
            // people wrote: see `said`.
            IncidentEvent::Paging(PagingEvent::Escalated { .. })
            | IncidentEvent::Roles(
                RolesEvent::RoleGivenUp { .. }
                | RolesEvent::AskedIn { .. }
                | RolesEvent::AskedAgain { .. }
                | RolesEvent::AskAccepted { .. }
                | RolesEvent::AskDeclined { .. }
                | RolesEvent::AskUnanswered { .. },
            )
            | IncidentEvent::Room(_)
            | IncidentEvent::Claims(
                ClaimsEvent::EndingLate { .. }
                | ClaimsEvent::SignalSilent { .. }
                | ClaimsEvent::SignalTakenUp { .. }
                | ClaimsEvent::SignalAcknowledged { .. }
                | ClaimsEvent::SignalUnanswered { to: Some(_), .. },
            ) => {}
        }
    }

    fn live(&mut self, at: Timestamp, index: u64, event: &LifeEvent) {
        match event {
            LifeEvent::Opened { service, signal, score, .. } => {
                if let Some(service) = service {
                    self.services.entry(service.clone()).or_insert(index);
                }
                self.score(at, index, score);
                self.attach(index, signal);
            }
            LifeEvent::Acknowledged { by, .. } => {
                self.phase = Phase::Acknowledged;
                let first = (Point { what: "acknowledged", at, log_index: index }, self.names.actor(by));
                self.acknowledged.get_or_insert(first);
            }
            LifeEvent::AcknowledgementExpired {} => self.phase = Phase::Triggered,
            LifeEvent::Mitigated { .. } => {
                self.phase = Phase::Mitigated;
                self.mitigated.get_or_insert(Point { what: "mitigated", at, log_index: index });
            }
            LifeEvent::Resolved { by, recovery, .. } => {
                self.checked.resolved(index, by, recovery.as_deref(), self.names);
                self.phase = Phase::Resolved;
                self.tasks.resolved(index);
                self.resolved.get_or_insert(Point { what: "resolved", at, log_index: index });
            }
            LifeEvent::Reopened { by, reason } => {
                if !self.checked.rows.is_empty() || !self.checked.sentences.is_empty() {
                    self.checked.reopened(index, by, reason, self.names);
                }
                self.phase = Phase::Triggered;
                (self.mitigated, self.resolved) = (None, None);
                self.reopened.push(index);
            }
            LifeEvent::Reviewed { .. } => self.phase = Phase::Reviewed,
            LifeEvent::MergedInto { into, .. } => {
                self.phase = Phase::Merged;
                self.merged = Some((*into, index));
            }
        }
    }

    /// The log index of the last event.
    pub(super) fn last_index(&self) -> u64 {
        self.timeline.last().map_or(self.opened.log_index, |row| row.log_index)
    }

    fn gap(&mut self, text: String, log_indexes: &[u64]) {
        self.gaps.push(Sentence { text, log_indexes: log_indexes.to_vec() });
    }

    fn score(&mut self, at: Timestamp, index: u64, score: &Score) {
        self.scores.push(ScoreRow {
            at,
            log_index: index,
            severity: score.severity,
            points: score.points,
            vector: score.vector.clone(),
            gates: score.gates.clone(),
            terms: score.terms.clone(),
        });
        if self.highest.as_ref().is_none_or(|(highest, _)| score.money_at_risk > *highest) {
            self.highest = Some((score.money_at_risk, index));
        }
        self.last_score = Some((score.money_at_risk, index));
    }

    fn attach(&mut self, index: u64, signal: &Signal) {
        if let Some(service) = &signal.service {
            self.services.entry(service.clone()).or_insert(index);
        }
        self.claims.push(ImpactClaim { signal: Some(signal.id), facts: signal.facts.clone(), log_index: index });
        self.signal_places.insert(signal.id, self.signals.len());
        let position = signal.position.as_ref();
        self.signals.push(SignalRow {
            id: signal.id,
            detector: signal.detector.clone(),
            title: signal.title.clone(),
            explanation: signal.explanation.text.clone(),
            numbers: signal.explanation.numbers.clone(),
            confidence_permille: signal.confidence_permille,
            block: position.map(|p| format!("{} of chain {} {}", p.block.number, p.block.chain, p.block.hash)),
            transaction: position.and_then(|p| p.transaction).map(|hash| hash.to_string()),
            log_index: index,
            status: signal.status,
            status_log_index: index,
            retracted_because: None,
            repeats: 0,
            repeats_log_indexes: Vec::new(),
        });
    }

    fn signal(&mut self, index: u64, signal: SignalId) -> Option<&mut SignalRow> {
        let place = self.signal_places.get(&signal).copied();
        if place.is_none() {
            self.gap(format!("Signal {signal} is named, and its own event is not in this review."), &[index]);
        }
        place.and_then(|place| self.signals.get_mut(place))
    }

    fn absorb(&mut self, index: u64, count: u64, signal: Option<SignalId>) {
        let Some(signal) = signal else {
            let text = format!("Distinct signals past the limit were counted and not kept one by one: {count}.");
            return self.gap(text, &[index]);
        };
        if let Some(row) = self.signal(index, signal) {
            row.repeats = row.repeats.saturating_add(count);
            row.repeats_log_indexes.push(index);
        }
    }

    fn change_signal(&mut self, index: u64, signal: SignalId, status: SignalStatus, why: Option<String>) {
        if let Some(row) = self.signal(index, signal) {
            row.status = status;
            row.status_log_index = index;
            row.retracted_because = why;
        }
    }

    fn request(&mut self, at: Timestamp, index: u64, event: &IncidentEvent) {
        let IncidentEvent::Paging(PagingEvent::PageRequested {
            page,
            person,
            channel,
            reason,
            tier,
            round,
            repeat_of,
            ..
        }) = event
        else {
            return;
        };
        self.page_places.insert(*page, self.pages.len());
        self.pages.push(PageRow {
            page: *page,
            person: person.clone(),
            name: self.names.person(person),
            channel: channel.clone(),
            reason: words::reason(reason),
            tier: *tier,
            round: *round,
            repeat_of: *repeat_of,
            requested: at,
            requested_log_index: index,
            outcome: None,
            detail: None,
            latency_ms: None,
            settled: None,
            settled_log_index: None,
        });
    }

    fn settle(&mut self, at: Timestamp, index: u64, page: PageId, outcome: &PageOutcome, latency: Duration) {
        let (word, detail) = words::outcome(outcome);
        let place = self.page_places.get(&page).copied();
        let Some(row) = place.and_then(|place| self.pages.get_mut(place)) else {
            return self.gap(format!("Page {page} {word}, and its request is not in this review."), &[index]);
        };
        row.outcome = Some(word);
        row.detail = Some(detail.to_owned());
        row.latency_ms = Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX));
        row.settled = Some(at);
        row.settled_log_index = Some(index);
        match outcome {
            PageOutcome::Delivered { .. } | PageOutcome::Failed { .. } => {}
            PageOutcome::Unknown { .. } => {
                let requested = row.requested_log_index;
                self.gap(format!("Whether page {page} arrived is not known."), &[requested, index]);
            }
        }
    }

    /// Pages without an outcome are gaps, too.
    fn unsettled_pages(&mut self) {
        let open: Vec<(PageId, u64)> = self
            .pages
            .iter()
            .filter(|page| page.outcome.is_none())
            .map(|page| (page.page, page.requested_log_index))
            .collect();
        for (page, index) in open {
            self.gap(format!("Page {page} was requested, and no outcome is recorded."), &[index]);
        }
    }
}
