//! What is erased is gone from every answer, and stays gone; the rules go on where they were, and the log verifies.

use quarterdeck_api::{Command, Erase};
use quarterdeck_core::{
    erasure::commits_to,
    journal::{Body, Stream},
};
use quarterdeck_server::engine::recorded_of;
use serde_json::json;

use crate::harness::{ADMIN, COMMANDER, Deck, KEY, RESPONDER, VIEWER, on_every_store};

/// A person whom nothing may name afterwards.
const NAME: &str = "Jane Roe";

/// Everything that can be read about an incident.
async fn everything(deck: &Deck, id: &str) -> String {
    let mut said = String::new();
    for path in
        [format!("/api/v1/incidents/{id}"), format!("/api/v1/incidents/{id}/review"), "/api/v1/signals".to_owned()]
    {
        said += &deck.get(&path, VIEWER).await.to_string();
    }
    let bundle = deck.http.get(format!("{}/api/v1/incidents/{id}/bundle", deck.base)).bearer_auth(VIEWER);
    said += &bundle.send().await.unwrap().text().await.unwrap();
    said
}

#[tokio::test]
async fn what_is_erased_is_gone_and_the_rules_go_on() {
    on_every_store(async |deck| {
        let body = json!({"title": format!("{NAME} cannot withdraw"), "severity": "critical", "service": "bridge",
            "text": format!("{NAME} wrote to us"), "labels": {"customer": NAME}});
        assert_eq!(deck.post("/ingest/webhook", KEY, body.to_string()).await.0, 200);
        deck.receiver.next().await;
        deck.settled().await;
        let id = deck.only_incident().await.summary.id;
        let note = Command::Note { text: format!("called {NAME}") };
        deck.client(RESPONDER).command(&id, &note).await.unwrap();
        assert!(everything(&deck, &id).await.contains(NAME));

        // Not without a reason, not what is not there, and not by anybody.
        let asked = |events: &[u64], reason: &str| Erase { events: events.to_vec(), reason: reason.to_owned() };
        assert!(deck.client(COMMANDER).erase(&id, &asked(&[], "GDPR")).await.is_err());
        assert!(deck.client(ADMIN).erase(&id, &asked(&[], " ")).await.is_err());
        assert!(deck.client(ADMIN).erase(&id, &asked(&[999], "GDPR")).await.is_err());

        let before = deck.client(VIEWER).incident(&id).await.unwrap();
        let erased = deck.client(ADMIN).erase(&id, &asked(&[], "GDPR")).await.unwrap();
        assert!(erased.events.contains(&0), "{erased:?}");
        let again = deck.client(ADMIN).erase(&id, &asked(&[], "GDPR")).await.unwrap_err();
        assert!(again.to_string().contains("holds personal data"), "{again}");
        let after = deck.client(VIEWER).incident(&id).await.unwrap();
        assert_eq!(after.summary.title, "(erased)");
        assert_eq!((&after.summary.phase, &after.summary.severity), (&before.summary.phase, &before.summary.severity));
        assert!(!everything(&deck, &id).await.contains(NAME));

        // The log says so, and commits to what is left.
        let said = deck.running.store.events(erased.log_index, 1).await.unwrap();
        let Some(Body::Journal(said)) = recorded_of(&said[0]).unwrap().map(|recorded| recorded.body) else { panic!() };
        for stored in deck.running.store.stream(&id).await.unwrap() {
            let left = stored.content.json().unwrap();
            assert!(!left.contains(NAME), "{left}");
            let stream = Stream::Incident(id.parse().unwrap());
            assert_eq!(erased.events.contains(&stored.version), commits_to(&said, stream, stored.version, left));
        }

        let deck = deck.restart().await;
        assert!(!everything(&deck, &id).await.contains(NAME));
        deck.client(RESPONDER).command(&id, &Command::Acknowledge {}).await.unwrap();
        let resolve = Command::Resolve { note: "paid out".to_owned() };
        deck.client(COMMANDER).command(&id, &resolve).await.unwrap();
        assert_eq!(deck.client(VIEWER).incident(&id).await.unwrap().summary.phase, "resolved");
        deck.finish().await;
    })
    .await;
}
