//! What is erased is gone from the published log as well, in files of every width, and the log verifies.

use std::{fs, path::Path};

use quarterdeck_api::Command;
use quarterdeck_core::{erasure, incident::Actor, journal::Stream};
use quarterdeck_server::engine::{Answer, Work, recorded_of};
use serde_json::json;

use crate::harness::{COMMANDER, Deck, KEY, RESPONDER, note, on_every_store, resolve};

const SECRET: &str = "call Gloria on +49 30 901820";

/// Whether a file below the folder holds the text.
pub(crate) fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// Erases everything personal in an incident; how many events that were.
async fn erase(deck: &Deck, incident: &str) -> usize {
    let stream: Stream = incident.parse().unwrap();
    let stored = deck.running.store.stream(incident).await.unwrap();
    let history: Vec<_> = stored.iter().map(|event| (event.index, recorded_of(event).unwrap().unwrap())).collect();
    let recorded = history.iter().map(|(_, recorded)| recorded);
    let erasure = erasure::erase(stream, recorded, Actor::System, "she asked for it").unwrap();
    let count = erasure.redactions.len();
    let answer = deck.running.engine.ask(Work::Erase { history, erasure }).await.unwrap();
    assert!(matches!(answer, Answer::Logged { .. }), "{answer:?}");
    count
}

#[tokio::test]
async fn what_is_erased_is_gone_and_the_program_starts_again() {
    on_every_store(async |deck| {
        let claim = json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical"});
        assert_eq!(deck.post("/ingest/webhook", KEY, claim.to_string()).await.0, 200);
        deck.receiver.next().await;
        deck.settled().await;
        let id = deck.only_incident().await.summary.id;
        deck.ask(RESPONDER, &id, &Command::Acknowledge {}).await;
        deck.ask(RESPONDER, &id, &note(SECRET)).await;

        // Published, in files of several widths, before it is erased.
        let deck = deck.restart().await;
        let log = deck.running.log_folder.clone();
        assert!(holds(&log, SECRET), "or this shows nothing");
        assert!(erase(&deck, &id).await > 1);
        let deck = deck.restart().await;
        assert!(!holds(&log, SECRET));
        let events = deck.running.store.events(0, usize::MAX).await.unwrap();
        assert!(events.iter().all(|event| !event.content.json().unwrap().contains(SECRET)));

        // The rules have all that they need.
        let incident = deck.only_incident().await;
        assert_eq!((incident.summary.phase.as_str(), incident.pages.len()), ("acknowledged", 1));
        deck.ask(COMMANDER, &id, &resolve("it was a test")).await;
        let deck = deck.crash().await;
        deck.finish().await;
    })
    .await;
}
