//! Who may take which role, and whom somebody may ask to come; when that is asked again, and when whoever asked is told. Tests:
//! `board/tests/asks.rs`, `scenarios/paging/asked_in.md`, and the laws in `tests/laws.rs`.

use std::{collections::BTreeSet, time::Duration};

use super::{
    paging::PagingDuty,
    reach::{self, Reach},
};
use crate::{
    id::PersonId,
    incident::{
        Actor, Ask, ClaimsEvent, Ctx, Incident, IncidentEvent, LifeEvent, PageOutcome, PageReason, PagingEvent,
        Refusal, ResponseRole, RolesCommand, RolesEvent,
        text::{bounded, sentence},
    },
    limits::{ASKS_PER_INCIDENT_MAX, TIER_DELAY_MIN},
    policy::{Contact, Person, Whom},
    time::Timestamp,
};

/// Something owed to those who were asked, or to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolesDuty {
    /// Nobody has answered: ask again, by another contact where there is one.
    AskAgain(u32),
    /// Nobody came, or can be reached: tell whoever asked.
    TellAsker(u32),
    /// A role has been empty for too long: ask for somebody to take it.
    FillRole(ResponseRole),
}

impl Incident {
    pub(super) fn decide_roles(&self, command: RolesCommand, ctx: &mut Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            RolesCommand::Take { by, role, person } => {
                self.not_merged("take a role in")?;
                if !ctx.setting.roster.people.contains_key(&person) {
                    return Err(Refusal::NoSuchPerson { person });
                }
                if self.is_out(&person) {
                    let want = "they were put out of it: let them in first".to_owned();
                    return Err(Refusal::bad_field("person", person.as_str(), want));
                }
                let taken = self.roles.held.get(&role) == Some(&person);
                Ok(if taken { Vec::new() } else { vec![RolesEvent::RoleTaken { by, role, person }.into()] })
            }
            RolesCommand::Ask { by, whom, role, reason } => self.ask_in(by, &whom, role, reason, ctx),
            RolesCommand::Accept { by, ask } => self.accept(&by, ask),
            RolesCommand::Decline { by, ask, reason } => self.decline(&by, ask, &reason, ctx),
            RolesCommand::GiveUp { by, role } => {
                self.not_merged("give a role up in")?;
                let given = self.roles.held.get(&role).cloned();
                Ok(given.map(|person| RolesEvent::RoleGivenUp { by, role, person }.into()).into_iter().collect())
            }
        }
    }

    fn ask_in(
        &self,
        by: Actor,
        whom: &str,
        role: Option<ResponseRole>,
        reason: String,
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.may("page somebody into", self.life.phase.is_open())?;
        sentence("reason", &reason)?;
        let roster = &ctx.setting.roster;
        let found = roster.whom(whom).ok_or_else(|| {
            let want = "there is no person, policy or schedule of this name".to_owned();
            Refusal::bad_field("whom", whom, want)
        })?;
        let same = |ask: &Ask| ask.whom == found && ask.role == role && ask.by == by;
        if self.roles.open().any(same) {
            // A double click, or impatience: they are asked already.
            return Ok(Vec::new());
        }
        if let (Some(role), Whom::Person(person)) = (role, &found)
            && self.roles.held.get(&role) == Some(person)
        {
            return Ok(Vec::new());
        }
        if self.roles.asks.len() >= ASKS_PER_INCIDENT_MAX {
            return Err(Refusal::TooManyAsks { id: self.life.id });
        }
        let reached = reach::asked(&found, 0, roster, ctx.now).into_iter().map(|one| self.unless_out(one));
        let reached: Vec<Reach> = reached.collect();
        if !reached.iter().any(|one| matches!(one, Reach::Person(..))) {
            let why = reached.into_iter().find_map(|one| match one {
                Reach::Nobody(_, why) => Some(why),
                Reach::Person(..) => None,
            });
            return Err(Refusal::bad_field("whom", whom, why.unwrap_or_else(|| "it means nobody".to_owned())));
        }
        let mut events = Vec::new();
        self.ask(found, role, (by, reason), ctx, &mut events);
        Ok(events)
    }

    /// Asks, and pages whom this means now.
    pub(crate) fn ask(
        &self,
        whom: Whom,
        role: Option<ResponseRole>,
        (by, reason): (Actor, String),
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) {
        let last = self.roles.asks.keys().next_back().copied().unwrap_or(0);
        let more = events.iter().filter(|event| matches!(event, IncidentEvent::Roles(RolesEvent::AskedIn { .. })));
        let ask = last.saturating_add(1).saturating_add(u32::try_from(more.count()).unwrap_or(0));
        let next = ctx.now.plus(self.ask_delay(&whom, ctx));
        let (people, pages) = self.ask_pages(ask, &whom, 0, &BTreeSet::new(), ctx);
        events.push(RolesEvent::AskedIn { ask, whom, people, role, by, reason, next }.into());
        events.extend(pages);
    }

    /// Whom this means now, and the pages to them: each by the channel that comes after those of the times before.
    fn ask_pages(
        &self,
        ask: u32,
        whom: &Whom,
        again: u32,
        declined: &BTreeSet<PersonId>,
        ctx: &mut Ctx<'_>,
    ) -> (Vec<PersonId>, Vec<IncidentEvent>) {
        let (mut people, mut events) = (Vec::new(), Vec::new());
        for reached in reach::asked(whom, again, &ctx.setting.roster, ctx.now) {
            match self.unless_out(reached) {
                Reach::Person(person, _) if declined.contains(&person) || people.contains(&person) => {}
                Reach::Person(person, first) => {
                    let turn = ctx.setting.roster.people.get(&person).and_then(|known| channel_of_turn(known, again));
                    events.push(self.page_asked(ask, &person, turn.unwrap_or(first), PageReason::CalledIn, ctx));
                    people.push(person);
                }
                Reach::Nobody(person, reason) => {
                    let tier = self.own_place().0;
                    events.push(PagingEvent::PageImpossible { person, reason, tier }.into());
                }
            }
        }
        (people, events)
    }

    /// How long an answer is waited for: as the policy that is asked waits, or that of the incident.
    fn ask_delay(&self, whom: &Whom, ctx: &Ctx<'_>) -> Duration {
        let own = &self.paging.escalation.policy;
        let policy = match whom {
            Whom::Policy(policy) => ctx.setting.roster.policies.get(policy),
            Whom::Person(_) | Whom::Schedule(_) | Whom::Targets(_) => None,
        };
        policy.map_or_else(|| own.delay(Some(0)), |policy| policy.delay(Some(0))).max(TIER_DELAY_MIN)
    }

    fn accept(&self, by: &Actor, number: Option<u32>) -> Result<Vec<IncidentEvent>, Refusal> {
        let (person, asks) = self.asked_of(by, number, "accept what was asked in")?;
        let mut events = Vec::new();
        for ask in asks {
            events.push(RolesEvent::AskAccepted { ask: ask.number, person: person.clone() }.into());
            if let Some(role) = ask.role.filter(|role| self.roles.held.get(role) != Some(&person)) {
                let taken = RolesEvent::RoleTaken { by: by.clone(), role, person: person.clone() };
                events.push(taken.into());
            }
        }
        Ok(events)
    }

    fn decline(
        &self,
        by: &Actor,
        number: Option<u32>,
        reason: &str,
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        bounded("reason", reason)?;
        let (person, asks) = self.asked_of(by, number, "decline what was asked in")?;
        let mut events = Vec::new();
        for ask in asks {
            let (number, reason) = (ask.number, reason.to_owned());
            events.push(RolesEvent::AskDeclined { ask: number, person: person.clone(), reason }.into());
            // An empty role is asked for until somebody takes it, at its pace.
            let by_us = ask.by == Actor::System;
            if ask.next.is_some() && !by_us && ask.is_declined_by_all(&person) {
                self.tell_asker(ask, ctx, &mut events);
            }
        }
        Ok(events)
    }

    /// What this person was asked and may still answer.
    fn asked_of(&self, by: &Actor, number: Option<u32>, verb: &'static str) -> Result<(PersonId, Vec<&Ask>), Refusal> {
        self.may(verb, self.life.phase.is_open())?;
        let nothing = || Refusal::NothingAsked { id: self.life.id, by: by.clone(), ask: number };
        let Actor::Person(person) = by else { return Err(nothing()) };
        let meant = |ask: &&Ask| number.is_none_or(|number| number == ask.number) && ask.awaits(person);
        let asks: Vec<&Ask> = self.roles.asks.values().filter(meant).collect();
        if asks.is_empty() { Err(nothing()) } else { Ok((person.clone(), asks)) }
    }

    /// What is owed at `now` for what was asked. `paging` is what paging owes in the same moment.
    pub(crate) fn roles_due(&self, paging: &[PagingDuty], now: Timestamp) -> Vec<RolesDuty> {
        let mut duties = Vec::new();
        for ask in self.roles.open() {
            let by_us = ask.by == Actor::System;
            if ask.next.is_some_and(|next| next <= now) {
                let tell = ask.again > 0 && !by_us;
                duties.push(if tell { RolesDuty::TellAsker(ask.number) } else { RolesDuty::AskAgain(ask.number) });
            } else if !by_us && self.is_given_up(ask.number, paging) {
                duties.push(RolesDuty::TellAsker(ask.number));
            }
        }
        // What is told as unanswered asks nobody for its role any more.
        let over = |ask: &Ask| duties.contains(&RolesDuty::TellAsker(ask.number));
        let missed = self.roles.missed(self.life.phase, self.claims.stands, self.claims.severity, over);
        let missed: Vec<RolesDuty> =
            missed.filter(|(_, at)| *at <= now).map(|(clock, _)| RolesDuty::FillRole(clock.role)).collect();
        duties.extend(missed);
        duties
    }

    /// Whoever answers first commands, until somebody else does: at three in the morning nobody asks for it.
    pub(super) fn commands(&self, by: &Actor, ctx: &Ctx<'_>) -> Option<IncidentEvent> {
        let (role, Actor::Person(person)) = (ResponseRole::Commander, by) else { return None };
        let empty = !self.roles.held.contains_key(&role) && ctx.setting.roster.people.contains_key(person);
        empty.then(|| RolesEvent::RoleTaken { by: by.clone(), role, person: person.clone() }.into())
    }

    /// Whether an acknowledgement is void in this very moment, so that the escalation pages those whom we would ask to take this role.
    fn is_voided(&self, role: ResponseRole, events: &[IncidentEvent]) -> bool {
        let void = |event: &IncidentEvent| match event {
            IncidentEvent::Life(event) => matches!(event, LifeEvent::AcknowledgementExpired {}),
            IncidentEvent::Claims(event) => matches!(event, ClaimsEvent::SignalUnanswered { to: None, .. }),
            IncidentEvent::Paging(_)
            | IncidentEvent::Roles(_)
            | IncidentEvent::Room(_)
            | IncidentEvent::Tasks(_)
            | IncidentEvent::Checks(_)
            | IncidentEvent::Evidence(_)
            | IncidentEvent::Access(_) => false,
        };
        let own = self.roles.clocks.iter().any(|clock| clock.role == role && clock.whom.is_none());
        own && events.iter().any(void)
    }

    /// Asks for somebody to take a role that is empty.
    fn fill(&self, role: ResponseRole, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let Some(clock) = self.roles.clocks.iter().find(|clock| clock.role == role) else { return };
        let own = || Whom::Policy(self.paging.escalation.policy.id.clone());
        let whom = clock.whom.clone().unwrap_or_else(own);
        let reason = format!("nobody is {}. What is expected: {}", role.word(), role.expected());
        self.ask(whom, Some(role), (Actor::System, reason), ctx, events);
    }

    /// Whether a page for this is given up now, and no other arrived, is under way or is tried again.
    fn is_given_up(&self, ask: u32, paging: &[PagingDuty]) -> bool {
        let of_ask = |page: &_| self.paging.pages.get(page).is_some_and(|page| page.ask == Some(ask));
        let lost = paging.iter().any(|duty| matches!(duty, PagingDuty::GiveUp { page } if of_ask(page)));
        let retried = paging.iter().any(|duty| matches!(duty, PagingDuty::Retry { page, .. } if of_ask(page)));
        let mut pages = self.paging.pages.values().filter(|page| page.ask == Some(ask));
        lost && !retried && !pages.any(|page| matches!(page.outcome, None | Some(PageOutcome::Delivered { .. })))
    }

    /// When something is owed for what was asked.
    pub(crate) fn roles_deadline(&self) -> Option<Timestamp> {
        let missed = self.roles.missed(self.life.phase, self.claims.stands, self.claims.severity, |_| false);
        self.roles.open().filter_map(|ask| ask.next).chain(missed.map(|(_, at)| at)).min()
    }

    /// Carries one duty out.
    pub(crate) fn carry_out_roles(&self, duty: &RolesDuty, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        match duty {
            RolesDuty::AskAgain(number) => {
                let Some(ask) = self.roles.asks.get(number) else { return };
                let ours = ask.role.filter(|_| ask.by == Actor::System);
                if ours.is_some_and(|role| self.is_voided(role, events)) {
                    return;
                }
                let next = ctx.now.plus(self.ask_delay(&ask.whom, ctx));
                let again = ask.again.saturating_add(1);
                let left = self.ask_pages(ask.number, &ask.whom, again, &ask.declined, ctx);
                // Who declined an empty role is asked anew where nobody else is left.
                let nobody = left.0.is_empty() && ask.by == Actor::System;
                let (people, pages) =
                    if nobody { self.ask_pages(ask.number, &ask.whom, again, &BTreeSet::new(), ctx) } else { left };
                events.push(RolesEvent::AskedAgain { ask: ask.number, people, next }.into());
                events.extend(pages);
            }
            RolesDuty::FillRole(role) if self.is_voided(*role, events) => {}
            RolesDuty::FillRole(role) => self.fill(*role, ctx, events),
            RolesDuty::TellAsker(number) => {
                if let Some(ask) = self.roles.asks.get(number) {
                    self.tell_asker(ask, ctx, events);
                }
            }
        }
    }

    /// Nobody came: whoever asked hears of it, unless they were asked themselves or are no person.
    fn tell_asker(&self, ask: &Ask, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let asker = match &ask.by {
            Actor::Person(person) if !ask.people.contains(person) => Some(person),
            Actor::Person(_) | Actor::Token(_) | Actor::System => None,
        };
        let found = asker.map(|person| self.unless_out(reach::person(person, &ctx.setting.roster)));
        let told = match &found {
            Some(Reach::Person(person, _)) => Some(person.clone()),
            Some(Reach::Nobody(..)) | None => None,
        };
        events.push(RolesEvent::AskUnanswered { ask: ask.number, told }.into());
        if let Some(Reach::Person(person, contact)) = found {
            events.push(self.page_asked(ask.number, &person, contact, PageReason::NotComing, ctx));
        }
    }
}

/// The first contact of the channel whose turn it is. Never the second of a channel: where addresses were erased, what was tried is known from
/// the order within a channel.
fn channel_of_turn(person: &Person, turn: u32) -> Option<Contact> {
    let mut firsts: Vec<&Contact> = Vec::new();
    for contact in &person.contacts {
        if !firsts.iter().any(|first| first.channel == contact.channel) {
            firsts.push(contact);
        }
    }
    let place = usize::try_from(turn).ok()?.checked_rem(firsts.len())?;
    firsts.get(place).map(|contact| (*contact).clone())
}
