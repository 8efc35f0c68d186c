//! What somebody's word covers. Who acknowledges an incident is on what it claims then; who acknowledges one claim is on that one. What
//! comes later and is as bad as can be is news to them, and where they cannot be told, or it is another service's trouble, nobody is on it.
//! Tests: `scenarios/paging/another_claim.md`, `scenarios/paging/one_claim.md`, `board/tests/cover.rs`, the laws in `tests/laws.rs`.

use crate::{
    id::{PersonId, SignalId},
    incident::{
        Actor, Attached, ClaimsEvent, Ctx, Incident, IncidentEvent, LifeEvent, Phase, Refusal, Severity, Taken,
    },
    limits::TIER_DELAY_MIN,
    signal::{Claimed, Facts, Signal},
    time::Timestamp,
};

impl Incident {
    /// Somebody is on one claim. If that was the last one without anybody, they are on the whole.
    pub(super) fn acknowledge_claim(
        &self,
        by: &Actor,
        signal: SignalId,
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.may("acknowledge a claim of", self.life.phase.is_unsettled())?;
        let named = self.claims.signals.get(&signal).filter(|one| one.is_live());
        let claim = named.ok_or(Refusal::NoSuchClaim { id: self.life.id, signal })?.signal.fingerprint;
        let until = ctx.now.plus(self.paging.escalation.policy.acknowledgement.max(TIER_DELAY_MIN));
        let same: Vec<SignalId> = self.of_claim(claim).filter(|one| one.is_live()).map(|one| one.signal.id).collect();
        let event =
            |signal: &SignalId| ClaimsEvent::SignalAcknowledged { signal: *signal, by: by.clone(), until }.into();
        let mut events: Vec<IncidentEvent> = same.iter().map(event).collect();
        let given = Taken { by: by.clone(), until };
        let left = self.claims.signals.values().filter(|one| one.is_live()).map(|one| {
            let taken = if same.contains(&one.signal.id) { Some(&given) } else { one.taken_at(ctx.now) };
            (one, taken)
        });
        events.extend(self.covered(left, self.claims.severity, ctx));
        Ok(events)
    }

    /// The same where these signals are over or undone, it is this bad now, and what is left may all be claims that somebody is on.
    pub(super) fn covered_without(&self, gone: &[SignalId], severity: Severity, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let left = self.claims.signals.values().filter(|one| one.is_live() && !gone.contains(&one.signal.id));
        self.covered(left.map(|one| (one, one.taken_at(ctx.now))), severity, ctx)
    }

    /// Where somebody is on each claim that is left, the incident is answered: by the latest of them, until the first word runs out. Not
    /// where something worse is over that nobody answered for: it counts on, and an answer is for as bad as it was known to be.
    fn covered<'a>(
        &self,
        left: impl Iterator<Item = (&'a Attached, Option<&'a Taken>)>,
        severity: Severity,
        ctx: &Ctx<'_>,
    ) -> Vec<IncidentEvent> {
        let by = self.covering(left, severity, ctx);
        let commands = by.as_ref().and_then(|(by, _)| self.commands(by, ctx));
        let event = |(by, until): (Actor, Timestamp)| LifeEvent::Acknowledged { by, until }.into();
        by.map(event).into_iter().chain(commands).collect()
    }

    /// By whom that is, and until when.
    fn covering<'a>(
        &self,
        left: impl Iterator<Item = (&'a Attached, Option<&'a Taken>)>,
        severity: Severity,
        ctx: &Ctx<'_>,
    ) -> Option<(Actor, Timestamp)> {
        let more = self.claims.held || self.claims.is_vouched() || self.claims.absorbed > 0;
        if self.life.phase != Phase::Triggered || more {
            return None;
        }
        let (mut claimed, mut taken) = (Claimed::stated(Facts::default()), Vec::new());
        for (one, by) in left {
            taken.push(by?);
            claimed = claimed.with(&one.signal);
        }
        let until = taken.iter().map(|one| one.until).min()?;
        let latest = taken.into_iter().max_by_key(|one| one.until)?;
        let as_bad = ctx.setting.weigh(&claimed, self.life.service.as_ref()).severity >= severity;
        as_bad.then(|| (latest.by.clone(), until))
    }

    /// Whether this signal is more than what people are on. A severity that rises by it is told by the rules for that.
    pub(super) fn uncovered(
        &self,
        signal: &Signal,
        change: Option<&IncidentEvent>,
        ctx: &Ctx<'_>,
    ) -> Option<IncidentEvent> {
        if let Some(IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change))) = change
            && change.to > change.from
        {
            return None;
        }
        let alone = |signal: &Signal| {
            let service = signal.service.as_ref().or(self.life.service.as_ref());
            ctx.setting.score_of(signal, service).severity
        };
        let severity = alone(signal);
        if self.of_claim(signal.fingerprint).any(|known| alone(&known.signal) >= severity) {
            return None;
        }
        let answered = self.life.phase == Phase::Acknowledged;
        let (by, elsewhere) =
            if let Some(taken) = self.of_claim(signal.fingerprint).find_map(|one| one.taken_at(ctx.now)) {
                (&taken.by, false)
            } else if answered && severity == Severity::Sev1 {
                (&self.life.acknowledgement.as_ref()?.by, self.is_elsewhere(signal))
            } else {
                return None;
            };
        let to = reachable(by, ctx).filter(|_| !elsewhere);
        // While nobody has answered, the escalation goes on anyhow.
        (to.is_some() || answered).then(|| ClaimsEvent::SignalUnanswered { signal: signal.id, to }.into())
    }

    /// Whether it is the trouble of a service that nothing was claimed about yet. What is gathered because its source says too much is
    /// one trouble, that of the source.
    fn is_elsewhere(&self, signal: &Signal) -> bool {
        let of_it = |service| {
            self.life.service.as_ref() == Some(service)
                || self.claims.signals.values().any(|one| one.signal.service.as_ref() == Some(service))
        };
        !self.life.gathers && signal.service.as_ref().is_some_and(|service| !of_it(service))
    }
}

/// The person who said it, if there is a way to reach them.
fn reachable(by: &Actor, ctx: &Ctx<'_>) -> Option<PersonId> {
    let Actor::Person(person) = by else { return None };
    let known = ctx.setting.roster.people.get(person)?;
    (!known.contacts.is_empty()).then(|| person.clone())
}
