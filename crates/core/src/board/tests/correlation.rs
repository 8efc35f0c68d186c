//! Where signals go, and what becomes of incidents by them.

use super::*;

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
    let replace = Command::Claims(ClaimsCommand::StateFacts { by: ann(), facts: Facts::default(), replace: true });
    assert_eq!(desk.ask(id, replace), "facts_stated; SEV2 to SEV5");
    assert_eq!(desk.raise(drained(40_000_000, 3)), Fate::Repeated(id));
    assert_eq!(desk.incident(id).severity(), Severity::Sev5);
    assert_eq!(desk.raise(drained(80_000_000, 4)), Fate::Attached(id));
    assert_eq!(desk.incident(id).severity(), Severity::Sev2);
}

#[test]
fn a_claim_that_gets_worse_counts_when_what_was_as_bad_is_undone() {
    let mut desk = Desk::new();
    let drained = |claim, dollars, occurrence| Signal {
        service: Some(name("db")),
        facts: Facts { money_at_risk: Usd::from_dollars(dollars), ..Facts::default() },
        ..signal(claim, occurrence)
    };
    let worst = drained("vault drained", 40_000_000, 0);
    let undone = SignalChange::Retracted { id: worst.id, reason: "the block was undone".to_owned() };
    let id = desk.open(worst);
    let bad = desk.incident(id).severity();
    assert_eq!(desk.raise(drained("balance odd", 1_000, 0)), Fate::Attached(id));
    assert_eq!(
        desk.raise(drained("balance odd", 40_000_000, 1)),
        Fate::Attached(id),
        "the incident is that bad already"
    );
    assert_eq!(desk.raise(drained("balance odd", 40_000_000, 2)), Fate::Repeated(id));
    assert_eq!(desk.raise(drained("balance odd", 1_000, 3)), Fate::Repeated(id));
    desk.take(&undone);
    assert_eq!(desk.incident(id).severity(), bad);
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
    assert_eq!(desk.incident(id).phase(), Phase::Triggered);
    assert_eq!(desk.duties(), "");
    assert_eq!(desk.take(&retract).0, "", "twice is once");
    // The chain returns to the block that it had left: the very same signal stands again, and the page is as unanswered.
    assert_eq!(desk.raise(attack.clone()), Fate::Attached(id));
    assert_eq!(desk.duties(), "");
    assert_eq!(desk.after(300), "tier 1 of round 1, NotAcknowledged; page bob by push (NotAcknowledged)");
    desk.settle(id, &delivered());
    desk.take(&retract);
    assert_eq!(desk.after(300), "resolved");
    assert_eq!(desk.board.next_deadline(), None);
    // It came back too late for the old page to speak for it.
    assert_eq!(desk.raise(attack), Fate::Attached(id));
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
    // Nobody was paged: nothing to explain to anybody.
    let mut desk = Desk::new();
    let id = desk.open(on_chain("drain", 1, Some(7)));
    assert_eq!(desk.take(&retract).0, "signal_retracted; SEV3 to SEV5; resolved");
    assert_eq!(desk.incident(id).phase(), Phase::Resolved);
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
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    assert_eq!(desk.take(&ended("slow")).0, "signal_ended");
    assert_eq!(desk.after(3_600), "acknowledgement_expired; resolved");
    // Much later: a new incident.
    desk.wait(3_600);
    let later = Signal { observed: desk.now, ..about("api", "slow") };
    assert!(matches!(desk.raise(later), Fate::Opened(other) if other != id));
}

#[test]
fn what_a_person_reopened_is_not_closed_by_a_signal() {
    let mut desk = Desk::new();
    let ended = |claim: &str| SignalChange::Ended {
        fingerprint: Fingerprint::of(&[claim.as_bytes()]),
        at: Timestamp::default(),
    };
    let id = desk.open(about("api", "slow"));
    desk.take(&ended("slow"));
    desk.ask(id, Command::Life(LifeCommand::Reopen { by: ann(), reason: "users still complain".to_owned() }));
    assert_eq!(desk.duties(), "tier 0 of round 1, Reopened; page ann by push (Reopened)");
    assert_eq!(desk.raise(about("api", "errors")), Fate::Attached(id));
    assert_eq!(desk.take(&ended("errors")).0, "signal_ended");
    assert!(desk.incident(id).wants_answer());
}

#[test]
fn a_monitor_that_goes_on_after_a_hasty_resolve_is_heard_again() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "slow"));
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }));
    desk.wait(60);
    assert_eq!(desk.raise(about("api", "slow")), Fate::Repeated(id), "it may take a while to clear");
    desk.wait(31 * 60);
    assert!(matches!(desk.raise(about("api", "slow")), Fate::Opened(other) if other != id));
}

#[test]
fn a_new_signal_reopens_what_was_mitigated_and_a_quiet_one_does_not() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "slow"));
    desk.ask(id, Command::Life(LifeCommand::Mitigate { by: ann(), note: "restarted".to_owned() }));
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
    let command = Command::Life(LifeCommand::MergeInto { by: ann(), into: cause });
    assert_eq!(desk.ask(effect, command.clone()), "merged_into; merged_from; signal_attached; SEV3 to SEV1");
    assert_eq!(desk.incident(effect).phase(), Phase::Merged);
    assert_eq!(desk.board.holder(effect).map(Incident::id), Some(cause));
    assert_eq!(desk.raise(about("mail", "mail slow")), Fate::Repeated(cause));
    assert_eq!(desk.board.incident_of_signal(&about("mail", "mail slow").id), Some(cause));
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"db down"]), at: desk.now });
    assert!(desk.incident(cause).is_open(), "the merged signal still stands");
    let refused = desk.board.command(
        cause,
        Command::Life(LifeCommand::MergeInto { by: ann(), into: effect }),
        &desk.setting,
        desk.now,
        &mut desk.ids,
    );
    assert_eq!(refused.unwrap_err().code(), "bad_merge");
    let itself = desk.board.command(
        cause,
        Command::Life(LifeCommand::MergeInto { by: ann(), into: cause }),
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
        owner: None,
    };
    let set = desk.board.set_silence(silence.clone(), &desk.setting, desk.now).unwrap();
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
    let exercise = |claim| about("api", claim).into_drill();
    let drill = desk.open(exercise("errors"));
    assert!(desk.incident(drill).is_drill());
    assert!(!desk.incident(real).is_drill());
    // The exercise claims what is really claimed, and each goes its own way from there.
    assert_eq!(desk.raise(exercise("slow")), Fate::Attached(drill));
    assert_eq!(desk.raise(about("api", "slow")), Fate::Repeated(real));
    assert_eq!(desk.raise(about("api", "late")), Fate::Attached(real));
    let over = |signal: Signal| SignalChange::Ended { fingerprint: signal.fingerprint, at: Timestamp::default() };
    desk.take(&over(exercise("slow")));
    assert_eq!(desk.incident(real).live_signals(), 2);
    assert_eq!(desk.incident(drill).live_signals(), 1);
    let refused = desk.board.command(
        drill,
        Command::Life(LifeCommand::MergeInto { by: ann(), into: real }),
        &desk.setting,
        desk.now,
        &mut desk.ids,
    );
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
    assert_eq!(fates, [(format!("Attached({id})"), 1_999), (format!("Counted({id})"), 7_001)].into());
    assert_eq!(incident.absorbed(), 4_096);
    assert!(incident.version() < 2_100, "{}", incident.version());
    // What is past the limit has no end of its own, so the incident cannot end by itself.
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"down"]), at: desk.now });
    assert!(desk.incident(id).is_open());
}

#[test]
fn histories_that_could_not_have_been_are_refused() {
    let mut desk = Desk::new();
    let id = desk.open(about("db", "down"));
    let event =
        |version, event| Recorded { stream: Stream::Incident(id), version, at: desk.now, body: Body::Incident(event) };
    let ghost = Id::from_bytes([9; 16]);
    let bad = [
        event(2, IncidentEvent::Life(LifeEvent::AcknowledgementExpired {})),
        event(1, IncidentEvent::Life(LifeEvent::AcknowledgementExpired {})),
        event(1, IncidentEvent::Claims(ClaimsEvent::SignalConfirmed { signal: ghost })),
        event(
            1,
            IncidentEvent::Paging(PagingEvent::PageSettled {
                page: Id::from_bytes([9; 16]),
                outcome: delivered(),
                latency_ms: Duration::ZERO,
            }),
        ),
        Recorded { stream: Stream::Journal, ..event(0, IncidentEvent::Life(LifeEvent::AcknowledgementExpired {})) },
        Recorded {
            stream: Stream::Incident(Id::from_bytes([8; 16])),
            ..event(0, IncidentEvent::Life(LifeEvent::AcknowledgementExpired {}))
        },
        Recorded {
            body: Body::Journal(JournalEvent::Started { version: String::new(), configuration: String::new() }),
            stream: Stream::Journal,
            ..event(7, IncidentEvent::Life(LifeEvent::AcknowledgementExpired {}))
        },
    ];
    let before = desk.board.clone();
    let errors: Vec<String> = bad.iter().map(|recorded| desk.board.apply(recorded).unwrap_err().to_string()).collect();
    assert_eq!(errors.len(), 7);
    assert_eq!(desk.board, before, "an error changes nothing");
}
