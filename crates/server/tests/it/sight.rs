//! Two different things: whether requests may be sent here, and what of the world cannot be seen.

use quarterdeck_core::{
    chain::{B256, BlockRef, ChainId, Gap, GapKind},
    id::{Name, SourceId},
};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_sources::SourceState;
use serde_json::{Value, json};

use crate::harness::{Deck, VIEWER};

fn source(name: &str) -> SourceId {
    Name::new(name).unwrap()
}

/// The status of an open probe.
async fn probe(deck: &Deck, path: &str) -> u16 {
    let url = format!("http://{}{path}", deck.running.address.unwrap());
    reqwest::get(url).await.unwrap().status().as_u16()
}

fn blind(deck: &Deck, name: &str) {
    let since = deck.clock.now();
    deck.running.sources.update(&source(name), |health| {
        health.state = SourceState::Blind;
        health.gaps = vec![Gap {
            source: source(name),
            chain: ChainId::evm(1),
            kind: GapKind::Unreachable,
            from_block: None,
            to_block: None,
            since,
            closed: None,
            detail: "connection refused".to_owned(),
        }];
    });
}

/// The detectors, by whether they say that they cannot hear.
async fn cannot_hear(deck: &Deck) -> Vec<(String, Value)> {
    let Value::Array(all) = deck.get("/api/v1/detectors", VIEWER).await else { panic!("want a list") };
    all.into_iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one["cannot_hear"].clone())).collect()
}

#[tokio::test]
async fn a_blind_source_is_said_and_takes_nobodys_console_away() {
    let deck = Deck::start().await;
    assert_eq!((probe(&deck, "/health/ready").await, probe(&deck, "/health/seeing").await), (200, 200));
    blind(&deck, "own-node");
    assert_eq!((probe(&deck, "/health/ready").await, probe(&deck, "/health/seeing").await), (200, 503));
    let said = deck.get("/api/v1/health", VIEWER).await;
    assert_eq!((&said["ready"], &said["faults"]), (&json!(true), &json!([])));
    assert_eq!(said["unseen"], json!(["source own-node is blind: connection refused"]));
    deck.finish().await;
}

#[tokio::test]
async fn a_detector_does_not_claim_to_hear_where_no_source_shows_anything() {
    let deck = Deck::start().await;
    for (detector, why) in cannot_hear(&deck).await {
        let hears = detector == "observation_loss";
        assert_eq!(why, if hears { Value::Null } else { json!("no source is watched") }, "{detector}");
    }
    blind(&deck, "own-node");
    for (detector, why) in cannot_hear(&deck).await {
        let said = json!("own-node is blind: connection refused");
        assert_eq!(why, if detector == "observation_loss" { Value::Null } else { said }, "{detector}");
    }
    // One that shows something is enough to hear; the blind one is said elsewhere.
    deck.running.sources.update(&source("other"), |health| {
        health.state = SourceState::Live;
        health.head = Some(BlockRef { chain: ChainId::evm(1), number: 7, hash: B256::ZERO });
    });
    assert!(cannot_hear(&deck).await.iter().all(|(_, why)| why.is_null()));
    deck.finish().await;
}
