//! Incidents that go cold, and what brings them back.

use super::*;

/// The incident folded anew from what was recorded of it, as a store would give it.
fn refolded(desk: &Desk, id: IncidentId) -> Arc<Incident> {
    let events = desk.recorded.iter().filter(|one| one.stream == Stream::Incident(id));
    let events = events.filter_map(|one| match &one.body {
        Body::Incident(event) => Some((one.version, one.at, event)),
        Body::Journal(_) => None,
    });
    Arc::new(Incident::fold(id, events).unwrap())
}

/// A resolved incident that has gone cold.
fn cold(desk: &mut Desk, claim: &str) -> IncidentId {
    let id = desk.open(signal(claim, 0));
    desk.duties();
    desk.settle(id, &delivered());
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }));
    desk.end(claim);
    assert_eq!(desk.board.cool(&desk.setting.rules, desk.now), 0, "too early");
    desk.wait(31 * 60);
    assert_eq!(desk.board.cool(&desk.setting.rules, desk.now), 1);
    assert!(desk.board.incident(id).is_none());
    id
}

#[test]
fn a_row_is_the_projection_of_the_incident_and_a_cold_board_is_still_the_fold() {
    let mut desk = Desk::new();
    let open = desk.open(about("web", "still open"));
    let ids = [cold(&mut desk, "a"), cold(&mut desk, "b")];
    for id in ids {
        let row = desk.board.cold(id).unwrap();
        assert_eq!(**row, IncidentRow::of(&refolded(&desk, id)));
    }
    assert_eq!(Board::fold(&desk.recorded).unwrap(), desk.board);
    assert_eq!(desk.board, Board::fold(&desk.recorded).unwrap());
    assert!(desk.board.incident(open).is_some(), "what is open never goes cold");
    assert_eq!(desk.board.list(Which::All, None, 10).rows.len(), 3);
    let others = Board::fold(desk.recorded.iter().filter(|one| one.stream != Stream::Incident(ids[0]))).unwrap();
    assert_ne!(others, desk.board);
    assert_ne!(desk.board, others);
}

#[test]
fn one_whose_page_is_under_way_stays_warm_until_its_outcome_is_known() {
    let mut desk = Desk::new();
    let id = desk.open(signal("a", 0));
    desk.duties();
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }));
    desk.end("a");
    desk.wait(3_600);
    assert_eq!(desk.board.cool(&desk.setting.rules, desk.now), 0);
    desk.settle(id, &delivered());
    desk.wait(3_600);
    assert_eq!(desk.board.cool(&desk.setting.rules, desk.now), 1);
}

#[test]
fn what_touches_a_cold_incident_says_so_and_finds_it_warm_again() {
    let mut desk = Desk::new();
    let id = cold(&mut desk, "a");
    let wanted = |desk: &Desk, change| desk.board.wanted(&change, &desk.setting.rules, desk.now);
    let known = signal("a", 0);
    let ended = SignalChange::Ended { fingerprint: known.fingerprint, at: desk.now };
    assert_eq!(wanted(&desk, SignalChange::Raised { signal: Arc::new(signal("b", 0)) }), []);
    assert_eq!(
        wanted(&desk, SignalChange::Raised { signal: Arc::new(signal("a", 1)) }),
        [],
        "its claim opens a new one"
    );
    assert_eq!(wanted(&desk, SignalChange::Raised { signal: Arc::new(known.clone()) }), [id]);
    assert_eq!(wanted(&desk, SignalChange::Confirmed { id: known.id }), [id]);
    assert_eq!(wanted(&desk, ended.clone()), [], "nothing of it is live");
    assert!(!desk.board.warm(&refolded_opening(&desk, id)), "not the one that went cold");
    assert!(desk.board.warm(&refolded(&desk, id)));
    assert_eq!(desk.take(&ended).0, "", "it was over before");
    desk.wait(3_600);
    assert_eq!(desk.board.cool(&desk.setting.rules, desk.now), 1);
}

/// The incident as its first event made it: not the one that went cold.
fn refolded_opening(desk: &Desk, id: IncidentId) -> Arc<Incident> {
    let first = desk.recorded.iter().find(|one| one.stream == Stream::Incident(id)).unwrap();
    let Body::Incident(event) = &first.body else { panic!("{first:?}") };
    Arc::new(Incident::first(id, first.at, event).unwrap())
}

#[test]
fn a_longer_time_to_reopen_reaches_what_is_cold() {
    let mut desk = Desk::new();
    let id = cold(&mut desk, "a");
    desk.setting.rules.reopen = Duration::from_hours(24);
    let again = SignalChange::Raised { signal: Arc::new(signal("a", 1)) };
    assert_eq!(desk.board.wanted(&again, &desk.setting.rules, desk.now), [id]);
    assert!(desk.board.warm(&refolded(&desk, id)));
    assert_eq!(desk.take(&again).1, Fate::Attached(id));
}
