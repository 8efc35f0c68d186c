//! Makes the checks that incidents owe, and tells the engine what each said. Which is owed when is a rule
//! ([`Incident::checks_owed`](quarterdeck_core::incident::Incident::checks_owed)), by what was recorded: after a kill what somebody waits for
//! is owed as before, and is made anew. What a check says reaches the log through the engine alone, and once: the rules take an answer
//! only while somebody waits for it, or where it is news. Tests: `tests/it/checks.rs`, `tests/crash.rs`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    id::{CheckId, IncidentId},
    incident::{
        ChecksCommand, Command, Incident,
        checks::memory::Memory,
        unmet::{Judged, Verdict},
    },
    time::Timestamp,
    validation::Judge,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::Parts;
use tokio::{
    sync::{Notify, Semaphore, broadcast::error::RecvError, watch},
    task::JoinSet,
};

use crate::{
    checks::make::{self, Facts},
    engine::{EngineError, Work},
    in_force::Live,
    loops::engine::EngineHandle,
};

/// Checks that are made at once: what is checked has other work, and so have we.
const AT_ONCE_MAX: usize = 16;
/// How long to wait at most before it is looked again what is owed: a clock that steps is noticed this soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon it is looked again at the earliest: a burst of news is one look, however many incidents there are.
const LOOKS_APART: Duration = Duration::from_millis(20);
/// How long to wait before the engine is told again where it could not make it durable.
const TELL_AGAIN: Duration = Duration::from_millis(500);

/// Makes checks, and remembers what each said last.
pub struct Checker {
    memory: Mutex<Memory>,
    /// Those that are being made.
    making: Mutex<BTreeSet<(IncidentId, CheckId)>>,
    /// Rings when one was made.
    made: Notify,
    room: Semaphore,
    /// Or why there is none: then no check is passed.
    client: Result<reqwest::Client, String>,
    engine: EngineHandle,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
}

impl Checker {
    /// One that has made nothing yet, and is at work until `stop` says so.
    pub fn start(
        (engine, live, clock): (EngineHandle, Arc<Live>, Arc<dyn Clock>),
        (tasks, stop): (&mut JoinSet<()>, watch::Receiver<bool>),
    ) -> Arc<Self> {
        let checker = Arc::new(Self {
            memory: Mutex::default(),
            making: Mutex::default(),
            made: Notify::new(),
            room: Semaphore::new(AT_ONCE_MAX),
            client: Parts::new(Arc::clone(&clock))
                .map(|parts| parts.http)
                .map_err(|error| format!("no connection can be made: {error}")),
            engine,
            live,
            clock,
        });
        tasks.spawn(run(Arc::clone(&checker), stop));
        checker
    }

    /// What checks said last about an incident, whether or not it is in an event.
    pub fn said(&self, id: IncidentId) -> Vec<Judged> {
        lock(&self.memory).of(id)
    }

    /// Which checks an incident owes, and from when on each.
    pub fn owed_of(&self, incident: &Incident) -> Vec<(Timestamp, CheckId)> {
        incident.checks_owed(&self.live.now().setting, &lock(&self.memory))
    }

    /// The checks that are owed now, and when the next is.
    fn owed(&self) -> (Vec<(IncidentId, CheckId)>, Option<Timestamp>) {
        let in_force = self.live.now();
        let outside = |judge: &Judge| matches!(judge, Judge::Shell(_));
        if !in_force.setting.rules.validation.checks.values().any(|check| outside(&check.judge)) {
            return (Vec::new(), None);
        }
        let (board, now) = (self.engine.published().board(), self.clock.now());
        let mut memory = lock(&self.memory);
        memory.keep(|id| board.incident(id).is_some());
        let making = lock(&self.making);
        let (mut due, mut next) = (Vec::new(), None);
        for incident in board.incidents() {
            for (at, check) in incident.checks_owed(&in_force.setting, &memory) {
                let key = (incident.id(), check);
                if at > now {
                    next = [next, Some(at)].into_iter().flatten().min();
                } else if !making.contains(&key) {
                    due.push(key);
                }
            }
        }
        (due, next)
    }

    /// Makes one check and tells what it said, until that is durable or refused.
    async fn make(self: Arc<Self>, id: IncidentId, check: CheckId) {
        let Ok(_room) = self.room.acquire().await else { return };
        let (board, in_force) = (self.engine.published().board(), self.live.now());
        let Some(incident) = board.shared(id) else { return self.over(id, &check) };
        let (at, begun) = (self.clock.now(), self.clock.elapsed());
        let (verdict, seen) = match (in_force.checks.get(&check), &self.client) {
            (Some(probe), Ok(client)) => make::make(client, probe, &Facts::of(&incident, at)).await,
            (Some(_), Err(why)) => (Verdict::Unjudged, why.clone()),
            (None, _) => (Verdict::Unjudged, "it is not configured any more".to_owned()),
        };
        let took = self.clock.elapsed().saturating_sub(begun);
        let judged = Judged::new(check.clone(), verdict, &seen, at, took);
        if self.tell(id, &judged).await {
            lock(&self.memory).heard(id, judged);
        }
        self.over(id, &check);
    }

    /// Whether the engine knows it now.
    async fn tell(&self, id: IncidentId, judged: &Judged) -> bool {
        loop {
            let command = Command::Checks(ChecksCommand::Report { judged: judged.clone() });
            match self.engine.ask(Work::Command { incident: id, command }).await {
                Ok(_) => return true,
                Err(EngineError::Stopped) => return false,
                Err(error @ (EngineError::Store(_) | EngineError::Leaf(_))) => {
                    tracing::warn!(%error, incident = %id, check = %judged.check, "what a check said was not written");
                    tokio::time::sleep(TELL_AGAIN).await;
                }
            }
        }
    }

    fn over(&self, id: IncidentId, check: &CheckId) {
        lock(&self.making).remove(&(id, check.clone()));
        self.made.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes checks until `stop` says so. What is being made then is left: it is owed at the next start.
async fn run(checker: Arc<Checker>, mut stop: watch::Receiver<bool>) {
    let mut news = checker.engine.published().news.subscribe();
    let mut reloaded = checker.live.watch();
    let mut under_way = JoinSet::new();
    loop {
        let (due, next) = checker.owed();
        for (id, check) in due {
            lock(&checker.making).insert((id, check.clone()));
            under_way.spawn(Arc::clone(&checker).make(id, check));
        }
        let until = next.map_or(LOOK_EVERY, |next| next.since(checker.clock.now()).min(LOOK_EVERY));
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = checker.made.notified() => {}
            _ = reloaded.changed() => {}
            told = news.recv() => if matches!(told, Err(RecvError::Closed)) { return },
            Some(_) = under_way.join_next() => {}
            () = tokio::time::sleep(until) => {}
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOKS_APART) => {}
        }
    }
}
