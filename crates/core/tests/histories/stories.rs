//! The stories behind the histories. They only write a history that is not there yet; what is there is read.

use quarterdeck_core::{
    incident::{
        ClaimsCommand, Closing, Command, LifeCommand, PageOutcome, PagingCommand, ResponseRole, RolesCommand,
        RoomCommand,
    },
    money::Usd,
    signal::{Facts, Fingerprint, Loudness, Signal, SignalChange},
};

use crate::desk::{Desk, ann, name, on_chain, signal};

/// A story: its name, and what happens.
pub(crate) type Story = (&'static str, fn(&mut Desk));

pub(crate) const STORIES: &[Story] = &[
    ("unanswered", unanswered),
    ("acknowledged-and-expired", acknowledged_and_expired),
    ("severity-rises", severity_rises),
    ("undone-and-back", undone_and_back),
    ("undone-for-good", undone_for_good),
    ("merged", merged),
    ("reopened", reopened),
    ("restated", restated),
    ("storm", storm),
    ("silenced", silenced),
    ("drill", drill),
    ("nobody-reached", nobody_reached),
    ("one-claim-and-more", one_claim_and_more),
];

fn over() -> Closing {
    Closing { reason: Some("the monitor lags".to_owned()), ran: Vec::new() }
}
fn delivered() -> PageOutcome {
    PageOutcome::Delivered { receipt: "250 queued".to_owned() }
}
fn failed() -> PageOutcome {
    PageOutcome::Failed { error: "no such mailbox".to_owned() }
}
fn unknown() -> PageOutcome {
    PageOutcome::Unknown { error: "no answer within 10 s".to_owned() }
}

fn unanswered(desk: &mut Desk) {
    desk.open(signal("disk full", 0, Some("db"), desk.now));
    desk.settle(&failed());
    desk.settle(&unknown());
    desk.settle(&delivered());
    desk.deadlines(6);
    desk.settle(&delivered());
    desk.deadlines(1);
}

fn nobody_reached(desk: &mut Desk) {
    desk.open(signal("disk full", 0, Some("db"), desk.now));
    for _ in 0..8 {
        desk.settle(&failed());
    }
    desk.deadlines(1);
    for _ in 0..8 {
        desk.settle(&unknown());
    }
    desk.deadlines(1);
    desk.settle(&delivered());
    desk.deadlines(1);
}

fn one_claim_and_more(desk: &mut Desk) {
    let stolen = |desk: &Desk, claim: &str, service: &str| Signal {
        facts: Facts { key_compromise: true, ..Facts::default() },
        ..signal(claim, 0, Some(service), desk.now)
    };
    let key = stolen(desk, "key stolen", "db");
    let id = desk.open(key.clone());
    desk.settle(&delivered());
    desk.raise(signal("disk full", 0, Some("db"), desk.now));
    desk.ask(id, Command::Claims(ClaimsCommand::Acknowledge { by: ann(), signal: key.id }));
    desk.wait(30);
    // Nothing but what she is on is left.
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"disk full"]), at: desk.now });
    desk.wait(30);
    // More than she answered for: told to her, and the second not before its time; then in vain.
    desk.raise(stolen(desk, "owner changed", "db"));
    desk.settle(&delivered());
    desk.wait(10);
    desk.raise(stolen(desk, "guard changed", "db"));
    desk.deadlines(1);
    desk.settle(&failed());
    desk.settle(&failed());
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    // Another service's.
    desk.raise(stolen(desk, "signer taken", "web"));
    desk.deadlines(1);
}

fn acknowledged_and_expired(desk: &mut Desk) {
    let id = desk.open(signal("disk full", 0, Some("db"), desk.now));
    desk.settle(&delivered());
    desk.wait(60);
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.ask(id, Command::Roles(RolesCommand::Take { by: ann(), role: ResponseRole::Commander, person: name("bob") }));
    desk.ask(id, Command::Room(RoomCommand::Note { by: ann(), text: "looking at it".to_owned() }));
    desk.deadlines(1);
    desk.settle(&delivered());
    desk.ask(id, Command::Paging(PagingCommand::Escalate { by: ann(), reason: "I need help".to_owned() }));
}

fn severity_rises(desk: &mut Desk) {
    let id = desk.open(Signal { loudness: Loudness::Error, ..signal("slow", 0, Some("web"), desk.now) });
    desk.settle(&delivered());
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.wait(30);
    desk.raise(on_chain("theft", 7, 4_000_000, desk.now));
    desk.settle(&delivered());
}

fn undone_and_back(desk: &mut Desk) {
    let first = on_chain("theft", 7, 4_000_000, desk.now);
    let id = first.id;
    desk.open(first);
    desk.settle(&delivered());
    desk.wait(12);
    desk.take(&SignalChange::Retracted { id, reason: "block 7 was dropped".to_owned() });
    desk.wait(24);
    let again = on_chain("theft", 8, 4_000_000, desk.now);
    let id = again.id;
    desk.raise(again);
    desk.wait(600);
    desk.take(&SignalChange::Confirmed { id });
}

fn undone_for_good(desk: &mut Desk) {
    let first = on_chain("theft", 7, 4_000_000, desk.now);
    let id = first.id;
    desk.open(first);
    desk.settle(&delivered());
    desk.take(&SignalChange::Retracted { id, reason: "block 7 was dropped".to_owned() });
    desk.deadlines(1);
}

fn merged(desk: &mut Desk) {
    let one = desk.open(signal("disk full", 0, Some("db"), desk.now));
    let other = desk.open(signal("certificate expired", 0, None, desk.now));
    desk.settle(&delivered());
    desk.ask(other, Command::Life(LifeCommand::MergeInto { by: ann(), into: one }));
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"certificate expired"]), at: desk.now });
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"disk full"]), at: desk.now });
}

fn reopened(desk: &mut Desk) {
    let id = desk.open(signal("disk full", 0, Some("db"), desk.now));
    desk.settle(&delivered());
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.ask(id, Command::Life(LifeCommand::Mitigate { by: ann(), note: "old files deleted".to_owned() }));
    desk.wait(120);
    desk.raise(signal("disk full", 1, Some("db"), desk.now));
    desk.settle(&delivered());
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "a larger disk".to_owned(), closing: over() }));
    desk.wait(60);
    desk.ask(id, Command::Life(LifeCommand::Reopen { by: ann(), reason: "not large enough".to_owned() }));
    desk.settle(&delivered());
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.ask(
        id,
        Command::Life(LifeCommand::Resolve { by: ann(), note: "two larger disks".to_owned(), closing: over() }),
    );
    desk.ask(id, Command::Life(LifeCommand::Review { by: ann(), note: "sha256:00".to_owned() }));
}

fn restated(desk: &mut Desk) {
    let id = desk.open(signal("disk full", 0, Some("db"), desk.now));
    desk.settle(&delivered());
    let facts = Facts { money_at_risk: Usd::from_dollars(900_000), users: Some(12_000), ..Facts::default() };
    desk.ask(id, Command::Claims(ClaimsCommand::StateFacts { by: ann(), facts, replace: false }));
    let facts = Facts { users: Some(3), ..Facts::default() };
    desk.ask(id, Command::Claims(ClaimsCommand::StateFacts { by: ann(), facts, replace: true }));
    desk.take(&SignalChange::Ended { fingerprint: Fingerprint::of(&[b"disk full"]), at: desk.now });
}

fn storm(desk: &mut Desk) {
    desk.open(signal("disk full", 0, Some("db"), desk.now));
    for occurrence in 1..40 {
        desk.wait(1);
        desk.raise(signal("disk full", occurrence, Some("db"), desk.now));
    }
    for other in 0..5 {
        desk.raise(signal(&format!("replica {other} lags"), 0, Some("web"), desk.now));
    }
}

fn silenced(desk: &mut Desk) {
    desk.silence("alertname", "disk full");
    let quiet = signal("disk full", 0, Some("db"), desk.now);
    let id = quiet.id;
    desk.raise(quiet);
    desk.raise(Signal { loudness: Loudness::Info, ..signal("hm", 0, Some("web"), desk.now) });
    desk.take(&SignalChange::Retracted { id, reason: "a mistake".to_owned() });
}

fn drill(desk: &mut Desk) {
    desk.open(Signal { drill: true, ..signal("disk full", 0, Some("db"), desk.now) });
    desk.open(signal("disk full", 1, Some("db"), desk.now));
    desk.settle(&delivered());
}
