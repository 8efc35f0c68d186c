//! Drives the engine: collects what waits, steps, answers; wakes by itself when something is due.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    board::Fate,
    limits::{ENGINE_BATCH_COMMANDS_MAX, ENGINE_QUEUE_COMMANDS_MAX},
    signal::SignalChange,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock::Clock,
    engine::{Answer, Engine, EngineError, Job, Published, Work},
};

/// The longest sleep between two looks at what is due: a clock that jumped forward is noticed this soon.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(500);
/// How long to wait before the next try when the store refused a step that nobody asked for.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// What everyone else holds of the engine.
#[derive(Clone)]
pub struct EngineHandle {
    jobs: mpsc::Sender<Job>,
    published: Arc<Published>,
}

impl EngineHandle {
    /// Asks and waits until the answer is durable. A full queue makes the caller wait.
    pub async fn ask(&self, work: Work) -> Result<Answer, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { work, reply }).await.map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }
    /// Hands signals over and waits until they are durable.
    pub async fn hear(&self, changes: Vec<SignalChange>) -> Result<Vec<Fate>, EngineError> {
        match self.ask(Work::Hear { changes, cursors: Vec::new(), snapshots: Vec::new() }).await? {
            Answer::Heard(fates) => Ok(fates),
            Answer::Done | Answer::Refused(_) | Answer::BadSilence(_) | Answer::NoSuchSilence(_) => Ok(Vec::new()),
        }
    }
    /// What readers see.
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }
}

/// A handle and the queue behind it.
pub fn queue(published: Arc<Published>) -> (EngineHandle, mpsc::Receiver<Job>) {
    let (jobs, waiting) = mpsc::channel(ENGINE_QUEUE_COMMANDS_MAX);
    (EngineHandle { jobs, published }, waiting)
}

/// Runs until every handle is gone: whoever still holds one is still answered.
pub async fn run(mut engine: Engine, mut waiting: mpsc::Receiver<Job>, clock: Arc<dyn Clock>) {
    loop {
        let pause = engine.next_deadline().map_or(LOOK_AT_LEAST_EVERY, |due| due.since(clock.now()));
        let mut jobs = Vec::new();
        tokio::select! {
            biased;
            taken = waiting.recv_many(&mut jobs, ENGINE_BATCH_COMMANDS_MAX) => if taken == 0 { return },
            () = tokio::time::sleep(pause.min(LOOK_AT_LEAST_EVERY)) => {}
        }
        step(&mut engine, jobs, &*clock).await;
    }
}

async fn step(engine: &mut Engine, jobs: Vec<Job>, clock: &dyn Clock) {
    let (work, replies): (Vec<Work>, Vec<_>) = jobs.into_iter().map(|job| (job.work, job.reply)).unzip();
    match engine.step(work, clock.now()).await {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A caller that went away does not want its answer.
                drop(reply.send(Ok(answer)));
            }
        }
        Err(error) => {
            tracing::error!(%error, "nothing of this step happened");
            for reply in replies {
                drop(reply.send(Err(error.clone())));
            }
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}
