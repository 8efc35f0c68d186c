//! Silences, in Alertmanager's words and in ours.

use std::time::Duration;

use quarterdeck_server::clock::Clock as _;
use serde_json::{Value, json};

use crate::harness::{COMMANDER, Deck, KEY, VIEWER, alert};

fn parsed((status, text): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_silenced_alert_pages_nobody_until_the_silence_is_over() {
    let deck = Deck::start().await;
    let now = deck.clock.now();
    let silence = json!({"matchers": [{"name": "alertname", "value": "Node.*", "isRegex": true, "isEqual": true}],
        "startsAt": now, "endsAt": now.plus(Duration::from_secs(3_600)), "createdBy": "alice", "comment": "moving it"});
    let (status, created) = parsed(deck.post("/api/v2/silences", COMMANDER, silence.to_string()).await);
    assert_eq!(status, 200, "{created}");
    let id = created["silenceID"].as_str().unwrap().to_owned();
    let shown = deck.get(&format!("/api/v2/silence/{id}"), KEY).await;
    assert_eq!((&shown["status"]["state"], &shown["createdBy"]), (&json!("active"), &json!("alice (bo)")));

    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.client(VIEWER).incidents(true).await.unwrap(), []);
    let alerts = deck.get("/api/v2/alerts", KEY).await;
    assert_eq!(
        (&alerts[0]["status"]["state"], &alerts[0]["status"]["silencedBy"]),
        (&json!("suppressed"), &json!([id]))
    );
    assert_eq!(deck.get("/api/v2/alerts?silenced=false", KEY).await, json!([]));

    // Changed under its own name, then ended; twice does no harm.
    let mut longer = silence.clone();
    longer["id"] = json!(id);
    longer["comment"] = json!("still moving it");
    let (_, changed) = parsed(deck.post("/api/v2/silences", COMMANDER, longer.to_string()).await);
    assert_eq!(changed["silenceID"], json!(id));
    for _ in 0..2 {
        let url = format!("{}/api/v2/silence/{id}", deck.base);
        assert_eq!(deck.http.delete(url).bearer_auth(COMMANDER).send().await.unwrap().status(), 200);
    }
    let ours = deck.get("/api/v1/silences", VIEWER).await;
    assert_eq!((&ours[0]["state"], &ours[0]["comment"]), (&json!("expired"), &json!("still moving it")));
    let url = format!("{}/api/v2/silence/{}", deck.base, "0".repeat(8) + "-0000-0000-0000-000000000000");
    assert_eq!(deck.http.delete(url).bearer_auth(COMMANDER).send().await.unwrap().status(), 404);

    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.only_incident().await.signals.len(), 1);
    deck.receiver.next().await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_silence_in_our_own_words() {
    let deck = Deck::start().await;
    let ends = deck.clock.now().plus(Duration::from_secs(60));
    let silence = json!({"matchers": [{"name": "service", "value": "rpc"}], "ends": ends, "comment": "moving it"});
    let (status, set) = parsed(deck.post("/api/v1/silences", COMMANDER, silence.to_string()).await);
    assert_eq!((status, &set["state"], &set["created_by"]), (200, &json!("active"), &json!("bo")), "{set}");
    let all = json!({"matchers": [{"name": "service", "value": ".*", "is_regex": true}], "ends": ends, "comment": ""});
    let (status, refused) = parsed(deck.post("/api/v1/silences", COMMANDER, all.to_string()).await);
    assert_eq!((status, &refused["code"]), (422, &json!("bad_silence")));
    let path = format!("/api/v1/silences/{}/end", set["id"].as_str().unwrap());
    let (status, over) = parsed(deck.post(&path, COMMANDER, "").await);
    assert_eq!((status, &over["state"]), (200, &json!("expired")));
    assert_eq!(deck.get("/api/v1/silences", VIEWER).await, json!([over]));
    deck.finish().await;
}
