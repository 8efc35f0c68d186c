//! What may be asked of paging, whom to page next, and when. Duties of paging, and how each is carried out: the rules are in
//! [`crate::duty`].

use std::{collections::BTreeSet, time::Duration};

use super::reach::{self, Reach, next_contact, reach};
use crate::{
    id::{PageId, PersonId, PolicyId},
    incident::{
        Actor, ClaimsEvent, Ctx, Escalation, Incident, IncidentEvent, PageOutcome, PageReason, PageRecord,
        PagingCommand, PagingEvent, Phase, Refusal, RoomEvent, Severity, text::sentence,
    },
    limits::{POLICIES_NAMED_MAX, TIER_DELAY_MIN, UNREACHED_DOUBLINGS_MAX, UNREACHED_PAUSE},
    policy::{Contact, EscalationPolicy, Roster},
    time::Timestamp,
};

/// Something owed to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagingDuty {
    /// A page did not arrive, or perhaps not: try the person's next contact.
    Retry {
        /// The page that did not arrive.
        page: PageId,
        /// Where to try now.
        contact: Contact,
    },
    /// A page did not arrive and the person has no contact left.
    GiveUp {
        /// The page that did not arrive.
        page: PageId,
    },
    /// Page a tier, or the fallback, and set the time of the next step.
    Step(Step),
    /// Nobody of the last step can be reached any more: page the fallback beside it.
    Fallback,
    /// It is worse than this person was told, or there is more than they answered for.
    Tell(PersonId),
    /// The fallback cannot be reached either: say so, and set the time at which everybody is tried again.
    NobodyReached,
    /// All was undone, and it did not come back before the next step was due: resolve.
    StandDown,
}

/// One step of an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// From 0; none: the fallback.
    pub tier: Option<usize>,
    /// From 1.
    pub round: u32,
    /// What made the step due; the page says it to its reader.
    pub reason: PageReason,
}

impl Incident {
    pub(super) fn decide_paging(
        &self,
        command: PagingCommand,
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            PagingCommand::Escalate { by, reason } => {
                self.may("escalate", self.life.phase.is_unsettled())?;
                sentence("reason", &reason)?;
                let mut events = vec![RoomEvent::NoteAdded { by: by.clone(), text: reason.clone() }.into()];
                self.page_next_tier(by, reason, ctx, &mut events);
                Ok(events)
            }
            PagingCommand::HandOver { by, to, reason } => self.hand_over(by, &to, reason, ctx),
            PagingCommand::SettlePage { page, outcome, latency } => {
                let record = self.paging.pages.get(&page).ok_or(Refusal::NoSuchPage { id: self.life.id, page })?;
                if record.outcome.is_some() {
                    return Err(Refusal::PageSettled { page });
                }
                Ok(vec![PagingEvent::PageSettled { page, outcome, latency_ms: latency }.into()])
            }
        }
    }

    /// Makes it another team's. Their first page is left to the duties, as at the opening.
    fn hand_over(
        &self,
        by: Actor,
        to: &PolicyId,
        reason: String,
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.may("hand over", self.life.phase.is_unsettled())?;
        sentence("reason", &reason)?;
        let policies = &ctx.setting.roster.policies;
        let Some(policy) = policies.get(to) else {
            let known: Vec<&str> = policies.keys().take(POLICIES_NAMED_MAX).map(PolicyId::as_str).collect();
            let want = format!("there is no such policy: want one of {}", known.join(", "));
            return Err(Refusal::bad_field("to", to.as_str(), want));
        };
        if self.paging.escalation.policy.id == *to {
            return Err(Refusal::bad_field(
                "to",
                to.as_str(),
                "it is with them already: escalate, or page somebody".to_owned(),
            ));
        }
        // Somebody says that they are needed: they are paged however mild it is.
        let policy = Box::new(EscalationPolicy { page_at: Severity::Sev5, ..policy.clone() });
        Ok(vec![PagingEvent::HandedOver { by, reason, policy }.into()])
    }

    /// What paging owes at `now`.
    pub(crate) fn paging_due(&self, roster: &Roster, now: Timestamp) -> Vec<PagingDuty> {
        let escalation = &self.paging.escalation;
        if self.life.phase.is_unsettled() && self.life.ran_out(now) {
            // What is left to try for tasks, and for those who were asked by name, outlives the acknowledgement, and not the incident.
            let left = self.paging.owed.iter().filter(|_| self.claims.stands);
            let left = left.filter_map(|id| self.paging.pages.get(id));
            let retry = |page: &PageRecord| self.retry_due(page, roster);
            let of_tasks = left.clone().filter(|page| self.paging.task_of(page.id).is_some()).map(retry);
            let resumes = self.claims.stands && self.claims.severity >= escalation.policy.page_at;
            let again = resumes.then(|| PagingDuty::Step(escalation.again()));
            let asked = left.clone().filter(|page| page.ask.is_some()).map(retry);
            return of_tasks.chain(again).chain(self.told_less(resumes)).chain(asked).collect();
        }
        if self.stands_down().is_some_and(|at| at <= now) {
            return vec![PagingDuty::StandDown];
        }
        let mut duties = self.retries_due(roster);
        if escalation.next.is_some_and(|next| next <= now) {
            duties.push(PagingDuty::Step(escalation.following()));
        } else if is_spent(self, &duties) {
            duties.push(instead(self));
        }
        duties.extend(self.told_less(self.wants_answer()));
        let untold = self.paging.untold(self.last_event).filter(|(_, at)| *at <= now);
        duties.extend(untold.map(|(person, _)| PagingDuty::Tell(person.clone())));
        duties
    }

    /// What is owed of pages that did not arrive. After the harm has stopped that is all: of tasks, and to those who were asked by name.
    pub(crate) fn retries_due(&self, roster: &Roster) -> Vec<PagingDuty> {
        let owed = self.paging.owed.iter().filter_map(|id| self.paging.pages.get(id));
        owed.map(|page| self.retry_due(page, roster)).collect()
    }

    fn retry_due(&self, page: &PageRecord, roster: &Roster) -> PagingDuty {
        match next_contact(self, page, roster) {
            Some(contact) => PagingDuty::Retry { page: page.id, contact },
            None => PagingDuty::GiveUp { page: page.id },
        }
    }

    /// When they are owed.
    pub(crate) fn retries_deadline(&self) -> Option<Timestamp> {
        (!self.paging.owed.is_empty()).then_some(self.last_event)
    }

    /// Who is to be told that it is worse than they were told, while nobody has answered.
    fn told_less(&self, wanted: bool) -> impl Iterator<Item = PagingDuty> {
        let less = self.paging.told.iter().filter(move |(_, told)| wanted && **told < self.claims.severity);
        less.map(|(person, _)| PagingDuty::Tell(person.clone()))
    }

    /// When paging is to be looked at again.
    pub(crate) fn paging_deadline(&self) -> Option<Timestamp> {
        let untold = self.told_less(self.wants_answer()).next().is_some();
        let retry = (untold || !self.paging.owed.is_empty()).then_some(self.last_event);
        let news = self.paging.untold(self.last_event).map(|(_, at)| at).min();
        [retry, self.paging.escalation.next, self.stands_down(), news].into_iter().flatten().min()
    }

    /// When it resolves by itself, if nothing comes back: all was undone while a page waited for its answer.
    pub(crate) fn stands_down(&self) -> Option<Timestamp> {
        self.paging.escalation.stood_down.filter(|_| !self.claims.stands)
    }

    /// Carries one duty out.
    pub(crate) fn carry_out_paging(&self, duty: PagingDuty, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        match duty {
            PagingDuty::Retry { page, contact } => self.retry(page, contact, ctx, events),
            PagingDuty::GiveUp { page } => {
                let given_up = self.paging.pages.get(&page).map(|page| PagingEvent::PageImpossible {
                    person: Some(page.person.clone()),
                    reason: "every contact was tried".to_owned(),
                    tier: page.tier,
                });
                events.extend(given_up.map(IncidentEvent::Paging));
                if self.paging.tells_news(page) {
                    self.unheard(ctx, events);
                }
                self.pass_on(page, ctx, events);
            }
            PagingDuty::Step(step) => {
                // An asked-for step that failed while somebody is on it starts no clock.
                let clocked = self.wants_answer() || step.reason == PageReason::AcknowledgementExpired;
                self.take_step(&step, (Actor::System, String::new()), clocked, ctx, events);
            }
            PagingDuty::Fallback => {
                let escalation = &self.paging.escalation;
                let place = (escalation.policy.place(escalation.tier), escalation.round);
                self.page_fallback(place, &mut BTreeSet::new(), ctx, events);
            }
            PagingDuty::Tell(person) => self.tell(&person, ctx, events),
            PagingDuty::NobodyReached => events.push(self.nobody_reached(self.wants_answer(), ctx.now)),
            PagingDuty::StandDown => {
                let note = "every signal was retracted and nobody had answered";
                events.push(self.ended_by_itself(note, ctx.setting, ctx.now));
            }
        }
    }

    /// Pages the next tier now, because somebody asked.
    pub(crate) fn page_next_tier(&self, by: Actor, why: String, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let step = Step { reason: PageReason::Asked, ..self.paging.escalation.following() };
        self.take_step(&step, (by, why), self.wants_answer(), ctx, events);
    }

    /// Pages the first tier of the first round: it begins again in this moment.
    pub(crate) fn page_first_tier(&self, reason: PageReason, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let policy = &self.paging.escalation.policy;
        let (tier, round) =
            if policy.tiers.is_empty() { (None, self.paging.escalation.past_last()) } else { (Some(0), 1) };
        self.take_step(&Step { tier, round, reason }, (Actor::System, String::new()), true, ctx, events);
    }

    /// Pages somebody anew who was told of something milder, unless what is owed anyhow tells them in the same moment.
    fn tell(&self, whom: &PersonId, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let is_told = events.iter().any(|event| {
            let IncidentEvent::Paging(event) = event else { return false };
            match event {
                PagingEvent::PageRequested { person, .. } => person == whom,
                PagingEvent::PageImpossible { person, .. } => person.as_ref() == Some(whom),
                PagingEvent::Escalated { .. }
                | PagingEvent::PageSettled { .. }
                | PagingEvent::HandedOver { .. }
                | PagingEvent::NobodyReached { .. } => false,
            }
        });
        if is_told {
            return;
        }
        let last = self.paging.pages.values().filter(|page| page.person == *whom).max_by_key(|page| page.requested);
        let place = last.map_or_else(|| self.own_place(), |page| (page.tier, page.round));
        let is_news = self.paging.untold(self.last_event).any(|(person, _)| person == whom);
        let why = if is_news { PageReason::AnotherClaim } else { PageReason::SeverityRose };
        match self.unless_out(reach::person(whom, &ctx.setting.roster)) {
            Reach::Person(person, contact) => events.push(self.requested(ctx, person, contact, why, place)),
            Reach::Nobody(person, reason) => {
                events.push(PagingEvent::PageImpossible { person, reason, tier: place.0 }.into());
                if is_news {
                    self.unheard(ctx, events);
                }
            }
        }
    }

    /// Whoever was to hear of a task that is past its time cannot be reached: the next in line hears of it.
    fn pass_on(&self, page: PageId, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        if let Some(PageReason::TaskOverdue { task }) = self.first_reason(page)
            && let Some(due) = self.tasks().get(task).filter(|task| task.is_open()).and_then(|task| task.told)
        {
            self.tell_next(*task, due, ctx, events);
        }
    }

    /// Whoever is on it cannot be told of what joined it: nobody is on that, so everybody is paged anew.
    fn unheard(&self, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let said = |event: &IncidentEvent| matches!(event, IncidentEvent::Claims(ClaimsEvent::SignalUnanswered { .. }));
        if self.life.phase == Phase::Acknowledged
            && let Some(signal) = self.paging.unanswered
            && !events.iter().any(said)
        {
            events.push(ClaimsEvent::SignalUnanswered { signal, to: None }.into());
            self.page_first_tier(PageReason::AnotherClaim, ctx, events);
        }
    }

    fn retry(&self, page: PageId, contact: Contact, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let Some(before) = self.paging.pages.get(&page) else { return };
        let reason = match before.outcome {
            Some(PageOutcome::Unknown { .. }) => PageReason::MayHaveArrived,
            _ => PageReason::Failed,
        };
        events.push(IncidentEvent::Paging(PagingEvent::PageRequested {
            page: ctx.fresh(),
            person: before.person.clone(),
            channel: contact.channel,
            address: contact.address,
            reason,
            tier: before.tier,
            round: before.round,
            repeat_of: Some(page),
            severity: Some(self.claims.severity),
            ask: before.ask,
        }));
    }

    /// The step that the escalation stands at, for what is no page of it.
    pub(super) fn own_place(&self) -> (usize, u32) {
        let escalation = &self.paging.escalation;
        (escalation.policy.place(escalation.tier), escalation.round)
    }

    /// A page to somebody who was asked by name, or who had asked.
    pub(super) fn page_asked(
        &self,
        ask: u32,
        person: &PersonId,
        Contact { channel, address }: Contact,
        reason: PageReason,
        ctx: &mut Ctx<'_>,
    ) -> IncidentEvent {
        let (page, (tier, round), severity) = (ctx.fresh(), self.own_place(), Some(self.claims.severity));
        let (person, repeat_of, ask) = (person.clone(), None, Some(ask));
        PagingEvent::PageRequested { page, person, channel, address, reason, tier, round, repeat_of, severity, ask }
            .into()
    }

    fn take_step(
        &self,
        step: &Step,
        (by, note): (Actor, String),
        clocked: bool,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) {
        let Step { tier, round, reason } = step.clone();
        let policy = &self.paging.escalation.policy;
        let next = clocked.then(|| ctx.now.plus(policy.delay(tier)));
        events.push(IncidentEvent::Paging(PagingEvent::Escalated {
            tier,
            round,
            reason: reason.clone(),
            by,
            next,
            note,
        }));
        let place = (policy.place(tier), round);
        let mut paged = BTreeSet::new();
        if let Some(tier) = tier.and_then(|tier| policy.tiers.get(tier)) {
            let found = reach(tier, &ctx.setting.roster, ctx.now).into_iter().map(|one| self.unless_out(one));
            let found: Vec<Reach> = found.collect();
            let spared = self.spared(step, &found).cloned();
            for reached in found {
                match reached {
                    Reach::Person(person, _) if Some(&person) == spared.as_ref() => {}
                    Reach::Person(person, contact) => {
                        if paged.insert(person.clone()) {
                            events.push(self.requested(ctx, person, contact, reason.clone(), place));
                        }
                    }
                    Reach::Nobody(person, reason) => {
                        events.push(IncidentEvent::Paging(PagingEvent::PageImpossible {
                            person,
                            reason,
                            tier: place.0,
                        }));
                    }
                }
            }
        }
        if paged.is_empty() {
            self.page_fallback(place, &mut paged, ctx, events);
        }
        if !paged.is_empty() {
            return;
        }
        match policy.later(step) {
            Some(later) => self.take_step(&later, (Actor::System, String::new()), clocked, ctx, events),
            None => events.push(self.nobody_reached(clocked, ctx.now)),
        }
    }

    /// Who needs no page in this step, because they declared it and somebody else of the tier is paged. Where they are the only one, they are
    /// paged: what they answer is the word that somebody is on it.
    fn spared(&self, step: &Step, found: &[Reach]) -> Option<&PersonId> {
        let first = step.tier == Some(0) && step.round == 1 && step.reason == PageReason::Opened;
        let Some(Actor::Person(declarer)) = self.life.declared_by.as_ref().filter(|_| first) else { return None };
        let other = |reached: &Reach| matches!(reached, Reach::Person(person, _) if person != declarer);
        found.iter().any(other).then_some(declarer)
    }

    /// That everybody was tried in vain, and when they are tried again.
    fn nobody_reached(&self, clocked: bool, now: Timestamp) -> IncidentEvent {
        let passes = self.paging.escalation.unreached.saturating_add(1);
        let next = clocked.then(|| now.plus(self.paging.escalation.policy.pause(passes)));
        IncidentEvent::Paging(PagingEvent::NobodyReached { passes, next })
    }

    fn page_fallback(
        &self,
        place: (usize, u32),
        paged: &mut BTreeSet<PersonId>,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) {
        let fallback = &self.paging.escalation.policy.fallback;
        match self.unless_out(reach::person(fallback, &ctx.setting.roster)) {
            Reach::Person(person, contact) => {
                if paged.insert(person.clone()) {
                    events.push(self.requested(ctx, person, contact, PageReason::Fallback, place));
                }
            }
            Reach::Nobody(person, reason) => {
                events.push(IncidentEvent::Paging(PagingEvent::PageImpossible { person, reason, tier: place.0 }));
            }
        }
    }

    pub(super) fn requested(
        &self,
        ctx: &mut Ctx<'_>,
        person: PersonId,
        Contact { channel, address }: Contact,
        reason: PageReason,
        (tier, round): (usize, u32),
    ) -> IncidentEvent {
        let (page, severity) = (ctx.fresh(), Some(self.claims.severity));
        let (repeat_of, ask) = (None, None);
        PagingEvent::PageRequested { page, person, channel, address, reason, tier, round, repeat_of, severity, ask }
            .into()
    }
}

/// Whether a page of the last step is given up now and no other page of that step arrived, is under way or is tried again.
fn is_spent(incident: &Incident, duties: &[PagingDuty]) -> bool {
    let of_step = |page: &PageRecord| incident.escalation().asked_for(page) && incident.task_of_page(page.id).is_none();
    let lost = |duty: &PagingDuty| {
        let PagingDuty::GiveUp { page } = duty else { return false };
        // One that told somebody of more is no page of a step.
        !incident.tells_news(*page) && incident.pages().get(page).is_some_and(of_step)
    };
    if !duties.iter().any(lost) {
        return false;
    }
    let retried = |page: &PageRecord| {
        duties.iter().any(|duty| matches!(duty, PagingDuty::Retry { page: id, .. } if *id == page.id))
    };
    !incident.pages().values().filter(|page| of_step(page)).any(|page| match page.outcome {
        None | Some(PageOutcome::Delivered { .. }) => true,
        Some(PageOutcome::Failed { .. } | PageOutcome::Unknown { .. }) => retried(page),
    })
}

/// What to do at once when nobody of the last step can be reached any more.
fn instead(incident: &Incident) -> PagingDuty {
    let escalation = incident.escalation();
    let last = Step { tier: escalation.tier, round: escalation.round, reason: PageReason::Failed };
    if let Some(later) = escalation.policy.later(&last) {
        return PagingDuty::Step(later);
    }
    let asked_for = |page: &&PageRecord| escalation.asked_for(page) && incident.task_of_page(page.id).is_none();
    let mut of_step = incident.pages().values().filter(asked_for);
    let tried = of_step.any(|page| page.person == escalation.policy.fallback);
    if tried { PagingDuty::NobodyReached } else { PagingDuty::Fallback }
}

impl Escalation {
    /// Whether this page belongs to the last step.
    fn asked_for(&self, page: &PageRecord) -> bool {
        page.ask.is_none()
            && self.stepped.is_some_and(|stepped| page.requested >= stepped)
            && page.round == self.round
            && page.tier == self.policy.place(self.tier)
    }

    /// The step after the last one.
    fn following(&self) -> Step {
        let (tier, round) = match self.tier {
            _ if self.round > self.policy.rounds || self.policy.tiers.is_empty() => (None, self.past_last()),
            None => (Some(0), self.round),
            Some(tier) if tier.saturating_add(1) < self.policy.tiers.len() => {
                (Some(tier.saturating_add(1)), self.round)
            }
            Some(_) if self.round < self.policy.rounds => (Some(0), self.round.saturating_add(1)),
            Some(_) => (None, self.past_last()),
        };
        Step { tier, round, reason: self.why.clone() }
    }

    /// The last step again, for the people who let their acknowledgement run out.
    fn again(&self) -> Step {
        let reason = PageReason::AcknowledgementExpired;
        match self.tier {
            Some(tier) => Step { tier: Some(tier), round: self.round, reason },
            None => Step { reason, ..self.following() },
        }
    }

    fn past_last(&self) -> u32 {
        self.policy.rounds.saturating_add(1)
    }
}

impl EscalationPolicy {
    /// How long a step waits for an answer.
    pub fn delay(&self, tier: Option<usize>) -> Duration {
        let tier = tier.and_then(|tier| self.tiers.get(tier)).or(self.tiers.last());
        tier.map_or(TIER_DELAY_MIN, |tier| tier.delay).max(TIER_DELAY_MIN)
    }

    /// The tier after this one in the same round, because nobody of this one can be reached.
    fn later(&self, step: &Step) -> Option<Step> {
        let tier = step.tier?.saturating_add(1);
        (tier < self.tiers.len()).then_some(Step { tier: Some(tier), round: step.round, reason: PageReason::Failed })
    }

    /// How long to wait before everybody is tried again, after so many passes in a row that reached nobody: twice as long each
    /// time, up to the last tier's delay, as long as the fallback waits anyway.
    fn pause(&self, passes: u32) -> Duration {
        let doubled = UNREACHED_PAUSE.saturating_mul(1 << passes.saturating_sub(1).min(UNREACHED_DOUBLINGS_MAX));
        doubled.min(self.delay(None))
    }

    /// The number that stands for a step on its pages: the tier, or the number of tiers for the fallback.
    pub(super) fn place(&self, tier: Option<usize>) -> usize {
        tier.unwrap_or(self.tiers.len())
    }
}
