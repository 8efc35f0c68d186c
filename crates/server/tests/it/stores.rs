//! A store that refuses: the caller hears it, nothing is half done, and it works again by itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use quarterdeck_store::StoreError;
use serde_json::json;

use crate::{
    guarded::{Guard, Guarded},
    harness::{Deck, KEY, VIEWER, alert},
};

/// A disk that is full whenever somebody says so.
struct Full(AtomicBool);

#[async_trait]
impl Guard for Full {
    async fn admit(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::SeqCst) { Err(StoreError::Full { doing: "append to the log" }) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_done() {
    let disk = Arc::new(Full(AtomicBool::new(false)));
    let guard = Arc::clone(&disk);
    let deck = Deck::start_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    let before = deck.running.store.size().await.unwrap();
    disk.0.store(true, Ordering::SeqCst);
    for (path, body) in [
        ("/api/v2/alerts", json!([alert("rpc", "NodeDown", "eth-1")])),
        ("/ingest/webhook", json!({"title": "down"})),
        (
            "/v2/enqueue",
            json!({"routing_key": KEY, "event_action": "trigger", "payload": {"summary": "s", "source": "s", "severity": "critical"}}),
        ),
    ] {
        let request = deck.http.post(format!("{}{path}", deck.base)).bearer_auth(KEY).body(body.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{path}");
        assert!(answer.text().await.unwrap().contains("no space left for the store"), "{path}");
    }
    assert_eq!(deck.client(VIEWER).incidents(true).await.unwrap(), []);
    assert_eq!(deck.running.store.size().await.unwrap(), before);
    assert_eq!(deck.get("/api/v2/alerts", KEY).await, json!([]));
    deck.receiver.assert_empty().await;

    disk.0.store(false, Ordering::SeqCst);
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.only_incident().await.signals.len(), 1);
    deck.receiver.next().await;
    deck.settled().await;
    deck.finish().await;
}
