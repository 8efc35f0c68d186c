//! What one source may claim, and what becomes of the rest.

use super::*;
use crate::bounds::{Bounds, FactKind};

fn posted(claim: &str) -> Signal {
    Signal { source: Some(name("mon")), ..signal(claim, 0) }
}

fn bounded(bounds: Bounds) -> Desk {
    let mut desk = Desk::new();
    desk.setting.rules.bounds = [(name("mon"), bounds)].into();
    desk
}

fn gathered(fate: Fate) -> IncidentId {
    match fate {
        Fate::Gathered(id) => id,
        other => panic!("want it gathered, got {other:?}"),
    }
}

#[test]
fn what_has_no_place_is_gathered_and_the_worst_is_not_one_of_many() {
    let mut desk = bounded(Bounds { apart: 3, ..Bounds::default() });
    for number in 0..3 {
        desk.open(posted(&format!("thing {number}")));
    }
    let home = gathered(desk.raise(posted("thing 3")));
    for number in 4..60 {
        assert_eq!(desk.raise(posted(&format!("thing {number}"))), Fate::Gathered(home));
    }
    assert_eq!((desk.board.open_incidents(), desk.board.over_bounds().count()), (4, 0));
    assert_eq!(desk.incident(home).title(), "many things about no known service, says mon");
    assert_eq!(desk.incident(home).signals().len(), 58);
    // It is known there, and ends there.
    assert_eq!(desk.raise(posted("thing 5")), Fate::Repeated(home));
    assert_eq!(
        desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"thing 5"]), at: desk.now }).1,
        Fate::Ended(home)
    );
    let stolen = Facts { key_compromise: true, ..Facts::default() };
    desk.open(Signal { facts: stolen, ..posted("the key is stolen") });
    // What another source says, what is about a service, and what has the same kind, is not part of it.
    desk.open(Signal { source: Some(name("other")), ..signal("else", 0) });
    desk.open(Signal { service: Some(name("mail")), ..posted("mail slow") });
    assert!(matches!(desk.raise(Signal { title: "thing 0".to_owned(), ..posted("thing 0 on b") }), Fate::Attached(_)));
    // After a while without news people hear of it anew.
    desk.wait(3_600);
    assert_ne!(gathered(desk.raise(posted("thing 70"))), home);
}

#[test]
fn what_is_too_much_is_gathered_as_bad_as_the_worst_and_pages_once() {
    let mut desk = bounded(Bounds { open_incidents: 2, ..Bounds::default() });
    let light = |claim: &str| Signal { loudness: Loudness::Warning, ..posted(claim) };
    desk.open(light("a"));
    desk.open(light("b"));
    let home = gathered(desk.raise(light("c")));
    assert_eq!(desk.duties(), "", "nothing of it is bad enough");
    let stolen = |claim: &str| Signal { facts: Facts { key_compromise: true, ..Facts::default() }, ..posted(claim) };
    assert_eq!(desk.raise(stolen("d")), Fate::Gathered(home));
    assert_eq!(desk.incident(home).severity(), Severity::Sev1);
    assert!(desk.duties().contains("page ann by push"));
    assert_eq!((desk.raise(stolen("e")), desk.duties().as_str()), (Fate::Gathered(home), ""));
    let over = desk.board.over_bounds().next().unwrap();
    assert_eq!((over.incident, over.signals, over.title.as_str()), (home, 3, "integration mon is over its bound"));
    // A service has its own, with its own people.
    let about = Signal { service: Some(name("mail")), ..light("mail slow") };
    assert_ne!(gathered(desk.raise(about)), home);
    assert_eq!(desk.board.open_incidents(), 4);
    desk.ask(home, Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }));
    assert_eq!(desk.board.over_bounds().count(), 1);
}

#[test]
fn too_fast_is_too_much_and_what_is_repeated_is_not_counted() {
    let mut desk = bounded(Bounds { signals_a_minute: 2, apart: 100, ..Bounds::default() });
    desk.open(posted("a"));
    for _ in 0..50 {
        assert!(matches!(desk.raise(posted("a")), Fate::Repeated(_)));
    }
    desk.open(posted("b"));
    gathered(desk.raise(posted("c")));
    desk.wait(60);
    desk.open(posted("d"));
}

#[test]
fn what_a_source_may_not_claim_does_not_count_and_is_said() {
    let mut facts = Bounds::default().facts;
    facts.remove(&FactKind::Theft);
    facts.remove(&FactKind::MoneyAtRisk);
    let bounds = Bounds { facts, services: Some([name("web")].into()), loudest: Loudness::Error, ..Bounds::default() };
    let mut desk = bounded(bounds);
    let claims = Facts { theft: true, users: Some(7), money_at_risk: Usd::from_dollars(5_000_000), ..Facts::default() };
    let signal = Signal { facts: claims, service: Some(name("mail")), ..posted("mail gone") };
    let home = gathered(desk.raise(signal.clone()));
    let incident = desk.incident(home);
    assert_eq!((incident.service(), incident.facts().theft, incident.facts().users), (None, false, Some(7)));
    assert_eq!(incident.title(), "integration mon claims what it may not");
    let kept = &incident.signals()[&signal.id].signal;
    assert_eq!(
        kept.explanation.text,
        "It may not claim, and it is not counted here: money at risk, theft, that it is critical, anything of the service mail."
    );
    assert_eq!(desk.raise(signal), Fate::Repeated(home), "said again it is no news");
    desk.open(Signal { service: Some(name("web")), loudness: Loudness::Error, ..posted("web slow") });
}

#[test]
fn past_the_last_that_is_kept_only_the_number_goes_on() {
    let mut desk = Desk::new();
    let one = |number: u64| Signal { title: "storm".to_owned(), ..signal(&format!("storm {number}"), 0) };
    let home = desk.open(one(0));
    for number in 1..u64::try_from(crate::limits::SIGNALS_PER_INCIDENT_MAX).unwrap() {
        desk.raise(one(number));
    }
    assert_eq!(desk.raise(one(9_999)), Fate::Counted(home));
}
