//! Hands deliveries to channels. The intent is durable before we look (the outbox), the outcome is a command to the engine.
//!
//! A delivery says what it is, and which event of the log decided it; nothing leaves before that event is published, and nothing
//! is concluded from what is absent. Whether it is still wanted is a rule (`core/src/outbox.rs`). The worst leaves first
//! (`deliver/queue.rs`), each channel has places of its own, and one that does not answer is not tried for a while
//! (`reaching.rs`): what was to leave by it fails at once, so that the rules turn to the next way.
//!
//! What happens when we stop in between: the outbox says that an attempt was under way. It may have arrived, so it is sent once
//! more, labelled a repeat; if we stop in between again, it is settled as unknown and the rules turn to the next channel. Where
//! the store cannot take that an attempt begins, because it is full or away, the delivery leaves all the same: twice is better
//! than never. When the program is told to stop, what is due is handed over first, for a bounded time.

mod queue;
mod bundle;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use quarterdeck_core::{
    id::{ChannelId, DeliveryId, SilenceId},
    incident::{ClaimsEvent, IncidentEvent, PageOutcome},
    journal::{Body, Recorded},
    limits::{ATTEMPTS_PER_CHANNEL_MAX, DELIVERY_TIMEOUT, RETRY_AFTER_MAX, WORD_ATTEMPTS_MAX},
    outbox::{self, Audience, DeliveryKind, Unwanted, bundle::Pacing},
    time::Timestamp,
};
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
    time::Instant,
};

use self::queue::{Queue, Urgency, Waiting};
use crate::{
    engine::{LoadError, News, Work, read},
    in_force::{InForce, Live},
    loops::engine::EngineHandle,
    reaching::{Admission, Place, Reaching},
};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::{
    Message, SendError,
    message::{Sending, compose, of_silence},
};
use quarterdeck_store::{Outgoing, Store, StoreError};

/// The pause before the second attempt on a channel that said nothing about when; doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep between two looks at what waits: a clock that jumped forward is noticed this soon.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(500);
/// The shortest: an instant that is not reached yet by less than the clock can tell is not asked for again and again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// How often the outbox is compared with what is in memory: nothing in it may be forgotten for longer.
const READ_EVERY: Duration = Duration::from_secs(30);
/// Deliveries read at once then: some milliseconds' work. What is left is read when these are gone.
const READ_MAX: usize = 10_000;
/// How long a page waits where its channel asks for patience: longer, and it goes another way.
const PATIENT_FOR: Duration = Duration::from_secs(5);
/// How long an urgent page waits for a channel that did not answer lately, where it is the one that goes and sees: the next way must have
/// it within a second.
const SEES_URGENTLY: Duration = Duration::from_millis(300);
/// Outcomes told to the engine at once for a channel that is not tried.
const REFUSED_AT_ONCE: usize = 64;
/// How long what is due may still leave after the program was told to stop: one attempt with its answer. A supervisor that kills
/// after less than this makes of what is under way a repeat.
pub const DRAIN_MAX: Duration = Duration::from_secs(12);

/// Everything a delivery needs.
pub struct Deliver {
    /// Where deliveries wait.
    pub store: Arc<dyn Store>,
    /// Where outcomes go.
    pub engine: EngineHandle,
    /// Channels, people's names, and the console's address for the link in a page.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How each channel does.
    pub reaching: Arc<Reaching>,
    /// Deliveries whose attempt was under way when we stopped last.
    pub may_have_arrived: Mutex<BTreeSet<DeliveryId>>,
}

/// What waits, and what is in somebody's hands.
struct Desk {
    queue: Queue,
    /// What left to whom lately.
    pacing: Pacing,
    /// Nothing waits for others any more: the program is to stop.
    closing: bool,
    /// Neither in the queue nor settled.
    in_hand: HashSet<DeliveryId>,
    news: broadcast::Receiver<News>,
    /// When the outbox was read last; none: not yet.
    read: Option<Duration>,
    tasks: JoinSet<Vec<Back>>,
}

/// What comes back of a delivery that was taken out of the queue.
enum Back {
    /// What became of it is recorded.
    Settled(DeliveryId),
    /// It is to be tried again.
    Again(Waiting),
}

/// Why an attempt did not hand anything over.
enum Missed {
    /// Nobody wants it any more.
    Unwanted(String),
    /// Something of ours stood in the way.
    Ours(SendError),
    /// The channel.
    Channel(SendError),
}

impl Deliver {
    /// Takes up what was under way when we stopped. Call once, before [`Deliver::run`].
    pub async fn take_up(&self) -> Result<(), StoreError> {
        for row in self.store.outbox(usize::MAX).await? {
            let id = row.delivery.id;
            if !row.under_way {
                // Put back by us after a stop, and stopped again before it left? We cannot tell, so it says that it may be a repeat.
                if row.attempts > 0 {
                    lock(&self.may_have_arrived).insert(id);
                }
                continue;
            }
            if row.attempts > 1 {
                let error = "stopped again while it was under way".to_owned();
                self.settle(Waiting::new(row), PageOutcome::Unknown { error }, false).await;
            } else {
                lock(&self.may_have_arrived).insert(id);
                self.store.release(id, self.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Delivers until `stop` says so, then hands over what is due and waits for what is under way, at most [`DRAIN_MAX`].
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let published = Arc::clone(self.engine.published());
        let mut desk = Desk {
            queue: Queue::default(),
            pacing: Pacing::default(),
            closing: false,
            in_hand: HashSet::new(),
            news: published.news.subscribe(),
            read: None,
            tasks: JoinSet::new(),
        };
        let mut last_call: Option<Instant> = None;
        loop {
            self.gather(&mut desk).await;
            if *stop.borrow() && !std::mem::replace(&mut desk.closing, true) {
                desk.queue.release();
            }
            let handed_out = self.hand_out(&mut desk).await;
            if *stop.borrow() {
                let until = *last_call.get_or_insert_with(|| Instant::now() + DRAIN_MAX);
                if Instant::now() >= until || (!handed_out && self.is_drained(&desk)) {
                    return;
                }
            }
            if handed_out {
                continue;
            }
            let pause = self.pause(&desk);
            tokio::select! {
                biased;
                Some(back) = desk.tasks.join_next(), if !desk.tasks.is_empty() => self.take_back(&mut desk, back),
                () = published.outbox.notified() => {}
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed(), if last_call.is_none() => {}
            }
        }
    }

    /// How long to wait for something to do: until what was put back may leave.
    fn pause(&self, desk: &Desk) -> Duration {
        let next = desk.queue.next_wake().map_or(LOOK_AT_LEAST_EVERY, |at| at.since(self.clock.now()));
        next.clamp(SHORTEST_PAUSE, LOOK_AT_LEAST_EVERY)
    }

    /// Whether nothing is due or under way any more.
    fn is_drained(&self, desk: &Desk) -> bool {
        let owed = self.engine.published().board().next_deadline().is_some_and(|at| at <= self.clock.now());
        desk.queue.is_idle() && desk.tasks.is_empty() && !owed
    }

    /// Takes in what was decided since the last call, what came back, and what changed its rank.
    async fn gather(&self, desk: &mut Desk) {
        while let Some(back) = desk.tasks.try_join_next() {
            self.take_back(desk, back);
        }
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let (rows, reread) = self.engine.published().leaving();
        for row in rows {
            self.take_in(desk, row, now);
        }
        loop {
            match desk.news.try_recv() {
                Ok(News { recorded, .. }) => self.rank(desk, &recorded, now),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {
                    let board = self.engine.published().board();
                    for id in desk.queue.incidents() {
                        desk.queue.rank(id, board.incident(id), now);
                    }
                }
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => break,
            }
        }
        if reread || desk.read.is_none_or(|read| elapsed.saturating_sub(read) >= READ_EVERY) {
            self.read_outbox(desk, now).await;
            desk.read = Some(elapsed);
        }
        desk.queue.wake(now);
        desk.pacing.forget(now);
        self.reaching.turned(desk.queue.lengths(), elapsed);
    }

    /// Takes in what the store has and we have not: all of it at the start, and what a commit with a lost answer left.
    async fn read_outbox(&self, desk: &mut Desk, now: Timestamp) {
        match self.store.outbox(READ_MAX).await {
            Ok(rows) => {
                for row in rows.into_iter().filter(|row| !row.under_way) {
                    self.take_in(desk, row, now);
                }
            }
            Err(error) => tracing::error!(%error, "cannot look for what is to be delivered"),
        }
    }

    fn take_in(&self, desk: &mut Desk, row: Outgoing, now: Timestamp) {
        let id = row.delivery.id;
        if !desk.in_hand.contains(&id) && !desk.queue.has(id) {
            let urgency = self.urgency(&row);
            desk.queue.insert(Waiting::new(row), urgency, now);
        }
    }

    fn take_back(&self, desk: &mut Desk, back: Result<Vec<Back>, tokio::task::JoinError>) {
        match back {
            Ok(all) => {
                for back in all {
                    match back {
                        Back::Settled(id) => drop(desk.in_hand.remove(&id)),
                        Back::Again(waiting) => {
                            desk.in_hand.remove(&waiting.row.delivery.id);
                            let urgency = self.urgency(&waiting.row);
                            desk.queue.insert(waiting, urgency, self.clock.now());
                        }
                    }
                }
            }
            // What it had in hand stays there: it is taken up at the next start, as after a crash.
            Err(error) => tracing::error!(%error, "a delivery met a defect"),
        }
    }

    fn urgency(&self, row: &Outgoing) -> Urgency {
        let board = self.engine.published().board();
        Urgency::of(row.delivery.kind, board.incident(row.delivery.incident))
    }

    fn rank(&self, desk: &mut Desk, recorded: &Recorded, now: Timestamp) {
        if let (Some(id), Body::Incident(IncidentEvent::Claims(ClaimsEvent::SeverityChanged(_)))) =
            (recorded.stream.incident(), &recorded.body)
        {
            let board = self.engine.published().board();
            desk.queue.rank(id, board.incident(id), now);
        }
    }

    /// Hands to each channel what it has places for. False: nothing could be handed out.
    async fn hand_out(self: &Arc<Self>, desk: &mut Desk) -> bool {
        let now = self.clock.elapsed();
        let mut leaving: Vec<(Vec<Waiting>, Place)> = Vec::new();
        let mut refused = false;
        for id in desk.queue.channels() {
            while let Some(first) = desk.queue.first(&id) {
                match self.reaching.admit(&id, first.is_urgent(), now) {
                    Admission::Go(place) => {
                        // Who goes and sees may wait long for nothing: the others are paged another way meanwhile.
                        let taken = if place.sees() {
                            desk.queue.take_last(&id).map(|one| vec![one])
                        } else {
                            self.next(desk, &id)
                        };
                        leaving.extend(taken.map(|together| (together, place)));
                    }
                    Admission::Wait => break,
                    Admission::Shut(why) => {
                        refused |= self.refuse_all(desk, &id, &why);
                        break;
                    }
                }
            }
        }
        if leaving.is_empty() {
            return refused;
        }
        self.begin(desk, leaving).await || refused
    }

    /// Settles as failed every page that waits for a channel which is not tried: the rules turn to the next way. Who is told that
    /// something is over can wait until the channel works. False: no page waits for it.
    fn refuse_all(self: &Arc<Self>, desk: &mut Desk, channel: &ChannelId, why: &str) -> bool {
        let mut pages = desk.queue.take_pages(channel).into_iter().peekable();
        let any = pages.peek().is_some();
        while pages.peek().is_some() {
            let some: Vec<Waiting> = pages.by_ref().take(REFUSED_AT_ONCE).collect();
            desk.in_hand.extend(some.iter().map(|waiting| waiting.row.delivery.id));
            let (this, why) = (Arc::clone(self), why.to_owned());
            desk.tasks.spawn(async move {
                let each = some.into_iter().map(|waiting| {
                    let error = tries(why.clone(), waiting.row.attempts);
                    this.settle(waiting, PageOutcome::Failed { error }, true)
                });
                futures_util::future::join_all(each).await
            });
        }
        any
    }

    /// Marks attempts as begun and begins them. False: none can begin now.
    async fn begin(self: &Arc<Self>, desk: &mut Desk, leaving: Vec<(Vec<Waiting>, Place)>) -> bool {
        let unmarked = leaving.iter().flat_map(|(together, _)| together).filter(|waiting| !waiting.held);
        let ids: Vec<DeliveryId> = unmarked.map(|waiting| waiting.row.delivery.id).collect();
        let claimed = if ids.is_empty() { Ok(Vec::new()) } else { self.store.claim(&ids).await };
        let marked: Option<HashMap<DeliveryId, Outgoing>> = match claimed {
            Ok(rows) => Some(rows.into_iter().map(|row| (row.delivery.id, row)).collect()),
            // Another program has the outbox: it delivers.
            Err(error @ (StoreError::InUse { .. } | StoreError::Conflict { .. })) => {
                tracing::error!(%error, "cannot deliver");
                for waiting in leaving.into_iter().flat_map(|(together, _)| together) {
                    let urgency = self.urgency(&waiting.row);
                    desk.queue.insert(waiting, urgency, self.clock.now());
                }
                return false;
            }
            Err(error) => {
                let count = ids.len();
                tracing::error!(%error, count, "the store cannot be told that deliveries leave: they leave all the same");
                None
            }
        };
        let mut any = false;
        for (together, place) in leaving {
            let begun: Vec<Waiting> = together.into_iter().filter_map(|one| begun(one, marked.as_ref())).collect();
            any |= !begun.is_empty();
            desk.in_hand.extend(begun.iter().map(|waiting| waiting.row.delivery.id));
            let this = Arc::clone(self);
            desk.tasks.spawn(async move { this.hand_over(begun, place).await });
        }
        any
    }

    /// What follows from the answer to an attempt.
    async fn follow(&self, waiting: Waiting, attempt: Result<String, Missed>, silence: Silence) -> Back {
        let (attempts, is_page) = (waiting.row.attempts, waiting.row.delivery.kind == DeliveryKind::Page);
        let is_long = |after: Option<Duration>| after.is_some_and(|after| after > PATIENT_FOR);
        let most = if is_page { ATTEMPTS_PER_CHANNEL_MAX } else { WORD_ATTEMPTS_MAX };
        let id = waiting.row.delivery.id;
        let outcome = match attempt {
            Ok(receipt) => PageOutcome::Delivered { receipt },
            Err(Missed::Unwanted(reason)) => {
                let outcome = self.as_known(id, PageOutcome::Failed { error: reason });
                return self.record(waiting, outcome).await;
            }
            Err(Missed::Ours(error) | Missed::Channel(error)) => match error {
                SendError::Permanent { reason } => PageOutcome::Failed { error: tries(reason, attempts) },
                SendError::Unknown { reason } => PageOutcome::Unknown { error: tries(reason, attempts) },
                // A page that went and saw in vain, or that is to wait long, goes another way at once.
                SendError::Retry { reason, after }
                    if attempts >= most || is_page && (silence == Silence::Again || is_long(after)) =>
                {
                    PageOutcome::Failed { error: tries(reason, attempts) }
                }
                SendError::Retry { after, .. } => return self.put_back(waiting, after).await,
            },
        };
        let outcome = self.as_known(id, outcome);
        self.settle(waiting, outcome, silence != Silence::None).await
    }

    /// An attempt that was under way when we stopped may have arrived, whatever became of those after it.
    fn as_known(&self, id: DeliveryId, outcome: PageOutcome) -> PageOutcome {
        match outcome {
            PageOutcome::Failed { error } if lock(&self.may_have_arrived).contains(&id) => {
                PageOutcome::Unknown { error: format!("it may have arrived before a stop; since then: {error}") }
            }
            outcome => outcome,
        }
    }

    /// What a delivery says now, if anybody still wants it. Of an incident that cannot be read somebody hears that.
    async fn message(&self, row: &Outgoing, in_force: &InForce) -> Result<Message, Missed> {
        if let Some(silence) = row.delivery.silence() {
            return self.notice(row, silence, in_force);
        }
        let incident = match self.engine.published().incident(row.delivery.incident).await {
            Ok(incident) => incident,
            Err(LoadError::Damaged { .. }) => None,
            Err(LoadError::Store(error)) => return Err(Missed::Ours(SendError::retry(error.to_string()))),
        };
        let wanted = incident.as_ref().map_or(Ok(()), |incident| outbox::wanted(incident, &row.delivery));
        wanted.map_err(|unwanted| Missed::Unwanted(unwanted.to_string()))?;
        let repeated = lock(&self.may_have_arrived).contains(&row.delivery.id);
        let (setting, base_url) = (&*in_force.setting, in_force.base_url.as_str());
        let sending = Sending { setting, base_url, at: row.not_before, repeated, now: self.clock.now() };
        Ok(compose(incident.as_deref(), &row.delivery, sending))
    }

    /// What the owner of a silence is told of it, as it is now.
    fn notice(&self, row: &Outgoing, id: SilenceId, in_force: &InForce) -> Result<Message, Missed> {
        let unwanted = || Missed::Unwanted(Unwanted::Changed.to_string());
        let board = self.engine.published().board();
        let silence = board.silence(id).ok_or_else(unwanted)?;
        let repeated = lock(&self.may_have_arrived).contains(&row.delivery.id);
        let (setting, base_url, now) = (&*in_force.setting, in_force.base_url.as_str(), self.clock.now());
        let sending = Sending { setting, base_url, at: row.not_before, repeated, now };
        let held = board.loose_signals().filter(|one| one.silence.is_some() && one.status.is_live());
        let held = held.filter(|one| silence.matches(&one.signal)).count();
        Ok(of_silence(silence, held, &row.delivery, sending))
    }

    /// Waits until the event at this place of the log is published: it is in the outbox a moment before.
    async fn shown(&self, place: u64) -> Result<(), SendError> {
        let published = self.engine.published();
        let mut news = published.news.subscribe();
        let shown = async {
            while read(&published.head).size <= place {
                // Told, or told more than is kept: the head is looked at again either way.
                if matches!(news.recv().await, Err(broadcast::error::RecvError::Closed)) {
                    break;
                }
            }
        };
        let waited = tokio::time::timeout(DELIVERY_TIMEOUT, shown).await;
        waited.map_err(|_| {
            SendError::retry(format!("the event at {place} of the log, which decided it, is not published"))
        })
    }

    async fn put_back(&self, mut waiting: Waiting, after: Option<Duration>) -> Back {
        let doubled = FIRST_PAUSE.saturating_mul(1 << waiting.row.attempts.saturating_sub(1).min(6));
        let pause = after.unwrap_or(doubled).min(RETRY_AFTER_MAX);
        waiting.row.not_before = self.clock.now().plus(pause);
        let id = waiting.row.delivery.id;
        if waiting.held {
            match self.store.release(id, waiting.row.not_before).await {
                Ok(()) => waiting.held = false,
                // It is tried again in its time all the same.
                Err(error) => tracing::error!(%error, delivery = %id, "cannot put a delivery back"),
            }
        }
        Back::Again(waiting)
    }

    /// What became of a delivery in the end: told to whoever watches, and recorded.
    async fn settle(&self, waiting: Waiting, outcome: PageOutcome, mute: bool) -> Back {
        let row = &waiting.row;
        let Audience::Contact { person, channel, .. } = &row.delivery.to;
        let took = self.took(&waiting);
        if let PageOutcome::Failed { error } | PageOutcome::Unknown { error } = &outcome {
            let (incident, delivery, what) = (row.delivery.incident, row.delivery.id, outcome.word());
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(%incident, %delivery, %person, %channel, what, error, took_ms, "a delivery did not reach anybody");
        }
        self.reaching.settled(row, &outcome, self.clock.now(), mute);
        metrics::counter!("quarterdeck_pages_total", "channel" => channel.to_string(), "outcome" => outcome.word())
            .increment(1);
        metrics::histogram!("quarterdeck_page_seconds", "channel" => channel.to_string()).record(took.as_secs_f64());
        self.record(waiting, outcome).await
    }

    /// From the first hand-over to now.
    fn took(&self, waiting: &Waiting) -> Duration {
        waiting.begun.map_or(Duration::ZERO, |begun| self.clock.elapsed().saturating_sub(begun))
    }

    /// Tells the engine until it is durable: an outcome that is not told would be sent again.
    async fn record(&self, waiting: Waiting, outcome: PageOutcome) -> Back {
        let latency = self.took(&waiting);
        let id = waiting.row.delivery.id;
        loop {
            let (delivery, outcome) = (waiting.row.delivery.clone(), outcome.clone());
            match self.engine.ask(Work::Settle { delivery, outcome, latency }).await {
                Ok(_) | Err(crate::engine::EngineError::Stopped) => {
                    lock(&self.may_have_arrived).remove(&id);
                    return Back::Settled(id);
                }
                Err(error) => {
                    tracing::error!(%error, delivery = %id, "cannot record what became of a delivery, trying again");
                    tokio::time::sleep(LOOK_AT_LEAST_EVERY).await;
                }
            }
        }
    }
}

/// A delivery whose attempt begins, as the store has it now; none: it was settled meanwhile. `marked`: those that the store was told
/// of, if it could be.
fn begun(mut waiting: Waiting, marked: Option<&HashMap<DeliveryId, Outgoing>>) -> Option<Waiting> {
    match (marked, waiting.held) {
        (Some(marked), false) => {
            let row = marked.get(&waiting.row.delivery.id)?;
            // The store may not have heard of an attempt before.
            let attempts = row.attempts.max(waiting.row.attempts.saturating_add(1));
            (waiting.row, waiting.held) = (Outgoing { attempts, ..row.clone() }, true);
        }
        // Without an answer the store may have it marked all the same: it is put back like one that is.
        (None, false) => {
            waiting.row.attempts = waiting.row.attempts.saturating_add(1);
            waiting.held = true;
        }
        (None | Some(_), true) => waiting.row.attempts = waiting.row.attempts.saturating_add(1),
    }
    Some(waiting)
}

/// Whether a channel gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// It gave one, or was not asked.
    None,
    /// It gave none.
    Once,
    /// It gave none, nor had it before: this was to see whether it does again.
    Again,
}

/// What went wrong, and how often it was tried if more than once.
fn tries(error: String, attempts: u32) -> String {
    if attempts > 1 { format!("{error} ({attempts} tries)") } else { error }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
