//! From an alert to an incident, a page, an acknowledgement and an end.

use quarterdeck_api::Command;
use std::time::Duration;

use futures_util::StreamExt as _;
use quarterdeck_core::incident::Phase;
use quarterdeck_host::clock::Clock as _;
use serde_json::{Value, json};

use crate::harness::{COMMANDER, Deck, KEY, PATIENCE, RESPONDER, VIEWER, alert, note, on_every_store, resolve};

#[tokio::test]
async fn an_alert_opens_an_incident_and_pages_until_somebody_answers() {
    on_every_store(async |deck| {
        let mut firing = alert("rpc", "NodeDown", "eth-1");
        firing["endsAt"] = json!(deck.clock.now().plus(Duration::from_hours(1)));
        deck.alert(&json!([firing])).await;
        let page = deck.receiver.next().await;
        let incident = deck.only_incident().await;
        assert_eq!(incident.summary.title, "NodeDown of eth-1");
        assert_eq!(incident.summary.service.as_deref(), Some("rpc"));
        assert_eq!(page.text("incident"), incident.summary.id);
        assert_eq!((page.path.as_str(), page.text("address"), page.text("kind")), ("/hook", "ana", "page"));
        assert_eq!(page.body["repeat"], false);
        deck.settled().await;

        // Nobody answers: the next person.
        deck.clock.forward(Duration::from_secs(901));
        let page = deck.receiver.next().await;
        assert_eq!(page.text("address"), "bo");
        deck.settled().await;

        // Somebody answers: nobody else, however long it takes. A note makes the engine look what is due.
        let incident = deck.ask(RESPONDER, &incident.summary.id, &Command::Acknowledge {}).await;
        assert_eq!(incident.summary.phase, "acknowledged");
        assert_eq!(incident.summary.acknowledged_by.as_deref(), Some("ana"));
        deck.clock.forward(Duration::from_mins(30));
        let incident = deck.ask(RESPONDER, &incident.summary.id, &note("looking")).await;
        assert_eq!(incident.pages.len(), 2, "{:?}", incident.pages);
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_repeated_alert_is_one_incident_and_its_end_ends_it() {
    on_every_store(async |deck| {
        let starts = deck.clock.now().to_string();
        let mut firing = alert("rpc", "NodeDown", "eth-1");
        firing["startsAt"] = json!(starts);
        for _ in 0..5 {
            deck.alert(&json!([firing])).await;
        }
        let incident = deck.only_incident().await;
        assert_eq!(incident.signals.len(), 1);
        deck.receiver.next().await;
        deck.settled().await;

        let shown = deck.get("/api/v2/alerts?filter=alertname%3DNodeDown&silenced=false", KEY).await;
        assert_eq!(shown[0]["labels"], firing["labels"]);
        assert_eq!(shown[0]["status"]["state"], "active");
        assert_eq!(shown[0]["receivers"], json!([{"name": "everything"}]));
        assert_eq!(deck.get("/api/v2/alerts?filter=alertname%3DOther", KEY).await, json!([]));
        let groups = deck.get("/api/v2/alerts/groups", KEY).await;
        assert_eq!(groups[0]["labels"]["incident"], json!(incident.summary.id));

        let mut over = firing.clone();
        over["endsAt"] = json!(starts);
        deck.alert(&json!([over])).await;
        let incident = deck.client(VIEWER).incident(&incident.summary.id).await.unwrap();
        assert_eq!(incident.signals[0].status, "ended");
        assert_eq!(deck.get("/api/v2/alerts", KEY).await, json!([]));
        let over = deck.receiver.next_all_clear().await;
        assert_eq!((over.text("incident"), over.text("address")), (incident.summary.id.as_str(), "ana"));
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_one_service_is_one_incident_and_one_page() {
    let deck = Deck::start().await;
    let alerts: Vec<Value> = (0..5_000).map(|number| alert("rpc", "NodeDown", &format!("node-{number}"))).collect();
    for batch in alerts.chunks(64) {
        deck.alert(&Value::from(batch)).await;
    }
    let incident = deck.only_incident().await;
    assert_eq!(incident.summary.signals, quarterdeck_core::limits::SIGNALS_PER_INCIDENT_MAX);
    let page = deck.receiver.next().await;
    assert_eq!(page.text("incident"), incident.summary.id);
    assert_eq!(incident.pages.len(), 1, "{:?}", incident.pages);
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_webhook_of_any_program_is_heard() {
    let deck = Deck::start().await;
    let body = json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical", "dedup_key": "w",
        "facts": {"money_at_risk_usd": 5_000_000, "irreversible": true}});
    let (status, text) = deck.post("/ingest/webhook", KEY, body.to_string()).await;
    assert_eq!(status, 200, "{text}");
    let incident = deck.only_incident().await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer[0]["incident"], json!(incident.summary.id));
    assert_eq!(answer[0]["claim"], json!(incident.signals[0].fingerprint));
    assert_eq!(incident.facts.money_at_risk_cents, 500_000_000);
    deck.receiver.next().await;
    deck.settled().await;
    let over = json!({"title": "withdrawals are stuck", "status": "resolved", "dedup_key": "w"});
    assert_eq!(deck.post("/ingest/webhook", KEY, over.to_string()).await.0, 200);
    assert_eq!(deck.client(VIEWER).incident(&incident.summary.id).await.unwrap().signals[0].status, "ended");
    deck.finish().await;
}

#[tokio::test]
async fn a_drill_runs_beside_what_is_real() {
    let deck = Deck::start().await;
    let said = |drill: bool, status: &str| {
        let body = json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical", "dedup_key": "w",
            "drill": drill, "status": status});
        body.to_string()
    };
    let mut pages = Vec::new();
    for drill in [false, true] {
        let (status, text) = deck.post("/ingest/webhook", KEY, said(drill, "firing")).await;
        assert_eq!(status, 200, "{text}");
        let page = deck.receiver.next().await;
        assert_eq!(page.body["drill"], json!(drill));
        pages.push(page.text("incident").to_owned());
    }
    assert_ne!(pages[0], pages[1]);
    deck.settled().await;
    // The end of the exercise ends nothing real.
    assert_eq!(deck.post("/ingest/webhook", KEY, said(true, "resolved")).await.0, 200);
    let client = deck.client(VIEWER);
    let (real, drill) = (client.incident(&pages[0]).await.unwrap(), client.incident(&pages[1]).await.unwrap());
    assert_eq!((real.summary.drill, drill.summary.drill), (false, true));
    assert_eq!((real.signals[0].status.as_str(), drill.signals[0].status.as_str()), ("confirmed", "ended"));
    deck.receiver.next_all_clear().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_pagerduty_event_triggers_and_resolves_and_its_acknowledgement_answers_for_nobody() {
    let deck = Deck::start().await;
    let event = |action: &str| {
        json!({"routing_key": KEY, "event_action": action, "dedup_key": "disk",
            "payload": {"summary": "disk full", "source": "db-1", "severity": "critical", "component": "rpc"}})
    };
    let post = async |body: &Value| {
        let sent = deck.http.post(format!("{}/v2/enqueue", deck.base)).body(body.to_string()).send().await.unwrap();
        let status = sent.status().as_u16();
        (status, serde_json::from_slice::<Value>(&sent.bytes().await.unwrap()).unwrap())
    };
    let accepted = json!({"status": "success", "message": "Event processed", "dedup_key": "disk"});
    assert_eq!(post(&event("acknowledge")).await, (202, accepted.clone()), "of nothing it means nothing");
    assert_eq!(post(&event("trigger")).await, (202, accepted.clone()));
    deck.receiver.next().await;
    deck.settled().await;
    for _ in 0..2 {
        assert_eq!(post(&event("acknowledge")).await, (202, accepted.clone()));
    }
    let incident = deck.only_incident().await;
    assert_eq!((incident.summary.phase.as_str(), incident.summary.acknowledged_by), ("triggered", None));
    assert_eq!(incident.signals[0].taken_up_by.as_deref(), Some("token monitor"));
    let told = |row: &&quarterdeck_api::TimelineRow| row.kind == "signal_taken_up";
    assert_eq!(incident.timeline.iter().filter(told).count(), 1, "said once");
    // Nor does it answer for what another monitor says of the same service.
    let other =
        json!({"title": "the vault is drained", "service": "rpc", "severity": "critical", "facts": {"theft": true}});
    assert_eq!(deck.post("/ingest/webhook", COMMANDER, other.to_string()).await.0, 200);
    deck.receiver.next().await;
    deck.settled().await;
    assert_eq!(post(&event("acknowledge")).await, (202, accepted.clone()));
    assert_eq!(deck.only_incident().await.summary.acknowledged_by, None);
    assert_eq!(post(&event("resolve")).await, (202, accepted));
    deck.until("the end of its claim", |board| board.incidents().all(|one| one.live_signals() == 1)).await;

    let mut foreign = event("trigger");
    foreign["routing_key"] = json!("somebody else's");
    let (status, body) = post(&foreign).await;
    assert_eq!((status, &body["errors"]), (400, &json!(["'routing_key' is invalid"])));
    deck.finish().await;
}

/// Most monitors do not look at our answer: what they say and we cannot read is heard of, whatever the format.
#[tokio::test]
async fn an_event_that_is_refused_is_heard_of_and_a_foreign_word_of_severity_is_understood() {
    let deck = Deck::start().await;
    let event = |summary: &str, severity: &str| {
        json!({"routing_key": KEY, "event_action": "trigger", "dedup_key": summary,
            "payload": {"summary": summary, "source": "db-1", "severity": severity, "component": "rpc"}})
    };
    let post = async |body: Value| {
        deck.http
            .post(format!("{}/v2/enqueue", deck.base))
            .body(body.to_string())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(post(event(&"x".repeat(1_025), "critical")).await, 400);
    let page = deck.receiver.next().await;
    assert_eq!(page.text("title"), "monitor sent 1 that we could not read");
    assert!(page.text("text").contains("'payload.summary' is too long"), "{}", page.text("text"));
    deck.settled().await;
    for (title, word, loudness) in [("a", "P1", "critical"), ("b", "none", "info"), ("c", "critcal", "critical")] {
        assert_eq!(post(event(title, word)).await, 202);
        let listed = deck.get("/api/v1/signals", VIEWER).await;
        let one = listed.as_array().unwrap().iter().find(|signal| signal["title"] == title).unwrap();
        assert_eq!(one["loudness"], loudness, "{word}");
        let explained = one["explanation"].as_str().unwrap();
        assert_eq!(explained.contains("no word that is known"), title == "c", "{explained}");
    }
    deck.receiver.next().await;
    deck.settled().await;
    // Of a key that is nobody's nothing is heard.
    let mut foreign = event("d", "critical");
    foreign["routing_key"] = json!("somebody else's");
    foreign["event_action"] = json!("shout");
    assert_eq!(post(foreign).await, 400);
    deck.settled().await;
    deck.receiver.assert_empty().await;
    deck.finish().await;
}

/// A number that moves while an alert goes on is no news and no event; Alertmanager's own clients see it as it is now.
#[tokio::test]
async fn annotations_are_shown_as_they_were_posted_last() {
    let deck = Deck::start().await;
    let at = deck.clock.now().to_string();
    let firing = |full: &str| {
        json!([{"labels": {"alertname": "DiskFull", "service": "rpc", "severity": "critical"}, "startsAt": at,
            "annotations": {"summary": format!("{full} % full"), "value": full}}])
    };
    deck.alert(&firing("81")).await;
    deck.receiver.next().await;
    deck.settled().await;
    let events = deck.running.store.size().await.unwrap();
    deck.alert(&firing("97")).await;
    let shown = async || deck.get("/api/v2/alerts", VIEWER).await[0]["annotations"].clone();
    assert_eq!(shown().await, json!({"summary": "97 % full", "value": "97"}));
    let groups = deck.get("/api/v2/alerts/groups", VIEWER).await;
    assert_eq!(groups[0]["alerts"][0]["annotations"]["value"], "97");
    assert_eq!(
        (deck.only_incident().await.signals[0].title.as_str(), deck.running.store.size().await.unwrap()),
        ("81 % full", events)
    );
    deck.alert(&firing("81")).await;
    assert_eq!(shown().await, json!({"summary": "81 % full", "value": "81"}));
    deck.receiver.assert_empty().await;
    deck.finish().await;
}

/// A warning that is told anew as a stolen key: news, and what every message says first.
#[tokio::test]
async fn what_makes_it_worse_leads_the_next_page() {
    let deck = Deck::start().await;
    let at = deck.clock.now().to_string();
    let said = |title: &str, key: &str, more: Value| {
        let mut body = json!({"title": title, "dedup_key": key, "service": "rpc", "severity": "warning", "at": at});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    assert_eq!(deck.post("/ingest/webhook", KEY, said("disk 81 % full", "disk", json!({}))).await.0, 200);
    let page = deck.receiver.next().await;
    assert_eq!((page.text("severity"), page.text("title")), ("sev4", "disk 81 % full"));
    deck.settled().await;

    // The same key and the same time, and worse.
    let worse = json!({"severity": "critical", "facts": {"key_compromise": true}, "text": "It signed twice."});
    let worse = said("signer 3 is not ours any more", "disk", worse);
    for _ in 0..2 {
        assert_eq!(deck.post("/ingest/webhook", KEY, worse.clone()).await.0, 200);
    }
    let page = deck.receiver.next().await;
    assert_eq!((page.text("severity"), page.text("title")), ("sev1", "signer 3 is not ours any more"));
    let text = page.text("text");
    assert!(text.starts_with("It signed twice.\nIt began as: disk 81 % full.\n"), "{text}");
    assert!(
        text.contains("1 of 5, where 1 is the worst, because ") && text.contains("a key is in the wrong hands"),
        "{text}"
    );
    assert!(!text.contains("QD:1/"), "no codes: {text}");
    deck.settled().await;
    deck.receiver.assert_empty().await;

    // Whoever is asked for is told by whom, and why; and in the end who says that it is over, and how.
    let id = deck.only_incident().await.summary.id;
    deck.ask(RESPONDER, &id, &Command::Escalate { reason: "I need the vault's owner".to_owned() }).await;
    let page = deck.receiver.next().await;
    let text = page.text("text");
    assert!(text.contains("Why you, why now: ana asked for you: I need the vault's owner."), "{text}");
    deck.settled().await;
    deck.ask(COMMANDER, &id, &resolve("rotated the key")).await;
    for _ in 0..2 {
        let clear = deck.receiver.next_all_clear().await;
        let text = clear.text("text");
        assert!(text.starts_with("It is over, says bo: rotated the key. No answer is needed"), "{text}");
    }
    deck.settled().await;
    deck.ask(COMMANDER, &id, &Command::Reopen { reason: "it signed again".to_owned() }).await;
    let page = deck.receiver.next().await;
    assert!(page.text("text").contains("Why you, why now: bo reopened it: it signed again."), "{}", page.text("text"));
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn what_becomes_durable_is_told_to_listeners() {
    let deck = Deck::start().await;
    let events = deck.http.get(format!("{}/api/v1/events", deck.base)).bearer_auth(VIEWER).send().await.unwrap();
    let mut events = Box::pin(futures_util::stream::unfold(events, |mut events| async move {
        let chunk = events.chunk().await.unwrap()?;
        Some((String::from_utf8(chunk.to_vec()).unwrap(), events))
    }));
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    let incident = deck.only_incident().await.summary.id;
    let mut heard = String::new();
    while !heard.contains("page_requested") {
        heard += &tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
    }
    assert!(heard.contains("event: incident\n") && heard.contains(&incident), "{heard}");
    drop(events);
    deck.receiver.next().await;
    deck.settled().await;
    deck.ask(COMMANDER, &incident, &resolve("done")).await;
    deck.until("its end", |board| board.incidents().all(|one| one.phase() == Phase::Resolved)).await;
    deck.finish().await;
}
