//! Keeps what a start reads instead of the whole log: now and then while the program runs, and when it stops in good order. It is no
//! part of any append. What the audit has found to differ from the log is not kept. Tests: `tests/it/start.rs`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quarterdeck_store::{Store, StoreError};
use tokio::sync::watch;

use super::audit::Audited;
use crate::engine::{
    Published,
    kept::{WARM_MAX, bytes_of},
    read,
};

/// Events after which a board is kept again: a start folds so many in a quarter of a second.
const EVENTS: u64 = 50_000;
/// The part of the log, as a divisor, that must be new before a board is kept again: what is written for boards stays a part of what is
/// written for the log, however long it gets.
const PART: u64 = 16;
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Keeps boards of one store.
pub struct Keeper {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// What is kept.
    pub published: Arc<Published>,
    /// What the audit found.
    pub audited: Arc<Audited>,
    /// Of how many events the last one is.
    pub kept: AtomicU64,
}

impl Keeper {
    /// Keeps boards until `stop` says so.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let size = read(&self.published.head).size;
            let new = size.saturating_sub(self.kept.load(Ordering::Relaxed));
            if new >= EVENTS.max(size / PART) {
                self.keep().await;
            }
        }
    }

    /// Keeps the board as it is now, if it is not kept yet. That it cannot be kept costs the next start some time and nothing else.
    pub async fn keep(&self) {
        match self.try_keep().await {
            Ok(true) => {}
            Ok(false) => tracing::info!("no board is kept: the next start folds the whole log"),
            Err(error) => tracing::warn!(%error, "no board can be kept: the next start takes longer"),
        }
    }

    /// False: there is none that may be kept.
    async fn try_keep(&self) -> Result<bool, StoreError> {
        let standing = self.published.standing();
        let size = standing.size;
        if size == self.kept.load(Ordering::Relaxed) {
            return Ok(true);
        }
        if self.audited.finding().is_some() || standing.board.warm_incidents() > WARM_MAX {
            return Ok(false);
        }
        let made = tokio::task::spawn_blocking(move || bytes_of(&standing)).await;
        let bytes = made.map_err(|error| StoreError::Database { doing: "keep a board", source: error.into() })?;
        let kept = self.store.keep_board(size, bytes).await?;
        if kept {
            self.kept.store(size, Ordering::Relaxed);
        }
        Ok(kept)
    }
}
