//! An incident is over when nothing fires and its checks passed lately, or when a person says why it is over all the same. What the
//! scenarios in `scenarios/recovery/` tell is not told again here: these are the bounds, and what is in no event.

use super::*;
use crate::{
    id::CheckId,
    incident::{
        Actor, ChecksCommand, Closing,
        checks::memory::Memory,
        unmet::{Judged, Verdict},
    },
    limits::{CHECK_CHANGES_MAX, SEEN_BYTES_MAX, VALIDATIONS_MAX},
    validation::{Check, Judge},
};

fn check(id: &str, judge: Judge) -> (CheckId, Check) {
    let check = Check {
        id: name(id),
        title: id.to_owned(),
        services: std::collections::BTreeSet::new(),
        severities: std::collections::BTreeSet::new(),
        judge,
    };
    (name(id), check)
}

/// A house with a check that is made outside, and an incident that no monitor repeats.
fn house() -> (Desk, IncidentId) {
    let mut desk = Desk::new();
    desk.setting.rules.validation.checks = [check("moves", Judge::Shell("http"))].into();
    let id = desk.open(Signal { repeats: false, ..signal("a", 0) });
    desk.duties();
    (desk, id)
}

fn judged(desk: &Desk, verdict: Verdict) -> Judged {
    Judged::new(name("moves"), verdict, "as seen", desk.now, Duration::from_millis(20))
}

fn report(desk: &mut Desk, id: IncidentId, verdict: Verdict) -> String {
    let judged = judged(desk, verdict);
    desk.ask(id, Command::Checks(ChecksCommand::Report { judged }))
}

fn validate() -> Command {
    Command::Checks(ChecksCommand::Validate { by: ann(), check: None })
}

fn resolve(closing: Closing) -> Command {
    Command::Life(LifeCommand::Resolve { by: ann(), note: "a new key".to_owned(), closing })
}

fn owed(desk: &Desk, id: IncidentId) -> Vec<Timestamp> {
    desk.incident(id).checks_owed(&desk.setting, &Memory::default()).into_iter().map(|(at, _)| at).collect()
}

#[test]
fn what_was_never_made_failed_or_is_out_of_date_is_not_passed() {
    let (mut desk, id) = house();
    let why = |desk: &mut Desk| desk.refused(id, resolve(Closing::default())).to_string();
    assert!(why(&mut desk).contains("check `moves` was never made"));
    desk.ask(id, validate());
    assert!(why(&mut desk).contains("check `moves` is being made since"));
    assert_eq!(report(&mut desk, id, Verdict::Failed), "check_failed");
    assert!(why(&mut desk).contains("check `moves` failed at"));
    desk.wait(1);
    assert_eq!(report(&mut desk, id, Verdict::Unjudged), "check_unjudged");
    assert!(why(&mut desk).contains("check `moves` could not be judged at"));
    desk.wait(1);
    assert_eq!(report(&mut desk, id, Verdict::Passed), "check_passed");
    desk.wait(121);
    assert!(why(&mut desk).contains("longer ago than 2 min 0 s"));
    let refused = desk.refused(id, resolve(Closing::default()));
    assert_eq!(refused.code(), "checks_fail");
    assert_eq!(refused.looks_first(&ann()), Some(validate()));
    desk.ask(id, validate());
    report(&mut desk, id, Verdict::Passed);
    assert_eq!(desk.ask(id, resolve(Closing::default())), "resolved");
}

#[test]
fn what_was_good_a_minute_ago_need_not_be_asked_again_and_stands_in_the_log() {
    let (mut desk, id) = house();
    report(&mut desk, id, Verdict::Passed);
    desk.wait(180);
    assert_eq!(report(&mut desk, id, Verdict::Passed), "", "no news is in no event");
    let ran = vec![judged(&desk, Verdict::Passed)];
    desk.wait(60);
    assert_eq!(desk.refused(id, resolve(Closing::default())).code(), "checks_fail");
    let tomorrow = vec![Judged { at: desk.now.plus(Duration::from_secs(1)), ..judged(&desk, Verdict::Passed) }];
    assert_eq!(desk.refused(id, resolve(Closing { reason: None, ran: tomorrow })).code(), "checks_fail");
    assert_eq!(desk.ask(id, resolve(Closing { reason: None, ran })), "check_passed; resolved");
}

#[test]
fn a_machine_overrides_nothing_and_an_empty_reason_is_none() {
    let (mut desk, id) = house();
    let by = |by: Actor, reason: &str| {
        let closing = Closing { reason: Some(reason.to_owned()), ran: Vec::new() };
        Command::Life(LifeCommand::Resolve { by, note: "a new key".to_owned(), closing })
    };
    assert_eq!(desk.refused(id, by(Actor::Token("ci".to_owned()), "known")).code(), "only_a_person");
    assert_eq!(desk.refused(id, by(ann(), " ")).code(), "bad_text");
    assert_eq!(desk.ask(id, by(ann(), "known")), "resolved");
    assert_eq!(desk.incident(id).resolved_over().map(|over| over.reason.as_str()), Some("known"));
}

#[test]
fn a_check_is_owed_when_somebody_asks_while_it_is_mitigated_and_while_it_is_watched() {
    let (mut desk, id) = house();
    assert_eq!(owed(&desk, id), [], "nobody wants to know yet");
    desk.wait(5);
    desk.ask(id, validate());
    assert_eq!(desk.ask(id, validate()), "", "who asks meanwhile waits for the same answer");
    assert_eq!(owed(&desk, id), [desk.now]);
    let early = Judged { at: desk.now.minus(Duration::from_secs(1)), ..judged(&desk, Verdict::Passed) };
    desk.ask(id, Command::Checks(ChecksCommand::Report { judged: early }));
    assert_eq!(owed(&desk, id), [desk.now], "what began to look before they asked is no answer");
    report(&mut desk, id, Verdict::Passed);
    assert_eq!(owed(&desk, id), []);
    desk.ask(id, Command::Life(LifeCommand::Mitigate { by: ann(), note: "paused".to_owned() }));
    assert_eq!(owed(&desk, id), [desk.now.plus(Duration::from_mins(1))]);
    let mut memory = Memory::default();
    desk.wait(60);
    memory.heard(id, judged(&desk, Verdict::Passed));
    let next = desk.incident(id).checks_owed(&desk.setting, &memory);
    assert_eq!(next, [(desk.now.plus(Duration::from_mins(1)), name("moves"))]);
    desk.ask(id, resolve(Closing { reason: None, ran: memory.of(id) }));
    assert_eq!(owed(&desk, id), [desk.now.plus(Duration::from_mins(1))]);
    desk.wait(60);
    report(&mut desk, id, Verdict::Passed);
    desk.wait(29 * 60);
    report(&mut desk, id, Verdict::Failed);
    assert_eq!(owed(&desk, id), [], "the watch is over");
    assert!(!desk.incident(id).is_open(), "one failure is not two in a row");
}

#[test]
fn what_ends_by_itself_is_watched_too_and_what_a_check_began_again_no_signal_ends() {
    let mut desk = Desk::new();
    desk.setting.rules.validation.checks = [check("moves", Judge::Shell("http"))].into();
    let id = desk.open(signal("a", 0));
    desk.duties();
    desk.end("a");
    assert!(!desk.incident(id).is_open());
    desk.wait(60);
    assert_eq!(report(&mut desk, id, Verdict::Failed), "check_failed");
    desk.wait(60);
    assert_eq!(report(&mut desk, id, Verdict::Unjudged), "check_unjudged; reopened");
    assert_eq!(desk.duties(), "tier 0 of round 1, Reopened; page ann by push (Reopened)");
    desk.raise(signal("a", 1));
    desk.end("a");
    assert!(desk.incident(id).is_open(), "nobody has answered for what the check found");
}

#[test]
fn what_was_taken_back_before_anybody_was_paged_is_not_watched() {
    let (mut desk, _) = house();
    let id = desk.open(on_chain("b", 7, Some(7)));
    let undone =
        SignalChange::Retracted { id: Id::digest(&[b"b", &7_u64.to_be_bytes()]), reason: "reorganized".to_owned() };
    desk.take(&undone);
    assert_eq!((desk.incident(id).is_open(), desk.incident(id).watched_until()), (false, None));
}

#[test]
fn a_check_that_flaps_all_night_does_not_fill_the_log_and_still_begins_it_again() {
    let (mut desk, id) = house();
    desk.ask(id, Command::Life(LifeCommand::Mitigate { by: ann(), note: "paused".to_owned() }));
    let mut kept = 0;
    for turn in 0..2 * CHECK_CHANGES_MAX {
        desk.now = desk.now.plus(Duration::from_mins(1));
        let verdict = if turn % 2 == 0 { Verdict::Failed } else { Verdict::Passed };
        let judged = judged(&desk, verdict);
        let command = Command::Checks(ChecksCommand::Report { judged });
        let recorded = desk.board.command(id, command, &desk.setting, desk.now, &mut desk.ids).unwrap();
        kept += u32::from(!recorded.is_empty());
        for one in recorded {
            desk.board.apply(&one).unwrap();
            desk.recorded.push(one);
        }
    }
    assert_eq!(kept, CHECK_CHANGES_MAX);
    desk.ask(id, validate());
    report(&mut desk, id, Verdict::Passed);
    desk.ask(id, resolve(Closing::default()));
    desk.wait(60);
    report(&mut desk, id, Verdict::Failed);
    desk.wait(60);
    assert_eq!(report(&mut desk, id, Verdict::Failed), "check_failed; reopened");
}

#[test]
fn validations_are_bounded_and_what_is_not_configured_is_refused_by_name() {
    let (mut desk, id) = house();
    let unknown = Command::Checks(ChecksCommand::Validate { by: ann(), check: Some(name("nothing")) });
    let refused = desk.refused(id, unknown);
    assert_eq!((refused.code(), refused.to_string().contains("it must pass moves")), ("no_such_check", true));
    for _ in 0..VALIDATIONS_MAX {
        let recorded = desk.board.command(id, validate(), &desk.setting, desk.now, &mut desk.ids).unwrap();
        let judged = judged(&desk, Verdict::Passed);
        for one in &recorded {
            desk.board.apply(one).unwrap();
        }
        let answer = Command::Checks(ChecksCommand::Report { judged });
        let answered = desk.board.command(id, answer, &desk.setting, desk.now, &mut desk.ids).unwrap();
        for one in &answered {
            desk.board.apply(one).unwrap();
        }
    }
    assert_eq!(desk.refused(id, validate()).code(), "too_many_validations");
}

#[test]
fn a_check_is_for_its_services_and_severities_and_what_it_saw_is_cut() {
    let (_, every) = check("moves", Judge::Shell("http"));
    let one = Check { services: [name("web")].into(), severities: [Severity::Sev1].into(), ..every.clone() };
    assert!(every.applies(None, Severity::Sev5) && one.applies(Some(&name("web")), Severity::Sev1));
    assert!(!one.applies(None, Severity::Sev1) && !one.applies(Some(&name("web")), Severity::Sev2));
    let long = "é".repeat(SEEN_BYTES_MAX);
    let cut = Judged::new(name("moves"), Verdict::Failed, &long, Timestamp::default(), Duration::ZERO);
    assert_eq!(cut.seen.len(), SEEN_BYTES_MAX);
}

#[test]
fn quiet_is_judged_from_the_incident_alone() {
    let mut desk = Desk::new();
    desk.setting.rules.validation.checks = [check("quiet", Judge::Quiet(Duration::from_mins(10)))].into();
    let id = desk.open(signal("a", 0));
    desk.duties();
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    let why = |desk: &mut Desk| desk.refused(id, resolve(Closing::default())).to_string();
    assert!(why(&mut desk).contains("`a` still fires"));
    desk.wait(60);
    desk.end("a");
    desk.wait(540);
    assert!(why(&mut desk).contains("quiet for 9 min 0 s of 10 min 0 s"), "{}", why(&mut desk));
    desk.wait(60);
    assert_eq!(desk.ask(id, resolve(Closing::default())), "resolved");
    assert_eq!(desk.incident(id).watched_until(), None, "there is nothing to look at that does not tell by itself");
}
