//! The same asked of many incidents: each with an answer of its own, with the caller's right, and as the caller's deed in the log.

use quarterdeck_api::{Bulk, BulkAnswer, Command, Matching, client::ClientError};
use serde_json::json;

use crate::harness::{COMMANDER, Deck, RESPONDER, VIEWER, alert};

/// Three open incidents, the last of them about a service of its own.
async fn three(deck: &Deck) -> Vec<String> {
    for (service, name) in [("", "DiskFull"), ("", "CertExpires"), ("rpc", "NodeDown")] {
        deck.alert(&json!([alert(service, name, "eth-1")])).await;
        deck.receiver.next().await;
    }
    deck.settled().await;
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    assert_eq!(open.len(), 3, "{open:?}");
    open.into_iter().map(|one| one.id).collect()
}

fn codes(answers: &[BulkAnswer]) -> Vec<String> {
    let code = |one: &BulkAnswer| match (&one.done, &one.refused) {
        (Some(done), None) => done.summary.phase.clone(),
        (None, Some(refused)) => refused.code.clone(),
        both => panic!("{both:?}"),
    };
    answers.iter().map(code).collect()
}

#[tokio::test]
async fn each_has_an_answer_and_is_the_callers_own_deed() {
    let deck = Deck::start().await;
    let ids = three(&deck).await;
    let ask = async |token: &str, command: Command, incidents: Vec<String>, matching: Option<Matching>| {
        deck.client(token).commands(&Bulk { command, incidents, matching }).await
    };
    let mut named = ids[..2].to_vec();
    named.extend([ids[0].clone(), "inc_00000000000000000000000000".to_owned(), "nonsense".to_owned()]);
    let done = ask(RESPONDER, Command::Acknowledge {}, named, None).await.unwrap();
    assert_eq!(codes(&done.answers), ["acknowledged", "acknowledged", "no_such_incident", "bad_request"]);
    for id in &ids[..2] {
        let incident = deck.client(VIEWER).incident(id).await.unwrap();
        let by = incident.summary.acknowledged_by.clone();
        assert!(by.is_some() && incident.timeline.iter().any(|row| row.kind == "acknowledged"), "{incident:?}");
    }
    // The right is asked for each: who may acknowledge may not resolve.
    let done =
        ask(RESPONDER, Command::Resolve { note: "noise".to_owned(), reason: None }, ids.clone(), None).await.unwrap();
    assert_eq!(codes(&done.answers), ["role", "role", "role"]);
    let about = |service: &str| Some(Matching { service: Some(service.to_owned()), ..Matching::default() });
    let note = "gone".to_owned();
    let done =
        ask(COMMANDER, Command::Resolve { note: note.clone(), reason: Some(note.clone()) }, Vec::new(), about("rpc"))
            .await
            .unwrap();
    assert_eq!((codes(&done.answers), done.more), (vec!["resolved".to_owned()], false));
    let done = ask(
        COMMANDER,
        Command::Resolve { note: note.clone(), reason: Some(note) },
        Vec::new(),
        Some(Matching::default()),
    )
    .await
    .unwrap();
    assert_eq!(codes(&done.answers), ["resolved", "resolved"]);
    assert_eq!(deck.client(VIEWER).incidents(false).await.unwrap(), []);
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn what_cannot_be_meant_for_many_is_refused_whole() {
    let deck = Deck::start().await;
    let ask = async |token: &str, command: Command, incidents: Vec<String>| {
        deck.client(token).commands(&Bulk { command, incidents, matching: None }).await
    };
    let code = |asked: Result<_, ClientError>| match asked {
        Err(ClientError::Refused { status, code, .. }) => (status, code),
        other => panic!("{other:?}"),
    };
    let merge = Command::Merge { into: "inc_00000000000000000000000000".to_owned() };
    assert_eq!(code(ask(COMMANDER, merge, Vec::new()).await), (400, "bad_request".to_owned()));
    let many = vec!["inc_00000000000000000000000000".to_owned(); 501];
    assert_eq!(code(ask(COMMANDER, Command::Acknowledge {}, many).await), (400, "bad_request".to_owned()));
    assert_eq!(code(ask(VIEWER, Command::Acknowledge {}, Vec::new()).await).0, 403);
    deck.finish().await;
}
