//! What the system owes at an instant: pages, escalations, the end of acknowledgements.
//!
//! [`due`] looks at the state and the instant and nothing else, so that a restart, a second node and the ordinary path run the
//! same code. Carrying everything out leaves nothing due (quiescence); with nothing due, the next deadline is later (wake-up).
//!
//! The rules:
//! - A tier is paged, then has its delay to answer. After the last tier of the last round the fallback is paged at the last
//!   tier's delay until somebody answers.
//! - People are looked up when the step is taken; the policy is the one of the incident's opening.
//! - A tier of which nobody can be reached pages the fallback in the same step.
//! - A page that failed, or whose fate is unknown, goes to the person's next contact; each is tried once.
//! - When nobody of a step can be reached any more, the next tier of the round is paged at once, since waiting for an answer
//!   to a page that cannot arrive helps nobody. The end of a round pages the fallback instead, and the next round keeps its
//!   time: with our own network down, all rounds would otherwise be used up in seconds.
//! - An unanswered page whose cause was undone is not followed by another: at the time of the next step the incident resolves
//!   by itself, unless the cause came back before.
//! - A system that slept through several steps takes one and waits, rather than page everybody at once.
//!
//! Never sends anything: the shell does, from the `page_requested` events. Tests: in `board/tests/`, and the laws in
//! `tests/laws.rs`.

mod reach;

use std::{collections::BTreeSet, time::Duration};

use self::reach::{Reach, next_contact, reach};
use crate::{
    id::{PageId, PersonId},
    incident::{Actor, Ctx, Escalation, Incident, IncidentEvent, PageOutcome, PageReason, PageRecord, Phase},
    limits::TIER_DELAY_MIN,
    policy::{Contact, EscalationPolicy, Roster},
    time::Timestamp,
};

/// Something owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// The acknowledgement ran out.
    ExpireAcknowledgement,
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

/// All that is owed at `now`, in the order in which it is carried out.
pub fn due(incident: &Incident, roster: &Roster, now: Timestamp) -> Vec<Duty> {
    let mut duties = Vec::new();
    if !matches!(incident.phase(), Phase::Triggered | Phase::Acknowledged) {
        return duties;
    }
    let mut step = None;
    if incident.acknowledgement().is_some_and(|given| given.until <= now) {
        duties.push(Duty::ExpireAcknowledgement);
        let resumes = incident.stands && incident.severity() >= incident.escalation().policy.page_at;
        step = resumes.then(|| incident.escalation().again());
    } else {
        for id in &incident.owed {
            let Some(page) = incident.pages().get(id) else { continue };
            duties.push(match next_contact(incident, page, roster) {
                Some(contact) => Duty::Retry { page: *id, contact },
                None => Duty::GiveUp { page: *id },
            });
        }
        if stands_down(incident).is_some_and(|at| at <= now) {
            return vec![Duty::StandDown];
        }
        if incident.escalation().next.is_some_and(|next| next <= now) {
            step = Some(incident.escalation().following());
        } else if is_spent(incident, &duties) {
            duties.extend(instead(incident));
        }
    }
    duties.extend(step.map(Duty::Step));
    duties
}

/// When to look again; none: not before something else happens.
pub fn next_deadline(incident: &Incident) -> Option<Timestamp> {
    if !matches!(incident.phase(), Phase::Triggered | Phase::Acknowledged) {
        return None;
    }
    let retry = (!incident.owed.is_empty()).then(|| incident.last_event());
    let expiry = incident.acknowledgement().map(|given| given.until);
    [retry, expiry, incident.escalation().next, stands_down(incident)].into_iter().flatten().min()
}

/// When it resolves by itself, if nothing comes back: all was undone while a page waited for its answer.
pub fn stands_down(incident: &Incident) -> Option<Timestamp> {
    incident.escalation().stood_down.filter(|_| !incident.stands)
}

impl Incident {
    /// Carries out all that is due.
    pub(crate) fn carry_out(&self, ctx: &mut Ctx<'_>) -> Vec<IncidentEvent> {
        let mut events = Vec::new();
        for duty in due(self, &ctx.setting.roster, ctx.now) {
            match duty {
                Duty::ExpireAcknowledgement => {
                    events.push(IncidentEvent::AcknowledgementExpired {});
                    events.extend(self.close_after_expiry());
                }
                Duty::Retry { page, contact } => self.retry(page, contact, ctx, &mut events),
                Duty::GiveUp { page } => {
                    events.extend(self.pages.get(&page).map(|page| IncidentEvent::PageImpossible {
                        person: Some(page.person.clone()),
                        reason: "every contact was tried".to_owned(),
                        tier: page.tier,
                    }));
                }
                Duty::Step(step) => {
                    // An asked-for step that failed while somebody is on it starts no clock.
                    let clocked = self.wants_answer() || step.reason == PageReason::AcknowledgementExpired;
                    let next = clocked.then(|| ctx.now.plus(self.escalation.policy.delay(step.tier)));
                    self.take_step(&step, Actor::System, next, ctx, &mut events);
                }
                Duty::Fallback => {
                    let place = (self.escalation.policy.place(self.escalation.tier), self.escalation.round);
                    self.page_fallback(place, &mut BTreeSet::new(), ctx, &mut events);
                }
                Duty::StandDown => events.push(IncidentEvent::Resolved {
                    by: Actor::System,
                    note: "every signal was retracted and nobody had answered".to_owned(),
                }),
            }
        }
        events
    }

    /// Pages the next tier now, because somebody asked.
    pub(crate) fn page_next_tier(&self, by: Actor, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let step = Step { reason: PageReason::Asked, ..self.escalation.following() };
        let next = self.wants_answer().then(|| ctx.now.plus(self.escalation.policy.delay(step.tier)));
        self.take_step(&step, by, next, ctx, events);
    }

    /// This page and those that it repeats, the first page last.
    fn chain(&self, page: PageId) -> impl Iterator<Item = &PageRecord> {
        std::iter::successors(self.pages.get(&page), |page| page.repeat_of.and_then(|before| self.pages.get(&before)))
    }

    fn close_after_expiry(&self) -> Option<IncidentEvent> {
        (!self.stands).then(|| IncidentEvent::Resolved {
            by: Actor::System,
            note: "no signal stands and the acknowledgement ran out".to_owned(),
        })
    }

    fn retry(&self, page: PageId, contact: Contact, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let Some(before) = self.pages.get(&page) else { return };
        let reason = match before.outcome {
            Some(PageOutcome::Unknown { .. }) => PageReason::MayHaveArrived,
            _ => PageReason::Failed,
        };
        events.push(IncidentEvent::PageRequested {
            page: ctx.fresh(),
            person: before.person.clone(),
            channel: contact.channel,
            address: contact.address,
            reason,
            tier: before.tier,
            round: before.round,
            repeat_of: Some(page),
        });
    }

    fn take_step(
        &self,
        step: &Step,
        by: Actor,
        next: Option<Timestamp>,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) {
        let Step { tier, round, reason } = step.clone();
        events.push(IncidentEvent::Escalated { tier, round, reason: reason.clone(), by, next });
        let policy = &self.escalation.policy;
        let place = (policy.place(tier), round);
        let mut paged = BTreeSet::new();
        if let Some(tier) = tier.and_then(|tier| policy.tiers.get(tier)) {
            for reached in reach(tier, &ctx.setting.roster, ctx.now) {
                match reached {
                    Reach::Person(person, contact) => {
                        if paged.insert(person.clone()) {
                            events.push(requested(ctx, person, contact, reason.clone(), place));
                        }
                    }
                    Reach::Nobody(person, reason) => {
                        events.push(IncidentEvent::PageImpossible { person, reason, tier: place.0 });
                    }
                }
            }
        }
        if paged.is_empty() {
            self.page_fallback(place, &mut paged, ctx, events);
        }
    }

    fn page_fallback(
        &self,
        place: (usize, u32),
        paged: &mut BTreeSet<PersonId>,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) {
        let fallback = &self.escalation.policy.fallback;
        match reach::person(fallback, &ctx.setting.roster) {
            Reach::Person(person, contact) => {
                if paged.insert(person.clone()) {
                    events.push(requested(ctx, person, contact, PageReason::Fallback, place));
                }
            }
            Reach::Nobody(person, reason) => {
                events.push(IncidentEvent::PageImpossible { person, reason, tier: place.0 });
            }
        }
    }
}

fn requested(
    ctx: &mut Ctx<'_>,
    person: PersonId,
    contact: Contact,
    reason: PageReason,
    (tier, round): (usize, u32),
) -> IncidentEvent {
    let Contact { channel, address } = contact;
    IncidentEvent::PageRequested { page: ctx.fresh(), person, channel, address, reason, tier, round, repeat_of: None }
}

/// Whether a page of the last step is given up now and no other page of that step arrived, is under way or is tried again.
fn is_spent(incident: &Incident, duties: &[Duty]) -> bool {
    let of_step = |page: &PageRecord| incident.escalation().asked_for(page);
    let lost = |duty: &Duty| match duty {
        Duty::GiveUp { page } => incident.pages().get(page).is_some_and(of_step),
        _ => false,
    };
    if !duties.iter().any(lost) {
        return false;
    }
    let retried =
        |page: &PageRecord| duties.iter().any(|duty| matches!(duty, Duty::Retry { page: id, .. } if *id == page.id));
    !incident.pages().values().filter(|page| of_step(page)).any(|page| match page.outcome {
        None | Some(PageOutcome::Delivered { .. }) => true,
        Some(PageOutcome::Failed { .. } | PageOutcome::Unknown { .. }) => retried(page),
    })
}

/// What to do at once when nobody of the last step can be reached any more; none: the fallback was tried too, so wait.
fn instead(incident: &Incident) -> Option<Duty> {
    let escalation = incident.escalation();
    let following = escalation.following();
    if following.tier.is_some() && following.round == escalation.round {
        return Some(Duty::Step(Step { reason: PageReason::Failed, ..following }));
    }
    let mut of_step = incident.pages().values().filter(|page| escalation.asked_for(page));
    let tried = of_step.any(|page| page.person == escalation.policy.fallback);
    (!tried).then_some(Duty::Fallback)
}

impl Escalation {
    /// Whether this page belongs to the last step.
    fn asked_for(&self, page: &PageRecord) -> bool {
        self.stepped.is_some_and(|stepped| page.requested >= stepped)
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

    const fn past_last(&self) -> u32 {
        self.policy.rounds.saturating_add(1)
    }
}

impl EscalationPolicy {
    /// How long a step waits for an answer.
    pub fn delay(&self, tier: Option<usize>) -> Duration {
        let tier = tier.and_then(|tier| self.tiers.get(tier)).or(self.tiers.last());
        tier.map_or(TIER_DELAY_MIN, |tier| tier.delay).max(TIER_DELAY_MIN)
    }

    /// The number that stands for a step on its pages: the tier, or the number of tiers for the fallback.
    fn place(&self, tier: Option<usize>) -> usize {
        tier.unwrap_or(self.tiers.len())
    }
}
