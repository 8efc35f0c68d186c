//! What somebody's word covers, and who hears of what it does not.

use super::*;
use crate::outbox::{self, DeliveryKind, Unwanted};

fn stolen(service: &str, claim: &str) -> Signal {
    Signal { facts: Facts { key_compromise: true, ..Facts::default() }, ..about(service, claim) }
}

fn acknowledge(by: Actor) -> Command {
    Command::Life(LifeCommand::Acknowledge { by })
}

fn on(by: Actor, signal: &Signal) -> Command {
    Command::Claims(ClaimsCommand::Acknowledge { by, signal: signal.id })
}

fn bob() -> Actor {
    Actor::Person(name("bob"))
}

/// An acknowledged SEV1 of which nothing is owed.
fn answered(by: Actor) -> (Desk, IncidentId) {
    let mut desk = Desk::new();
    let id = desk.open(stolen("db", "stolen"));
    desk.duties();
    desk.settle(id, &delivered());
    desk.ask(id, acknowledge(by));
    (desk, id)
}

#[test]
fn what_joins_is_wanted_by_whoever_is_on_it_until_they_answer_anew() {
    let (mut desk, id) = answered(ann());
    let before = desk.recorded.len();
    assert_eq!(desk.raise(stolen("db", "upgraded")), Fate::Attached(id));
    assert_eq!(desk.duties(), "page ann by push (AnotherClaim)");
    assert_eq!(desk.settle(id, &failed()), "page_settled; page ann by mail (Failed, a repeat)");
    let events = desk.recorded.iter().skip(before).filter_map(|one| match &one.body {
        Body::Incident(event) => Some(event),
        Body::Journal(_) => None,
    });
    let pages: Vec<_> =
        events.flat_map(|event| outbox::deliveries(desk.incident(id), event, &desk.setting.roster)).collect();
    assert_eq!(pages.len(), 2);
    assert!(pages.iter().all(|page| page.kind == DeliveryKind::Page));
    assert!(pages.iter().all(|page| outbox::wanted(desk.incident(id), page) == Ok(())));
    assert_eq!(desk.incident(id).unanswered().unwrap().signal.title, "upgraded");
    desk.ask(id, acknowledge(ann()));
    assert!(pages.iter().all(|page| outbox::wanted(desk.incident(id), page) == Err(Unwanted::Answered)));
    assert_eq!(desk.duties(), "");
}

#[test]
fn where_nobody_can_be_told_nobody_is_on_it() {
    // A token is no person, and Mute has no contact.
    for by in [Actor::Token("script".to_owned()), Actor::Person(name("mute")), Actor::Person(name("gone"))] {
        let (mut desk, id) = answered(by);
        desk.raise(stolen("db", "upgraded"));
        assert!(desk.incident(id).acknowledgement().is_none() && desk.incident(id).wants_answer());
        assert_eq!(desk.duties(), "tier 0 of round 1, AnotherClaim; page ann by push (AnotherClaim)");
    }
    // Nobody learns whether either of her ways works.
    let (mut desk, id) = answered(ann());
    desk.raise(stolen("db", "upgraded"));
    desk.duties();
    desk.settle(id, &failed());
    assert_eq!(
        desk.settle(id, &failed()),
        "page_settled; impossible: every contact was tried; signal_unanswered; tier 0 of round 1, AnotherClaim; \
         page ann by push (AnotherClaim)"
    );
}

#[test]
fn whoever_is_on_it_is_told_at_once_and_then_at_growing_intervals() {
    let (mut desk, id) = answered(ann());
    let mut told = Vec::new();
    for second in 0..3_500_u64 {
        if second.is_multiple_of(10) {
            desk.raise(stolen("db", &format!("upgraded {second}")));
        }
        if desk.duties().contains("AnotherClaim") {
            told.push(second);
            desk.settle(id, &delivered());
        }
        desk.wait(1);
    }
    assert_eq!(told, [0, 60, 180, 420, 900, 1_860]);
    assert!(desk.incident(id).acknowledgement().is_some());
}

#[test]
fn what_is_left_is_covered_when_the_rest_is_undone() {
    let mut desk = Desk::new();
    let (one, other) = (about("api", "one"), about("api", "other"));
    let id = desk.open(one.clone());
    desk.duties();
    desk.raise(other.clone());
    assert_eq!(desk.ask(id, on(bob(), &one)), "signal_acknowledged");
    assert!(desk.incident(id).wants_answer());
    let undone = SignalChange::Retracted { id: other.id, reason: "it was not so".to_owned() };
    assert_eq!(desk.take(&undone).0, "signal_retracted; acknowledged; role_taken");
    assert_eq!(desk.incident(id).acknowledgement().map(|given| given.by.clone()), Some(bob()));

    // So it is where what is undone had made it worse, and not where that is over: it was true, and nobody answered for it.
    for undone in [true, false] {
        let mut desk = Desk::new();
        let id = desk.open(one.clone());
        desk.duties();
        let worse = stolen("api", "worse");
        desk.raise(worse.clone());
        desk.ask(id, on(bob(), &one));
        let gone = if undone {
            SignalChange::Retracted { id: worse.id, reason: "it was not so".to_owned() }
        } else {
            SignalChange::Ended { fingerprint: worse.fingerprint, at: desk.now }
        };
        let said = if undone { "signal_retracted; SEV1 to SEV3; acknowledged; role_taken" } else { "signal_ended" };
        assert_eq!(desk.take(&gone).0, said);
        assert_eq!(desk.incident(id).wants_answer(), !undone);
    }

    // Words that ran out cover nothing, and neither do claims hold alone where somebody stated facts.
    let mut desk = Desk::new();
    let id = desk.open(one.clone());
    desk.duties();
    desk.raise(other.clone());
    desk.ask(id, on(bob(), &one));
    desk.wait(3_600);
    desk.duties();
    assert_eq!(desk.take(&SignalChange::Retracted { id: other.id, reason: "no".to_owned() }).0, "signal_retracted");
    let mut desk = Desk::new();
    let id = desk.open(one.clone());
    let users = Facts { users: Some(9), ..Facts::default() };
    desk.ask(id, Command::Claims(ClaimsCommand::StateFacts { by: ann(), facts: users, replace: false }));
    assert_eq!(desk.ask(id, on(bob(), &one)), "signal_acknowledged");
}

#[test]
fn a_claim_that_gets_worse_is_nobodys_and_one_that_comes_back_as_it_was_is_not() {
    let mut desk = Desk::new();
    let (one, other) = (about("api", "one"), stolen("api", "other"));
    let id = desk.open(other);
    desk.duties();
    desk.raise(one.clone());
    desk.ask(id, on(bob(), &one));
    let taken = |desk: &Desk| desk.incident(id).signals()[&one.id].acknowledged.clone().map(|taken| taken.by);
    let silent = SignalChange::Silent { fingerprint: one.fingerprint, at: desk.now };
    desk.take(&silent);
    assert_eq!(desk.raise(one.clone()), Fate::Attached(id), "its monitor speaks again");
    assert_eq!(taken(&desk), Some(bob()));
    // It makes nothing worse than the stolen key, so it is said to him alone.
    let worse = Signal { facts: Facts { theft: true, ..Facts::default() }, ..one.clone() };
    desk.raise(worse);
    assert_eq!(taken(&desk), None);
    assert_eq!(desk.duties(), "page bob by push (AnotherClaim)");
}
