//! Two different things: whether requests may be sent here, and what of the world cannot be seen.

use std::time::Duration;

use quarterdeck_core::{
    chain::{B256, BlockRef, ChainId, Gap, GapKind},
    id::{Name, SourceId},
    time::Timestamp,
};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_sources::SourceState;
use serde_json::{Value, json};

use crate::{
    harness::{COMMANDER, Deck, PATIENCE, VIEWER},
    scripted_node::{CHAIN, Lie, Node},
};

fn source(name: &str) -> SourceId {
    Name::new(name).unwrap()
}

/// The status of an open probe.
async fn probe(deck: &Deck, path: &str) -> u16 {
    let url = format!("http://{}{path}", deck.running.address.unwrap());
    reqwest::get(url).await.unwrap().status().as_u16()
}

fn unreachable(name: &str, since: Timestamp) -> Gap {
    Gap {
        source: source(name),
        chain: ChainId::evm(1),
        kind: GapKind::Unreachable,
        from_block: None,
        to_block: None,
        since,
        closed: None,
        detail: "connection refused".to_owned(),
    }
}

fn blind(deck: &Deck, name: &str) {
    let since = deck.clock.now();
    deck.running.sources.update(&source(name), |health| {
        health.state = SourceState::Blind;
        health.gaps = vec![unreachable(name, since)];
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
    // Nor does one that has stood still for too long.
    let since = deck.clock.now();
    deck.running.sources.update(&source("other"), |health| {
        health.gaps = vec![Gap {
            kind: GapKind::StaleHead,
            detail: "no new block for 10 min".to_owned(),
            ..unreachable("other", since)
        }];
    });
    for (detector, why) in cannot_hear(&deck).await {
        let said = json!("other shows no new block: no new block for 10 min; own-node is blind: connection refused");
        assert_eq!(why, if detector == "observation_loss" { Value::Null } else { said }, "{detector}");
    }
    deck.finish().await;
}

/// Waits until the only source is in this state.
async fn state(deck: &Deck, wanted: &str) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while deck.get("/api/v1/sources", VIEWER).await[0]["state"] != json!(wanted) {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {wanted}"));
}

#[tokio::test]
async fn a_node_that_was_emptied_is_not_believed_until_a_person_says_so() {
    let deck = Deck::start().await;
    let node = Node::start().await;
    deck.configure(|text| {
        text + &format!(
            "[[source]]\nid = \"own\"\nchain = {CHAIN}\nhttp = \"{}\"\npoll_every = \"50ms\"\nrequests_per_second = 1000\n",
            node.url
        )
    })
    .await;
    state(&deck, "live").await;
    node.chain(|chain| chain.mine(5));
    let anew = json!({"reason": "rebuilt from the vendor's image"}).to_string();
    let path = "/api/v1/sources/own/begin-anew";
    let (status, answer) = deck.post(path, COMMANDER, anew.clone()).await;
    assert_eq!(status, 409, "its node shows our chain: {answer}");

    node.script(|_, _, _| Some(Lie::Http(503, &[], Vec::new())));
    state(&deck, "blind").await;
    node.chain(|chain| {
        chain.canonical.clear();
        chain.mine(3);
    });
    node.honest();
    state(&deck, "unfit").await;
    assert_eq!((probe(&deck, "/health/ready").await, probe(&deck, "/health/seeing").await), (200, 503));
    let said = deck.get("/api/v1/health", VIEWER).await;
    assert!(said["unseen"][0].as_str().unwrap().starts_with("source own is unfit"), "{said}");
    deck.until("an incident about it", |board| {
        let titles = board.incidents().map(|incident| incident.title().to_owned());
        titles.into_iter().any(|title| title.ends_with("own shows another chain"))
    })
    .await;

    assert_eq!(deck.receiver.next().await.text("title"), "blind on chain 31337: own shows another chain");
    deck.settled().await;

    let (status, _) = deck.post(path, COMMANDER, json!({"reason": " "}).to_string()).await;
    assert_eq!(status, 422, "a reason is asked for");
    let (status, answer) = deck.post(path, COMMANDER, anew).await;
    assert_eq!(status, 200, "{answer}");
    state(&deck, "live").await;
    deck.until("no gap", |board| board.gaps().next().is_none()).await;
    // That it was given up is told, too.
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}
