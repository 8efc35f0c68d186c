//! What one key may claim: more than that is gathered, counted and said, and never lost.

use serde_json::{Value, json};

use crate::harness::{Deck, KEY, RESPONDER, VIEWER};

async fn post(deck: &Deck, claims: &Value) -> Vec<String> {
    post_by(deck, KEY, claims).await
}

async fn post_by(deck: &Deck, secret: &str, claims: &Value) -> Vec<String> {
    let (status, body) = deck.post("/ingest/webhook", secret, claims.to_string()).await;
    assert_eq!(status, 200, "{body}");
    let accepted: Vec<Value> = serde_json::from_str(&body).unwrap();
    accepted.iter().map(|one| one["fate"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn five_thousand_of_the_worst_from_one_key_are_a_few_incidents_and_are_all_kept() {
    let deck = Deck::start().await;
    deck.configure(|text| {
        text.replace("bundle = \"never\"", "bundle = \"30s\"")
            .replace("signals_a_minute = 1000000\nopen_incidents = 1000000\napart = 1000000\n", "open_incidents = 10\n")
    })
    .await;
    let stolen = |number: usize| json!({"title": format!("stolen {number}"), "severity": "critical", "facts": {"key_compromise": true}});
    let fates = post(&deck, &Value::Array((0..5_000).map(stolen).collect())).await;
    let opened = fates.iter().filter(|fate| fate.starts_with("opened")).count();
    let gathered = fates.iter().filter(|fate| fate.starts_with("gathered in")).count();
    let counted = fates.iter().filter(|fate| fate.starts_with("counted on")).count();
    assert_eq!((opened, gathered, counted), (10, 1_999, 2_991), "{}", fates[4_999]);
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    assert_eq!(open.len(), 11);
    let one = open.iter().find(|one| one.title.contains("over its bound") || one.absorbed > 0).unwrap();
    assert_eq!((one.severity.as_str(), one.signals), ("SEV1", 2_000));
    let health = deck.get("/api/v1/health", VIEWER).await;
    let fault = health["faults"][0].as_str().unwrap();
    assert!(fault.starts_with("integration monitor is over its bound: ") && fault.contains(&one.id), "{health}");
    let metrics = deck.http.get(format!("{}/metrics", deck.base)).bearer_auth(VIEWER).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("quarterdeck_signals_over_bound ") && !line.ends_with(" 0")));
    deck.settled().await;
    // One person heard of all of it in a few messages.
    let told = deck.receiver.rest().await;
    assert!((1..=8).contains(&told.len()), "{} messages", told.len());
    deck.finish().await;
}

#[tokio::test]
async fn what_a_token_posts_has_the_bounds_of_a_key() {
    let deck = Deck::start().await;
    let claims = |words: &[&str]| {
        let claim = |word: &&str| json!({"title": *word, "severity": "critical", "facts": {"key_compromise": true}});
        Value::Array(words.iter().map(claim).collect())
    };
    deck.configure(|text| {
        text.replace(
            &format!("token = \"{RESPONDER}\"\n"),
            &format!("token = \"{RESPONDER}\"\nopen_incidents = 2\nfacts = [\"users\", \"key_compromise\"]\n"),
        )
    })
    .await;
    let fates = post_by(&deck, RESPONDER, &claims(&["a", "b", "c", "d"])).await;
    let words: Vec<&str> = fates.iter().map(|fate| fate.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["opened", "opened", "gathered", "gathered"]);
    let health = deck.get("/api/v1/health", VIEWER).await;
    assert!(health["faults"][0].as_str().unwrap().starts_with("token responder is over its bound: "), "{health}");
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    let one = open.iter().find(|one| one.signals == 3).unwrap();
    let shown = deck.client(VIEWER).incident(&one.id).await.unwrap();
    assert!(shown.signals.iter().any(|one| one.explanation.contains("`[[token]]` with `name = \"responder\"`")));
    // Who posted it is shown with each.
    assert_eq!(shown.signals.iter().filter(|one| one.source.as_deref() == Some("token.responder")).count(), 2);
    let fates =
        post_by(&deck, RESPONDER, &json!({"title": "e", "severity": "warning", "facts": {"theft": true}})).await;
    assert!(fates[0].starts_with("gathered in"), "{fates:?}");
    // The bounds are its own: the monitor's claims open as before.
    assert!(post(&deck, &claims(&["f"])).await[0].starts_with("opened"));
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_key_speaks_of_its_own_services_and_groups_by_its_own_labels() {
    let deck = Deck::start().await;
    deck.configure(|text| text.replace("apart = 1000000\n", "services = [\"rpc\"]\ngroup_by = [\"job\"]\n")).await;
    let about =
        |service: &str| json!({"title": format!("{service} is down"), "severity": "critical", "service": service});
    let fates = post(&deck, &json!([about("rpc"), about("bridge")])).await;
    assert!(fates[0].starts_with("opened") && fates[1].starts_with("gathered in"), "{fates:?}");
    let labelled = |title: &str, job: &str| json!({"title": title, "severity": "warning", "labels": {"job": job}});
    let fates = post(&deck, &json!([labelled("a", "node"), labelled("b", "node"), labelled("c", "db")])).await;
    let words: Vec<&str> = fates.iter().map(|fate| fate.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["opened", "joined", "opened"]);
    let signals = deck.get("/api/v1/signals", VIEWER).await;
    let shown = signals.as_array().unwrap().iter().find(|one| one["title"] == "b").unwrap();
    assert_eq!((&shown["source"], &shown["group"]), (&json!("monitor"), &json!("monitor: job=node")), "{shown}");
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    assert!(open.iter().all(|one| one.service.as_deref() != Some("bridge")), "{open:?}");
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}
