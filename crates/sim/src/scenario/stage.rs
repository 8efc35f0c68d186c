//! A timeline as it is played: the rules of response and the detectors themselves, in virtual time. Nothing is sent and nothing
//! waits; a page is settled as the channel of the story behaves. Tests: `tests/scenarios.rs`, and the scenarios themselves.

mod access;
mod checks;
mod evidence;
mod room;
mod tasks;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_core::{
    board::{Board, Fate},
    chain::ChainEvent,
    detector::Knowledge,
    id::{CheckId, Id, IdSource as _, IncidentId, Kind, Name, PageId, PersonId, SeededIds, SilenceId, kind},
    incident::{
        Actor, ChecksCommand, ClaimsCommand, Closing, Command, Declaration, Incident, IncidentEvent, LifeCommand,
        LifeEvent, PageOutcome, PagingCommand, PagingEvent, ResponseRole, RolesCommand, RoomCommand,
        checks::memory::Memory,
    },
    journal::{Body, Recorded, Stream},
    signal::{Explanation, Facts, Fingerprint, Loudness, Signal, SignalChange, SignalStatus},
    silence::{Matcher, Silence},
    time::Timestamp,
};
use quarterdeck_detect::pipeline::Pipeline;

use super::{
    chain::{Chain, OnChain},
    happening::{Answer, Deed, Happening, Manner, OfAccess, Subject},
    rooms::Rooms,
    said,
    world::World,
};

/// Steps that follow from one line without coming to rest: more than all tiers, rounds and pages of a policy.
const STEPS_MAX: usize = 100_000;

/// Why a timeline cannot go on.
#[derive(Debug)]
pub(super) enum Stuck {
    /// It names what is not there.
    Malformed(String),
    /// Something happened of which no line tells.
    Untold { at: Timestamp, said: Vec<String> },
}

/// How a channel behaves, and how long it takes to show.
type Behaviour = (Manner, Duration);

pub(super) struct Stage {
    world: World,
    pipeline: Pipeline,
    chain: Chain,
    board: Board,
    ids: SeededIds,
    now: Timestamp,
    /// By channel and person; no person: everybody.
    channels: BTreeMap<(String, Option<String>), Behaviour>,
    /// Pages under way by the instant at which their fate is known.
    under_way: BTreeMap<(Timestamp, u64), (IncidentId, PageId, PageOutcome)>,
    pages: u64,
    /// In the order in which they opened: the first is `#1`.
    incidents: Vec<IncidentId>,
    /// When a monitor's claim began, as long as it lasts; exercises beside what is real.
    firing: BTreeMap<(bool, Fingerprint), Timestamp>,
    /// Whose claim a detector's fingerprint is, and its signals.
    claims: BTreeMap<Fingerprint, String>,
    silences: Vec<SilenceId>,
    rooms: Rooms,
    /// What each check says when it is made.
    answers: BTreeMap<CheckId, Answer>,
    /// What checks said that is in no event.
    ran: Memory,
    said: Vec<String>,
}

/// The monitor of a scenario, as an integration is called.
const MONITOR: &str = "monitor";

impl Stage {
    pub(super) fn new(world: World, start: Timestamp) -> Result<Self, String> {
        let knowledge = Knowledge { catalogue: Arc::clone(&world.setting.catalogue) };
        let pipeline = Pipeline::new(&world.kinds, &world.given, &knowledge).map_err(|error| error.to_string())?;
        Ok(Self {
            pipeline,
            chain: Chain::new(&world.setting.catalogue),
            world,
            board: Board::default(),
            ids: SeededIds::new(1),
            now: start,
            channels: BTreeMap::new(),
            under_way: BTreeMap::new(),
            pages: 0,
            incidents: Vec::new(),
            firing: BTreeMap::new(),
            claims: BTreeMap::new(),
            silences: Vec::new(),
            rooms: Rooms::default(),
            answers: BTreeMap::new(),
            ran: Memory::default(),
            said: Vec::new(),
        })
    }

    /// Lets time come to `at`, and what happens then happen. What a line repeats tells of the time between, too.
    pub(super) fn play(&mut self, at: Timestamp, happening: &Happening, is_again: bool) -> Result<(), Stuck> {
        self.advance(at, is_again)?;
        self.perform(happening).map_err(Stuck::Malformed)?;
        self.advance(at, true)
    }

    /// Everything that happened since this was asked last. What happened often in a row is told once.
    pub(super) fn told(&mut self) -> Vec<String> {
        let mut told: Vec<(String, u64)> = Vec::new();
        for phrase in self.said.drain(..) {
            match told.last_mut() {
                Some((last, times)) if *last == phrase => *times += 1,
                Some(_) | None => told.push((phrase, 1)),
            }
        }
        let times = |(phrase, times)| if times == 1 { phrase } else { format!("{phrase}, {times} times") };
        told.into_iter().map(times).collect()
    }

    /// Carries out everything that is due up to `at`, each thing at its own instant.
    fn advance(&mut self, at: Timestamp, is_told: bool) -> Result<(), Stuck> {
        for _ in 0..STEPS_MAX {
            let fate = self.under_way.keys().next().map(|(when, _)| *when);
            let check = self.next_check();
            let due = [fate, self.board.next_deadline(), self.rooms.next(), check].into_iter().flatten().min();
            let Some(next) = due.filter(|next| *next <= at) else {
                self.now = at;
                return Ok(());
            };
            self.now = self.now.max(next);
            let done = if fate.is_some_and(|fate| fate <= self.now) {
                self.settle()
            } else if check.is_some_and(|check| check <= self.now) {
                self.make_checks()
            } else {
                self.look_who_is_there().and_then(|()| self.carry_out())
            };
            done.map_err(Stuck::Malformed)?;
            if !is_told && self.now < at && !self.said.is_empty() && self.rests() {
                return Err(Stuck::Untold { at: self.now, said: self.told() });
            }
        }
        Err(Stuck::Malformed(format!("what follows does not come to rest in {STEPS_MAX} steps")))
    }

    /// Whether all that belongs to this instant has happened.
    fn rests(&self) -> bool {
        let fate = self.under_way.keys().next().map(|(when, _)| *when);
        let all = [fate, self.board.next_deadline(), self.rooms.next(), self.next_check()];
        all.into_iter().flatten().all(|next| next > self.now)
    }

    fn carry_out(&mut self) -> Result<(), String> {
        for stream in self.board.due(self.now) {
            let recorded = self.board.carry_out(stream, &self.world.setting, self.now, &mut self.ids);
            self.keep(recorded)?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        let Some((_, (incident, page, outcome))) = self.under_way.pop_first() else { return Ok(()) };
        let latency =
            self.board.incident(incident).and_then(|incident| incident.pages().get(&page)).map(|page| page.requested);
        let latency = latency.map_or(Duration::ZERO, |requested| self.now.since(requested));
        self.command(incident, Command::Paging(PagingCommand::SettlePage { page, outcome, latency }))
    }

    fn perform(&mut self, happening: &Happening) -> Result<(), String> {
        match happening {
            Happening::Nothing => Ok(()),
            Happening::Fires { claim, loudness, facts, times, once } => {
                self.fires(claim, *loudness, facts, (*times, *once))
            }
            Happening::Ends { claim, ago } => self.ends(claim, self.now.minus(*ago)),
            Happening::FallsSilent { claim } => self.falls_silent(claim),
            Happening::TakesUp { claim } => self.takes_up(claim),
            Happening::Does { who, deed, incident } => self.does(who, deed, *incident),
            Happening::Channel { channel, person, manner, after } => {
                let people = self.world.setting.roster.people.values();
                let known = people.filter(|known| person.as_ref().is_none_or(|name| known.id.as_str() == name));
                if !known.flat_map(|person| &person.contacts).any(|contact| contact.channel.as_str() == channel) {
                    let whom = person.as_ref().map_or("nobody".to_owned(), |person| format!("no person `{person}`"));
                    return Err(format!("{whom} has a contact on channel `{channel}`"));
                }
                self.channels.retain(|(name, of), _| name != channel || (person.is_some() && of != person));
                self.channels.insert((channel.clone(), person.clone()), (*manner, *after));
                Ok(())
            }
            Happening::Check { check, answer } => self.answers_from_now_on(check, answer),
            Happening::Chain(what) => self.on_chain(what),
        }
    }

    fn on_chain(&mut self, what: &OnChain) -> Result<(), String> {
        if self.world.kinds.is_empty() {
            return Err("no detector is on: name one as `[detectors.…]` in the configuration".to_owned());
        }
        let events: Vec<ChainEvent> = self.chain.play(what, self.now, &self.world.setting.catalogue)?;
        let mut changes = Vec::new();
        for event in &events {
            self.pipeline.observe_at(event, self.now, &mut changes);
        }
        for change in changes {
            self.hear(&change)?;
        }
        Ok(())
    }

    /// A detector spoke.
    fn hear(&mut self, change: &SignalChange) -> Result<(), String> {
        if let SignalChange::Raised { signal } = change {
            let name = said::name_of(signal);
            self.say(format!("signal {name} {}", signal.loudness.word()));
            self.claims.insert(signal.fingerprint, name.clone());
            // Signals and claims share this book: both are digests, and neither is ever the other.
            self.claims.insert(Fingerprint::from_bytes(*signal.id.bytes()), name);
        }
        if self.world.responds {
            return self.take(change).map(|_| ());
        }
        let (word, key) = match change {
            SignalChange::Raised { .. } => return Ok(()),
            SignalChange::Confirmed { id } => ("confirmed", Fingerprint::from_bytes(*id.bytes())),
            SignalChange::Retracted { id, .. } => ("retracted", Fingerprint::from_bytes(*id.bytes())),
            SignalChange::Ended { fingerprint, .. } => ("ended", *fingerprint),
            SignalChange::Silent { fingerprint, .. } => ("silent", *fingerprint),
        };
        let name = self.claims.get(&key).cloned().unwrap_or_else(|| "what nobody said".to_owned());
        self.say(format!("{word} {name}"));
        Ok(())
    }

    fn take(&mut self, change: &SignalChange) -> Result<Fate, String> {
        let (recorded, fate) = self.board.take_signal(change, &self.world.setting, self.now, &mut self.ids);
        self.keep(recorded)?;
        Ok(fate)
    }

    fn fires(
        &mut self,
        claim: &Subject,
        loudness: Loudness,
        facts: &Facts,
        (times, once): (u64, bool),
    ) -> Result<(), String> {
        let service = claim.service.as_deref().map(name).transpose()?;
        if let Some(unknown) =
            service.as_ref().filter(|service| !self.world.setting.catalogue.services.contains_key(*service))
        {
            return Err(format!("no service `{unknown}` is configured"));
        }
        for instance in 1..=times {
            let fingerprint = fingerprint(claim, instance);
            let start = *self.firing.entry((claim.drill, fingerprint)).or_insert(self.now);
            let id = Id::digest(&[fingerprint.bytes(), &start.as_ms().to_be_bytes()]);
            let mut labels = BTreeMap::from([("alertname".to_owned(), claim.name.clone())]);
            labels.insert("instance".to_owned(), instance.to_string());
            labels.extend(claim.service.iter().map(|service| ("service".to_owned(), service.clone())));
            let signal = Signal {
                id,
                fingerprint,
                detector: name("alertmanager")?,
                parameters: String::new(),
                status: SignalStatus::Confirmed,
                loudness,
                service: service.clone(),
                title: claim.name.clone(),
                explanation: Explanation::default(),
                facts: facts.clone(),
                confidence_permille: 1_000,
                position: None,
                parties: Vec::new(),
                labels,
                link: None,
                event_time: start,
                observed: self.now,
                drill: false,
                repeats: !once,
                source: Some(name(MONITOR)?),
                group: None,
                annotations: None,
                declared: None,
            };
            self.take(&of_world(claim, SignalChange::Raised { signal: Arc::new(signal) }))?;
        }
        Ok(())
    }

    fn ends(&mut self, claim: &Subject, at: Timestamp) -> Result<(), String> {
        let mut ended = false;
        for instance in 1.. {
            let fingerprint = fingerprint(claim, instance);
            let Some(began) = self.firing.get(&(claim.drill, fingerprint)) else { break };
            // What began after that end goes on.
            if *began <= at {
                self.firing.remove(&(claim.drill, fingerprint));
            }
            ended = true;
            self.take(&of_world(claim, SignalChange::Ended { fingerprint, at }))?;
        }
        if ended {
            Ok(())
        } else {
            Err(format!("`{}` does not fire: expected the same name and service as where it began", claim.name))
        }
    }

    fn falls_silent(&mut self, claim: &Subject) -> Result<(), String> {
        let firing = (1..).map(|instance| fingerprint(claim, instance));
        let known: Vec<_> = firing.take_while(|one| self.firing.contains_key(&(claim.drill, *one))).collect();
        if known.is_empty() {
            return Err(format!(
                "`{}` does not fire: expected the same name and service as where it began",
                claim.name
            ));
        }
        for fingerprint in known {
            self.take(&of_world(claim, SignalChange::Silent { fingerprint, at: self.now }))?;
        }
        Ok(())
    }

    fn takes_up(&mut self, claim: &Subject) -> Result<(), String> {
        let fingerprint = fingerprint(claim, 1);
        let incident = self.board.incident_of_claim(&fingerprint);
        let incident = incident.ok_or_else(|| format!("no incident holds `{}`", claim.name))?;
        let by = Actor::Token("monitor".to_owned());
        self.command(incident, Command::Claims(ClaimsCommand::TakeUp { claim: fingerprint, by }))
    }

    fn does(&mut self, who: &str, deed: &Deed, incident: Option<usize>) -> Result<(), String> {
        if let Deed::Silences { matchers, span } = deed {
            return self.silence(who, matchers, *span);
        }
        if let Deed::Declares { title, service, severity, facts, drill } = deed {
            let source = name(&format!("token.{who}"))?;
            let (by, service) = (self.actor(who, None)?, service.as_deref().map(name).transpose()?);
            let key = Id::<kind::Signal>::from_bytes(self.ids.fresh()).to_string();
            let (title, severity, facts, drill) = (title.clone(), *severity, facts.clone(), *drill);
            return self.declare(Declaration { by, source, title, severity, service, facts, drill, key });
        }
        if let Deed::AcknowledgesOne(claim) = deed {
            return self.acknowledges_one(who, claim);
        }
        if *deed == Deed::EndsSilence {
            let by = self.actor(who, None)?;
            let last = self.silences.pop().ok_or("there is no silence to end")?;
            let recorded = self.board.expire_silence(last, by, self.now);
            return self.keep(recorded.into_iter().collect());
        }
        let id = self.which(incident)?;
        let by = self.actor(who, Some(id))?;
        if self.is_outside(&by, deed, id) {
            self.say("refused: restricted".to_owned());
            return Ok(());
        }
        if let Deed::Talks(talk) = deed {
            return self.talks(by, id, talk);
        }
        let command = match deed.clone() {
            Deed::Acknowledges => Command::Life(LifeCommand::Acknowledge { by }),
            Deed::Mitigates(note) => Command::Life(LifeCommand::Mitigate { by, note }),
            Deed::Resolves(note, reason) => {
                let closing = Closing { reason, ran: self.ran.of(id) };
                Command::Life(LifeCommand::Resolve { by, note, closing })
            }
            Deed::Validates(check) => {
                let check = check.as_deref().map(name).transpose()?;
                Command::Checks(ChecksCommand::Validate { by, check })
            }
            Deed::Reopens(reason) => Command::Life(LifeCommand::Reopen { by, reason }),
            Deed::Reviews(note) => Command::Life(LifeCommand::Review { by, note }),
            Deed::Notes(text) => Command::Room(RoomCommand::Note { by, text }),
            Deed::Escalates(reason) => Command::Paging(PagingCommand::Escalate { by, reason }),
            Deed::Pages { whom, role, reason } => Command::Roles(RolesCommand::Ask { by, whom, role, reason }),
            Deed::Accepts => Command::Roles(RolesCommand::Accept { by, ask: None }),
            Deed::Declines(reason) => Command::Roles(RolesCommand::Decline { by, ask: None, reason }),
            Deed::GivesUp(role) => Command::Roles(RolesCommand::GiveUp { by, role }),
            Deed::HandsOver { to, reason } => Command::Paging(PagingCommand::HandOver { by, to: name(&to)?, reason }),
            Deed::Takes(role) => match &by {
                // Whoever acknowledged first and says it besides is told that it is so.
                Actor::Person(person) if self.has_role(id, role, person) => {
                    self.say(format!("{}{person} is {}", self.prefix(id), role.word()));
                    return Ok(());
                }
                Actor::Person(person) => Command::Roles(RolesCommand::Take { role, person: person.clone(), by }),
                Actor::Token(_) | Actor::System => return Err("only a person takes a role".to_owned()),
            },
            Deed::States { facts, instead } => {
                Command::Claims(ClaimsCommand::StateFacts { by, facts, replace: instead })
            }
            Deed::MergesInto(other) => Command::Life(LifeCommand::MergeInto { by, into: self.which(Some(other))? }),
            Deed::OfEvidence(of_evidence) => Command::Evidence(evidence::command(by, of_evidence)),
            Deed::OfTask(of_task) => Command::Tasks(tasks::task_command(by, of_task)?),
            Deed::OfAccess(of_access) => Command::Access(access::command(by, of_access)?),
            Deed::AcknowledgesOne(_)
            | Deed::Declares { .. }
            | Deed::Silences { .. }
            | Deed::EndsSilence
            | Deed::Talks(_) => return Ok(()),
        };
        self.command(id, command)
    }

    /// At every door of the program the same is asked of whoever comes: all but to come in is for those inside.
    fn is_outside(&self, by: &Actor, deed: &Deed, id: IncidentId) -> bool {
        let comes_in = matches!(deed, Deed::OfAccess(OfAccess::BreaksGlass(_)));
        let outside = |it: &Incident| !it.admits(by, &self.world.setting.roster);
        !comes_in && self.board.incident(id).is_some_and(outside)
    }

    fn declare(&mut self, declaration: Declaration) -> Result<(), String> {
        match declaration.signal(&self.world.setting, self.now) {
            Ok(signal) => self.take(&SignalChange::Raised { signal }).map(|_| ()),
            Err(refusal) => {
                self.say(format!("refused: {}", refusal.code()));
                Ok(())
            }
        }
    }

    fn acknowledges_one(&mut self, who: &str, claim: &Subject) -> Result<(), String> {
        let fingerprint = fingerprint(claim, 1);
        let incident = self.board.incident_of_claim(&fingerprint).and_then(|id| self.board.incident(id));
        let incident = incident.ok_or_else(|| format!("no incident holds `{}`", claim.name))?;
        let signal = incident.of_claim(fingerprint).last().map(|attached| attached.signal.id);
        let (id, signal) = (incident.id(), signal.ok_or_else(|| format!("no signal claims `{}`", claim.name))?);
        let by = self.actor(who, Some(id))?;
        self.command(id, Command::Claims(ClaimsCommand::Acknowledge { by, signal }))
    }

    fn silence(&mut self, who: &str, matchers: &[(String, String)], span: Duration) -> Result<(), String> {
        let owner = Some(self.actor(who, None)?);
        let matcher = |(name, value): &(String, String)| Matcher::new(name, value, false, true);
        let matchers = matchers.iter().map(matcher).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let id = Id::from_bytes(self.ids.fresh());
        let (starts, ends) = (self.now, self.now.plus(span));
        let (created_by, comment) = (who.to_owned(), "by the scenario".to_owned());
        let silence = Silence { id, matchers, starts, ends, created_by, comment, owner };
        let recorded = match self.board.set_silence(silence, &self.world.setting, self.now) {
            Ok(recorded) => recorded,
            Err(refusal) => {
                self.say(format!("refused: {}", refusal.code()));
                return Ok(());
            }
        };
        self.silences.push(id);
        self.keep(vec![recorded])
    }

    /// A person, or the person who has the role of this name.
    fn actor(&self, who: &str, incident: Option<IncidentId>) -> Result<Actor, String> {
        let roles = incident.and_then(|id| self.board.incident(id)).map(Incident::roles);
        if who == "commander" {
            let commander = roles.and_then(|roles| roles.get(&ResponseRole::Commander));
            return commander.cloned().map(Actor::Person).ok_or_else(|| "nobody is commander".to_owned());
        }
        let person = name(who)?;
        if self.world.setting.roster.people.contains_key(&person) {
            Ok(Actor::Person(person))
        } else {
            Err(format!("no person `{who}` is configured"))
        }
    }

    /// The incident of this number; without one, the only one there is.
    fn which(&self, number: Option<usize>) -> Result<IncidentId, String> {
        let place = match (number, self.incidents.len()) {
            (_, 0) => return Err("there is no incident yet".to_owned()),
            (None, 1) => 0,
            (None, many) => return Err(format!("there are {many} incidents: say which, for example `#1`")),
            (Some(number), _) => number.saturating_sub(1),
        };
        let found = self.incidents.get(place).copied();
        found.ok_or_else(|| format!("there are {} incidents: no `#{}`", self.incidents.len(), place.saturating_add(1)))
    }

    fn command(&mut self, id: IncidentId, command: Command) -> Result<(), String> {
        let asker = match &command {
            Command::Life(LifeCommand::Resolve { by, .. }) => Some(by.clone()),
            _ => None,
        };
        match self.board.command(id, command, &self.world.setting, self.now, &mut self.ids) {
            Ok(recorded) => self.keep(recorded),
            Err(refusal) => {
                self.say(format!("refused: {}", refusal.code()));
                // As the program does: what is out of date is looked at again, so that the next try knows.
                match asker.and_then(|by| refusal.looks_first(&by)) {
                    Some(look) => self.command(id, look),
                    None => Ok(()),
                }
            }
        }
    }

    /// What was decided becomes true, and is told.
    fn keep(&mut self, recorded: Vec<Recorded>) -> Result<(), String> {
        for one in recorded {
            self.board.apply(&one).map_err(|error| error.to_string())?;
            if let (Stream::Incident(id), Body::Incident(event)) = (&one.stream, &one.body) {
                self.rooms.hear(*id, one.version, event);
            }
            let phrase = match (&one.stream, &one.body) {
                (Stream::Incident(id), Body::Incident(event)) => self.of_incident(*id, event),
                (_, Body::Journal(event)) => said::of_journal(&self.board, event),
                (Stream::Journal, Body::Incident(_)) => None,
            };
            if let Some(phrase) = phrase {
                self.say(phrase);
            }
        }
        Ok(())
    }

    fn of_incident(&mut self, id: IncidentId, event: &IncidentEvent) -> Option<String> {
        match event {
            IncidentEvent::Life(LifeEvent::Opened { .. }) => self.incidents.push(id),
            IncidentEvent::Paging(PagingEvent::PageRequested { page, person, channel, .. }) => {
                let (outcome, after) = self.fate(person.as_str(), channel.as_str());
                self.pages = self.pages.saturating_add(1);
                self.under_way.insert((self.now.plus(after), self.pages), (id, *page, outcome));
            }
            _ => {}
        }
        let number = |id: IncidentId| self.number(id);
        let phrase = said::of_incident(&self.board, id, &number, event)?;
        Some(format!("{}{phrase}", self.prefix(id)))
    }

    /// Which incident a phrase is about, where there are several.
    fn prefix(&self, id: IncidentId) -> String {
        if self.incidents.len() > 1 { format!("{} ", self.number(id)) } else { String::new() }
    }

    fn has_role(&self, id: IncidentId, role: ResponseRole, person: &PersonId) -> bool {
        self.board.incident(id).is_some_and(|incident| incident.roles().get(&role) == Some(person))
    }

    fn number(&self, id: IncidentId) -> String {
        let place = self.incidents.iter().position(|known| *known == id);
        place.map_or_else(|| id.to_string(), |place| format!("#{}", place.saturating_add(1)))
    }

    /// What becomes of a page, and when that is known.
    fn fate(&self, person: &str, channel: &str) -> (PageOutcome, Duration) {
        let own = self.channels.get(&(channel.to_owned(), Some(person.to_owned())));
        let behaviour = own.or_else(|| self.channels.get(&(channel.to_owned(), None)));
        match behaviour.copied() {
            None => (PageOutcome::Delivered { receipt: String::new() }, Duration::ZERO),
            Some((Manner::Works, after)) => (PageOutcome::Delivered { receipt: String::new() }, after),
            Some((Manner::Fails, after)) => (PageOutcome::Failed { error: "the scenario says so".to_owned() }, after),
            Some((Manner::Silent, after)) => (PageOutcome::Unknown { error: "no answer".to_owned() }, after),
        }
    }

    /// What is counted in a row is told as one sum.
    fn say(&mut self, phrase: String) {
        if let Some((last, sum)) = self.said.last_mut().and_then(|last| added(last, &phrase).map(|sum| (last, sum))) {
            *last = sum;
        } else {
            self.said.push(phrase);
        }
    }
}

/// `counted 2` after `counted 1` is `counted 3`.
fn added(last: &str, next: &str) -> Option<String> {
    let parts = |text: &str| {
        let (before, count) = text.rsplit_once("counted ")?;
        Some((before.to_owned(), count.parse::<u64>().ok()?))
    };
    let ((before, one), (same, other)) = (parts(last)?, parts(next)?);
    (before == same).then(|| format!("{before}counted {}", one.saturating_add(other)))
}

/// The change as the claim means it: really, or as a drill.
fn of_world(claim: &Subject, change: SignalChange) -> SignalChange {
    if claim.drill { change.into_drill() } else { change }
}

fn fingerprint(claim: &Subject, instance: u64) -> Fingerprint {
    let service = claim.service.as_deref().unwrap_or_default();
    Fingerprint::of(&[b"monitor", claim.name.as_bytes(), service.as_bytes(), &instance.to_be_bytes()])
}

fn name<K: Kind>(text: &str) -> Result<Name<K>, String> {
    Name::new(text).map_err(|error| error.to_string())
}
