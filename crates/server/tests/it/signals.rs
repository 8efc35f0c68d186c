//! The list of signals follows the log.

use quarterdeck_api::Command;
use std::collections::BTreeSet;

use quarterdeck_host::clock::Clock as _;
use quarterdeck_server::engine::read;
use serde_json::{Value, json};

use crate::harness::{ADMIN, COMMANDER, Deck, KEY, VIEWER, alert};

/// `status fate` of each signal, the newest first, without what differs from run to run.
async fn listed(deck: &Deck) -> Vec<String> {
    let list = deck.get("/api/v1/signals", VIEWER).await;
    let word = |signal: &Value, key: &str| signal[key].as_str().unwrap_or("").to_owned();
    let line = |signal: &Value| {
        let fate = word(signal, "fate").split(" inc_").next().unwrap_or("").to_owned();
        format!("{} {fate}", word(signal, "status"))
    };
    list.as_array().unwrap().iter().map(line).collect()
}

fn event(action: &str, key: &str) -> String {
    let payload = json!({"summary": key, "source": "s", "severity": "critical"});
    json!({"routing_key": KEY, "event_action": action, "dedup_key": key, "payload": payload}).to_string()
}

#[tokio::test]
async fn a_signal_that_is_over_and_comes_again_stands_again() {
    let deck = Deck::start().await;
    for (action, want) in
        [("trigger", "confirmed opened"), ("resolve", "ended opened"), ("trigger", "confirmed joined")]
    {
        assert_eq!(deck.post("/v2/enqueue", KEY, event(action, "vault")).await.0, 202);
        let list = listed(&deck).await;
        assert_eq!(list.first().map(String::as_str), Some(want), "after {action}: {list:?}");
        if action == "resolve" {
            deck.receiver.next_all_clear().await;
        } else {
            deck.receiver.next().await;
        }
        deck.settled().await;
    }
    deck.finish().await;
}

#[tokio::test]
async fn what_a_merged_incident_had_is_listed_where_it_is_now() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.alert(&json!([alert("bridge", "Stuck", "b-1")])).await;
    // Before the merge: a page that nobody wants any more when its turn comes is not sent.
    for _ in 0..2 {
        deck.receiver.next().await;
    }
    deck.settled().await;
    let published = deck.running.engine.published().clone();
    let ids: Vec<_> = read(&published.board).incidents().map(|incident| incident.id().to_string()).collect();
    let [from, into] = ids.as_slice() else { panic!("{ids:?}") };
    deck.client(COMMANDER).command(from, &Command::Merge { into: into.clone() }).await.unwrap();
    let list = deck.get(&format!("/api/v1/signals?incident={into}"), VIEWER).await;
    assert_eq!(list.as_array().map(Vec::len), Some(2), "{list}");
    deck.settled().await;
    deck.finish().await;
}

/// The address of the next page, from the header `Link`.
fn next_page(answer: &reqwest::Response) -> Option<String> {
    let link = answer.headers().get("link")?.to_str().unwrap();
    Some(link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

#[tokio::test]
async fn no_signal_of_one_millisecond_is_lost_between_two_pages() {
    let deck = Deck::start().await;
    // One request is heard at one instant.
    let alerts: Vec<Value> = (0..300).map(|nth| alert("rpc", "NodeDown", &format!("eth-{nth}"))).collect();
    deck.alert(&Value::Array(alerts)).await;
    deck.receiver.next().await;
    deck.settled().await;

    let (mut ids, mut instants) = (Vec::new(), BTreeSet::new());
    let mut path = Some("/api/v1/signals?limit=70&status=confirmed".to_owned());
    while let Some(page) = path {
        let answer = deck.http.get(format!("{}{page}", deck.base)).bearer_auth(VIEWER).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
        path = next_page(&answer);
        let signals: Vec<Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        ids.extend(signals.iter().map(|signal| signal["id"].as_str().unwrap().to_owned()));
        instants.extend(signals.iter().map(|signal| signal["observed"].as_str().unwrap().to_owned()));
    }
    assert_eq!(instants.len(), 1, "they were seen at one instant");
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (300, 300));
    deck.finish().await;
}

#[tokio::test]
async fn a_signal_is_found_by_its_id_alone_when_its_incident_is_long_over() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let incident = deck.only_incident().await;
    let (id, signal) = (incident.summary.id, incident.signals[0].id.clone());
    assert_eq!(deck.get(&format!("/api/v1/signals/{signal}"), VIEWER).await["became"], "opened");
    deck.client(COMMANDER)
        .command(&id, &Command::Resolve { note: "repaired".to_owned(), reason: Some("the monitor lags".to_owned()) })
        .await
        .unwrap();
    deck.receiver.next_all_clear().await;
    let mut over = alert("rpc", "NodeDown", "eth-1");
    over["endsAt"] = json!(deck.clock.now());
    deck.alert(&json!([over])).await;
    deck.settled().await;

    let published = deck.running.engine.published().clone();
    let cold = || read(&published.board).cold(id.parse().unwrap()).is_some();
    // What is over goes cold with what is decided later: each reload is an event of the journal.
    for _ in 0..5 {
        deck.clock.forward(std::time::Duration::from_hours(1));
        deck.client(ADMIN).reload().await.unwrap();
    }
    assert!(cold(), "or this shows nothing");
    let found = deck.get(&format!("/api/v1/signals/{signal}"), VIEWER).await;
    assert_eq!((found["id"].as_str(), found["incident"].as_str()), (Some(signal.as_str()), Some(id.as_str())));
    deck.finish().await;
}
