//! The laws of response, over random signals, commands and waits: quiescence, wake-up, silence, replay, and that a contact is
//! always owed. Each case drives a board as the engine does: decide, record, apply, carry out what is due.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where a law is broken"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use quarterdeck_core::{
    board::{Board, Body, Fate, Kept, Recorded, Rules, Setting, Stream},
    catalogue::{Catalogue, Criticality, Service},
    chain::{B256, BlockRef, ChainId},
    duty,
    id::{Id, IncidentId, Kind, MessageId, Name, PageId, PersonId, SeededIds, SignalId},
    incident::{
        AccessCommand, AccessEvent, Actor, ChecksCommand, ClaimsCommand, ClaimsEvent, Closing, Command, Incident,
        IncidentEvent, LifeCommand, LifeEvent, MessageKind, PageOutcome, PageReason, PagingCommand, PagingEvent, Part,
        Phase, ResponseRole, RolesCommand, RolesEvent, RoomCommand, Severity, TasksCommand, TasksEvent,
        checks::memory::Memory,
        tasks::command::{Claiming, Which},
        unmet::{Judged, Verdict},
    },
    money::Usd,
    policy::{Contact, EscalationPolicy, Person, Roster, Target, Tier, Whom},
    priority::{self, Bands, CriticalityPoints, Doubling, LoudnessPoints, Weights},
    role::{Empty, RoleClock},
    signal::{ChainPosition, Declared, Explanation, Facts, Fingerprint, Loudness, Signal, SignalChange, SignalStatus},
    time::{Timestamp, When},
    validation::{Check, Judge, Validation},
};

fn name<K: Kind>(text: &str) -> Name<K> {
    Name::new(text).unwrap()
}

const SERVICES: [(&str, &[&str], Criticality); 4] = [
    ("web", &["api"], Criticality::Medium),
    ("api", &["db"], Criticality::High),
    ("db", &[], Criticality::Critical),
    ("mail", &[], Criticality::Low),
];

const PEOPLE: [&str; 5] = ["ann", "bob", "cid", "mute", "boss"];
const POLICIES: [&str; 4] = ["two", "holes", "one", "hopeless"];
/// People and teams that may be asked to come; one of them means nobody.
const WHOM: [&str; 8] = ["ann", "bob", "cid", "mute", "policy:two", "policy:holes", "policy:hopeless", "nobody"];

fn setting() -> Setting {
    let people = [("ann", 2), ("bob", 1), ("cid", 3), ("mute", 0), ("boss", 2)].map(|(id, channels)| Person {
        id: name(id),
        name: id.to_owned(),
        zone: "UTC".to_owned(),
        // Two of three contacts share a channel, as two telephones do.
        contacts: (0..channels)
            .map(|c| Contact { channel: name(&format!("c{}", c % 2)), address: format!("{id} {c}") })
            .collect(),
    });
    let tier = |seconds, targets: &[&str]| Tier {
        targets: targets.iter().map(|id| Target::Person(name(id))).collect(),
        delay: Duration::from_secs(seconds),
    };
    let hole = Tier { targets: vec![Target::Schedule(name("nobody"))], delay: Duration::from_secs(30) };
    let policy = |id: &str, tiers, rounds, fallback: &str| EscalationPolicy {
        id: name(id),
        tiers,
        rounds,
        fallback: name(fallback),
        acknowledgement: Duration::from_mins(30),
        page_at: Severity::Sev4,
    };
    let policies = [
        policy("two", vec![tier(60, &["ann", "cid", "ann"]), tier(300, &["bob"])], 2, "boss"),
        policy("holes", vec![hole, tier(60, &["mute"]), tier(30, &["mute", "cid"])], 1, "ann"),
        policy("one", vec![tier(60, &["ann"])], 3, "ann"),
        policy("hopeless", vec![tier(60, &["mute"])], 1, "mute"),
    ];
    let roster = Roster {
        people: people.into_iter().map(|person| (person.id.clone(), person)).collect(),
        policies: policies.iter().map(|policy| (policy.id.clone(), policy.clone())).collect(),
        ..Roster::default()
    };
    let services = SERVICES.iter().zip(policies.iter()).map(|((id, needs, criticality), policy)| Service {
        id: name(id),
        title: (*id).to_owned(),
        criticality: *criticality,
        users: 5_000,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::ZERO,
        regulated: false,
        depends_on: needs.iter().map(|id| name(id)).collect(),
        policy: policy.id.clone(),
        addresses: Vec::new(),
    });
    let empty = |severity, minutes| Empty { severity, span: Duration::from_mins(minutes) };
    let speaks = RoleClock {
        role: ResponseRole::Communications,
        empty: vec![empty(Severity::Sev1, 1), empty(Severity::Sev3, 10)],
        whom: Some(Whom::Policy(name("one"))),
    };
    let signs = RoleClock {
        role: ResponseRole::Signer,
        empty: vec![empty(Severity::Sev4, 3)],
        whom: Some(Whom::Targets(vec![Target::Person(name("cid")), Target::Person(name("mute"))])),
    };
    let roles = RoleClock::usual().into_iter().chain([speaks, signs]).collect();
    Setting {
        roster,
        catalogue: Arc::new(Catalogue::new(services.collect(), Vec::new())),
        rules: Rules { roles, validation: validation(), ..Rules::default() },
        default_policy: name("two"),
        weights: Weights::default(),
    }
}

/// A check that is made outside, and one that the rules judge.
fn validation() -> Validation {
    let check = |id: &str, judge| {
        let (services, severities) = (BTreeSet::new(), [Severity::Sev1, Severity::Sev2, Severity::Sev3].into());
        (name(id), Check { id: name(id), title: id.to_owned(), services, severities, judge })
    };
    let checks = [check("moves", Judge::Shell("http")), check("quiet", Judge::Quiet(Duration::from_mins(1)))].into();
    Validation { checks, ..Validation::default() }
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happening {
    Raise(Claim),
    /// Somebody declares it, with this guess.
    Declare(Claim, Severity),
    Confirm(prop::sample::Index),
    Retract(prop::sample::Index),
    End(u8),
    Wait(u64),
    /// Sleeps until the next deadline.
    Sleep,
    Settle(prop::sample::Index, PageOutcome),
    Ask(prop::sample::Index, Asked),
    Talk(prop::sample::Index, Talk),
    Merge(prop::sample::Index, prop::sample::Index),
}

/// A signal that may be raised, in what matters here.
#[derive(Debug, Clone)]
struct Claim {
    number: u8,
    occurrence: u8,
    on_chain: bool,
    service: Option<usize>,
    facts: Facts,
    loudness: Loudness,
}

#[derive(Debug, Clone)]
enum Asked {
    Acknowledge,
    AcknowledgeClaim(prop::sample::Index),
    Mitigate,
    /// With a reason, or without.
    Resolve(bool),
    Validate,
    /// What a check said so many seconds ago.
    Report(Verdict, u64),
    Reopen,
    Review,
    Note,
    TakeRole,
    Escalate,
    /// Asks a person or a team to come, perhaps for a role.
    Page(usize, bool),
    Accept(usize),
    Decline(usize),
    GiveUp,
    HandOver(usize),
    State(Facts, bool),
    Task(OfTask),
    /// Restricts it, lets somebody in, puts them out, lifts that, looks, comes in uninvited.
    Access(u8, usize),
}

/// Something asked about a task, in what matters here.
#[derive(Debug, Clone, Copy)]
struct OfTask {
    what: u8,
    number: u32,
    by_ann: bool,
    goes_ahead: bool,
    on: u8,
    minutes: u64,
}

fn of_task() -> impl Strategy<Value = OfTask> {
    let minutes = prop::sample::select(vec![1, 5, 30, 31, 60]);
    (0..9_u8, 1..4_u32, any::<bool>(), prop::bool::weighted(0.3), 0..4_u8, minutes).prop_map(
        |(what, number, by_ann, goes_ahead, on, minutes)| OfTask { what, number, by_ann, goes_ahead, on, minutes },
    )
}

fn task_command(asked: OfTask) -> TasksCommand {
    let OfTask { what, number, by_ann, goes_ahead, on, minutes } = asked;
    let by = if by_ann { ann() } else { Actor::Person(name("cid")) };
    let task = Which::Number(number);
    let when = Some(When::In(Duration::from_mins(minutes)));
    let reason = if goes_ahead { "it burns".to_owned() } else { String::new() };
    let claiming = Claiming { until: when, reason, against: Vec::new() };
    match what {
        0..3 => TasksCommand::Add {
            by,
            title: format!("task {number}"),
            assignee: (on == 0).then(|| name("mute")),
            due: when.filter(|_| on > 1),
            resources: (0..on).map(|thing| format!("flag:{thing}")).collect(),
            claim: (what < 2).then_some(claiming),
        },
        3 | 4 => TasksCommand::Claim { by, task, claiming },
        5 => TasksCommand::Renew { by, task, until: when },
        6 => TasksCommand::Change { by, task, assignee: Some(name("bob")), due: when },
        7 => TasksCommand::Finish { by, task, note: "done".to_owned() },
        _ => TasksCommand::Release { by, task },
    }
}

/// What somebody does in a room: who, and with which of its messages.
#[derive(Debug, Clone)]
struct Talk {
    who: usize,
    which: prop::sample::Index,
    deed: Deed,
}

#[derive(Debug, Clone)]
enum Deed {
    Write(MessageKind, u8),
    WriteKeyed(u8),
    Edit(u8),
    Withdraw,
    Pin,
    Unpin,
    Enter,
    Leave,
}

fn talk() -> impl Strategy<Value = Talk> {
    let kind = prop::sample::select(vec![
        MessageKind::Message,
        MessageKind::Decision,
        MessageKind::Question,
        MessageKind::Answer,
    ]);
    let deed = prop_oneof![
        6 => (kind, 0..4_u8).prop_map(|(kind, text)| Deed::Write(kind, text)),
        2 => (0..3_u8).prop_map(Deed::WriteKeyed),
        3 => (0..4_u8).prop_map(Deed::Edit),
        2 => Just(Deed::Withdraw),
        2 => Just(Deed::Pin),
        1 => Just(Deed::Unpin),
        2 => Just(Deed::Enter),
        2 => Just(Deed::Leave),
    ];
    (0..3_usize, any::<prop::sample::Index>(), deed).prop_map(|(who, which, deed)| Talk { who, which, deed })
}

/// As a command, with a message of the room; one that is not there where there is none.
fn talked(talk: &Talk, messages: &[MessageId], now: Timestamp) -> Command {
    let person: PersonId = name(["ann", "bob", "cid"][talk.who]);
    let by = Actor::Person(person.clone());
    let message = if messages.is_empty() { Id::from_bytes([9; 16]) } else { *talk.which.get(messages) };
    let (origin, words) = (None, |text: u8| format!("words {text}"));
    Command::Room(match &talk.deed {
        Deed::Write(kind, text) => {
            let reply_to = (*kind == MessageKind::Answer).then_some(message);
            RoomCommand::Write { by, kind: *kind, text: words(*text), reply_to, key: None, origin }
        }
        Deed::WriteKeyed(key) => {
            let (kind, text, key) = (MessageKind::Message, words(*key), Some(format!("key {key}")));
            RoomCommand::Write { by, kind, text, reply_to: None, key, origin }
        }
        Deed::Edit(text) => RoomCommand::Edit { by, message, text: words(*text), origin },
        Deed::Withdraw => RoomCommand::Withdraw { by, message, reason: "a name".to_owned(), origin },
        Deed::Pin => RoomCommand::Pin { by, message },
        Deed::Unpin => RoomCommand::Unpin { by, message },
        Deed::Enter => RoomCommand::Enter { person },
        Deed::Leave => RoomCommand::Leave { person, seen: now.minus(Duration::from_mins(6)) },
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let dollars = prop_oneof![3 => Just(0), 2 => 0..1_000_000_u64, 1 => 0..u64::MAX / 100];
    (
        dollars,
        prop::option::of(prop_oneof![0..50_u64, 0..1_000_000_u64]),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(dollars, users, irreversible, key_compromise, theft)| Facts {
            money_at_risk: Usd::from_dollars(dollars),
            users,
            irreversible,
            key_compromise,
            theft,
        })
}

/// Any weights that are accepted: those of the program now and then, and all kinds of others.
fn weights() -> impl Strategy<Value = Weights> {
    let points = || 0..=priority::POINTS_MAX;
    let doubling = move || {
        let floor = prop_oneof![1..10_000_u64, 1..=priority::FLOOR_MAX];
        (floor, points(), points()).prop_map(|(floor, each, most)| Doubling { floor, each, most })
    };
    let rising = move || {
        prop::array::uniform4(points()).prop_map(|mut steps| {
            steps.sort_unstable();
            steps
        })
    };
    let bands = prop::sample::subsequence((1..=priority::POINTS_MAX).collect::<Vec<u32>>(), 4);
    let flags = prop::array::uniform4(points());
    let amounts = (doubling(), doubling(), doubling(), 1..=priority::FLOOR_MAX);
    let others =
        (bands, rising(), rising(), flags, amounts).prop_map(|(bands, critical, loud, flags, amounts)| Weights {
            bands: Bands { sev4: bands[0], sev3: bands[1], sev2: bands[2], sev1: bands[3] },
            money: amounts.0,
            criticality: CriticalityPoints {
                low: critical[0],
                medium: critical[1],
                high: critical[2],
                critical: critical[3],
                unknown: flags[0],
            },
            users: amounts.1,
            irreversible: flags[1],
            key_compromise: flags[2],
            theft: flags[3],
            blast_radius: amounts.2,
            loudness: LoudnessPoints { info: loud[0], warning: loud[1], error: loud[2], critical: loud[3] },
            theft_sev1_usd: amounts.3,
        });
    prop_oneof![1 => Just(Weights::default()), 4 => others]
}

fn loudness() -> impl Strategy<Value = Loudness> {
    prop::sample::select(vec![Loudness::Info, Loudness::Warning, Loudness::Error, Loudness::Critical])
}

fn outcome() -> impl Strategy<Value = PageOutcome> {
    prop_oneof![
        Just(PageOutcome::Delivered { receipt: "ok".to_owned() }),
        Just(PageOutcome::Failed { error: "no".to_owned() }),
        Just(PageOutcome::Unknown { error: "silence".to_owned() }),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        4 => Just(Asked::Acknowledge),
        3 => any::<prop::sample::Index>().prop_map(Asked::AcknowledgeClaim),
        1 => Just(Asked::Mitigate),
        2 => any::<bool>().prop_map(Asked::Resolve),
        1 => Just(Asked::Validate),
        6 => (prop::sample::select(vec![Verdict::Passed, Verdict::Failed, Verdict::Unjudged]), 0..90_u64)
            .prop_map(|(verdict, age)| Asked::Report(verdict, age)),
        1 => Just(Asked::Reopen),
        1 => Just(Asked::Review),
        1 => Just(Asked::Note),
        1 => Just(Asked::TakeRole),
        3 => Just(Asked::Escalate),
        3 => (0..WHOM.len(), any::<bool>()).prop_map(|(whom, role)| Asked::Page(whom, role)),
        2 => (0..PEOPLE.len()).prop_map(Asked::Accept),
        2 => (0..PEOPLE.len()).prop_map(Asked::Decline),
        1 => Just(Asked::GiveUp),
        1 => (0..POLICIES.len()).prop_map(Asked::HandOver),
        2 => (facts(), any::<bool>()).prop_map(|(facts, replace)| Asked::State(facts, replace)),
        8 => of_task().prop_map(Asked::Task),
        4 => (0..8_u8, 0..PEOPLE.len()).prop_map(|(what, whom)| Asked::Access(what, whom)),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0..6_u8, 0..4_u8, any::<bool>(), prop::option::of(0..4_usize), facts(), loudness()).prop_map(
            |(number, occurrence, on_chain, service, facts, loudness)| {
                Happening::Raise(Claim { number, occurrence, on_chain, service, facts, loudness })
            }
        ),
        2 => (0..6_u8, prop::option::of(0..4_usize), facts(), prop::sample::select(Severity::ALL.to_vec())).prop_map(
            |(number, service, facts, severity)| {
                let (occurrence, on_chain, loudness) = (9, false, Loudness::Info);
                Happening::Declare(Claim { number, occurrence, on_chain, service, facts, loudness }, severity)
            }
        ),
        1 => index().prop_map(Happening::Confirm),
        2 => index().prop_map(Happening::Retract),
        2 => (0..6_u8).prop_map(Happening::End),
        3 => prop::sample::select(vec![1, 29, 60, 300, 901, 1_800, 3_600]).prop_map(Happening::Wait),
        5 => Just(Happening::Sleep),
        5 => (index(), outcome()).prop_map(|(which, outcome)| Happening::Settle(which, outcome)),
        5 => (index(), asked()).prop_map(|(which, asked)| Happening::Ask(which, asked)),
        6 => (index(), talk()).prop_map(|(which, talk)| Happening::Talk(which, talk)),
        1 => (index(), index()).prop_map(|(one, other)| Happening::Merge(one, other)),
    ]
}

/// A board that is driven as the engine drives it.
struct World {
    board: Board,
    setting: Setting,
    ids: SeededIds,
    now: Timestamp,
    recorded: Vec<Recorded>,
    raised: Vec<SignalId>,
}

impl World {
    fn new() -> Self {
        Self {
            board: Board::default(),
            setting: setting(),
            ids: SeededIds::new(3),
            now: Timestamp::from_secs(1_700_000_000),
            recorded: Vec::new(),
            raised: Vec::new(),
        }
    }

    fn keep(&mut self, recorded: Vec<Recorded>) {
        for one in recorded {
            self.board.apply(&one).expect("what was decided can be applied");
            self.recorded.push(one);
        }
    }

    fn take(&mut self, change: &SignalChange) {
        let how_bad = |incident: &Incident| (incident.severity(), incident.score().points);
        let before: BTreeMap<IncidentId, (Severity, u32)> =
            self.board.incidents().map(|incident| (incident.id(), how_bad(incident))).collect();
        let (recorded, fate) = self.board.take_signal(change, &self.setting, self.now, &mut self.ids);
        self.keep(recorded);
        if matches!(change, SignalChange::Raised { .. }) {
            for (id, before) in before {
                assert!(how_bad(self.board.incident(id).unwrap()) >= before, "a claim never lowers a severity");
            }
            assert!(!matches!(fate, Fate::Unknown));
        }
        let (twice, _) = self.board.take_signal(change, &self.setting, self.now, &mut self.ids);
        assert_eq!(twice, [], "delivery twice is harmless");
    }

    fn incident(&self, which: prop::sample::Index) -> Option<IncidentId> {
        let all: Vec<IncidentId> = self.board.incidents().map(Incident::id).collect();
        (!all.is_empty()).then(|| *which.get(&all))
    }

    fn ask(&mut self, id: IncidentId, command: Command) {
        // A refusal is as good an answer as any; what matters is that nothing was changed by it.
        if let Ok(recorded) = self.board.command(id, command, &self.setting, self.now, &mut self.ids) {
            self.keep(recorded);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Raise(claim) => {
                let signal = self.signal(claim);
                self.raised.push(signal.id);
                self.take(&SignalChange::Raised { signal: Arc::new(signal) });
            }
            Happening::Declare(claim, severity) => {
                let declared = Some(Declared { severity, by: ann() });
                let signal = Signal { detector: name("declared"), repeats: false, declared, ..self.signal(claim) };
                self.raised.push(signal.id);
                self.take(&SignalChange::Raised { signal: Arc::new(signal) });
                let incident = self.board.incident_of_signal(self.raised.last().unwrap()).unwrap();
                let incident = self.board.incident(incident).unwrap();
                if let Some(declared) = incident.declared() {
                    assert!(incident.severity() >= declared.severity, "a guess is a floor");
                }
            }
            Happening::Confirm(which) if !self.raised.is_empty() => {
                self.take(&SignalChange::Confirmed { id: *which.get(&self.raised) });
            }
            Happening::Retract(which) if !self.raised.is_empty() => {
                self.take(&SignalChange::Retracted { id: *which.get(&self.raised), reason: "dropped".to_owned() });
            }
            Happening::Confirm(_) | Happening::Retract(_) => {}
            Happening::End(claim) => {
                self.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[&[claim]]), at: self.now });
            }
            Happening::Wait(seconds) => self.now = self.now.plus(Duration::from_secs(seconds)),
            Happening::Sleep => self.now = self.now.max(self.board.next_deadline().unwrap_or(self.now)),
            Happening::Settle(which, outcome) => self.settle(which, &outcome),
            Happening::Ask(which, asked) => {
                if let Some(id) = self.incident(which) {
                    let signals: Vec<SignalId> = self.board.incident(id).unwrap().signals().keys().copied().collect();
                    self.ask(id, command(asked, &signals, self.now));
                }
            }
            Happening::Talk(which, talk) => {
                if let Some(id) = self.incident(which) {
                    let messages = self.board.incident(id).unwrap().room().before(u64::MAX, usize::MAX);
                    let keyed = matches!(talk.deed, Deed::WriteKeyed(_));
                    let command = talked(&talk, &messages, self.now);
                    self.ask(id, command.clone());
                    self.check_room(id, &command, keyed);
                }
            }
            Happening::Merge(one, other) => {
                if let (Some(id), Some(into)) = (self.incident(one), self.incident(other)) {
                    self.ask(id, Command::Life(LifeCommand::MergeInto { by: ann(), into }));
                }
            }
        }
    }

    /// What a room keeps in sight stands, and what is sent again with its key is written once.
    fn check_room(&mut self, id: IncidentId, command: &Command, keyed: bool) {
        let again = self.board.command(id, command.clone(), &self.setting, self.now, &mut self.ids);
        if keyed {
            assert!(again.is_err() || again.is_ok_and(|events| events.is_empty()), "sending twice is harmless");
        }
        let room = self.board.incident(id).unwrap().room();
        let messages = room.before(u64::MAX, usize::MAX);
        assert_eq!(messages.len(), room.len());
        let stands = |id: &MessageId| room.message(*id).is_some_and(|known| known.withdrawn.is_none());
        assert!(room.pins().iter().all(stands) && room.decisions().all(|id| stands(&id)));
        let answered = |question: MessageId| {
            let answers = |id: &MessageId| room.message(*id).is_some_and(|known| known.reply_to == Some(question));
            messages.iter().any(|id| answers(id) && stands(id))
        };
        let open: Vec<MessageId> = messages
            .iter()
            .copied()
            .filter(|id| room.message(*id).unwrap().kind == MessageKind::Question && stands(id) && !answered(*id))
            .collect();
        assert_eq!(room.open_questions().collect::<Vec<_>>(), open);
    }

    fn settle(&mut self, which: prop::sample::Index, outcome: &PageOutcome) {
        let under_way = |incident: &Incident| -> Vec<(IncidentId, PageId)> {
            incident.pages_under_way().map(|page| (incident.id(), page.id)).collect()
        };
        let pages: Vec<(IncidentId, PageId)> = self.board.incidents().flat_map(under_way).collect();
        if !pages.is_empty() {
            let (id, page) = *which.get(&pages);
            assert_eq!(self.board.incident_of_page(page), Some(id));
            self.ask(
                id,
                Command::Paging(PagingCommand::SettlePage {
                    page,
                    outcome: outcome.clone(),
                    latency: Duration::from_millis(7),
                }),
            );
        }
    }

    fn signal(&self, claim: Claim) -> Signal {
        let Claim { number, occurrence, on_chain, service, facts, loudness } = claim;
        let position = on_chain.then(|| ChainPosition {
            block: BlockRef {
                chain: ChainId::evm(1),
                number: u64::from(occurrence),
                hash: B256::repeat_byte(occurrence),
            },
            block_time: self.now,
            transaction: number.is_multiple_of(2).then(|| B256::repeat_byte(occurrence)),
            index: None,
        });
        Signal {
            id: Id::digest(&[&[number, occurrence]]),
            fingerprint: Fingerprint::of(&[&[number]]),
            detector: name("pool_drain"),
            parameters: String::new(),
            status: if on_chain { SignalStatus::Provisional } else { SignalStatus::Confirmed },
            loudness,
            service: service.map(|place| name(SERVICES[place].0)),
            title: format!("claim {number}"),
            explanation: Explanation::default(),
            facts,
            confidence_permille: 900,
            repeats: position.is_none(),
            source: position.is_none().then(|| name("monitor")),
            group: None,
            annotations: None,
            declared: None,
            position,
            parties: Vec::new(),
            labels: BTreeMap::new(),
            link: None,
            event_time: self.now,
            observed: self.now,
            drill: false,
        }
    }

    /// What holds after everything that happens.
    fn check(&self) {
        for incident in self.board.incidents() {
            let duties = duty::due(incident, &self.setting.roster, self.now);
            let next = duty::next_deadline(incident);
            if duties.is_empty() {
                assert!(next.is_none_or(|next| next > self.now), "wake-up: nothing is due, so the deadline is later");
            } else {
                assert!(next.is_some_and(|next| next <= self.now), "what is due is found by its deadline");
                assert!(self.board.due(self.now).contains(&Stream::Incident(incident.id())));
            }
            for (role, at) in incident.missed_roles() {
                assert!(next.is_some_and(|next| next <= at), "an empty {role:?} is missed in time");
            }
            let pages = incident.severity() >= incident.escalation().policy.page_at;
            if incident.phase() == Phase::Triggered && pages && incident.live_signals() > 0 {
                assert!(next.is_some(), "some contact is always owed");
            }
            if incident.phase() == Phase::Triggered && !incident.stands() {
                assert!(next.is_some(), "what nothing stands for and nobody answered does not stay open for ever");
            }
            assert!(!incident.headline().is_empty());
            assert_eq!(incident.live_signals(), incident.signals().values().filter(|s| s.is_live()).count());
        }
        assert_eq!(
            self.board.next_deadline(),
            self.board.incidents().filter_map(duty::next_deadline).min(),
            "the board knows the first deadline"
        );
    }

    /// Carries out what is due, and then nothing is.
    fn duties(&mut self) {
        for stream in self.board.due(self.now) {
            let recorded = self.board.carry_out(stream, &self.setting, self.now, &mut self.ids);
            assert!(!recorded.is_empty(), "what is due leaves a trace");
            self.keep(recorded);
            let incident = self.board.incident(stream.incident().unwrap()).unwrap();
            assert_eq!(duty::due(incident, &self.setting.roster, self.now), [], "quiescence");
            self.check_told(incident);
        }
        assert_eq!(self.board.due(self.now), []);
    }
}

impl World {
    /// While somebody must answer, nobody whose page is the latest knows of something milder only, unless they cannot be reached.
    fn check_told(&self, incident: &Incident) {
        let events = self.recorded.iter().filter(|one| one.stream == Stream::Incident(incident.id()));
        let mut told: BTreeMap<PersonId, Severity> = BTreeMap::new();
        let mut severity = Severity::Sev5;
        for one in events {
            match &one.body {
                Body::Incident(IncidentEvent::Life(LifeEvent::Opened { score, .. })) => severity = score.severity,
                Body::Incident(IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change))) => severity = change.to,
                // Whoever says that they are on a claim knows how bad it is.
                Body::Incident(IncidentEvent::Claims(ClaimsEvent::SignalAcknowledged {
                    by: Actor::Person(person),
                    ..
                })) => {
                    let worst = told.entry(person.clone()).or_insert(severity);
                    *worst = (*worst).max(severity);
                }
                Body::Incident(IncidentEvent::Paging(PagingEvent::PageRequested { person, severity, .. })) => {
                    let worst = told.entry(person.clone()).or_insert(Severity::Sev5);
                    *worst = (*worst).max(severity.expect("a page says how bad it was"));
                }
                Body::Incident(IncidentEvent::Paging(PagingEvent::PageImpossible { person: Some(person), .. })) => {
                    told.remove(person);
                }
                Body::Incident(
                    IncidentEvent::Paging(PagingEvent::HandedOver { .. })
                    | IncidentEvent::Life(
                        LifeEvent::Mitigated { .. } | LifeEvent::Resolved { .. } | LifeEvent::Reopened { .. },
                    ),
                ) => told.clear(),
                _ => {}
            }
        }
        if incident.wants_answer() {
            assert!(told.values().all(|told| *told >= incident.severity()), "told less than it is: {told:?}");
        }
    }
}

/// All of an incident that the rules decide by, in words: what must not change when texts are erased.
fn owed_and_reached(incident: &Incident, world: &World) -> String {
    let mut said = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        incident.phase(),
        incident.severity(),
        incident.facts(),
        incident.acknowledgement(),
        (
            incident.roles(),
            incident.asks().values().map(|ask| (ask.state, ask.next, ask.people.clone())).collect::<Vec<_>>()
        ),
        (incident.live_signals(), incident.absorbed(), incident.stands(), incident.merged_into()),
    );
    let room = incident.room();
    let kept = (room.pins(), room.decisions().collect::<Vec<_>>(), room.open_questions().collect::<Vec<_>>());
    write!(said, "\n{:?} {kept:?} {:?} {:?}", room.present(), room.before(u64::MAX, usize::MAX), room.events())
        .unwrap();
    for task in incident.tasks().values() {
        let claim = task.claim().map(|claim| (&claim.by, claim.until));
        write!(
            said,
            "\n{} {} {claim:?} {:?} {:?} {:?}",
            task.id,
            task.state.word(),
            task.due,
            task.told,
            task.resources
        )
        .unwrap();
    }
    let owed = incident.checks_owed(&world.setting, &Memory::default());
    let unmet: Vec<(bool, bool)> =
        incident.unmet(&world.setting, world.now, &[]).iter().map(|one| (one.check.is_some(), one.stale)).collect();
    write!(said, "\n{owed:?} {unmet:?} {:?}", incident.watched_until()).unwrap();
    for page in incident.pages().values() {
        let outcome = page.outcome.as_ref().map(PageOutcome::word);
        let (person, channel, repeat) = (&page.person, &page.channel, page.repeat_of);
        write!(said, "\n{} {person} {channel} {outcome:?} {repeat:?}", page.id).unwrap();
    }
    let next = duty::next_deadline(incident);
    for at in next.into_iter().chain([world.now, world.now.plus(Duration::from_hours(1))]) {
        write!(said, "\nat {at}: {:?}", duty::due(incident, &world.setting.roster, at)).unwrap();
    }
    said
}

fn ann() -> Actor {
    Actor::Person(name("ann"))
}

fn access_command(what: u8, whom: usize) -> AccessCommand {
    let (by, reason, person) = (ann(), "need to know".to_owned(), name(PEOPLE[whom]));
    let whom = PEOPLE[whom].to_owned();
    match what {
        0 | 1 => AccessCommand::Restrict { by, code_name: String::new(), reason, members: vec![whom] },
        2 => AccessCommand::LetIn { by, whom, reason },
        3 | 4 => AccessCommand::PutOut { by, whom, reason },
        5 => AccessCommand::Lift { by, reason },
        6 => AccessCommand::BreakGlass { by: Actor::Person(person), reason },
        _ => AccessCommand::Read { by: person, part: Part::Timeline },
    }
}

fn command(asked: Asked, signals: &[SignalId], now: Timestamp) -> Command {
    let by = ann();
    match asked {
        Asked::Acknowledge => Command::Life(LifeCommand::Acknowledge { by }),
        Asked::AcknowledgeClaim(which) => {
            Command::Claims(ClaimsCommand::Acknowledge { by, signal: *which.get(signals) })
        }
        Asked::Mitigate => Command::Life(LifeCommand::Mitigate { by, note: "paused".to_owned() }),
        Asked::Resolve(over) => {
            let reason = over.then(|| "it is known".to_owned());
            Command::Life(LifeCommand::Resolve {
                by,
                note: "done".to_owned(),
                closing: Closing { reason, ran: Vec::new() },
            })
        }
        Asked::Reopen => Command::Life(LifeCommand::Reopen { by, reason: "again".to_owned() }),
        Asked::Review => Command::Life(LifeCommand::Review { by, note: String::new() }),
        Asked::Note => Command::Room(RoomCommand::Note { by, text: "looking".to_owned() }),
        Asked::TakeRole => {
            Command::Roles(RolesCommand::Take { by, role: ResponseRole::Commander, person: name("bob") })
        }
        Asked::Page(whom, role) => Command::Roles(RolesCommand::Ask {
            by,
            whom: WHOM[whom].to_owned(),
            role: role.then_some(ResponseRole::Commander),
            reason: "it is theirs".to_owned(),
        }),
        Asked::Accept(who) => Command::Roles(RolesCommand::Accept { by: Actor::Person(name(PEOPLE[who])), ask: None }),
        Asked::Decline(who) => {
            let (by, reason) = (Actor::Person(name(PEOPLE[who])), "on a plane".to_owned());
            Command::Roles(RolesCommand::Decline { by, ask: None, reason })
        }
        Asked::GiveUp => Command::Roles(RolesCommand::GiveUp { by, role: ResponseRole::Commander }),
        Asked::HandOver(to) => {
            Command::Paging(PagingCommand::HandOver { by, to: name(POLICIES[to]), reason: "it is theirs".to_owned() })
        }
        Asked::Escalate => Command::Paging(PagingCommand::Escalate { by, reason: "hands".to_owned() }),
        Asked::Validate => Command::Checks(ChecksCommand::Validate { by, check: None }),
        Asked::Report(verdict, age) => {
            let (check, at) = (name("moves"), now.minus(Duration::from_secs(age)));
            let judged = Judged::new(check, verdict, "as seen", at, Duration::from_millis(5));
            Command::Checks(ChecksCommand::Report { judged })
        }
        Asked::Task(asked) => Command::Tasks(task_command(asked)),
        Asked::Access(what, whom) => Command::Access(access_command(what, whom)),
        Asked::State(facts, replace) => Command::Claims(ClaimsCommand::StateFacts { by, facts, replace }),
    }
}

/// The silence law, read from the events alone and not from the state: after an acknowledgement nobody is paged until it has run
/// out, a severity above the acknowledged one came, something that it does not cover came, it was reopened, it was handed over, or a person
/// asked; but for those who are asked by name, or to take a role that is empty past its time: see `check_asks`. Whoever
/// acknowledged is told of what they did not know, once for each such claim at most. And nobody is paged about what is
/// mitigated, over or merged. But for tasks, which go on then: there whoever is on one, or is next in line, is told once that it is past its
/// time, that their claim ran out, or that somebody went ahead in spite of it.
#[expect(clippy::too_many_lines, reason = "one look at every event, and what it allows or forbids")]
fn check_silence(events: &[(Timestamp, &IncidentEvent)]) {
    let mut severity = Severity::Sev5;
    let mut quiet: Option<(Option<Timestamp>, Severity)> = None;
    let mut on_it: Option<&Actor> = None;
    let mut asked = false;
    let mut over = false;
    let mut news: BTreeSet<&PersonId> = BTreeSet::new();
    let mut untold: BTreeMap<&PersonId, usize> = BTreeMap::new();
    let mut of_tasks: Vec<(PageReason, BTreeSet<&PersonId>)> = Vec::new();
    let mut tells: BTreeSet<PageId> = BTreeSet::new();
    for (at, event) in events {
        match event {
            IncidentEvent::Life(LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. }) => over = true,
            IncidentEvent::Life(LifeEvent::Reopened { .. }) => over = false,
            _ => {}
        }
        match event {
            IncidentEvent::Tasks(
                TasksEvent::TaskAdded { task, assignee: Some(_), .. }
                | TasksEvent::TaskChanged { task, assignee: Some(_), .. },
            ) => of_tasks.push((PageReason::TaskAssigned { task: *task }, BTreeSet::new())),
            IncidentEvent::Tasks(TasksEvent::TaskOverdue { task, .. }) => {
                of_tasks.push((PageReason::TaskOverdue { task: *task }, BTreeSet::new()));
            }
            IncidentEvent::Tasks(TasksEvent::ClaimExpired { task, .. }) => {
                of_tasks.push((PageReason::ClaimRanOut { task: *task }, BTreeSet::new()));
            }
            IncidentEvent::Tasks(TasksEvent::ClaimOverridden { task, .. }) => {
                of_tasks.push((PageReason::ClaimOverridden { task: *task }, BTreeSet::new()));
            }
            IncidentEvent::Paging(PagingEvent::PageRequested { page, reason, person, .. })
                if reason.task().is_some() =>
            {
                let mut told = of_tasks.iter_mut().filter(|(of, _)| of == reason);
                assert!(told.any(|(_, told)| told.insert(person)), "{person} is told twice, or of nothing: {reason:?}");
                tells.insert(*page);
            }
            IncidentEvent::Paging(PagingEvent::PageRequested { page, repeat_of: Some(before), .. })
                if tells.contains(before) =>
            {
                tells.insert(*page);
            }
            IncidentEvent::Life(LifeEvent::Opened { score, .. }) => severity = score.severity,
            IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change)) => {
                severity = change.to;
                // Only an acknowledgement gives way; what is mitigated or over stays silent.
                if quiet.is_some_and(|(until, acknowledged)| until.is_some() && severity > acknowledged) {
                    quiet = None;
                }
            }
            // Whoever is put out is not on it any more.
            IncidentEvent::Access(AccessEvent::PutOut { whom: Whom::Person(person), .. })
                if quiet.is_some_and(|(until, _)| until.is_some())
                    && on_it.is_some_and(|by| *by == Actor::Person(person.clone())) =>
            {
                quiet = None;
            }
            IncidentEvent::Life(LifeEvent::Acknowledged { by, until }) => {
                on_it = Some(by);
                (quiet, asked) = (Some((Some(*until), severity)), false);
            }
            IncidentEvent::Life(LifeEvent::AcknowledgementExpired {}) => {
                assert!(quiet.is_some_and(|(until, _)| until.is_some_and(|until| until <= *at)), "it ran out in time");
                quiet = None;
            }
            IncidentEvent::Life(
                LifeEvent::Mitigated { .. } | LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. },
            ) => {
                (quiet, asked) = (Some((None, severity)), false);
            }
            // Whoever is asked by name, and whoever asked them, is paged whatever was acknowledged, as long as it is open.
            IncidentEvent::Paging(PagingEvent::PageRequested { ask: Some(_), .. }) => {
                assert!(!over, "nobody is needed");
            }
            IncidentEvent::Life(LifeEvent::Reopened { .. })
            | IncidentEvent::Paging(PagingEvent::HandedOver { .. })
            | IncidentEvent::Claims(ClaimsEvent::SignalUnanswered { to: None, .. }) => quiet = None,
            IncidentEvent::Claims(ClaimsEvent::SignalUnanswered { to: Some(person), .. }) => {
                *untold.entry(person).or_default() += 1;
            }
            IncidentEvent::Paging(PagingEvent::PageRequested { reason: PageReason::AnotherClaim, person, .. })
                if quiet.is_some() =>
            {
                let left = untold.get_mut(person).expect("they are told of something");
                *left = left.checked_sub(1).expect("they are told of something new");
                news.insert(person);
            }
            IncidentEvent::Paging(PagingEvent::PageRequested { repeat_of: Some(_), person, .. })
                if news.contains(person) => {}
            IncidentEvent::Paging(PagingEvent::Escalated { reason: PageReason::Asked, .. }) => asked = true,
            IncidentEvent::Paging(PagingEvent::PageRequested { .. }) => {
                assert!(quiet.is_none() || asked, "silence: {event:?}");
            }
            _ => {}
        }
    }
}

/// The place law, read from the events alone: an escalation does not begin afresh while a step of it waits for an answer, however
/// its cause comes and goes.
fn check_place(events: &[(Timestamp, &IncidentEvent)]) {
    let mut waits: Option<Timestamp> = None;
    for (at, event) in events {
        match event {
            IncidentEvent::Paging(PagingEvent::Escalated { reason, next, .. }) => {
                if *reason == PageReason::Opened {
                    assert!(waits.is_none_or(|until| until <= *at), "begun afresh before {waits:?}: {event:?}");
                }
                waits = *next;
            }
            // Where nobody could be reached everybody is tried again sooner than the step would have been due.
            IncidentEvent::Paging(PagingEvent::NobodyReached { next, .. }) => waits = *next,
            // Another team begins at its first tier.
            IncidentEvent::Paging(PagingEvent::HandedOver { .. })
            | IncidentEvent::Access(AccessEvent::PutOut { .. })
            | IncidentEvent::Life(
                LifeEvent::Acknowledged { .. }
                | LifeEvent::Mitigated { .. }
                | LifeEvent::Resolved { .. }
                | LifeEvent::MergedInto { .. },
            ) => waits = None,
            _ => {}
        }
    }
}

/// A person gets at most one first page for a step, and at most one that says it is worse; and each of their contacts at most one page of
/// a chain. Who was told that it is worse can still be paged as the fallback: that the others cannot be reached is news.
fn check_pages(incident: &Incident, events: &[(Timestamp, &IncidentEvent)]) {
    let mut paged: BTreeSet<(PersonId, bool)> = BTreeSet::new();
    for (_, event) in events {
        match event {
            // After a new step, and of whoever is on it when there is more than they knew.
            IncidentEvent::Paging(PagingEvent::Escalated { .. })
            | IncidentEvent::Claims(ClaimsEvent::SignalUnanswered { .. }) => paged.clear(),
            // Whoever was told less is told again.
            IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change)) if change.to > change.from => paged.clear(),
            // What is asked by name is beside the steps.
            IncidentEvent::Paging(PagingEvent::PageRequested { ask: Some(_), .. }) => {}
            IncidentEvent::Paging(PagingEvent::PageRequested { person, repeat_of: None, reason, .. })
                if reason.task().is_none() =>
            {
                let is_worse = *reason == PageReason::SeverityRose;
                assert!(paged.insert((person.clone(), is_worse)), "{person} was paged twice for one step: {reason:?}");
            }
            _ => {}
        }
    }
    let mut repeated = BTreeSet::new();
    for page in incident.pages().values() {
        let mut tried = BTreeSet::new();
        let chain = std::iter::successors(Some(page), |page| incident.pages().get(&page.repeat_of?));
        for page in chain {
            assert!(tried.insert((&page.channel, &page.address)), "a contact was tried twice");
        }
        if let Some(before) = page.repeat_of {
            assert!(repeated.insert(before), "a page was repeated twice");
        }
    }
}

/// The shortest time for which a role may be empty in this house.
const SHORTEST_EMPTY: Duration = Duration::from_mins(1);

/// The law of asks, read from the events alone: nobody is paged for what was answered, and each person at most twice for what a person
/// asked, not counting what repeats a page that did not arrive; and whoever asked is told once at most.
fn check_asks(events: &[(Timestamp, &IncidentEvent)]) {
    let mut open: BTreeMap<u32, (Actor, BTreeMap<PersonId, u32>)> = BTreeMap::new();
    let mut told: BTreeSet<u32> = BTreeSet::new();
    let mut held: BTreeSet<ResponseRole> = BTreeSet::new();
    let Some((began, _)) = events.first() else { return };
    for (at, event) in events {
        match event {
            IncidentEvent::Roles(RolesEvent::RoleTaken { role, .. }) => {
                held.insert(*role);
            }
            IncidentEvent::Roles(RolesEvent::RoleGivenUp { role, .. }) => {
                held.remove(role);
            }
            IncidentEvent::Roles(RolesEvent::AskedIn { ask, by: Actor::System, role, .. }) => {
                // Nobody is paged for a chair that somebody sits on, nor before its time.
                let role = role.expect("we ask for a role");
                assert!(!held.contains(&role), "{role:?} is held");
                assert!(at.since(*began) >= SHORTEST_EMPTY, "{role:?} was missed too soon");
                assert!(open.insert(*ask, (Actor::System, BTreeMap::new())).is_none(), "a number is given once");
            }
            IncidentEvent::Roles(RolesEvent::AskedIn { ask, by, .. }) => {
                assert!(open.insert(*ask, (by.clone(), BTreeMap::new())).is_none(), "a number is given once");
            }
            IncidentEvent::Roles(RolesEvent::AskAccepted { ask, .. } | RolesEvent::AskUnanswered { ask, .. }) => {
                open.remove(ask);
            }
            IncidentEvent::Life(LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. }) => open.clear(),
            IncidentEvent::Paging(PagingEvent::PageRequested {
                ask: Some(ask),
                reason,
                repeat_of: None,
                person,
                ..
            }) => {
                if *reason == PageReason::NotComing {
                    assert!(told.insert(*ask), "whoever asked is told once");
                    continue;
                }
                let (by, paged) = open.get_mut(ask).expect("it is open");
                let times = paged.entry(person.clone()).or_default();
                *times += 1;
                assert!(*by == Actor::System || *times <= 2, "{person} was paged {times} times for one ask");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_of_response_hold(happenings in prop::collection::vec((happening(), prop::bool::weighted(0.8)), 1..80)) {
        let mut world = World::new();
        for (happening, on_time) in happenings {
            world.happen(happening);
            world.check();
            // Now and then the engine is late, as after a crash.
            if on_time {
                world.duties();
                world.check();
            }
        }
        prop_assert!(Board::fold(&world.recorded).unwrap() == world.board, "replay");
        let mut streams: BTreeMap<IncidentId, Vec<&Recorded>> = BTreeMap::new();
        for recorded in &world.recorded {
            let text = recorded.body.to_json().unwrap();
            prop_assert_eq!(&Body::from_json(&recorded.stream, &text).unwrap(), &recorded.body);
            if let Stream::Incident(id) = recorded.stream {
                streams.entry(id).or_default().push(recorded);
            }
        }
        for (id, recorded) in streams {
            let history: Vec<(u64, Timestamp, &IncidentEvent)> = recorded
                .iter()
                .filter_map(|one| match &one.body {
                    Body::Incident(event) => Some((one.version, one.at, event)),
                    Body::Journal(_) => None,
                })
                .collect();
            let incident = Incident::fold(id, history.iter().copied()).unwrap();
            prop_assert_eq!(Some(&incident), world.board.incident(id));
            let events: Vec<(Timestamp, &IncidentEvent)> = history.iter().map(|(_, at, event)| (*at, *event)).collect();
            check_silence(&events);
            check_place(&events);
            check_pages(&incident, &events);
            check_asks(&events);
        }
    }

    #[test]
    fn whatever_is_erased_the_rules_come_to_the_same_end(
        happenings in prop::collection::vec((happening(), prop::bool::weighted(0.8)), 1..60),
        erased in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mut world = World::new();
        for (happening, on_time) in happenings {
            world.happen(happening);
            if on_time {
                world.duties();
            }
        }
        let redacted: Vec<Recorded> = world.recorded.iter().zip(erased.iter().cycle()).map(|(recorded, erase)| {
            let body = if *erase { recorded.body.redacted() } else { recorded.body.clone() };
            assert_eq!(body.redacted(), recorded.body.redacted(), "redacting twice changes nothing");
            assert_eq!(body.kind(), recorded.body.kind());
            Recorded { body, ..recorded.clone() }
        }).collect();
        let board = Board::fold(&redacted).unwrap();
        prop_assert_eq!(board.next_deadline(), world.board.next_deadline());
        for before in world.board.incidents() {
            let after = board.incident(before.id()).unwrap();
            prop_assert_eq!(owed_and_reached(after, &world), owed_and_reached(before, &world));
        }
    }

    #[test]
    fn what_was_kept_with_the_tail_is_the_whole_fold(
        happenings in prop::collection::vec((happening(), prop::bool::weighted(0.8)), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        for (happening, on_time) in happenings {
            world.happen(happening);
            if on_time {
                world.duties();
            }
        }
        let (before, tail) = world.recorded.split_at(cut.index(world.recorded.len() + 1));
        let folded = |id, until| {
            let events = before.iter().chain(tail).filter(|one| one.stream == Stream::Incident(id) && one.version < until);
            let events = events.filter_map(|one| match &one.body {
                Body::Incident(event) => Some((one.version, one.at, event)),
                Body::Journal(_) => None,
            });
            Arc::new(Incident::fold(id, events).unwrap())
        };
        let mut first = Board::fold(before).unwrap();
        while first.cool(&Rules::default(), Timestamp::MAX) > 0 {}
        let kept = Kept::read(&first.keep()).unwrap();
        let warm = kept.warm().iter().map(|(id, version)| folded(*id, version + 1)).collect();
        let mut board = kept.with(warm).unwrap();
        prop_assert!(board == first, "as it was kept");
        for recorded in tail {
            if let Stream::Incident(id) = recorded.stream && board.cold(id).is_some() {
                prop_assert!(board.warm(&folded(id, recorded.version)));
            }
            board.apply(recorded).unwrap();
        }
        prop_assert!(board == world.board, "with the tail");
        prop_assert!(board == Board::fold(&world.recorded).unwrap());
    }

    #[test]
    fn more_never_lowers_a_severity(
        facts in facts(),
        more in facts(),
        quiet in loudness(),
        loud in loudness(),
        low in 0..4_usize,
        high in 0..4_usize,
        radius in 1..300_usize,
        weights in weights(),
    ) {
        let mut services: Vec<Service> = setting().catalogue.services.values().cloned().collect();
        services.sort_by_key(|service| service.criticality);
        let (less, worse) = (&services[low.min(high)], &services[low.max(high)]);
        // Users that nobody stated are the service's: more of them means more than those.
        let users = facts.users.unwrap_or(less.users).max(more.users.unwrap_or(0));
        let all = Facts { users: Some(users), ..facts.merge(&more) };
        prop_assert_eq!(weights.check(), []);
        let before = priority::score(&weights, &facts, quiet.min(loud), Some(less), radius);
        let after = priority::score(&weights, &all, quiet.max(loud), Some(worse), radius + low);
        prop_assert!(after.points >= before.points);
        prop_assert!(after.severity >= before.severity);
        let vector: priority::Vector = after.vector.parse().unwrap();
        prop_assert_eq!(vector.to_string(), after.vector);
    }

    #[test]
    fn more_money_alone_never_lowers_a_score(
        cents in any::<u64>(),
        shift in 0..64_u32,
        permille in 0..1_000_u64,
        weights in weights(),
    ) {
        let claim = |cents| Facts { money_at_risk: Usd::from_cents(cents), ..Facts::default() };
        let less = cents >> shift;
        let more = less.saturating_add(less / 1_000 * permille).saturating_add(permille);
        let points = |cents| priority::score(&weights, &claim(cents), Loudness::Info, None, 1).points;
        prop_assert!(points(less) <= points(more));
    }

    #[test]
    fn facts_add_up_in_any_order(one in facts(), two in facts(), three in facts()) {
        prop_assert_eq!(one.merge(&two), two.merge(&one));
        prop_assert_eq!(one.merge(&two).merge(&three), one.merge(&two.merge(&three)));
        prop_assert_eq!(one.merge(&one), one);
    }
}

/// A claim that states fewer users than the service has makes it milder while it counts. When it is undone, the rest is worse than what was
/// answered for; where nothing of that stands any more it is over, and not open for ever with nobody on it.
#[test]
fn what_is_undone_outgrows_no_answer_where_nothing_is_left() {
    let claim = |number, facts| {
        let (occurrence, on_chain, service, loudness) = (0, false, Some(0), Loudness::Warning);
        Happening::Raise(Claim { number, occurrence, on_chain, service, facts, loudness })
    };
    let mut world = World::new();
    world.happen(claim(1, Facts::default()));
    world.duties();
    world.happen(claim(0, Facts { users: Some(0), ..Facts::default() }));
    world.happen(claim(2, Facts::default()));
    let undo = |world: &mut World, place: usize| {
        let id = world.raised[place];
        world.take(&SignalChange::Retracted { id, reason: "dropped".to_owned() });
    };
    undo(&mut world, 2);
    let id = world.board.incidents().next().unwrap().id();
    assert_eq!(world.board.incident(id).unwrap().severity(), Severity::Sev5, "or this shows nothing");
    world.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    world.happen(Happening::End(0));
    world.happen(Happening::End(1));
    undo(&mut world, 1);
    world.check();
    let incident = world.board.incident(id).unwrap();
    assert_eq!((incident.severity(), incident.phase()), (Severity::Sev4, Phase::Resolved));
}
