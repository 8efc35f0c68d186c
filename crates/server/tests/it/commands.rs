//! Commands over HTTP: one path, one table of rights, one refusal; and the older routes beside it.

use std::collections::BTreeSet;

use quarterdeck_api::{Command, client::ClientError};
use quarterdeck_core::incident::offer::{COMMANDS, CommandKind, FieldKind};
use quarterdeck_server::{auth::Role, http::openapi};
use serde_json::{Map, Value, json};

use crate::harness::{ADMIN, COMMANDER, Deck, RESPONDER, VIEWER, alert, note, resolve};

/// A request that gives every field something good.
fn example(kind: &CommandKind) -> Command {
    let mut request: Map<String, Value> = [("command".to_owned(), json!(kind.word))].into_iter().collect();
    for field in kind.fields {
        let value = match field.kind {
            FieldKind::Text => json!("a line"),
            FieldKind::Choice(words) => json!(words[0]),
            FieldKind::Person | FieldKind::Whom => json!("ana"),
            FieldKind::Policy => json!("default"),
            FieldKind::Incident => json!("inc_00000000000000000000000000"),
            FieldKind::Message => json!("msg_00000000000000000000000000"),
            FieldKind::Key => json!("k1"),
            FieldKind::Signal => json!("sig_00000000000000000000000000"),
            FieldKind::Cents | FieldKind::Count => json!(5),
            FieldKind::Flag => json!(true),
            FieldKind::Task => json!("1"),
            FieldKind::Check => json!("moves"),
            FieldKind::Resources => json!(["flag:deposits"]),
            FieldKind::People => json!(["ana"]),
            FieldKind::When => json!("45m"),
        };
        request.insert(field.name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(request)).unwrap_or_else(|error| panic!("{kind:?}: {error}"))
}

/// The older route of a command, with a body that it reads.
fn older(kind: &CommandKind) -> Option<(&'static str, Value)> {
    let text = json!({"text": "a line"});
    Some(match kind.word {
        "acknowledge" => ("acknowledge", text),
        "note" => ("notes", text),
        "escalate" => ("escalate", text),
        "mitigate" => ("mitigate", text),
        "resolve" => ("resolve", text),
        "reopen" => ("reopen", text),
        "review" => ("reviewed", text),
        "take_role" => ("roles", json!({"role": "scribe", "person": "ana"})),
        "state_facts" => ("facts", json!({"facts": {"users": 5}})),
        "merge" => ("merge", json!({"into": "inc_00000000000000000000000000"})),
        _ => return None,
    })
}

async fn paged() -> (Deck, String) {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let id = deck.only_incident().await.summary.id;
    (deck, id)
}

#[test]
fn the_list_and_the_requests_of_the_api_are_the_same_commands() {
    let description: Value = serde_json::from_str(&openapi::text().unwrap()).unwrap();
    let requests = description["components"]["schemas"]["Command"]["oneOf"].as_array().unwrap();
    let field_names = |request: &Value| request["properties"].as_object().unwrap().keys().cloned().collect();
    let described: BTreeSet<(String, BTreeSet<String>)> = requests
        .iter()
        .map(|request| {
            let mut fields: BTreeSet<String> = field_names(request);
            fields.remove("command");
            (request["properties"]["command"]["enum"][0].as_str().unwrap().to_owned(), fields)
        })
        .collect();
    let fields = |kind: &CommandKind| kind.fields.iter().map(|field| field.name.to_owned()).collect();
    let listed = COMMANDS.iter().map(|kind| (kind.word.to_owned(), fields(kind))).collect();
    assert_eq!(described, listed);
    for kind in COMMANDS {
        example(kind);
    }
}

#[tokio::test]
async fn every_command_asks_for_the_right_of_its_row_on_both_ways() {
    let (deck, id) = paged().await;
    for kind in COMMANDS {
        let request = serde_json::to_value(example(kind)).unwrap();
        let mut ways = vec![("commands", request)];
        ways.extend(older(kind));
        for (way, body) in ways {
            let path = format!("/api/v1/incidents/{id}/{way}");
            for (token, role) in [
                (VIEWER, Role::Viewer),
                (RESPONDER, Role::Responder),
                (COMMANDER, Role::Commander),
                (ADMIN, Role::Admin),
            ] {
                let (status, said) = deck.post(&path, token, body.to_string()).await;
                // Whoever is no person, or outside, is refused for that; what is tried here is the right.
                let refused = status == 403 && !said.contains("only_a_person") && !said.contains("\"restricted\"");
                assert_eq!(!refused, role.right() >= kind.right, "{kind:?} as {role} at {way}: {status} {said}");
                assert!(status < 500 && status != 401, "{kind:?} as {role} at {way}: {status} {said}");
            }
        }
    }
    // What was allowed was done: pages that somebody asked for are on their way.
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn an_answer_says_what_was_logged_and_what_comes_next() {
    let (deck, id) = paged().await;
    let client = deck.client(RESPONDER);
    let before = deck.running.store.size().await.unwrap();
    let done = client.command(&id, &Command::Acknowledge {}).await.unwrap();
    assert_eq!((done.summary.phase.as_str(), done.log_index), ("acknowledged", Some(before + 1)));
    let offered: Vec<&str> = done.offers.iter().map(|offer| offer.command.as_str()).collect();
    let want = [
        "acknowledge",
        "acknowledge_claim",
        "note",
        "escalate",
        "page",
        "validate",
        "take_role",
        "request_role",
        "give_up_role",
        "add_task",
        "say",
        "decide",
        "ask",
    ];
    assert_eq!(offered, want);
    assert_eq!(done.offers[0].title, "Acknowledge again");

    let scribe = Command::TakeRole { role: "scribe".to_owned(), person: None };
    let took = client.command(&id, &scribe).await.unwrap();
    assert_eq!(took.log_index, Some(before + 2));
    assert_eq!(client.command(&id, &scribe).await.unwrap().log_index, None, "they have it already");

    let shown = client.incident(&id).await.unwrap();
    assert_eq!(shown.timeline.last().unwrap().log_index, before + 2);
    assert_eq!(shown.roles["scribe"], "ana");
    assert!(deck.client(VIEWER).incident(&id).await.unwrap().offers.is_empty());

    // Who had a role is still to be seen when it is over, and that it was then.
    let after = deck.ask(COMMANDER, &id, &resolve("done")).await;
    deck.receiver.next_all_clear().await;
    assert_eq!(after.roles["scribe"], "ana");
    let page = deck.http.get(format!("{}/incidents/{id}", deck.base)).bearer_auth(VIEWER);
    let page = page.header("accept", "text/html").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("When it was over:") && page.contains("<dd>ana</dd>"), "{page}");
    deck.finish().await;
}

#[tokio::test]
async fn somebody_is_on_one_claim_and_then_on_the_other() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1"), alert("rpc", "DiskFull", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let incident = deck.only_incident().await;
    let id = incident.summary.id;
    let [one, other] = incident.signals.as_slice() else { panic!("{:?}", incident.signals) };
    let on = |signal: &str| Command::AcknowledgeClaim { signal: signal.to_owned() };
    let after = deck.ask(RESPONDER, &id, &on(&one.id)).await;
    assert_eq!((after.summary.phase.as_str(), after.summary.next_step.is_some()), ("triggered", true));
    let taken = after.signals.iter().find(|signal| signal.id == one.id).unwrap();
    assert_eq!(taken.acknowledged_by.as_deref(), Some("ana"));
    assert!(taken.acknowledged_until.is_some() && taken.source.as_deref() == Some("monitor"));
    assert!(after.timeline.last().unwrap().text.contains("is on signal"), "{:?}", after.timeline.last());
    let page = deck.http.get(format!("{}/incidents/{id}", deck.base)).bearer_auth(RESPONDER);
    let page = page.header("accept", "text/html").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("ana is on this claim") && page.contains("<dt>Posted by</dt><dd>monitor</dd>"), "{page}");
    assert!(page.contains(&format!("<option value=\"{}\"", other.id)), "a form offers it: {page}");

    let after = deck.ask(COMMANDER, &id, &on(&other.id)).await;
    assert_eq!((after.summary.phase.as_str(), after.summary.acknowledged_by.as_deref()), ("acknowledged", Some("bo")));
    let nowhere = on("sig_00000000000000000000000000");
    match deck.client(RESPONDER).command(&id, &nowhere).await {
        Err(ClientError::Refused { status: 404, code, .. }) => assert_eq!(code, "no_such_signal"),
        other => panic!("{other:?}"),
    }
    deck.receiver.assert_empty().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_refusal_says_what_is_possible_instead() {
    let (deck, id) = paged().await;
    deck.ask(COMMANDER, &id, &resolve("done")).await;
    deck.receiver.next_all_clear().await;
    let refused = async |token: &str, command: &Command| match deck.client(token).command(&id, command).await {
        Err(ClientError::Refused { status, code, message, hint }) => (status, code, message, hint),
        other => panic!("{other:?}"),
    };
    let (status, code, _, hint) = refused(RESPONDER, &Command::Acknowledge {}).await;
    assert_eq!((status, code.as_str()), (409, "wrong_phase"));
    assert_eq!(hint, "possible now: note, validate, reopen, take_role, give_up_role, say, decide, ask");
    let (status, code, message, hint) = refused(RESPONDER, &note(" ")).await;
    assert_eq!((status, code.as_str(), hint.as_str()), (422, "bad_text", ""), "{message}");
    let chef = Command::TakeRole { role: "chef".to_owned(), person: None };
    let (status, code, message, _) = refused(COMMANDER, &chef).await;
    assert_eq!((status, code.as_str()), (400, "bad_request"));
    assert!(message.contains("`chef`"), "{message}");
    let (status, said) =
        deck.post(&format!("/api/v1/incidents/{id}/commands"), COMMANDER, r#"{"command":"explode"}"#).await;
    assert!(status == 400 && said.contains("explode"), "{said}");
    deck.finish().await;
}
