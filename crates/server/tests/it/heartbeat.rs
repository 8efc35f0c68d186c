//! A monitor of which something is to be heard every so often.

use std::time::Duration;

use quarterdeck_core::incident::Phase;
use serde_json::json;

use crate::harness::{Deck, KEY};

#[tokio::test]
async fn a_monitor_that_is_not_heard_of_is_a_signal_until_its_next_word() {
    let deck = Deck::start().await;
    deck.configure(|text| text.replace("id = \"monitor\"\n", "id = \"monitor\"\nheartbeat = \"10m\"\n")).await;
    let alive = async || assert_eq!(deck.post("/api/v1/heartbeat", KEY, "").await.0, 204);
    alive().await;
    deck.clock.forward(Duration::from_secs(590));
    // Whatever it posts says that it is alive.
    deck.alert(&json!([])).await;
    deck.clock.forward(Duration::from_secs(590));
    alive().await;
    assert_eq!(deck.running.engine.published().board().incidents().count(), 0);

    deck.clock.forward(Duration::from_secs(601));
    let page = deck.receiver.next().await;
    assert_eq!(page.text("title"), "monitor has not been heard of for 10 min 0 s");
    deck.settled().await;
    alive().await;
    deck.receiver.next_all_clear().await;
    deck.until("its end", |board| board.incidents().all(|one| one.phase() == Phase::Resolved)).await;
    deck.settled().await;
    deck.finish().await;
}
