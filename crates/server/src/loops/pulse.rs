//! Tells a watcher outside that we are well, as long as we are: commits are taken, deliveries have their turn, nothing is overdue. When
//! it stops, for whatever reason, the watcher raises the alarm. Tests: `tests/it/need.rs`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quarterdeck_core::time::Timestamp;
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::heartbeat::Heartbeat;
use tokio::sync::watch;

use crate::{in_force::Live, loops::watchdog::Watched, reaching::Reaching, writing::Writing};

/// How often it looks whether a sign is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long ago a commit, or a turn of the deliveries, may be at most: both come every few seconds where all is well.
const WELL_WITHIN: Duration = Duration::from_secs(15);

/// What a sign of life rests on, and what came of the last one.
pub struct Pulse {
    /// The watcher's address.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether commits are taken.
    pub writing: Arc<Writing>,
    /// Whether deliveries have their turn.
    pub reaching: Arc<Reaching>,
    /// Whether duties are overdue.
    pub watched: Arc<Watched>,
    /// The last sign: when, and what went wrong.
    pub last: Mutex<Option<(Timestamp, Option<String>)>>,
}

impl Pulse {
    /// Why no sign of life is given; none: all is well.
    pub fn unwell(&self) -> Option<String> {
        let (at, now) = (self.clock.now(), self.clock.elapsed());
        if let Some(why) = self.writing.blocked(at) {
            return Some(why);
        }
        let late = |last: Duration| now.saturating_sub(last) > WELL_WITHIN;
        if self.writing.last_commit().is_some_and(|(_, last)| late(last)) {
            return Some("no commit was made lately".to_owned());
        }
        if late(self.reaching.last_turn()) {
            return Some("deliveries had no turn lately".to_owned());
        }
        match self.watched.overdue() {
            Some(0) => None,
            Some(overdue) => Some(format!("{overdue} duties are overdue")),
            None => Some("the store does not answer".to_owned()),
        }
    }

    /// What is wrong with the signs themselves.
    pub fn fault(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (at, why) = last?;
        let in_force = self.live.now();
        let place = in_force.heartbeat.as_ref()?.place().to_owned();
        why.map(|why| format!("the watcher at {place} did not take our sign of life at {at}: {why}"))
    }

    async fn beat(&self, heartbeat: &Heartbeat) {
        let at = self.clock.now();
        let failed = match self.unwell() {
            Some(why) => {
                tracing::error!(why, "no sign of life is given to the watcher outside");
                return;
            }
            None => heartbeat.beat().await.err(),
        };
        if let Some(error) = &failed {
            tracing::warn!(error, place = heartbeat.place(), "the watcher outside did not take our sign of life");
        }
        metrics::gauge!("quarterdeck_heartbeat_taken").set(if failed.is_none() { 1.0 } else { 0.0 });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, failed));
    }
}

/// Gives signs until `stop` says so.
pub async fn run(pulse: Arc<Pulse>, mut stop: watch::Receiver<bool>) {
    let mut next = Duration::ZERO;
    loop {
        let now = pulse.clock.elapsed();
        let heartbeat = pulse.live.now().heartbeat.clone();
        if let Some(heartbeat) = heartbeat.filter(|_| next <= now) {
            next = now.saturating_add(heartbeat.every);
            pulse.beat(&heartbeat).await;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
