//! A board to drive in tests: every step checks that the board is the fold of what was recorded.

mod access;
mod asks;
mod bounds;
mod checks;
mod aside;
mod cold;
mod correlation;
mod evidence;
mod kept;
mod list;
mod outbox;
mod cover;
mod declared;
mod paging;
mod tasks;

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    catalogue::{Catalogue, Criticality, Service},
    chain::{B256, BlockRef, ChainId},
    id::{DetectorId, SeededIds},
    incident::{
        ClaimsCommand, ClaimsEvent, Closing, LifeCommand, LifeEvent, PageOutcome, PagingCommand, PagingEvent, Severity,
    },
    money::Usd,
    policy::{Contact, EscalationPolicy, Person, Roster, Target, Tier},
    priority::Weights,
    signal::{ChainPosition, Facts, Loudness},
};

/// A board with what it needs to be driven, and all that was recorded.
struct Desk {
    board: Board,
    setting: Setting,
    ids: SeededIds,
    now: Timestamp,
    recorded: Vec<Recorded>,
}

fn name<K: crate::id::Kind>(text: &str) -> crate::id::Name<K> {
    crate::id::Name::new(text).unwrap()
}

fn person(id: &str, channels: &[&str]) -> Person {
    let contact = |channel: &&str| Contact { channel: name(channel), address: format!("{id}@{channel}") };
    Person {
        id: name(id),
        name: id.to_owned(),
        zone: "UTC".to_owned(),
        contacts: channels.iter().map(contact).collect(),
    }
}

fn tier(people: &[&str]) -> Tier {
    let targets = people.iter().map(|id| Target::Person(name(id))).collect();
    Tier { targets, delay: Duration::from_mins(5) }
}

fn service(id: &str, criticality: Criticality, depends_on: &[&str]) -> Service {
    Service {
        id: name(id),
        title: id.to_owned(),
        criticality,
        users: 0,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::ZERO,
        regulated: false,
        depends_on: depends_on.iter().map(|id| name(id)).collect(),
        policy: name("all"),
        addresses: Vec::new(),
    }
}

fn setting() -> Setting {
    let people =
        [person("ann", &["push", "mail"]), person("bob", &["push"]), person("boss", &["mail"]), person("mute", &[])];
    let policy = EscalationPolicy {
        id: name("all"),
        tiers: vec![tier(&["ann"]), tier(&["bob"])],
        rounds: 2,
        fallback: name("boss"),
        acknowledgement: Duration::from_hours(1),
        page_at: Severity::Sev3,
    };
    let roster = Roster {
        people: people.into_iter().map(|person| (person.id.clone(), person)).collect(),
        policies: [(policy.id.clone(), policy)].into(),
        ..Roster::default()
    };
    let services = vec![
        service("web", Criticality::High, &["api"]),
        service("api", Criticality::High, &["db"]),
        service("db", Criticality::Critical, &[]),
        service("mail", Criticality::High, &[]),
    ];
    Setting {
        roster,
        catalogue: Arc::new(Catalogue::new(services, Vec::new())),
        rules: Rules::default(),
        default_policy: name("all"),
        weights: Weights::default(),
    }
}

fn signal(claim: &str, occurrence: u64) -> Signal {
    Signal {
        id: Id::digest(&[claim.as_bytes(), &occurrence.to_be_bytes()]),
        fingerprint: Fingerprint::of(&[claim.as_bytes()]),
        detector: name::<crate::id::kind::Detector>("alertmanager"),
        parameters: String::new(),
        status: SignalStatus::Confirmed,
        loudness: Loudness::Critical,
        service: None,
        title: claim.to_owned(),
        explanation: crate::signal::Explanation::default(),
        facts: Facts::default(),
        confidence_permille: 1_000,
        position: None,
        parties: Vec::new(),
        labels: BTreeMap::new(),
        link: None,
        event_time: Timestamp::default(),
        observed: Timestamp::default(),
        drill: false,
        repeats: true,
        source: None,
        group: None,
        annotations: None,
        declared: None,
    }
}

fn about(service: &str, claim: &str) -> Signal {
    Signal { service: Some(name(service)), ..signal(claim, 0) }
}

fn on_chain(claim: &str, block: u8, transaction: Option<u8>) -> Signal {
    let position = ChainPosition {
        block: BlockRef { chain: ChainId::evm(1), number: u64::from(block), hash: B256::repeat_byte(block) },
        block_time: Timestamp::default(),
        transaction: transaction.map(B256::repeat_byte),
        index: None,
    };
    let detector: DetectorId = name("flash_loan_profit");
    let told = signal(claim, u64::from(block));
    Signal { position: Some(position), status: SignalStatus::Provisional, detector, repeats: false, ..told }
}

impl Desk {
    fn new() -> Self {
        let now = Timestamp::from_secs(1_000_000);
        Self { board: Board::default(), setting: setting(), ids: SeededIds::new(1), now, recorded: Vec::new() }
    }
    fn keep(&mut self, recorded: Vec<Recorded>) -> String {
        let said: Vec<String> = recorded.iter().map(say).collect();
        for one in recorded {
            self.board.apply(&one).unwrap();
            self.recorded.push(one);
        }
        assert_eq!(Board::fold(&self.recorded).unwrap(), self.board, "the board is the fold of what was recorded");
        said.join("; ")
    }
    fn take(&mut self, change: &SignalChange) -> (String, Fate) {
        let (recorded, fate) = self.board.take_signal(change, &self.setting, self.now, &mut self.ids);
        (self.keep(recorded), fate)
    }
    fn raise(&mut self, signal: Signal) -> Fate {
        self.take(&SignalChange::Raised { signal: Arc::new(signal) }).1
    }
    fn open(&mut self, signal: Signal) -> IncidentId {
        match self.raise(signal) {
            Fate::Opened(id) => id,
            other => panic!("want a new incident, got {other:?}"),
        }
    }
    /// The monitor says that a claim is over.
    fn end(&mut self, claim: &str) {
        self.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[claim.as_bytes()]), at: self.now });
    }
    fn ask(&mut self, id: IncidentId, command: Command) -> String {
        let recorded = self.board.command(id, command, &self.setting, self.now, &mut self.ids).unwrap();
        self.keep(recorded)
    }
    fn refused(&mut self, id: IncidentId, command: Command) -> Refusal {
        self.board.command(id, command, &self.setting, self.now, &mut self.ids).unwrap_err()
    }
    fn duties(&mut self) -> String {
        let mut said = Vec::new();
        for stream in self.board.due(self.now) {
            let recorded = self.board.carry_out(stream, &self.setting, self.now, &mut self.ids);
            said.push(self.keep(recorded));
        }
        assert_eq!(self.board.due(self.now), [], "one pass leaves nothing due");
        said.join("; ")
    }
    /// Lets time pass up to the next deadline, which must be `seconds` away, and carries out what is due.
    fn after(&mut self, seconds: u64) -> String {
        let then = self.now.plus(Duration::from_secs(seconds));
        assert_eq!(self.board.next_deadline().map(|next| next.since(self.now).as_secs()), Some(seconds));
        self.now = then;
        self.duties()
    }
    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }
    fn incident(&self, id: IncidentId) -> &Incident {
        self.board.incident(id).unwrap()
    }
    fn settle(&mut self, id: IncidentId, outcome: &PageOutcome) -> String {
        let pages: Vec<PageId> = self.incident(id).pages_under_way().map(|page| page.id).collect();
        let settle = |page| {
            Command::Paging(PagingCommand::SettlePage {
                page,
                outcome: outcome.clone(),
                latency: Duration::from_millis(20),
            })
        };
        let mut said: Vec<String> = pages.into_iter().map(|page| self.ask(id, settle(page))).collect();
        said.retain(|text| !text.is_empty());
        said.push(self.duties());
        said.join("; ")
    }
}

/// An event in a few words.
fn say(recorded: &Recorded) -> String {
    let Body::Incident(event) = &recorded.body else { return recorded.body.kind().to_owned() };
    match event {
        IncidentEvent::Life(LifeEvent::Opened { score, .. }) => format!("opened {}", score.severity),
        IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change)) => format!("{} to {}", change.from, change.to),
        IncidentEvent::Paging(PagingEvent::Escalated { tier, round, reason, .. }) => match tier {
            Some(tier) => format!("tier {tier} of round {round}, {reason:?}"),
            None => format!("fallback, {reason:?}"),
        },
        IncidentEvent::Paging(PagingEvent::PageRequested { person, channel, reason, repeat_of, .. }) => {
            format!("page {person} by {channel} ({reason:?}{})", if repeat_of.is_some() { ", a repeat" } else { "" })
        }
        IncidentEvent::Paging(PagingEvent::PageImpossible { reason, .. }) => format!("impossible: {reason}"),
        IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count, .. }) => format!("counted {count}"),
        other => other.kind().trim_end_matches(".v1").to_owned(),
    }
}

/// Somebody resolves it though its monitor fires: most tests are about something else.
fn in_spite() -> Closing {
    Closing { reason: Some("the monitor is known to lag".to_owned()), ran: Vec::new() }
}
fn ann() -> Actor {
    Actor::Person(name("ann"))
}
fn failed() -> PageOutcome {
    PageOutcome::Failed { error: "no such mailbox".to_owned() }
}
fn delivered() -> PageOutcome {
    PageOutcome::Delivered { receipt: "250".to_owned() }
}
