//! The machine's clock is set while incidents are open: nobody waits longer for it, it is written down, and it is a fault.

use std::time::Duration;

use quarterdeck_api::{Command, Health};
use quarterdeck_core::journal::{Body, JournalEvent};
use quarterdeck_server::engine::recorded_of;
use serde_json::json;

use crate::harness::{Deck, KEY, PATIENCE, RESPONDER, VIEWER, alert};

const HOUR: Duration = Duration::from_hours(1);

async fn faults(deck: &Deck) -> Vec<String> {
    let health: Health = serde_json::from_value(deck.get("/api/v1/health", VIEWER).await).unwrap();
    assert!(health.ready, "{:?}", health.faults);
    health.faults
}

/// Steps that the journal knows, in whole minutes.
async fn steps(deck: &Deck, count: usize) -> Vec<i64> {
    let look = async || {
        let events = deck.running.store.stream("journal").await.unwrap();
        let bodies = events.iter().filter_map(|event| recorded_of(event).unwrap()).map(|recorded| recorded.body);
        let of = |body| match body {
            Body::Journal(JournalEvent::ClockStepped { by_ms, .. }) => Some((by_ms + by_ms.signum() * 500) / 60_000),
            Body::Journal(_) | Body::Incident(_) => None,
        };
        bodies.filter_map(of).collect::<Vec<i64>>()
    };
    let waiting = async {
        loop {
            let found = look().await;
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the journal knows of no such step")
}

#[tokio::test]
async fn a_clock_that_steps_back_an_hour_makes_nobody_wait_an_hour() {
    let deck = Deck::start().await;
    deck.configure(|text| text.replacen("delay = \"15m\"", "delay = \"10s\"", 1)).await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.receiver.next().await.text("address"), "ana");
    deck.clock.back(HOUR);
    // Ten seconds and a half, by the clock that measures spans; the test's patience is a minute.
    assert_eq!(deck.receiver.next().await.text("address"), "bo");
    deck.settled().await;
    assert_eq!(steps(&deck, 1).await, [-60]);
    let said = faults(&deck).await;
    assert!(said.iter().any(|fault| fault.contains("clock went back: it is 59 min")), "{said:?}");

    // A start in between changes nothing: the log's last instant is not undone.
    let deck = deck.restart().await;
    assert!(steps(&deck, 2).await.iter().all(|minutes| *minutes <= -59));
    assert!(faults(&deck).await.iter().any(|fault| fault.contains("clock went back")));
    // A monitor's alert, by a clock that is right, still holds.
    deck.alert(&json!([alert("bridge", "Stuck", "1")])).await;
    assert_eq!(deck.receiver.next().await.text("address"), "ana");

    // Set right again, it is a step forward of as much, and in step.
    deck.clock.forward(HOUR);
    assert_eq!(steps(&deck, 3).await.last(), Some(&60));
    let said = faults(&deck).await;
    assert!(said.iter().any(|fault| fault.contains("went forward by 1 h 0 min")), "{said:?}");
    for incident in deck.client(VIEWER).incidents(false).await.unwrap() {
        deck.ask(RESPONDER, &incident.id, &Command::Acknowledge {}).await;
    }
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn what_began_before_the_clock_stepped_back_ends_when_its_monitor_says_so_and_begins_again() {
    let deck = Deck::start().await;
    let said = async |status: &str| {
        let claim =
            json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical", "status": status});
        assert_eq!(deck.post("/ingest/webhook", KEY, claim.to_string()).await.0, 200, "{status}");
    };
    said("firing").await;
    deck.receiver.next().await;
    deck.settled().await;
    deck.clock.back(HOUR);
    said("resolved").await;
    deck.until("it is over", |board| board.incidents().all(|incident| incident.live_signals() == 0)).await;
    said("firing").await;
    deck.until("it is not", |board| board.incidents().any(|incident| incident.live_signals() == 1)).await;
    deck.receiver.rest().await;
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}
