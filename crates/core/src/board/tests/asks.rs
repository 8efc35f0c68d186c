//! People and teams that are asked to come by name, and an incident that is handed over.

use super::*;
use crate::incident::{AskState, Phase, Refusal, RolesCommand};

fn opened() -> (Desk, IncidentId) {
    let mut desk = Desk::new();
    let id = desk.open(about("web", "slow"));
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
    desk.settle(id, &delivered());
    (desk, id)
}

fn asks(by: Actor, whom: &str) -> Command {
    let (whom, reason) = (whom.to_owned(), "the bridge is theirs".to_owned());
    Command::Roles(RolesCommand::Ask { by, whom, role: None, reason })
}

fn accepts(person: &str) -> Command {
    Command::Roles(RolesCommand::Accept { by: Actor::Person(name(person)), ask: None })
}

fn declines(person: &str) -> Command {
    let by = Actor::Person(name(person));
    Command::Roles(RolesCommand::Decline { by, ask: None, reason: "on a plane".to_owned() })
}

impl Desk {
    fn state(&self, id: IncidentId, ask: u32) -> AskState {
        self.incident(id).asks()[&ask].state
    }
}

#[test]
fn somebody_is_asked_and_comes_and_the_escalation_goes_on_as_it_was() {
    let (mut desk, id) = opened();
    let before = desk.incident(id).escalation().clone();
    assert_eq!(desk.ask(id, asks(ann(), "bob")), "asked_in; page bob by push (CalledIn)");
    assert_eq!(desk.ask(id, asks(ann(), "bob")), "", "asked twice it is one ask");
    assert_eq!(*desk.incident(id).escalation(), before);
    desk.settle(id, &delivered());
    desk.wait(60);
    assert_eq!(desk.ask(id, accepts("bob")), "ask_accepted");
    assert_eq!(desk.state(id, 1), AskState::Accepted);
    assert_eq!(*desk.incident(id).escalation(), before);
    assert_eq!(desk.refused(id, accepts("bob")).code(), "nothing_asked");
    assert_eq!(desk.refused(id, accepts("boss")).code(), "nothing_asked");
    assert!(desk.after(240).starts_with("tier 1 of round 1"), "its step comes in its time");
}

#[test]
fn who_does_not_answer_is_asked_by_the_next_contact_and_then_the_asker_is_told() {
    let (mut desk, id) = opened();
    let by = Actor::Person(name("bob"));
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: by.clone() }));
    assert_eq!(desk.ask(id, asks(by, "ann")), "asked_in; page ann by push (CalledIn)");
    desk.settle(id, &delivered());
    assert_eq!(desk.after(300), "asked_again; page ann by mail (CalledIn)");
    desk.settle(id, &delivered());
    assert_eq!(desk.after(300), "ask_unanswered; page bob by push (NotComing)");
    assert_eq!(desk.state(id, 1), AskState::Unanswered);
    desk.settle(id, &delivered());
    assert_eq!(desk.board.next_deadline(), desk.incident(id).acknowledgement().map(|given| given.until), "and no more");
    assert_eq!(desk.ask(id, accepts("ann")), "ask_accepted", "late is better than never");
}

#[test]
fn an_acknowledgement_does_not_call_back_who_was_asked_by_name() {
    let (mut desk, id) = opened();
    desk.ask(id, asks(Actor::Token("ci".to_owned()), "policy:all"));
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    assert_eq!(desk.settle(id, &failed()), "page_settled; page ann by mail (Failed, a repeat)");
    assert_eq!(desk.settle(id, &failed()), "page_settled; impossible: every contact was tried; ask_unanswered");
    let told = desk.ask(id, asks(ann(), "bob"));
    assert!(told.contains("page bob"), "{told}");
    assert_eq!(desk.ask(id, declines("bob")), "ask_declined; ask_unanswered; page ann by push (NotComing)");
    assert_eq!(desk.state(id, 2), AskState::Declined);
    desk.settle(id, &delivered());
    // What is left to do after the harm has stopped needs people, too; with the end it needs nobody.
    desk.ask(id, Command::Life(LifeCommand::Mitigate { by: ann(), note: "paused".to_owned() }));
    assert_eq!(desk.ask(id, asks(ann(), "boss")), "asked_in; page boss by mail (CalledIn)");
    assert_eq!(desk.settle(id, &delivered()), "page_settled; ");
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "mended".to_owned(), closing: in_spite() }));
    assert_eq!((desk.state(id, 3), desk.incident(id).phase()), (AskState::Moot, Phase::Resolved));
    let looks = desk.incident(id).looks_again();
    assert_eq!(desk.board.next_deadline(), looks, "nothing but a look at the monitor");
    assert_eq!(desk.refused(id, asks(ann(), "bob")).code(), "wrong_phase");
}

#[test]
fn who_cannot_be_asked_is_named() {
    let (mut desk, id) = opened();
    let said = |refusal: Refusal| refusal.to_string();
    assert!(said(desk.refused(id, asks(ann(), "nobody"))).contains("`nobody`"));
    assert_eq!(
        said(desk.refused(id, asks(ann(), "mute"))),
        "field `whom` with value `mute`: person `mute` has no contact"
    );
    let empty =
        Command::Roles(RolesCommand::Ask { by: ann(), whom: "bob".to_owned(), role: None, reason: " ".to_owned() });
    assert_eq!(desk.refused(id, empty).code(), "bad_text");
}

#[test]
fn another_team_begins_at_its_first_tier_and_the_old_one_is_left_alone() {
    let (mut desk, id) = opened();
    let policy = desk.setting.roster.policies[&name("all")].clone();
    let other = EscalationPolicy { id: name("other"), tiers: vec![tier(&["bob"])], page_at: Severity::Sev1, ..policy };
    desk.setting.roster.policies.insert(other.id.clone(), other);
    let over = |to: &str| {
        Command::Paging(PagingCommand::HandOver { by: ann(), to: name(to), reason: "it is their relayer".to_owned() })
    };
    assert!(desk.refused(id, over("none")).to_string().contains("want one of all, other"));
    assert!(desk.refused(id, over("all")).to_string().contains("with them already"));
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    assert_eq!(desk.ask(id, over("other")), "handed_over");
    let incident = desk.incident(id);
    assert_eq!((incident.phase(), incident.escalation().policy.id.as_str()), (Phase::Triggered, "other"));
    assert_eq!(incident.handed_over().unwrap().had, Some(ann()));
    assert_eq!(desk.duties(), "tier 0 of round 1, HandedOver; page bob by push (HandedOver)", "however mild it is");
    desk.settle(id, &delivered());
    // What is claimed is over, but somebody was told that they are needed.
    desk.end("slow");
    assert_eq!(desk.incident(id).phase(), Phase::Triggered);
    assert!(desk.after(300).contains("page bob by push (NotAcknowledged)"));
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: Actor::Person(name("bob")) }));
    assert_eq!(desk.incident(id).phase(), Phase::Acknowledged);
}

#[test]
fn what_failed_is_tried_again_though_the_acknowledgement_runs_out_in_the_same_moment() {
    let (mut desk, id) = opened();
    let by = Actor::Person(name("bob"));
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: by.clone() }));
    desk.wait(3_600);
    desk.ask(id, asks(by, "ann"));
    let page = desk.incident(id).pages_under_way().next().unwrap().id;
    let (outcome, latency) = (failed(), Duration::from_millis(20));
    desk.ask(id, Command::Paging(PagingCommand::SettlePage { page, outcome, latency }));
    let done = desk.duties();
    assert!(done.contains("acknowledgement_expired") && done.contains("page ann by mail (Failed, a repeat)"), "{done}");
}

#[test]
fn who_is_told_that_nobody_comes_hears_it_and_the_empty_role_is_paged_for_in_the_same_moment() {
    use crate::role::{Empty, ResponseRole, RoleClock};
    let mut desk = Desk::new();
    let empty = vec![Empty { severity: Severity::Sev5, span: Duration::from_mins(1) }];
    let clock = RoleClock { role: ResponseRole::Signer, empty, whom: None };
    desk.setting.rules.roles = vec![clock];
    let id = desk.open(about("web", "slow"));
    desk.duties();
    desk.settle(id, &delivered());
    let by = Actor::Person(name("bob"));
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: by.clone() }));
    let (whom, reason) = ("ann".to_owned(), "she has a key".to_owned());
    desk.ask(id, Command::Roles(RolesCommand::Ask { by, whom, role: Some(ResponseRole::Signer), reason }));
    desk.settle(id, &delivered());
    assert_eq!(desk.after(300), "asked_again; page ann by mail (CalledIn)", "somebody is asked: nobody else is");
    desk.settle(id, &delivered());
    let done = desk.after(300);
    assert!(done.starts_with("ask_unanswered; page bob by push (NotComing); asked_in; "), "{done}");
    assert_eq!(desk.duties(), "", "and nothing is left for another moment");
}
