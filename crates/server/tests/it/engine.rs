//! The write path by itself: what is answered when, and what is left when the store refuses or its answer is lost.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use quarterdeck_core::{
    board::Fate,
    id::{Name, SeededIds},
    policy::Roster,
    priority::Weights,
    setting::{Rules, Setting},
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_formats::severity::NO_WORDS;
use quarterdeck_formats::{heard::Hearing, webhook::parse_webhook};
use quarterdeck_host::clock::SystemClock;
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_server::{
    engine::{Answer, Engine, EngineError, Surroundings, Work, read},
    loops,
};
use quarterdeck_store::{Store, StoreError, memory::MemoryStore};
use tokio::sync::{Notify, oneshot};

use crate::guarded::{Guard, Guarded};

pub(crate) const NOW: Timestamp = Timestamp::MIN;

pub(crate) fn parts() -> Surroundings {
    let setting = Setting {
        roster: Roster::default(),
        catalogue: Arc::default(),
        rules: Rules::default(),
        default_policy: Name::new("nobody").unwrap(),
        weights: Weights::default(),
    };
    let signer = SignerKey::from_seed("test.invalid/log", &[7; 32]).unwrap();
    let (ids, salts) = (Box::new(SeededIds::new(1)), Box::new(SeededIds::new(2)));
    Surroundings { setting: Arc::new(setting), ids, salts, signer }
}

pub(crate) fn claim(key: &str) -> Work {
    let source = Name::new("monitor").unwrap();
    let resolve_timeout = std::time::Duration::from_mins(5);
    let hearing = Hearing {
        source: &source,
        now: NOW,
        wall: NOW,
        resolve_timeout,
        words: NO_WORDS,
        group_by: None,
        is_service: &|_| false,
    };
    let body = format!(r#"{{"title":"{key}","dedup_key":"{key}","severity":"error"}}"#);
    let heard = parse_webhook(body.as_bytes(), &hearing).unwrap().heard;
    let changes: Vec<SignalChange> = heard.into_iter().map(|heard| heard.change).collect();
    Work::Hear { changes, cursors: Vec::new(), snapshots: Vec::new() }
}

fn fate(answer: &Answer) -> Fate {
    match answer {
        Answer::Heard(fates) => fates[0],
        other => panic!("{other:?}"),
    }
}

fn full() -> StoreError {
    StoreError::Full { doing: "append to log" }
}

async fn start() -> (Arc<MemoryStore>, Engine) {
    let store = MemoryStore::new();
    let engine = Engine::start(store.clone(), parts()).await.unwrap();
    (store, engine)
}

#[tokio::test]
async fn what_rests_on_a_refused_batch_is_forgotten_with_it() {
    let (store, mut engine) = start().await;
    let first = engine.decide(vec![claim("a")], NOW);
    assert!(matches!(fate(&first[0]), Fate::Opened(_)));
    assert!(engine.hand_over().unwrap().is_some());
    let rests = engine.decide(vec![claim("a"), claim("b")], NOW);
    assert!(matches!(fate(&rests[0]), Fate::Repeated(_)), "decided on what is not durable yet");
    assert!(matches!(engine.land(Err(full())).await, Err(EngineError::Store(_))));
    assert_eq!(engine.hand_over().unwrap(), None, "nothing is left of it");
    assert_eq!(read(&engine.published().board).incidents().count(), 0);

    let again = engine.step(vec![claim("a")], NOW).await.unwrap();
    assert!(matches!(fate(&again[0]), Fate::Opened(_)), "it can be said again");
    assert_eq!(store.size().await.unwrap(), engine.published().tree.size());
    assert!(engine.refold().await.unwrap());
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_counts() {
    let (store, mut engine) = start().await;
    let mut news = engine.published().news.subscribe();
    engine.decide(vec![claim("a")], NOW);
    store.append(engine.hand_over().unwrap().unwrap()).await.unwrap();
    engine.land(Err(full())).await.unwrap();
    assert_eq!(read(&engine.published().board).incidents().count(), 1);
    assert_eq!(news.try_recv().unwrap().index, 0, "and is told");
    engine.step(vec![claim("b")], NOW).await.unwrap();
    assert!(engine.refold().await.unwrap());
}

#[tokio::test]
async fn what_was_decided_upon_a_commit_whose_answer_was_lost_is_made_durable_too() {
    let (store, mut engine) = start().await;
    engine.decide(vec![claim("a")], NOW);
    store.append(engine.hand_over().unwrap().unwrap()).await.unwrap();
    let rests = engine.decide(vec![claim("b")], NOW);
    assert!(matches!(fate(&rests[0]), Fate::Opened(_)));
    engine.land(Err(full())).await.unwrap();
    let batch = engine.hand_over().unwrap().expect("who asked is told that it is done: it must be written");
    let appended = store.append(batch).await;
    engine.land(appended).await.unwrap();
    assert_eq!(read(&engine.published().board).incidents().count(), 2);
    assert!(engine.refold().await.unwrap());
}

/// Keeps each append until it is told what to do with it.
#[derive(Default)]
struct Gate {
    arrived: Notify,
    waiting: Mutex<Vec<oneshot::Sender<bool>>>,
}

impl Gate {
    /// Lets the append that waits go on, or refuses it.
    fn open(&self, let_in: bool) {
        self.waiting.lock().unwrap().remove(0).send(let_in).unwrap();
    }
}

#[async_trait]
impl Guard for Gate {
    async fn admit(&self) -> Result<(), StoreError> {
        let (sender, let_in) = oneshot::channel();
        self.waiting.lock().unwrap().push(sender);
        self.arrived.notify_one();
        if let_in.await.unwrap() { Ok(()) } else { Err(full()) }
    }
}

/// On the one thread of a test: everybody else has done what they can.
async fn everybody_waits() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_is_answered_before_what_it_rests_on_is_durable() {
    let gate = Arc::new(Gate::default());
    let store = Arc::new(Guarded { inner: MemoryStore::new(), guard: Arc::clone(&gate) });
    let engine = Engine::start(store, parts()).await.unwrap();
    let (handle, jobs) = loops::engine::queue(engine.published());
    let running = tokio::spawn(loops::engine::run(engine, jobs, SystemClock::new(), Arc::default()));
    let ask = |key: &str| {
        let (handle, work) = (handle.clone(), claim(key));
        tokio::spawn(async move { handle.ask(work).await })
    };
    for let_in in [true, false] {
        let key = if let_in { "a" } else { "b" };
        let first = ask(key);
        gate.arrived.notified().await;
        let repeat = ask(key);
        everybody_waits().await;
        assert!(!first.is_finished() && !repeat.is_finished());
        gate.open(let_in);
        let (first, repeat) = (first.await.unwrap(), repeat.await.unwrap());
        if let_in {
            assert!(matches!(fate(&first.unwrap()), Fate::Opened(_)));
            assert!(matches!(fate(&repeat.unwrap()), Fate::Repeated(_)));
        } else {
            assert!(matches!(first, Err(EngineError::Store(_))), "{first:?}");
            assert!(matches!(repeat, Err(EngineError::Store(_))), "{repeat:?}");
        }
    }
    // Whoever asked is still answered when the program stops.
    let last = ask("c");
    gate.arrived.notified().await;
    drop(handle);
    everybody_waits().await;
    gate.open(true);
    assert!(last.await.unwrap().is_ok());
    running.await.unwrap();
    assert!(gate.waiting.lock().unwrap().is_empty());
}
