//! A store that refuses: the caller hears it, nothing is half done, and it works again by itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{IncidentId, PageId, SignalId},
    time::Timestamp,
};
use quarterdeck_server::store::{Batch, FoundSignal, OutboxPage, SignalFilter, Store, StoreError, StoredEvent};
use serde_json::json;

use crate::harness::{Deck, KEY, VIEWER, alert};

/// A store whose disk is full whenever somebody says so.
struct Full {
    inner: Arc<dyn Store>,
    full: Arc<AtomicBool>,
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl Store for Full {
    async fn append(&self, batch: Batch) -> Answer<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full { doing: "append to the log" });
        }
        self.inner.append(batch).await
    }
    async fn size(&self) -> Answer<u64> {
        self.inner.size().await
    }
    async fn events(&self, from: u64, limit: usize) -> Answer<Vec<StoredEvent>> {
        self.inner.events(from, limit).await
    }
    async fn stream(&self, stream: &str) -> Answer<Vec<StoredEvent>> {
        self.inner.stream(stream).await
    }
    async fn checkpoint(&self) -> Answer<Option<String>> {
        self.inner.checkpoint().await
    }
    async fn claim_pages(&self, now: Timestamp, limit: usize) -> Answer<Vec<OutboxPage>> {
        self.inner.claim_pages(now, limit).await
    }
    async fn release_page(&self, page: PageId, not_before: Timestamp) -> Answer<()> {
        self.inner.release_page(page, not_before).await
    }
    async fn outbox(&self, limit: usize) -> Answer<Vec<OutboxPage>> {
        self.inner.outbox(limit).await
    }
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Answer<Vec<(IncidentId, Timestamp)>> {
        self.inner.timers_due(now, limit).await
    }
    async fn signals(&self, filter: &SignalFilter) -> Answer<Vec<FoundSignal>> {
        self.inner.signals(filter).await
    }
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Answer<Option<FoundSignal>> {
        self.inner.signal(observed, id).await
    }
    async fn live_signals(&self, after: Option<(Timestamp, SignalId)>, limit: usize) -> Answer<Vec<FoundSignal>> {
        self.inner.live_signals(after, limit).await
    }
    async fn cursor(&self, name: &str) -> Answer<Option<String>> {
        self.inner.cursor(name).await
    }
    async fn snapshot(&self, name: &str) -> Answer<Option<Vec<u8>>> {
        self.inner.snapshot(name).await
    }
    async fn erase(&self, index: u64) -> Answer<()> {
        self.inner.erase(index).await
    }
    async fn forget_signals(&self, before: Timestamp) -> Answer<u64> {
        self.inner.forget_signals(before).await
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_done() {
    let full = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&full);
    let deck = Deck::start_with(move |inner| Arc::new(Full { inner, full: switch })).await;
    let before = deck.running.store.size().await.unwrap();
    full.store(true, Ordering::SeqCst);
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

    full.store(false, Ordering::SeqCst);
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.only_incident().await.signals.len(), 1);
    deck.receiver.next().await;
    deck.settled().await;
    deck.finish().await;
}
