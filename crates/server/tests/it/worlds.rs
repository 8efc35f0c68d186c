//! What is seen in an invented world is an exercise, and what is seen in the real one never is.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{ChainEvent, ChainId, Gap, GapKind},
    id::Name,
};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_sources::Seen;
use serde_json::json;

use crate::harness::{Deck, VIEWER};

/// A source tells, as of now, that it cannot look.
async fn tell(deck: &Deck, source: &str, kind: GapKind, drill: bool) {
    let source = Name::new(source).unwrap();
    let gap = Gap {
        source: source.clone(),
        chain: ChainId::evm(1),
        kind,
        from_block: Some(7),
        to_block: None,
        since: deck.clock.now(),
        closed: None,
        detail: "connection refused".to_owned(),
    };
    let seen = Seen { source, event: ChainEvent::Gap(Arc::new(gap)), cursor: None, drill };
    deck.running.seen.send(seen).await.unwrap();
}

/// The next page, and its incident, are an exercise or are not.
async fn paged(deck: &Deck, drill: bool) {
    let page = deck.receiver.next().await;
    assert_eq!(page.body["drill"], json!(drill), "{:?}", page.body);
    let incident = deck.client(VIEWER).incident(page.text("incident")).await.unwrap();
    assert_eq!(incident.summary.drill, drill);
    deck.settled().await;
}

#[tokio::test]
async fn what_a_source_of_an_invented_world_sees_is_an_exercise() {
    let deck = Deck::start().await;
    // A bad answer is told at once: by what the source handed over, not by time.
    for (source, drill) in [("real", false), ("invented", true)] {
        tell(&deck, source, GapKind::BadAnswer, drill).await;
        paged(&deck, drill).await;
    }
    assert_eq!(deck.client(VIEWER).incidents(false).await.unwrap().len(), 2);
    deck.finish().await;
}

#[tokio::test]
async fn what_time_alone_tells_is_an_exercise_only_while_every_world_is_invented() {
    let deck = Deck::start().await;
    for (source, drill) in [("invented", true), ("real", false)] {
        tell(&deck, source, GapKind::Unreachable, drill).await;
        // Silence is told after its grace, by the clock.
        deck.clock.forward(Duration::from_mins(2));
        paged(&deck, drill).await;
    }
    deck.finish().await;
}
