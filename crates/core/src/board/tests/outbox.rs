//! Who is to receive what, and who does not want it any more.

use super::*;
use crate::{
    incident::ERASED,
    outbox::{self, Audience, Delivery, DeliveryKind, Unwanted},
};

impl Desk {
    /// What the events recorded since the `from`th have leave, with the incident as it is now.
    fn leaving(&self, id: IncidentId, from: usize) -> Vec<Delivery> {
        let events = self.recorded.iter().skip(from).filter_map(|one| match &one.body {
            Body::Incident(event) => Some(event),
            Body::Journal(_) => None,
        });
        events.flat_map(|event| outbox::deliveries(self.incident(id), event, &self.setting.roster)).collect()
    }
}

fn whom(deliveries: &[Delivery]) -> Vec<String> {
    let say = |delivery: &Delivery| {
        let Audience::Contact { person, channel, address } = &delivery.to;
        format!("{:?} to {person} by {channel} at {address}", delivery.kind)
    };
    deliveries.iter().map(say).collect()
}

#[test]
fn whom_a_page_reached_hears_once_that_it_is_over() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    let pages = desk.leaving(id, 0);
    assert_eq!(whom(&pages), ["Page to ann by push at ann@push"]);
    assert!(desk.incident(id).pages().contains_key(&pages[0].page().unwrap()));
    assert_eq!(outbox::wanted(desk.incident(id), &pages[0]), Ok(()));
    // The first way fails, so she is paged by the second; bob is paged twice, by the same way, and it is not known if he heard.
    desk.settle(id, &failed());
    desk.settle(id, &delivered());
    desk.after(300);
    desk.settle(id, &PageOutcome::Unknown { error: "no answer".to_owned() });
    let before = desk.recorded.len();
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "fixed".to_owned(), closing: in_spite() }));
    let clear = desk.leaving(id, before);
    let mut said = whom(&clear);
    said.sort();
    assert_eq!(said[..2], ["AllClear to ann by mail at ann@mail", "AllClear to bob by push at bob@push"]);
    assert!(said.iter().all(|one| !one.contains("ann by push")), "{said:?}");
    assert_eq!(said.len(), said.iter().collect::<std::collections::BTreeSet<_>>().len(), "{said:?}");
    assert!(clear.iter().all(|one| one.kind == DeliveryKind::AllClear && one.page().is_none()));

    assert_eq!(outbox::wanted(desk.incident(id), &clear[0]), Ok(()));
    assert_eq!(outbox::wanted(desk.incident(id), &pages[0]), Err(Unwanted::Answered));
    desk.ask(id, Command::Life(LifeCommand::Reopen { by: ann(), reason: "it is back".to_owned() }));
    assert_eq!(outbox::wanted(desk.incident(id), &clear[0]), Err(Unwanted::Reopened));
    let again = desk.recorded.len();
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "fixed".to_owned(), closing: in_spite() }));
    let later = desk.leaving(id, again);
    assert_eq!(later.len(), clear.len());
    assert!(later.iter().all(|one| !clear.contains(one)), "the second all-clear is another one");
}

#[test]
fn a_page_that_somebody_asked_for_is_wanted_although_somebody_answered() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    let first = desk.leaving(id, 0);
    assert_eq!(outbox::wanted(desk.incident(id), &first[0]), Err(Unwanted::Answered));
    let before = desk.recorded.len();
    desk.ask(id, Command::Paging(PagingCommand::Escalate { by: ann(), reason: "I need help".to_owned() }));
    let asked = desk.leaving(id, before);
    assert_eq!(whom(&asked), ["Page to bob by push at bob@push"]);
    assert_eq!(outbox::wanted(desk.incident(id), &asked[0]), Ok(()));
    // And so is the next way, where the first one fails.
    let before = desk.recorded.len();
    desk.ask(id, Command::Paging(PagingCommand::Escalate { by: ann(), reason: "and you".to_owned() }));
    assert!(desk.settle(id, &failed()).contains("page ann by mail (Failed, a repeat)"));
    let asked = desk.leaving(id, before);
    assert_eq!(whom(&asked), ["Page to ann by push at ann@push", "Page to ann by mail at ann@mail"]);
    assert!(asked.iter().all(|page| outbox::wanted(desk.incident(id), page) == Ok(())));
    desk.ask(id, Command::Life(LifeCommand::Resolve { by: ann(), note: "fixed".to_owned(), closing: in_spite() }));
    assert_eq!(outbox::wanted(desk.incident(id), &asked[0]), Err(Unwanted::Answered));
}

#[test]
fn whose_address_was_erased_hears_at_the_one_of_now() {
    let mut desk = Desk::new();
    let id = desk.open(about("api", "latency"));
    desk.duties();
    desk.settle(id, &delivered());
    desk.recorded = desk.recorded.iter().map(|one| Recorded { body: one.body.redacted(), ..one.clone() }).collect();
    let events = desk.recorded.iter().filter_map(|one| match &one.body {
        Body::Incident(event) => Some((one.version, one.at, event)),
        Body::Journal(_) => None,
    });
    desk.board.put_redacted(Incident::fold(id, events).unwrap()).unwrap();
    assert!(desk.incident(id).pages().values().all(|page| page.address == ERASED), "or this shows nothing");

    let ann = desk.setting.roster.people.get_mut(&name("ann")).unwrap();
    ann.contacts[0].address = "ann@sea".to_owned();
    let before = desk.recorded.len();
    desk.ask(
        id,
        Command::Life(LifeCommand::Resolve { by: Actor::System, note: "fixed".to_owned(), closing: in_spite() }),
    );
    assert_eq!(whom(&desk.leaving(id, before)), ["AllClear to ann by push at ann@sea"]);

    // Without the channel by the first contact that there is; without a contact not at all.
    desk.setting.roster.people.get_mut(&name("ann")).unwrap().contacts.remove(0);
    assert_eq!(whom(&desk.leaving(id, before)), ["AllClear to ann by mail at ann@mail"]);
    desk.setting.roster.people.remove(&name("ann"));
    assert!(desk.leaving(id, before).is_empty());
}
