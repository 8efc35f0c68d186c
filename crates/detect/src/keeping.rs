//! What goes to the store after an event, and with what: the rules by which a restart goes on as if there had been none.
//!
//! Signals are stored first, always. Memory and the sources' cursors are stored together, in one transaction, seldom: what was seen
//! since is read again after a crash, and gives the same signals with the same identifiers. What reading again cannot give (a gap, a
//! reorganization, what time brought, what a detector took back) is stored together with its signals. Must never store a cursor
//! ahead of the signals up to it, nor a memory of another instant than the cursor. See
//! docs/adr/0043-a-detectors-memory-is-its-own.md. Tests: `tests/keeping.rs`.

use std::collections::BTreeMap;

use quarterdeck_core::{
    chain::ChainEvent,
    signal::{Fingerprint, SignalChange},
};

use crate::pipeline::{
    Pipeline,
    kept::{Pieces, WHOLE},
};

/// Blocks between two snapshots: what is read again after a crash.
pub const SNAPSHOT_BLOCKS: u64 = 64;
/// Blocks until the next try where a snapshot could not be stored.
const RETRY_BLOCKS: u64 = 8;

/// What is to be stored after an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// The event changed nothing that a restart would miss.
    Nothing,
    /// The signals with these parts. The cursors stay where they are.
    Signals(Pieces),
    /// The signals with these parts and the cursors, in one transaction; then [`Keeping::kept`].
    Together(Pieces),
    /// First the signals with the first parts; once they are stored the others with the cursors, in a transaction of their own; then
    /// [`Keeping::kept`] or [`Keeping::failed`].
    Apart(Pieces, Pieces),
}

/// Knows what is stored.
#[derive(Debug, Default)]
pub struct Keeping {
    /// Digests of the parts that are in the store.
    stored: BTreeMap<String, Fingerprint>,
    /// Blocks since the last snapshot.
    blocks: u64,
}

impl Keeping {
    /// These parts were found in the store.
    pub fn new(found: &Pieces) -> Self {
        let mut keeping = Self::default();
        keeping.note(found);
        keeping
    }

    /// What to store now that the pipeline has seen `event` and said `changes`.
    pub fn plan(&mut self, event: &ChainEvent, changes: &[SignalChange], pipeline: &Pipeline) -> Plan {
        if matches!(event, ChainEvent::Block(_)) {
            self.blocks = self.blocks.saturating_add(1);
        }
        if !comes_again(event, changes) {
            return Plan::Together(self.changed(pipeline));
        }
        let due = self.blocks >= SNAPSHOT_BLOCKS;
        let since: Pieces = if changes.is_empty() { Pieces::new() } else { pipeline.since().into_iter().collect() };
        // Stored before anything that is planned after it.
        self.note(&since);
        match (due, changes.is_empty()) {
            (true, _) => Plan::Apart(since, self.changed(pipeline)),
            (false, false) => Plan::Signals(since),
            (false, true) => Plan::Nothing,
        }
    }

    /// All parts that are not in the store as they are now.
    pub fn changed(&self, pipeline: &Pipeline) -> Pieces {
        let mut parts = pipeline.snapshot();
        parts.retain(|name, bytes| self.stored.get(name) != Some(&digest(bytes)));
        // What was kept in one piece is in parts now, and only takes room.
        if self.stored.get(WHOLE).is_some_and(|whole| *whole != digest(&[])) {
            parts.insert(WHOLE.to_owned(), Vec::new());
        }
        parts
    }

    fn note(&mut self, parts: &Pieces) {
        self.stored.extend(parts.iter().map(|(name, bytes)| (name.clone(), digest(bytes))));
    }

    /// The snapshot is stored with these parts.
    pub fn kept(&mut self, parts: &Pieces, pipeline: &mut Pipeline) {
        self.note(parts);
        self.blocks = 0;
        pipeline.kept();
    }

    /// The snapshot could not be stored: it is tried again before long.
    pub fn failed(&mut self) {
        self.blocks = SNAPSHOT_BLOCKS.saturating_sub(RETRY_BLOCKS);
    }
}

/// Whether reading the blocks again after a crash would lead here again: to the same memory, and to the same signals.
fn comes_again(event: &ChainEvent, changes: &[SignalChange]) -> bool {
    let by_reading = match event {
        ChainEvent::Block(_) | ChainEvent::Finalized(_) => true,
        ChainEvent::Tick(_) => changes.is_empty(),
        ChainEvent::Reorg(_) | ChainEvent::Gap(_) => false,
    };
    let raised_or_confirmed = |change: &SignalChange| match change {
        SignalChange::Raised { signal } => signal.position.is_some(),
        SignalChange::Confirmed { .. } => true,
        SignalChange::Retracted { .. } | SignalChange::Ended { .. } | SignalChange::Silent { .. } => false,
    };
    by_reading && changes.iter().all(raised_or_confirmed)
}

fn digest(bytes: &[u8]) -> Fingerprint {
    Fingerprint::of(&[bytes])
}
