//! What readers see: the durable board, where the log stands, and what is durable as it happens. Only the engine changes it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use quarterdeck_core::{
    board::Board,
    id::IncidentId,
    incident::Incident,
    journal::{Recorded, Stream},
};
use quarterdeck_store::{Outgoing, Store};
use tokio::sync::{Notify, broadcast};

use super::replay::{LoadError, fold};
use crate::log_tree::{LogTree, Nodes};

/// Whose stored text was found to be something else: an incident's, or that of the event at a place of the log.
pub type Subject = Result<IncidentId, u64>;

/// A piece of news for those who watch: something durable happened.
#[derive(Debug, Clone)]
pub struct News {
    /// The event's place in the log.
    pub index: u64,
    /// The event.
    pub recorded: Arc<Recorded>,
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
    /// Rings when the outbox has new deliveries: see [`Published::leaving`].
    pub outbox: Notify,
    /// News, for server-sent events and wake-ups. A slow listener misses some and reads the board instead.
    pub news: broadcast::Sender<News>,
    /// Deliveries that became durable and that nobody has taken yet.
    leaving: Mutex<Leaving>,
    /// Where cold incidents are.
    pub(super) store: Arc<dyn Store>,
    /// What a reader found to be something else than the log commits to, and that nobody was told of yet.
    doubted: Mutex<BTreeMap<Subject, Doubt>>,
    /// Rings when there is one.
    pub doubts: Notify,
    /// Held while `board`, `tree` and `head` go from one moment to the next.
    moving: Mutex<()>,
}

/// What a reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The event's place in the log, where it is about one.
    pub place: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

/// Everything of one moment.
pub struct Standing {
    /// The fold of the log's events.
    pub board: Arc<Board>,
    /// Their tree, from the roots of slices upwards.
    pub nodes: Nodes,
    /// How many they are.
    pub size: u64,
    /// The root of their tree in lower-case hex.
    pub root: String,
}

impl Published {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let (news, _) = broadcast::channel(NEWS_KEPT);
        let (board, head, tree) = (RwLock::default(), RwLock::default(), LogTree::default());
        Self {
            board,
            head,
            tree,
            outbox: Notify::new(),
            news,
            leaving: Mutex::default(),
            store,
            doubted: Mutex::default(),
            doubts: Notify::new(),
            moving: Mutex::new(()),
        }
    }

    /// Deliveries that became durable since the last call, and whether the outbox may have others of which nobody was told: where
    /// the answer to a commit was lost.
    pub fn leaving(&self) -> (Vec<Outgoing>, bool) {
        let Leaving { rows, untold } = std::mem::take(&mut *self.leave());
        (rows, untold)
    }

    pub(super) fn leave(&self) -> MutexGuard<'_, Leaving> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The board as it is now. It stays as it is while the next ones are published.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&read(&self.board))
    }

    /// Everything as it is now, of one moment.
    pub fn standing(&self) -> Standing {
        let _still = self.moving();
        let LogHead { size, root, .. } = read(&self.head).clone();
        Standing { board: self.board(), nodes: self.tree.upper(), size, root }
    }

    /// A reader found that what is stored cannot be what was written. `place`: at which event, where it is about one.
    pub fn doubt(&self, subject: Subject, place: Option<u64>, reason: &str) {
        let board = self.board();
        let known = match subject {
            Ok(id) => board.is_set_aside(id),
            Err(place) => board.is_passed_over(place),
        };
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        if doubted.len() < DOUBTS_MAX && !known {
            doubted.insert(subject, Doubt { place, reason: reason.to_owned() });
            self.doubts.notify_one();
        }
    }

    /// What readers found since the last call.
    pub fn doubted(&self) -> BTreeMap<Subject, Doubt> {
        std::mem::take(&mut *self.doubted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whoever holds this sees nothing move.
    pub(super) fn moving(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An incident: from memory, or folded from its stream if it is cold. None: there is none, or it was set aside.
    pub async fn incident(&self, id: IncidentId) -> Result<Option<Arc<Incident>>, LoadError> {
        let board = self.board();
        match board.shared(id) {
            Some(warm) => Ok(Some(warm)),
            None if board.cold(id).is_none() => Ok(None),
            None => {
                let stored = self.store.stream(&Stream::Incident(id).to_string()).await?;
                let said = self.told(&stored).await?.into_iter();
                let folded = fold(id, said.filter_map(Result::transpose));
                if let Err(LoadError::Damaged { reason, .. }) = &folded {
                    self.doubt(Ok(id), None, reason);
                }
                folded.map(Some)
            }
        }
    }
}

/// What nobody has taken yet of what is to leave.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) rows: Vec<Outgoing>,
    /// The outbox may have more.
    pub(super) untold: bool,
}

/// Damaged histories found between two looks: more of them are found again.
const DOUBTS_MAX: usize = 1_000;
/// News kept for slow listeners: a storm's worth; who is slower reads the board.
const NEWS_KEPT: usize = 4_096;

/// Reads behind a lock that a panicking reader may have poisoned: the data is a fold and stays right.
pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
