//! Audits the escalation from the outside: a timer in the store that is overdue means that the engine does not carry out what
//! it owes. Cheap (one indexed look), built in, and independent of the engine's own idea of what is due.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use quarterdeck_core::time::Timestamp;
use tokio::sync::watch;

use quarterdeck_host::clock::Clock;
use quarterdeck_store::Store;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How late a duty may be before it counts as stalled: one step of a busy store.
const LATE: Duration = Duration::from_secs(5);
/// Overdue timers read at once; one is enough to know.
const TIMERS: usize = 16;

/// What the watchdog saw last. Shared with the health page.
#[derive(Debug, Default)]
pub struct Watched {
    looked_ms: AtomicI64,
    overdue: AtomicI64,
}

impl Watched {
    /// When it looked last; none: not yet.
    pub fn looked(&self) -> Option<Timestamp> {
        Some(self.looked_ms.load(Ordering::Relaxed)).filter(|ms| *ms != 0).map(Timestamp::from_ms)
    }
    /// How many duties were overdue then; none: the store did not answer.
    pub fn overdue(&self) -> Option<u64> {
        u64::try_from(self.overdue.load(Ordering::Relaxed)).ok()
    }
}

/// Looks until `stop` says so.
pub async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>, watched: Arc<Watched>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => return,
        }
        let now = clock.now();
        let overdue = match store.timers_due(now.minus(LATE), TIMERS).await {
            Ok(timers) => {
                for (stream, due) in &timers {
                    tracing::error!(%stream, %due, "a duty is overdue: what this stream owes is not carried out");
                }
                i64::try_from(timers.len()).unwrap_or(i64::MAX)
            }
            Err(error) => {
                tracing::error!(%error, "the watchdog cannot read the timers");
                -1
            }
        };
        watched.overdue.store(overdue, Ordering::Relaxed);
        watched.looked_ms.store(now.as_ms(), Ordering::Relaxed);
    }
}
