//! Starts that do not read the whole log: what was kept is the fold and is never trusted more than the log, and what was not read is
//! read later.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use quarterdeck_api::Command;
use quarterdeck_core::{
    board::{Board, Recorded, Rules, Which},
    id::IncidentId,
    incident::{IncidentEvent, LifeEvent},
    journal::Body,
    time::Timestamp,
};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_server::engine::{Engine, Standing, kept::bytes_of, recorded_of};
use quarterdeck_store::{Store, memory::MemoryStore};
use serde_json::json;

use crate::{
    engine::{NOW, claim, parts},
    harness::{COMMANDER, Deck, PATIENCE, VIEWER, alert, on_every_store, resolve},
};

/// Waits until the log was read whole. Level, not edge.
async fn audited(deck: &Deck) -> Option<String> {
    let audited = Arc::clone(&deck.running.keeper.audited);
    let over = async {
        while audited.is_whole().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("the audit does not come to an end");
    audited.finding()
}

/// How many events the start did not read.
fn unread(deck: &Deck) -> u64 {
    deck.running.keeper.kept.load(Ordering::Relaxed)
}

/// A cold incident, one that is over, and an open one, each paged. The cold one and the open one.
async fn some_history(deck: &Deck) -> (IncidentId, IncidentId) {
    let mut ids = Vec::new();
    for (service, name) in [("rpc", "NodeDown"), ("bridge", "BridgeStuck"), ("rpc", "NodeSlow")] {
        deck.alert(&json!([alert(service, name, "eth-1")])).await;
        deck.receiver.next().await;
        deck.settled().await;
        let id = deck.client(VIEWER).incidents(false).await.unwrap().remove(0).id;
        if ids.len() < 2 {
            deck.ask(COMMANDER, &id, &resolve("done")).await;
            deck.receiver.next_all_clear().await;
            let mut over = alert(service, name, "eth-1");
            over["endsAt"] = json!(deck.clock.now());
            deck.alert(&json!([over])).await;
            deck.clock.forward(Duration::from_hours(2));
        }
        ids.push(id.parse().unwrap());
    }
    deck.until("one goes cold", |board| board.cold(ids[0]).is_some()).await;
    (ids[0], ids[2])
}

#[tokio::test]
async fn a_start_takes_up_what_was_kept_and_reads_the_rest_later() {
    on_every_store(async |deck| {
        let (cold, open) = some_history(&deck).await;
        let title = deck.client(VIEWER).incident(&cold.to_string()).await.unwrap().summary.title;
        let deck = deck.restart().await;
        let size = deck.running.store.size().await.unwrap();
        assert!(unread(&deck) > 0 && unread(&deck) < size, "{} of {size}", unread(&deck));
        let shown = deck.client(VIEWER).incident(&cold.to_string()).await.unwrap();
        assert_eq!((shown.summary.title, shown.summary.phase.as_str()), (title, "resolved"));
        assert_eq!(audited(&deck).await, None);
        deck.ask(COMMANDER, &open.to_string(), &Command::Acknowledge {}).await;

        // A crash keeps nothing: the board of before, and the events after it.
        let deck = deck.crash().await;
        assert!(unread(&deck) > 0 && unread(&deck) < size);
        assert_eq!(audited(&deck).await, None);
        let shown = deck.client(VIEWER).incident(&open.to_string()).await.unwrap();
        assert_eq!(shown.summary.phase, "acknowledged");
        deck.finish().await;
    })
    .await;
}

/// The log as it is stored, with another title for one incident.
async fn with_another_title(store: &dyn Store, id: IncidentId) -> Vec<Recorded> {
    let stored = store.events(0, usize::MAX).await.unwrap();
    let mut events: Vec<Recorded> = stored.iter().filter_map(|event| recorded_of(event).unwrap()).collect();
    for recorded in events.iter_mut().filter(|recorded| recorded.stream.incident() == Some(id)) {
        if let Body::Incident(IncidentEvent::Life(LifeEvent::Opened { title, signal, .. })) = &mut recorded.body {
            *title = "nothing to see here".to_owned();
            Arc::make_mut(signal).title.clone_from(title);
        }
    }
    events
}

#[tokio::test]
async fn a_row_that_lies_is_found_told_and_put_right() {
    on_every_store(async |deck| {
        let (cold, _) = some_history(&deck).await;
        let published = Arc::clone(deck.running.engine.published());
        let deck = deck
            .restart_over(async move |store| {
                let mut board = Board::fold(&with_another_title(store, cold).await).unwrap();
                while board.cool(&Rules::default(), Timestamp::MAX) > 0 {}
                let lie = Standing { board: Arc::new(board), ..published.standing() };
                assert!(store.keep_board(lie.size, bytes_of(&lie)).await.unwrap());
            })
            .await;
        assert!(unread(&deck) > 0, "the tree is that of the log, so it is taken up");
        let finding = audited(&deck).await.expect("it is found");
        assert!(finding.contains(&cold.to_string()), "{finding}");
        let page = deck.receiver.next().await;
        assert!(page.text("title").contains("damaged record"), "{page:?}");
        let health = deck.get("/api/v1/health", VIEWER).await;
        assert!(health["faults"].to_string().contains(&cold.to_string()), "{health}");
        assert_eq!(health["ready"], true);
        let stored = deck.running.store.events(0, usize::MAX).await.unwrap();
        let told = stored.iter().filter_map(|event| event.content.json());
        assert_eq!(told.filter(|json| json.contains("audit_failed.v1")).count(), 1);
        let list = deck.client(VIEWER).incidents(true).await.unwrap();
        assert!(list.iter().all(|row| !row.title.contains("nothing to see")), "{list:?}");
        deck.settled().await;

        let deck = deck.restart().await;
        assert_eq!(unread(&deck), 0, "the next start reads everything");
        assert_eq!(deck.get("/api/v1/health", VIEWER).await["faults"], json!([]));
        deck.finish().await;
    })
    .await;
}

/// An engine with some history, stopped; its store, what it would keep, and its board.
async fn stopped() -> (Arc<MemoryStore>, Vec<u8>, Arc<Board>) {
    let store = MemoryStore::new();
    let mut engine = Engine::start(store.clone(), parts()).await.unwrap();
    for (nth, key) in ["a", "b", "c"].into_iter().enumerate() {
        let now = NOW.plus(Duration::from_hours(2 * nth as u64));
        engine.step(vec![claim(key)], now).await.unwrap();
    }
    let standing = engine.published().standing();
    (store, bytes_of(&standing), standing.board)
}

#[tokio::test]
async fn whatever_byte_is_damaged_the_whole_log_is_folded() {
    let (store, bytes, board) = stopped().await;
    let size = store.size().await.unwrap();
    store.keep_board(size, bytes.clone()).await.unwrap();
    let engine = Engine::start(store.clone(), parts()).await.unwrap();
    assert_eq!((engine.unread(), *engine.published().board() == *board), (size, true));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        store.keep_board(size, damaged).await.unwrap();
        let engine = Engine::start(store.clone(), parts()).await.unwrap();
        assert_eq!((engine.unread(), *engine.published().board() == *board), (0, true), "byte {at}");
    }
    for end in [0, 1, 30, 60, bytes.len() / 2, bytes.len() - 1] {
        store.keep_board(size, bytes[..end].to_vec()).await.unwrap();
        assert_eq!(Engine::start(store.clone(), parts()).await.unwrap().unread(), 0, "cut at {end}");
    }
}

#[tokio::test]
async fn a_board_of_an_older_moment_goes_on_and_one_of_another_log_does_not() {
    let (store, bytes, _) = stopped().await;
    let before = store.size().await.unwrap();
    store.keep_board(before, bytes.clone()).await.unwrap();
    let mut engine = Engine::start(store.clone(), parts()).await.unwrap();
    engine.step(vec![claim("d")], NOW.plus(Duration::from_hours(9))).await.unwrap();
    let board = engine.published().board();
    let engine = Engine::start(store.clone(), parts()).await.unwrap();
    assert_eq!((engine.unread(), *engine.published().board() == *board), (before, true));
    assert_eq!(engine.published().tree.size(), store.size().await.unwrap());
    assert_eq!(engine.published().board().list(Which::All, None, 10), board.list(Which::All, None, 10));

    // A longer one, and one of the same length whose events are others.
    let other = MemoryStore::new();
    let mut engine = Engine::start(other.clone(), parts()).await.unwrap();
    engine.step(vec![claim("e")], NOW).await.unwrap();
    other.keep_board(before, bytes.clone()).await.unwrap();
    let board = engine.published().board();
    let engine = Engine::start(other.clone(), parts()).await.unwrap();
    assert_eq!((engine.unread(), *engine.published().board() == *board), (0, true));
    let (again, _, _) = stopped().await;
    let mut engine = Engine::start(again.clone(), parts()).await.unwrap();
    engine.step(vec![claim("f"), claim("g")], NOW.plus(Duration::from_hours(9))).await.unwrap();
    let foreign = bytes_of(&engine.published().standing());
    let mut engine = Engine::start(store.clone(), parts()).await.unwrap();
    engine.step(vec![claim("h"), claim("i"), claim("j")], NOW.plus(Duration::from_hours(12))).await.unwrap();
    let board = engine.published().board();
    store.keep_board(store.size().await.unwrap(), foreign).await.unwrap();
    let engine = Engine::start(store.clone(), parts()).await.unwrap();
    assert_eq!((engine.unread(), *engine.published().board() == *board), (0, true));
    assert!(engine.refold().await.unwrap());
}
