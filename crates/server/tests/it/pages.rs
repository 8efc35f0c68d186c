//! What becomes of pages when the program or its clock misbehaves.

use quarterdeck_api::Command;
use std::time::Duration;

use quarterdeck_core::incident::PageOutcome;
use serde_json::json;

use crate::harness::{COMMANDER, RESPONDER, alert, note, on_every_store, resolve};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_page_under_way_at_a_crash_is_repeated_once_then_goes_another_way() {
    on_every_store(async |deck| {
        deck.receiver.be_silent(true);
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        let first = deck.receiver.next().await;
        assert_eq!(first.body["repeat"], false);

        // It may have arrived: once more, and it says so.
        let deck = deck.crash().await;
        let again = deck.receiver.next().await;
        assert_eq!((again.path.as_str(), &again.body["page"]), ("/hook", &first.body["page"]));
        assert_eq!(again.body["repeat"], true);

        // Once is enough: the person's next way.
        let deck = deck.crash().await;
        let other = deck.receiver.next().await;
        assert_eq!((other.path.as_str(), other.text("address")), ("/spare", "ana"));
        assert_eq!(other.body["repeat"], true);
        deck.settled().await;
        let incident = deck.only_incident().await;
        let outcomes: Vec<_> = incident.pages.iter().map(|page| page.outcome.clone().unwrap()).collect();
        assert_eq!(outcomes, ["unknown", "delivered"]);
        assert_eq!(incident.pages[1].repeat_of.as_ref(), Some(&incident.pages[0].id));
        deck.receiver.be_silent(false);
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_decided_before_a_crash_leaves_after_it() {
    on_every_store(async |deck| {
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        let deck = deck.crash().await;
        // Whether it left before is a matter of luck; that it left is not.
        let page = deck.receiver.next().await;
        deck.settled().await;
        let incident = deck.only_incident().await;
        assert_eq!(page.text("page"), incident.pages[0].id);
        assert_eq!(incident.pages.len(), 1);
        for again in deck.receiver.rest().await {
            assert_eq!((again.text("page"), &again.body["repeat"]), (page.text("page"), &json!(true)));
        }
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_jumps_loses_nothing_and_pages_nobody_twice() {
    on_every_store(async |deck| {
        let claim = json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical"});
        assert_eq!(deck.post("/ingest/webhook", crate::harness::KEY, claim.to_string()).await.0, 200);
        assert_eq!(deck.receiver.next().await.text("address"), "ana");
        deck.settled().await;

        // A day is gone at once: one step of the escalation, not a day's worth.
        deck.clock.forward(DAY);
        assert_eq!(deck.receiver.next().await.text("address"), "bo");
        deck.settled().await;
        let incident = deck.only_incident().await;
        assert_eq!(incident.pages.len(), 2, "{:?}", incident.pages);

        // The day comes back: time stands still, nothing is decided anew, and commands are taken.
        deck.clock.back(DAY);
        let incident = deck.ask(RESPONDER, &incident.summary.id, &note("the clock is wrong")).await;
        assert_eq!(incident.pages.len(), 2, "{:?}", incident.pages);
        deck.clock.forward(DAY);
        assert_eq!(deck.post("/ingest/webhook", crate::harness::KEY, claim.to_string()).await.0, 200);
        deck.ask(RESPONDER, &incident.summary.id, &Command::Acknowledge {}).await;
        deck.ask(COMMANDER, &incident.summary.id, &resolve("done")).await;
        let settled = |outcome: &PageOutcome| matches!(outcome, PageOutcome::Delivered { .. });
        deck.until("every page delivered", |board| {
            board.incidents().all(|one| one.pages().values().all(|page| page.outcome.as_ref().is_some_and(settled)))
        })
        .await;
        deck.finish().await;
    })
    .await;
}
