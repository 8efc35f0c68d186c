//! Claims that must be repeated and are not: their source fell silent, which is no end.

use std::time::Duration;

use quarterdeck_core::incident::Incident;
use serde_json::json;

use crate::harness::{KEY, alert, on_every_store};

fn silent(incident: &Incident) -> bool {
    incident.signals().values().all(|attached| attached.is_live() && attached.silent.is_some())
}

#[tokio::test]
async fn an_alert_that_is_not_repeated_is_said_to_be_silent_and_stays_open_also_after_a_restart() {
    on_every_store(async |deck| {
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        deck.receiver.next().await;
        deck.settled().await;
        // Repeated in time, it stays.
        deck.clock.forward(Duration::from_secs(200));
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        deck.clock.forward(Duration::from_secs(99));
        deck.alert(&json!([])).await;
        assert_eq!(deck.get("/api/v2/alerts", KEY).await.as_array().map(Vec::len), Some(1));

        // While we were down nobody could repeat it: it is given the time again, and then its source is said to be silent.
        let deck = deck.crash().await;
        deck.clock.forward(Duration::from_secs(239));
        deck.alert(&json!([])).await;
        assert_eq!(deck.get("/api/v2/alerts", KEY).await.as_array().map(Vec::len), Some(1));
        deck.clock.forward(Duration::from_secs(62));
        deck.until("the silence of its source", |board| board.incidents().all(silent)).await;
        let incident = deck.only_incident().await;
        assert_eq!(incident.summary.phase, "triggered", "nobody said that it is over");
        assert!(incident.signals[0].silent_since.is_some());
        assert_eq!(incident.timeline.iter().filter(|row| row.kind == "signal_silent").count(), 1);
        // It is heard of again.
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        assert_eq!(deck.only_incident().await.signals.iter().filter(|one| one.silent_since.is_none()).count(), 1);
        deck.settled().await;
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_an_alertmanager_relays_holds_until_it_says_otherwise() {
    on_every_store(async |deck| {
        let mut relayed = alert("rpc", "NodeDown", "eth-1");
        relayed["status"] = json!("firing");
        let body = json!({"version": "4", "alerts": [relayed]}).to_string();
        assert_eq!(deck.post("/ingest/alertmanager", KEY, body).await.0, 200);
        // Beside it one that must be repeated, about something else: when that fell silent, the look at what is due has been taken.
        deck.alert(&json!([alert("bridge", "Stuck", "b-1")])).await;
        for _ in 0..2 {
            deck.receiver.next().await;
        }
        deck.settled().await;
        let deck = deck.crash().await;
        deck.clock.forward(Duration::from_secs(302));
        deck.until("the silence of the other", |board| board.incidents().any(silent)).await;
        let board = deck.running.engine.published().board();
        let speaking: Vec<_> = board.incidents().filter(|incident| !silent(incident)).collect();
        assert_eq!(speaking.len(), 1);
        assert_eq!(speaking[0].service().map(ToString::to_string).as_deref(), Some("rpc"));
        deck.settled().await;
        deck.finish().await;
    })
    .await;
}
