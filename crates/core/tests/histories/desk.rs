//! A board that is driven as the engine drives it, and all that was recorded on the way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_core::{
    board::{Board, Fate, Matcher, Recorded, Silence},
    catalogue::{Catalogue, Criticality, Service},
    chain::{B256, BlockRef, ChainId},
    id::{Id, IncidentId, Kind, Name, PageId, SeededIds},
    incident::{Actor, Command, Incident, PageOutcome, PagingCommand, Severity},
    money::Usd,
    policy::{Contact, EscalationPolicy, Person, Roster, Target, Tier},
    priority::Weights,
    setting::{Rules, Setting},
    signal::{ChainPosition, Explanation, Facts, Fingerprint, Loudness, Signal, SignalChange, SignalStatus},
    time::Timestamp,
};

pub(crate) struct Desk {
    pub(crate) board: Board,
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) now: Timestamp,
    setting: Setting,
    ids: SeededIds,
}

pub(crate) fn name<K: Kind>(text: &str) -> Name<K> {
    Name::new(text).unwrap()
}

pub(crate) fn ann() -> Actor {
    Actor::Person(name("ann"))
}

fn setting() -> Setting {
    let contact =
        |person: &str, channel: &str| Contact { channel: name(channel), address: format!("{person}@{channel}") };
    let person = |id: &str, channels: &[&str]| Person {
        id: name(id),
        name: id.to_owned(),
        zone: "UTC".to_owned(),
        contacts: channels.iter().map(|channel| contact(id, channel)).collect(),
    };
    let people = [person("ann", &["push", "mail"]), person("bob", &["push"]), person("boss", &["mail"])];
    let tier = |id: &str| Tier { targets: vec![Target::Person(name(id))], delay: Duration::from_mins(5) };
    let policy = EscalationPolicy {
        id: name("all"),
        tiers: vec![tier("ann"), tier("bob")],
        rounds: 2,
        fallback: name("boss"),
        acknowledgement: Duration::from_hours(1),
        page_at: Severity::Sev3,
    };
    let service = |id: &str, criticality, needs: &[&str]| Service {
        id: name(id),
        title: id.to_owned(),
        criticality,
        users: 5_000,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::ZERO,
        regulated: false,
        depends_on: needs.iter().map(|id| name(id)).collect(),
        policy: name("all"),
        addresses: Vec::new(),
    };
    let services = vec![service("web", Criticality::High, &["db"]), service("db", Criticality::Critical, &[])];
    Setting {
        roster: Roster {
            people: people.into_iter().map(|person| (person.id.clone(), person)).collect(),
            policies: [(policy.id.clone(), policy)].into(),
            ..Roster::default()
        },
        catalogue: Arc::new(Catalogue::new(services, Vec::new())),
        rules: Rules::default(),
        default_policy: name("all"),
        weights: Weights::default(),
    }
}

/// What a monitor says about a service.
pub(crate) fn signal(claim: &str, occurrence: u64, service: Option<&str>, at: Timestamp) -> Signal {
    Signal {
        id: Id::digest(&[claim.as_bytes(), &occurrence.to_be_bytes()]),
        fingerprint: Fingerprint::of(&[claim.as_bytes()]),
        detector: name("alertmanager"),
        parameters: String::new(),
        status: SignalStatus::Confirmed,
        loudness: Loudness::Critical,
        service: service.map(name),
        title: claim.to_owned(),
        explanation: Explanation { text: format!("{claim}."), numbers: Vec::new() },
        facts: Facts::default(),
        confidence_permille: 1_000,
        position: None,
        parties: Vec::new(),
        labels: BTreeMap::from([("alertname".to_owned(), claim.to_owned())]),
        link: None,
        event_time: at,
        observed: at,
        drill: false,
        repeats: false,
        source: None,
        group: None,
        annotations: None,
        declared: None,
    }
}

/// What a detector says about a block that may still be dropped.
pub(crate) fn on_chain(claim: &str, block: u8, dollars: u64, at: Timestamp) -> Signal {
    let position = ChainPosition {
        block: BlockRef { chain: ChainId::evm(1), number: u64::from(block), hash: B256::repeat_byte(block) },
        block_time: at,
        transaction: Some(B256::repeat_byte(block)),
        index: Some(3),
    };
    let facts = Facts { money_at_risk: Usd::from_dollars(dollars), theft: true, ..Facts::default() };
    let detector = name("flash_loan_profit");
    let status = SignalStatus::Provisional;
    Signal { position: Some(position), status, detector, facts, ..signal(claim, u64::from(block), Some("db"), at) }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let now = Timestamp::from_secs(1_700_000_000);
        Self { board: Board::default(), recorded: Vec::new(), now, setting: setting(), ids: SeededIds::new(5) }
    }
    fn keep(&mut self, recorded: Vec<Recorded>) {
        for one in recorded {
            self.board.apply(&one).unwrap();
            self.recorded.push(one);
        }
    }
    pub(crate) fn take(&mut self, change: &SignalChange) -> Fate {
        let (recorded, fate) = self.board.take_signal(change, &self.setting, self.now, &mut self.ids);
        self.keep(recorded);
        self.duties();
        fate
    }
    pub(crate) fn raise(&mut self, signal: Signal) -> Fate {
        self.take(&SignalChange::Raised { signal: Arc::new(signal) })
    }
    pub(crate) fn open(&mut self, signal: Signal) -> IncidentId {
        let fate = self.raise(signal);
        let Fate::Opened(id) = fate else { unreachable!("want a new incident, got {fate:?}") };
        id
    }
    pub(crate) fn ask(&mut self, id: IncidentId, command: Command) {
        let recorded = self.board.command(id, command, &self.setting, self.now, &mut self.ids).unwrap();
        self.keep(recorded);
        self.duties();
    }
    pub(crate) fn silence(&mut self, label: &str, value: &str) {
        let silence = Silence {
            id: Id::from_bytes([4; 16]),
            matchers: vec![Matcher::new(label, value, false, true).unwrap()],
            starts: self.now,
            ends: self.now.plus(Duration::from_hours(1)),
            created_by: "ann".to_owned(),
            comment: "moving it".to_owned(),
            owner: None,
        };
        let recorded = self.board.set_silence(silence, &self.setting, self.now).unwrap();
        self.keep(vec![recorded]);
    }
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.duties();
    }
    /// Sleeps until something is owed, so often.
    pub(crate) fn deadlines(&mut self, times: usize) {
        for _ in 0..times {
            self.now = self.board.next_deadline().expect("something is owed").max(self.now);
            self.duties();
        }
    }
    /// Settles every page under way.
    pub(crate) fn settle(&mut self, outcome: &PageOutcome) {
        let of = |incident: &Incident| -> Vec<(IncidentId, PageId)> {
            incident.pages_under_way().map(|page| (incident.id(), page.id)).collect()
        };
        let pages: Vec<(IncidentId, PageId)> = self.board.incidents().flat_map(of).collect();
        for (id, page) in pages {
            let latency = Duration::from_millis(20);
            self.ask(id, Command::Paging(PagingCommand::SettlePage { page, outcome: outcome.clone(), latency }));
        }
    }
    fn duties(&mut self) {
        for id in self.board.due(self.now) {
            let recorded = self.board.carry_out(id, &self.setting, self.now, &mut self.ids);
            self.keep(recorded);
        }
    }
}
