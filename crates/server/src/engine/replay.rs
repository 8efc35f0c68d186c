//! From the stored log to the board. A history that cannot be read or does not fold is set aside here and the rest goes on; what is
//! over goes cold on the way, so that a long log needs no more memory to fold than to run.
//!
//! Tests: `tests/it/engine.rs`, `tests/it/damage.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::{
    board::Board,
    erasure,
    id::IncidentId,
    incident::Incident,
    journal::{Body, JournalEvent, Recorded, Stream},
    limits::COOLED_AT_ONCE_MAX,
    setting::Rules,
};
use quarterdeck_ledger::{
    hash::Hash,
    leaf::{Entry, body_digest},
    tree::Frontier,
};
use quarterdeck_store::{Content, Store, StoreError, StoredEvent};

use super::work::StartError;

/// Events read at once while folding.
const FOLD_EVENTS: usize = 10_000;

/// Why an incident could not be brought back from its stream.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store did not answer.
    #[error("read the history of an incident: {0}")]
    Store(#[from] StoreError),
    /// Its history cannot be followed.
    #[error("the history of {id} cannot be followed: {reason}")]
    Damaged {
        /// Which incident.
        id: IncidentId,
        /// What is wrong with it.
        reason: String,
    },
}

/// A board that takes in the stored log, event by event.
pub struct Replay<'a> {
    store: &'a dyn Store,
    rules: &'a Rules,
    /// The fold of the events taken in.
    pub board: Board,
    /// Of the events taken in.
    pub(super) frontier: Frontier,
    /// Of the events taken in since it began, or since somebody took them away.
    pub leaves: Vec<Hash>,
    /// Events taken in.
    pub size: u64,
    /// Of which streams something was erased by them.
    erased: BTreeSet<Stream>,
    /// Which events of the journal were erased by them.
    erased_notes: BTreeSet<u64>,
    /// Redactions among them: the place, and the digest of what is left. A later event says whether it is that.
    redacted: BTreeMap<(Stream, u64), (u64, String)>,
}

impl<'a> Replay<'a> {
    /// Goes on from a board that is the fold of the first `size` events.
    pub fn new(store: &'a dyn Store, rules: &'a Rules, board: Board, frontier: Frontier, size: u64) -> Self {
        Self {
            store,
            rules,
            board,
            frontier,
            leaves: Vec::new(),
            size,
            erased: BTreeSet::new(),
            erased_notes: BTreeSet::new(),
            redacted: BTreeMap::new(),
        }
    }

    /// Takes in everything that the store has beyond it.
    pub(super) async fn run(&mut self) -> Result<(), StartError> {
        while self.step(FOLD_EVENTS).await? {}
        self.check_redactions();
        Ok(())
    }

    /// Takes in the next events, at most `limit`. False: there was none.
    pub async fn step(&mut self, limit: usize) -> Result<bool, StartError> {
        let events = self.store.events(self.size, limit).await?;
        let Some(last) = events.last().map(|event| event.at) else { return Ok(false) };
        for event in &events {
            self.take(event).await?;
        }
        while self.board.cool(self.rules, last) == COOLED_AT_ONCE_MAX {}
        Ok(true)
    }

    /// Sets aside what is said to be left of an erased event, and is not what the log says is left of it.
    pub fn check_redactions(&mut self) {
        let redacted = std::mem::take(&mut self.redacted);
        for ((stream, version), (place, digest)) in &redacted {
            if !self.board.has_left(*stream, *version, digest) {
                self.set_aside(stream, (*place, *version), UNVOUCHED);
            }
        }
        self.redacted = redacted;
    }

    async fn take(&mut self, event: &StoredEvent) -> Result<(), StartError> {
        let leaf = entry_of(event)?.leaf_hash();
        self.frontier.append(leaf);
        self.leaves.push(leaf);
        self.size = event.index + 1;
        let stream = event.stream.parse::<Stream>();
        if let Ok(Stream::Incident(id)) = stream {
            if self.board.is_set_aside(id) {
                return Ok(());
            }
            if self.board.cold(id).is_some()
                && let Some(damage) = warm(&mut self.board, self.store, id, event.version).await?
            {
                self.set_aside(&Stream::Incident(id), (event.index, event.version), &damage);
                return Ok(());
            }
        }
        if let (Ok(stream), Content::Redacted { json }) = (&stream, &event.content) {
            self.redacted.insert((*stream, event.version), (event.index, erasure::digest(json)));
        }
        let taken = match recorded_of(event) {
            Ok(Some(recorded)) => {
                if let Body::Journal(JournalEvent::Erased { stream, events, .. }) = &recorded.body {
                    self.erased.insert(*stream);
                    let notes = events.iter().filter(|_| *stream == Stream::Journal).map(|event| event.version);
                    self.erased_notes.extend(notes);
                }
                self.board.apply(&recorded).map_err(|error| error.to_string())
            }
            Ok(None) if matches!(stream, Ok(Stream::Incident(_))) => {
                Err(format!("nothing is left of event {}", event.version))
            }
            Ok(None) => Ok(()),
            Err(StartError::Unreadable { detail, .. }) => {
                Err(format!("event {} is unreadable: {detail}", event.version))
            }
            Err(other) => return Err(other),
        };
        if let Err(reason) = taken {
            match stream {
                Ok(stream) => self.set_aside(&stream, (event.index, event.version), &reason),
                Err(_) => self.board.pass_over(event.index, None, &reason),
            }
        }
        Ok(())
    }

    /// Folds anew, as they are stored now, the histories of which something was erased.
    pub(super) async fn forget_erased(&mut self) -> Result<(), StartError> {
        for id in std::mem::take(&mut self.erased).into_iter().filter_map(Stream::incident) {
            // What is cold comes back as it is stored, and goes cold again as that.
            if self.board.cold(id).is_some() {
                if let Some(reason) = warm(&mut self.board, self.store, id, u64::MAX).await? {
                    tracing::error!(%id, reason, "what was erased is still in memory");
                }
                continue;
            }
            let stored = self.store.stream(&Stream::Incident(id).to_string()).await?;
            let history =
                stored.iter().filter_map(|event| recorded_of(event).transpose()).collect::<Result<Vec<_>, _>>()?;
            if let Some(Err(refusal)) = fold_stream(&history).map(|incident| self.board.put_redacted(incident)) {
                tracing::error!(%refusal, "what was erased is still in memory");
            }
        }
        for version in std::mem::take(&mut self.erased_notes) {
            let stored = self.store.stream_before(&Stream::Journal.to_string(), version.saturating_add(1), 1).await?;
            for recorded in stored.iter().filter_map(|event| recorded_of(event).transpose()) {
                self.board.put_redacted_note(&recorded?);
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, stream: &Stream, (place, version): (u64, u64), reason: &str) {
        tracing::error!(%stream, event = place, reason, "a stored history cannot be followed");
        match stream {
            Stream::Incident(id) => self.board.set_aside(*id, reason),
            Stream::Journal => self.board.pass_over(place, Some(version), reason),
        }
    }
}

/// The fold of everything that the store has.
pub async fn refold(store: &dyn Store, rules: &Rules) -> Result<Board, StartError> {
    let mut replay = Replay::new(store, rules, Board::default(), Frontier::default(), 0);
    replay.run().await?;
    Ok(replay.board)
}

/// An incident as its events before version `until` make it.
/// `vouching`: the board that says what is left of erased events; none: that is looked at later.
pub async fn load(
    store: &dyn Store,
    vouching: Option<&Board>,
    id: IncidentId,
    until: u64,
) -> Result<Arc<Incident>, LoadError> {
    let stored = store.stream(&Stream::Incident(id).to_string()).await?;
    let said = stored.iter().filter(|event| event.version < until).map(|event| {
        vouching.map_or(Ok(()), |board| vouched(board, event))?;
        recorded_of(event)
    });
    fold(id, said.filter_map(Result::transpose))
}

/// The incident that these events make.
pub(super) fn fold(
    id: IncidentId,
    history: impl Iterator<Item = Result<Recorded, StartError>>,
) -> Result<Arc<Incident>, LoadError> {
    let damaged = |reason: String| LoadError::Damaged { id, reason };
    let mut events = Vec::new();
    for recorded in history {
        let recorded = recorded.map_err(|error| damaged(error.to_string()))?;
        if let Recorded { version, at, body: Body::Incident(event), .. } = recorded {
            events.push((version, at, event));
        }
    }
    let events = events.iter().map(|(version, at, event)| (*version, *at, event));
    Incident::fold(id, events).map(Arc::new).map_err(|error| damaged(error.to_string()))
}

/// The incident that its whole history makes; none: it does not fold, which is told.
pub(super) fn fold_stream(history: &[Recorded]) -> Option<Incident> {
    let Stream::Incident(id) = history.first()?.stream else { return None };
    let events = history.iter().filter_map(|one| match &one.body {
        Body::Incident(event) => Some((one.version, one.at, event)),
        Body::Journal(_) => None,
    });
    Incident::fold(id, events).inspect_err(|error| tracing::error!(%error, "a redacted history does not fold")).ok()
}

/// Brings a cold incident back, as its events before version `until` make it. Says what is wrong with its history, if it cannot be.
pub(super) async fn warm(
    board: &mut Board,
    store: &dyn Store,
    id: IncidentId,
    until: u64,
) -> Result<Option<String>, StoreError> {
    let vouching = (until == u64::MAX).then_some(&*board);
    match load(store, vouching, id, until).await {
        Ok(incident) if board.warm(&incident) => Ok(None),
        Ok(_) => Ok(Some("its events are not those that were there before".to_owned())),
        Err(LoadError::Damaged { reason, .. }) => Ok(Some(reason)),
        Err(LoadError::Store(error)) => Err(error),
    }
}

/// The leaf of a stored event.
pub fn entry_of(event: &StoredEvent) -> Result<Entry, StartError> {
    Entry::with_digest(&event.stream, event.version, &event.at.to_string(), event.digest)
        .map_err(|error| StartError::Unreadable { index: event.index, detail: error.to_string() })
}

/// What is said of a text that stands in the place of an erased event, and to which no event of the log commits.
const UNVOUCHED: &str = "what stands in the place of an erased event is not what the log says is left of it";

/// Refuses what stands in the place of an erased event, if that is not what the log says is left of it. Of an incident's event something
/// is always left.
pub(super) fn vouched(board: &Board, event: &StoredEvent) -> Result<(), StartError> {
    let unreadable = |detail: String| StartError::Unreadable { index: event.index, detail };
    let stream: Stream = event.stream.parse().map_err(|_| unreadable(format!("stream `{}`", event.stream)))?;
    match &event.content {
        Content::Redacted { json } if board.has_left(stream, event.version, &erasure::digest(json)) => Ok(()),
        Content::Redacted { .. } => Err(unreadable(UNVOUCHED.to_owned())),
        Content::Erased if stream != Stream::Journal => {
            Err(unreadable(format!("nothing is left of event {}", event.version)))
        }
        Content::Erased | Content::Whole { .. } => Ok(()),
    }
}

/// Refuses a body that is not the one that its entry commits to.
pub fn body_opens(event: &StoredEvent) -> Result<(), StartError> {
    let opens = match &event.content {
        Content::Whole { json, salt } => body_digest(salt, json.as_bytes()) == event.digest,
        Content::Redacted { .. } | Content::Erased => true,
    };
    let detail = || format!("this body does not match its entry {}", event.index);
    if opens { Ok(()) } else { Err(StartError::Unreadable { index: event.index, detail: detail() }) }
}

/// The event behind a stored row, if the row says what its leaf commits to; none where it was erased.
pub fn recorded_of(event: &StoredEvent) -> Result<Option<Recorded>, StartError> {
    let unreadable = |detail: String| StartError::Unreadable { index: event.index, detail };
    body_opens(event)?;
    let Some(json) = event.content.json() else { return Ok(None) };
    let stream: Stream = event.stream.parse().map_err(|_| unreadable(format!("stream `{}`", event.stream)))?;
    let body = Body::from_json(&stream, json).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(Recorded { stream, version: event.version, at: event.at, body }))
}
