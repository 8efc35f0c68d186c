//! Where signals go, and what people see of it.

use std::time::Duration;

use super::*;
use crate::{
    catalogue::{Catalogue, Criticality, Service},
    chain::{B256, BlockRef},
    id::{DetectorId, SeededIds},
    incident::{PageOutcome, Severity},
    money::Usd,
    policy::{Contact, EscalationPolicy, Person, Roster, Target, Tier},
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
        drill: false,
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
    }
}

fn about(service: &str, claim: &str) -> Signal {
    Signal { service: Some(name(service)), ..signal(claim, 0) }
}

fn on_chain(claim: &str, block: u8, transaction: Option<u8>) -> Signal {
    let position = ChainPosition {
        block: BlockRef { chain: 1, number: u64::from(block), hash: B256::repeat_byte(block) },
        block_time: Timestamp::default(),
        transaction: transaction.map(B256::repeat_byte),
        index: None,
    };
    let detector: DetectorId = name("flash_loan_profit");
    Signal { position: Some(position), status: SignalStatus::Provisional, detector, ..signal(claim, u64::from(block)) }
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
    fn ask(&mut self, id: IncidentId, command: Command) -> String {
        let recorded = self.board.command(id, command, &self.setting, self.now, &mut self.ids).unwrap();
        self.keep(recorded)
    }
    fn duties(&mut self) -> String {
        let mut said = Vec::new();
        for id in self.board.due(self.now) {
            let recorded = self.board.carry_out(id, &self.setting, self.now, &mut self.ids);
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
        let settle = |page| Command::SettlePage { page, outcome: outcome.clone(), latency: Duration::from_millis(20) };
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
        IncidentEvent::Opened { score, .. } => format!("opened {}", score.severity),
        IncidentEvent::SeverityChanged(change) => format!("{} to {}", change.from, change.to),
        IncidentEvent::Escalated { tier, round, reason, .. } => match tier {
            Some(tier) => format!("tier {tier} of round {round}, {reason:?}"),
            None => format!("fallback, {reason:?}"),
        },
        IncidentEvent::PageRequested { person, channel, reason, repeat_of, .. } => {
            format!("page {person} by {channel} ({reason:?}{})", if repeat_of.is_some() { ", a repeat" } else { "" })
        }
        IncidentEvent::PageImpossible { reason, .. } => format!("impossible: {reason}"),
        IncidentEvent::SignalsAbsorbed { count, .. } => format!("counted {count}"),
        other => other.kind().trim_end_matches(".v1").to_owned(),
    }
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

#[test]
fn from_the_first_page_to_a_reopening() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    assert_eq!(desk.incident(id).severity(), Severity::Sev3);
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
    assert_eq!(desk.settle(id, &delivered()), "page_settled; ");
    assert_eq!(desk.after(300), "tier 1 of round 1, NotAcknowledged; page bob by push (NotAcknowledged)");
    desk.wait(60);
    assert_eq!(desk.ask(id, Command::Acknowledge { by: Actor::Person(name("bob")) }), "acknowledged");
    assert_eq!(desk.duties(), "");
    let theft = Facts { theft: true, money_at_risk: Usd::from_dollars(3_000_000), ..Facts::default() };
    let rose = desk.ask(id, Command::StateFacts { by: ann(), facts: theft, replace: false });
    assert_eq!(rose, "facts_stated; SEV3 to SEV1");
    assert_eq!(desk.duties(), "tier 0 of round 1, SeverityRose; page ann by push (SeverityRose)");
    assert_eq!(desk.ask(id, Command::Acknowledge { by: ann() }), "acknowledged");
    assert_eq!(desk.ask(id, Command::Mitigate { by: ann(), note: "paused".to_owned() }), "mitigated");
    assert_eq!(desk.ask(id, Command::Resolve { by: ann(), note: "fixed".to_owned() }), "resolved");
    assert_eq!(desk.board.next_deadline(), None);
    let reopened = desk.ask(id, Command::Reopen { by: ann(), reason: "it is back".to_owned() });
    assert_eq!(reopened, "reopened");
    assert_eq!(desk.duties(), "tier 0 of round 1, Reopened; page ann by push (Reopened)");
}

#[test]
fn rounds_end_at_the_fallback_for_ever() {
    let mut desk = Desk::new();
    desk.open(about("api", "latency"));
    desk.duties();
    let said: Vec<String> = (0..5).map(|_| desk.after(300)).collect();
    assert_eq!(
        said,
        [
            "tier 1 of round 1, NotAcknowledged; page bob by push (NotAcknowledged)",
            "tier 0 of round 2, NotAcknowledged; page ann by push (NotAcknowledged)",
            "tier 1 of round 2, NotAcknowledged; page bob by push (NotAcknowledged)",
            "fallback, NotAcknowledged; page boss by mail (Fallback)",
            "fallback, NotAcknowledged; page boss by mail (Fallback)",
        ]
    );
}

#[test]
fn a_page_that_cannot_arrive_does_not_wait() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    assert_eq!(desk.settle(id, &failed()), "page_settled; page ann by mail (Failed, a repeat)");
    let unknown = PageOutcome::Unknown { error: "no answer".to_owned() };
    assert_eq!(
        desk.settle(id, &unknown),
        "page_settled; impossible: every contact was tried; tier 1 of round 1, Failed; page bob by push (Failed)"
    );
    // The last tier of the round: the fallback now, the next round in its time.
    assert_eq!(
        desk.settle(id, &failed()),
        "page_settled; impossible: every contact was tried; page boss by mail (Fallback)"
    );
    assert_eq!(desk.settle(id, &failed()), "page_settled; impossible: every contact was tried");
    assert_eq!(desk.after(300), "tier 0 of round 2, NotAcknowledged; page ann by push (NotAcknowledged)");
    assert_eq!(
        desk.settle(id, &unknown),
        "page_settled; page ann by mail (MayHaveArrived, a repeat)",
        "the repeat says that the page before may have arrived"
    );
}

#[test]
fn a_tier_that_reaches_nobody_pages_the_fallback_in_the_same_step() {
    let mut desk = Desk::new();
    let policy = desk.setting.roster.policies.values_mut().next().unwrap();
    policy.tiers = vec![
        Tier {
            targets: vec![Target::Schedule(name("empty")), Target::Person(name("mute"))],
            delay: Duration::from_mins(1),
        },
        tier(&["mute", "bob", "bob"]),
    ];
    desk.open(about("api", "latency"));
    assert_eq!(
        desk.duties(),
        "tier 0 of round 1, Opened; impossible: nobody is on call in schedule `empty`; \
         impossible: person `mute` has no contact; page boss by mail (Fallback)"
    );
    assert_eq!(
        desk.after(60),
        "tier 1 of round 1, NotAcknowledged; impossible: person `mute` has no contact; page bob by push (NotAcknowledged)"
    );
}

#[test]
fn an_acknowledgement_that_runs_out_pages_the_same_people_again() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    desk.after(300);
    desk.ask(id, Command::Acknowledge { by: ann() });
    assert_eq!(
        desk.after(3_600),
        "acknowledgement_expired; tier 1 of round 1, AcknowledgementExpired; page bob by push (AcknowledgementExpired)"
    );
    assert_eq!(desk.after(300), "tier 0 of round 2, NotAcknowledged; page ann by push (NotAcknowledged)");
}

#[test]
fn asking_for_the_next_tier_pages_even_while_acknowledged() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    desk.settle(id, &delivered());
    desk.ask(id, Command::Acknowledge { by: ann() });
    let asked = desk.ask(id, Command::Escalate { by: ann(), reason: "I need hands".to_owned() });
    assert_eq!(asked, "note_added; tier 1 of round 1, Asked; page bob by push (Asked)");
    assert_eq!(
        desk.settle(id, &failed()),
        "page_settled; impossible: every contact was tried; page boss by mail (Fallback)"
    );
    assert_eq!(desk.incident(id).phase(), Phase::Acknowledged);
}

#[test]
fn a_quiet_incident_is_shown_and_not_paged() {
    let mut desk = Desk::new();
    let id = desk.open(Signal { loudness: Loudness::Warning, ..signal("disk", 0) });
    assert_eq!(desk.incident(id).severity(), Severity::Sev4);
    assert_eq!(desk.board.next_deadline(), None);
    assert_eq!(desk.raise(Signal { loudness: Loudness::Info, ..signal("note", 0) }), Fate::Noted);
    assert_eq!(desk.board.loose_signals().count(), 1);
    // Louder, and of the same kind: now it pages.
    assert_eq!(desk.raise(Signal { title: "disk".to_owned(), ..signal("disk on b", 0) }), Fate::Attached(id));
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
}

#[test]
fn the_same_signal_twice_is_nothing_and_the_same_claim_is_counted_at_doublings() {
    let mut desk = Desk::new();
    let id = desk.open(signal("down", 0));
    assert_eq!(
        desk.take(&SignalChange::Raised { signal: Arc::new(signal("down", 0)) }),
        (String::new(), Fate::Repeated(id))
    );
    let mut said = Vec::new();
    for occurrence in 1..=40 {
        for _ in 0..2 {
            let (events, fate) = desk.take(&SignalChange::Raised { signal: Arc::new(signal("down", occurrence)) });
            assert_eq!(fate, Fate::Repeated(id));
            said.extend((!events.is_empty()).then(|| format!("{occurrence}: {events}")));
        }
    }
    assert_eq!(said, ["2: counted 2", "4: counted 2", "8: counted 4", "16: counted 8", "32: counted 16"]);
    desk.wait(8 * 60);
    assert_eq!(desk.take(&SignalChange::Raised { signal: Arc::new(signal("down", 41)) }).0, "counted 9");
}

#[test]
fn a_repeat_that_makes_things_worse_is_attached() {
    let mut desk = Desk::new();
    let drained = |dollars, occurrence| Signal {
        facts: Facts { money_at_risk: Usd::from_dollars(dollars), ..Facts::default() },
        ..signal("drain", occurrence)
    };
    let id = desk.open(drained(10_000, 0));
    assert_eq!(desk.raise(drained(10_000, 1)), Fate::Repeated(id));
    assert_eq!(desk.raise(drained(40_000_000, 2)), Fate::Attached(id));
    assert_eq!(desk.incident(id).severity(), Severity::Sev2);
    // A person says otherwise; the same claim again does not overrule them, a worse one does.
    let replace = Command::StateFacts { by: ann(), facts: Facts::default(), replace: true };
    assert_eq!(desk.ask(id, replace), "facts_stated; SEV2 to SEV5");
    assert_eq!(desk.raise(drained(40_000_000, 3)), Fate::Repeated(id));
    assert_eq!(desk.incident(id).severity(), Severity::Sev5);
    assert_eq!(desk.raise(drained(80_000_000, 4)), Fate::Attached(id));
    assert_eq!(desk.incident(id).severity(), Severity::Sev2);
}

#[test]
fn a_cause_absorbs_its_effects() {
    let mut desk = Desk::new();
    let id = desk.open(about("db", "db down"));
    assert_eq!(desk.raise(about("web", "web slow")), Fate::Attached(id), "web needs api, which needs db");
    assert_eq!(desk.raise(about("api", "api slow")), Fate::Attached(id));
    assert!(matches!(desk.raise(about("mail", "mail slow")), Fate::Opened(other) if other != id));
    desk.wait(16 * 60);
    assert!(matches!(desk.raise(about("api", "api down")), Fate::Opened(other) if other != id), "the window is past");
    // An effect that is heard before its cause holds it.
    let mut desk = Desk::new();
    let id = desk.open(about("web", "web slow"));
    assert_eq!(desk.raise(about("db", "db down")), Fate::Attached(id));
}

#[test]
fn several_detectors_on_one_attack_make_one_incident() {
    let mut desk = Desk::new();
    let id = desk.open(on_chain("flash loan", 1, Some(7)));
    let drain = Signal { detector: name("pool_drain"), service: Some(name("db")), ..on_chain("drain", 1, Some(7)) };
    desk.wait(3_600);
    assert_eq!(desk.raise(drain), Fate::Attached(id), "the same transaction, however late");
    let change =
        Signal { detector: name("privileged_change"), service: Some(name("db")), ..on_chain("owner", 1, None) };
    assert_eq!(desk.raise(change), Fate::Attached(id), "the same service in the same block");
    let other = Signal { detector: name("pool_drain"), ..on_chain("other drain", 2, Some(8)) };
    assert!(matches!(desk.raise(other), Fate::Opened(_)));
}

#[test]
fn a_reorganization_that_undoes_everything_stops_the_escalation() {
    let mut desk = Desk::new();
    let attack = Signal { facts: Facts { theft: true, ..Facts::default() }, ..on_chain("drain", 1, Some(7)) };
    let retract = SignalChange::Retracted { id: attack.id, reason: "block 1 was dropped".to_owned() };
    let id = desk.open(attack.clone());
    desk.duties();
    desk.settle(id, &delivered());
    assert_eq!(desk.take(&retract), ("signal_retracted; SEV2 to SEV5".to_owned(), Fate::Retracted(id)));
    assert_eq!((desk.incident(id).phase(), desk.board.next_deadline()), (Phase::Triggered, None));
    assert_eq!(desk.take(&retract).0, "", "twice is once");
    // The chain returns to the block that it had left: the very same signal stands again.
    assert_eq!(desk.raise(attack), Fate::Attached(id));
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
    // Nobody was paged: nothing to explain to anybody.
    let mut desk = Desk::new();
    let id = desk.open(on_chain("drain", 1, Some(7)));
    assert_eq!(desk.take(&retract).0, "signal_retracted; SEV3 to SEV5; resolved");
    assert_eq!(desk.incident(id).phase(), Phase::Resolved);
}

#[test]
fn what_was_acknowledged_once_is_not_paged_again_when_it_comes_and_goes() {
    let mut desk = Desk::new();
    let attack = Signal { facts: Facts { theft: true, ..Facts::default() }, ..on_chain("drain", 1, Some(7)) };
    let id = desk.open(attack.clone());
    desk.duties();
    desk.ask(id, Command::Acknowledge { by: ann() });
    desk.take(&SignalChange::Retracted { id: attack.id, reason: "dropped".to_owned() });
    assert_eq!(desk.raise(Signal { id: Id::from_bytes([3; 16]), ..attack }), Fate::Attached(id));
    assert_eq!((desk.incident(id).severity(), desk.duties()), (Severity::Sev2, String::new()));
}

#[test]
fn monitors_end_what_they_fired() {
    let mut desk = Desk::new();
    let ended = |claim: &str| SignalChange::Ended {
        fingerprint: Fingerprint::of(&[claim.as_bytes()]),
        at: Timestamp::default(),
    };
    let id = desk.open(about("api", "slow"));
    desk.raise(about("api", "errors"));
    assert_eq!(desk.take(&ended("slow")), ("signal_ended".to_owned(), Fate::Ended(id)));
    desk.duties();
    assert_eq!(desk.take(&ended("errors")), ("signal_ended; resolved".to_owned(), Fate::Ended(id)));
    assert_eq!(desk.take(&ended("never seen")).1, Fate::Unknown);
    // It fires again soon: reopened, and paged.
    desk.wait(600);
    let again = Signal { observed: desk.now, ..about("api", "slow") };
    assert_eq!(desk.raise(again), Fate::Attached(id));
    assert_eq!(desk.duties(), "tier 0 of round 1, Reopened; page ann by push (Reopened)");
    // Acknowledged: left to the person, and to the clock if they forget it.
    desk.ask(id, Command::Acknowledge { by: ann() });
    assert_eq!(desk.take(&ended("slow")).0, "signal_ended");
    assert_eq!(desk.after(3_600), "acknowledgement_expired; resolved");
    // Much later: a new incident.
    desk.wait(3_600);
    let later = Signal { observed: desk.now, ..about("api", "slow") };
    assert!(matches!(desk.raise(later), Fate::Opened(other) if other != id));
}

#[test]
fn a_monitor_that_goes_on_after_a_hasty_resolve_is_heard_again() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "slow"));
    desk.ask(id, Command::Resolve { by: ann(), note: String::new() });
    desk.wait(60);
    assert_eq!(desk.raise(about("api", "slow")), Fate::Repeated(id), "it may take a while to clear");
    desk.wait(31 * 60);
    assert!(matches!(desk.raise(about("api", "slow")), Fate::Opened(other) if other != id));
}

#[test]
fn a_new_signal_reopens_what_was_mitigated_and_a_quiet_one_does_not() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "slow"));
    desk.ask(id, Command::Mitigate { by: ann(), note: "restarted".to_owned() });
    assert_eq!(desk.raise(about("api", "slow")), Fate::Repeated(id), "a re-sent signal is not a new one");
    assert_eq!(desk.raise(Signal { loudness: Loudness::Info, ..about("api", "hint") }), Fate::Noted);
    assert_eq!(desk.incident(id).phase(), Phase::Mitigated);
    assert_eq!(desk.raise(about("api", "errors")), Fate::Attached(id));
    assert_eq!(desk.incident(id).phase(), Phase::Triggered);
}

#[test]
fn a_merge_takes_facts_and_live_signals_along() {
    let mut desk = Desk::new();
    let cause = desk.open(about("db", "db down"));
    let facts = Facts { irreversible: true, money_at_risk: Usd::from_dollars(1 << 40), ..Facts::default() };
    let effect = desk.open(Signal { facts, ..about("mail", "mail slow") });
    desk.duties();
    let command = Command::MergeInto { by: ann(), into: cause };
    assert_eq!(desk.ask(effect, command.clone()), "merged_into; merged_from; signal_attached; SEV3 to SEV1");
    assert_eq!(desk.incident(effect).phase(), Phase::Merged);
    assert_eq!(desk.board.holder(effect).map(Incident::id), Some(cause));
    assert_eq!(desk.raise(about("mail", "mail slow")), Fate::Repeated(cause));
    assert_eq!(desk.board.incident_of_signal(&about("mail", "mail slow").id).map(Incident::id), Some(cause));
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"db down"]), at: desk.now });
    assert!(desk.incident(cause).is_open(), "the merged signal still stands");
    let refused = desk.board.command(
        cause,
        Command::MergeInto { by: ann(), into: effect },
        &desk.setting,
        desk.now,
        &mut desk.ids,
    );
    assert_eq!(refused.unwrap_err().code(), "bad_merge");
    let itself = desk.board.command(
        cause,
        Command::MergeInto { by: ann(), into: cause },
        &desk.setting,
        desk.now,
        &mut desk.ids,
    );
    assert_eq!(itself.unwrap_err().code(), "bad_merge");
}

#[test]
fn a_silence_keeps_signals_from_opening_and_is_recorded() {
    let mut desk = Desk::new();
    let silence = Silence {
        id: Id::from_bytes([5; 16]),
        matchers: vec![Matcher::new("service", "api|web", true, true).unwrap()],
        starts: desk.now,
        ends: desk.now.plus(Duration::from_mins(10)),
        created_by: "ann".to_owned(),
        comment: "moving".to_owned(),
    };
    let set = desk.board.set_silence(silence.clone(), desk.now).unwrap();
    desk.keep(vec![set]);
    assert_eq!(
        desk.take(&SignalChange::Raised { signal: Arc::new(about("api", "slow")) }),
        ("signal_noted.v1".to_owned(), Fate::Silenced(silence.id))
    );
    assert_eq!(
        desk.take(&SignalChange::Raised { signal: Arc::new(about("api", "slow")) }),
        (String::new(), Fate::Silenced(silence.id))
    );
    assert!(matches!(desk.raise(about("db", "down")), Fate::Opened(_)));
    desk.wait(601);
    let fate = desk.raise(about("mail", "slow mail"));
    assert!(matches!(fate, Fate::Opened(_)));
    assert!(
        matches!(desk.raise(about("api", "slow")), Fate::Attached(_)),
        "the silence is over and the signal still comes"
    );
    assert_eq!(desk.board.loose_signals().count(), 0);
}

#[test]
fn an_exercise_and_the_real_thing_never_mix() {
    let mut desk = Desk::new();
    let real = desk.open(about("api", "slow"));
    desk.setting.drill = true;
    let drill = desk.open(about("api", "errors"));
    assert!(desk.incident(drill).is_drill());
    let refused =
        desk.board.command(drill, Command::MergeInto { by: ann(), into: real }, &desk.setting, desk.now, &mut desk.ids);
    assert_eq!(refused.unwrap_err().code(), "bad_merge");
}

#[test]
fn a_storm_becomes_one_incident_that_a_person_can_read() {
    let mut desk = Desk::new();
    let id = desk.open(about("db", "down"));
    let mut fates = BTreeMap::new();
    for number in 0..9_000_u64 {
        let signal = about("api", &format!("symptom {number}"));
        let (recorded, fate) = desk.board.take_signal(
            &SignalChange::Raised { signal: Arc::new(signal) },
            &desk.setting,
            desk.now,
            &mut desk.ids,
        );
        for one in &recorded {
            desk.board.apply(one).unwrap();
        }
        desk.recorded.extend(recorded);
        *fates.entry(format!("{fate:?}")).or_insert(0) += 1;
    }
    let incident = desk.incident(id);
    assert_eq!(fates, [(format!("Attached({id})"), 1_999), (format!("Repeated({id})"), 7_001)].into());
    assert_eq!(incident.absorbed(), 4_096);
    assert!(incident.version() < 2_100, "{}", incident.version());
    // What is past the limit has no end of its own, so the incident cannot end by itself.
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"down"]), at: desk.now });
    assert!(desk.incident(id).is_open());
}

#[test]
fn a_service_without_policy_pages_everybody_there_is() {
    let mut desk = Desk::new();
    desk.setting.roster.policies.clear();
    desk.open(about("db", "down"));
    assert_eq!(
        desk.duties(),
        "tier 0 of round 1, Opened; page ann by push (Opened); page bob by push (Opened); page boss by mail (Opened); \
         impossible: person `mute` has no contact"
    );
}

#[test]
fn histories_that_could_not_have_been_are_refused() {
    let mut desk = Desk::new();
    let id = desk.open(about("db", "down"));
    let event =
        |version, event| Recorded { stream: Stream::Incident(id), version, at: desk.now, body: Body::Incident(event) };
    let ghost = Id::from_bytes([9; 16]);
    let bad = [
        event(2, IncidentEvent::AcknowledgementExpired {}),
        event(1, IncidentEvent::AcknowledgementExpired {}),
        event(1, IncidentEvent::SignalConfirmed { signal: ghost }),
        event(
            1,
            IncidentEvent::PageSettled {
                page: Id::from_bytes([9; 16]),
                outcome: delivered(),
                latency_ms: Duration::ZERO,
            },
        ),
        Recorded { stream: Stream::Journal, ..event(0, IncidentEvent::AcknowledgementExpired {}) },
        Recorded {
            stream: Stream::Incident(Id::from_bytes([8; 16])),
            ..event(0, IncidentEvent::AcknowledgementExpired {})
        },
        Recorded {
            body: Body::Journal(JournalEvent::Started { version: String::new(), configuration: String::new() }),
            stream: Stream::Journal,
            ..event(7, IncidentEvent::AcknowledgementExpired {})
        },
    ];
    let before = desk.board.clone();
    let errors: Vec<String> = bad.iter().map(|recorded| desk.board.apply(recorded).unwrap_err().to_string()).collect();
    assert_eq!(errors.len(), 7);
    assert_eq!(desk.board, before, "an error changes nothing");
}
