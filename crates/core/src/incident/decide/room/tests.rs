use std::time::Duration;

use super::super::tests::Case;
use crate::{
    id::{Id, MessageId, PersonId},
    incident::{
        Actor, Closing, Command, IncidentEvent, LifeCommand, LifeEvent, MessageKind, RoomCommand, RoomEvent, Seen,
        note_id,
    },
    limits::{EVENTS_PER_INCIDENT_MAX, PINS_MAX, PRESENCE_GRACE, ROOM_EVENTS_MAX, ROOM_PACE_MAX, ROOM_PACE_SPAN},
    policy::Person,
};

fn person(who: &str) -> Actor {
    Actor::Person(who.parse().unwrap())
}

fn write(who: &str, kind: MessageKind, text: &str, key: Option<&str>) -> Command {
    let (by, text, key) = (person(who), text.to_owned(), key.map(ToOwned::to_owned));
    Command::Room(RoomCommand::Write { by, kind, text, reply_to: None, key, origin: None })
}
fn say(who: &str, text: &str) -> Command {
    write(who, MessageKind::Message, text, None)
}
fn answer(who: &str, question: MessageId) -> Command {
    let (by, text) = (person(who), "bob does".to_owned());
    let kind = MessageKind::Answer;
    Command::Room(RoomCommand::Write { by, kind, text, reply_to: Some(question), key: None, origin: None })
}
fn edit(who: &str, message: MessageId, text: &str) -> Command {
    Command::Room(RoomCommand::Edit { by: person(who), message, text: text.to_owned(), origin: None })
}
fn withdraw(who: &str, message: MessageId, reason: &str) -> Command {
    Command::Room(RoomCommand::Withdraw { by: person(who), message, reason: reason.to_owned(), origin: None })
}
fn pin(who: &str, message: MessageId) -> Command {
    Command::Room(RoomCommand::Pin { by: person(who), message })
}

impl Case {
    /// Asks, and gives the message that was written.
    fn wrote(&mut self, command: Command) -> MessageId {
        self.ask(command);
        *self.incident.room().before(u64::MAX, 1).last().unwrap()
    }
    fn open_questions(&self) -> Vec<MessageId> {
        self.incident.room().open_questions().collect()
    }
}

#[test]
fn a_question_stays_open_until_an_answer_stands() {
    let mut case = Case::new();
    let question = case.wrote(write("ana", MessageKind::Question, "who holds the key?", None));
    assert_eq!(case.open_questions(), [question]);
    let remark = case.wrote(say("bob", "not me"));
    assert_eq!(case.code(answer("bob", remark)), "bad_message");
    assert_eq!(case.code(answer("bob", Id::from_bytes([9; 16]))), "no_such_message");
    let first = case.wrote(answer("bob", question));
    assert_eq!(case.open_questions(), []);
    let second = case.wrote(answer("cid", question));
    case.ask(withdraw("bob", first, ""));
    assert_eq!(case.open_questions(), [], "another answer stands");
    case.ask(withdraw("cid", second, ""));
    assert_eq!(case.open_questions(), [question]);
    case.ask(withdraw("ana", question, ""));
    assert_eq!(case.open_questions(), []);
    assert_eq!(case.code(answer("bob", question)), "bad_message");
}

#[test]
fn a_message_is_its_authors_alone_to_change_and_anybodys_to_withdraw_with_a_reason() {
    let mut case = Case::new();
    let decision = case.wrote(write("ana", MessageKind::Decision, "we stop withdrawals", None));
    assert_eq!(case.code(edit("bob", decision, "we do not")), "bad_message");
    case.ask(edit("ana", decision, "we stop withdrawals and deposits"));
    assert_eq!(case.decide(edit("ana", decision, "we stop withdrawals and deposits")), Ok(Vec::new()), "said already");
    assert_eq!(case.incident.room().message(decision).unwrap().edited, Some(case.incident.version()));
    case.ask(pin("bob", decision));
    assert_eq!(case.decide(pin("ana", decision)), Ok(Vec::new()));
    assert_eq!(case.code(withdraw("bob", decision, " ")), "bad_request");
    case.ask(withdraw("bob", decision, "it names a customer"));
    let room = case.incident.room();
    assert_eq!((room.pins(), room.decisions().count()), ([].as_slice(), 0));
    assert_eq!(case.decide(withdraw("ana", decision, "")), Ok(Vec::new()), "it is withdrawn already");
    for late in [edit("ana", decision, "again"), pin("ana", decision)] {
        assert_eq!(case.code(late), "bad_message");
    }
}

#[test]
fn a_key_makes_sending_twice_harmless_and_is_of_one_message_alone() {
    let mut case = Case::new();
    let said = || write("ana", MessageKind::Message, "the vault is empty", Some("k1"));
    let first = case.wrote(said());
    assert_eq!(case.decide(said()), Ok(Vec::new()));
    assert_eq!(case.code(write("ana", MessageKind::Message, "it is not", Some("k1"))), "key_used");
    assert_eq!(case.code(write("ana", MessageKind::Decision, "the vault is empty", Some("k1"))), "key_used");
    assert_ne!(case.wrote(write("bob", MessageKind::Message, "the vault is empty", Some("k1"))), first);
    for bad in ["", &"k".repeat(65)] {
        assert_eq!(case.code(write("ana", MessageKind::Message, "x", Some(bad))), "bad_text");
    }
    case.ask(edit("ana", first, "the vault is nearly empty"));
    assert_eq!(case.decide(said()), Ok(Vec::new()), "what was sent is what counts");
    case.apply(&LifeEvent::MergedInto { by: person("ana"), into: Id::from_bytes([8; 16]) }.into());
    assert_eq!(case.decide(said()), Ok(Vec::new()), "it arrived, whatever happened since");
}

#[test]
fn a_script_that_is_stuck_is_stopped_and_others_are_not() {
    let mut case = Case::new();
    for _ in 0..ROOM_PACE_MAX {
        case.ask(say("bot", "again"));
    }
    assert_eq!(case.code(say("bot", "again")), "too_fast");
    let mine = case.wrote(say("ana", "who is that?"));
    for stuck in [edit("bot", mine, "x"), pin("bot", mine)] {
        assert_ne!(case.code(stuck), "accepted");
    }
    case.now = case.now.plus(ROOM_PACE_SPAN).minus(Duration::from_millis(1));
    assert_eq!(case.code(say("bot", "again")), "too_fast");
    case.now = case.now.plus(Duration::from_millis(1));
    assert_eq!(case.code(say("bot", "again")), "accepted");
}

#[test]
fn the_room_and_the_incident_have_bounds_of_their_own() {
    let mut case = Case::new();
    let written = |n: u64| {
        let (message, text) = (Id::digest(&[&n.to_be_bytes()]), "again".to_owned());
        let (by, kind) = (person("ana"), MessageKind::Message);
        IncidentEvent::Room(RoomEvent::MessageWritten { message, by, kind, text, reply_to: None, origin: None })
    };
    for n in 0..ROOM_EVENTS_MAX {
        case.apply(&written(n));
    }
    case.now = case.now.plus(ROOM_PACE_SPAN);
    assert_eq!(case.code(say("bob", "more")), "room_full");
    assert!(!case.incident.is_too_long());
    let note = |text: &str| Command::Room(RoomCommand::Note { by: person("bob"), text: text.to_owned() });
    assert_eq!(case.code(note("a note")), "accepted");
    let first = Id::digest(&[&0_u64.to_be_bytes()]);
    assert_eq!(case.code(withdraw("bob", first, "a customer's name")), "accepted");
    while !case.incident.is_too_long() {
        case.apply(&IncidentEvent::Room(RoomEvent::NoteAdded { by: person("bob"), text: "again".to_owned() }));
    }
    assert_eq!(case.incident.version() + 1, EVENTS_PER_INCIDENT_MAX + ROOM_EVENTS_MAX);
    assert_eq!(case.code(note("a note")), "incident_too_long");
    let resolve = Command::Life(LifeCommand::Resolve {
        by: person("bob"),
        note: "it is back".to_owned(),
        closing: Closing::default(),
    });
    assert_eq!(case.code(resolve), "accepted");
}

#[test]
fn pins_are_few() {
    let mut case = Case::new();
    for n in 0..=PINS_MAX {
        let message = case.wrote(say(&format!("p{n}"), "look here"));
        let want = if n < PINS_MAX { "accepted" } else { "too_many_pins" };
        assert_eq!(case.code(pin("ana", message)), want);
        if n < PINS_MAX {
            case.apply(&RoomEvent::MessagePinned { message, by: person("ana") }.into());
        }
    }
}

#[test]
fn a_note_is_a_message_of_the_room() {
    let mut case = Case::new();
    case.ask(Command::Room(RoomCommand::Note { by: person("ana"), text: "the key is in the safe".to_owned() }));
    let note = note_id(case.incident.id(), case.incident.version());
    assert_eq!(case.incident.room().before(u64::MAX, 10), [note]);
    case.ask(pin("bob", note));
    case.ask(edit("ana", note, "the key is in the other safe"));
    case.ask(withdraw("ana", note, ""));
    assert_eq!(case.incident.room().pins(), []);
}

#[test]
fn what_was_merged_takes_nothing_but_a_withdrawal() {
    let mut case = Case::new();
    let mine = case.wrote(say("ana", "here"));
    case.apply(&LifeEvent::MergedInto { by: person("ana"), into: Id::from_bytes([8; 16]) }.into());
    for late in [say("ana", "still here"), edit("ana", mine, "there"), pin("ana", mine)] {
        assert_eq!(case.code(late), "wrong_phase");
    }
    assert_eq!(case.code(withdraw("ana", mine, "")), "accepted");
}

#[test]
fn who_was_not_seen_for_the_grace_has_left() {
    let mut case = Case::new();
    let ana: PersonId = "ana".parse().unwrap();
    let known = Person { id: ana.clone(), name: "Ana".to_owned(), zone: "UTC".to_owned(), contacts: Vec::new() };
    case.setting.roster.people.insert(ana.clone(), known);
    let mut seen = Seen::default();
    let enter = seen.see(&case.incident, &ana, case.now).unwrap();
    case.ask(Command::Room(enter.clone()));
    assert_eq!(case.decide(Command::Room(enter)), Ok(Vec::new()));
    let entered = case.now;
    case.now = entered.plus(Duration::from_mins(4));
    assert_eq!(seen.see(&case.incident, &ana, case.now), None, "present already");
    let early = Command::Room(RoomCommand::Leave { person: ana.clone(), seen: case.now });
    case.now = entered.plus(PRESENCE_GRACE);
    assert_eq!((seen.gone(case.now), case.decide(early)), (Vec::new(), Ok(Vec::new())));
    assert_eq!(seen.next(), Some(entered.plus(Duration::from_mins(4) + PRESENCE_GRACE)));
    case.now = seen.next().unwrap();
    // A restart forgets who was seen: whoever is present by the log has the grace once more.
    let mut again = Seen::begin([&case.incident], case.now);
    assert_eq!(again.gone(case.now), []);
    for (id, leave) in seen.gone(case.now) {
        assert_eq!(id, case.incident.id());
        case.ask(Command::Room(leave));
    }
    assert!(case.incident.room().present().is_empty());
    let stranger = RoomCommand::Enter { person: "eve".parse().unwrap() };
    assert_eq!(case.code(Command::Room(stranger)), "no_such_person");
    case.ask(Command::Life(LifeCommand::Resolve {
        by: person("ana"),
        note: "it is back".to_owned(),
        closing: Closing::default(),
    }));
    assert_eq!(seen.see(&case.incident, &ana, case.now), None, "what is over is read, and nothing is written of that");
}
