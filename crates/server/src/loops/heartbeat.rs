//! Notices that a monitor as a whole says nothing any more: its absence is a signal, and its next word ends that.
//!
//! Nothing is kept. At the start every monitor is given its time anew, since while we were down we could hear nobody; and the first
//! word after a start ends what may have been raised before it. Tests: `tests/it/heartbeat.rs`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{id::SourceId, signal::SignalChange, time::Timestamp};
use quarterdeck_formats::heard::{heard_again, not_heard};
use quarterdeck_host::clock::Clock;
use tokio::sync::watch;

use crate::{config::Integration, engine::EngineError, in_force::Live, loops::engine::EngineHandle};

/// How often to look who is overdue.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is known of a monitor.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// When we began to listen for it.
    since: Timestamp,
    /// When it was heard of; at first, when we began to listen.
    heard: Timestamp,
    /// Whether a signal says that it is not heard of. At first that is not known: it may have been raised before we stopped.
    missed: Missed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missed {
    No,
    Told,
    NotKnown,
}

/// When each monitor was heard of last.
#[derive(Debug, Default)]
pub struct Heartbeats(Mutex<BTreeMap<SourceId, Last>>);

impl Heartbeats {
    /// A monitor of the configuration said something, whatever it was. Of which nothing is expected is forgotten at the next look.
    pub fn heard(&self, source: &SourceId, now: Timestamp) {
        let first = Last { since: Timestamp::MIN, heard: now, missed: Missed::NotKnown };
        let mut all = self.lock();
        let last = all.entry(source.clone()).or_insert(first);
        last.heard = last.heard.max(now);
    }

    /// What is to be said now about the monitors of which a heartbeat is expected. Told again until [`Heartbeats::told`] says that it
    /// is durable.
    fn due(&self, integrations: &[Integration], now: Timestamp) -> Vec<(SourceId, Missed, SignalChange)> {
        let mut last = self.lock();
        last.retain(|source, _| integrations.iter().any(|one| one.id == *source && one.heartbeat.is_some()));
        let mut due = Vec::new();
        for integration in integrations {
            let Some(every) = integration.heartbeat else { continue };
            let first = Last { since: now, heard: now, missed: Missed::NotKnown };
            let known = last.entry(integration.id.clone()).or_insert(first);
            let late = now.since(known.heard) > every;
            let word = known.heard > known.since;
            let change = match known.missed {
                Missed::No | Missed::NotKnown if late => {
                    (Missed::Told, not_heard(&integration.id, known.heard, every, now))
                }
                Missed::Told if !late => (Missed::No, heard_again(&integration.id, now)),
                Missed::NotKnown if word => (Missed::No, heard_again(&integration.id, now)),
                Missed::No | Missed::Told | Missed::NotKnown => continue,
            };
            due.push((integration.id.clone(), change.0, change.1));
        }
        due
    }

    fn told(&self, source: &SourceId, missed: Missed) {
        if let Some(last) = self.lock().get_mut(source) {
            last.missed = missed;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceId, Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks until `stop` says so.
pub async fn run(
    heartbeats: Arc<Heartbeats>,
    engine: EngineHandle,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        for (source, missed, change) in heartbeats.due(&live.now().integrations, clock.now()) {
            match engine.hear(vec![change]).await {
                Ok(_) => heartbeats.told(&source, missed),
                Err(EngineError::Stopped) => return,
                Err(error) => {
                    tracing::error!(%error, %source, "cannot say whether a monitor is heard of, trying again");
                }
            }
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
