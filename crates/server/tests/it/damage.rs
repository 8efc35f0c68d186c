//! One damaged history in the store: everything else runs, and people are told.

use std::sync::Arc;

use async_trait::async_trait;
use quarterdeck_core::incident::Phase;
use quarterdeck_store::{Content, StoreError, StoredEvent};
use serde_json::json;

use crate::{
    guarded::{Guard, Guarded},
    harness::{RESPONDER, VIEWER, alert, on_every_store},
};

/// Tears the second event of one stream.
struct Torn(String);

#[async_trait]
impl Guard for Torn {
    async fn admit(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn hand_out(&self, event: &mut StoredEvent) {
        if event.stream == self.0
            && event.version == 1
            && let Content::Whole { json, .. } = &mut event.content
        {
            json.truncate(json.len() / 2);
        }
    }
}

#[tokio::test]
async fn one_damaged_history_is_set_aside_and_everything_else_runs() {
    on_every_store(async |deck| {
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        let damaged = deck.only_incident().await.summary.id;
        deck.receiver.next().await;
        deck.alert(&json!([alert("bridge", "BridgeStuck", "b-1")])).await;
        let whole = deck.client(VIEWER).incidents(false).await.unwrap();
        let whole = whole.into_iter().find(|one| one.id != damaged).unwrap().id;
        deck.receiver.next().await;
        deck.settled().await;

        let torn = damaged.clone();
        let tear = |inner| Arc::new(Guarded { inner, guard: Arc::new(Torn(torn)) }) as Arc<_>;
        let deck = deck.restart_with(tear).await;
        let page = deck.receiver.next().await;
        assert!(page.text("title").contains(&damaged), "{page:?}");
        let said = deck.get("/api/v1/health", VIEWER).await;
        assert!(said["faults"].to_string().contains(&damaged), "{said}");

        let (status, body) = deck.post(&format!("/api/v1/incidents/{damaged}/acknowledge"), RESPONDER, "{}").await;
        assert_eq!(status, 409, "{body}");
        assert!(body.contains("set_aside") && body.contains(&damaged), "{body}");
        let (status, body) = deck.post(&format!("/api/v1/incidents/{whole}/acknowledge"), RESPONDER, "{}").await;
        assert_eq!(status, 200, "{body}");

        // What it claimed is heard again, as an incident of its own.
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        let again = deck.receiver.next().await;
        assert!(again.text("title").contains("NodeDown"), "{again:?}");
        deck.settled().await;

        // The journal has it once, and keeps it set aside even where the damage is mended.
        let deck = deck.restart().await;
        let events = deck.running.store.events(0, 10_000).await.unwrap();
        let told = events.iter().filter_map(|event| event.content.json());
        assert_eq!(told.filter(|json| json.contains("stream_set_aside.v1")).count(), 1);
        deck.until("the others are open", |board| {
            board.incidents().filter(|one| matches!(one.phase(), Phase::Triggered | Phase::Acknowledged)).count() == 3
        })
        .await;
        let said = deck.get("/api/v1/health", VIEWER).await;
        assert!(said["faults"].to_string().contains(&damaged), "{said}");
        deck.leave_damaged().await;
    })
    .await;
}
