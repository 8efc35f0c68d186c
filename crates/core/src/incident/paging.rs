//! Paging: whom the incident tried to reach, and where its escalation stands. Never decides whom to page: that is in `decide`. Tests: in
//! `board/tests/paging.rs`, and the laws in `tests/laws.rs`.

pub mod event;
pub mod command;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use self::{command::PagingCommand, event::PagingEvent};
use crate::{
    id::{ChannelId, PageId, PersonId, PolicyId, SignalId, TaskId},
    incident::{Actor, PageOutcome, PageReason, Phase, Severity, refusal::Named},
    limits::{NEWS_DOUBLINGS_MAX, NEWS_PAUSE},
    policy::EscalationPolicy,
    time::Timestamp,
};

/// A page as the incident knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRecord {
    /// The page.
    pub id: PageId,
    /// To whom.
    pub person: PersonId,
    /// By which notifier.
    pub channel: ChannelId,
    /// The address there.
    pub address: String,
    /// Why now.
    pub reason: PageReason,
    /// The tier that owed it, from 0; the number of tiers stands for the fallback after the last round.
    pub tier: usize,
    /// Round, from 1.
    pub round: u32,
    /// The page that this one repeats because its outcome stayed unknown or it failed.
    pub repeat_of: Option<PageId>,
    /// When it was decided.
    pub requested: Timestamp,
    /// What became of it; none while it is under way.
    pub outcome: Option<PageOutcome>,
    /// When the outcome was known.
    pub settled: Option<Timestamp>,
    /// What they were asked, or had asked; none: it is a page of the escalation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u32>,
}

/// That it became another team's, until somebody answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Who did it.
    pub by: Actor,
    /// Why to them.
    pub reason: String,
    /// Whose it was.
    pub from: PolicyId,
    /// When it was handed over.
    pub at: Timestamp,
    /// Who was on it then.
    pub had: Option<Actor>,
}

/// Where the escalation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Frozen at opening, so that an edit of the policy cannot rewrite a running incident.
    pub policy: Arc<EscalationPolicy>,
    /// The tier paged last; none before the first page.
    pub tier: Option<usize>,
    /// Round, from 1. Greater than the policy's rounds: only the fallback is left.
    pub round: u32,
    /// When the next step is due; none while acknowledged, over, or too mild to page.
    pub next: Option<Timestamp>,
    /// When the next step would have been due, had the cause not gone before anybody answered. If it comes back before then,
    /// the escalation goes on where it stood; if nothing stands by then, the incident resolves by itself.
    pub stood_down: Option<Timestamp>,
    /// Why the next step is owed.
    pub why: PageReason,
    /// When the last step was taken.
    pub stepped: Option<Timestamp>,
    /// How many times in a row everybody was tried and nobody is known to have been reached.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unreached: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
const fn is_none(passes: &u32) -> bool {
    *passes == 0
}

/// What somebody who is on it has not heard yet: claims that their word does not cover.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct News {
    /// Whether they are to be told.
    owed: bool,
    /// When they were told last.
    told: Option<Timestamp>,
    /// How often they were told.
    times: u32,
    /// The page that told them last.
    page: Option<PageId>,
}

impl News {
    /// They are paged: for this, or for something else that leads them to the incident as well.
    const fn is_told(&mut self, page: PageId, tells: bool, at: Timestamp) {
        (self.owed, self.told) = (false, Some(at));
        if tells {
            self.times = self.times.saturating_add(1);
            self.page = Some(page);
        }
    }

    /// When they are to be told; none: they know. `at` is when what they do not know came, or later.
    fn due(&self, at: Timestamp) -> Option<Timestamp> {
        let pause = NEWS_PAUSE.saturating_mul(1 << self.times.saturating_sub(1).min(NEWS_DOUBLINGS_MAX));
        self.owed.then(|| self.told.map_or(at, |told| told.plus(pause)))
    }
}

/// Whom it tried to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Paging {
    pub(super) escalation: Escalation,
    pub(super) pages: OrdMap<PageId, PageRecord>,
    /// Pages that did not arrive, or perhaps not, and for which the next contact is owed.
    pub(super) owed: BTreeSet<PageId>,
    /// Pages under way that a person asked for when none was owed: seen through to the last contact all the same.
    pub(super) asked: BTreeSet<PageId>,
    /// The worst that each person was told since it began, or began again. One who was told less than it is now is told again.
    pub(super) told: BTreeMap<PersonId, Severity>,
    /// Who asked for the last step, and what for; none: it came in its time.
    pub(super) asker: Option<(Actor, String)>,
    /// What people who are on it do not know yet.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) news: BTreeMap<PersonId, News>,
    /// That it was handed over, and to whom it belonged before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) handed: Option<HandedOver>,
    /// The last claim that nobody had answered for when it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unanswered: Option<SignalId>,
}

impl Paging {
    /// Nobody was paged yet.
    pub(super) fn begin(policy: &EscalationPolicy) -> Self {
        let (policy, why) = (Arc::new(policy.clone()), PageReason::Opened);
        let (next, stood_down, stepped) = (None, None, None);
        let escalation = Escalation { policy, tier: None, round: 1, next, stood_down, why, stepped, unreached: 0 };
        Self {
            escalation,
            pages: OrdMap::new(),
            owed: BTreeSet::new(),
            asked: BTreeSet::new(),
            told: BTreeMap::new(),
            asker: None,
            news: BTreeMap::new(),
            handed: None,
            unanswered: None,
        }
    }

    /// Whether this could happen in this phase.
    pub(super) const fn fits(phase: Phase, event: &PagingEvent) -> bool {
        match event {
            PagingEvent::Escalated { .. } | PagingEvent::HandedOver { .. } | PagingEvent::NobodyReached { .. } => {
                phase.is_unsettled()
            }
            // Whoever is asked by name may be asked for what is left to do, too; and tasks go on when the harm has stopped.
            PagingEvent::PageRequested { ask: None, repeat_of: None, reason, .. } if reason.task().is_none() => {
                phase.is_unsettled()
            }
            PagingEvent::PageRequested { .. } | PagingEvent::PageImpossible { .. } => phase.is_open(),
            PagingEvent::PageSettled { .. } => true,
        }
    }

    /// What the event names and is not here.
    pub(super) fn missing(&self, event: &PagingEvent) -> Option<Named> {
        match event {
            PagingEvent::PageSettled { page, .. } | PagingEvent::PageRequested { repeat_of: Some(page), .. } => {
                (!self.pages.contains_key(page)).then_some(Named::Page(*page))
            }
            PagingEvent::PageRequested { repeat_of: None, .. }
            | PagingEvent::Escalated { .. }
            | PagingEvent::PageImpossible { .. }
            | PagingEvent::HandedOver { .. }
            | PagingEvent::NobodyReached { .. } => None,
        }
    }

    /// `wanted`: somebody must be reached and nobody has answered.
    pub(super) fn apply(&mut self, at: Timestamp, event: &PagingEvent, wanted: bool) {
        match event {
            PagingEvent::Escalated { tier, round, next, reason, by, note } => {
                self.asker = (*reason == PageReason::Asked).then(|| (by.clone(), note.clone()));
                self.escalation.tier = *tier;
                self.escalation.round = *round;
                self.escalation.next = *next;
                self.escalation.why = PageReason::NotAcknowledged;
                self.escalation.stepped = Some(at);
            }
            PagingEvent::PageRequested { .. } => self.requested(at, event, wanted),
            PagingEvent::PageImpossible { person: Some(person), .. } => {
                let pages = &self.pages;
                self.owed.retain(|id| pages.get(id).is_some_and(|page| page.person != *person));
                self.told.remove(person);
                if let Some(news) = self.news.get_mut(person) {
                    news.owed = false;
                }
            }
            PagingEvent::PageSettled { page, outcome, .. } => {
                let missed = !matches!(outcome, PageOutcome::Delivered { .. });
                if !missed {
                    self.escalation.unreached = 0;
                }
                let wanted = self.asked.remove(page) || wanted;
                if let Some(record) = self.pages.get_mut(page) {
                    record.outcome = Some(outcome.clone());
                    record.settled = Some(at);
                    if missed && wanted {
                        self.owed.insert(*page);
                    }
                }
            }
            PagingEvent::NobodyReached { passes, next } => {
                let escalation = &mut self.escalation;
                escalation.unreached = *passes;
                // From the first tier: no round is used up by pages that reach nobody.
                escalation.tier = None;
                escalation.round = escalation.round.min(escalation.policy.rounds.max(1));
                escalation.next = *next;
                escalation.why = PageReason::NobodyReached;
            }
            // What a hand-over does is in `apply`.
            PagingEvent::PageImpossible { person: None, .. } | PagingEvent::HandedOver { .. } => {}
        }
    }

    /// A page is decided: `wanted` as for [`Paging::apply`].
    fn requested(&mut self, at: Timestamp, event: &PagingEvent, wanted: bool) {
        let PagingEvent::PageRequested {
            page,
            person,
            channel,
            address,
            reason,
            tier,
            round,
            repeat_of,
            severity,
            ask,
        } = event
        else {
            return;
        };
        if let Some(before) = repeat_of {
            self.owed.remove(before);
        }
        if let Some(severity) = severity {
            let told = self.told.entry(person.clone()).or_insert(*severity);
            *told = (*told).max(*severity);
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
            ask: *ask,
        };
        if let Some(news) = self.news.get_mut(person) {
            news.is_told(*page, *reason == PageReason::AnotherClaim, at);
        }
        self.pages.insert(*page, record);
        if !wanted || ask.is_some() || self.task_of(*page).is_some() {
            self.asked.insert(*page);
        }
    }

    /// It is another team's now: what the old one was told, and what was still to be tried there, is theirs no more.
    pub(super) fn hand_over(
        &mut self,
        at: Timestamp,
        (by, reason): (&Actor, &str),
        policy: &EscalationPolicy,
        had: Option<Actor>,
    ) {
        self.turned();
        self.forget_told();
        let from = self.escalation.policy.id.clone();
        self.handed = Some(HandedOver { by: by.clone(), reason: reason.to_owned(), from, at, had });
        self.escalation.policy = Arc::new(policy.clone());
        (self.escalation.tier, self.escalation.round, self.escalation.stepped) = (None, 1, None);
        (self.escalation.next, self.escalation.stood_down) = (Some(at), None);
        self.escalation.why = PageReason::HandedOver;
    }

    /// Of what is left to try for those who were asked by name, only what is still needed stays.
    pub(super) fn keep_asks(&mut self, needed: impl Fn(u32, Option<&PageReason>) -> bool) {
        let kept = |id: &PageId| {
            let ask = self.pages.get(id).and_then(|page| page.ask);
            ask.is_none_or(|ask| needed(ask, self.first_reason(*id)))
        };
        let (owed, asked) = (self.owed.iter().filter(|id| kept(id)), self.asked.iter().filter(|id| kept(id)));
        (self.owed, self.asked) = (owed.copied().collect(), asked.copied().collect());
    }

    /// Why the first page of a chain was owed.
    pub(super) fn first_reason(&self, page: PageId) -> Option<&PageReason> {
        self.chain(page).last().map(|page| &page.reason)
    }

    /// What is left to try on other channels is given up when the phase changes: somebody answered, or it starts afresh.
    /// What is to be said of a task goes on: nobody answered that.
    pub(super) fn turned(&mut self) {
        let kept = |pages: &BTreeSet<PageId>| -> BTreeSet<PageId> {
            // Whoever was asked by name is still needed: see `keep_asks`.
            let by_name = |id: &PageId| self.pages.get(id).is_some_and(|page| page.ask.is_some());
            pages.iter().copied().filter(|id| by_name(id) || self.task_of(*id).is_some()).collect()
        };
        (self.owed, self.asked) = (kept(&self.owed), kept(&self.asked));
        self.news.clear();
        self.escalation.unreached = 0;
    }

    /// It is over: nothing is left to try.
    pub(super) fn ended(&mut self) {
        self.turned();
        self.owed.clear();
        self.asked.clear();
    }

    /// The task that this page, or the one that it repeats, is about.
    pub(super) fn task_of(&self, page: PageId) -> Option<TaskId> {
        self.chain(page).last().and_then(|page| page.reason.task())
    }

    /// A claim came for which nobody has answered; `to` is to be told of it.
    pub(super) fn surprise(&mut self, signal: SignalId, to: Option<&PersonId>) {
        self.unanswered = Some(signal);
        if let Some(person) = to {
            self.news.entry(person.clone()).or_default().owed = true;
        }
    }

    /// Whoever said that they are on one claim knows how bad it is.
    pub(super) fn knows(&mut self, by: &Actor, severity: Severity) {
        if let Actor::Person(person) = by {
            let told = self.told.entry(person.clone()).or_insert(severity);
            *told = (*told).max(severity);
        }
    }

    /// Who is to be told of what they do not know, and when.
    pub(super) fn untold(&self, last_event: Timestamp) -> impl Iterator<Item = (&PersonId, Timestamp)> {
        self.news.iter().filter_map(move |(person, news)| Some((person, news.due(last_event)?)))
    }

    /// Whether this page, or the one that it repeats, tells somebody who is on it of more.
    pub(super) fn tells_news(&self, page: PageId) -> bool {
        let first = self.chain(page).last().map(|page| page.id);
        first.is_some() && self.news.values().any(|news| news.page == first)
    }

    /// What people were told is forgotten when it is over, or begins again.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
        self.unanswered = None;
    }

    /// Sets the escalation going, or stops it, where an event changed whether somebody must be reached: it was `wanted` before, and
    /// now the incident `wants` it.
    pub(super) fn follow(&mut self, phase: Phase, (wanted, wants): (bool, bool), at: Timestamp, why: PageReason) {
        let next = self.escalation.next.take();
        if phase != Phase::Triggered {
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

    /// This page and those that it repeats, the first page last.
    pub(super) fn chain(&self, page: PageId) -> impl Iterator<Item = &PageRecord> {
        std::iter::successors(self.pages.get(&page), |page| page.repeat_of.and_then(|before| self.pages.get(&before)))
    }
}

impl PagingCommand {
    /// Whether it is accepted however long the incident is: what becomes of pages must never be lost.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::SettlePage { .. } => true,
            Self::Escalate { .. } | Self::HandOver { .. } => false,
        }
    }
}
