//! Reads the whole log after a start that did not: every text against its leaf, every leaf against the tree that the checkpoint is
//! signed for, and the fold of it all against the board that the program goes by. It takes turns with everything else and works at most
//! half of the time. What it finds is told: by an event, in health, and by a page. Tests: `tests/it/start.rs`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    board::{Board, audit_signal},
    id::IncidentId,
    journal::JournalEvent,
    signal::SignalChange,
};
use quarterdeck_ledger::tree::Frontier;
use tokio::sync::watch;

use super::engine::EngineHandle;
use crate::{
    engine::{
        EngineError, Standing, StartError, Work,
        replay::{Replay, load},
    },
    in_force::Live,
    log_tree::Nodes,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::Store;

/// Events read between two pauses: some milliseconds.
const EVENTS: usize = 500;
/// Incidents named in one finding, and put right: more of them are a matter for a start that reads everything.
const NAMED_MAX: usize = 16;
/// How long to wait before the next try when the store or the engine did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Times that it compares anew, because something was set aside meanwhile.
const ROUNDS_MAX: usize = 4;

/// How far the audit is, and what it found. Shared with the health page.
#[derive(Debug, Default)]
pub struct Audited(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Events of the log that were read; none: it is not over.
    whole: Option<u64>,
    finding: Option<String>,
}

impl Audited {
    /// The log was read whole, so many events.
    pub fn is_whole(&self) -> Option<u64> {
        self.state().whole
    }
    /// What differs between the log and what the program goes by.
    pub fn finding(&self) -> Option<String> {
        self.state().finding.clone()
    }
    /// The log was read whole.
    pub fn over(&self, size: u64) {
        self.state().whole = Some(size);
    }
    fn found(&self, finding: &str) {
        self.state().finding.get_or_insert_with(|| finding.to_owned());
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why it did not come to an end.
#[derive(Debug, thiserror::Error)]
enum AuditError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Reads one log.
pub struct Audit {
    /// The log.
    pub store: Arc<dyn Store>,
    /// What goes by it, and who is told.
    pub engine: EngineHandle,
    /// By which rules incidents go cold.
    pub live: Arc<Live>,
    /// For its pauses.
    pub clock: Arc<dyn Clock>,
    /// What it found.
    pub audited: Arc<Audited>,
}

impl Audit {
    /// Reads the whole log, until it has or `stop` says so.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let begun = self.clock.elapsed();
        let auditing = async {
            loop {
                match self.audit().await {
                    Ok(size) => return size,
                    Err(error) => tracing::warn!(%error, "the audit of the log begins anew"),
                }
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        };
        tokio::select! {
            biased;
            // An error means that the sender is gone, which is a reason to stop as well.
            _ = stop.changed() => {}
            size = auditing => {
                let took = self.clock.elapsed().saturating_sub(begun);
                tracing::info!(size, took_ms = took.as_millis(), "the whole log was read and compared");
                self.audited.over(size);
            }
        }
    }

    async fn audit(&self) -> Result<u64, AuditError> {
        let rules = self.live.now().setting.rules.clone();
        let mut replay = Replay::new(&*self.store, &rules, Board::default(), Frontier::default(), 0);
        let mut nodes = Nodes::default();
        let erased = self.engine.published().board().erased();
        for _ in 0..ROUNDS_MAX {
            let standing = self.engine.published().standing();
            while replay.size < standing.size {
                self.step(&mut replay, &mut nodes, standing.size).await?;
            }
            replay.check_redactions();
            if standing.board.erased() != erased {
                // What was read before it was erased differs from what is there now.
                return Box::pin(self.audit()).await;
            }
            let beside = replay.board.set_aside_beside(&standing.board);
            if beside.is_empty() {
                self.compare(&standing, &replay.board, &nodes).await?;
                return Ok(standing.size);
            }
            for (subject, reason) in beside {
                self.engine.ask(Work::Damaged { subject, reason }).await?;
            }
        }
        Ok(replay.size)
    }

    /// Takes in a few events, and then rests as long as that took.
    async fn step(&self, replay: &mut Replay<'_>, nodes: &mut Nodes, until: u64) -> Result<(), AuditError> {
        let begun = self.clock.elapsed();
        let left = usize::try_from(until - replay.size).unwrap_or(usize::MAX);
        if !replay.step(EVENTS.min(left)).await? {
            return Err(StartError::Unreadable { index: replay.size, detail: "it is gone".to_owned() }.into());
        }
        replay.leaves.drain(..).for_each(|leaf| nodes.append(leaf));
        tokio::time::sleep(self.clock.elapsed().saturating_sub(begun)).await;
        Ok(())
    }

    async fn compare(&self, standing: &Standing, fold: &Board, nodes: &Nodes) -> Result<(), AuditError> {
        if let Some(from) = standing.nodes.differs_from(nodes) {
            let finding = format!("the stored events from {from} on are not those that its signed checkpoint is about");
            self.tell(standing.size, finding).await?;
        }
        if *standing.board == *fold {
            return Ok(());
        }
        let differing = standing.board.differing(fold, NAMED_MAX);
        let finding = match differing.as_slice() {
            [] => "its indexes of signals, claims or pages are not those that the events make".to_owned(),
            ids => {
                let ids: Vec<String> = ids.iter().map(IncidentId::to_string).collect();
                format!("what it had kept of {} is not what the events make", ids.join(", "))
            }
        };
        // Seen by readers with the event that tells of it.
        for id in differing.into_iter().filter(|id| fold.row(*id).is_some()) {
            match load(&*self.store, Some(&standing.board), id, u64::MAX).await {
                Ok(incident) => drop(self.engine.ask(Work::PutRight(incident)).await?),
                Err(error) => tracing::error!(%error, "what differs is not put right"),
            }
        }
        self.tell(standing.size, finding).await
    }

    async fn tell(&self, size: u64, finding: String) -> Result<(), AuditError> {
        tracing::error!(size, finding, "the program does not go by what its log says");
        self.audited.found(&finding);
        let signal = Arc::new(audit_signal(size, &finding, self.clock.now()));
        self.engine.ask(Work::Journal(JournalEvent::AuditFailed { size, finding })).await?;
        self.engine.hear(vec![SignalChange::Raised { signal }]).await?;
        // The next start reads the log itself.
        self.store.keep_board(size, Vec::new()).await.map_err(StartError::from)?;
        Ok(())
    }
}
