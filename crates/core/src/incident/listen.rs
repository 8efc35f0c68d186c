//! What a signal does to an incident: new, repeated, confirmed, undone, over. Never looks at other incidents: that is
//! [`crate::board`]. Tests: in `board/tests/`, and the laws in `tests/laws.rs`.

use std::sync::Arc;

use crate::{
    id::SignalId,
    incident::{Actor, Ctx, Incident, IncidentEvent, Phase, Refusal, SeverityChange},
    limits::SIGNALS_PER_INCIDENT_MAX,
    priority::Score,
    signal::{Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
};

/// What an incident makes of a raised signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// It adds something: these events.
    New(Vec<IncidentEvent>),
    /// The very same signal is attached already and stands.
    Known,
    /// The claim of this attached signal again, and nothing more. Whoever keeps count records it at doublings.
    Repeat(SignalId),
    /// The incident keeps no more signals one by one, and this one would not raise its severity.
    Full,
}

/// Which way the severity may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Claims came: never down.
    Up,
    /// Claims were undone, or a person said otherwise.
    Either,
}

impl Incident {
    /// Hears a raised signal that belongs here. A signal for an incident that is mitigated or over reopens it.
    pub fn hear(&self, signal: &Arc<Signal>, ctx: &Ctx<'_>) -> Result<Reception, Refusal> {
        if self.phase == Phase::Merged {
            return Err(self.wrong_phase("attach a signal to"));
        }
        let known = self.signals.get(&signal.id);
        let asleep = !matches!(self.phase, Phase::Triggered | Phase::Acknowledged);
        if known.is_some_and(|known| {
            known.is_live() || (known.status == SignalStatus::Ended && signal.observed <= known.last)
        }) {
            // Delivered twice, or late: it says nothing new.
            return Ok(Reception::Known);
        }
        if self.is_too_long() {
            return Err(self.too_long());
        }
        if !asleep && let Some(judged) = self.judged(signal) {
            return Ok(Reception::Repeat(judged));
        }
        let change = self.worse_with(signal, ctx);
        if change.is_none()
            && !asleep
            && let Some(same) = self.of_claim(signal.fingerprint).find(|attached| attached.is_live())
        {
            return Ok(Reception::Repeat(same.signal.id));
        }
        let full = known.is_none() && self.signals.len() >= SIGNALS_PER_INCIDENT_MAX && change.is_none();
        if full && !asleep {
            return Ok(Reception::Full);
        }
        let mut events = Vec::with_capacity(3);
        if asleep {
            let reason = format!("signal {}: {}", signal.id, signal.title);
            events.push(IncidentEvent::Reopened { by: Actor::System, reason });
        }
        events.push(if full {
            IncidentEvent::SignalsAbsorbed { count: 1, signal: None }
        } else {
            IncidentEvent::SignalAttached { signal: Arc::clone(signal) }
        });
        events.extend(change.map(IncidentEvent::SeverityChanged));
        Ok(Reception::New(events))
    }

    /// A provisional signal stands on a final block now.
    pub(super) fn confirm(&self, id: SignalId) -> Vec<IncidentEvent> {
        let provisional = self.signals.get(&id).is_some_and(|known| known.status == SignalStatus::Provisional);
        if provisional { vec![IncidentEvent::SignalConfirmed { signal: id }] } else { Vec::new() }
    }

    /// A signal was undone: its facts no longer count, and the severity may fall.
    pub(super) fn retract(&self, id: SignalId, reason: &str, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let Some(known) = self.signals.get(&id).filter(|known| known.status != SignalStatus::Retracted) else {
            return Vec::new();
        };
        let mut events = vec![IncidentEvent::SignalRetracted { signal: id, reason: reason.to_owned() }];
        if known.counts && self.phase != Phase::Merged {
            let (facts, loudness) = self.claimed_without(Some(id));
            let counted = self.counted.saturating_sub(1);
            let change = self.regraded(&facts, loudness, counted, Way::Either, ctx);
            events.extend(change.map(IncidentEvent::SeverityChanged));
        }
        if known.is_live() {
            let ended = self.signals.values().any(|other| other.status == SignalStatus::Ended);
            events.extend(self.closing(self.live.saturating_sub(1), ended));
        }
        events
    }

    /// A claim was true and is over.
    pub(super) fn end(&self, fingerprint: Fingerprint, at: Timestamp) -> Vec<IncidentEvent> {
        let mut events: Vec<IncidentEvent> = self
            .of_claim(fingerprint)
            .filter(|attached| attached.is_live())
            .map(|attached| IncidentEvent::SignalEnded { signal: attached.signal.id, at })
            .collect();
        if !events.is_empty() {
            events.extend(self.closing(self.live.saturating_sub(events.len()), true));
        }
        events
    }

    /// With nothing live left and nobody on it, there is nothing to answer any more: it resolves by itself. Where everything
    /// was undone and a page waits for its answer, it waits as long: a chain that undid a claim often makes it again.
    pub(super) fn closing(&self, live: usize, ended: bool) -> Option<IncidentEvent> {
        let over =
            self.phase == Phase::Triggered && !self.held && !self.is_vouched() && live == 0 && self.absorbed == 0;
        let pending = self.escalation.next.or(self.escalation.stood_down);
        let note = match (ended, self.pages.is_empty(), pending) {
            (true, ..) => "every signal is over and nobody had answered",
            (false, true, _) => "every signal was retracted before anybody was paged",
            (false, false, None) => "every signal was retracted and nobody had answered",
            (false, false, Some(_)) => return None,
        };
        over.then(|| IncidentEvent::Resolved { by: Actor::System, note: note.to_owned() })
    }

    /// Signals of an incident that is merged into this one: those that are not here yet.
    pub(super) fn adopt(&self, signals: Vec<Arc<Signal>>) -> Vec<IncidentEvent> {
        let room = SIGNALS_PER_INCIDENT_MAX.saturating_sub(self.signals.len());
        let mut new: Vec<Arc<Signal>> = signals
            .into_iter()
            .filter(|signal| !self.signals.get(&signal.id).is_some_and(super::Attached::is_live))
            .collect();
        let rest = new.split_off(room.min(new.len()));
        let mut events: Vec<IncidentEvent> =
            new.into_iter().map(|signal| IncidentEvent::SignalAttached { signal }).collect();
        if !rest.is_empty() {
            let count = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            events.push(IncidentEvent::SignalsAbsorbed { count, signal: None });
        }
        events
    }

    /// The live signal of the same claim that a person's facts replaced, if the new one claims no more than it did: the
    /// person has judged it, and need not do so at every repeat.
    fn judged(&self, signal: &Signal) -> Option<SignalId> {
        let covers = |old: &Signal| old.facts.merge(&signal.facts) == old.facts && signal.loudness <= old.loudness;
        let mut same = self.of_claim(signal.fingerprint).filter(|attached| attached.is_live() && !attached.counts);
        same.find(|attached| covers(&attached.signal)).map(|attached| attached.signal.id)
    }

    /// The change of severity that this signal would bring, if it makes things worse.
    fn worse_with(&self, signal: &Signal, ctx: &Ctx<'_>) -> Option<SeverityChange> {
        let facts = self.facts.merge(&signal.facts);
        let loudness = self.loudness.max(signal.loudness);
        if self.counted > 0 && facts == self.facts && loudness == self.loudness {
            return None;
        }
        self.regraded(&facts, loudness, self.counted.saturating_add(1), Way::Up, ctx)
    }

    /// The change of severity that these claims bring, if any.
    pub(super) fn regraded(
        &self,
        facts: &Facts,
        loudness: Loudness,
        counted: usize,
        way: Way,
        ctx: &Ctx<'_>,
    ) -> Option<SeverityChange> {
        let score = if counted == 0 && *facts == Facts::default() {
            Score::nothing()
        } else {
            ctx.setting.score(facts, loudness, self.service.as_ref())
        };
        let changed = match way {
            Way::Up => (score.severity, score.points) > (self.score.severity, self.score.points),
            Way::Either => score != self.score,
        };
        changed.then_some(SeverityChange { from: self.severity, to: score.severity, score })
    }

    /// What is claimed when one signal no longer counts (none: as it stands).
    pub(super) fn claimed_without(&self, id: Option<SignalId>) -> (Facts, Loudness) {
        let counting = self.signals.values().filter(|attached| attached.counts && Some(attached.signal.id) != id);
        counting.fold((self.stated.clone(), Loudness::Info), |(facts, loudness), attached| {
            (facts.merge(&attached.signal.facts), loudness.max(attached.signal.loudness))
        })
    }
}
