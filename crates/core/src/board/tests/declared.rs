//! What somebody declares: an incident of its own, as bad as they guess at least, by the ordinary policy and within bounds.

use super::*;
use crate::{
    bounds::{Bounds, FactKind},
    incident::Declaration,
    policy::{Target, Tier},
};

fn declaration(by: &str, severity: Severity, service: Option<&str>, key: &str) -> Declaration {
    Declaration {
        by: Actor::Person(name(by)),
        source: name(&format!("token.{by}")),
        title: "nobody can withdraw".to_owned(),
        severity,
        service: service.map(name),
        facts: Facts::default(),
        drill: false,
        key: key.to_owned(),
    }
}

fn signal_of(declaration: Declaration, desk: &Desk) -> Signal {
    Arc::unwrap_or_clone(declaration.signal(&desk.setting, desk.now).unwrap())
}

fn declare(desk: &mut Desk, declaration: Declaration) -> Fate {
    let signal = signal_of(declaration, desk);
    desk.raise(signal)
}

fn opened(fate: Fate) -> IncidentId {
    match fate {
        Fate::Opened(id) => id,
        other => panic!("want a new incident, got {other:?}"),
    }
}

#[test]
fn a_guess_is_a_floor_that_explains_itself_until_facts_are_stated_instead() {
    let mut desk = Desk::new();
    let id = opened(declare(&mut desk, declaration("bob", Severity::Sev2, Some("web"), "1")));
    let score = desk.incident(id).score();
    assert_eq!((score.severity, score.gates.as_slice()), (Severity::Sev2, &["declared SEV2 by bob".to_owned()][..]));
    assert!(score.in_words().starts_with("it was declared SEV2 by bob"), "{}", score.in_words());
    let state = |facts, replace| Command::Claims(ClaimsCommand::StateFacts { by: ann(), facts, replace });
    let little = Facts { users: Some(5), ..Facts::default() };
    desk.ask(id, state(little.clone(), false));
    assert_eq!(desk.incident(id).severity(), Severity::Sev2, "more facts never lower it");
    desk.ask(id, state(Facts { key_compromise: true, ..Facts::default() }, false));
    assert_eq!(desk.incident(id).severity(), Severity::Sev1, "worse facts raise it");
    desk.ask(id, state(little, true));
    assert!(desk.incident(id).severity() < Severity::Sev2 && desk.incident(id).declared().is_none());
    assert_eq!(desk.incident(id).declared_by(), Some(&Actor::Person(name("bob"))), "who declared it stays known");
}

#[test]
fn it_is_always_one_of_its_own_and_later_signals_join_it() {
    let mut desk = Desk::new();
    let monitored = desk.open(about("web", "slow"));
    let id = opened(declare(&mut desk, declaration("bob", Severity::Sev3, Some("web"), "1")));
    assert_ne!(id, monitored);
    assert_eq!(desk.raise(about("web", "errors")), Fate::Attached(id), "the latest of the service");
    let second = opened(declare(&mut desk, declaration("bob", Severity::Sev3, Some("web"), "2")));
    assert_ne!(second, id);
    let nowhere = opened(declare(&mut desk, declaration("bob", Severity::Sev3, None, "1")));
    assert_ne!(nowhere, second);
    desk.take(&SignalChange::Raised { signal: Arc::new(about("web", "errors")) });
    // A silence keeps monitors quiet, and nobody who declares.
    let silence = Silence {
        id: Id::from_bytes([1; 16]),
        matchers: vec![Matcher::new("service", "web", false, true).unwrap()],
        starts: desk.now,
        ends: desk.now.plus(Duration::from_hours(1)),
        created_by: "ann".to_owned(),
        comment: String::new(),
        owner: None,
    };
    let set = desk.board.set_silence(silence, &desk.setting, desk.now).unwrap();
    desk.keep(vec![set]);
    opened(declare(&mut desk, declaration("bob", Severity::Sev3, Some("web"), "3")));
}

#[test]
fn a_double_click_or_a_retried_request_opens_nothing() {
    let mut desk = Desk::new();
    let id = opened(declare(&mut desk, declaration("bob", Severity::Sev3, Some("web"), "k")));
    desk.wait(5);
    assert_eq!(declare(&mut desk, declaration("bob", Severity::Sev1, Some("web"), "k")), Fate::Repeated(id));
    assert_eq!(desk.incident(id).severity(), Severity::Sev3);
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }));
    desk.wait(100_000);
    assert_eq!(declare(&mut desk, declaration("bob", Severity::Sev3, Some("web"), "k")), Fate::Repeated(id));
    let drill = Declaration { drill: true, ..declaration("bob", Severity::Sev3, Some("web"), "k") };
    let drill = opened(declare(&mut desk, drill));
    assert!(desk.incident(drill).is_drill());
}

#[test]
fn the_declarer_needs_no_first_page_where_somebody_else_of_the_tier_is_paged() {
    let mut desk = Desk::new();
    opened(declare(&mut desk, declaration("ann", Severity::Sev2, None, "1")));
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)", "there is nobody else");
    let mut desk = Desk::new();
    let both = vec![Target::Person(name("ann")), Target::Person(name("mute")), Target::Person(name("bob"))];
    let policy = desk.setting.roster.policies.get_mut(&name("all")).unwrap();
    policy.tiers[0] = Tier { targets: both, delay: Duration::from_mins(5) };
    opened(declare(&mut desk, declaration("ann", Severity::Sev2, None, "1")));
    let first = desk.duties();
    assert!(first.contains("page bob") && !first.contains("page ann"), "{first}");
    assert!(desk.after(300).contains("tier 1 of round 1"));
    assert!(desk.after(300).contains("page ann by push (NotAcknowledged)"), "nobody answered: they are needed");
    let mut desk = Desk::new();
    let policy = desk.setting.roster.policies.get_mut(&name("all")).unwrap();
    policy.tiers[0].targets.push(Target::Person(name("mute")));
    opened(declare(&mut desk, declaration("ann", Severity::Sev2, None, "1")));
    assert!(desk.duties().contains("page ann by push"), "the other one cannot be reached");
}

#[test]
fn the_bounds_of_a_token_hold_for_what_it_declares() {
    let bounded = |bounds: Bounds| {
        let mut desk = Desk::new();
        desk.setting.rules.bounds = [(name("token.bob"), bounds)].into();
        desk
    };
    let mut desk = bounded(Bounds { open_incidents: 3, apart: 1, ..Bounds::default() });
    for key in ["1", "2", "3"] {
        opened(declare(&mut desk, declaration("bob", Severity::Sev3, None, key)));
    }
    let Fate::Gathered(home) = declare(&mut desk, declaration("bob", Severity::Sev2, None, "4")) else {
        panic!("it is over its bound")
    };
    assert_eq!(desk.incident(home).severity(), Severity::Sev2, "as bad as the worst of it");
    assert_eq!(declare(&mut desk, declaration("bob", Severity::Sev2, None, "4")), Fate::Repeated(home));

    let mut desk = bounded(Bounds { loudest: Loudness::Warning, facts: [FactKind::Users].into(), ..Bounds::default() });
    let Fate::Gathered(home) = declare(&mut desk, declaration("bob", Severity::Sev1, None, "1")) else {
        panic!("it may not be so loud")
    };
    assert_eq!(desk.incident(home).declared().unwrap().severity, Severity::Sev4);
    let said =
        desk.incident(home).signals().values().any(|one| one.signal.explanation.text.contains("that it is SEV1"));
    assert!(said, "and it says what was not counted");

    // What a script declares about no known service is gathered as what a monitor says.
    let mut desk = bounded(Bounds { apart: 1, ..Bounds::default() });
    let by_script =
        |key: &str| Declaration { by: Actor::Token("bob".to_owned()), ..declaration("bob", Severity::Sev3, None, key) };
    opened(declare(&mut desk, by_script("1")));
    assert!(matches!(declare(&mut desk, by_script("2")), Fate::Gathered(_)));
}
