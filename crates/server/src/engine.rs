//! The only write path: decide, append, publish.
//!
//! One engine owns the board. Callers hand it [`Work`]; it decides what waits against one working board, makes the events durable
//! with their leaves and a signed checkpoint in one transaction, and only then publishes and answers. While one transaction is on
//! its way to the disk the next is decided. A caller that got an answer can be sure that it survives a power cut: even an answer
//! that changes nothing waits until what it was decided upon is durable. If a transaction fails nothing of it is published, nor of
//! what was decided on top of it; every caller gets the error, and the working board is put back to what is durable.
//!
//! One board is decided upon, and it runs ahead by what is being written and decided. What readers see is a clone of it, taken when
//! a batch was sealed and published when that batch was durable; a clone costs nothing, and neither does going back to it.
//! [`Engine::refold`] compares it with the stored log; the harness calls it after every end-to-end test.

mod work;
pub mod signals;
mod draft;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, RwLock},
    time::Duration,
};

use quarterdeck_core::{
    board::{Board, Fate},
    erasure::Erasure,
    id::{IdSource, IncidentId, PersonId},
    incident::{Command, IllegalHistory, Incident, PageOutcome, PagingCommand},
    journal::{Body, JournalEvent, Recorded, Stream},
    outbox::{Audience, Delivery},
    policy::Roster,
    setting::Setting,
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_ledger::{
    checkpoint::{self, Checkpoint},
    hash::{Hash, to_hex},
    leaf::Entry,
    note::SignerKey,
    tree::Frontier,
};
use tokio::sync::{Notify, broadcast};

use self::draft::Draft;
pub use self::work::{Answer, EngineError, Job, Work, incident_of, words};
use crate::log_tree::LogTree;
use quarterdeck_store::{Batch, Store, StoreError, StoredEvent};

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store did not answer.
    #[error("read the stored log")]
    Store(#[from] StoreError),
    /// A stored event cannot be read.
    #[error("read event {index} of the stored log: {detail}")]
    Unreadable {
        /// Its place in the log.
        index: u64,
        /// What is wrong.
        detail: String,
    },
    /// The history contradicts the rules.
    #[error("fold event {index} of the stored log")]
    Illegal {
        /// Its place in the log.
        index: u64,
        /// Which rule it contradicts.
        #[source]
        source: IllegalHistory,
    },
    /// The log does not match its own checkpoint.
    #[error("the stored log of {size} events does not match its checkpoint: {detail}")]
    Tampered {
        /// How many events there are.
        size: u64,
        /// How it differs.
        detail: String,
    },
}

/// A piece of news for those who watch: something durable happened.
#[derive(Debug, Clone)]
pub struct News {
    /// The event's place in the log.
    pub index: u64,
    /// The event.
    pub recorded: Arc<Recorded>,
}

/// What the engine is made of besides the store: everything that differs between the world and a simulation.
pub struct Parts {
    /// Configuration as a value.
    pub setting: Arc<Setting>,
    /// Fresh identifiers.
    pub ids: Box<dyn IdSource + Send>,
    /// Salts of leaves. Not the same source: a leaked identifier must not tell a salt.
    pub salts: Box<dyn IdSource + Send>,
    /// Signs checkpoints.
    pub signer: SignerKey,
}

/// Where the log stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogHead {
    /// How many events are durable.
    pub size: u64,
    /// Root in lower-case hex.
    pub root: String,
    /// The signed checkpoint.
    pub checkpoint: Option<String>,
}

/// What readers see: the durable board and where the log stands.
pub struct Published {
    /// The fold of all durable events. Whoever looks for long takes [`Published::board`].
    pub board: RwLock<Arc<Board>>,
    /// Where the log stands.
    pub head: RwLock<LogHead>,
    /// The tree of the log, for proofs. Never behind `head`.
    pub tree: LogTree,
    /// Rings when the outbox has something new.
    pub outbox: Notify,
    /// News, for server-sent events and wake-ups. A slow listener misses some and reads the board instead.
    pub news: broadcast::Sender<News>,
}

impl Published {
    /// The board as it is now. It stays as it is while the next ones are published.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&read(&self.board))
    }
}

/// News kept for slow listeners: a storm's worth; who is slower reads the board.
const NEWS_KEPT: usize = 4_096;
/// Events read at once while folding.
const FOLD_EVENTS: usize = 10_000;

/// A transaction that the store has and has not answered for.
struct Flight {
    recorded: Vec<Arc<Recorded>>,
    /// The fold of everything up to it.
    board: Arc<Board>,
    leaves: Vec<Hash>,
    head: LogHead,
    frontier: Frontier,
    rings: bool,
    /// The configuration from it on, if it changed.
    setting: Option<Arc<Setting>>,
}

/// The engine. Lives in one task (or in a simulation's hands); see `loops/engine.rs` for the task.
pub struct Engine {
    store: Arc<dyn Store>,
    /// With the configuration that is decided by: it runs ahead like `working`.
    parts: Parts,
    /// The configuration whose event is durable.
    setting: Arc<Setting>,
    working: Board,
    published: Arc<Published>,
    /// Of what is durable.
    frontier: Frontier,
    /// How many events are durable.
    size: u64,
    flight: Option<Flight>,
    draft: Draft,
}

impl Engine {
    /// Folds the stored log, checks it against its checkpoint, and stands ready.
    pub async fn start(store: Arc<dyn Store>, parts: Parts) -> Result<Self, StartError> {
        let (news, _) = broadcast::channel(NEWS_KEPT);
        let published = Arc::new(Published {
            board: RwLock::default(),
            head: RwLock::default(),
            tree: LogTree::default(),
            outbox: Notify::new(),
            news,
        });
        let (working, frontier, size) = (Board::default(), Frontier::default(), 0);
        let (flight, draft) = (None, Draft::default());
        let setting = Arc::clone(&parts.setting);
        let mut engine = Self { store, parts, setting, working, published, frontier, size, flight, draft };
        engine.catch_up().await?;
        Ok(engine)
    }

    /// Folds what the store has beyond what we know: everything at the start, and what was written although we were told that it
    /// was not. Forgets all that is not durable. On error nothing has changed.
    async fn catch_up(&mut self) -> Result<(), StartError> {
        let (mut board, mut frontier) = ((*self.published.board()).clone(), self.frontier.clone());
        let (mut size, mut leaves, mut erased) = (self.size, Vec::new(), BTreeSet::new());
        loop {
            let events = self.store.events(size, FOLD_EVENTS).await?;
            if events.is_empty() {
                break;
            }
            for event in events {
                let index = event.index;
                let leaf = entry_of(&event)?.leaf_hash();
                frontier.append(leaf);
                leaves.push(leaf);
                if let Some(recorded) = recorded_of(&event)? {
                    board.apply(&recorded).map_err(|source| StartError::Illegal { index, source })?;
                    if let Body::Journal(JournalEvent::Erased { stream, .. }) = recorded.body {
                        erased.insert(stream);
                    }
                }
                size = index + 1;
            }
        }
        // What was folded before it was erased is still here whole; at the start all of it was read as it is.
        if self.size > 0 {
            for stream in erased {
                forget(&*self.store, &mut board, &stream).await?;
            }
        }
        let checkpoint = self.store.checkpoint().await?;
        check_head(checkpoint.as_deref(), &self.parts, size, &frontier)?;
        let root = to_hex(frontier.root().bytes());
        self.draft = Draft::default();
        self.parts.setting = Arc::clone(&self.setting);
        self.working = board.clone();
        (self.frontier, self.size) = (frontier, size);
        *write(&self.published.board) = Arc::new(board);
        self.published.tree.extend(leaves);
        *write(&self.published.head) = LogHead { size, root, checkpoint };
        Ok(())
    }

    /// What readers see.
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// Where it is kept.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.working.next_deadline()
    }

    /// Decides all of `work` and everything that is due, in this order, as one transaction. One answer for each piece of work.
    pub async fn step(&mut self, work: Vec<Work>, now: Timestamp) -> Result<Vec<Answer>, EngineError> {
        let answers = self.decide(work, now);
        if let Some(batch) = self.hand_over()? {
            let appended = self.store.append(batch).await;
            self.land(appended).await?;
        }
        Ok(answers)
    }

    /// Decides all of `work` and everything that is due, in this order, on top of what was decided before. One answer for each
    /// piece of work, to be given when what it rests on is durable: after the next batch that is handed over has landed.
    pub fn decide(&mut self, work: Vec<Work>, now: Timestamp) -> Vec<Answer> {
        let answers = work.into_iter().map(|piece| self.decide_one(piece, now)).collect();
        for incident in self.working.due(now) {
            let recorded = self.working.carry_out(incident, &self.parts.setting, now, &mut *self.parts.ids);
            self.record(recorded);
        }
        answers
    }

    /// What was decided since the last call, as one transaction for the store; none: nothing changed. Its fate is to be told to
    /// [`Engine::land`] before the next is handed over. On error all that is not durable is forgotten.
    pub fn hand_over(&mut self) -> Result<Option<Batch>, EngineError> {
        if self.draft.is_empty() {
            return Ok(None);
        }
        let mut draft = std::mem::take(&mut self.draft);
        let sealed = match draft.broken.take() {
            Some(broken) => Err(broken),
            None => self.seal(draft),
        };
        match sealed {
            Ok((batch, flight)) => {
                self.flight = Some(flight);
                Ok(Some(batch))
            }
            Err(error) => {
                self.fall_back();
                Err(error)
            }
        }
    }

    /// Takes up what the store said to the batch that was handed over last. On error nothing of it is durable, and what was decided
    /// on top of it is forgotten, too.
    pub async fn land(&mut self, appended: Result<(), StoreError>) -> Result<(), EngineError> {
        let Some(flight) = self.flight.take() else { return Ok(()) };
        let Err(error) = appended else {
            self.publish(flight);
            return Ok(());
        };
        // An answer may be lost after the commit: what the store has, counts.
        if let Err(folding) = self.catch_up().await {
            tracing::error!(error = &folding as &dyn std::error::Error, "cannot see what the store has");
            self.fall_back();
        } else if !flight.recorded.is_empty() && *read(&self.published.head) == flight.head {
            tracing::warn!(%error, "the store has what it said it had not");
            if let Some(setting) = flight.setting {
                (self.setting, self.parts.setting) = (Arc::clone(&setting), setting);
            }
            self.tell(flight.recorded, flight.rings);
            return Ok(());
        }
        Err(EngineError::Store(Arc::new(error)))
    }

    /// Forgets all that is not durable.
    fn fall_back(&mut self) {
        self.working = (*self.published.board()).clone();
        self.parts.setting = Arc::clone(&self.setting);
        self.draft = Draft::default();
    }

    fn decide_one(&mut self, piece: Work, now: Timestamp) -> Answer {
        match piece {
            Work::Hear { changes, cursors, snapshots } => {
                let fates = changes.iter().map(|change| self.hear(change, now)).collect();
                self.draft.batch.cursors.extend(cursors);
                self.draft.batch.snapshots.extend(snapshots);
                Answer::Heard(fates)
            }
            Work::Command { incident, command } => self.command(incident, command, now),
            Work::Settle { delivery, outcome, latency } => self.settle(delivery, outcome, latency, now),
            Work::Erase { history, erasure } => self.erase(history, erasure, now),
            Work::Journal(event) => self.note(event, now),
            Work::Reconfigure { setting, event } => self.reconfigure(setting, event, now),
            Work::Silence(silence) => match self.working.set_silence(silence, now) {
                Ok(recorded) => {
                    self.record(vec![recorded]);
                    Answer::Done
                }
                Err(bad) => Answer::BadSilence(bad),
            },
            Work::Unsilence { id, by } => match self.working.expire_silence(id, by, now) {
                Some(recorded) => {
                    self.record(vec![recorded]);
                    Answer::Done
                }
                None => Answer::NoSuchSilence(id),
            },
            Work::Wake => Answer::Done,
        }
    }

    fn hear(&mut self, change: &SignalChange, now: Timestamp) -> Fate {
        let (recorded, fate) = self.working.take_signal(change, &self.parts.setting, now, &mut *self.parts.ids);
        self.record(recorded);
        fate
    }

    fn command(&mut self, incident: IncidentId, command: Command, now: Timestamp) -> Answer {
        match self.working.command(incident, command, &self.parts.setting, now, &mut *self.parts.ids) {
            Ok(recorded) => {
                let before = self.next_place();
                self.record(recorded);
                let after = self.next_place();
                if after > before { Answer::Logged { last: after - 1 } } else { Answer::Done }
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Takes a delivery out of the outbox and records what became of it: of a page in its incident, of an all-clear in the journal.
    fn settle(&mut self, delivery: Delivery, outcome: PageOutcome, latency: Duration, now: Timestamp) -> Answer {
        self.draft.batch.settled.push(delivery.id);
        match delivery.page() {
            Some(page) => {
                let command = Command::Paging(PagingCommand::SettlePage { page, outcome, latency });
                self.command(delivery.incident, command, now)
            }
            None => {
                let (incident, Audience::Contact { person, channel, .. }) = (delivery.incident, delivery.to);
                self.note(JournalEvent::AllClearSettled { incident, person, channel, outcome }, now)
            }
        }
    }

    /// Erases, if the history is still all there is: what is decided and not yet durable cannot be redacted.
    fn erase(&mut self, history: Vec<(u64, Recorded)>, erasure: Erasure, now: Timestamp) -> Answer {
        let places: BTreeMap<u64, u64> = history.iter().map(|(place, one)| (one.version, *place)).collect();
        let redacted = erasure.redacted(history.into_iter().map(|(_, recorded)| recorded));
        let Some(incident) = fold_stream(&redacted) else { return Answer::Done };
        if let Err(refusal) = self.working.put_redacted(incident) {
            return Answer::Refused(refusal);
        }
        let placed = erasure.redactions.into_iter().filter_map(|one| Some((*places.get(&one.version)?, one.body)));
        self.draft.batch.redactions.extend(placed);
        let last = self.next_place();
        self.note(erasure.event, now);
        Answer::Logged { last }
    }

    fn note(&mut self, event: JournalEvent, now: Timestamp) -> Answer {
        let recorded = self.working.journal(event, now);
        self.record(vec![recorded]);
        Answer::Done
    }

    /// The place in the log that the next decided event takes.
    fn next_place(&self) -> u64 {
        let flying = self.flight.as_ref().map_or(0, |flight| flight.recorded.len());
        self.size + (flying + self.draft.recorded.len()) as u64
    }

    /// What is decided next is decided by `setting`. Running incidents keep their policies; people are looked up in the new roster,
    /// so one that open incidents end at must still be reachable: else nobody would be paged in the end.
    fn reconfigure(&mut self, setting: Arc<Setting>, event: JournalEvent, now: Timestamp) -> Answer {
        let reaches = |roster: &Roster, id| roster.people.get(id).is_some_and(|person| !person.contacts.is_empty());
        let open = self.working.incidents().filter(|incident| incident.phase().is_open());
        let lost = open.filter_map(|incident| {
            let fallback = &incident.escalation().policy.fallback;
            let lost = reaches(&self.parts.setting.roster, fallback) && !reaches(&setting.roster, fallback);
            lost.then(|| (incident.id(), fallback.clone()))
        });
        let stranded: Vec<(IncidentId, PersonId)> = lost.collect();
        if !stranded.is_empty() {
            return Answer::Stranded(stranded);
        }
        self.draft.setting = Some(Arc::clone(&setting));
        self.parts.setting = setting;
        self.note(event, now)
    }

    /// Applies decided events to the working board and puts them into the draft. What `decide` wrote, `apply` must accept: a
    /// refusal here is a defect, and the event is left out rather than stored, so that the log can always be folded.
    fn record(&mut self, recorded: Vec<Recorded>) {
        for one in recorded {
            let seen = signals::about(&one.body).and_then(|id| self.working.signal(&id)).map(|signal| signal.observed);
            if let Stream::Incident(id) = one.stream {
                self.draft.deadlines.entry(id).or_insert_with(|| deadline(&self.working, id));
            }
            if let Err(error) = self.working.apply(&one) {
                tracing::error!(%error, stream = %one.stream, "left out an event that does not fold");
                continue;
            }
            let index = self.next_place();
            let incident = match one.stream {
                Stream::Incident(id) => self.working.incident(id),
                Stream::Journal => None,
            };
            self.draft.add(one, index, seen, incident, &mut *self.parts.salts);
        }
    }

    /// Signs the draft.
    fn seal(&self, draft: Draft) -> Result<(Batch, Flight), EngineError> {
        let Draft { mut batch, recorded, leaves, deadlines, setting, broken: _ } = draft;
        let mut frontier = self.frontier.clone();
        for leaf in &leaves {
            frontier.append(*leaf);
        }
        let mut head = read(&self.published.head).clone();
        if !recorded.is_empty() {
            let root = frontier.root();
            let size = self.size + recorded.len() as u64;
            let note = checkpoint::sign_checkpoint(size, &root, &self.parts.signer)?;
            batch.checkpoint = Some(note.clone());
            head = LogHead { size, root: to_hex(root.bytes()), checkpoint: Some(note) };
        }
        let now = deadlines.into_iter().map(|(id, before)| (id, before, deadline(&self.working, id)));
        batch.timers =
            now.filter(|(_, before, now)| before != now).map(|(id, _, now)| (Stream::Incident(id), now)).collect();
        let rings = !batch.outgoing.is_empty();
        let board = Arc::new(self.working.clone());
        Ok((batch, Flight { recorded, board, leaves, head, frontier, rings, setting }))
    }

    fn publish(&mut self, flight: Flight) {
        let Flight { recorded, board, leaves, head, frontier, rings, setting } = flight;
        if let Some(setting) = setting {
            self.setting = setting;
        }
        let before = std::mem::replace(&mut *write(&self.published.board), board);
        // Given back outside the lock.
        drop(before);
        self.size = head.size;
        self.frontier = frontier;
        // Before the news: who is told and looks sees where the log stands.
        self.published.tree.extend(leaves);
        *write(&self.published.head) = head;
        self.tell(recorded, rings);
    }

    /// Tells who watches what the last events of the log are.
    fn tell(&self, recorded: Vec<Arc<Recorded>>, rings: bool) {
        metrics::counter!("quarterdeck_log_events_total").increment(recorded.len() as u64);
        let first = self.size.saturating_sub(recorded.len() as u64);
        for (index, recorded) in (first..).zip(recorded) {
            // Nobody listening is no fault: the board has it.
            drop(self.published.news.send(News { index, recorded }));
        }
        if rings {
            self.published.outbox.notify_one();
        }
    }

    /// Folds the stored log anew and says whether it gives the published board.
    pub async fn refold(&self) -> Result<bool, StartError> {
        let mut board = Board::default();
        let mut from = 0;
        loop {
            let events = self.store.events(from, FOLD_EVENTS).await?;
            let Some(last) = events.last() else { break };
            from = last.index + 1;
            for event in &events {
                if let Some(recorded) = recorded_of(event)? {
                    let index = event.index;
                    board.apply(&recorded).map_err(|source| StartError::Illegal { index, source })?;
                }
            }
        }
        Ok(board == *self.published.board() && from == self.size)
    }
}

fn deadline(board: &Board, incident: IncidentId) -> Option<Timestamp> {
    board.incident(incident).and_then(quarterdeck_core::duty::next_deadline)
}

/// Folds the history of an incident anew, as it is stored now.
async fn forget(store: &dyn Store, board: &mut Board, stream: &Stream) -> Result<(), StartError> {
    let stored = store.stream(&stream.to_string()).await?;
    let history = stored.iter().filter_map(|event| recorded_of(event).transpose()).collect::<Result<Vec<_>, _>>()?;
    if let Some(Err(refusal)) = fold_stream(&history).map(|incident| board.put_redacted(incident)) {
        tracing::error!(%refusal, "what was erased is still in memory");
    }
    Ok(())
}

/// The incident that its whole history makes; none: it does not fold, which is told.
fn fold_stream(history: &[Recorded]) -> Option<Incident> {
    let Stream::Incident(id) = history.first()?.stream else { return None };
    let events = history.iter().filter_map(|one| match &one.body {
        Body::Incident(event) => Some((one.version, one.at, event)),
        Body::Journal(_) => None,
    });
    Incident::fold(id, events).inspect_err(|error| tracing::error!(%error, "a redacted history does not fold")).ok()
}

/// The leaf of a stored event.
pub fn entry_of(event: &StoredEvent) -> Result<Entry, StartError> {
    Entry::with_digest(&event.stream, event.version, &event.at.to_string(), event.digest)
        .map_err(|error| StartError::Unreadable { index: event.index, detail: error.to_string() })
}

/// The event behind a stored row; none where it was erased.
pub fn recorded_of(event: &StoredEvent) -> Result<Option<Recorded>, StartError> {
    let unreadable = |detail: String| StartError::Unreadable { index: event.index, detail };
    let Some(json) = event.content.json() else { return Ok(None) };
    let stream: Stream = event.stream.parse().map_err(|_| unreadable(format!("stream `{}`", event.stream)))?;
    let body = Body::from_json(&stream, json).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(Recorded { stream, version: event.version, at: event.at, body }))
}

fn check_head(note: Option<&str>, parts: &Parts, size: u64, frontier: &Frontier) -> Result<(), StartError> {
    let tampered = |detail: String| StartError::Tampered { size, detail };
    match note {
        None if size == 0 => Ok(()),
        None => Err(tampered("there is no checkpoint".to_owned())),
        Some(note) => {
            let signed = Checkpoint::open(note.as_bytes(), parts.signer.verifier())
                .map_err(|error| tampered(error.to_string()))?;
            if signed.size() == size && signed.root() == frontier.root() {
                Ok(())
            } else {
                let detail =
                    format!("it is signed for {} events with root {}", signed.size(), to_hex(signed.root().bytes()));
                Err(tampered(detail))
            }
        }
    }
}

/// Reads behind a lock that a panicking reader may have poisoned: the data is a fold and stays right.
pub fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}
