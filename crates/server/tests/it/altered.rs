//! A stored text that somebody changed behind our back: it is never shown as what happened, and people are told, whether it is read
//! while the program runs or found by the next start.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use quarterdeck_store::{Content, StoreError, StoredEvent};
use serde_json::json;

use crate::{
    guarded::{Guard, Guarded},
    harness::{Deck, VIEWER, alert},
};

/// Changes a word in every text, as an UPDATE of the table does, from the moment that somebody says so.
struct Altered(AtomicBool);

#[async_trait]
impl Guard for Altered {
    async fn admit(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn hand_out(&self, event: &mut StoredEvent) {
        if self.0.load(Ordering::SeqCst)
            && let Content::Whole { json, .. } = &mut event.content
        {
            *json = json.replace("NodeDown", "NodeFine");
        }
    }
}

/// What a person could read of the incident, with the status of each answer.
async fn everything(deck: &Deck, id: &str) -> Vec<(u16, String)> {
    let mut said = Vec::new();
    for end in ["", "/timeline", "/review", "/bundle"] {
        let url = format!("{}/api/v1/incidents/{id}{end}", deck.base);
        let answer = deck.http.get(url).bearer_auth(VIEWER).send().await.unwrap();
        said.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    said
}

#[tokio::test]
async fn a_changed_text_is_never_shown_as_what_happened() {
    let altered = Arc::new(Altered(AtomicBool::new(false)));
    let guard = Arc::clone(&altered);
    let deck = Deck::start_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let id = deck.only_incident().await.summary.id;
    altered.0.store(true, Ordering::SeqCst);
    for (status, text) in everything(&deck, &id).await {
        assert!(status >= 400 && !text.contains("NodeFine"), "{status}: {text}");
    }
    let page = deck.receiver.next().await;
    assert!(page.text("title").contains("damaged history"), "{page:?}");
    let health = deck.get("/api/v1/health", VIEWER).await;
    assert!(health["faults"].to_string().contains(&id), "{health}");
    deck.settled().await;

    // Once, whoever reads it again, and after a start on it.
    everything(&deck, &id).await;
    let guard = Arc::clone(&altered);
    let deck = deck.restart_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    for (status, text) in everything(&deck, &id).await {
        assert!(status >= 400 && !text.contains("NodeFine"), "{status}: {text}");
    }
    let events = deck.running.store.events(0, usize::MAX).await.unwrap();
    let told = events.iter().filter_map(|event| event.content.json());
    assert_eq!(told.filter(|json| json.contains("stream_set_aside.v1")).count(), 1);
    deck.receiver.assert_empty().await;
    deck.leave_damaged().await;
}
