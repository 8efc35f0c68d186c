//! The claims of an incident: its signals, the facts that count, and how bad they make it. A signal that was true and is over keeps
//! counting; one that was undone does not. Tests: in `decide`, in `board/tests/`, and the laws in `tests/laws.rs`.

pub mod event;
pub mod command;

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use self::{command::ClaimsCommand, event::ClaimsEvent};
use crate::{
    id::SignalId,
    incident::{Actor, Phase, Severity, life::event::LifeEvent, refusal::Named},
    priority::Score,
    signal::{Claimed, Declared, Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

/// Somebody's word that they are on one claim, and not on the whole incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Who gave it.
    pub by: Actor,
    /// Until when it holds.
    pub until: Timestamp,
}

/// A signal as the incident knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The signal as it was when attached.
    pub signal: Arc<Signal>,
    /// How it stands now.
    pub status: SignalStatus,
    /// How often the same claim came again, as of the last recorded doubling: up to as many again may be uncounted.
    pub repeats: u64,
    /// When it was last heard of, as of the last recorded doubling.
    pub last: Timestamp,
    /// The latest end that its source told of too late: of an episode before this signal began.
    pub late: Option<Timestamp>,
    /// Since when its source, which must repeat it, says nothing. It stands all the same: nobody said that it is over.
    pub silent: Option<Timestamp>,
    /// Who said that somebody at the source's end works on it.
    pub taken_up: Option<Actor>,
    /// Who is on this one claim, as long as it does not get worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Taken>,
    /// Whether its facts count for the severity; not once a person stated facts instead of them, nor when retracted.
    pub counts: bool,
    /// Why it was retracted, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<String>,
}

impl Attached {
    /// Whether what it claims still goes on, as far as anyone said.
    pub const fn is_live(&self) -> bool {
        self.status.is_live()
    }
    /// Who is on this one claim at `now`.
    pub fn taken_at(&self, now: Timestamp) -> Option<&Taken> {
        self.acknowledged.as_ref().filter(|taken| self.is_live() && taken.until > now)
    }
    /// Whether a monitor says that it goes on: live, and of a source that repeats itself and has not fallen silent. Who says a thing once
    /// does not say later that it goes on, and what a block shows is no monitor's word.
    pub fn is_firing(&self) -> bool {
        self.is_live() && self.silent.is_none() && self.signal.repeats
    }
}

/// What made it as bad as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) enum Leads {
    /// A signal.
    Signal(SignalId),
    /// What somebody stated.
    Stated(Actor),
}

/// What is claimed. What grows with the incident is in maps that share: a batch that touches an incident copies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Claims {
    pub(super) severity: Severity,
    pub(super) score: Arc<Score>,
    /// All that is claimed: by signals that count, by people, by incidents merged into this one.
    pub(super) facts: Facts,
    /// The part of the facts that does not come from this incident's own signals.
    pub(super) stated: Facts,
    /// The loudest signal that counts.
    pub(super) loudness: Loudness,
    /// The worst guess of somebody who declared it, of those that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) declared: Option<Declared>,
    /// Something says that it still goes on: a live signal, a person who reopened it, or facts that a person stated.
    pub(super) stands: bool,
    /// A person or an integration reopened it and nobody has answered since: no signal's end closes it.
    pub(super) held: bool,
    /// Signals that are live.
    pub(super) live: usize,
    /// Signals whose facts count.
    pub(super) counted: usize,
    pub(super) signals: OrdMap<SignalId, Attached>,
    /// Every attached signal by what it claims, for repeats and ends.
    #[serde(skip)]
    by_claim: OrdSet<(Fingerprint, SignalId)>,
    pub(super) absorbed: u64,
    pub(super) leads: Leads,
    /// What the last event claimed: if the severity rises by the next, this is why. None: several things, or nothing.
    #[serde(skip)]
    news: Option<Leads>,
    /// When a signal was last attached or counted.
    pub(super) last_signal: Timestamp,
}

impl Claims {
    /// The claim that an incident begins with.
    pub(super) fn begin(signal: &Arc<Signal>, score: &Score, at: Timestamp) -> Self {
        let mut claims = Self {
            severity: score.severity,
            score: Arc::new(score.clone()),
            facts: Facts::default(),
            stated: Facts::default(),
            loudness: Loudness::Info,
            declared: None,
            stands: true,
            held: false,
            live: 0,
            counted: 0,
            signals: OrdMap::new(),
            by_claim: OrdSet::new(),
            absorbed: 0,
            leads: Leads::Signal(signal.id),
            news: None,
            last_signal: at,
        };
        claims.attach(signal, at);
        claims
    }

    /// Whether this could happen in this phase.
    pub(super) fn fits(phase: Phase, event: &ClaimsEvent) -> bool {
        match event {
            ClaimsEvent::SignalAttached { .. }
            | ClaimsEvent::SignalsAbsorbed { .. }
            | ClaimsEvent::MergedFrom { .. } => phase.is_open(),
            ClaimsEvent::SeverityChanged(_) | ClaimsEvent::FactsStated { .. } => phase != Phase::Merged,
            ClaimsEvent::SignalConfirmed { .. }
            | ClaimsEvent::SignalRetracted { .. }
            | ClaimsEvent::SignalEnded { .. }
            | ClaimsEvent::EndingLate { .. }
            | ClaimsEvent::SignalSilent { .. }
            | ClaimsEvent::SignalTakenUp { .. } => true,
            ClaimsEvent::SignalAcknowledged { .. } | ClaimsEvent::SignalUnanswered { .. } => phase.is_unsettled(),
        }
    }

    /// What the event names and is not here.
    pub(super) fn missing(&self, event: &ClaimsEvent) -> Option<Named> {
        match event {
            ClaimsEvent::SignalConfirmed { signal }
            | ClaimsEvent::SignalRetracted { signal, .. }
            | ClaimsEvent::SignalEnded { signal, .. }
            | ClaimsEvent::EndingLate { signal, .. }
            | ClaimsEvent::SignalSilent { signal, .. }
            | ClaimsEvent::SignalTakenUp { signal, .. }
            | ClaimsEvent::SignalAcknowledged { signal, .. }
            | ClaimsEvent::SignalUnanswered { signal, .. }
            | ClaimsEvent::SignalsAbsorbed { signal: Some(signal), .. } => {
                (!self.signals.contains_key(signal)).then_some(Named::Signal(*signal))
            }
            ClaimsEvent::SignalAttached { .. }
            | ClaimsEvent::SignalsAbsorbed { signal: None, .. }
            | ClaimsEvent::SeverityChanged(_)
            | ClaimsEvent::FactsStated { .. }
            | ClaimsEvent::MergedFrom { .. } => None,
        }
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &ClaimsEvent) {
        let news = self.news.take();
        match event {
            ClaimsEvent::SignalAttached { signal } => {
                self.attach(signal, at);
                self.news = Some(Leads::Signal(signal.id));
            }
            ClaimsEvent::SignalsAbsorbed { count, signal } => self.count(*count, *signal, at),
            ClaimsEvent::SignalConfirmed { signal } => self.turn(*signal, SignalStatus::Confirmed, at),
            ClaimsEvent::SignalRetracted { signal, reason } => {
                self.turn(*signal, SignalStatus::Retracted, at);
                if let Some(attached) = self.signals.get_mut(signal) {
                    attached.undone = Some(reason.clone());
                }
            }
            ClaimsEvent::SignalEnded { signal, .. } => self.turn(*signal, SignalStatus::Ended, at),
            ClaimsEvent::EndingLate { signal, at: ended } => {
                if let Some(attached) = self.signals.get_mut(signal) {
                    attached.late = attached.late.max(Some(*ended));
                }
            }
            ClaimsEvent::SignalSilent { signal, at } => {
                if let Some(attached) = self.signals.get_mut(signal) {
                    attached.silent = Some(*at);
                }
            }
            ClaimsEvent::SignalTakenUp { signal, by } => {
                if let Some(attached) = self.signals.get_mut(signal) {
                    attached.taken_up = Some(by.clone());
                }
            }
            ClaimsEvent::SignalAcknowledged { signal, by, until } => {
                if let Some(attached) = self.signals.get_mut(signal) {
                    attached.acknowledged = Some(Taken { by: by.clone(), until: *until });
                }
            }
            // Whom it is news to is kept by paging.
            ClaimsEvent::SignalUnanswered { .. } => {}
            ClaimsEvent::SeverityChanged(change) => {
                if change.to > self.severity {
                    self.leads = news.or_else(|| self.strongest()).unwrap_or_else(|| self.leads.clone());
                } else if change.to < self.severity {
                    self.leads = self.strongest().unwrap_or_else(|| self.leads.clone());
                }
                self.severity = change.to;
                self.score = Arc::new(change.score.clone());
            }
            ClaimsEvent::FactsStated { by, facts, replace } => {
                self.state(facts, *replace);
                self.news = Some(Leads::Stated(by.clone()));
            }
            ClaimsEvent::MergedFrom { facts, .. } => self.state(facts, false),
        }
    }

    /// The signal that claims the most of those that count, the latest of several.
    fn strongest(&self) -> Option<Leads> {
        let weight = |one: &&Attached| {
            let facts = &one.signal.facts;
            let decides_alone = facts.key_compromise || facts.theft;
            (decides_alone, facts.money_at_risk, facts.irreversible, one.signal.loudness, one.signal.observed)
        };
        let counting = self.signals.values().filter(|one| one.counts);
        counting.max_by_key(weight).map(|one| Leads::Signal(one.signal.id))
    }

    /// The incident turned to another phase: somebody answered, or it starts afresh.
    pub(super) fn turned(&mut self, event: &LifeEvent) {
        self.held = false;
        if let LifeEvent::Reopened { by, .. } = event {
            self.stands = true;
            self.held = *by != Actor::System;
            let taken = self.signals.values().filter(|one| one.acknowledged.is_some()).map(|one| one.signal.id);
            for id in taken.collect::<Vec<_>>() {
                if let Some(attached) = self.signals.get_mut(&id) {
                    attached.acknowledged = None;
                }
            }
        }
    }

    /// Whether a person, or an incident merged into this one, stated facts: then no signal's end closes it.
    pub(super) fn is_vouched(&self) -> bool {
        self.stated != Facts::default()
    }

    /// Whether anything says that it still goes on, counted anew.
    fn still_stands(&self) -> bool {
        self.live > 0 || self.absorbed > 0 || self.held || self.is_vouched()
    }

    /// What monitors say that it goes on.
    pub(super) fn firing(&self) -> impl Iterator<Item = &Attached> {
        self.signals.values().filter(|attached| attached.is_firing())
    }

    /// The attached signals that make this claim.
    pub(super) fn of_claim(&self, fingerprint: Fingerprint) -> impl Iterator<Item = &Attached> {
        let all = (fingerprint, SignalId::from_bytes([0; 16]))..=(fingerprint, SignalId::from_bytes([255; 16]));
        self.by_claim.range(all).filter_map(|(_, id)| self.signals.get(id))
    }

    /// What is claimed when one signal no longer counts (none: as it stands).
    pub(super) fn without(&self, id: Option<SignalId>) -> Claimed {
        let counting = self.signals.values().filter(|attached| attached.counts && Some(attached.signal.id) != id);
        counting.fold(Claimed::stated(self.stated.clone()), |claimed, attached| claimed.with(&attached.signal))
    }

    /// All that is claimed and counts.
    pub(super) fn claimed(&self) -> Claimed {
        Claimed { facts: self.facts.clone(), loudness: self.loudness, declared: self.declared.clone() }
    }

    fn count_as(&mut self, claimed: Claimed) {
        Claimed { facts: self.facts, loudness: self.loudness, declared: self.declared } = claimed;
    }

    fn attach(&mut self, signal: &Arc<Signal>, at: Timestamp) {
        let (mut repeats, mut late, mut acknowledged) = (0, None, None);
        if let Some(before) = self.signals.get(&signal.id) {
            // Undone or over, and back again.
            (repeats, late) = (before.repeats, before.late);
            // Whoever is on it is on what they knew, and not on something worse.
            let same = before.signal.facts == signal.facts && before.signal.loudness == signal.loudness;
            acknowledged = before.acknowledged.clone().filter(|_| before.is_live() && same);
            self.live = self.live.saturating_sub(usize::from(before.is_live()));
            self.counted = self.counted.saturating_sub(usize::from(before.counts));
        }
        self.by_claim.insert((signal.fingerprint, signal.id));
        let attached = Attached {
            signal: Arc::clone(signal),
            status: signal.status,
            repeats,
            last: at,
            late,
            silent: None,
            taken_up: None,
            acknowledged,
            counts: true,
            undone: None,
        };
        self.live = self.live.saturating_add(usize::from(attached.is_live()));
        self.counted = self.counted.saturating_add(1);
        self.stands |= attached.is_live();
        self.signals.insert(signal.id, attached);
        self.count_as(self.claimed().with(signal));
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
            self.count_as(self.without(None));
        }
    }

    fn state(&mut self, facts: &Facts, replace: bool) {
        if replace {
            let ids: Vec<SignalId> = self.signals.keys().copied().collect();
            for id in ids {
                if let Some(attached) = self.signals.get_mut(&id) {
                    attached.counts = false;
                }
            }
            self.counted = 0;
            self.stated = facts.clone();
            self.count_as(Claimed::stated(facts.clone()));
        } else {
            self.stated = self.stated.merge(facts);
            self.facts = self.facts.merge(facts);
        }
        self.stands |= self.is_vouched();
    }
}

impl ClaimsCommand {
    /// Whether it is accepted however long the incident is: the fate of signals that are attached already.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Signal(_) => true,
            Self::Count { .. }
            | Self::TakeUp { .. }
            | Self::Acknowledge { .. }
            | Self::StateFacts { .. }
            | Self::Absorb { .. } => false,
        }
    }
}
