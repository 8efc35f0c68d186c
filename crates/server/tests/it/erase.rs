//! What is erased is gone from every answer, and stays gone; the rules go on where they were, and the log verifies.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use quarterdeck_api::{Command, Erase, Matcher, SetSilence};
use quarterdeck_core::{
    erasure::commits_to,
    journal::{Body, Stream},
};
use quarterdeck_server::engine::recorded_of;
use quarterdeck_store::StoreError;
use serde_json::json;

use crate::{
    erased_log::holds,
    guarded::{Guard, Guarded},
    harness::{ADMIN, COMMANDER, Deck, KEY, PATIENCE, RESPONDER, VIEWER, on_every_store},
};

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
        let resolve = Command::Resolve { note: "paid out".to_owned(), reason: Some("the monitor lags".to_owned()) };
        deck.client(COMMANDER).command(&id, &resolve).await.unwrap();
        // Ana's address is gone with the rest; she hears at the one that she has now.
        assert_eq!(deck.receiver.next_all_clear().await.text("address"), "ana");
        deck.settled().await;
        assert_eq!(deck.client(VIEWER).incident(&id).await.unwrap().summary.phase, "resolved");
        deck.finish().await;
    })
    .await;
}

/// Everything that the store still has of what happened.
async fn stored(deck: &Deck) -> String {
    let events = deck.running.store.events(0, usize::MAX).await.unwrap();
    events.iter().filter_map(|event| event.content.json()).collect::<Vec<_>>().join("\n")
}

/// A claim about somebody, as a monitor posts it.
async fn claim(deck: &Deck, service: &str, severity: &str, title: &str) {
    let body = json!({"title": title, "severity": severity, "service": service, "text": title});
    assert_eq!(deck.post("/ingest/webhook", KEY, body.to_string()).await.0, 200);
}

#[tokio::test]
async fn copies_in_a_merged_incident_and_in_the_journal_go_with_it() {
    on_every_store(async |deck| {
        let asked = Erase { events: Vec::new(), reason: "GDPR".to_owned() };
        claim(&deck, "bridge", "critical", &format!("{NAME} cannot withdraw")).await;
        deck.receiver.next().await;
        deck.settled().await;
        let from = deck.only_incident().await;
        claim(&deck, "rpc", "critical", "nodes are down").await;
        deck.receiver.next().await;
        deck.settled().await;
        let open = deck.client(VIEWER).incidents(false).await.unwrap();
        let into = open.iter().find(|one| one.id != from.summary.id).unwrap().id.clone();
        deck.client(COMMANDER).command(&from.summary.id, &Command::Merge { into: into.clone() }).await.unwrap();
        deck.receiver.next_all_clear().await;
        let told = async {
            while !stored(&deck).await.contains("all_clear_settled.v1") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("what became of the all-clear is in the log");
        for (stream, kind, words) in
            [(&into, "signal_attached.v1", NAME), (&"journal".to_owned(), "all_clear_settled.v1", "")]
        {
            let events = deck.running.store.stream(stream).await.unwrap();
            let holds = |text: &str| text.contains(kind) && text.contains(words);
            assert!(events.iter().any(|event| event.content.json().is_some_and(holds)), "or this shows nothing");
        }

        let erased = deck.client(ADMIN).erase(&from.summary.id, &asked).await.unwrap();
        let streams: Vec<&str> = erased.copies.iter().map(|copy| copy.stream.as_str()).collect();
        assert_eq!(streams, [into.as_str(), "journal"], "{erased:?}");
        assert!(!stored(&deck).await.contains(NAME));
        assert!(!everything(&deck, &into).await.contains(NAME));
        let again = deck.client(ADMIN).erase(&from.summary.id, &asked).await.unwrap_err();
        assert!(again.to_string().contains("holds personal data"), "{again}");

        let deck = deck.restart().await;
        deck.client(RESPONDER).command(&into, &Command::Acknowledge {}).await.unwrap();
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_signal_without_an_incident_and_a_silence_can_be_erased_by_themselves() {
    on_every_store(async |deck| {
        let asked = |events: &[u64]| Erase { events: events.to_vec(), reason: "GDPR".to_owned() };
        claim(&deck, "bridge", "info", &format!("{NAME} asks about a withdrawal")).await;
        let list = deck.get("/api/v1/signals", VIEWER).await;
        let signal = list[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(list[0]["became"], "noted");
        let silence = SetSilence {
            matchers: vec![Matcher { name: "a".to_owned(), value: "b".to_owned(), is_regex: false, is_not: false }],
            starts: None,
            ends: "2099-01-01T00:00:00Z".to_owned(),
            comment: format!("{NAME} rang"),
        };
        let silence = deck.client(COMMANDER).set_silence(&silence).await.unwrap().id;

        // Published before it is erased.
        let deck = deck.restart().await;
        let log = deck.running.log_folder.clone();
        assert!(holds(&log, NAME), "or this shows nothing");
        assert!(deck.client(COMMANDER).erase(&signal, &asked(&[])).await.is_err());
        assert!(deck.client(ADMIN).erase(&signal, &asked(&[0])).await.is_err());
        for id in [&signal, &silence] {
            let erased = deck.client(ADMIN).erase(id, &asked(&[])).await.unwrap();
            assert!(erased.copies.iter().all(|copy| copy.stream == "journal"), "{erased:?}");
            let again = deck.client(ADMIN).erase(id, &asked(&[])).await.unwrap_err();
            assert!(again.to_string().contains("holds no personal data"), "{again}");
        }
        assert!(!stored(&deck).await.contains(NAME));
        let seen = async |deck: &Deck| {
            let silences = deck.get("/api/v1/silences", VIEWER).await.to_string();
            deck.get("/api/v1/signals", VIEWER).await.to_string() + &silences
        };
        assert!(!seen(&deck).await.contains(NAME));
        let deck = deck.restart().await;
        assert!(!seen(&deck).await.contains(NAME) && !holds(&log, NAME));
        deck.finish().await;
    })
    .await;
}

/// Takes what it is told to lose, and says that it did not.
#[derive(Default)]
struct Losing(AtomicUsize);

#[async_trait]
impl Guard for Losing {
    async fn admit(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn answer(&self) -> Result<(), StoreError> {
        let lose = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if lose { Err(StoreError::Database { doing: "append to log", source: "lost".into() }) } else { Ok(()) }
    }
}

#[tokio::test]
async fn an_erasure_whose_answer_is_lost_is_asked_again_and_finds_what_is_left() {
    let guard = Arc::new(Losing::default());
    let deck = Deck::start_with(|inner| Arc::new(Guarded { inner, guard: Arc::clone(&guard) })).await;
    let asked = Erase { events: Vec::new(), reason: "GDPR".to_owned() };
    claim(&deck, "bridge", "critical", &format!("{NAME} cannot withdraw")).await;
    deck.receiver.next().await;
    deck.settled().await;
    let id = deck.only_incident().await.summary.id;
    claim(&deck, "bridge", "info", &format!("{NAME} asks")).await;
    let list = deck.get("/api/v1/signals?limit=1", VIEWER).await;
    let signal = list[0]["id"].as_str().unwrap().to_owned();

    // It is done all the same: the program finds out by itself, and whoever asks again hears that nothing is left.
    for one in [&id, &signal] {
        guard.0.store(1, Ordering::SeqCst);
        let first = deck.client(ADMIN).erase(one, &asked).await;
        assert_eq!(guard.0.load(Ordering::SeqCst), 0, "or no answer was lost");
        let again = match first {
            Ok(_) => deck.client(ADMIN).erase(one, &asked).await.unwrap_err().to_string(),
            Err(error) => error.to_string() + &deck.client(ADMIN).erase(one, &asked).await.unwrap_err().to_string(),
        };
        assert!(again.contains("personal data"), "{again}");
    }
    assert!(!stored(&deck).await.contains(NAME));
    assert!(!everything(&deck, &id).await.contains(NAME));
    let erased = stored(&deck).await.matches("erased.v1").count();
    assert_eq!(erased, 2, "each is erased once");
    deck.client(RESPONDER).command(&id, &Command::Acknowledge {}).await.unwrap();
    deck.finish().await;
}
