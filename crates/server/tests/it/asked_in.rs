//! Somebody is asked to come by name, and an incident is handed over: what reaches whom, and what is shown.

use std::time::Duration;

use quarterdeck_api::{Command, Declare, Incident, client::ClientError};

use crate::harness::{COMMANDER, Deck, RESPONDER, VIEWER, resolve};

async fn declared(deck: &Deck) -> String {
    let declare = Declare { title: "the relayer is mute".to_owned(), ..Declare::default() };
    let id = deck.client(RESPONDER).declare(&declare).await.unwrap().summary.id;
    deck.receiver.next().await;
    deck.settled().await;
    id
}

fn page(whom: &str, reason: &str) -> Command {
    Command::Page { whom: whom.to_owned(), reason: reason.to_owned() }
}

#[tokio::test]
async fn the_reason_reaches_whoever_is_asked_and_their_answer_is_shown() {
    let deck = Deck::start().await;
    let id = declared(&deck).await;
    deck.ask(RESPONDER, &id, &Command::Acknowledge {}).await;
    let after = deck.ask(RESPONDER, &id, &page("bo", "only you know the relayer")).await;
    let asked = deck.receiver.next().await;
    let said = format!("{asked:?}");
    assert!(said.contains("only you know the relayer") && said.contains("asked for you"), "{said}");
    deck.settled().await;
    let [ask] = after.asks.as_slice() else { panic!("{:?}", after.asks) };
    assert_eq!((ask.number, ask.whom.as_str(), ask.state.as_str(), ask.by.as_str()), (1, "bo", "open", "ana"));
    assert_eq!(after.summary.phase, "acknowledged", "the acknowledgement holds");
    let shown = deck.http.get(format!("{}/incidents/{id}", deck.base)).bearer_auth(COMMANDER);
    let shown = shown.header("accept", "text/html").send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("You are asked") && shown.contains("only you know the relayer"), "{shown}");
    match deck.client(RESPONDER).command(&id, &Command::Accept { ask: None }).await {
        Err(ClientError::Refused { status: 409, code, .. }) => assert_eq!(code, "nothing_asked"),
        other => panic!("{other:?}"),
    }
    let after = deck.ask(COMMANDER, &id, &Command::Accept { ask: Some(1) }).await;
    assert_eq!((after.asks[0].state.as_str(), after.asks[0].coming.as_slice()), ("accepted", &["bo".to_owned()][..]));
    // The reason of an escalation reaches those whom it pages, too.
    let why = "we need a second pair of eyes".to_owned();
    deck.ask(RESPONDER, &id, &Command::Escalate { reason: why.clone() }).await;
    let said = format!("{:?}", deck.receiver.next().await);
    assert!(said.contains(&why), "{said}");
    deck.settled().await;
    deck.ask(COMMANDER, &id, &resolve("restarted")).await;
    deck.receiver.next_all_clear().await;
    deck.receiver.next_all_clear().await;
    deck.finish().await;
}

/// A role is offered and stays where it is until it is accepted; one that is given up at SEV1 is paged for when its time is over.
#[tokio::test]
async fn a_role_is_handed_over_by_yes_and_an_empty_one_is_paged_for() {
    let deck = Deck::start().await;
    let (title, severity) = ("the signer is stolen".to_owned(), Some("SEV1".to_owned()));
    let declare = Declare { title, severity, ..Declare::default() };
    let id = deck.client(RESPONDER).declare(&declare).await.unwrap().summary.id;
    deck.receiver.next().await;
    deck.settled().await;
    let commander = |after: &Incident| after.chairs.iter().find(|chair| chair.role == "commander").unwrap().clone();
    let after = deck.ask(RESPONDER, &id, &Command::Acknowledge {}).await;
    assert_eq!(commander(&after).person.as_deref(), Some("ana"), "whoever answers first commands");
    let (role, whom, reason) = ("commander".to_owned(), "bo".to_owned(), "I must sleep".to_owned());
    let after = deck.ask(RESPONDER, &id, &Command::RequestRole { role, whom, reason }).await;
    let said = format!("{:?}", deck.receiver.next().await);
    assert!(said.contains("I must sleep") && said.contains("commander"), "{said}");
    deck.settled().await;
    assert_eq!(commander(&after).person.as_deref(), Some("ana"), "until they say yes");
    let after = deck.ask(COMMANDER, &id, &Command::Accept { ask: Some(1) }).await;
    assert_eq!((commander(&after).person.as_deref(), commander(&after).missed_from), (Some("bo"), None));
    let after = deck.ask(COMMANDER, &id, &Command::GiveUpRole { role: "commander".to_owned() }).await;
    assert!(commander(&after).person.is_none() && commander(&after).missed_from.is_some(), "{:?}", commander(&after));
    let shown = deck.http.get(format!("{}/incidents/{id}", deck.base)).bearer_auth(VIEWER);
    let shown = shown.header("accept", "text/html").send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("Nobody is commander.") && shown.contains("Somebody is paged for it"), "{shown}");
    deck.clock.forward(Duration::from_mins(5) + Duration::from_secs(1));
    let said = format!("{:?}", deck.receiver.next().await);
    assert!(said.contains("nobody is commander") && said.contains("Decide what is done next"), "{said}");
    deck.settled().await;
    let after = deck.client(VIEWER).incident(&id).await.unwrap();
    let ask = after.asks.last().unwrap();
    assert_eq!((ask.role.as_deref(), ask.state.as_str()), (Some("commander"), "open"), "{ask:?}");
    deck.ask(COMMANDER, &id, &Command::TakeRole { role: "commander".to_owned(), person: None }).await;
    let ask = deck.client(VIEWER).incident(&id).await.unwrap().asks.pop().unwrap();
    assert_eq!(ask.state, "moot", "{ask:?}");
    deck.finish().await;
}

#[tokio::test]
async fn who_cannot_be_asked_is_named_and_a_hand_over_to_nowhere_is_refused() {
    let deck = Deck::start().await;
    let id = declared(&deck).await;
    let refused = async |token: &str, command: Command| match deck.client(token).command(&id, &command).await {
        Err(ClientError::Refused { status, message, .. }) => (status, message),
        other => panic!("{other:?}"),
    };
    let (status, message) = refused(RESPONDER, page("zoe", "hands")).await;
    assert!(status == 400 && message.contains("`zoe`"), "{message}");
    let over = |to: &str| Command::HandOver { to: to.to_owned(), reason: "theirs".to_owned() };
    assert_eq!(refused(RESPONDER, over("everything")).await.0, 403);
    let (status, message) = refused(COMMANDER, over("nowhere")).await;
    assert!(status == 400 && message.contains("`nowhere`") && message.contains("everything"), "{message}");
    assert_eq!(deck.client(VIEWER).incident(&id).await.unwrap().asks, []);
    deck.finish().await;
}
