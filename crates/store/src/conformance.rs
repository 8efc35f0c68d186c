//! What every store promises, as cases that run against any of them. A store that passes can stand in for another.
//!
//! A case gets an empty store and says what it found wrong. It never panics and never waits for time to pass. `tests/store.rs`
//! runs all of them on all stores; how a store survives a crash is tested there, since only the durable ones do.

mod duties;
mod log;
mod signals;

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use quarterdeck_core::{
    id::{IncidentId, Kind, Name, PageId, SignalId},
    signal::SignalStatus,
    time::Timestamp,
};

use super::{Batch, FoundSignal, OutboxPage, SignalRow, Store, StoreError, StoredEvent};

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
    ("erasure takes the content and leaves the proof", |store| Box::pin(log::erasure(store))),
    ("cursors and snapshots are replaced", |store| Box::pin(log::cursors_and_snapshots(store))),
    ("a page is claimed once, released, settled", |store| Box::pin(duties::page_life(store))),
    ("pages leave in order of time", |store| Box::pin(duties::page_order(store))),
    ("a page that is there stays as it is", |store| Box::pin(duties::page_twice(store))),
    ("many claimers never share a page", |store| Box::pin(duties::claimed_once(store))),
    ("timers are set, moved and cleared", |store| Box::pin(duties::timers(store))),
    ("signals are listed newest first, filtered and capped", |store| Box::pin(signals::lists(store))),
    ("a list goes on where it ended, within a millisecond too", |store| Box::pin(signals::goes_on(store))),
    ("a signal is found with its event, until that is erased", |store| Box::pin(signals::with_events(store))),
    ("a signal that is seen anew moves in the list", |store| Box::pin(signals::moved(store))),
    ("a signal that is there becomes as it is written", |store| Box::pin(signals::twice_and_updated(store))),
    ("live signals are found in steps, oldest first", |store| Box::pin(signals::live(store))),
    ("forgetting spares what an incident holds", |store| Box::pin(signals::forgetting(store))),
    ("many signals are forgotten", |store| Box::pin(signals::forgets_many(store))),
];

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

fn page_id(n: u64) -> PageId {
    PageId::digest(&[b"page", &n.to_be_bytes()])
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
        content: Some((format!("{{\"event\":{index},\"text\":\"Brücke 桥 🌉 \\u0000\"}}"), [byte; 16])),
        digest: [byte ^ 0xff; 32],
    }
}

/// `count` events of the journal, from a place where the log and the journal are equally long.
fn journal(first: u64, count: u64) -> Batch {
    Batch { events: (first..first + count).map(|index| event(index, "journal", index)).collect(), ..Batch::default() }
}

fn page(n: u64, not_before: Timestamp) -> Result<OutboxPage, Broken> {
    Ok(OutboxPage {
        page: page_id(n),
        incident: incident(n),
        person: name("alice")?,
        channel: name("sms-primary")?,
        address: format!("+49 30 {n:06}"),
        not_before,
        attempts: 0,
        under_way: false,
    })
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
