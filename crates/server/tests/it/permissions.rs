//! Who may do what: every operation of the description against every kind of caller. An operation without a row fails.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    description::operations,
    harness::{ADMIN, COMMANDER, Deck, KEY, RESPONDER, VIEWER, alert},
};

/// The least that a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    Open,
    Viewer,
    Responder,
    Commander,
    Admin,
}

/// Whether the key of an integration is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// The key of an integration is enough here.
    Serve,
    /// It is known, and may not.
    Forbidden,
    /// It is no token.
    Unknown,
}

use Keys::{Forbidden, Serve, Unknown};
use Least::{Admin, Commander, Open, Responder, Viewer};

/// Operation, who may, whether integrations may, a body.
#[expect(clippy::too_many_lines, reason = "a row for each operation")]
fn rows() -> Vec<(&'static str, Least, Keys, Value)> {
    let text = || json!({"text": "a note"});
    let silence = || json!({"matchers": [], "ends": "2030-01-01T00:00:00Z", "comment": ""});
    vec![
        // Open to everybody: probes that say nothing but yes or no, the metrics, and a format whose key is in the body.
        ("get /health/live", Open, Serve, Value::Null),
        ("get /health/ready", Open, Serve, Value::Null),
        ("get /health/seeing", Open, Serve, Value::Null),
        ("post /v2/enqueue", Open, Serve, json!({})),
        ("post /api/v1/heartbeat", Responder, Serve, Value::Null),
        ("get /metrics", Viewer, Unknown, Value::Null),
        ("get /api/v1/health", Viewer, Unknown, Value::Null),
        ("get /api/v1/sources", Viewer, Unknown, Value::Null),
        ("get /api/v1/sources/kinds", Viewer, Unknown, Value::Null),
        ("get /api/v1/wallets", Viewer, Unknown, Value::Null),
        ("post /api/v1/sources/{id}/begin-anew", Commander, Unknown, json!({"reason": "the node was rebuilt"})),
        ("get /api/v1/incidents", Viewer, Unknown, Value::Null),
        ("post /api/v1/incidents", Responder, Unknown, json!({"title": "the signer is silent"})),
        ("get /api/v1/incidents/{id}", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/timeline", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/room", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/room/events", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/review", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/bundle", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/checks", Viewer, Unknown, Value::Null),
        ("get /api/v1/incidents/{id}/evidence", Viewer, Unknown, Value::Null),
        ("post /api/v1/incidents/{id}/evidence", Responder, Unknown, text()),
        ("get /api/v1/incidents/{id}/evidence/{number}", Responder, Unknown, Value::Null),
        ("post /api/v1/incidents/{id}/evidence/{number}/verify", Responder, Unknown, Value::Null),
        ("post /api/v1/incidents/{id}/commands", Responder, Unknown, json!({"command": "note", "text": "a note"})),
        ("post /api/v1/incidents/{id}/acknowledge", Responder, Unknown, text()),
        ("post /api/v1/incidents/{id}/escalate", Responder, Unknown, text()),
        ("post /api/v1/incidents/{id}/notes", Responder, Unknown, text()),
        ("post /api/v1/incidents/{id}/reopen", Responder, Unknown, text()),
        ("post /api/v1/incidents/{id}/roles", Responder, Unknown, json!({"role": "scribe", "person": "bo"})),
        ("post /api/v1/incidents/{id}/facts", Commander, Unknown, json!({"facts": {"users": 5}})),
        ("post /api/v1/incidents/{id}/merge", Commander, Unknown, json!({"into": "inc_00000000000000000000000000"})),
        ("post /api/v1/incidents/{id}/mitigate", Commander, Unknown, text()),
        ("post /api/v1/incidents/{id}/resolve", Commander, Unknown, text()),
        ("post /api/v1/incidents/{id}/reviewed", Commander, Unknown, text()),
        ("post /api/v1/incidents/{id}/erase", Admin, Unknown, json!({"reason": "asked for"})),
        ("post /api/v1/signals/{id}/erase", Admin, Unknown, json!({"reason": "asked for"})),
        ("post /api/v1/silences/{id}/erase", Admin, Unknown, json!({"reason": "asked for"})),
        ("get /api/v1/signals", Viewer, Unknown, Value::Null),
        ("get /api/v1/signals/{id}", Viewer, Unknown, Value::Null),
        ("get /api/v1/detectors", Viewer, Unknown, Value::Null),
        ("get /api/v1/tasks", Viewer, Unknown, Value::Null),
        ("get /api/v1/held", Viewer, Unknown, Value::Null),
        ("get /api/v1/oncall/now", Viewer, Unknown, Value::Null),
        ("get /api/v1/oncall/next", Viewer, Unknown, Value::Null),
        ("get /api/v1/configuration", Viewer, Unknown, Value::Null),
        ("post /api/v1/configuration/reload", Admin, Unknown, Value::Null),
        ("get /api/v1/log", Viewer, Unknown, Value::Null),
        ("get /api/v1/log/inclusion", Viewer, Unknown, Value::Null),
        ("get /api/v1/log/consistency", Viewer, Unknown, Value::Null),
        ("get /api/v1/events", Viewer, Unknown, Value::Null),
        ("get /api/v1/silences", Viewer, Unknown, Value::Null),
        ("post /api/v1/silences", Commander, Unknown, silence()),
        ("post /api/v1/silences/end", Commander, Unknown, json!({"silences": []})),
        (
            "post /api/v1/incidents/commands",
            Responder,
            Unknown,
            json!({"command": {"command": "note", "text": "a note"}, "incidents": []}),
        ),
        ("post /api/v1/silences/{id}/end", Commander, Unknown, Value::Null),
        ("post /ingest/alertmanager", Responder, Serve, json!({"version": "4", "alerts": []})),
        ("post /ingest/prometheus", Responder, Serve, json!([])),
        ("post /ingest/webhook", Responder, Serve, json!([])),
        ("get /api/v2/alerts", Viewer, Serve, Value::Null),
        ("post /api/v2/alerts", Responder, Serve, json!([])),
        ("get /api/v2/alerts/groups", Viewer, Serve, Value::Null),
        ("get /api/v2/status", Viewer, Serve, Value::Null),
        ("get /api/v2/receivers", Viewer, Serve, Value::Null),
        ("get /api/v2/silences", Viewer, Serve, Value::Null),
        ("post /api/v2/silences", Commander, Forbidden, json!({})),
        ("get /api/v2/silence/{id}", Viewer, Serve, Value::Null),
        ("delete /api/v2/silence/{id}", Commander, Forbidden, Value::Null),
    ]
}

#[tokio::test]
async fn every_operation_asks_for_the_right_role() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let incident = deck.only_incident().await;

    let mut rows: BTreeMap<&str, (Least, Keys, Value)> =
        rows().into_iter().map(|(operation, least, keys, body)| (operation, (least, keys, body))).collect();
    for (method, path) in operations() {
        let name = format!("{method} {path}");
        let Some((least, keys, body)) = rows.remove(name.as_str()) else {
            panic!("`{name}` has no row here: decide who may call it");
        };
        let id = match () {
            () if path.contains("/incidents/") => incident.summary.id.as_str(),
            () if path.contains("/signals/") => incident.signals[0].id.as_str(),
            () => "sil_00000000000000000000000000",
        };
        let url = format!("{}{}", deck.base, path.replace("{id}", id).replace("{number}", "1"));
        let ask = async |key: Option<&str>, basic: bool| {
            let mut request = deck.http.request(method.to_uppercase().parse().unwrap(), &url);
            if let Some(key) = key {
                request = if basic { request.basic_auth("any", Some(key)) } else { request.bearer_auth(key) };
            }
            if !body.is_null() {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            // The answer's body is not read: one of them never ends.
            request.send().await.unwrap().status().as_u16()
        };
        let foreign = keys != Unknown;
        for (key, is) in [(VIEWER, Viewer), (RESPONDER, Responder), (COMMANDER, Commander), (ADMIN, Admin)] {
            let status = ask(Some(key), false).await;
            let may = is >= least;
            assert_eq!(may, !matches!(status, 401 | 403), "{name} as {is:?}: {status}");
            assert!(may || status == 403, "{name} as {is:?}: {status}");
            assert!(status < 500, "{name} as {is:?}: {status}");
            let basic = ask(Some(key), true).await;
            assert_eq!(basic == 401, !foreign && least != Open, "{name} as {is:?}, basic: {basic}");
            assert!(!foreign || may == (basic != 403), "{name} as {is:?}, basic: {basic}");
        }
        for key in [None, Some("nobody's-token-0123456789")] {
            let status = ask(key, false).await;
            // Whoever tries a wrong one often is not listened to any more.
            let refused = status == 401 || (key.is_some() && status == 429);
            assert_eq!(refused, least != Open, "{name} with {key:?}: {status}");
        }
        for basic in [false, true] {
            let status = ask(Some(KEY), basic).await;
            match keys {
                Serve => assert!(!matches!(status, 401 | 403), "{name} with an integration's key: {status}"),
                Forbidden => assert_eq!(status, 403, "{name} with an integration's key"),
                Unknown => assert_eq!(status, 401, "{name} with an integration's key"),
            }
        }
    }
    assert!(rows.is_empty(), "rows without an operation: {:?}", rows.keys());
    // Those who may escalate did.
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_monitors_key_reads_only_its_own() {
    const OTHER: &str = "key-of-the-other-0123456789";
    let deck = Deck::start().await;
    deck.configure(|text| format!("{text}\n[[integration]]\nid = \"other\"\nkey = \"{OTHER}\"\n")).await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    let (status, _) = deck.post("/api/v2/alerts", OTHER, json!([alert("bridge", "Stuck", "b-1")]).to_string()).await;
    assert_eq!(status, 200);
    deck.receiver.next().await;
    deck.settled().await;
    let silence = |name: &str| {
        json!({
            "matchers": [{"name": "alertname", "value": name, "isRegex": false}], "comment": "moving it",
            "createdBy": "bo", "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
        })
    };
    let mut silences = Vec::new();
    for name in ["NodeDown", "Stuck"] {
        let (status, made) = deck.post("/api/v2/silences", COMMANDER, silence(name).to_string()).await;
        assert_eq!(status, 200, "{made}");
        silences.push(serde_json::from_str::<Value>(&made).unwrap()["silenceID"].as_str().unwrap().to_owned());
    }
    let names = async |path: &str, key: &str| {
        let read = deck.get(path, key).await;
        let text = read.to_string();
        (text.contains("NodeDown"), text.contains("Stuck"))
    };
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups?muted=true", "/api/v2/silences"] {
        assert_eq!(names(path, VIEWER).await, (true, true), "{path}");
        assert_eq!(names(path, KEY).await, (true, false), "{path}");
        assert_eq!(names(path, OTHER).await, (false, true), "{path}");
    }
    for (key, readable) in [(KEY, [200, 404]), (OTHER, [404, 200]), (VIEWER, [200, 200])] {
        for (id, want) in silences.iter().zip(readable) {
            let asked = deck.http.get(format!("{}/api/v2/silence/{id}", deck.base)).bearer_auth(key);
            assert_eq!(asked.send().await.unwrap().status(), want, "{key}");
        }
    }
    assert_eq!(deck.get("/api/v2/receivers", KEY).await, json!([{"name": "everything"}]));
    deck.finish().await;
}

#[tokio::test]
async fn no_answer_is_kept_by_a_browser_or_a_proxy() {
    let deck = Deck::start().await;
    for path in ["/api/v1/incidents", "/api/v2/alerts", "/api/v1/events", "/health/live", "/metrics", "/", "/nowhere"] {
        for token in [VIEWER, "nobody's-token-0123456789"] {
            let answer = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        }
    }
    deck.finish().await;
}

#[tokio::test]
async fn a_refusal_tells_nothing_but_what_to_do() {
    let deck = Deck::start().await;
    let answer = deck.http.get(format!("{}/api/v1/incidents", deck.base)).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(body["code"], "no_token");
    // No answer asks a browser for a password that it would then send with other sites' forms.
    let answer = deck.http.get(format!("{}/api/v2/alerts", deck.base)).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert_eq!(answer.text().await.unwrap(), r#""this needs a token""#);
    deck.finish().await;
}
