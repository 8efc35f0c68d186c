//! What is kept of a board and read back.

use super::*;

fn folded(desk: &Desk, id: IncidentId, until: u64) -> Arc<Incident> {
    let events = desk.recorded.iter().filter(|one| one.stream == Stream::Incident(id) && one.version <= until);
    let events = events.filter_map(|one| match &one.body {
        Body::Incident(event) => Some((one.version, one.at, event)),
        Body::Journal(_) => None,
    });
    Arc::new(Incident::fold(id, events).unwrap())
}

/// The board as a start makes it of what was kept.
fn taken_up(desk: &Desk, bytes: &[u8]) -> Result<Board, BadKept> {
    let kept = Kept::read(bytes)?;
    let warm = kept.warm().iter().map(|(id, version)| folded(desk, *id, *version)).collect();
    kept.with(warm)
}

/// A desk with something of everything that a board holds.
fn busy() -> (Desk, IncidentId) {
    let mut desk = Desk::new();
    let over = desk.open(about("web", "over"));
    desk.duties();
    desk.settle(over, &delivered());
    desk.ask(over, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.ask(over, Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }));
    desk.end("over");
    let text = desk.recorded.iter().map(|one| one.body.to_json().unwrap()).next().unwrap();
    let stream = Stream::Incident(over);
    let erased = vec![crate::journal::ErasedEvent { version: 0, redaction: crate::erasure::digest(&text) }];
    let erasure = JournalEvent::Erased { stream, events: erased, by: ann(), reason: "asked for".to_owned() };
    desk.keep(vec![desk.board.journal(erasure, desk.now)]);
    desk.wait(2 * 3_600);
    assert_eq!(desk.board.cool(&desk.setting.rules, desk.now), 1);
    desk.open(about("db", "open"));
    desk.open(signal("about no service", 0));
    desk.duties();
    for occurrence in 0..2 {
        desk.raise(Signal { loudness: Loudness::Info, ..signal("quiet", occurrence) });
        desk.wait(3_600);
    }
    let silence = Silence {
        id: Id::from_bytes([3; 16]),
        matchers: vec![Matcher::new("alertname", "Ab.*", true, true).unwrap()],
        starts: desk.now,
        ends: desk.now.plus(Duration::from_hours(1)),
        created_by: "ann".to_owned(),
        comment: "moving".to_owned(),
        owner: None,
    };
    desk.keep(vec![desk.board.set_silence(silence, &desk.setting, desk.now).unwrap()]);
    let gap = Gap {
        source: name("node"),
        chain: ChainId::evm(1),
        kind: GapKind::Unreachable,
        from_block: None,
        to_block: None,
        since: desk.now,
        closed: None,
        detail: String::new(),
    };
    desk.keep(vec![desk.board.journal(JournalEvent::GapOpened { gap }, desk.now)]);
    let told = JournalEvent::EventSetAside { place: 3, reason: "torn".to_owned() };
    desk.keep(vec![desk.board.journal(told, desk.now)]);
    (desk, over)
}

#[test]
fn a_board_that_was_kept_is_the_same_board() {
    let (mut desk, over) = busy();
    let kept = desk.board.keep();
    let board = taken_up(&desk, &kept).unwrap();
    assert_eq!(board, desk.board);
    assert_eq!(desk.board, board);
    assert_eq!(board.keep(), kept, "the same bytes");
    assert_eq!(board.cold(over), desk.board.cold(over));
    assert_eq!(board.list(Which::All, None, 10), desk.board.list(Which::All, None, 10));
    assert_eq!(board.next_deadline(), desk.board.next_deadline());
    assert_eq!(board.due(Timestamp::MAX), desk.board.due(Timestamp::MAX));
    // It goes on like the other, and what is over goes cold.
    desk.board = board;
    desk.wait(60);
    desk.duties();
    desk.open(about("mail", "later"));
    assert_eq!(desk.board, Board::fold(&desk.recorded).unwrap());
}

#[test]
fn bytes_that_are_cut_or_changed_make_no_board_or_another_one_and_never_a_panic() {
    let (desk, _) = busy();
    let kept = desk.board.keep();
    for end in 0..kept.len() {
        assert!(Kept::read(&kept[..end]).is_err(), "cut at {end}");
    }
    let mut longer = kept.clone();
    longer.push(0);
    assert!(matches!(Kept::read(&longer), Err(BadKept::Cut)));
    for at in 0..kept.len() {
        for flip in [1_u8, 0x80] {
            let mut changed = kept.clone();
            changed[at] ^= flip;
            if let Ok(board) = std::panic::catch_unwind(|| Kept::read(&changed)).expect("it panics") {
                drop(board);
            }
        }
    }
}

#[test]
fn an_incident_that_went_on_is_not_the_one_that_was_kept() {
    let mut desk = Desk::new();
    let id = desk.open(signal("a", 0));
    let kept = Kept::read(&desk.board.keep()).unwrap();
    let version = desk.incident(id).version();
    assert_eq!(kept.warm(), [(id, version)]);
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    let later = vec![desk.board.shared(id).unwrap()];
    assert!(matches!(kept.with(later), Err(BadKept::Other { want, .. }) if want == version));
}
