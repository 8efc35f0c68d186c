//! Somebody declares an incident, over the API and from the console.

use quarterdeck_api::{Declare, Facts, client::ClientError};
use serde_json::json;

use crate::harness::{COMMANDER, Deck, RESPONDER, VIEWER, resolve};

fn declare(title: &str, key: &str) -> Declare {
    Declare {
        title: title.to_owned(),
        severity: Some("SEV2".to_owned()),
        key: Some(key.to_owned()),
        ..Declare::default()
    }
}

#[tokio::test]
async fn a_title_and_a_guess_open_an_incident_and_page_somebody() {
    let deck = Deck::start().await;
    let client = deck.client(RESPONDER);
    let done = client.declare(&declare("nobody can withdraw", "1")).await.unwrap();
    assert!(done.opened && done.fate.starts_with("opened inc_"), "{done:?}");
    assert_eq!((done.summary.severity.as_str(), done.summary.title.as_str()), ("SEV2", "nobody can withdraw"));
    assert!(done.offers.iter().any(|offer| offer.command == "acknowledge"));
    deck.receiver.next().await;
    deck.settled().await;
    let shown = client.incident(&done.summary.id).await.unwrap();
    assert_eq!(shown.declared_by.as_deref(), Some("ana"));
    assert_eq!(shown.score.gates, ["declared SEV2 by ana"]);
    assert!(shown.timeline[0].text.contains("(declared by "), "{}", shown.timeline[0].text);

    // Asked again, it is the same: a double click, or an answer that was lost. It costs no page.
    let again = client.declare(&declare("nobody can withdraw", "1")).await.unwrap();
    assert!(!again.opened && again.summary.id == done.summary.id, "{again:?}");
    let two = declare("the same moment", "2");
    let (one, other) = tokio::join!(client.declare(&two), client.declare(&two));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.summary.id.as_str(), one.opened), (other.summary.id.as_str(), !other.opened));
    deck.receiver.next().await;
    deck.settled().await;
    for id in [&done.summary.id, &one.summary.id] {
        deck.ask(COMMANDER, id, &resolve("the queue runs again")).await;
        deck.receiver.next_all_clear().await;
    }
    let late = client.declare(&declare("nobody can withdraw", "1")).await.unwrap();
    assert_eq!((late.opened, late.summary.phase.as_str()), (false, "resolved"));
    deck.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_it_is_named_with_its_value() {
    let deck = Deck::start().await;
    let client = deck.client(RESPONDER);
    let refused = async |declare: Declare| match client.declare(&declare).await {
        Err(ClientError::Refused { status, message, .. }) => (status, message),
        other => panic!("{other:?}"),
    };
    let (status, message) = refused(declare(" ", "1")).await;
    assert!(status == 400 && message.contains("`title`"), "{message}");
    let (status, message) = refused(declare(&"x".repeat(300), "1")).await;
    assert!(status == 422 && message.contains("300"), "{message}");
    let worse = Declare { severity: Some("SEV0".to_owned()), ..declare("x", "1") };
    let (status, message) = refused(worse).await;
    assert!(status == 400 && message.contains("`SEV0`"), "{message}");
    let nowhere = Declare { service: Some("nowhere".to_owned()), ..declare("x", "1") };
    let (status, message) = refused(nowhere).await;
    assert!(status == 400 && message.contains("`nowhere`"), "{message}");
    let (status, said) =
        deck.post("/api/v1/incidents", RESPONDER, json!({"title": "x", "sverity": "SEV1"}).to_string()).await;
    assert!((400..500).contains(&status) && said.contains("sverity"), "{said}");
    match deck.client(VIEWER).declare(&declare("x", "1")).await {
        Err(ClientError::Refused { status: 403, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(client.incidents(true).await.unwrap(), []);
    let (status, _) = deck.post("/api/v1/incidents", RESPONDER, json!({"title": "x"}).to_string()).await;
    assert_eq!(status, 201, "a title is enough");
    deck.receiver.next().await;
    deck.settled().await;
    let facts = Facts { theft: true, ..Facts::default() };
    let drill = Declare { facts, drill: true, ..declare("an exercise", "1") };
    assert!(client.declare(&drill).await.unwrap().summary.drill);
    deck.receiver.next().await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn an_end_without_a_sentence_is_refused_with_a_hint_on_every_way() {
    let deck = Deck::start().await;
    let id = deck.client(RESPONDER).declare(&declare("stuck", "1")).await.unwrap().summary.id;
    deck.receiver.next().await;
    deck.settled().await;
    let commands = format!("/api/v1/incidents/{id}/commands");
    for (path, body) in [
        (commands.clone(), json!({"command": "resolve"})),
        (commands.clone(), json!({"command": "resolve", "note": " \n"})),
        (commands, json!({"command": "mitigate", "note": "..."})),
        (format!("/api/v1/incidents/{id}/resolve"), json!({"text": "-"})),
        ("/api/v1/incidents/commands".to_owned(), json!({"command": {"command": "resolve"}, "incidents": [id]})),
    ] {
        let (status, said) = deck.post(&path, COMMANDER, body.to_string()).await;
        assert_eq!(status, 422, "{path}: {said}");
        assert!(said.contains("nothing_said") && said.contains("what was done"), "{path}: {said}");
    }
    assert_eq!(deck.client(VIEWER).incident(&id).await.unwrap().summary.phase, "triggered");
    deck.ask(COMMANDER, &id, &resolve("restarted the signer")).await;
    deck.receiver.next_all_clear().await;
    deck.finish().await;
}
