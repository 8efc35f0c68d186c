//! A page that reaches nobody is told wherever somebody may look, the next way is tried at once, and what is mended is noticed.

use std::time::Duration;

use quarterdeck_api::{Command, Health};
use serde_json::json;

use crate::harness::{ADMIN, COMMANDER, Deck, RESPONDER, VIEWER, alert, resolve};

/// Where nobody listens: connections are refused at once.
const NOBODY: &str = "http://127.0.0.1:1/";

async fn health(deck: &Deck) -> Health {
    serde_json::from_value(deck.get("/api/v1/health", VIEWER).await).unwrap()
}

async fn metrics(deck: &Deck) -> String {
    let answer = deck.http.get(format!("{}/metrics", deck.base)).bearer_auth(VIEWER).send().await.unwrap();
    answer.text().await.unwrap()
}

async fn console(deck: &Deck, path: &str) -> String {
    let request = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(ADMIN).header("accept", "text/html");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn where_every_channel_refuses_it_is_said_everywhere_and_tried_until_somebody_is_reached() {
    let deck = Deck::start().await;
    let listens = format!("http://{}/", deck.receiver.address);
    deck.configure(|text| text.replace(&listens, NOBODY)).await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    // Ana by two channels, Bo by one: the last tier and the fallback in one person.
    deck.until("nobody is reached", |board| board.unreached_count() == 1).await;

    let incident = deck.only_incident().await;
    assert_eq!(incident.summary.unreached, 1);
    assert!(incident.summary.next_step.is_some(), "they are tried again");
    let people: Vec<&str> = incident.pages.iter().map(|page| page.person.as_str()).collect();
    assert_eq!(people, ["ana", "ana", "bo"]);
    let first = incident.pages[0].detail.as_deref().unwrap();
    assert!(first.ends_with("(3 tries)"), "{first}");
    let settled = incident.timeline.iter().find(|row| row.kind == "page_settled").unwrap();
    // Two pauses of one and two seconds lie between three tries.
    assert!(settled.text.contains("failed after 3."), "{}", settled.text);

    let health = health(&deck).await;
    assert!(health.ready, "people can still look: {:?}", health.faults);
    let said = health.faults.join("\n");
    assert!(said.starts_with(&format!("NOBODY COULD BE REACHED for {}", incident.summary.id)), "{said}");
    assert!(said.contains("channel hook is not tried") && said.contains("ana was not reached by spare"), "{said}");
    let hook = health.channels.iter().find(|channel| channel.id == "hook").unwrap();
    assert_eq!((hook.state.as_str(), hook.delivered, hook.failed), ("not tried", 0, 2));
    let metrics = metrics(&deck).await;
    assert!(metrics.contains("quarterdeck_incidents_unreached 1"), "{metrics}");
    assert!(metrics.contains("quarterdeck_channel_tried{channel=\"hook\"} 0"), "{metrics}");
    let overview = console(&deck, "/").await;
    assert!(overview.contains("NOBODY COULD BE REACHED") && overview.contains("nobody could be reached"), "{overview}");
    let page = console(&deck, &format!("/incidents/{}", incident.summary.id)).await;
    assert!(page.contains("Nobody could be reached."), "{page}");
    assert!(console(&deck, "/oncall").await.contains("not tried"));

    // The line is mended. The next pass finds it, at the latest when a page may go and see whether the channel works again.
    deck.configure(|text| text.replace(NOBODY, &listens)).await;
    let page = deck.receiver.next().await;
    assert!(page.text("text").contains("everybody is tried again"), "{}", page.text("text"));
    deck.until("somebody is reached", |board| board.unreached_count() == 0).await;
    deck.ask(RESPONDER, &incident.summary.id, &Command::Acknowledge {}).await;
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_contact_that_is_refused_is_a_fault_until_it_is_reached_or_gone() {
    let deck = Deck::start().await;
    deck.receiver.refuse("/spare", true);
    deck.configure(|text| {
        text.replacen("channel = \"hook\", address = \"ana\"", "channel = \"spare\", address = \"a\"", 1)
    })
    .await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    // Both ways of Ana are refused for good, so it is Bo's, at once.
    assert_eq!(deck.receiver.next().await.text("address"), "bo");
    deck.settled().await;
    let faults = health(&deck).await.faults;
    assert_eq!(
        faults.iter().filter(|fault| fault.starts_with("ana was not reached by spare")).count(),
        2,
        "{faults:?}"
    );
    // Known again after a start, from the incident.
    let deck = deck.restart().await;
    assert_eq!(health(&deck).await.faults.len(), 2);
    deck.configure(|text| {
        text.replacen("channel = \"spare\", address = \"a\"", "channel = \"hook\", address = \"ana\"", 1)
    })
    .await;
    let faults = health(&deck).await.faults;
    assert_eq!(faults.len(), 1, "the contact is gone: {faults:?}");
    let incident = deck.only_incident().await;
    deck.ask(RESPONDER, &incident.summary.id, &Command::Acknowledge {}).await;
    deck.finish().await;
}

#[tokio::test]
async fn that_it_is_over_is_told_when_the_channel_is_back() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let id = deck.only_incident().await.summary.id;
    deck.receiver.be_away(true);
    deck.ask(COMMANDER, &id, &resolve("the node is back")).await;
    // There is no next way: it is tried for longer than a page would be.
    for times in 1..=4 {
        deck.receiver.tried(times).await;
        deck.clock.forward(Duration::from_mins(1));
    }
    deck.receiver.be_away(false);
    deck.clock.forward(Duration::from_mins(1));
    assert_eq!(deck.receiver.next_all_clear().await.text("address"), "ana");
    deck.finish().await;
}
