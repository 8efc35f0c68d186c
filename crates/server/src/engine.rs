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
pub mod replay;
mod published;
pub mod vouching;
pub mod kept;
pub mod signals;
mod draft;
mod erase;
mod keep;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quarterdeck_core::{
    board::{Board, Fate, Misfit},
    id::{IdSource, IncidentId, PersonId},
    incident::{Command, LifeCommand, PageOutcome, PagingCommand, Refusal},
    journal::{JournalEvent, Recorded, Stream},
    outbox::{Audience, Delivery, DeliveryKind},
    policy::Roster,
    setting::Setting,
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_ledger::{
    checkpoint::{self, Checkpoint},
    hash::{Hash, to_hex},
    note::SignerKey,
    tree::Frontier,
};

use self::{draft::Draft, kept::TakenUp, published::write, replay::Replay};
pub use self::{
    erase::{next_of_kin, touched},
    published::{Doubt, LogHead, News, Published, Standing, Subject, read},
    replay::{LoadError, body_opens, entry_of, recorded_of},
    work::{Answer, EngineError, Job, Keep, StartError, Work, incident_of, words},
};
use quarterdeck_store::{Batch, Outgoing, Store, StoreError};

use crate::log_tree::Nodes;

/// What the engine is made of besides the store: everything that differs between the world and a simulation.
pub struct Surroundings {
    /// Configuration as a value.
    pub setting: Arc<Setting>,
    /// Fresh identifiers.
    pub ids: Box<dyn IdSource + Send>,
    /// Salts of leaves. Not the same source: a leaked identifier must not tell a salt.
    pub salts: Box<dyn IdSource + Send>,
    /// Signs checkpoints.
    pub signer: SignerKey,
}

/// A transaction that the store has and has not answered for.
struct Flight {
    recorded: Vec<Arc<Recorded>>,
    /// The fold of everything up to it.
    board: Arc<Board>,
    leaves: Vec<Hash>,
    head: LogHead,
    frontier: Frontier,
    outgoing: Vec<Outgoing>,
    /// The configuration from it on, if it changed.
    setting: Option<Arc<Setting>>,
}

/// The engine. Lives in one task (or in a simulation's hands); see `loops/engine.rs` for the task.
pub struct Engine {
    store: Arc<dyn Store>,
    /// With the configuration that is decided by: it runs ahead like `working`.
    parts: Surroundings,
    /// The configuration whose event is durable.
    setting: Arc<Setting>,
    working: Board,
    published: Arc<Published>,
    /// Of what is durable.
    frontier: Frontier,
    /// How many events are durable.
    size: u64,
    /// When the last durable event that we wrote was decided. What happened before is in the store.
    settled: Timestamp,
    flight: Option<Flight>,
    draft: Draft,
    /// How many events were not read, because a board was kept that is the fold of them.
    unread: u64,
    /// The board that readers saw before. Given back when the store has its next batch: it takes a while, and the store need not wait.
    retired: Option<Arc<Board>>,
}

impl Engine {
    /// Takes up the board that was kept and folds what came after it, or folds the whole stored log; checks it against its
    /// checkpoint, and stands ready. What cannot be followed of it is set aside, and told with the first thing that is decided.
    pub async fn start(store: Arc<dyn Store>, parts: Surroundings) -> Result<Self, StartError> {
        let published = Arc::new(Published::new(Arc::clone(&store)));
        let (working, frontier, size) = (Board::default(), Frontier::default(), 0);
        let (flight, draft, settled, retired) = (None, Draft::default(), Timestamp::default(), None);
        let setting = Arc::clone(&parts.setting);
        let unread = 0;
        let mut engine =
            Self { store, parts, setting, working, published, frontier, size, settled, flight, draft, unread, retired };
        match kept::take_up(&*engine.store).await {
            Ok(Some(taken)) => {
                let TakenUp { board, nodes, frontier, size } = taken;
                engine.stand(board, nodes, frontier, size);
                match engine.catch_up().await {
                    Ok(()) => {
                        engine.unread = size;
                        return Ok(engine);
                    }
                    Err(error @ StartError::Store(_)) => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, "the board that was kept does not go with the log: folding the whole log");
                    }
                }
                engine.stand(Board::default(), Nodes::default(), Frontier::default(), 0);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the board that was kept is not taken up: folding the whole log"),
        }
        engine.catch_up().await?;
        Ok(engine)
    }

    /// How many events the start did not read, because a board was kept that is said to be the fold of them.
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Makes all of it of this moment.
    fn stand(&mut self, board: Board, nodes: Nodes, frontier: Frontier, size: u64) {
        let _moving = self.published.moving();
        *write(&self.published.board) = Arc::new(board);
        self.published.tree.set(nodes);
        (self.frontier, self.size) = (frontier, size);
    }

    /// Folds what the store has beyond what we know: everything at the start, and what was written although we were told that it
    /// was not. Forgets all that is not durable. On error nothing has changed.
    async fn catch_up(&mut self) -> Result<(), StartError> {
        let board = (*self.published.board()).clone();
        let rules = &self.parts.setting.rules;
        let mut replay = Replay::new(&*self.store, rules, board, self.frontier.clone(), self.size);
        replay.run().await?;
        // What was folded before it was erased is still here whole; at the start all of it was read as it is.
        if self.size > 0 {
            replay.forget_erased().await?;
        }
        let Replay { board, frontier, leaves, size, .. } = replay;
        let checkpoint = self.store.checkpoint().await?;
        check_head(checkpoint.as_deref(), &self.parts, size, &frontier)?;
        let root = to_hex(frontier.root().bytes());
        self.draft = Draft::default();
        self.parts.setting = Arc::clone(&self.setting);
        self.working = board.clone();
        (self.frontier, self.size) = (frontier, size);
        let _moving = self.published.moving();
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
        self.warm(&work, now).await?;
        let answers = self.decide(work, now);
        if let Some(batch) = self.hand_over()? {
            let appended = self.store.append(batch).await;
            self.land(appended).await?;
        }
        Ok(answers)
    }

    /// Brings back the cold incidents that this work touches. To be called before it is decided.
    pub async fn warm(&mut self, work: &[Work], now: Timestamp) -> Result<(), EngineError> {
        let mut wanted = BTreeSet::new();
        for piece in work {
            match piece {
                Work::Hear { changes, .. } => {
                    let rules = &self.parts.setting.rules;
                    wanted.extend(changes.iter().flat_map(|change| self.working.wanted(change, rules, now)));
                }
                Work::Command { incident, command: Command::Life(LifeCommand::MergeInto { into, .. }) } => {
                    wanted.extend([*incident, *into]);
                }
                Work::Command { incident, .. } => {
                    wanted.insert(*incident);
                }
                Work::Settle { delivery, .. } => {
                    wanted.insert(delivery.incident);
                }
                Work::Keep(keep) => {
                    wanted.insert(keep.incident);
                }
                Work::Erase { history, .. } => {
                    for id in touched(history) {
                        self.warm_kin(id).await?;
                    }
                }
                Work::Journal(_)
                | Work::Damaged { .. }
                | Work::PutRight(_)
                | Work::Reconfigure { .. }
                | Work::Silence(_)
                | Work::Unsilence { .. }
                | Work::Wake => {}
            }
        }
        for id in wanted {
            self.warm_one(id).await?;
        }
        Ok(())
    }

    async fn warm_one(&mut self, id: IncidentId) -> Result<(), EngineError> {
        if self.working.cold(id).is_none() {
            return Ok(());
        }
        let damage = replay::warm(&mut self.working, &*self.store, id, u64::MAX).await;
        if let Some(reason) = damage.map_err(|error| EngineError::Store(Arc::new(error)))? {
            tracing::error!(%id, reason, "a stored history cannot be followed");
            self.working.set_aside(id, &reason);
        }
        Ok(())
    }

    /// Decides all of `work` and everything that is due, in this order, on top of what was decided before. One answer for each
    /// piece of work, to be given when what it rests on is durable: after the next batch that is handed over has landed.
    pub fn decide(&mut self, work: Vec<Work>, now: Timestamp) -> Vec<Answer> {
        self.retired = None;
        self.tell_damage(now);
        let answers = work.into_iter().map(|piece| self.decide_one(piece, now)).collect();
        for stream in self.working.due(now) {
            let recorded = self.working.carry_out(stream, &self.parts.setting, now, &mut *self.parts.ids);
            if let Err(misfit) = self.record(recorded) {
                self.set_aside(&misfit, now);
            }
        }
        self.working.cool(&self.parts.setting.rules, now.min(self.settled));
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
        // What was decided on top of it still holds if it is durable after all.
        let on_top = (std::mem::take(&mut self.draft), self.working.clone(), Arc::clone(&self.parts.setting));
        // An answer may be lost after the commit: what the store has, counts.
        if let Err(folding) = self.catch_up().await {
            tracing::error!(error = &folding as &dyn std::error::Error, "cannot see what the store has");
            self.fall_back();
        } else if !flight.recorded.is_empty() && *read(&self.published.head) == flight.head {
            tracing::warn!(%error, "the store has what it said it had not");
            (self.draft, self.working, self.parts.setting) = on_top;
            if let Some(setting) = flight.setting {
                self.setting = setting;
            }
            self.tell(flight.recorded, flight.outgoing);
            return Ok(());
        }
        self.published.leave().untold = true;
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
            Work::Keep(keep) => self.keep(*keep, now),
            Work::Erase { history, erasure } => self.erase(history, erasure, now),
            Work::Journal(event) => self.note(event, now),
            Work::Reconfigure { setting, event } => self.reconfigure(setting, event, now),
            Work::Silence(silence) => match self.working.set_silence(silence, &self.parts.setting, now) {
                Ok(recorded) => self.done(vec![recorded], now),
                Err(refusal) => Answer::Refused(refusal),
            },
            Work::Unsilence { id, by } => match self.working.expire_silence(id, by, now) {
                Ok(recorded) => self.done(vec![recorded], now),
                Err(refusal) => Answer::Refused(refusal),
            },
            Work::Damaged { subject, reason } => {
                match subject {
                    Ok(id) => self.working.set_aside(id, &reason),
                    Err(place) => self.working.pass_over(place, None, &reason),
                }
                self.tell_damage(now);
                Answer::Done
            }
            Work::PutRight(incident) => {
                // What was decided meanwhile is not lost: then it is no longer what was found.
                if self.working.row(incident.id()).is_none_or(|row| row.version <= incident.version()) {
                    self.working.put_right(&incident);
                }
                Answer::Done
            }
            Work::Wake => Answer::Done,
        }
    }

    fn hear(&mut self, change: &SignalChange, now: Timestamp) -> Fate {
        // Once more where the incident that it belongs to was set aside at it.
        for _ in 0..2 {
            let (recorded, fate) = self.working.take_signal(change, &self.parts.setting, now, &mut *self.parts.ids);
            match self.record(recorded) {
                Ok(()) => return fate,
                Err(misfit) => self.set_aside(&misfit, now),
            }
        }
        Fate::Unknown
    }

    fn command(&mut self, incident: IncidentId, command: Command, now: Timestamp) -> Answer {
        match self.working.command(incident, command, &self.parts.setting, now, &mut *self.parts.ids) {
            Ok(recorded) => self.done(recorded, now),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Takes a delivery out of the outbox and records what became of it: of a page in its incident, of an all-clear in the journal.
    fn settle(&mut self, delivery: Delivery, outcome: PageOutcome, latency: Duration, now: Timestamp) -> Answer {
        self.draft.batch.settled.push(delivery.id);
        if let Some(silence) = delivery.silence() {
            let recorded = self.working.settle_notice(silence, &delivery.to, outcome, &self.parts.setting, now);
            return self.done(recorded, now);
        }
        let Some(page) = delivery.page() else {
            let handed_over = delivery.kind == DeliveryKind::HandedOver;
            let (incident, Audience::Contact { person, channel, .. }) = (delivery.incident, delivery.to);
            return self.note(JournalEvent::AllClearSettled { incident, person, channel, outcome, handed_over }, now);
        };
        self.command(delivery.incident, Command::Paging(PagingCommand::SettlePage { page, outcome, latency }), now)
    }

    fn note(&mut self, event: JournalEvent, now: Timestamp) -> Answer {
        let recorded = self.working.journal(event, now);
        self.done(vec![recorded], now)
    }

    fn done(&mut self, recorded: Vec<Recorded>, now: Timestamp) -> Answer {
        let before = self.next_place();
        let Err(misfit) = self.record(recorded) else {
            let after = self.next_place();
            return if after > before { Answer::Logged { last: after - 1 } } else { Answer::Done };
        };
        self.set_aside(&misfit, now);
        match misfit.stream {
            Stream::Incident(id) => Answer::Refused(Refusal::SetAside { id, reason: misfit.reason }),
            // The whole batch is refused: see `set_aside`.
            Stream::Journal => Answer::Done,
        }
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

    /// Applies decided events to the working board and puts them into the draft: all of them, or none if one does not fold. What
    /// `decide` wrote, `apply` must accept; where it does not, that is a defect of ours, and the log must be foldable all the same.
    fn record(&mut self, recorded: Vec<Recorded>) -> Result<(), Misfit> {
        self.working.fits(&recorded)?;
        let setting = Arc::clone(&self.parts.setting);
        for one in recorded {
            let seen = signals::about(&one.body).and_then(|id| self.working.signal(&id)).map(|signal| signal.observed);
            let stream = one.stream;
            self.draft.deadlines.entry(stream).or_insert_with(|| self.working.deadline(stream));
            self.working.apply(&one).map_err(|error| Misfit { stream, reason: error.to_string() })?;
            let index = self.next_place();
            let incident = match stream {
                Stream::Incident(id) => self.working.incident(id),
                Stream::Journal => None,
            };
            self.draft.add(one, index, seen, incident, &setting.roster, &mut *self.parts.salts);
        }
        Ok(())
    }

    /// A decided event does not fold: its stream is set aside, and people are told. Without a journal nothing can be told, so then
    /// nothing of the batch happens.
    fn set_aside(&mut self, misfit: &Misfit, now: Timestamp) {
        let Misfit { stream, reason } = misfit;
        tracing::error!(%stream, reason, "a decided event does not fold");
        match stream {
            Stream::Incident(id) => {
                self.working.set_aside(*id, reason);
                self.tell_damage(now);
            }
            Stream::Journal => {
                self.draft.broken.get_or_insert(EngineError::Leaf(reason.clone()));
            }
        }
    }

    /// Writes into the journal what was set aside, and raises the signal by which people are paged for it.
    fn tell_damage(&mut self, now: Timestamp) {
        while let Some((event, signal)) = self.working.untold(now) {
            if let JournalEvent::StreamSetAside { incident, .. } = &event {
                // Nothing is owed to it any more, whatever the stored timers say.
                self.draft.deadlines.entry(Stream::Incident(*incident)).or_insert(Some(now));
            }
            let journalled = self.working.journal(event, now);
            if let Err(misfit) = self.record(vec![journalled]) {
                self.draft.broken.get_or_insert(EngineError::Leaf(misfit.reason));
                return;
            }
            let raised = SignalChange::Raised { signal };
            let (recorded, _) = self.working.take_signal(&raised, &self.parts.setting, now, &mut *self.parts.ids);
            if let Err(misfit) = self.record(recorded) {
                tracing::error!(stream = %misfit.stream, reason = misfit.reason, "nobody can be told of a damaged history");
            }
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
        let now = deadlines.into_iter().map(|(stream, before)| (stream, before, self.working.deadline(stream)));
        batch.timers = now.filter(|(_, before, now)| before != now).map(|(stream, _, now)| (stream, now)).collect();
        let outgoing = batch.outgoing.clone();
        let board = Arc::new(self.working.clone());
        Ok((batch, Flight { recorded, board, leaves, head, frontier, outgoing, setting }))
    }

    fn publish(&mut self, flight: Flight) {
        let Flight { recorded, board, leaves, head, frontier, outgoing, setting } = flight;
        if let Some(setting) = setting {
            self.setting = setting;
        }
        let moving = self.published.moving();
        self.retired = Some(std::mem::replace(&mut *write(&self.published.board), board));
        self.size = head.size;
        self.frontier = frontier;
        if let Some(last) = recorded.last() {
            self.settled = last.at;
        }
        // Before the news: who is told and looks sees where the log stands.
        self.published.tree.extend(leaves);
        *write(&self.published.head) = head;
        drop(moving);
        self.tell(recorded, outgoing);
    }

    /// Tells who watches what the last events of the log are.
    fn tell(&self, recorded: Vec<Arc<Recorded>>, outgoing: Vec<Outgoing>) {
        metrics::counter!("quarterdeck_log_events_total").increment(recorded.len() as u64);
        let first = self.size.saturating_sub(recorded.len() as u64);
        for (index, recorded) in (first..).zip(recorded) {
            // Nobody listening is no fault: the board has it.
            drop(self.published.news.send(News { index, recorded }));
        }
        if !outgoing.is_empty() {
            self.published.leave().rows.extend(outgoing);
            self.published.outbox.notify_one();
        }
    }

    /// Folds the stored log anew and says whether it gives the published board.
    pub async fn refold(&self) -> Result<bool, StartError> {
        let rules = &self.parts.setting.rules;
        let mut replay = Replay::new(&*self.store, rules, Board::default(), Frontier::default(), 0);
        replay.run().await?;
        Ok(replay.board == *self.published.board() && replay.size == self.size)
    }
}

fn check_head(note: Option<&str>, parts: &Surroundings, size: u64, frontier: &Frontier) -> Result<(), StartError> {
    let tampered = |detail: String| StartError::Tampered { size, detail };
    match note {
        None if size == 0 => Ok(()),
        None => Err(tampered("there is no checkpoint".to_owned())),
        Some(note) => {
            let signed = Checkpoint::open(note.as_bytes(), parts.signer.verifier())
                .map_err(|error| tampered(error.to_string()))?;
            if signed.size() == size && signed.root() == frontier.root() {
                return Ok(());
            }
            let root = to_hex(signed.root().bytes());
            Err(tampered(format!("it is signed for {} events with root {root}", signed.size())))
        }
    }
}
