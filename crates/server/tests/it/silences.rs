//! Silences, in Alertmanager's words and in ours.

use std::time::Duration;

use quarterdeck_api::{Command, EndSilences, Matcher, SetSilence, client::ClientError};
use quarterdeck_core::time::Timestamp;
use quarterdeck_host::clock::Clock as _;
use serde_json::{Value, json};

use crate::harness::{COMMANDER, Deck, KEY, RESPONDER, VIEWER, alert, on_every_store};

fn parsed((status, text): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_silenced_alert_pages_nobody_until_the_silence_is_over() {
    on_every_store(async |deck| {
        let now = deck.clock.now();
        let silence = json!({"matchers": [{"name": "alertname", "value": "Node.*", "isRegex": true, "isEqual": true}],
        "startsAt": now, "endsAt": now.plus(Duration::from_hours(1)), "createdBy": "alice", "comment": "moving it"});
        let (status, created) = parsed(deck.post("/api/v2/silences", COMMANDER, silence.to_string()).await);
        assert_eq!(status, 200, "{created}");
        let id = created["silenceID"].as_str().unwrap().to_owned();
        let shown = deck.get(&format!("/api/v2/silence/{id}"), VIEWER).await;
        assert_eq!((&shown["status"]["state"], &shown["createdBy"]), (&json!("active"), &json!("alice (bo)")));

        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1"), alert("rpc", "NodeDown", "eth-2")])).await;
        assert_eq!(deck.client(VIEWER).incidents(true).await.unwrap(), []);
        let held = deck.client(VIEWER).silences().await.unwrap();
        assert_eq!((held.len(), held[0].state.as_str(), held[0].holds), (1, "active", 2));
        deck.alert(&json!([over(alert("rpc", "NodeDown", "eth-2"), now)])).await;
        assert_eq!(deck.client(VIEWER).silences().await.unwrap()[0].holds, 1, "what is over is not held back");
        let alerts = deck.get("/api/v2/alerts", KEY).await;
        assert_eq!(
            (&alerts[0]["status"]["state"], &alerts[0]["status"]["silencedBy"]),
            (&json!("suppressed"), &json!([id]))
        );
        assert_eq!(deck.get("/api/v2/alerts?silenced=false", KEY).await, json!([]));

        // Changed under its own name, then ended; twice does no harm.
        let mut longer = silence.clone();
        longer["id"] = json!(id);
        longer["startsAt"] = shown["startsAt"].clone();
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
        // The page, and the word to the owner that it ended over something.
        let mut kinds = [deck.receiver.next().await, deck.receiver.next().await].map(|one| one.text("kind").to_owned());
        kinds.sort();
        assert_eq!(kinds, ["notice", "page"]);
        deck.settled().await;
        deck.finish().await;
    })
    .await;
}

/// The same alert, over.
fn over(mut alert: Value, at: Timestamp) -> Value {
    alert["endsAt"] = json!(at);
    alert
}

#[tokio::test]
async fn the_typed_client_sets_lists_and_ends() {
    let deck = Deck::start().await;
    let client = deck.client(COMMANDER);
    let matcher =
        |value: &str| Matcher { name: "service".to_owned(), value: value.to_owned(), is_regex: false, is_not: false };
    let wanted = |matchers: Vec<Matcher>, from: u64| SetSilence {
        matchers,
        starts: Some(deck.clock.now().plus(Duration::from_secs(from)).to_string()),
        ends: deck.clock.now().plus(Duration::from_hours(1)).to_string(),
        comment: "moving it".to_owned(),
    };
    let later = client.set_silence(&wanted(vec![matcher("rpc")], 600)).await.unwrap();
    assert_eq!((later.state.as_str(), later.matchers.as_slice()), ("pending", [matcher("rpc")].as_slice()));
    assert_eq!(client.silences().await.unwrap(), std::slice::from_ref(&later));
    let refused = client.set_silence(&wanted(vec![matcher("")], 0)).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused { status: 422, code, .. } if code == "bad_silence"), "{refused:?}");
    let weak = deck.client(VIEWER).end_silence(&later.id).await.unwrap_err();
    assert!(matches!(weak, ClientError::Refused { status: 403, .. }), "{weak:?}");
    assert_eq!(client.end_silence(&later.id).await.unwrap().state, "expired");
    assert_eq!(client.end_silence(&later.id).await.unwrap().state, "expired", "twice does no harm");
    deck.finish().await;
}

#[tokio::test]
async fn a_silence_of_no_service_is_refused_in_every_form() {
    let deck = Deck::start().await;
    let now = deck.clock.now();
    let ends = now.plus(Duration::from_hours(1));
    let ours =
        |name: &str, value: &str| json!({"matchers": [{"name": name, "value": value}], "ends": ends, "comment": "x"});
    let theirs = |name: &str, value: &str| {
        json!({"matchers": [{"name": name, "value": value, "isRegex": false, "isEqual": true}],
        "startsAt": now, "endsAt": ends, "createdBy": "amtool", "comment": "x"})
    };
    let (status, no) = parsed(deck.post("/api/v1/silences", COMMANDER, ours("service", "rcp").to_string()).await);
    assert_eq!((status, &no["code"]), (422, &json!("no_such_service")));
    assert!(
        no["message"].as_str().unwrap().contains("there are") && no["message"].as_str().unwrap().contains("rpc"),
        "{no}"
    );
    let (status, no) = parsed(deck.post("/api/v2/silences", COMMANDER, theirs("service", "rcp").to_string()).await);
    assert!(status == 400 && no.as_str().unwrap().contains("no service `rcp`"), "{status} {no}");
    assert_eq!(deck.post("/api/v2/silences", COMMANDER, theirs("job", "rcp").to_string()).await.0, 200);
    // A monitor speaks of it, though the catalogue does not have it: it is a label like any other.
    deck.alert(&json!([alert("rcp", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.post("/api/v2/silences", COMMANDER, theirs("service", "rcp").to_string()).await.0, 200);
    deck.receiver.next().await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn silences_are_whoever_sets_them_and_are_ended_together() {
    let deck = Deck::start().await;
    let client = deck.client(COMMANDER);
    let ends = deck.clock.now().plus(Duration::from_hours(1));
    let silence = |job: &str| {
        json!({"matchers": [{"name": "job", "value": job, "isRegex": false, "isEqual": true}],
        "startsAt": deck.clock.now(), "endsAt": ends, "createdBy": "amtool", "comment": job})
    };
    for job in ["a", "b"] {
        assert_eq!(deck.post("/api/v2/silences", COMMANDER, silence(job).to_string()).await.0, 200);
    }
    let all = client.silences().await.unwrap();
    assert!(all.iter().all(|one| one.owner.as_deref() == Some("bo") && one.created_by == "amtool (bo)"), "{all:?}");
    let nobody = "sil_00000000000000000000000000".to_owned();
    let mut silences: Vec<String> = all.into_iter().map(|one| one.id).collect();
    silences.push(nobody.clone());
    let answers = client.end_silences(&EndSilences { silences }).await.unwrap();
    let states: Vec<_> = answers.iter().map(|one| one.ended.as_ref().map(|it| it.state.as_str())).collect();
    assert_eq!(states, [Some("expired"), Some("expired"), None]);
    let refused = answers[2].refused.as_ref().unwrap();
    assert!(answers[2].silence == nobody && refused.message.contains("no silence"), "{refused:?}");
    let weak = deck.client(VIEWER).end_silences(&EndSilences { silences: vec![nobody.clone()] }).await.unwrap_err();
    assert!(matches!(weak, ClientError::Refused { status: 403, .. }), "{weak:?}");
    let many = client.end_silences(&EndSilences { silences: vec![nobody; 501] }).await.unwrap_err();
    assert!(matches!(many, ClientError::Refused { status: 400, .. }), "{many:?}");
    deck.finish().await;
}

#[tokio::test]
async fn who_acknowledges_silences_nothing() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    let id = deck.only_incident().await.summary.id;
    deck.receiver.next().await;
    deck.settled().await;
    deck.ask(RESPONDER, &id, &Command::Acknowledge {}).await;
    assert_eq!(deck.client(VIEWER).silences().await.unwrap(), []);
    let alerts = deck.get("/api/v2/alerts", KEY).await;
    assert_eq!((&alerts[0]["status"]["state"], &alerts[0]["status"]["silencedBy"]), (&json!("active"), &json!([])));
    // What comes after it is heard as before.
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-2")])).await;
    assert_eq!(deck.only_incident().await.signals.len(), 2);
    deck.finish().await;
}

#[tokio::test]
async fn its_owner_hears_before_the_end_and_when_it_ends_over_what_stands() {
    on_every_store(async |deck| {
        let ends = deck.clock.now().plus(Duration::from_mins(20));
        let silence = json!({"matchers": [{"name": "service", "value": "rpc"}], "ends": ends, "comment": "moving it"});
        assert_eq!(deck.post("/api/v1/silences", COMMANDER, silence.to_string()).await.0, 200);
        // Said once, and held.
        let claim = json!({"title": "rpc is down", "service": "rpc", "severity": "critical"});
        assert_eq!(deck.post("/ingest/webhook", KEY, claim.to_string()).await.0, 200);
        deck.clock.forward(Duration::from_mins(6));
        let soon = deck.receiver.next().await;
        assert_eq!((soon.text("kind"), soon.text("address")), ("notice", "bo"));
        assert_eq!(soon.text("title"), "Silence is about to end: moving it");
        assert!(soon.text("text").contains("1 signal that it holds back still stands"), "{:?}", soon.body);
        deck.clock.forward(Duration::from_mins(15));
        let both = [deck.receiver.next().await, deck.receiver.next().await];
        let over = both.iter().find(|one| one.text("kind") == "notice").unwrap();
        assert_eq!((over.text("title"), over.text("address")), ("Silence is over: moving it", "bo"));
        let page = both.iter().find(|one| one.text("kind") == "page").unwrap();
        assert_eq!((page.text("title"), page.text("address")), ("rpc is down", "ana"));
        deck.settled().await;
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_silence_in_our_own_words() {
    let deck = Deck::start().await;
    let ends = deck.clock.now().plus(Duration::from_mins(1));
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
