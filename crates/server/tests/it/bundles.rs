//! Pages of one person are few: the first of each service at once, what follows as one message, a SEV1 before all of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    harness::{COMMANDER, Deck, KEY, PATIENCE, VIEWER, resolve},
    receiver::Arrived,
};

/// A claim about no known service that joins no other.
fn thing(number: usize) -> Value {
    json!({"title": format!("thing {number}"), "severity": "warning"})
}

async fn post(deck: &Deck, claims: &Value) {
    let (status, body) = deck.post("/ingest/webhook", KEY, claims.to_string()).await;
    assert_eq!(status, 200, "{body}");
}

async fn bundling() -> Deck {
    let deck = Deck::start().await;
    deck.configure(|text| text.replace("bundle = \"never\"", "bundle = \"30s\"")).await;
    deck
}

/// The incidents that a message is about.
fn about(message: &Arrived) -> usize {
    1 + message.body["also"].as_array().map_or(0, Vec::len)
}

/// Waits until so many wait for the channel of the first contacts.
async fn until_waiting(deck: &Deck, count: usize) {
    let looking = async {
        loop {
            let health = deck.get("/api/v1/health", VIEWER).await;
            let channels = health["channels"].as_array().unwrap();
            if channels.iter().any(|channel| channel["id"] == "hook" && channel["waiting"] == count) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("they never wait");
}

#[tokio::test]
async fn sixty_incidents_are_two_messages_and_each_page_says_how_it_went() {
    let deck = bundling().await;
    post(&deck, &Value::Array((0..60).map(thing).collect())).await;
    let first = deck.receiver.next().await;
    assert_eq!((about(&first), first.text("address")), (1, "ana"));
    until_waiting(&deck, 59).await;
    deck.clock.forward(Duration::from_secs(30));
    let rest = deck.receiver.next().await;
    assert_eq!((about(&rest), rest.text("address")), (59, "ana"));
    deck.settled().await;
    let text = rest.text("text");
    for one in deck.client(COMMANDER).incidents(false).await.unwrap() {
        let incident = deck.client(COMMANDER).incident(&one.id).await.unwrap();
        let page = &incident.pages[0];
        assert_eq!((incident.pages.len(), page.outcome.as_deref()), (1, Some("delivered")), "{page:?}");
        let told_alone = page.id == first.text("page");
        assert_eq!(page.detail.as_ref().unwrap().ends_with("in one message about 59"), !told_alone, "{page:?}");
        assert!(told_alone || text.contains(&format!("/incidents/{}", one.id)), "{text}");
    }
    // It is over for all of them: that, too, is told in two messages.
    let ended = quarterdeck_api::Bulk {
        command: resolve("noise"),
        incidents: Vec::new(),
        matching: Some(quarterdeck_api::Matching::default()),
    };
    assert_eq!(deck.client(COMMANDER).commands(&ended).await.unwrap().answers.len(), 60);
    assert_eq!(about(&deck.receiver.next_all_clear().await), 1);
    until_waiting(&deck, 59).await;
    deck.clock.forward(Duration::from_secs(30));
    assert_eq!(about(&deck.receiver.next_all_clear().await), 59);
    deck.finish().await;
}

#[tokio::test]
async fn a_sev1_waits_for_nothing_and_many_of_them_are_few_messages() {
    let deck = bundling().await;
    post(&deck, &json!([thing(0), thing(1)])).await;
    assert_eq!(about(&deck.receiver.next().await), 1);
    let stolen = |number: usize| json!({"title": format!("stolen {number}"), "severity": "critical", "facts": {"key_compromise": true}});
    // The other still waits for its window.
    post(&deck, &json!([stolen(0)])).await;
    let told = deck.receiver.next().await;
    assert_eq!((told.text("title"), about(&told)), ("stolen 0", 1));
    post(&deck, &Value::Array((1..200).map(stolen).collect())).await;
    let (mut told, mut messages) = (1, 1);
    while told < 200 {
        let message = deck.receiver.next().await;
        assert_eq!(message.text("severity"), "sev1");
        // What waited all the while may go with them.
        told += about(&message) - usize::from(message.text("text").contains("thing 1"));
        messages += 1;
        deck.clock.forward(Duration::from_secs(5));
    }
    assert!(messages <= 10, "{messages} messages");
    deck.clock.forward(Duration::from_secs(30));
    deck.settled().await;
    let rest = deck.receiver.rest().await;
    assert!(rest.len() <= 1, "{}", rest.len());
    deck.finish().await;
}

#[tokio::test]
async fn who_stops_the_program_still_tells_what_waited() {
    let deck = bundling().await;
    post(&deck, &json!([thing(0), thing(1), thing(2)])).await;
    assert_eq!(about(&deck.receiver.next().await), 1);
    deck.until("all are open", |board| board.open_incidents() == 3).await;
    let deck = deck.restart().await;
    assert_eq!(about(&deck.receiver.next().await), 2);
    deck.settled().await;
    deck.finish().await;
}
