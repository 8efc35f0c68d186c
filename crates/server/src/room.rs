//! What was said in a room, read back from the stored log as it stands now: each message in the words that it has, and what became of
//! it. The incident says which events to read; nothing else of its history is. And what changes there, told to everybody who listens: it
//! is read and rendered once, however many listen. Tests: `tests/it/room.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use quarterdeck_core::{
    id::{IncidentId, MessageId},
    incident::{Actor, ClaimsEvent, Incident, IncidentEvent, Message, MessageKind, Origin, RoomEvent, note_id},
    journal::{Body, Stream},
    review::Entry,
    signal::ERASED,
    time::Timestamp,
};
use quarterdeck_store::Store;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use crate::{
    engine::{News, Published},
    history::{self, HistoryError},
};

/// Messages in one part unless told otherwise: a few screens.
pub const MESSAGES: usize = 100;
/// Messages in one part at most: about 300 kB of JSON.
pub const MESSAGES_MAX: usize = 500;
/// Decisions and open questions shown beside what is said: what a person reads. The review has all.
pub const KEPT_IN_SIGHT: usize = 50;

/// A message as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which message.
    pub id: MessageId,
    /// What the room keeps of it.
    pub message: Message,
    /// When it was written.
    pub at: Timestamp,
    /// Where in the log.
    pub log_index: u64,
    /// Its words now; none: it was withdrawn.
    pub text: Option<String>,
    /// When its words were changed last.
    pub edited: Option<Timestamp>,
    /// Who took it back, when and why.
    pub withdrawn: Option<(Actor, Timestamp, String)>,
    /// Whether it is kept in sight.
    pub pinned: bool,
    /// Where it came from; none: it was written here.
    pub origin: Option<Origin>,
}

/// These messages, in this order. One whose event was erased as a whole says so in the place of its words.
pub async fn read(
    store: &dyn Store,
    published: &Published,
    incident: &Incident,
    ids: &[MessageId],
) -> Result<Vec<Said>, HistoryError> {
    let known: Vec<(MessageId, &Message)> =
        ids.iter().filter_map(|id| incident.room().message(*id).map(|message| (*id, message))).collect();
    let places = |message: &Message| [Some(message.version), message.edited, message.withdrawn];
    let versions: BTreeSet<u64> = known.iter().flat_map(|(_, message)| places(message)).flatten().collect();
    let events = history::of_versions(store, published, incident.id(), &versions).await?;
    let events: BTreeMap<u64, Entry> = events.into_iter().map(|entry| (entry.1, entry)).collect();
    let pins: BTreeSet<&MessageId> = incident.room().pins().iter().collect();
    Ok(known.into_iter().map(|(id, message)| said(id, message, &events, pins.contains(&id))).collect())
}

fn said(id: MessageId, message: &Message, events: &BTreeMap<u64, Entry>, pinned: bool) -> Said {
    let event = |version: Option<u64>| version.and_then(|version| events.get(&version));
    let written = event(Some(message.version));
    let edited = event(message.edited);
    let text = edited.or(written).and_then(|(_, _, _, event)| words(event)).unwrap_or(ERASED);
    let withdrawn = event(message.withdrawn).and_then(|(_, _, at, event)| match event {
        IncidentEvent::Room(RoomEvent::MessageWithdrawn { by, reason, .. }) => Some((by.clone(), *at, reason.clone())),
        _ => None,
    });
    let origin = written.and_then(|(_, _, _, event)| match event {
        IncidentEvent::Room(RoomEvent::MessageWritten { origin, .. }) => origin.clone(),
        _ => None,
    });
    Said {
        id,
        at: written.map_or_else(Timestamp::default, |(_, _, at, _)| *at),
        log_index: written.map_or(0, |(index, _, _, _)| *index),
        text: message.withdrawn.is_none().then(|| text.to_owned()),
        edited: edited.map(|(_, _, at, _)| *at),
        withdrawn,
        pinned,
        origin,
        message: message.clone(),
    }
}

fn words(event: &IncidentEvent) -> Option<&str> {
    match event {
        IncidentEvent::Room(
            RoomEvent::NoteAdded { text, .. }
            | RoomEvent::MessageWritten { text, .. }
            | RoomEvent::MessageEdited { text, .. },
        ) => Some(text),
        _ => None,
    }
}

/// What is kept in sight beside what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// In the order in which it was pinned.
    pub pins: Vec<Said>,
    /// The last that was decided.
    pub decisions: Vec<Said>,
    /// The last that nobody has answered.
    pub open_questions: Vec<Said>,
}

/// What is kept in sight of a room.
pub async fn beside(store: &dyn Store, published: &Published, incident: &Incident) -> Result<Beside, HistoryError> {
    let room = incident.room();
    let last = |all: &mut dyn DoubleEndedIterator<Item = MessageId>| {
        let mut last: Vec<MessageId> = all.rev().take(KEPT_IN_SIGHT).collect();
        last.reverse();
        last
    };
    Ok(Beside {
        pins: read(store, published, incident, room.pins()).await?,
        decisions: read(store, published, incident, &last(&mut room.decisions())).await?,
        open_questions: read(store, published, incident, &last(&mut room.open_questions())).await?,
    })
}

/// What changed in a room, for everybody who listens.
#[derive(Debug)]
pub enum Update {
    /// These messages are new, or stand otherwise now.
    Changed {
        /// The incident after it.
        incident: Arc<Incident>,
        /// In their order.
        said: Vec<Said>,
        /// What is kept in sight, where that may have changed, or who is there.
        beside: Option<Beside>,
        /// As pages and as programs are told it: the first who needs it writes it.
        written: [OnceLock<Vec<Told>>; 2],
    },
    /// Something was missed: read the room anew.
    Missed,
}

/// A server-sent event: its name and its data.
pub type Told = (&'static str, String);

/// Updates kept for slow listeners: more than a person reads; who is slower reads the room anew.
const UPDATES_KEPT: usize = 256;
/// News taken together into one update: a burst is one piece for each listener, and not hundreds.
const TOGETHER_MAX: usize = 256;

/// The rooms that somebody listens to.
#[derive(Debug, Default)]
pub struct Rooms {
    open: Mutex<BTreeMap<IncidentId, broadcast::Sender<Arc<Update>>>>,
}

/// Where what changes comes from.
#[derive(Clone)]
pub struct Sources {
    /// For the words.
    pub store: Arc<dyn Store>,
    /// For the news.
    pub published: Arc<Published>,
    /// Nobody is told anything once the program stops.
    pub stopping: watch::Receiver<bool>,
}

impl Rooms {
    /// From now on, whatever changes in this room. The first who listens has it followed, and it is until the last has gone.
    pub fn listen(self: &Arc<Self>, id: IncidentId, sources: Sources) -> broadcast::Receiver<Arc<Update>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = open.get(&id) {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(UPDATES_KEPT);
        open.insert(id, sender.clone());
        let news = sources.published.news.subscribe();
        tokio::spawn(Arc::clone(self).follow(id, sources, news, sender));
        receiver
    }

    /// Whether nobody listens any more; then the room is not followed any more either.
    fn is_deserted(&self, id: IncidentId, sender: &broadcast::Sender<Arc<Update>>) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let deserted = sender.receiver_count() == 0;
        if deserted {
            open.remove(&id);
        }
        deserted
    }

    async fn follow(
        self: Arc<Self>,
        id: IncidentId,
        sources: Sources,
        mut news: broadcast::Receiver<News>,
        sender: broadcast::Sender<Arc<Update>>,
    ) {
        let mut stopping = sources.stopping.clone();
        loop {
            let heard = tokio::select! {
                biased;
                _ = stopping.changed() => break,
                heard = news.recv() => heard,
            };
            if self.is_deserted(id, &sender) {
                return;
            }
            let mut change = Change::default();
            match heard {
                Ok(heard) => change.take(id, &heard),
                Err(RecvError::Lagged(_)) => change.missed = true,
                Err(RecvError::Closed) => break,
            }
            for _ in 1..TOGETHER_MAX {
                let Ok(heard) = news.try_recv() else { break };
                change.take(id, &heard);
            }
            if let Some(update) = change.read(id, &sources).await {
                // An error means that the last listener has just gone.
                drop(sender.send(Arc::new(update)));
            }
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// What some news change in a room.
#[derive(Debug, Default)]
struct Change {
    said: BTreeSet<MessageId>,
    beside: bool,
    missed: bool,
}

impl Change {
    fn take(&mut self, id: IncidentId, news: &News) {
        let (Stream::Incident(of), Body::Incident(event)) = (news.recorded.stream, &news.recorded.body) else { return };
        if of != id {
            return;
        }
        match event {
            IncidentEvent::Room(RoomEvent::NoteAdded { .. }) => {
                self.said.insert(note_id(id, news.recorded.version));
            }
            IncidentEvent::Room(RoomEvent::MessageWritten { message, kind, reply_to, .. }) => {
                self.said.insert(*message);
                self.beside |= *kind != MessageKind::Message;
                // An answer closes its question, which is shown so.
                self.said.extend(reply_to.filter(|_| *kind == MessageKind::Answer));
            }
            IncidentEvent::Room(
                RoomEvent::MessageEdited { message, .. }
                | RoomEvent::MessageWithdrawn { message, .. }
                | RoomEvent::MessagePinned { message, .. }
                | RoomEvent::MessageUnpinned { message, .. },
            ) => {
                self.said.insert(*message);
                self.beside = true;
            }
            IncidentEvent::Room(RoomEvent::RoomEntered { .. } | RoomEvent::RoomLeft { .. })
            | IncidentEvent::Roles(_)
            | IncidentEvent::Life(_)
            // Whoever may look no more is cut off by the next update.
            | IncidentEvent::Access(_)
            | IncidentEvent::Claims(ClaimsEvent::SeverityChanged(_) | ClaimsEvent::MergedFrom { .. }) => {
                self.beside = true;
            }
            IncidentEvent::Claims(_)
            | IncidentEvent::Paging(_)
            | IncidentEvent::Tasks(_)
            | IncidentEvent::Checks(_)
            | IncidentEvent::Evidence(_) => {}
        }
    }

    /// As it stands now; none: nothing that the room shows.
    async fn read(self, id: IncidentId, sources: &Sources) -> Option<Update> {
        if self.missed {
            return Some(Update::Missed);
        }
        if self.said.is_empty() && !self.beside {
            return None;
        }
        match self.read_back(id, sources).await {
            Ok(update) => update,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, incident = %id, "what was said cannot be read");
                Some(Update::Missed)
            }
        }
    }

    async fn read_back(mut self, id: IncidentId, sources: &Sources) -> Result<Option<Update>, HistoryError> {
        let Sources { store, published, .. } = sources;
        let Some(incident) = published.board().shared(id) else { return Ok(Some(Update::Missed)) };
        let room = incident.room();
        // An answer that was taken back may open its question again.
        let answered = |id: &MessageId| room.message(*id).filter(|known| known.kind == MessageKind::Answer)?.reply_to;
        self.said.extend(self.said.iter().filter_map(answered).collect::<Vec<_>>());
        let mut ids: Vec<MessageId> = self.said.into_iter().collect();
        ids.sort_by_key(|id| room.message(*id).map(|known| known.version));
        let said = read(&**store, published, &incident, &ids).await?;
        let beside = if self.beside { Some(beside(&**store, published, &incident).await?) } else { None };
        Ok(Some(Update::Changed { incident, said, beside, written: Default::default() }))
    }
}
