//! Every operation of the description, asked wrongly: whatever is wrong with the query, the path, the method or the body, the answer
//! is JSON in the words of the route's family, and names what it is about.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_server::http::openapi;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::{
    description::operations,
    harness::{ADMIN, Deck},
};

/// No number, no instant, no identifier, no word of ours, no regular expression.
const BROKEN: &str = "(broken";

/// What a refusal says, if it is one, and in the words of its family: Alertmanager's clients read a JSON string, PagerDuty's an
/// object with `errors`, ours an `ErrorBody`.
async fn said(what: &str, path: &str, answer: Response) -> String {
    let status = answer.status();
    assert!(status.is_client_error(), "{what}: {status}");
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    assert_eq!(kind.as_deref(), Some("application/json"), "{what}");
    let body: Value =
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_else(|no| panic!("{what}: {no}"));
    let text = if path.starts_with("/api/v2/") || path == "/ingest/prometheus" {
        body.as_str()
    } else if path.starts_with("/v2/") {
        assert!(body["status"].is_string() && body["message"].is_string(), "{what}: {body}");
        body["errors"][0].as_str()
    } else {
        assert!(body["code"].is_string() && body["hint"].is_string(), "{what}: {body}");
        body["message"].as_str()
    };
    let text = text.unwrap_or_else(|| panic!("{what}: {body}")).to_owned();
    assert!(!text.is_empty() && text.len() < 1_000, "{what}: {text}");
    text
}

/// Names of an operation's parameters in its query or its path.
fn parameters(description: &Value, method: &str, path: &str, place: &str) -> Vec<String> {
    let parameters = description["paths"][path][method]["parameters"].as_array().cloned().unwrap_or_default();
    let there = parameters.iter().filter(|one| one["in"] == place);
    there.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_in_the_words_of_the_family() {
    let deck = Deck::start().await;
    let description: Value = serde_json::from_str(&openapi::text().unwrap()).unwrap();
    let ask = async |method: &str, address: &str, body: Option<&[u8]>| {
        let mut request = deck.http.request(method.to_uppercase().parse().unwrap(), format!("{}{address}", deck.base));
        request = request.bearer_auth(ADMIN);
        if let Some(body) = body {
            request = request.header("content-type", "text/plain").body(body.to_vec());
        }
        request.send().await.unwrap()
    };
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut queries = 0;
    for (method, path) in operations() {
        methods.entry(path.clone()).or_default().insert(method.to_uppercase());
        let named = path.replace("{id}", "sil_00000000000000000000000000").replace("{number}", "1");
        // Part of a title: every text is a good one. Alertmanager takes every text for these of its own, and so do we.
        let takes_any = |name: &str| {
            name == "text"
                || path.starts_with("/api/v2/alerts")
                    && matches!(name, "active" | "silenced" | "inhibited" | "unprocessed" | "muted")
        };
        for name in parameters(&description, &method, &path, "query").into_iter().filter(|name| !takes_any(name)) {
            queries += 1;
            let what = format!("{method} {path}, {name}");
            let answer = ask(&method, &format!("{named}?{name}={}", BROKEN.replace('(', "%28")), None).await;
            let text = said(&what, &path, answer).await;
            // Where an identifier in the path comes first, it is what is told.
            let about_path = path.contains("{id}") && text.contains("sil_00000000000000000000000000");
            assert!(about_path || (text.contains(BROKEN) && text.contains(&name)), "{what}: {text}");
        }
        if path.starts_with("/api/v1/") && !parameters(&description, &method, &path, "query").is_empty() {
            let what = format!("{method} {path}, a parameter that is not there");
            let text = said(&what, &path, ask(&method, &format!("{named}?odd=%281"), None).await).await;
            assert!(text.contains("parameter `odd` with value `(1`"), "{what}: {text}");
        }
        // A body that is due is read before an identifier is looked up.
        let body = description["paths"][&path][&method]["requestBody"].is_object();
        if path.contains("{id}") {
            let due: &[u8] = br#"{"text":"t","into":"inc_1","role":"scribe","facts":{}}"#;
            for broken in ["%FF", "%28broken"] {
                let what = format!("{method} {path} with {broken}");
                let text = said(
                    &what,
                    &path,
                    ask(&method, &path.replace("{id}", broken).replace("{number}", "1"), body.then_some(due)).await,
                )
                .await;
                assert!(body || text.contains("`id`") || text.contains(BROKEN), "{what}: {text}");
            }
        }
        if body {
            let what = format!("{method} {path}, a body of another kind");
            said(&what, &path, ask(&method, &named, Some(b"<alert severity=\"\xff\"/>")).await).await;
        }
    }
    assert!(queries > 20, "{queries}");
    for (path, methods) in methods {
        let named = path.replace("{id}", "sil_00000000000000000000000000").replace("{number}", "1");
        let what = format!("PATCH {path}");
        let answer = ask("patch", &named, None).await;
        assert_eq!(answer.status(), 405, "{what}");
        let allowed = answer.headers().get("allow").map(|allow| allow.to_str().unwrap().to_owned()).unwrap_or_default();
        let allowed: BTreeSet<&str> = allowed.split(',').map(str::trim).collect();
        assert!(methods.iter().all(|method| allowed.contains(method.as_str())), "{what}: {allowed:?}, {methods:?}");
        assert!(said(&what, &path, answer).await.contains("PATCH"), "{what}");
        let what = format!("GET {path}/no/such");
        let answer = ask("get", &format!("{named}/no/such"), None).await;
        assert_eq!(answer.status(), 404, "{what}");
        assert!(said(&what, &path, answer).await.contains("there is nothing at `/"), "{what}");
    }
    // What a monitor sends and we cannot read is a signal of its own: somebody was paged.
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_browser_that_asks_wrongly_sees_a_page() {
    let deck = Deck::start().await;
    for (method, path, status) in [
        (Method::DELETE, "/signals", 405),
        (Method::PUT, "/silences", 405),
        (Method::GET, "/incidents/%FF", 400),
        (Method::GET, "/incidents/%28broken", 400),
        (Method::GET, "/signals?odd=1", 400),
        (Method::GET, "/silences?signal=%28broken", 400),
    ] {
        let request = deck.http.request(method, format!("{}{path}", deck.base));
        let answer = request.bearer_auth(ADMIN).header("accept", "text/html").send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        assert!(answer.text().await.unwrap().contains("<main"), "{path}");
    }
    deck.finish().await;
}
