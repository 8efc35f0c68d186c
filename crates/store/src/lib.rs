//! What is kept: the events of the log, the deliveries that still have to leave, the instants at which something is due, the signals,
//! the cursors of the sources and the snapshots of the detectors.
//!
//! A store keeps and finds; it knows no rule. One [`Batch`] is one transaction: all of it is durable when `append` returns, or
//! none of it is. There is one writer: a batch whose first event does not take the next place of the log is refused, so that a
//! second writer finds out at once. Three stores exist (memory, SQLite, PostgreSQL), held to `conformance.rs`, which
//! `tests/store.rs` runs.

mod columns;
mod upgrade;
pub mod conformance;
pub mod memory;
pub mod sqlite;
#[cfg(feature = "postgres")]
pub mod postgres;

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{DeliveryId, IncidentId, SignalId},
    journal::Stream,
    outbox::Delivery,
    signal::SignalStatus,
    time::Timestamp,
};

/// Signals in one list: a screenful many times over, and about 1 MB of JSON at most.
pub const SIGNALS_PER_LIST_MAX: usize = 1_000;

/// An event as the log holds it. Its place in the log is its leaf's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Place in the log, from 0, without holes.
    pub index: u64,
    /// `journal` or an incident's id.
    pub stream: String,
    /// Place in the stream, from 0, without holes.
    pub version: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What it says, as far as that is kept.
    pub content: Content,
    /// The salted digest that the leaf commits to. Stays after erasure.
    pub digest: [u8; 32],
}

/// What is kept of what an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    Whole {
        /// The event as JSON.
        json: String,
        /// The salt of its leaf.
        salt: [u8; 16],
    },
    /// What the rules need of it. The rest was erased, with the salt; a later event of the log commits to what is left.
    Redacted {
        /// What is left of the event, as JSON.
        json: String,
    },
    /// Nothing: a version of before redactions erased it.
    Erased,
}

impl Content {
    /// The event as JSON, whole or redacted; none: nothing is left.
    pub fn json(&self) -> Option<&str> {
        match self {
            Self::Whole { json, .. } | Self::Redacted { json } => Some(json),
            Self::Erased => None,
        }
    }

    /// From the two columns that databases keep it in.
    fn of_columns(json: Option<String>, salt: Option<[u8; 16]>) -> Self {
        match (json, salt) {
            (Some(json), Some(salt)) => Self::Whole { json, salt },
            (Some(json), None) => Self::Redacted { json },
            (None, _) => Self::Erased,
        }
    }

    /// As two columns.
    fn columns(&self) -> (Option<&str>, Option<&[u8]>) {
        let salt = if let Self::Whole { salt, .. } = self { Some(salt.as_slice()) } else { None };
        (self.json(), salt)
    }
}

/// A delivery that has to leave, or may have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What is to reach whom.
    pub delivery: Delivery,
    /// The place in the log of the event that decided it.
    pub decided: u64,
    /// When it may be tried (next).
    pub not_before: Timestamp,
    /// Attempts begun. Written before an attempt begins, so that after a crash we know that it may have arrived.
    pub attempts: u32,
    /// Whether an attempt is under way; after a restart: whether one was when we stopped.
    pub under_way: bool,
}

impl Outgoing {
    /// A delivery that the event at `decided` of the log asks for, to leave from now on.
    pub const fn new(delivery: Delivery, decided: u64, now: Timestamp) -> Self {
        Self { delivery, decided, not_before: now, attempts: 0, under_way: false }
    }
}

/// Where a signal is in the log, as lists and searches need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalRow {
    /// The signal; it follows from what is claimed.
    pub id: SignalId,
    /// How it stands.
    pub status: SignalStatus,
    /// The incident that it belongs to.
    pub incident: Option<IncidentId>,
    /// When we saw it. With the id this is its place in every list, and how a store knows it.
    pub observed: Timestamp,
    /// The place in the log of the event that has it, and says what became of it.
    pub place: u64,
}

/// A signal that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSignal {
    /// Where it is.
    pub row: SignalRow,
    /// The event that has it, with what its leaf commits to, so that nobody shows a text that was changed since; none: the log does not
    /// reach its place.
    pub event: Option<StoredEvent>,
}

/// How a stored signal changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalUpdate {
    /// The signal; it follows from what is claimed.
    pub id: SignalId,
    /// When we saw it.
    pub observed: Timestamp,
    /// How it stands now.
    pub status: SignalStatus,
}

/// Bytes of evidence of an incident.
#[derive(Clone, PartialEq, Eq)]
pub struct EvidenceBytes {
    /// Whose they are.
    pub incident: IncidentId,
    /// Their SHA-256, by which they are found. The caller answers for it.
    pub digest: [u8; 32],
    /// At most what one piece may have.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for EvidenceBytes {
    /// Megabytes say nothing to anybody who reads them in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of evidence of {}", self.bytes.len(), self.incident)
    }
}

/// All that one decision, or a group of them, changes. One transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Next in the log, in order.
    pub events: Vec<StoredEvent>,
    /// Events of the log, these included, of which less is kept from now on: by place, what is left of each as JSON. Their salts go.
    /// Where that is in nobody's way any more the old text is in no file of the store when `append` returns; else that is said in
    /// the program's own log, and soon made good.
    pub redactions: Vec<(u64, String)>,
    /// Bytes of evidence that events of this batch name: they are there exactly if the events are. Those that are there already are not
    /// written again.
    pub evidence: Vec<EvidenceBytes>,
    /// Evidence that is erased, by incident and digest: the bytes go unless another incident has them too. Taken away before `evidence`
    /// is added.
    pub evidence_gone: Vec<(IncidentId, [u8; 32])>,
    /// The signed checkpoint after these events.
    pub checkpoint: Option<String>,
    /// New deliveries for the outbox. One that is there already stays as it is.
    pub outgoing: Vec<Outgoing>,
    /// Deliveries whose outcome is among the events, or that nobody needs any more.
    pub settled: Vec<DeliveryId>,
    /// When something is due next, by stream; none: nothing is.
    pub timers: Vec<(Stream, Option<Timestamp>)>,
    /// Signals to take off the list, before the others are put on it: seen anew, they stand elsewhere.
    pub signals_moved: Vec<(Timestamp, SignalId)>,
    /// Signals with the events that have them. One that is there already becomes as it is here.
    pub signals: Vec<SignalRow>,
    /// Changed signals. One that is not there (any more) is passed over.
    pub signal_updates: Vec<SignalUpdate>,
    /// Where a source stands, by name: a small JSON text.
    pub cursors: Vec<(String, String)>,
    /// What a detector learned, by name: bytes.
    pub snapshots: Vec<(String, Vec<u8>)>,
}

/// Which signals a list wants. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalFilter {
    /// Only those of this incident.
    pub incident: Option<IncidentId>,
    /// Only those that stand like this.
    pub status: Option<SignalStatus>,
    /// Only those seen before this instant: for the next page of the list.
    pub before: Option<Timestamp>,
    /// With `before`: also those seen at that very instant whose id is lower. The last row of one page gives both, so that none
    /// is left out where many were seen in one millisecond.
    pub before_id: Option<SignalId>,
    /// At most so many; the store caps it at 1,000.
    pub limit: usize,
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote, or the batch does not follow the log. Nothing was written. The engine folds anew.
    #[error("append at log index {index}: the log is {size} long already, or stream `{stream}` has version {version}")]
    Conflict {
        /// Where the batch began.
        index: u64,
        /// How long the log is.
        size: u64,
        /// The stream of the first event that did not fit.
        stream: String,
        /// The version that did not fit.
        version: u64,
    },
    /// The disk is full. Nothing was written.
    #[error("{doing}: no space left for the store")]
    Full {
        /// What was being done.
        doing: &'static str,
    },
    /// Another process, or another store of this one, writes there. At the opening, or later, if it took over.
    #[error("store {place} is in use by {by}")]
    InUse {
        /// The file or the database.
        place: String,
        /// Who has it, as far as is known.
        by: String,
    },
    /// A newer version of this program has been here. Running on would guess at what its columns mean.
    #[error("open store {place}: it was written by a newer version (schema {found}; this program knows {known})")]
    Newer {
        /// The file or the database.
        place: String,
        /// Its schema's number.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// What is stored cannot be read back.
    #[error("{doing}: stored {what} is damaged: {detail}")]
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// The thing.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The database said no or did not answer.
    #[error("{doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database's client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Keeps and finds. All lists are bounded by their `limit`.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes the whole batch durable, or nothing of it. After `Database` one cannot know which: look at the end of the log before
    /// going on. A caller who stops waiting does not undo it.
    async fn append(&self, batch: Batch) -> Result<(), StoreError>;
    /// How many events the log has.
    async fn size(&self) -> Result<u64, StoreError>;
    /// Events from a place of the log on.
    async fn events(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;
    /// All events of a stream, from the first.
    async fn stream(&self, stream: &str) -> Result<Vec<StoredEvent>, StoreError>;
    /// The last `limit` events of a stream whose version is below `before`, in the stream's order.
    async fn stream_before(&self, stream: &str, before: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;
    /// The latest checkpoint.
    async fn checkpoint(&self) -> Result<Option<String>, StoreError>;
    /// Marks an attempt at each of these deliveries as begun, durably, before it returns them, in the order in which they were asked
    /// for. One that is not there (any more) is passed over, and so is one under way until it is released. Which is to be tried
    /// first is the caller's to say, who knows how bad things are.
    async fn claim(&self, deliveries: &[DeliveryId]) -> Result<Vec<Outgoing>, StoreError>;
    /// Puts a claimed delivery back, to be tried at `not_before`.
    async fn release(&self, delivery: DeliveryId, not_before: Timestamp) -> Result<(), StoreError>;
    /// All deliveries not settled, in the order in which they came.
    async fn outbox(&self, limit: usize) -> Result<Vec<Outgoing>, StoreError>;
    /// Timers due at or before `now`, earliest first.
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(Stream, Timestamp)>, StoreError>;
    /// Signals, newest first; those seen in one millisecond by id, highest first.
    async fn signals(&self, filter: &SignalFilter) -> Result<Vec<FoundSignal>, StoreError>;
    /// The signal seen at this instant.
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Result<Option<FoundSignal>, StoreError>;
    /// Signals that still stand (provisional or confirmed): what the program must know after a restart. Oldest first, those seen in
    /// one millisecond by id; only those after this one.
    async fn live_signals(
        &self,
        after: Option<(Timestamp, SignalId)>,
        limit: usize,
    ) -> Result<Vec<FoundSignal>, StoreError>;
    /// Where a source stands.
    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// What a detector learned.
    async fn snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps what a start reads in the place of the log's first `size` events, instead of what was kept before, which stays until all
    /// of this is durable. Written in parts, so that no append waits long. False: something was erased that may be in it, and nothing
    /// is kept.
    async fn keep_board(&self, size: u64, bytes: Vec<u8>) -> Result<bool, StoreError>;
    /// What was kept last; none: nothing was, or something was erased since. Whether it is whole is for the reader to see.
    async fn kept_board(&self) -> Result<Option<Vec<u8>>, StoreError>;
    /// The bytes of evidence with this digest; whether they are those is for the reader to see.
    async fn evidence(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Drops signals that no incident holds and that were seen before `before`. Returns how many.
    async fn forget_signals(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Bytes of what a start needs that are written at once: some milliseconds of a disk.
const KEPT_PART_BYTES: usize = 512 * 1024;

/// Checks that events take the next places of the log and of their streams. `next_version` tells how long a stream is.
fn check_follows(
    events: &[StoredEvent],
    size: u64,
    mut next_version: impl FnMut(&str) -> Result<u64, StoreError>,
) -> Result<(), StoreError> {
    let mut heads: HashMap<&str, u64> = HashMap::new();
    for (event, place) in events.iter().zip(size..) {
        let next = match heads.get(event.stream.as_str()) {
            Some(next) => *next,
            None => next_version(&event.stream)?,
        };
        if event.index != place || event.version != next {
            return Err(StoreError::Conflict {
                index: event.index,
                size: place,
                stream: event.stream.clone(),
                version: event.version,
            });
        }
        heads.insert(&event.stream, next + 1);
    }
    Ok(())
}

/// The version that the first of these events must have, which were asked for as the last `limit` of some: a part that is
/// shorter than asked for begins at the stream's first event.
fn first_version(events: &[StoredEvent], limit: usize) -> u64 {
    match events.last() {
        Some(_) if events.len() < limit => 0,
        Some(last) => last.version.saturating_add(1).saturating_sub(events.len() as u64),
        None => 0,
    }
}

/// Says that an event asked for by its place is not there.
fn no_such_event(doing: &'static str, index: u64) -> StoreError {
    StoreError::Damaged { doing, what: "log", detail: format!("it has no event {index}") }
}

/// Checks that events read back have the places that were asked for. A hole in the log must never pass for its end.
fn check_unbroken(
    doing: &'static str,
    events: &[StoredEvent],
    first: u64,
    place: impl Fn(&StoredEvent) -> u64,
) -> Result<(), StoreError> {
    for (event, wanted) in events.iter().zip(first..) {
        if place(event) != wanted {
            let detail = format!("wanted place {wanted}, found {} of `{}`", place(event), event.stream);
            return Err(StoreError::Damaged { doing, what: "log", detail });
        }
    }
    Ok(())
}
