//! What every store promises, as cases that run against any of them. A store that passes can stand in for another.
//!
//! A case gets an empty store and says what it found wrong. It never panics and never waits for time to pass. `tests/store.rs`
//! runs all of them on all stores; how a store survives a crash is tested there, since only the durable ones do.

mod duties;
mod log;
mod signals;

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use quarterdeck_core::{
    id::{DeliveryId, IncidentId, Kind, Name, SignalId},
    journal::Stream,
    outbox::{Audience, Delivery, DeliveryKind},
    signal::SignalStatus,
    time::Timestamp,
};

use super::{Batch, Content, FoundSignal, Outgoing, SignalRow, Store, StoreError, StoredEvent};

/// A promise: its name, and the check of it on an empty store.
pub type Case = (&'static str, fn(Arc<dyn Store>) -> Checking);
/// A case that runs.
pub type Checking = Pin<Box<dyn Future<Output = Result<(), Broken>> + Send>>;

/// A promise that a store broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It answered something else.
    #[error("{what}: got {got}, want {want}")]
    Differs {
        /// Which answer.
        what: &'static str,
        /// What it was.
        got: String,
        /// What it should have been.
        want: String,
    },
    /// It failed where it had no reason to.
    #[error("a store that should have worked failed")]
    Failed(#[from] StoreError),
}

/// All promises.
pub const CASES: &[Case] = &[
    ("an empty store answers everything with nothing", |store| Box::pin(log::empty(store))),
    ("events read back as they were appended", |store| Box::pin(log::reads_back(store))),
    ("ranges of the log are cut where asked", |store| Box::pin(log::ranges(store))),
    ("a batch out of place is refused whole", |store| Box::pin(log::refuses_index(store))),
    ("a stream with a hole or a repeat is refused whole", |store| Box::pin(log::refuses_version(store))),
    ("of many writers at one place, one wins", |store| Box::pin(log::one_winner(store))),
    ("a reader never sees half a batch", |store| Box::pin(log::whole_batches(store))),
    ("the latest checkpoint stays", |store| Box::pin(log::checkpoint(store))),
    ("erasure leaves what is left of an event, and its proof", |store| Box::pin(log::erasure(store))),
    ("cursors and snapshots are replaced", |store| Box::pin(log::cursors_and_snapshots(store))),
    ("what a start needs is replaced whole, and gone when something is erased", |store| {
        Box::pin(log::kept_board(store))
    }),
    ("evidence is kept once, and gone with the last that has it", |store| Box::pin(log::evidence(store))),
    ("a delivery is claimed once, released, settled", |store| Box::pin(duties::life(store))),
    ("deliveries leave in order of time", |store| Box::pin(duties::order(store))),
    ("a delivery that is there stays as it is", |store| Box::pin(duties::twice(store))),
    ("many claimers never share a delivery", |store| Box::pin(duties::claimed_once(store))),
    ("timers are set, moved and cleared", |store| Box::pin(duties::timers(store))),
    ("signals are listed newest first, filtered and capped", |store| Box::pin(signals::lists(store))),
    ("a list goes on where it ended, within a millisecond too", |store| Box::pin(signals::goes_on(store))),
    ("a signal is found with its event, and with what is left of it", |store| Box::pin(signals::with_events(store))),
    ("signals that come with their events are listed, changed and forgotten", |store| {
        Box::pin(signals::come_with_events(store))
    }),
    ("a signal that is seen anew moves in the list", |store| Box::pin(signals::moved(store))),
    ("a signal that is there becomes as it is written", |store| Box::pin(signals::twice_and_updated(store))),
    ("live signals are found in steps, oldest first", |store| Box::pin(signals::live(store))),
    ("forgetting spares what an incident holds", |store| Box::pin(signals::forgetting(store))),
    ("many signals are forgotten", |store| Box::pin(signals::forgets_many(store))),
];

/// A promise about a place: one store has it at a time, a second one hears who does, and gets it when the first is gone. `open`
/// opens the place, which nobody has yet.
pub async fn one_writer<Opening>(mut open: impl FnMut() -> Opening) -> Result<(), Broken>
where
    Opening: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let first = open().await?;
    first.append(journal(0, 2)).await?;
    for _ in 0..2 {
        match open().await {
            Err(StoreError::InUse { place, by }) if !place.is_empty() && !by.is_empty() => {}
            other => return Err(differs("a second one", &other.map(|_| "a store"), &"in use by somebody with a name")),
        }
        first.append(journal(first.size().await?, 1)).await?;
    }
    drop(first);
    let next = open().await?;
    same("what the first wrote", &next.events(0, 10).await?, &journal(0, 4).events)?;
    next.append(journal(4, 1)).await?;
    same("size", &next.size().await?, &5)
}

/// Compares an answer with what it should be.
fn same<T: PartialEq + Debug>(what: &'static str, got: &T, want: &T) -> Result<(), Broken> {
    if got == want { Ok(()) } else { Err(differs(what, got, want)) }
}

fn differs(what: &'static str, got: &dyn Debug, want: &dyn Debug) -> Broken {
    Broken::Differs { what, got: format!("{got:?}"), want: format!("{want:?}") }
}

/// Checks that an append was refused as one that does not follow.
fn conflicts(what: &'static str, outcome: Result<(), StoreError>) -> Result<(), Broken> {
    match outcome {
        Err(StoreError::Conflict { .. }) => Ok(()),
        other => Err(differs(what, &other, &"a conflict")),
    }
}

/// The `n`th instant, one second after another.
fn second(n: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + n * 1_000)
}

fn incident(n: u64) -> IncidentId {
    IncidentId::digest(&[b"incident", &n.to_be_bytes()])
}

fn delivery_id(n: u64) -> DeliveryId {
    DeliveryId::digest(&[b"delivery", &n.to_be_bytes()])
}

fn signal_id(n: u64) -> SignalId {
    SignalId::digest(&[b"signal", &n.to_be_bytes()])
}

/// An event of `stream`; all else follows from its place.
fn event(index: u64, stream: &str, version: u64) -> StoredEvent {
    let byte = u8::try_from(index % 251).unwrap_or(0);
    StoredEvent {
        index,
        stream: stream.to_owned(),
        version,
        at: second(i64::try_from(index).unwrap_or(0)),
        content: Content::Whole {
            json: format!("{{\"event\":{index},\"text\":\"Brücke 桥 🌉 \\u0000\"}}"),
            salt: [byte; 16],
        },
        digest: [byte ^ 0xff; 32],
    }
}

/// `count` events of the journal, from a place where the log and the journal are equally long.
fn journal(first: u64, count: u64) -> Batch {
    Batch { events: (first..first + count).map(|index| event(index, "journal", index)).collect(), ..Batch::default() }
}

/// A delivery: every third is an all-clear; all else follows from its number.
fn outgoing(n: u64, not_before: Timestamp) -> Result<Outgoing, Broken> {
    let kind = if n.is_multiple_of(3) { DeliveryKind::AllClear } else { DeliveryKind::Page };
    let to =
        Audience::Contact { person: name("alice")?, channel: name("sms-primary")?, address: format!("+49 30 {n:06}") };
    let delivery = Delivery { id: delivery_id(n), kind, incident: incident(n), to };
    Ok(Outgoing::new(delivery, n * 7, not_before))
}

/// The timers of incidents.
fn timer(n: u64) -> Stream {
    Stream::Incident(incident(n))
}

fn name<K: Kind>(text: &str) -> Result<Name<K>, Broken> {
    Name::new(text).map_err(|bad| differs("a name", &bad, &text))
}

fn signal(n: u64, observed: Timestamp, status: SignalStatus) -> SignalRow {
    SignalRow { id: signal_id(n), status, incident: None, observed, place: n }
}

/// As it is found where the log does not reach its event's place.
fn without_event(row: SignalRow) -> FoundSignal {
    FoundSignal { row, event: None }
}
