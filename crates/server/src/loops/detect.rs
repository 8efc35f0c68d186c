//! Runs the detectors over what the sources see, and hands their signals to the engine together with the sources' cursors.
//!
//! Events wait in a bounded channel: when detection falls behind, sources wait, and a source that waits too long says so with a
//! gap. Cursors are kept together with a snapshot of the detectors, in the same transaction as the signals: after a crash the
//! sources go on from there, blocks in between are read again, and their signals have the same identifiers.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{ChainEvent, Gap},
    journal::JournalEvent,
    signal::SignalChange,
};
use quarterdeck_detect::pipeline::Pipeline;
use quarterdeck_sources::Seen;
use tokio::sync::{mpsc, watch};

use crate::{
    engine::{EngineError, Work},
    loops::engine::EngineHandle,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::{Store, StoreError};

/// Events waiting for the detectors: a few blocks of back-fill per source; blocks are large.
pub const EVENTS_WAITING_MAX: usize = 256;
/// Blocks between two snapshots of the detectors: what is read again after a crash.
const SNAPSHOT_BLOCKS: u64 = 64;
/// How often the detectors are told the time, so that they notice silence.
const TICK: Duration = Duration::from_secs(1);
/// The pause before signals that the store refused are offered again.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The name under which the detectors' snapshot is kept.
pub const SNAPSHOT: &str = "detectors";

/// Takes up what the detectors learned before. One that cannot be taken up starts anew, which is said.
pub async fn take_up(pipeline: &mut Pipeline, store: &dyn Store) -> Result<(), StoreError> {
    if let Some(bytes) = store.snapshot(SNAPSHOT).await? {
        match serde_json::from_slice(&bytes) {
            Ok(snapshot) => {
                for error in pipeline.restore(&snapshot) {
                    tracing::warn!(%error, "a detector starts anew");
                }
            }
            Err(error) => tracing::warn!(%error, "all detectors start anew"),
        }
    }
    Ok(())
}

/// Runs until the sources are gone or `stop` says so.
pub async fn run(
    mut pipeline: Pipeline,
    mut seen: mpsc::Receiver<Seen>,
    engine: EngineHandle,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let mut cursors = BTreeMap::new();
    let mut blocks = 0;
    let mut worlds = Worlds::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let mut changes = Vec::new();
        let mut gap = false;
        let mut drill = worlds.are_invented();
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            one = seen.recv() => match one {
                None => break,
                Some(one) => {
                    drill = one.drill;
                    worlds.saw(drill);
                    if matches!(one.event, ChainEvent::Block(_)) {
                        blocks += 1;
                        metrics::counter!("quarterdeck_blocks_total", "source" => one.source.to_string()).increment(1);
                    }
                    if let Some(cursor) = one.cursor {
                        cursors.insert(one.source.to_string(), cursor);
                    }
                    if let ChainEvent::Gap(told) = &one.event {
                        gap = true;
                        note_gap(&engine, told).await;
                    }
                    pipeline.observe_at(&one.event, clock.now(), &mut changes);
                }
            },
            _ = tick.tick() => pipeline.observe_at(&ChainEvent::Tick(clock.now()), clock.now(), &mut changes),
        }
        if drill {
            changes = changes.into_iter().map(SignalChange::into_drill).collect();
        }
        most_telling_first(&mut changes);
        // What was said about a gap must be known after a restart, or nobody would say that it closed.
        let keep = blocks >= SNAPSHOT_BLOCKS || gap;
        if keep {
            blocks = 0;
        }
        if keep || !changes.is_empty() {
            let kept = keep.then(|| Kept::of(&cursors, &pipeline));
            hand_over(&engine, changes, kept).await;
        }
    }
    let kept = Kept::of(&cursors, &pipeline);
    hand_over(&engine, Vec::new(), Some(kept)).await;
}

/// Which kinds of source have told anything so far.
#[derive(Default)]
struct Worlds {
    real: bool,
    invented: bool,
}

impl Worlds {
    const fn saw(&mut self, drill: bool) {
        self.real |= !drill;
        self.invented |= drill;
    }

    /// What time alone tells, such as silence, is about all sources: an exercise only where each of them is one.
    const fn are_invented(&self) -> bool {
        self.invented && !self.real
    }
}

/// Several detectors may speak about one transaction, and the first gives the incident its title: let that be the one that
/// says most. What a reorganization took back stays in front, what became final behind.
fn most_telling_first(changes: &mut [SignalChange]) {
    changes.sort_by_key(|change| match change {
        SignalChange::Retracted { .. } => (0, None),
        SignalChange::Raised { signal } => {
            let facts = &signal.facts;
            (1, Some(Reverse((facts.key_compromise, facts.theft, signal.loudness, signal.confidence_permille))))
        }
        SignalChange::Ended { .. } | SignalChange::Confirmed { .. } => (2, None),
    });
}

/// What could not be looked at is in the log, whatever a detector makes of it.
async fn note_gap(engine: &EngineHandle, gap: &Gap) {
    let gap = gap.clone();
    let event = if gap.closed.is_some() { JournalEvent::GapClosed { gap } } else { JournalEvent::GapOpened { gap } };
    loop {
        match engine.ask(Work::Journal(event.clone())).await {
            Ok(_) | Err(EngineError::Stopped) => return,
            Err(error) => {
                tracing::error!(%error, "cannot keep a gap, trying again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// What goes into the store beside the signals.
#[derive(Default)]
struct Kept {
    cursors: Vec<(String, String)>,
    snapshots: Vec<(String, Vec<u8>)>,
}

impl Kept {
    fn of(cursors: &BTreeMap<String, String>, pipeline: &Pipeline) -> Self {
        match serde_json::to_vec(&pipeline.snapshot()) {
            Ok(bytes) => {
                Self { cursors: cursors.clone().into_iter().collect(), snapshots: vec![(SNAPSHOT.to_owned(), bytes)] }
            }
            Err(error) => {
                // Without the snapshot the cursor must not move either: the blocks will be read again.
                tracing::error!(%error, "the detectors cannot be kept");
                Self::default()
            }
        }
    }
}

/// Offers signals until they are durable: a full disk delays them, it does not lose them.
async fn hand_over(engine: &EngineHandle, changes: Vec<SignalChange>, kept: Option<Kept>) {
    let Kept { cursors, snapshots } = kept.unwrap_or_default();
    loop {
        let work = Work::Hear { changes: changes.clone(), cursors: cursors.clone(), snapshots: snapshots.clone() };
        match engine.ask(work).await {
            Ok(_) | Err(EngineError::Stopped) => return,
            Err(error) => {
                tracing::error!(%error, signals = changes.len(), "cannot keep signals, trying again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
