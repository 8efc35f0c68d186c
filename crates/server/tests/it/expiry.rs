//! Claims that must be repeated end by themselves; the others do not.

use std::time::Duration;

use quarterdeck_core::incident::Incident;
use serde_json::json;

use crate::harness::{KEY, alert, on_every_store};

fn over(incident: &Incident) -> bool {
    incident.live_signals() == 0
}

#[tokio::test]
async fn an_alert_that_is_not_repeated_ends_also_after_a_restart() {
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

        // While we were down nobody could repeat it: it is given the time again, and then it ends.
        let deck = deck.crash().await;
        deck.clock.forward(Duration::from_secs(239));
        deck.alert(&json!([])).await;
        assert_eq!(deck.get("/api/v2/alerts", KEY).await.as_array().map(Vec::len), Some(1));
        deck.clock.forward(Duration::from_secs(62));
        deck.until("the end of the claim", |board| board.incidents().all(over)).await;
        assert_eq!(deck.get("/api/v2/alerts", KEY).await, json!([]));
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
        // Beside it one that must be repeated, about something else: when that is over, the look at what is due has been taken.
        deck.alert(&json!([alert("bridge", "Stuck", "b-1")])).await;
        for _ in 0..2 {
            deck.receiver.next().await;
        }
        deck.settled().await;
        let deck = deck.crash().await;
        deck.clock.forward(Duration::from_secs(302));
        deck.until("the end of the other", |board| board.incidents().any(over)).await;
        let standing = deck.get("/api/v2/alerts", KEY).await;
        assert_eq!(standing.as_array().map(Vec::len), Some(1), "{standing}");
        assert_eq!(standing[0]["labels"], relayed["labels"]);
        deck.settled().await;
        deck.finish().await;
    })
    .await;
}
