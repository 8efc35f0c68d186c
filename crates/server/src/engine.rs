//! The only write path: decide, append, publish.
//!
//! One engine owns the board. Callers hand it [`Work`]; it takes what waits, decides all of it against one working board, makes
//! the events durable with their leaves and a signed checkpoint in one transaction, and only then publishes and answers. A caller
//! that got an answer can be sure that it survives a power cut. If the transaction fails nothing is published, every caller gets
//! the error, and the working board is put back to what is durable.
//!
//! Two boards are kept: `working` runs ahead by the batch that is being written; `published` is the fold of what is durable, and
//! the only one that readers see. Both are folds of the same events, so a difference between them is a defect
//! ([`Engine::refold`] is what the harness calls after every end-to-end test).

use std::{
    collections::BTreeSet,
    sync::{Arc, RwLock},
    time::Duration,
};

use quarterdeck_core::{
    board::{Board, Fate},
    correlate::Setting,
    id::{IdSource, IncidentId, PageId, SignalId, SilenceId},
    incident::{Actor, Command, IllegalHistory, Incident, IncidentEvent, PageOutcome, PageRecord, Refusal},
    journal::{Body, JournalEvent, Recorded, Stream},
    signal::{Fingerprint, SignalChange, SignalStatus},
    silence::{BadSilence, Silence},
    time::Timestamp,
};
use quarterdeck_ledger::{
    checkpoint::{self, Checkpoint},
    hash::to_hex,
    leaf::{Entry, EntryError},
    note::{NoteError, SignerKey},
    tree::Frontier,
};
use tokio::sync::{broadcast, oneshot};

use crate::store::{Batch, OutboxPage, SignalRow, SignalUpdate, Store, StoreError, StoredEvent};

/// What the engine is asked to do.
#[derive(Debug)]
pub enum Work {
    /// Signals came or changed. Cursors and snapshots are kept in the same transaction, so a source goes on exactly where its
    /// signals are durable.
    Hear {
        /// The changes, in order.
        changes: Vec<SignalChange>,
        /// Where sources stand after them.
        cursors: Vec<(String, String)>,
        /// What detectors learned up to there.
        snapshots: Vec<(String, Vec<u8>)>,
    },
    /// A command on an incident.
    Command {
        /// Which.
        incident: IncidentId,
        /// What.
        command: Command,
    },
    /// What became of a page.
    Settle {
        /// Which.
        page: PageId,
        /// What.
        outcome: PageOutcome,
        /// From hand-over to answer.
        latency: Duration,
    },
    /// What became of an all-clear.
    SettleAllClear {
        /// Its place in the outbox.
        page: OutboxPage,
        /// What.
        outcome: PageOutcome,
    },
    /// Something of the product itself, for the log.
    Journal(JournalEvent),
    /// Set a silence.
    Silence(Silence),
    /// End a silence now.
    Unsilence {
        /// Which.
        id: SilenceId,
        /// Who.
        by: Actor,
    },
    /// Only look what is due.
    Wake,
}

/// What came of it. Given only once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One fate for each change, in order.
    Heard(Vec<Fate>),
    /// Done; the incident's version after it.
    Done,
    /// No.
    Refused(Refusal),
    /// The silence cannot be.
    BadSilence(BadSilence),
    /// There is no such silence in force.
    NoSuchSilence(SilenceId),
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The store did not take it. Nothing happened; ask again.
    #[error("make it durable: {0}")]
    Store(Arc<StoreError>),
    /// An event that cannot be a leaf: a defect of ours.
    #[error("make a leaf: {0}")]
    Leaf(String),
    /// The program is stopping.
    #[error("the engine has stopped")]
    Stopped,
}

impl From<EntryError> for EngineError {
    fn from(error: EntryError) -> Self {
        Self::Leaf(error.to_string())
    }
}
impl From<NoteError> for EngineError {
    fn from(error: NoteError) -> Self {
        Self::Leaf(error.to_string())
    }
}

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
        /// How.
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
    /// Events.
    pub size: u64,
    /// Root in lower-case hex.
    pub root: String,
    /// The signed checkpoint.
    pub checkpoint: Option<String>,
}

/// What readers see: the durable board and where the log stands.
pub struct Published {
    /// The fold of all durable events.
    pub board: RwLock<Board>,
    /// Where the log stands.
    pub head: RwLock<LogHead>,
    /// News, for server-sent events and wake-ups. A slow listener misses some and reads the board instead.
    pub news: broadcast::Sender<News>,
}

/// News kept for slow listeners: a storm's worth; who is slower reads the board.
const NEWS_KEPT: usize = 4_096;
/// Events read at once while folding.
const FOLD_EVENTS: usize = 10_000;

/// The engine. Lives in one task (or in a simulation's hands); see `loops/engine.rs` for the task.
pub struct Engine {
    store: Arc<dyn Store>,
    parts: Parts,
    working: Board,
    published: Arc<Published>,
    frontier: Frontier,
    size: u64,
}

impl Engine {
    /// Folds the stored log, checks it against its checkpoint, and stands ready.
    pub async fn start(store: Arc<dyn Store>, parts: Parts) -> Result<Self, StartError> {
        let mut board = Board::default();
        let mut frontier = Frontier::default();
        let mut size = 0;
        loop {
            let events = store.events(size, FOLD_EVENTS).await?;
            if events.is_empty() {
                break;
            }
            for event in events {
                let index = event.index;
                frontier.append(entry_of(&event)?.leaf_hash());
                if let Some(recorded) = recorded_of(&event)? {
                    board.apply(&recorded).map_err(|source| StartError::Illegal { index, source })?;
                }
                size = index + 1;
            }
        }
        let checkpoint = store.checkpoint().await?;
        let root = to_hex(frontier.root().bytes());
        check_head(checkpoint.as_deref(), &parts, size, &frontier)?;
        let (news, _) = broadcast::channel(NEWS_KEPT);
        let published = Arc::new(Published {
            board: RwLock::new(board.clone()),
            head: RwLock::new(LogHead { size, root, checkpoint }),
            news,
        });
        Ok(Self { store, parts, working: board, published, frontier, size })
    }

    /// What readers see.
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.working.next_deadline()
    }

    /// Takes up another configuration. Running incidents keep their frozen policies.
    pub fn configure(&mut self, setting: Arc<Setting>) {
        self.parts.setting = setting;
    }

    /// Decides all of `work` and everything that is due, in this order, as one transaction. One answer for each piece of work.
    pub async fn step(&mut self, work: Vec<Work>, now: Timestamp) -> Result<Vec<Answer>, EngineError> {
        let mut draft = Draft::default();
        let answers = work.into_iter().map(|piece| self.decide(piece, now, &mut draft)).collect();
        self.carry_out_duties(now, &mut draft);
        if draft.is_empty() {
            return Ok(answers);
        }
        let sealed = self.seal(&draft);
        let (batch, head, frontier) = match sealed {
            Ok(sealed) => sealed,
            Err(error) => {
                self.working = read(&self.published.board).clone();
                return Err(error);
            }
        };
        match self.store.append(batch).await {
            Ok(()) => {
                self.publish(draft.recorded, head, frontier);
                Ok(answers)
            }
            Err(error) => {
                self.working = read(&self.published.board).clone();
                Err(EngineError::Store(Arc::new(error)))
            }
        }
    }

    fn decide(&mut self, piece: Work, now: Timestamp, draft: &mut Draft) -> Answer {
        match piece {
            Work::Hear { changes, cursors, snapshots } => {
                draft.cursors.extend(cursors);
                draft.snapshots.extend(snapshots);
                let fates = changes.iter().map(|change| self.hear(change, now, draft)).collect();
                Answer::Heard(fates)
            }
            Work::Command { incident, command } => {
                let decided = self.working.command(incident, command, &self.parts.setting, now, &mut *self.parts.ids);
                self.take(decided, draft)
            }
            Work::Settle { page, outcome, latency } => {
                draft.settled.push(page);
                let Some(incident) = self.working.incident_of_page(page).map(Incident::id) else { return Answer::Done };
                let command = Command::SettlePage { page, outcome, latency };
                let decided = self.working.command(incident, command, &self.parts.setting, now, &mut *self.parts.ids);
                self.take(decided, draft)
            }
            Work::SettleAllClear { page, outcome } => {
                draft.settled.push(page.page);
                let OutboxPage { incident, person, channel, .. } = page;
                let event = JournalEvent::AllClearSettled { incident, person, channel, outcome };
                let recorded = self.working.journal(event, now);
                self.record(vec![recorded], draft);
                Answer::Done
            }
            Work::Journal(event) => {
                let recorded = self.working.journal(event, now);
                self.record(vec![recorded], draft);
                Answer::Done
            }
            Work::Silence(silence) => match self.working.set_silence(silence, now) {
                Ok(recorded) => {
                    self.record(vec![recorded], draft);
                    Answer::Done
                }
                Err(bad) => Answer::BadSilence(bad),
            },
            Work::Unsilence { id, by } => match self.working.expire_silence(id, by, now) {
                Some(recorded) => {
                    self.record(vec![recorded], draft);
                    Answer::Done
                }
                None => Answer::NoSuchSilence(id),
            },
            Work::Wake => Answer::Done,
        }
    }

    fn hear(&mut self, change: &SignalChange, now: Timestamp, draft: &mut Draft) -> Fate {
        let (recorded, fate) = self.working.take_signal(change, &self.parts.setting, now, &mut *self.parts.ids);
        draft.note_signal(change, &fate, now, &self.working);
        self.record(recorded, draft);
        fate
    }

    fn take(&mut self, decided: Result<Vec<Recorded>, Refusal>, draft: &mut Draft) -> Answer {
        match decided {
            Ok(recorded) => {
                self.record(recorded, draft);
                Answer::Done
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn carry_out_duties(&mut self, now: Timestamp, draft: &mut Draft) {
        for incident in self.working.due(now) {
            let recorded = self.working.carry_out(incident, &self.parts.setting, now, &mut *self.parts.ids);
            self.record(recorded, draft);
        }
    }

    /// Applies decided events to the working board. What `decide` wrote, `apply` must accept: a refusal here is a defect, and
    /// the event is left out rather than stored, so that the log can always be folded.
    fn record(&mut self, recorded: Vec<Recorded>, draft: &mut Draft) {
        for one in recorded {
            match self.working.apply(&one) {
                Ok(()) => draft.recorded.push(Arc::new(one)),
                Err(error) => tracing::error!(%error, stream = %one.stream, "left out an event that does not fold"),
            }
        }
    }

    /// Salts, digests and signs: the draft as one transaction.
    fn seal(&mut self, draft: &Draft) -> Result<(Batch, LogHead, Frontier), EngineError> {
        let mut frontier = self.frontier.clone();
        let mut batch = Batch {
            cursors: draft.cursors.clone(),
            snapshots: draft.snapshots.clone(),
            signals: draft.signals.clone(),
            signal_updates: draft.signal_updates.clone(),
            settled: draft.settled.clone(),
            ..Batch::default()
        };
        let mut touched = BTreeSet::new();
        for (index, recorded) in (self.size..).zip(&draft.recorded) {
            let body = recorded.body.to_json().map_err(|error| EngineError::Leaf(error.to_string()))?;
            let salt = self.parts.salts.fresh();
            let stream = recorded.stream.to_string();
            let entry = Entry::seal(&stream, recorded.version, &recorded.at.to_string(), &salt, body.as_bytes())?;
            frontier.append(entry.leaf_hash());
            if let (Stream::Incident(id), Body::Incident(event)) = (&recorded.stream, &recorded.body) {
                touched.insert(*id);
                batch.pages.extend(outbox_page(*id, recorded.at, event));
                batch.pages.extend(self.all_clear(*id, recorded.at, event));
            }
            let (version, at) = (recorded.version, recorded.at);
            batch.events.push(StoredEvent {
                index,
                stream,
                version,
                at,
                content: Some((body, salt)),
                digest: *entry.digest(),
            });
        }
        let deadline = |id: &IncidentId| self.working.incident(*id).and_then(quarterdeck_core::duty::next_deadline);
        batch.timers = touched.iter().map(|id| (*id, deadline(id))).collect();
        let size = self.size + draft.recorded.len() as u64;
        let root = frontier.root();
        let note = checkpoint::sign_checkpoint(size, &root, &self.parts.signer)?;
        if !draft.recorded.is_empty() {
            batch.checkpoint = Some(note.clone());
        }
        Ok((batch, LogHead { size, root: to_hex(root.bytes()), checkpoint: Some(note) }, frontier))
    }

    /// Everybody whom a page of the incident reached is told, by the same way, that it is over. The event is the intent.
    fn all_clear(&self, id: IncidentId, at: Timestamp, event: &IncidentEvent) -> Vec<OutboxPage> {
        if !matches!(event, IncidentEvent::Resolved { .. } | IncidentEvent::MergedInto { .. }) {
            return Vec::new();
        }
        let Some(incident) = self.working.incident(id) else { return Vec::new() };
        let mut told = BTreeSet::new();
        let reached =
            incident.pages().values().filter(|page| !matches!(page.outcome, Some(PageOutcome::Failed { .. })));
        let new = reached.filter(|page| told.insert((&page.person, &page.channel, &page.address)));
        let row = |page: &PageRecord| OutboxPage {
            page: PageId::digest(&[page.id.bytes(), b"all clear", &incident.version().to_be_bytes()]),
            incident: id,
            person: page.person.clone(),
            channel: page.channel.clone(),
            address: page.address.clone(),
            not_before: at,
            attempts: 0,
            under_way: false,
        };
        new.map(row).collect()
    }

    fn publish(&mut self, recorded: Vec<Arc<Recorded>>, head: LogHead, frontier: Frontier) {
        metrics::counter!("quarterdeck_log_events_total").increment(recorded.len() as u64);
        {
            let mut board = write(&self.published.board);
            for one in &recorded {
                if let Err(error) = board.apply(one) {
                    tracing::error!(%error, stream = %one.stream, "the published board cannot follow the log");
                }
            }
        }
        let first = self.size;
        self.size = head.size;
        self.frontier = frontier;
        // Before the news: who is told and looks sees where the log stands.
        *write(&self.published.head) = head;
        for (index, recorded) in (first..).zip(recorded) {
            // Nobody listening is no fault: the board has it.
            drop(self.published.news.send(News { index, recorded }));
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
        Ok(board == *read(&self.published.board) && from == self.size)
    }
}

/// The leaf of a stored event.
pub fn entry_of(event: &StoredEvent) -> Result<Entry, StartError> {
    Entry::with_digest(&event.stream, event.version, &event.at.to_string(), event.digest)
        .map_err(|error| StartError::Unreadable { index: event.index, detail: error.to_string() })
}

/// The event behind a stored row; none where it was erased.
pub fn recorded_of(event: &StoredEvent) -> Result<Option<Recorded>, StartError> {
    let unreadable = |detail: String| StartError::Unreadable { index: event.index, detail };
    let Some((json, _)) = &event.content else { return Ok(None) };
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

fn outbox_page(incident: IncidentId, at: Timestamp, event: &IncidentEvent) -> Option<OutboxPage> {
    let IncidentEvent::PageRequested { page, person, channel, address, .. } = event else { return None };
    Some(OutboxPage {
        page: *page,
        incident,
        person: person.clone(),
        channel: channel.clone(),
        address: address.clone(),
        not_before: at,
        attempts: 0,
        under_way: false,
    })
}

/// What one step will write.
#[derive(Default)]
struct Draft {
    recorded: Vec<Arc<Recorded>>,
    signals: Vec<SignalRow>,
    signal_updates: Vec<SignalUpdate>,
    settled: Vec<PageId>,
    cursors: Vec<(String, String)>,
    snapshots: Vec<(String, Vec<u8>)>,
}

impl Draft {
    fn is_empty(&self) -> bool {
        self.recorded.is_empty()
            && self.signals.is_empty()
            && self.signal_updates.is_empty()
            && self.settled.is_empty()
            && self.cursors.is_empty()
            && self.snapshots.is_empty()
    }

    fn note_signal(&mut self, change: &SignalChange, fate: &Fate, now: Timestamp, board: &Board) {
        let mut update = |id, status| self.signal_updates.push(SignalUpdate { id, status });
        match change {
            SignalChange::Raised { signal } if !matches!(fate, Fate::Repeated(_)) => {
                let json = serde_json::to_string(&**signal).unwrap_or_default();
                self.signals.push(SignalRow {
                    id: signal.id,
                    fingerprint: signal.fingerprint,
                    status: signal.status,
                    incident: incident_of(fate),
                    fate: words(fate),
                    observed: now,
                    json,
                });
            }
            SignalChange::Raised { .. } => {}
            SignalChange::Confirmed { id } => update(*id, SignalStatus::Confirmed),
            SignalChange::Retracted { id, .. } => update(*id, SignalStatus::Retracted),
            SignalChange::Ended { fingerprint, .. } => {
                for id in standing(board, fate, *fingerprint) {
                    update(id, SignalStatus::Ended);
                }
            }
        }
    }
}

/// The incident that a signal opened or joined.
pub fn incident_of(fate: &Fate) -> Option<IncidentId> {
    match fate {
        Fate::Opened(id)
        | Fate::Attached(id)
        | Fate::Repeated(id)
        | Fate::Confirmed(id)
        | Fate::Retracted(id)
        | Fate::Ended(id) => Some(*id),
        Fate::Silenced(_) | Fate::Noted | Fate::Unknown => None,
    }
}

/// What became of a signal, as a person reads it.
pub fn words(fate: &Fate) -> String {
    match fate {
        Fate::Opened(id) => format!("opened {id}"),
        Fate::Attached(id) => format!("joined {id}"),
        Fate::Repeated(id) => format!("repeats what {id} knows"),
        Fate::Confirmed(id) => format!("stands for good on {id}"),
        Fate::Retracted(id) => format!("was undone on {id}"),
        Fate::Ended(id) => format!("is over on {id}"),
        Fate::Silenced(id) => format!("silenced by {id}"),
        Fate::Noted => "too quiet to open an incident".to_owned(),
        Fate::Unknown => "was never raised here".to_owned(),
    }
}

/// The signals of a claim that still stand, where its end is heard.
fn standing(board: &Board, fate: &Fate, fingerprint: Fingerprint) -> Vec<SignalId> {
    let attached = incident_of(fate).and_then(|id| board.incident(id)).into_iter();
    let attached = attached.flat_map(|incident| incident.of_claim(fingerprint).map(|one| one.signal.id));
    let loose = board.loose_signals().filter(|one| one.signal.fingerprint == fingerprint).map(|one| one.signal.id);
    if matches!(fate, Fate::Noted) { loose.collect() } else { attached.collect() }
}

/// Reads behind a lock that a panicking reader may have poisoned: the data is a fold and stays right.
pub fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A piece of work with the place to answer to.
pub struct Job {
    /// What.
    pub work: Work,
    /// Where to.
    pub reply: oneshot::Sender<Result<Answer, EngineError>>,
}
