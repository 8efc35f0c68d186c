//! Who is paged, when and why.

use super::*;
use crate::incident::PageReason;

#[test]
fn from_the_first_page_to_a_reopening() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    assert_eq!(desk.incident(id).severity(), Severity::Sev3);
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
    assert_eq!(desk.settle(id, &delivered()), "page_settled; ");
    assert_eq!(desk.after(300), "tier 1 of round 1, NotAcknowledged; page bob by push (NotAcknowledged)");
    desk.wait(60);
    assert_eq!(
        desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: Actor::Person(name("bob")) })),
        "acknowledged; role_taken"
    );
    assert_eq!(desk.duties(), "");
    let theft = Facts { theft: true, money_at_risk: Usd::from_dollars(3_000_000), ..Facts::default() };
    let rose = desk.ask(id, Command::Claims(ClaimsCommand::StateFacts { by: ann(), facts: theft, replace: false }));
    assert_eq!(rose, "facts_stated; SEV3 to SEV1");
    assert_eq!(
        desk.duties(),
        "tier 0 of round 1, SeverityRose; page ann by push (SeverityRose); page bob by push (SeverityRose)"
    );
    assert_eq!(desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() })), "acknowledged");
    assert_eq!(
        desk.ask(id, Command::Life(LifeCommand::Mitigate { by: ann(), note: "paused".to_owned() })),
        "mitigated"
    );
    assert_eq!(
        desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "fixed".to_owned(), closing: in_spite() })),
        "resolved"
    );
    let looks_again = desk.now.plus(Duration::from_mins(30));
    assert_eq!(desk.board.next_deadline(), Some(looks_again), "its monitor still says so");
    let reopened = desk.ask(id, Command::Life(LifeCommand::Reopen { by: ann(), reason: "it is back".to_owned() }));
    assert_eq!(reopened, "reopened");
    assert_eq!(desk.duties(), "tier 0 of round 1, Reopened; page ann by push (Reopened)");
}

#[test]
fn rounds_end_at_the_fallback_for_ever() {
    let mut desk = Desk::new();
    desk.open(about("api", "latency"));
    desk.duties();
    let said: Vec<String> = (0..5).map(|_| desk.after(300)).collect();
    assert_eq!(
        said,
        [
            "tier 1 of round 1, NotAcknowledged; page bob by push (NotAcknowledged)",
            "tier 0 of round 2, NotAcknowledged; page ann by push (NotAcknowledged)",
            "tier 1 of round 2, NotAcknowledged; page bob by push (NotAcknowledged)",
            "fallback, NotAcknowledged; page boss by mail (Fallback)",
            "fallback, NotAcknowledged; page boss by mail (Fallback)",
        ]
    );
}

#[test]
fn a_page_that_cannot_arrive_does_not_wait() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    assert_eq!(desk.settle(id, &failed()), "page_settled; page ann by mail (Failed, a repeat)");
    let unknown = PageOutcome::Unknown { error: "no answer".to_owned() };
    assert_eq!(
        desk.settle(id, &unknown),
        "page_settled; impossible: every contact was tried; tier 1 of round 1, Failed; page bob by push (Failed)"
    );
    // The last tier of the round: the fallback now, the next round in its time.
    assert_eq!(
        desk.settle(id, &failed()),
        "page_settled; impossible: every contact was tried; page boss by mail (Fallback)"
    );
    assert_eq!(desk.settle(id, &failed()), "page_settled; impossible: every contact was tried; nobody_reached");
    assert_eq!(desk.incident(id).unreached(), 1);
    assert_eq!(desk.board.unreached().map(Incident::id).collect::<Vec<_>>(), [id]);
    // No round is used up: everybody is tried again from the first tier, soon.
    assert_eq!(desk.after(15), "tier 0 of round 1, NobodyReached; page ann by push (NobodyReached)");
    assert_eq!(
        desk.settle(id, &unknown),
        "page_settled; page ann by mail (MayHaveArrived, a repeat)",
        "the repeat says that the page before may have arrived"
    );
    assert_eq!(desk.settle(id, &delivered()), "page_settled; ");
    assert_eq!((desk.incident(id).unreached(), desk.board.unreached_count()), (0, 0));
    assert_eq!(desk.after(300), "tier 1 of round 1, NotAcknowledged; page bob by push (NotAcknowledged)");
}

#[test]
fn where_nobody_can_be_reached_everybody_is_tried_again_and_again_at_growing_intervals() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    let mut waits = Vec::new();
    for _ in 0..8 {
        while desk.incident(id).escalation().why != PageReason::NobodyReached {
            desk.settle(id, &failed());
        }
        let next = desk.board.next_deadline().unwrap();
        waits.push(next.since(desk.now).as_secs());
        desk.now = next;
        assert_eq!(desk.duties(), "tier 0 of round 1, NobodyReached; page ann by push (NobodyReached)");
    }
    assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300, 300], "at most the last tier's delay");
    assert_eq!(desk.incident(id).unreached(), 8);
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    assert_eq!(desk.incident(id).unreached(), 0, "somebody answered");
}

#[test]
fn a_policy_that_reaches_nobody_says_so_and_goes_on_trying() {
    let mut desk = Desk::new();
    let policy = desk.setting.roster.policies.values_mut().next().unwrap();
    policy.tiers = vec![tier(&["mute"]), tier(&["mute"])];
    policy.fallback = name("mute");
    let id = desk.open(about("api", "latency"));
    let none = "impossible: person `mute` has no contact; impossible: person `mute` has no contact";
    let pass = format!("{none}; tier 1 of round 1, Failed; {none}; nobody_reached");
    assert_eq!(desk.duties(), format!("tier 0 of round 1, Opened; {pass}"));
    assert_eq!(desk.incident(id).unreached(), 1);
    assert_eq!(desk.after(15), format!("tier 0 of round 1, NobodyReached; {pass}"));
}

#[test]
fn a_tier_that_reaches_nobody_pages_the_fallback_in_the_same_step() {
    let mut desk = Desk::new();
    let policy = desk.setting.roster.policies.values_mut().next().unwrap();
    policy.tiers = vec![
        Tier {
            targets: vec![Target::Schedule(name("empty")), Target::Person(name("mute"))],
            delay: Duration::from_mins(1),
        },
        tier(&["mute", "bob", "bob"]),
    ];
    desk.open(about("api", "latency"));
    assert_eq!(
        desk.duties(),
        "tier 0 of round 1, Opened; impossible: nobody is on call in schedule `empty`; \
         impossible: person `mute` has no contact; page boss by mail (Fallback)"
    );
    assert_eq!(
        desk.after(60),
        "tier 1 of round 1, NotAcknowledged; impossible: person `mute` has no contact; page bob by push (NotAcknowledged)"
    );
}

#[test]
fn an_acknowledgement_that_runs_out_pages_the_same_people_again() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    desk.after(300);
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    assert_eq!(
        desk.after(3_600),
        "acknowledgement_expired; tier 1 of round 1, AcknowledgementExpired; page bob by push (AcknowledgementExpired)"
    );
    assert_eq!(desk.after(300), "tier 0 of round 2, NotAcknowledged; page ann by push (NotAcknowledged)");
}

#[test]
fn asking_for_the_next_tier_pages_even_while_acknowledged() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    desk.settle(id, &delivered());
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    let asked = desk.ask(id, Command::Paging(PagingCommand::Escalate { by: ann(), reason: "I need hands".to_owned() }));
    assert_eq!(asked, "note_added; tier 1 of round 1, Asked; page bob by push (Asked)");
    assert_eq!(
        desk.settle(id, &failed()),
        "page_settled; impossible: every contact was tried; page boss by mail (Fallback)"
    );
    assert_eq!(desk.incident(id).phase(), Phase::Acknowledged);
}

#[test]
fn a_quiet_incident_is_shown_and_not_paged() {
    let mut desk = Desk::new();
    let id = desk.open(Signal { loudness: Loudness::Warning, ..signal("disk", 0) });
    assert_eq!(desk.incident(id).severity(), Severity::Sev4);
    assert_eq!(desk.board.next_deadline(), None);
    assert_eq!(desk.raise(Signal { loudness: Loudness::Info, ..signal("note", 0) }), Fate::Noted);
    assert_eq!(desk.board.loose_signals().count(), 1);
    // Louder, and of the same kind: now it pages.
    assert_eq!(desk.raise(Signal { title: "disk".to_owned(), ..signal("disk on b", 0) }), Fate::Attached(id));
    assert_eq!(desk.duties(), "tier 0 of round 1, Opened; page ann by push (Opened)");
}

#[test]
fn what_was_acknowledged_once_is_not_paged_again_when_it_comes_and_goes() {
    let mut desk = Desk::new();
    let attack = Signal { facts: Facts { theft: true, ..Facts::default() }, ..on_chain("drain", 1, Some(7)) };
    let id = desk.open(attack.clone());
    desk.duties();
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.take(&SignalChange::Retracted { id: attack.id, reason: "dropped".to_owned() });
    assert_eq!(desk.raise(Signal { id: Id::from_bytes([3; 16]), ..attack }), Fate::Attached(id));
    assert_eq!((desk.incident(id).severity(), desk.duties()), (Severity::Sev2, String::new()));
}

#[test]
fn a_service_without_policy_pages_everybody_there_is() {
    let mut desk = Desk::new();
    desk.setting.roster.policies.clear();
    desk.open(about("db", "down"));
    assert_eq!(
        desk.duties(),
        "tier 0 of round 1, Opened; page ann by push (Opened); page bob by push (Opened); page boss by mail (Opened); \
         impossible: person `mute` has no contact"
    );
}
