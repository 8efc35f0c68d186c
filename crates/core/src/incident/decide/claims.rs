//! What a signal does to an incident: new, repeated, confirmed, undone, over. Never looks at other incidents: that is
//! [`crate::board`]. Tests: in `board/tests/`, and the laws in `tests/laws.rs`.

use std::sync::Arc;

use crate::{
    id::{IncidentId, SignalId},
    incident::{
        Actor, Attached, ClaimsCommand, ClaimsEvent, Ctx, Incident, IncidentEvent, LifeEvent, Phase, Refusal, Severity,
        SeverityChange,
    },
    limits::SIGNALS_PER_INCIDENT_MAX,
    priority::Score,
    setting::Setting,
    signal::{Claimed, Facts, Fingerprint, Signal, SignalChange, SignalStatus},
    time::Timestamp,
};

/// What an incident makes of a raised signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// It is over, and this weighs too little to begin it again: it is an incident of its own, if it is loud enough.
    Light,
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
enum Way {
    /// Claims came: never down.
    Up,
    /// Claims were undone, or a person said otherwise.
    Either,
}

impl Incident {
    pub(crate) fn decide_claims(&self, command: ClaimsCommand, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            ClaimsCommand::Signal(change) => self.signal(change, ctx),
            ClaimsCommand::Count { signal, count } => self.counted(signal, count),
            ClaimsCommand::TakeUp { claim, by } => Ok(self.taken_up(claim, &by)),
            ClaimsCommand::Acknowledge { by, signal } => self.acknowledge_claim(&by, signal, ctx),
            ClaimsCommand::StateFacts { by, facts, replace } => self.facts_stated(by, facts, replace, ctx),
            ClaimsCommand::Absorb { by, from, facts, signals } => self.absorb(by, from, &facts, signals, ctx),
        }
    }

    fn signal(&self, change: SignalChange, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        Ok(match change {
            SignalChange::Raised { signal } => match self.hear(&signal, ctx)? {
                Reception::New(events) => events,
                Reception::Known | Reception::Repeat(_) | Reception::Full | Reception::Light => Vec::new(),
            },
            SignalChange::Confirmed { id } => self.confirm(id),
            SignalChange::Retracted { id, reason } => self.retract(id, &reason, ctx),
            SignalChange::Ended { fingerprint, at } => self.end(fingerprint, at, ctx),
            SignalChange::Silent { fingerprint, at } => self.fell_silent(fingerprint, at),
        })
    }

    fn counted(&self, signal: Option<SignalId>, count: u64) -> Result<Vec<IncidentEvent>, Refusal> {
        if !self.life.phase.is_open() {
            return Err(self.wrong_phase("count a signal in"));
        }
        let known = signal.is_none_or(|id| self.claims.signals.contains_key(&id));
        let counts = known && count > 0;
        Ok(if counts {
            vec![IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count, signal })]
        } else {
            Vec::new()
        })
    }

    /// What a source says of its own claim. It answers for nobody: the escalation goes on, and so does every other claim.
    fn taken_up(&self, claim: Fingerprint, by: &Actor) -> Vec<IncidentEvent> {
        let standing = self.of_claim(claim).filter(|attached| attached.is_live());
        let new = standing.filter(|attached| attached.taken_up.as_ref() != Some(by));
        new.map(|attached| ClaimsEvent::SignalTakenUp { signal: attached.signal.id, by: by.clone() }.into()).collect()
    }

    fn absorb(
        &self,
        by: Actor,
        from: IncidentId,
        facts: &Facts,
        signals: Vec<Arc<Signal>>,
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        let bad = |why| Refusal::BadMerge { from, into: self.life.id, why };
        if from == self.life.id {
            return Err(bad("it is the same one"));
        }
        if !self.life.phase.is_open() {
            return Err(bad("the other is over, or part of a third"));
        }
        let mut all = self.claims.claimed();
        all.facts = all.facts.merge(facts);
        let mut counted = self.claims.counted;
        let mut events = vec![IncidentEvent::Claims(ClaimsEvent::MergedFrom { by, from, facts: facts.clone() })];
        for event in self.adopt(signals) {
            if let IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }) = &event {
                all = all.with(signal);
                counted = counted.saturating_add(1);
            }
            events.push(event);
        }
        events.extend(self.regraded(&all, counted, Way::Up, ctx));
        Ok(events)
    }

    fn facts_stated(
        &self,
        by: Actor,
        facts: Facts,
        replace: bool,
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.not_merged("state facts about")?;
        let change = if replace {
            self.regraded(&Claimed::stated(facts.clone()), 0, Way::Either, ctx)
        } else {
            let known = self.claims.claimed();
            let all = Claimed { facts: known.facts.merge(&facts), ..known };
            self.regraded(&all, self.claims.counted, Way::Up, ctx)
        };
        let mut events = vec![IncidentEvent::Claims(ClaimsEvent::FactsStated { by, facts, replace })];
        events.extend(change);
        Ok(events)
    }

    /// Hears a raised signal that belongs here. A signal for an incident that is mitigated or over reopens it.
    pub fn hear(&self, signal: &Arc<Signal>, ctx: &Ctx<'_>) -> Result<Reception, Refusal> {
        if self.life.phase == Phase::Merged {
            return Err(self.wrong_phase("attach a signal to"));
        }
        let known = self.claims.signals.get(&signal.id);
        let outdone = known.filter(|known| self.outdoes(known, signal, ctx.setting));
        let asleep = !matches!(self.life.phase, Phase::Triggered | Phase::Acknowledged);
        if known.is_some_and(|known| {
            (known.is_live() && outdone.is_none() && known.silent.is_none())
                || (known.status == SignalStatus::Ended && signal.observed <= known.last)
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
        // Claims add up: what it said before counts on.
        let signal = &outdone.map_or_else(|| Arc::clone(signal), |known| Arc::new(signal.on_top_of(&known.signal)));
        let change = self.worse_with(signal, ctx);
        if change.is_none()
            && outdone.is_none()
            && !asleep
            && let Some(same) = self
                .claims
                .of_claim(signal.fingerprint)
                // What is worse than it was is kept, though others made the incident as bad: they may be undone.
                .find(|known| known.is_live() && known.silent.is_none() && !self.outdoes(known, signal, ctx.setting))
        {
            return Ok(Reception::Repeat(same.signal.id));
        }
        let full = known.is_none() && self.claims.signals.len() >= SIGNALS_PER_INCIDENT_MAX && change.is_none();
        if full && !asleep {
            return Ok(Reception::Full);
        }
        let reopens = asleep && self.weighs_enough(signal, change.as_ref(), ctx.setting);
        if asleep && !reopens && !self.takes_quietly(signal, ctx.setting) {
            return Ok(Reception::Light);
        }
        let mut events = Vec::with_capacity(3);
        if reopens {
            let reason = format!("it is claimed again, or more is: {}", signal.title);
            events.push(IncidentEvent::Life(LifeEvent::Reopened { by: Actor::System, reason }));
        }
        events.push(if full {
            IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count: 1, signal: None })
        } else {
            IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal: Arc::clone(signal) })
        });
        let news = if asleep || full { None } else { self.uncovered(signal, change.as_ref(), ctx) };
        events.extend(change);
        events.extend(news);
        Ok(Reception::New(events))
    }

    /// Whether this signal begins again what is mitigated or over: it makes it worse, or is bad enough on its own.
    fn weighs_enough(&self, signal: &Signal, change: Option<&IncidentEvent>, setting: &Setting) -> bool {
        if let Some(IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change))) = change
            && change.to > change.from
        {
            return true;
        }
        let usual = self.paging.escalation.policy.page_at.max(self.claims.severity.milder());
        self.alone(signal, setting) >= setting.rules.reopen_at.unwrap_or(usual)
    }

    /// Whether what is too light to begin it again joins it without a word, where people work on it still: it is known, or would wake
    /// nobody on its own. Anything else is an incident of its own.
    fn takes_quietly(&self, signal: &Signal, setting: &Setting) -> bool {
        let known = || self.claims.of_claim(signal.fingerprint).next().is_some();
        self.life.phase.is_open() && (known() || self.alone(signal, setting) < self.paging.escalation.policy.page_at)
    }

    /// How bad the signal would be alone.
    fn alone(&self, signal: &Signal, setting: &Setting) -> Severity {
        setting.score_of(signal, self.life.service.as_ref()).severity
    }

    /// Whether this is a live signal told anew, and worse than it was: that is news, though its claim and its beginning are the same.
    pub(crate) fn outdoes(&self, known: &Attached, signal: &Signal, setting: &Setting) -> bool {
        let weight = |signal: &Signal| {
            let score = setting.score_of(signal, self.life.service.as_ref());
            (score.severity, score.points)
        };
        known.is_live() && weight(&signal.on_top_of(&known.signal)) > weight(&known.signal)
    }

    /// A provisional signal stands on a final block now.
    fn confirm(&self, id: SignalId) -> Vec<IncidentEvent> {
        let provisional = self.claims.signals.get(&id).is_some_and(|known| known.status == SignalStatus::Provisional);
        if provisional { vec![IncidentEvent::Claims(ClaimsEvent::SignalConfirmed { signal: id })] } else { Vec::new() }
    }

    /// A signal was undone: its facts no longer count, and the severity may fall.
    fn retract(&self, id: SignalId, reason: &str, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let Some(known) = self.claims.signals.get(&id).filter(|known| known.status != SignalStatus::Retracted) else {
            return Vec::new();
        };
        let mut events =
            vec![IncidentEvent::Claims(ClaimsEvent::SignalRetracted { signal: id, reason: reason.to_owned() })];
        let mut severity = self.claims.severity;
        if known.counts && self.life.phase != Phase::Merged {
            let left = self.claims.without(Some(id));
            let counted = self.claims.counted.saturating_sub(1);
            let change = self.regraded(&left, counted, Way::Either, ctx);
            if let Some(IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change))) = &change {
                severity = change.to;
            }
            events.extend(change);
        }
        let live = self.claims.live.saturating_sub(usize::from(known.is_live()));
        let more = self.claims.held || self.claims.is_vouched() || self.claims.absorbed > 0;
        if severity >= self.paging.escalation.policy.page_at && self.life.is_outgrown(severity) && live == 0 && !more {
            // What was undone had made it milder. Nobody's answer covers the rest, and nothing of that stands.
            let note = "what was answered for was retracted, and every other signal is over";
            events.push(self.ended_by_itself(note, ctx.setting, ctx.now));
        }
        if known.is_live() {
            let ended = self.claims.signals.values().any(|other| other.status == SignalStatus::Ended);
            events.extend(self.closing(self.claims.live.saturating_sub(1), ended, ctx));
            events.extend(self.covered_without(&[id], severity, ctx));
        }
        events
    }

    /// A claim was true and is over. What began after that end is another episode of it, and goes on.
    fn end(&self, fingerprint: Fingerprint, at: Timestamp, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let mut events: Vec<IncidentEvent> = Vec::new();
        let mut ended = Vec::new();
        for attached in self.of_claim(fingerprint).filter(|attached| attached.is_live()) {
            let signal = attached.signal.id;
            if !attached.signal.began_after(at) {
                ended.push(signal);
                events.push(ClaimsEvent::SignalEnded { signal, at }.into());
            } else if attached.late < Some(at) {
                events.push(ClaimsEvent::EndingLate { signal, at }.into());
            }
        }
        if !ended.is_empty() {
            events.extend(self.closing(self.claims.live.saturating_sub(ended.len()), true, ctx));
            events.extend(self.covered_without(&ended, self.claims.severity, ctx));
        }
        events
    }

    /// A claim is not repeated as it must be. That is no end: it stands until its source, or a person, says otherwise.
    fn fell_silent(&self, fingerprint: Fingerprint, at: Timestamp) -> Vec<IncidentEvent> {
        let heard = self.of_claim(fingerprint).filter(|attached| attached.is_live() && attached.silent.is_none());
        heard.map(|attached| ClaimsEvent::SignalSilent { signal: attached.signal.id, at }.into()).collect()
    }

    /// With nothing live left and nobody on it, there is nothing to answer any more: it resolves by itself. Where everything
    /// was undone and a page waits for its answer, it waits as long: a chain that undid a claim often makes it again.
    fn closing(&self, live: usize, ended: bool, ctx: &Ctx<'_>) -> Option<IncidentEvent> {
        let over = self.life.phase == Phase::Triggered
            && !self.claims.held
            && !self.claims.is_vouched()
            && live == 0
            && self.claims.absorbed == 0;
        let pending = self.paging.escalation.next.or(self.paging.escalation.stood_down);
        let note = match (ended, self.paging.pages.is_empty(), pending) {
            (true, ..) => "every signal is over and nobody had answered",
            (false, true, _) => "every signal was retracted before anybody was paged",
            (false, false, None) => "every signal was retracted and nobody had answered",
            (false, false, Some(_)) => return None,
        };
        // What was never so, and woke nobody, needs no recovery to look after.
        let never_was = !ended && self.paging.pages.is_empty();
        over.then(|| if never_was { never_so(note) } else { self.ended_by_itself(note, ctx.setting, ctx.now) })
    }

    /// Signals of an incident that is merged into this one: those that are not here yet.
    fn adopt(&self, signals: Vec<Arc<Signal>>) -> Vec<IncidentEvent> {
        let room = SIGNALS_PER_INCIDENT_MAX.saturating_sub(self.claims.signals.len());
        let mut new: Vec<Arc<Signal>> = signals
            .into_iter()
            .filter(|signal| !self.claims.signals.get(&signal.id).is_some_and(Attached::is_live))
            .collect();
        let rest = new.split_off(room.min(new.len()));
        let mut events: Vec<IncidentEvent> =
            new.into_iter().map(|signal| IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal })).collect();
        if !rest.is_empty() {
            let count = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            events.push(IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count, signal: None }));
        }
        events
    }

    /// The live signal of the same claim that a person's facts replaced, if the new one claims no more than it did: the
    /// person has judged it, and need not do so at every repeat.
    fn judged(&self, signal: &Signal) -> Option<SignalId> {
        let covers = |old: &Signal| old.facts.merge(&signal.facts) == old.facts && signal.loudness <= old.loudness;
        let mut same =
            self.claims.of_claim(signal.fingerprint).filter(|attached| attached.is_live() && !attached.counts);
        same.find(|attached| covers(&attached.signal)).map(|attached| attached.signal.id)
    }

    /// The change of severity that this signal would bring, if it makes things worse.
    fn worse_with(&self, signal: &Signal, ctx: &Ctx<'_>) -> Option<IncidentEvent> {
        let known = self.claims.claimed();
        let all = known.with(signal);
        if self.claims.counted > 0 && all == known {
            return None;
        }
        self.regraded(&all, self.claims.counted.saturating_add(1), Way::Up, ctx)
    }

    /// The change of severity that these claims bring, if any.
    fn regraded(&self, claimed: &Claimed, counted: usize, way: Way, ctx: &Ctx<'_>) -> Option<IncidentEvent> {
        let score = if counted == 0 && claimed.facts == Facts::default() {
            Score::nothing()
        } else {
            ctx.setting.weigh(claimed, self.life.service.as_ref())
        };
        let changed = match way {
            Way::Up => (score.severity, score.points) > (self.claims.score.severity, self.claims.score.points),
            Way::Either => score != *self.claims.score,
        };
        changed.then(|| {
            let change = SeverityChange { from: self.claims.severity, to: score.severity, score };
            ClaimsEvent::SeverityChanged(change).into()
        })
    }
}

/// The end of an incident that was a mistake.
fn never_so(note: &str) -> IncidentEvent {
    LifeEvent::Resolved { by: Actor::System, note: note.to_owned(), look_again: None, recovery: None }.into()
}
