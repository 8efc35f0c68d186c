//! Reading an incident's history in parts.

use quarterdeck_core::incident::{Actor, Command, RoomCommand};
use quarterdeck_server::engine::Work;
use serde_json::{Value, json};

use crate::harness::{Deck, RESPONDER, VIEWER, alert, on_every_store};

/// Writes so many notes into an incident.
async fn notes(deck: &Deck, id: &str, count: usize) {
    for nth in 0..count {
        let command = Command::Room(RoomCommand::Note { by: Actor::System, text: format!("line {nth}") });
        let work = Work::Command { incident: id.parse().unwrap(), command };
        deck.running.engine.ask(work).await.unwrap();
    }
}

fn indexes(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["log_index"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_long_timeline_is_read_part_by_part_and_nothing_is_left_out() {
    on_every_store(async |deck| {
        deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
        deck.receiver.next().await;
        deck.settled().await;
        let id = deck.only_incident().await.summary.id;
        notes(&deck, &id, 230).await;

        let whole = deck.client(VIEWER).whole_incident(&id).await.unwrap();
        let all: Vec<u64> = whole.timeline.iter().map(|row| row.log_index).collect();
        let stored = deck.running.store.stream(&id).await.unwrap();
        assert_eq!(all, stored.iter().map(|event| event.index).collect::<Vec<_>>());
        assert_eq!((whole.timeline[0].kind.as_str(), whole.timeline[0].version), ("opened", 1));

        // The incident shows the end, and says where to go on.
        let shown = deck.get(&format!("/api/v1/incidents/{id}"), VIEWER).await;
        assert_eq!(indexes(&shown["timeline"]), all[all.len() - 100..]);
        let mut read = Vec::new();
        let mut path = format!("/api/v1/incidents/{id}/timeline?limit=7");
        loop {
            let part = deck.get(&path, VIEWER).await;
            read.splice(0..0, indexes(&part["rows"]));
            let Some(earlier) = part["earlier"].as_u64() else { break };
            path = format!("/api/v1/incidents/{id}/timeline?limit=7&before={earlier}");
        }
        assert_eq!(read, all);
        let none = deck.get(&format!("/api/v1/incidents/{id}/timeline?before=0"), VIEWER).await;
        assert_eq!(none, json!({"rows": [], "earlier": null}));
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_history_of_no_incident_is_not_there() {
    let deck = Deck::start().await;
    for before in ["", "?before=5"] {
        let path = format!("/api/v1/incidents/inc_00000000000000000000000000/timeline{before}");
        let answer = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(RESPONDER).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{before}");
    }
    deck.finish().await;
}
