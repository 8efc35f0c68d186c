//! Notices that the wall clock stepped: somebody set it, or the machine slept. The instants that we decide by go on all the same
//! (`Steady` in `crates/host/src/clock.rs`); here it is written into the journal and shown as a fault. Tests: `tests/it/clock.rs`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    journal::JournalEvent,
    time::{Timestamp, human_span},
};
use quarterdeck_host::clock::{Clock, STEP_MIN};
use tokio::sync::watch;

use crate::{engine::Work, loops::engine::EngineHandle};

/// How often the two clocks are compared.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a step forward is shown: long enough that the next person who looks sees it.
const SHOWN_FOR: Duration = Duration::from_hours(1);

/// The last step.
#[derive(Debug, Default)]
pub struct Steps(Mutex<Option<Step>>);

/// A step of the wall clock.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// When, by our instants.
    at: Timestamp,
    /// By how much, in milliseconds; less than nothing: back.
    by_ms: i64,
}

impl Steps {
    /// The wall clock is not where it should be.
    fn note(&self, at: Timestamp, by_ms: i64) {
        *self.lock() = Some(Step { at, by_ms });
    }

    /// What is wrong with the clock, in a sentence.
    pub fn fault(&self, clock: &dyn Clock) -> Option<String> {
        let (now, wall) = (clock.now(), clock.wall());
        let step = *self.lock();
        let ahead = now.since(wall);
        if ahead > STEP_MIN {
            let when = step.map_or_else(String::new, |step| format!(" since {}", step.at));
            let ahead = human_span(ahead);
            return Some(format!(
                "this machine's clock went back: it is {ahead} behind the instants of the log{when}. Deadlines keep their distance; \
                 set the clock right, or let it catch up"
            ));
        }
        let forward = step.filter(|step| step.by_ms > 0 && now.since(step.at) < SHOWN_FOR)?;
        let by = human_span(Duration::from_millis(forward.by_ms.unsigned_abs()));
        let at = forward.at;
        Some(format!(
            "this machine's clock went forward by {by} at {at}: it was set, or the machine slept and nobody was paged meanwhile"
        ))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks until `stop` says so. `last`: the last instant of the log before the start, which the wall clock may not have reached.
pub async fn run(
    steps: Arc<Steps>,
    engine: EngineHandle,
    clock: Arc<dyn Clock>,
    last: Timestamp,
    mut stop: watch::Receiver<bool>,
) {
    let mut before = (clock.wall(), clock.elapsed());
    // As if the wall clock had stood at the log's last instant.
    let behind = before.0.as_ms().saturating_sub(last.as_ms()).min(0);
    let mut by_ms = behind;
    loop {
        if by_ms.unsigned_abs() > u64::try_from(STEP_MIN.as_millis()).unwrap_or(u64::MAX) {
            let wall = clock.wall();
            tracing::error!(%wall, by_ms, "the clock of this machine stepped");
            metrics::counter!("quarterdeck_clock_steps_total").increment(1);
            steps.note(clock.now(), by_ms);
            if let Err(error) = engine.ask(Work::Journal(JournalEvent::ClockStepped { wall, by_ms })).await {
                tracing::error!(%error, "cannot write into the journal that the clock stepped");
            }
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = (clock.wall(), clock.elapsed());
        let passed = i64::try_from(now.1.saturating_sub(before.1).as_millis()).unwrap_or(i64::MAX);
        by_ms = now.0.as_ms().saturating_sub(before.0.as_ms()).saturating_sub(passed);
        before = now;
    }
}
