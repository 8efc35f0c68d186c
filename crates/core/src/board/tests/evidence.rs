//! Evidence has bounds, is kept once when it is sent twice, and a hold refuses erasure by name. What the scenarios in
//! `scenarios/evidence/` tell is not told again here.

use super::*;
use crate::{
    id::{MessageId, SignalId},
    incident::{
        Ctx, ERASED, EvidenceCommand, Incident, Refusal, TasksCommand,
        evidence::{Digest, command::Keeping, event::Handling},
        evidence_refusal::EvidenceRefusal,
        tasks::command::Which,
    },
    limits::{
        CUSTODY_PER_INCIDENT_MAX, CUSTODY_RESERVE, CUSTODY_SPAN, EVIDENCE_BYTES_MAX, EVIDENCE_ITEMS_MAX,
        EVIDENCE_PER_INCIDENT_BYTES_MAX, HOLD_TURNS_MAX,
    },
};

fn keeping(bytes: u64, nth: u64) -> Keeping {
    Keeping {
        digest: Digest::of(&nth.to_be_bytes()),
        bytes,
        media_type: "text/plain; charset=utf-8".to_owned(),
        what: "  the log of\nthe signer ".to_owned(),
        source: String::new(),
        made: None,
        task: None,
        signal: None,
        message: None,
    }
}

fn keep(keeping: Keeping) -> Command {
    Command::Evidence(EvidenceCommand::Keep { by: ann(), keeping: Box::new(keeping) })
}

fn hold(reason: &str) -> Command {
    Command::Evidence(EvidenceCommand::Hold { by: ann(), reason: reason.to_owned() })
}

fn lift(by: crate::incident::Actor) -> Command {
    Command::Evidence(EvidenceCommand::LiftHold { by, reason: "the case is closed".to_owned() })
}

fn handle(number: u32, handling: Handling) -> Command {
    Command::Evidence(EvidenceCommand::Handle { by: ann(), number, handling })
}

fn export() -> Command {
    Command::Evidence(EvidenceCommand::Export { by: ann() })
}

fn event_of(recorded: &Recorded) -> &crate::incident::IncidentEvent {
    match &recorded.body {
        Body::Incident(event) => event,
        Body::Journal(_) => panic!("{recorded:?}"),
    }
}

fn house() -> (Desk, IncidentId) {
    let mut desk = Desk::new();
    let id = desk.open(signal("a", 0));
    (desk, id)
}

#[test]
fn one_piece_and_all_of_an_incident_have_their_bounds() {
    let (mut desk, id) = house();
    for bytes in [0, EVIDENCE_BYTES_MAX + 1] {
        assert_eq!(desk.refused(id, keep(keeping(bytes, 0))).code(), "evidence_size");
    }
    let many = EVIDENCE_PER_INCIDENT_BYTES_MAX / EVIDENCE_BYTES_MAX;
    for nth in 0..many {
        assert_eq!(desk.ask(id, keep(keeping(EVIDENCE_BYTES_MAX, nth))), "evidence_kept");
    }
    let refused = desk.refused(id, keep(keeping(1, many)));
    let want = Refusal::from(EvidenceRefusal::Full {
        id,
        bytes: EVIDENCE_PER_INCIDENT_BYTES_MAX + 1,
        max: EVIDENCE_PER_INCIDENT_BYTES_MAX,
    });
    assert_eq!(refused, want);
    assert_eq!(desk.incident(id).evidence_bytes(), EVIDENCE_PER_INCIDENT_BYTES_MAX);
}

#[test]
fn what_is_sent_again_is_kept_once_and_what_belongs_to_another_task_twice() {
    let (mut desk, id) = house();
    assert_eq!(desk.ask(id, keep(keeping(5, 1))), "evidence_kept");
    assert_eq!(desk.ask(id, keep(keeping(5, 1))), "");
    let of_task = Keeping { task: Some(Which::Number(1)), ..keeping(5, 1) };
    assert_eq!(desk.refused(id, keep(of_task.clone())).code(), "no_such_task");
    let of_signal = Keeping { signal: Some(SignalId::from_bytes([7; 16])), ..keeping(5, 1) };
    assert_eq!(desk.refused(id, keep(of_signal)).code(), "no_such_signal");
    let of_message = Keeping { message: Some(MessageId::from_bytes([7; 16])), ..keeping(5, 1) };
    assert_eq!(desk.refused(id, keep(of_message)).code(), "no_such_message");
    let add = TasksCommand::Add {
        by: ann(),
        title: "look".to_owned(),
        assignee: None,
        due: None,
        resources: Vec::new(),
        claim: None,
    };
    desk.ask(id, Command::Tasks(add));
    assert_eq!(desk.ask(id, keep(of_task)), "evidence_kept");
    let incident = desk.incident(id);
    let known: Vec<(u32, &str, bool)> = incident
        .evidence()
        .values()
        .map(|item| (item.number, item.kept.what.as_str(), item.kept.task.is_some()))
        .collect();
    assert_eq!(known, [(1, "the log of the signer", false), (2, "the log of the signer", true)]);
}

#[test]
fn a_media_type_is_one_and_a_line_says_something() {
    let (mut desk, id) = house();
    for bad in ["", "text", "/plain", "text/", "te xt/plain", "text/plain\n", &format!("text/{}", "x".repeat(130))] {
        let keeping = Keeping { media_type: bad.to_owned(), ..keeping(5, 1) };
        assert_eq!(desk.refused(id, keep(keeping)).code(), "bad_request", "{bad}");
    }
    assert_eq!(desk.refused(id, keep(Keeping { what: " ".to_owned(), ..keeping(5, 1) })).code(), "bad_text");
}

#[test]
fn custody_names_everybody_and_what_is_past_its_bound_is_given_to_nobody() {
    let (mut desk, id) = house();
    assert_eq!(desk.refused(id, handle(1, Handling::Read)).code(), "no_such_evidence");
    desk.ask(id, keep(keeping(5, 1)));
    let out = |to: &str, reason: &str| Handling::HandedOut { to: to.to_owned(), reason: reason.to_owned() };
    assert_eq!(desk.refused(id, handle(1, out("", "asked"))).code(), "bad_text");
    assert_eq!(desk.refused(id, handle(1, out("police", " "))).code(), "bad_text");
    assert_eq!(desk.ask(id, handle(1, out("police", "asked"))), "evidence_handled");
}

/// Decides and applies on a copy: the desk writes out each event, and these are many.
struct Bench<'a> {
    desk: &'a mut Desk,
    incident: Incident,
}

impl Bench<'_> {
    fn ask(&mut self, command: Command) -> Result<usize, Refusal> {
        let mut ctx = Ctx { now: self.desk.now, ids: &mut self.desk.ids, setting: &self.desk.setting };
        let events = self.incident.decide(command, &mut ctx)?;
        for event in &events {
            self.incident.apply(self.incident.version() + 1, self.desk.now, event).unwrap();
        }
        Ok(events.len())
    }
}

#[test]
fn who_looks_again_and_again_is_in_custody_once_in_a_while_and_cannot_lock_a_piece() {
    let (mut desk, id) = house();
    desk.ask(id, keep(keeping(5, 1)));
    let incident = desk.incident(id).clone();
    let mut bench = Bench { desk: &mut desk, incident };
    assert_eq!(bench.ask(handle(1, Handling::Read)), Ok(1));
    for _ in 0..50 {
        assert_eq!(bench.ask(handle(1, Handling::Read)), Ok(0));
    }
    assert_eq!(bench.ask(handle(1, Handling::Verified { same: true })), Ok(1), "something else is an entry of its own");
    let past = |entries: u32| i64::from(entries) * i64::try_from(CUSTODY_SPAN.as_millis()).unwrap();
    let began = bench.desk.now.as_ms();
    for nth in 2..CUSTODY_PER_INCIDENT_MAX - CUSTODY_RESERVE {
        bench.desk.now = Timestamp::from_ms(began + past(nth));
        assert_eq!(bench.ask(handle(1, Handling::Read)), Ok(1), "{nth}");
    }
    assert_eq!(bench.ask(handle(1, Handling::Read)), Ok(0), "who looked just now may go on");
    bench.desk.now = Timestamp::from_ms(began + past(CUSTODY_PER_INCIDENT_MAX));
    assert_eq!(bench.ask(handle(1, Handling::Read)).unwrap_err().code(), "too_many_entries");
    let out = Handling::HandedOut { to: "the police".to_owned(), reason: "case 31".to_owned() };
    assert_eq!(bench.ask(export()), Ok(1), "what goes out has room of its own");
    assert_eq!(bench.ask(export()), Ok(0), "asked for twice, out once");
    for _ in 1..CUSTODY_RESERVE {
        assert_eq!(bench.ask(handle(1, out.clone())), Ok(1));
    }
    assert_eq!(bench.ask(handle(1, out)).unwrap_err().code(), "too_many_entries");
    assert_eq!(bench.incident.evidence_exports().len(), 1);
}

#[test]
fn what_is_sent_again_where_there_is_no_room_for_more_has_the_same_answer_as_before() {
    let (mut desk, id) = house();
    let many = u64::try_from(EVIDENCE_ITEMS_MAX).unwrap();
    let incident = desk.incident(id).clone();
    let mut bench = Bench { desk: &mut desk, incident };
    for nth in 0..many {
        assert_eq!(bench.ask(keep(keeping(1, nth))), Ok(1));
    }
    assert_eq!(bench.ask(keep(keeping(1, many))).unwrap_err().code(), "too_much_evidence");
    assert_eq!(bench.ask(keep(keeping(1, 0))), Ok(0));
}

#[test]
fn what_was_erased_is_given_to_nobody_and_its_bytes_kept_anew_are_a_new_piece() {
    let (mut desk, id) = house();
    // Called so by somebody, it is not erased for that.
    let named = Keeping { what: ERASED.to_owned(), ..keeping(7, 2) };
    desk.ask(id, keep(keeping(5, 1)));
    desk.ask(id, keep(named));
    let own = desk.recorded.iter().filter(|one| one.stream == Stream::Incident(id));
    let redacted: Vec<Recorded> = own.map(|one| Recorded { body: one.body.redacted(), ..one.clone() }).collect();
    let incident = Incident::fold(id, redacted.iter().map(|one| (one.version, one.at, event_of(one)))).unwrap();
    assert!(!desk.incident(id).evidence()[&2].is_erased());
    assert!(incident.evidence().values().all(crate::incident::evidence::Item::is_erased));
    assert_eq!((incident.evidence_bytes(), incident.evidence()[&1].kept.digest), (0, keeping(5, 1).digest));
    let mut bench = Bench { desk: &mut desk, incident };
    assert_eq!(bench.ask(handle(1, Handling::Read)).unwrap_err().code(), "erased");
    assert_eq!(bench.ask(keep(keeping(5, 1))), Ok(1));
    assert_eq!(bench.ask(keep(keeping(5, 1))), Ok(0));
    let third = &bench.incident.evidence()[&3];
    assert_eq!((third.kept.digest, third.is_erased()), (keeping(5, 1).digest, false));
}

#[test]
fn while_it_is_held_nothing_may_be_erased_until_it_is_lifted() {
    let (mut desk, id) = house();
    assert_eq!(desk.refused(id, lift(ann())).code(), "not_held");
    assert_eq!(desk.ask(id, hold("case 31")), "held");
    assert_eq!(desk.ask(id, hold("case 31")), "", "true already");
    let refused = desk.incident(id).may_be_erased().unwrap_err();
    assert_eq!(refused.code(), "under_hold");
    assert!(refused.to_string().contains("by ann: case 31"), "{refused}");
    assert_eq!(desk.ask(id, lift(ann())), "hold_lifted");
    assert!(desk.incident(id).may_be_erased().is_ok());
    for turn in 2..HOLD_TURNS_MAX {
        desk.ask(id, hold(&format!("case {turn}")));
    }
    assert_eq!(desk.refused(id, hold("one more")).code(), "too_many_holds");
    assert_eq!(desk.refused(id, lift(ann())).code(), "too_many_holds", "it stays held");
    assert!(desk.incident(id).may_be_erased().is_err());
}

#[test]
fn however_often_it_was_lifted_a_hold_is_never_refused() {
    let (mut desk, id) = house();
    for turn in 0..HOLD_TURNS_MAX / 2 {
        assert_eq!(desk.ask(id, hold(&format!("case {turn}"))), "held");
        assert_eq!(desk.ask(id, lift(ann())), "hold_lifted");
    }
    assert_eq!(desk.ask(id, hold("the last")), "held");
    assert_eq!(desk.refused(id, lift(ann())).code(), "too_many_holds");
}
