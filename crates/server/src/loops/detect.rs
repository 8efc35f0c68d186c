//! Runs the detectors over what the sources see, and hands their signals to the engine.
//!
//! Events wait in a bounded channel: when detection falls behind, sources wait, and a source that waits too long says so with a
//! gap. What the detectors learned and where the sources stand is stored together and after the signals, by the rules of
//! `quarterdeck_detect::keeping`: after a crash the sources go on from there, blocks in between are read again, and their signals
//! have the same identifiers.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{ChainEvent, Gap},
    journal::JournalEvent,
    signal::SignalChange,
};
use quarterdeck_detect::{
    detector::SnapshotError,
    keeping::{Keeping, Plan},
    pipeline::{Pipeline, kept::Parts},
};
use quarterdeck_sources::Seen;
use tokio::sync::{mpsc, watch};

use crate::{
    engine::{EngineError, Work},
    loops::engine::EngineHandle,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::{Batch, Store, StoreError};

/// Events waiting for the detectors: a few blocks of back-fill per source; blocks are large.
pub const EVENTS_WAITING_MAX: usize = 256;
/// How often the detectors are told the time, so that they notice silence.
const TICK: Duration = Duration::from_secs(1);
/// The pause before signals that the store refused are offered again.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Takes up what the detectors learned before. Those that cannot be taken up start anew, and are given.
pub async fn take_up(pipeline: &mut Pipeline, store: &dyn Store) -> Result<(Keeping, Vec<SnapshotError>), StoreError> {
    let mut found = Parts::new();
    for name in pipeline.part_names() {
        if let Some(bytes) = store.snapshot(&name).await? {
            found.insert(name, bytes);
        }
    }
    let failed = pipeline.restore(&found);
    Ok((Keeping::new(&found), failed))
}

/// The detectors, and what of them is stored.
pub struct Detection {
    /// All of them.
    pub pipeline: Pipeline,
    /// When what is stored.
    pub keeping: Keeping,
    /// Where signals go.
    pub engine: EngineHandle,
    /// Where memory and cursors go.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Detection {
    /// Runs until the sources are gone or `stop` says so.
    pub async fn run(mut self, mut seen: mpsc::Receiver<Seen>, mut stop: watch::Receiver<bool>) {
        let mut cursors = BTreeMap::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let event = tokio::select! {
                biased;
                _ = stop.changed() => break,
                one = seen.recv() => match one {
                    None => break,
                    Some(one) => {
                        if matches!(one.event, ChainEvent::Block(_)) {
                            metrics::counter!("quarterdeck_blocks_total", "source" => one.source.to_string()).increment(1);
                        }
                        if let Some(cursor) = one.cursor {
                            cursors.insert(one.source.to_string(), cursor);
                        }
                        if let ChainEvent::Gap(told) = &one.event {
                            note_gap(&self.engine, told).await;
                        }
                        one.event
                    }
                },
                _ = tick.tick() => ChainEvent::Tick(self.clock.now()),
            };
            if self.look(&event, &cursors).await == Fate::Never {
                // Signals that are not durable: neither memory nor cursors may go past them.
                return;
            }
        }
        let parts = self.keeping.changed(&self.pipeline);
        self.keep(parts, &cursors).await;
    }

    async fn look(&mut self, event: &ChainEvent, cursors: &BTreeMap<String, String>) -> Fate {
        let mut changes = Vec::new();
        self.pipeline.observe_at(event, self.clock.now(), &mut changes);
        let plan = self.keeping.plan(event, &changes, &self.pipeline);
        most_telling_first(&mut changes);
        match plan {
            Plan::Nothing => Fate::Durable,
            Plan::Signals(parts) => hand_over(&self.engine, changes, Vec::new(), parts).await,
            Plan::Together(parts) => {
                let fate = hand_over(&self.engine, changes, list(cursors), parts.clone()).await;
                if fate == Fate::Durable {
                    self.keeping.kept(&parts, &mut self.pipeline);
                }
                fate
            }
            Plan::Apart(first, then) => {
                if !changes.is_empty() && hand_over(&self.engine, changes, Vec::new(), first).await == Fate::Never {
                    return Fate::Never;
                }
                self.keep(then, cursors).await;
                Fate::Durable
            }
        }
    }

    /// Stores memory and cursors, beside the engine: signals and commands do not wait for it. The signals are durable already.
    async fn keep(&mut self, parts: Parts, cursors: &BTreeMap<String, String>) {
        let snapshots = parts.clone().into_iter().collect();
        let batch = Batch { cursors: list(cursors), snapshots, ..Batch::default() };
        match self.store.append(batch).await {
            Ok(()) => self.keeping.kept(&parts, &mut self.pipeline),
            Err(error) => {
                // Neither the one nor the other moved: more blocks would be read again after a crash, that is all.
                tracing::error!(%error, "what the detectors learned cannot be kept");
                self.keeping.failed();
            }
        }
    }
}

/// What became of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are in the store, with what belongs to them.
    Durable,
    /// The engine has stopped.
    Never,
}

fn list(cursors: &BTreeMap<String, String>) -> Vec<(String, String)> {
    cursors.clone().into_iter().collect()
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

/// Offers signals, and what is to be stored with them, until they are durable: a full disk delays them, it does not lose them.
async fn hand_over(
    engine: &EngineHandle,
    changes: Vec<SignalChange>,
    cursors: Vec<(String, String)>,
    parts: Parts,
) -> Fate {
    let snapshots: Vec<(String, Vec<u8>)> = parts.into_iter().collect();
    loop {
        let work = Work::Hear { changes: changes.clone(), cursors: cursors.clone(), snapshots: snapshots.clone() };
        match engine.ask(work).await {
            Ok(_) => return Fate::Durable,
            Err(EngineError::Stopped) => return Fate::Never,
            Err(error) => {
                tracing::error!(%error, signals = changes.len(), "cannot keep signals, trying again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
