//! Drives the engine: has it decide what waits while the store writes what was decided before, and answers when that is durable;
//! wakes by itself when something is due.

mod gather;
mod moment;

use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, task::Poll, time::Duration};

use quarterdeck_core::{
    board::Fate,
    limits::{ENGINE_BATCH_COMMANDS_MAX, ENGINE_QUEUE_COMMANDS_MAX},
    signal::SignalChange,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::{gather::Gather, moment::moment};

use crate::{
    engine::{Answer, Engine, EngineError, Job, Keep, Published, Work},
    writing::Writing,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::StoreError;

/// The longest sleep between two looks at what is due: a clock that jumped forward is noticed this soon.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(500);
/// How long to wait before the next try when the store refused a step that nobody asked for.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// Signals decided before we look whether the store is done: a millisecond of work at most.
const SIGNALS_AT_ONCE: usize = 64;

/// Pieces of evidence in one transaction: 16 MiB at most, so that a page waits for tenths of a second and not longer.
const KEPT_AT_ONCE: usize = 2;

/// What everyone else holds of the engine.
#[derive(Clone)]
pub struct EngineHandle {
    jobs: mpsc::Sender<Job>,
    published: Arc<Published>,
    /// Evidence on its way to the store: each piece is in memory, and in a transaction that pages wait for.
    keeping: Arc<Semaphore>,
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
            Answer::Done | Answer::Logged { .. } | Answer::Refused(_) | Answer::Stranded(_) => Ok(Vec::new()),
        }
    }
    /// Keeps evidence, and waits until it is durable, also when whoever asked has gone: a piece counts until the store has it.
    pub async fn keep(&self, keep: Keep) -> Result<Answer, EngineError> {
        let room = Arc::clone(&self.keeping).acquire_owned().await.map_err(|_| EngineError::Stopped)?;
        let engine = self.clone();
        let kept = tokio::spawn(async move {
            let _room = room;
            engine.ask(Work::Keep(Box::new(keep))).await
        });
        kept.await.map_err(|_| EngineError::Stopped)?
    }
    /// What readers see.
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }
}

/// A handle and the queue behind it.
pub fn queue(published: Arc<Published>) -> (EngineHandle, mpsc::Receiver<Job>) {
    let (jobs, waiting) = mpsc::channel(ENGINE_QUEUE_COMMANDS_MAX);
    (EngineHandle { jobs, published, keeping: Arc::new(Semaphore::new(KEPT_AT_ONCE)) }, waiting)
}

/// The answer that a caller waits for.
type Reply = oneshot::Sender<Result<Answer, EngineError>>;
/// Callers with what they will be told once it is durable.
type Waiting = Vec<(Reply, Answer)>;

/// Runs until every handle is gone: whoever still holds one is still answered.
pub async fn run(engine: Engine, jobs: mpsc::Receiver<Job>, clock: Arc<dyn Clock>, writing: Arc<Writing>) {
    let (asked, decided, landed) = (VecDeque::new(), Waiting::new(), Waiting::new());
    let (gather, handed_over) = (Gather::default(), Duration::ZERO);
    Driver { engine, clock, writing, asked, decided, landed, gather, handed_over }.run(jobs).await;
}

struct Driver {
    engine: Engine,
    clock: Arc<dyn Clock>,
    /// Told how commits do.
    writing: Arc<Writing>,
    /// What was asked and is not decided yet.
    asked: VecDeque<Job>,
    /// Who waits for what is decided and not handed over yet.
    decided: Waiting,
    /// Who is to be told that it is durable, as soon as the store has its next batch: it need not wait for that.
    landed: Waiting,
    /// Whether the next batch waits for others.
    gather: Gather,
    /// When the last batch was handed over.
    handed_over: Duration,
}

impl Driver {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let store = self.engine.store();
        let mut appending: Option<(Appending, Waiting)> = None;
        let mut open = true;
        loop {
            let gathers = if open && appending.is_none() {
                self.gather.pause(self.clock.elapsed(), self.decided.len())
            } else {
                None
            };
            if appending.is_none() && gathers.is_none() {
                match self.engine.hand_over() {
                    Ok(Some(batch)) => {
                        self.handed_over = self.clock.elapsed();
                        self.writing.handed_over(self.handed_over);
                        let store = Arc::clone(&store);
                        let append: Appending = Box::pin(async move { store.append(batch).await });
                        appending = Some((begun(append).await, std::mem::take(&mut self.decided)));
                    }
                    // Nothing to write, and all that it rests on is durable.
                    Ok(None) => answer(std::mem::take(&mut self.decided)),
                    Err(error) => refuse(std::mem::take(&mut self.decided), &error),
                }
            }
            answer(std::mem::take(&mut self.landed));
            if !open && appending.is_none() && self.asked.is_empty() {
                return;
            }
            let room = ENGINE_BATCH_COMMANDS_MAX.saturating_sub(self.decided.len());
            let (waits, may_take) = (!self.asked.is_empty(), self.asked.is_empty() && open && room > 0);
            let mut taken = Vec::new();
            tokio::select! {
                biased;
                appended = landing(&mut appending) => {
                    let waiting = appending.take().map(|(_, waiting)| waiting).unwrap_or_default();
                    self.land(appended, waiting).await;
                }
                () = std::future::ready(()), if waits => self.decide_some().await,
                count = jobs.recv_many(&mut taken, room), if may_take => {
                    open = count > 0;
                    self.asked.extend(taken);
                    self.decide_some().await;
                }
                () = moment(&*self.clock, gathers.unwrap_or_default()), if gathers.is_some() => {}
                () = tokio::time::sleep(self.pause()), if open => self.decide(Vec::new()).await,
            }
        }
    }

    /// How long to wait for something to do: until something is due.
    fn pause(&self) -> Duration {
        let due = self.engine.next_deadline().map_or(LOOK_AT_LEAST_EVERY, |due| due.since(self.clock.now()));
        due.min(LOOK_AT_LEAST_EVERY)
    }

    /// Decides some of what was asked: not so much that the store waits for long with its answer, and for its next batch.
    async fn decide_some(&mut self) {
        let mut some = Vec::new();
        let mut signals = 0;
        while signals < SIGNALS_AT_ONCE
            && let Some(job) = self.asked.pop_front()
        {
            signals += job.work.signals();
            some.push(job);
        }
        self.decide(some).await;
    }

    async fn decide(&mut self, jobs: Vec<Job>) {
        let jobs = self.spared(jobs);
        let (work, replies): (Vec<Work>, Vec<Reply>) = jobs.into_iter().map(|job| (job.work, job.reply)).unzip();
        if let Err(error) = self.engine.warm(&work, self.clock.now()).await {
            tracing::error!(%error, "what this work is about cannot be read");
            for reply in replies {
                drop(reply.send(Err(error.clone())));
            }
            return;
        }
        let answers = self.engine.decide(work, self.clock.now());
        self.decided.extend(replies.into_iter().zip(answers));
    }

    /// What may be decided now. On a full disk what is left is for what is owed already, and what is new is refused in time.
    fn spared(&self, jobs: Vec<Job>) -> Vec<Job> {
        if self.writing.takes_news(self.clock.elapsed()) {
            return jobs;
        }
        let (news, others): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| matches!(job.work, Work::Hear { .. } | Work::Keep(_)));
        for job in news {
            let full = StoreError::Full { doing: "take in what is new" };
            drop(job.reply.send(Err(EngineError::Store(Arc::new(full)))));
        }
        others
    }

    async fn land(&mut self, appended: Result<(), StoreError>, waiting: Waiting) {
        match self.engine.land(appended).await {
            Ok(()) => {
                let now = self.clock.elapsed();
                self.writing.committed(self.clock.now(), now);
                let took = now.saturating_sub(self.handed_over);
                self.gather.landed(now, took, waiting.len(), self.decided.len());
                self.landed = waiting;
            }
            Err(error) => {
                tracing::error!(%error, "nothing of this step happened");
                if let EngineError::Store(store) = &error {
                    self.writing.refused(store, self.clock.now(), self.clock.elapsed());
                }
                refuse(waiting, &error);
                // Decided on top of what did not happen.
                refuse(std::mem::take(&mut self.decided), &error);
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

type Appending = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// A transaction that the store has, whatever else we do before we wait for its end.
async fn begun(mut append: Appending) -> Appending {
    match std::future::poll_fn(|cx| Poll::Ready(append.as_mut().poll(cx))).await {
        Poll::Ready(done) => Box::pin(std::future::ready(done)),
        Poll::Pending => append,
    }
}

/// The end of the transaction on its way; never, if there is none.
async fn landing(appending: &mut Option<(Appending, Waiting)>) -> Result<(), StoreError> {
    match appending {
        Some((append, _)) => append.await,
        None => std::future::pending().await,
    }
}

fn answer(waiting: Waiting) {
    for (reply, answer) in waiting {
        // A caller that went away does not want its answer.
        drop(reply.send(Ok(answer)));
    }
}

fn refuse(waiting: Waiting, error: &EngineError) {
    for (reply, _) in waiting {
        drop(reply.send(Err(error.clone())));
    }
}
