//! Histories that do not fold.

use super::*;

#[test]
fn an_incident_that_is_set_aside_is_gone_from_everything_and_people_are_told_once() {
    let mut desk = Desk::new();
    let id = desk.open(Signal { facts: Facts { users: Some(5), ..Facts::default() }, ..signal("a", 0) });
    let other = desk.open(about("web", "b"));
    desk.duties();
    desk.board.set_aside(id, "event 4 is torn");
    assert_eq!(
        desk.board.untold(desk.now).unwrap().1.facts.users,
        Some(5),
        "as bad as what cannot be followed any more"
    );
    assert!(desk.board.incident(id).is_none() && desk.board.incident(other).is_some());
    assert_eq!((desk.board.open_incidents(), desk.board.list(Which::All, None, 9).rows.len()), (1, 1));
    let refused = desk.board.command(
        id,
        Command::Life(LifeCommand::Acknowledge { by: ann() }),
        &desk.setting,
        desk.now,
        &mut desk.ids,
    );
    assert_eq!(refused, Err(Refusal::SetAside { id, reason: "event 4 is torn".to_owned() }));
    assert!(!desk.board.due(Timestamp::MAX).contains(&Stream::Incident(id)), "it pages nobody");

    let (event, told) = desk.board.untold(desk.now).unwrap();
    let said = desk.board.journal(event, desk.now);
    assert_eq!(desk.keep(vec![said]), "stream_set_aside.v1");
    assert_eq!(desk.board.untold(desk.now), None, "once");
    let Fate::Opened(page) = desk.raise((*told).clone()) else { panic!("it opens an incident of its own") };
    assert_eq!(desk.incident(page).severity(), Severity::Sev3);
    assert_eq!(
        desk.incident(page).escalation().policy.page_at,
        Severity::Sev5,
        "somebody is paged, whatever the policy says"
    );
    assert!(matches!(desk.raise(signal("a", 1)), Fate::Opened(_)), "what it claimed opens a new one");
    assert_eq!(desk.board.damage().count(), 1);
}

#[test]
fn an_event_that_cannot_be_read_is_passed_over_and_told() {
    let mut desk = Desk::new();
    let mut damaged = Board::default();
    damaged.pass_over(7, Some(0), "torn");
    assert_eq!(damaged.journal_len(), 1);
    let (event, signal) = damaged.untold(desk.now).unwrap();
    assert_eq!(event, JournalEvent::EventSetAside { place: 7, reason: "torn".to_owned() });
    damaged.apply(&damaged.journal(event, desk.now)).unwrap();
    assert_eq!((damaged.untold(desk.now), damaged.damage().count()), (None, 1));
    assert!(matches!(desk.raise((*signal).clone()), Fate::Opened(_)));
}

#[test]
fn what_does_not_fold_is_seen_before_anything_of_it_is_taken_in() {
    let mut desk = Desk::new();
    let id = desk.open(signal("a", 0));
    let resolve = desk.board.command(
        id,
        Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }),
        &desk.setting,
        desk.now,
        &mut desk.ids,
    );
    let good = resolve.unwrap().remove(0);
    let twice = Recorded { version: good.version + 1, ..good.clone() };
    let misfit = desk.board.fits(&[good.clone(), twice]).unwrap_err();
    assert_eq!(misfit.stream, Stream::Incident(id));
    assert!(misfit.reason.contains("resolved"), "{}", misfit.reason);
    assert_eq!(desk.board.fits(&[Recorded { version: 9, ..good.clone() }]).unwrap_err().stream, Stream::Incident(id));
    assert_eq!(desk.board.fits(&[good]), Ok(()));
}
