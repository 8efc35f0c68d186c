//! Runs the detectors over what the sources see, and hands their signals to the engine.
//!
//! Events wait in a bounded channel: when detection falls behind, sources wait, and a source that waits too long says so with a
//! gap. What the detectors learned and where the sources stand is stored together and after the signals, by the rules of
//! `quarterdeck_detect::keeping`: after a crash the sources go on from there, blocks in between are read again, and their signals
//! have the same identifiers.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{ChainEvent, ChainId, Gap},
    detector::{Knowledge, Params},
    id::SourceId,
    journal::JournalEvent,
    setting::Setting,
    signal::SignalChange,
};
use quarterdeck_detect::{
    detector::{DetectorKind, SnapshotError},
    detectors::DETECTORS,
    keeping::{Keeping, Plan},
    pipeline::{Pipeline, PipelineError, kept::Pieces},
};
use quarterdeck_sources::Seen;
use tokio::sync::{mpsc, oneshot, watch};

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
    let mut found = Pieces::new();
    for name in pipeline.part_names() {
        if let Some(bytes) = store.snapshot(&name).await? {
            found.insert(name, bytes);
        }
    }
    let failed = pipeline.restore(&found);
    Ok((Keeping::new(&found), failed))
}

/// A pipeline with these parameters, for what is configured.
pub fn build(detectors: &BTreeMap<String, Params>, setting: &Setting) -> Result<Pipeline, PipelineError> {
    let knowledge = Knowledge { catalogue: Arc::clone(&setting.catalogue) };
    let on: Vec<&'static dyn DetectorKind> =
        DETECTORS.iter().copied().filter(|kind| detectors.contains_key(kind.id())).collect();
    let given = detectors.iter().map(|(id, params)| (id.clone(), params.all().clone())).collect();
    Pipeline::new(&on, &given, &knowledge)
}

/// What the log says of a detector that could not take up what it had learned.
pub fn starts_anew(error: &SnapshotError) -> Option<JournalEvent> {
    let reason = format!("it starts anew: {error}: {}", error.source);
    tracing::warn!(detector = error.detector, reason, "what was learned cannot be taken up");
    // The pipeline itself has no name among the detectors.
    let detector = error.detector.parse().ok()?;
    Some(JournalEvent::DetectorSilent { detector, reason })
}

/// The sources that are watched, each with its chain.
pub type WatchedSources = BTreeMap<SourceId, ChainId>;

/// Other detectors in the place of those that run: they take up what those learned.
pub struct Swap {
    /// Fresh ones.
    pub pipeline: Pipeline,
    /// What is watched from now on.
    pub watched: WatchedSources,
    /// Told when all that was seen before is judged, and kept together with the cursors.
    pub done: oneshot::Sender<()>,
}

/// What comes to the detectors.
pub struct Inputs {
    /// From the sources.
    pub seen: mpsc::Receiver<Seen>,
    /// When the configuration changes.
    pub swaps: mpsc::Receiver<Swap>,
    /// What is watched at the start.
    pub watched: WatchedSources,
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
    /// Where the sources stand, by name.
    pub cursors: BTreeMap<String, String>,
    /// Which kinds of source have told anything so far.
    pub worlds: Worlds,
}

impl Detection {
    /// Runs until the sources are gone or `stop` says so.
    pub async fn run(mut self, mut inputs: Inputs, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut fate = self.now_watched(&inputs.watched).await;
        // Signals that are not durable: neither memory nor cursors may go past them.
        while fate == Fate::Durable {
            fate = tokio::select! {
                biased;
                _ = stop.changed() => break,
                Some(swap) = inputs.swaps.recv() => self.swap(swap, &mut inputs.seen).await,
                one = inputs.seen.recv() => match one {
                    None => break,
                    Some(one) => self.see(one).await,
                },
                _ = tick.tick() => self.look(&ChainEvent::Tick(self.clock.now()), self.worlds.are_invented()).await,
            };
        }
        if fate == Fate::Durable {
            let parts = self.keeping.changed(&self.pipeline);
            self.keep(parts).await;
        }
    }

    async fn see(&mut self, one: Seen) -> Fate {
        self.worlds.saw(one.drill);
        if matches!(one.event, ChainEvent::Block(_)) {
            metrics::counter!("quarterdeck_blocks_total", "source" => one.source.to_string()).increment(1);
        }
        if let Some(cursor) = one.cursor {
            self.cursors.insert(one.source.to_string(), cursor);
        }
        if let ChainEvent::Gap(told) = &one.event {
            note_gap(&self.engine, told).await;
        }
        self.look(&one.event, one.drill).await
    }

    /// Puts other detectors in the place of these. What the sources that were stopped had handed over is judged first, and kept
    /// with their cursors: whoever takes up one of them goes on exactly there.
    async fn swap(&mut self, swap: Swap, seen: &mut mpsc::Receiver<Seen>) -> Fate {
        for _ in 0..seen.len() {
            let Ok(one) = seen.try_recv() else { break };
            if self.see(one).await == Fate::Never {
                return Fate::Never;
            }
        }
        let learned = self.pipeline.snapshot();
        self.pipeline = swap.pipeline;
        for error in self.pipeline.restore(&learned) {
            if let Some(event) = starts_anew(&error) {
                note(&self.engine, event).await;
            }
        }
        if self.now_watched(&swap.watched).await == Fate::Never {
            return Fate::Never;
        }
        let parts = self.keeping.changed(&self.pipeline);
        let fate = hand_over(&self.engine, Vec::new(), list(&self.cursors), parts.clone()).await;
        if fate == Fate::Durable {
            self.keeping.kept(&parts, &mut self.pipeline);
        }
        if swap.done.send(()).is_err() {
            tracing::debug!("nobody waits for the new detectors");
        }
        fate
    }

    /// Nobody will close the gaps of a source that is not watched any more, or of the chain that it watched before, so that is done
    /// here, and said.
    async fn now_watched(&mut self, watched: &WatchedSources) -> Fate {
        let board = self.engine.published().board();
        for gap in board.gaps().filter(|gap| watched.get(&gap.source) != Some(&gap.chain)) {
            let detail = "the source is not watched any more".to_owned();
            note_gap(&self.engine, &Gap { closed: Some(self.clock.now()), detail, ..gap.clone() }).await;
        }
        let mut changes = Vec::new();
        self.pipeline.watched(watched, self.clock.now(), &mut changes);
        if changes.is_empty() {
            return Fate::Durable;
        }
        let parts = self.keeping.changed(&self.pipeline);
        let fate = hand_over(&self.engine, changes, list(&self.cursors), parts.clone()).await;
        if fate == Fate::Durable {
            self.keeping.kept(&parts, &mut self.pipeline);
        }
        fate
    }

    async fn look(&mut self, event: &ChainEvent, drill: bool) -> Fate {
        let mut changes = Vec::new();
        self.pipeline.observe_at(event, self.clock.now(), &mut changes);
        let plan = self.keeping.plan(event, &changes, &self.pipeline);
        if drill {
            changes = changes.into_iter().map(SignalChange::into_drill).collect();
        }
        most_telling_first(&mut changes);
        match plan {
            Plan::Nothing => Fate::Durable,
            Plan::Signals(parts) => hand_over(&self.engine, changes, Vec::new(), parts).await,
            Plan::Together(parts) => {
                let fate = hand_over(&self.engine, changes, list(&self.cursors), parts.clone()).await;
                if fate == Fate::Durable {
                    self.keeping.kept(&parts, &mut self.pipeline);
                }
                fate
            }
            Plan::Apart(first, then) => {
                if !changes.is_empty() && hand_over(&self.engine, changes, Vec::new(), first).await == Fate::Never {
                    return Fate::Never;
                }
                self.keep(then).await;
                Fate::Durable
            }
        }
    }

    /// Stores memory and cursors, beside the engine: signals and commands do not wait for it. The signals are durable already.
    async fn keep(&mut self, parts: Pieces) {
        let snapshots = parts.clone().into_iter().collect();
        let batch = Batch { cursors: list(&self.cursors), snapshots, ..Batch::default() };
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

/// Which kinds of source have told anything so far.
#[derive(Default)]
pub struct Worlds {
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
        SignalChange::Ended { .. } | SignalChange::Silent { .. } | SignalChange::Confirmed { .. } => (2, None),
    });
}

/// What could not be looked at is in the log, whatever a detector makes of it.
async fn note_gap(engine: &EngineHandle, gap: &Gap) {
    let gap = gap.clone();
    let event = if gap.closed.is_some() { JournalEvent::GapClosed { gap } } else { JournalEvent::GapOpened { gap } };
    note(engine, event).await;
}

/// Writes into the log until it is durable.
async fn note(engine: &EngineHandle, event: JournalEvent) {
    loop {
        match engine.ask(Work::Journal(event.clone())).await {
            Ok(_) | Err(EngineError::Stopped) => return,
            Err(error) => {
                tracing::error!(%error, kind = event.kind(), "cannot keep this, trying again");
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
    parts: Pieces,
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
