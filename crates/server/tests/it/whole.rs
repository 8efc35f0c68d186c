//! The whole way of an incident, on every store, with restarts and a crash between its steps: what is lost by one of them is seen in
//! the next, and at the end the log verifies from the outside.

use quarterdeck_api::Command;
use std::time::Duration;

use quarterdeck_core::incident::Phase;
use quarterdeck_ledger::bundle::Bundle;
use serde_json::json;

use crate::harness::{COMMANDER, KEY, RESPONDER, VIEWER, note, on_every_store, resolve};

#[tokio::test]
async fn from_a_claim_to_a_verified_end_through_restarts() {
    on_every_store(async |deck| {
        // What is posted like this holds until somebody says otherwise; an alert would have to be repeated.
        let claim = json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical"});
        assert_eq!(deck.post("/ingest/webhook", KEY, claim.to_string()).await.0, 200);
        assert_eq!(deck.receiver.next().await.text("address"), "ana");
        deck.settled().await;
        let id = deck.only_incident().await.summary.id;

        // The escalation goes on where it was: the next person, not the first again.
        let deck = deck.restart().await;
        deck.clock.forward(Duration::from_secs(901));
        let page = deck.receiver.next().await;
        assert_eq!((page.text("address"), page.text("incident")), ("bo", id.as_str()));
        deck.settled().await;

        // Acknowledged before the crash, acknowledged after it: nobody is paged.
        deck.ask(RESPONDER, &id, &Command::Acknowledge {}).await;
        let deck = deck.crash().await;
        let incident = deck.only_incident().await;
        assert_eq!(incident.summary.acknowledged_by.as_deref(), Some("ana"));
        deck.clock.forward(Duration::from_mins(30));
        let incident = deck.ask(RESPONDER, &id, &note("pausing the node")).await;
        assert_eq!(incident.pages.len(), 2, "{:?}", incident.pages);

        deck.ask(COMMANDER, &id, &resolve("moved to the other node")).await;
        deck.until("its end", |board| board.incidents().all(|one| one.phase() == Phase::Resolved)).await;
        let mut told = [deck.receiver.next_all_clear().await, deck.receiver.next_all_clear().await];
        told.sort_by(|a, b| a.text("address").cmp(b.text("address")));
        assert_eq!([told[0].text("address"), told[1].text("address")], ["ana", "bo"]);

        let deck = deck.restart().await;
        let incident = deck.client(VIEWER).incident(&id).await.unwrap();
        assert_eq!(incident.summary.phase, "resolved");
        assert!(incident.timeline.iter().any(|row| row.text.contains("pausing the node")), "{:?}", incident.timeline);
        let bundle = deck.client(VIEWER).bundle(&id, true).await.unwrap();
        let bundle = Bundle::decode(&bundle).unwrap();
        bundle.verify(&deck.running.key).unwrap();
        assert_eq!(bundle.events().len(), incident.timeline.len());
        deck.finish().await;
    })
    .await;
}
