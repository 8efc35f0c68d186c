//! Who is in which room. Faces report that somebody is seen; who comes and who has gone for longer than the grace become events.
//! Decides nothing: that is `quarterdeck_core::incident::Seen` and the incident's rules. Tests: `tests/it/room.rs`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    board::Board,
    id::{IncidentId, PersonId},
    incident::{Command, RoomCommand, Seen},
    time::Timestamp,
};
use quarterdeck_host::clock::Clock;
use tokio::sync::watch;

use crate::{engine::Work, loops::engine::EngineHandle};

/// How often it is looked who has gone: so much later than the grace they leave at most.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Who is in which room.
pub struct Presence {
    seen: Mutex<Seen>,
    engine: EngineHandle,
    clock: Arc<dyn Clock>,
}

impl Presence {
    /// Whoever is present by the log counts as seen now: nobody leaves because the program began anew.
    pub fn new(board: &Board, engine: EngineHandle, clock: Arc<dyn Clock>) -> Self {
        let seen = Mutex::new(Seen::begin(board.incidents(), clock.now()));
        Self { seen, engine, clock }
    }

    /// Somebody is seen in a room.
    pub async fn see(&self, id: IncidentId, person: &PersonId) {
        let Some(incident) = self.engine.published().board().shared(id) else { return };
        let now = self.clock.now();
        let enters = self.seen.lock().unwrap_or_else(PoisonError::into_inner).see(&incident, person, now);
        if let Some(command) = enters {
            self.ask(id, command).await;
        }
    }

    async fn look(&self, now: Timestamp) {
        let gone = self.seen.lock().unwrap_or_else(PoisonError::into_inner).gone(now);
        for (id, command) in gone {
            self.ask(id, command).await;
        }
    }

    /// What is refused, or not durable, is asked again by the next look.
    async fn ask(&self, id: IncidentId, command: RoomCommand) {
        let left = command.clone();
        if let Err(error) = self.engine.ask(Work::Command { incident: id, command: Command::Room(command) }).await {
            tracing::warn!(%error, incident = %id, "who is in the room was not written");
            if let RoomCommand::Leave { person, seen } = left {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).keep(id, person, seen);
            }
        }
    }
}

/// Looks until `stop` says so.
pub async fn run(presence: Arc<Presence>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => presence.look(presence.clock.now()).await,
        }
    }
}
