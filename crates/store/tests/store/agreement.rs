//! Random histories, made in a store and in memory: every question gets the same answer, also after the store was closed and
//! opened again.

use std::{future::Future, sync::Arc};

use proptest::prelude::*;
use quarterdeck_core::{
    id::{DeliveryId, IncidentId, Name, SignalId},
    journal::Stream,
    outbox::{Audience, Delivery, DeliveryKind},
    signal::SignalStatus,
    time::Timestamp,
};
use quarterdeck_store::{
    Batch, Content, Outgoing, SignalFilter, SignalRow, SignalUpdate, Store, StoreError, StoredEvent,
    memory::MemoryStore, sqlite::SqliteStore,
};

/// Ids, instants and names are drawn from so few that histories collide often.
const FEW: u8 = 12;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Append { batch: Box<Batch>, spoil: Option<u64> },
    Claim { ids: Vec<DeliveryId> },
    Release { id: DeliveryId, not_before: Timestamp },
    Forget { before: Timestamp },
    Reopen,
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![20 => (0..i64::from(FEW)).prop_map(Timestamp::from_ms), 1 => Just(Timestamp::MIN), 1 => Just(Timestamp::MAX)]
}
fn incident() -> impl Strategy<Value = IncidentId> {
    (0..FEW).prop_map(|n| IncidentId::from_bytes([n; 16]))
}
fn delivery_id() -> impl Strategy<Value = DeliveryId> {
    (0..FEW).prop_map(|n| DeliveryId::from_bytes([n; 16]))
}
fn signal_id() -> impl Strategy<Value = SignalId> {
    (0..4 * FEW).prop_map(|n| SignalId::from_bytes([n.wrapping_mul(37); 16]))
}
fn status() -> impl Strategy<Value = SignalStatus> {
    prop::sample::select(vec![
        SignalStatus::Provisional,
        SignalStatus::Confirmed,
        SignalStatus::Retracted,
        SignalStatus::Ended,
    ])
}
fn text() -> impl Strategy<Value = String> {
    "[a-z \"'\\\\%_;é桥🌉\n]{0,12}"
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        5 => (text(), any::<[u8; 16]>()).prop_map(|(json, salt)| Content::Whole { json, salt }),
        1 => text().prop_map(|json| Content::Redacted { json }),
        1 => Just(Content::Erased),
    ]
}

/// Events without their places: those follow from the history when the step is made.
fn event() -> impl Strategy<Value = StoredEvent> {
    (0..4_u8, instant(), content(), any::<[u8; 32]>()).prop_map(|(stream, at, content, digest)| StoredEvent {
        index: 0,
        stream: format!("s{stream}"),
        version: 0,
        at,
        content,
        digest,
    })
}

fn kind() -> impl Strategy<Value = DeliveryKind> {
    prop::sample::select(vec![DeliveryKind::Page, DeliveryKind::AllClear, DeliveryKind::Notice])
}
fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![1 => Just(Stream::Journal), 5 => incident().prop_map(Stream::Incident)]
}

prop_compose! {
    fn outgoing()(id in delivery_id(), kind in kind(), decided in 0..40_u64, incident in incident(), address in text(),
                  not_before in instant(), attempts in 0..3_u32, under_way in prop::bool::weighted(0.1)) -> Outgoing {
        let to = Audience::Contact { person: Name::new("alice").unwrap(), channel: Name::new("sms").unwrap(), address };
        Outgoing { delivery: Delivery { id, kind, incident, to }, decided, not_before, attempts, under_way }
    }
}

prop_compose! {
    fn signal()(id in signal_id(), status in status(), incident in prop::option::of(incident()), observed in instant(),
                place in 0..40_u64) -> SignalRow {
        SignalRow { id, status, incident, observed, place }
    }
}

fn few<S: Strategy>(of: S) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(of, 0..5)
}

prop_compose! {
    fn batch()(events in few(event()), redactions in few((0..8_u64, text())), checkpoint in prop::option::of(text()), outgoing in few(outgoing()),
               settled in few(delivery_id()), timers in few((stream(), prop::option::of(instant()))),
               (signals, moved, updates) in
                   (few(signal()), few((instant(), signal_id())), few((signal_id(), instant(), status()))),
               cursors in few((text(), text())),
               snapshots in few((text(), prop::collection::vec(any::<u8>(), 0..20)))) -> Batch {
        let signal_updates = updates.into_iter().map(|(id, observed, status)| SignalUpdate { id, observed, status }).collect();
        let signals_moved = moved;
        Batch {
            evidence: Vec::new(), evidence_gone: Vec::new(), events, redactions, checkpoint, outgoing, settled, timers, signals_moved, signals, signal_updates, cursors, snapshots,
        }
    }
}

pub(crate) fn steps(reopen: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (batch(), prop::option::weighted(0.15, 0..30_u64)).prop_map(|(batch, spoil)| Step::Append { batch: Box::new(batch), spoil }),
        3 => prop::collection::vec(delivery_id(), 0..4).prop_map(|ids| Step::Claim { ids }),
        3 => (delivery_id(), instant()).prop_map(|(id, not_before)| Step::Release { id, not_before }),
        1 => instant().prop_map(|before| Step::Forget { before }),
        1 => Just(if reopen { Step::Reopen } else { Step::Claim { ids: Vec::new() } }),
    ];
    prop::collection::vec(step, 1..25)
}

/// Gives the events their places after what `model` holds; a spoilt batch has one that does not fit.
async fn place(model: &dyn Store, batch: &mut Batch, spoil: Option<u64>) {
    let size = model.size().await.unwrap();
    let mut heads = std::collections::BTreeMap::new();
    for (index, event) in (size..).zip(&mut batch.events) {
        if !heads.contains_key(&event.stream) {
            heads.insert(event.stream.clone(), model.stream(&event.stream).await.unwrap().len() as u64);
        }
        let head = heads.get_mut(&event.stream).unwrap();
        (event.index, event.version) = (index, *head);
        *head += 1;
    }
    // Mostly of events that are there: else hardly a batch would be taken.
    let end = size + batch.events.len() as u64;
    batch.redactions.retain(|(index, _)| *index < end || *index == 7);
    if let (Some(spoil), Some(last)) = (spoil, batch.events.last_mut()) {
        if spoil % 2 == 0 {
            last.index = spoil;
        } else {
            last.version = spoil;
        }
    }
}

fn outcome<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {error}"),
    }
}

/// Makes one step and tells what came of it.
async fn make(store: &dyn Store, step: &Step) -> String {
    match step.clone() {
        Step::Append { batch, .. } => outcome(store.append(*batch).await),
        Step::Claim { ids } => outcome(store.claim(&ids).await),
        Step::Release { id, not_before } => outcome(store.release(id, not_before).await),
        Step::Forget { before } => outcome(store.forget_signals(before).await),
        Step::Reopen => String::new(),
    }
}

/// Every question, with every argument that could tell two stores apart.
async fn answers(store: &dyn Store) -> Vec<String> {
    let mut all = vec![
        outcome(store.size().await),
        outcome(store.events(0, 1_000).await),
        outcome(store.events(3, 2).await),
        outcome(store.checkpoint().await),
        outcome(store.outbox(1_000).await),
        outcome(store.outbox(2).await),
        outcome(store.timers_due(Timestamp::MAX, 1_000).await),
        outcome(store.timers_due(Timestamp::from_ms(5), 2).await),
        outcome(store.live_signals(None, 1_000).await),
        outcome(store.live_signals(None, 4).await),
    ];
    for stream in ["s0", "s1", "s2", "s3", "s4"] {
        all.push(outcome(store.stream(stream).await));
        all.push(outcome(store.stream_before(stream, 3, 2).await));
    }
    let of_incident = Some(IncidentId::from_bytes([1; 16]));
    for incident in [None, of_incident] {
        for status in [None, Some(SignalStatus::Confirmed), Some(SignalStatus::Ended)] {
            for (before, before_id) in [
                (None, None),
                (Some(Timestamp::from_ms(6)), None),
                (Some(Timestamp::from_ms(6)), Some(SignalId::from_bytes([111; 16]))),
            ] {
                let filter = SignalFilter { incident, status, before, before_id, limit: 7 };
                all.push(outcome(store.signals(&filter).await));
            }
        }
    }
    for n in 0..4 * FEW {
        let id = SignalId::from_bytes([n.wrapping_mul(37); 16]);
        let observed = Timestamp::from_ms(i64::from(n % FEW));
        all.push(outcome(store.signal(observed, id).await));
        all.push(outcome(store.live_signals(Some((observed, id)), 3).await));
    }
    for name in ["", "a", "é"] {
        all.push(outcome(store.cursor(name).await));
        all.push(outcome(store.snapshot(name).await));
    }
    all
}

/// Makes the history in memory and in a store, and compares after each step.
pub(crate) async fn agree<Opening: Future<Output = Arc<dyn Store>>>(
    history: Vec<Step>,
    mut open: impl FnMut() -> Opening,
) -> Result<(), TestCaseError> {
    let model = MemoryStore::new();
    let mut store = Some(open().await);
    for mut step in history {
        if let Step::Append { batch, spoil } = &mut step {
            place(model.as_ref(), batch, *spoil).await;
        }
        if let Step::Reopen = step {
            drop(store.take());
        }
        let current = match store.take() {
            Some(open) => open,
            None => open().await,
        };
        prop_assert_eq!(make(current.as_ref(), &step).await, make(model.as_ref(), &step).await, "{:?}", step);
        prop_assert_eq!(answers(current.as_ref()).await, answers(model.as_ref()).await, "after {:?}", step);
        store = Some(current);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(history in steps(true)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarterdeck.db");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(agree(history, || async { SqliteStore::open(&path).unwrap() as Arc<dyn Store> }))?;
    }
}
