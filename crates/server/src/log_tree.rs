//! The Merkle tree of the whole log, for proofs: in memory from the roots of slices of 256 leaves upwards, about a quarter of a byte
//! a leaf. The leaves of a slice are read from the store when a proof needs them. The engine lets it grow with what it publishes.
//! Tests: below.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use quarterdeck_ledger::{
    folder::TileHashes,
    hash::Hash,
    leaf::{Entry, EntryError},
    tiles::{TILE_HEIGHT, TILE_WIDTH},
    tree::{HashSource, Node, Tree},
};
use quarterdeck_store::{Store, StoreError, StoredEvent};

use crate::log_files::DiskFiles;

/// The tree.
#[derive(Default)]
pub struct LogTree {
    nodes: Mutex<Nodes>,
    /// Where it is published. What is believed of it leads to a root that is here.
    folder: OnceLock<PathBuf>,
}

/// The tree as it was when it was asked for, with the leaves of some slices: enough for a proof about those leaves.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    /// Over the roots of full slices: its leaves are the nodes of level 8.
    upper: Arc<Tree>,
    /// The last slice, which is not full.
    last: Tree,
    /// Full slices by their place.
    slices: BTreeMap<u64, Tree>,
}

/// Why leaves could not be read.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// The store did not answer.
    #[error("read leaves of the log: {0}")]
    Store(#[from] StoreError),
    /// They are not those that the log commits to.
    #[error("the stored leaves {from} to {to} are not those of the log")]
    Damaged {
        /// The first of them.
        from: u64,
        /// The one after the last.
        to: u64,
    },
}

impl Nodes {
    /// The tree over full slices with these roots, and these leaves after them.
    pub(crate) fn of(slices: Vec<Hash>, last: Vec<Hash>) -> Self {
        let (upper, last) = (Arc::new(slices.into_iter().collect()), last.into_iter().collect());
        Self { upper, last, slices: BTreeMap::new() }
    }

    /// What [`Nodes::of`] makes the same tree of: the roots of full slices, and the leaves after them.
    pub(crate) fn leaves(&self) -> (Vec<Hash>, Vec<Hash>) {
        let all = |tree: &Tree| {
            (0..tree.size()).map_while(|index| tree.hash(Node { level: 0, index }).unwrap_or(None)).collect()
        };
        (all(&self.upper), all(&self.last))
    }

    /// The first leaves of a slice in which the two trees differ; none: they are one.
    pub(crate) fn differs_from(&self, other: &Self) -> Option<u64> {
        let ((slices, last), (others, other_last)) = (self.leaves(), other.leaves());
        let differs = slices.iter().zip(&others).position(|(one, other)| one != other);
        let slice = differs.unwrap_or_else(|| slices.len().min(others.len())) as u64;
        (differs.is_some() || slices.len() != others.len() || last != other_last).then_some(slice * TILE_WIDTH)
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.upper.size() * TILE_WIDTH + self.last.size()
    }

    pub(crate) fn append(&mut self, leaf: Hash) {
        self.last.append(leaf);
        if self.last.size() == TILE_WIDTH {
            Arc::make_mut(&mut self.upper).append(self.last.root());
            self.last = Tree::new();
        }
    }
}

impl HashSource for Nodes {
    type Error = Infallible;
    fn hash(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        if let Some(level) = node.level.checked_sub(TILE_HEIGHT) {
            return self.upper.hash(Node { level, ..node });
        }
        // Nodes of this level in one slice.
        let width = TILE_WIDTH >> node.level;
        let (slice, index) = (node.index / width, node.index % width);
        let tree = if slice == self.upper.size() { Some(&self.last) } else { self.slices.get(&slice) };
        tree.map_or(Ok(None), |tree| tree.hash(Node { level: node.level, index }))
    }
}

impl LogTree {
    /// Adds the leaves that follow.
    pub(crate) fn extend(&self, leaves: impl IntoIterator<Item = Hash>) {
        let mut nodes = self.lock();
        leaves.into_iter().for_each(|leaf| nodes.append(leaf));
    }

    /// Makes it this tree.
    pub(crate) fn set(&self, nodes: Nodes) {
        *self.lock() = nodes;
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.lock().size()
    }

    /// The tree as it is, from the roots of slices upwards: for tiles.
    pub fn upper(&self) -> Nodes {
        self.lock().clone()
    }

    /// The tree as it is, for a proof about these leaves. A proof about the first `n` leaves wants leaf `n - 1`.
    pub async fn around(&self, store: &dyn Store, leaves: impl IntoIterator<Item = u64>) -> Result<Nodes, NodesError> {
        let (nodes, damaged) = self.leaves(store, leaves).await?;
        match damaged.first() {
            None => Ok(nodes),
            Some((from, to)) => Err(NodesError::Damaged { from: *from, to: *to }),
        }
    }

    /// The tree with the slices of these leaves, and those of the slices that can be had neither from the store nor from what was
    /// published: their first leaf, and the one after their last.
    pub(crate) async fn leaves(
        &self,
        store: &dyn Store,
        leaves: impl IntoIterator<Item = u64>,
    ) -> Result<(Nodes, Vec<(u64, u64)>), StoreError> {
        let mut nodes = self.upper();
        let mut damaged = Vec::new();
        let full = nodes.upper.size();
        let wanted: BTreeSet<u64> =
            leaves.into_iter().map(|leaf| leaf / TILE_WIDTH).filter(|slice| *slice < full).collect();
        for slice in wanted {
            let from = slice * TILE_WIDTH;
            let events = store.events(from, usize::try_from(TILE_WIDTH).unwrap_or(usize::MAX)).await?;
            let stored = events.iter().map(leaf_of).collect::<Result<Tree, _>>().ok();
            let Ok(root) = nodes.upper.hash(Node { level: 0, index: slice });
            let is_it = |tree: &Tree| tree.size() == TILE_WIDTH && Some(tree.root()) == root;
            let tree = match stored.filter(is_it) {
                Some(tree) => Some(tree),
                // One changed entry must not take the proofs of its neighbours along.
                None => self.as_published(from).await.filter(is_it),
            };
            match tree {
                Some(tree) => drop(nodes.slices.insert(slice, tree)),
                None => damaged.push((from, from + TILE_WIDTH)),
            }
        }
        Ok((nodes, damaged))
    }

    /// Says where the log is published.
    pub(crate) fn is_published_in(&self, folder: &Path) {
        self.folder.get_or_init(|| folder.to_owned());
    }

    /// The slice that begins with this leaf, as its published tile has it.
    async fn as_published(&self, from: u64) -> Option<Tree> {
        let files = DiskFiles::new(self.folder.get()?);
        let read = move || {
            let tiles = TileHashes::new(&files, from + TILE_WIDTH);
            (from..from + TILE_WIDTH).map(|index| tiles.hash(Node { level: 0, index }).ok().flatten()).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| {
            tracing::error!(%error, from, "a published tile cannot be read");
            None
        })
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leaf_of(event: &StoredEvent) -> Result<Hash, EntryError> {
    let entry = Entry::with_digest(&event.stream, event.version, &event.at.to_string(), event.digest)?;
    Ok(entry.leaf_hash())
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::time::Timestamp;
    use quarterdeck_ledger::tree::{Frontier, consistency_proof, inclusion_proof};
    use quarterdeck_store::{Batch, Content, memory::MemoryStore};

    use super::*;

    const EVENTS: u64 = 700;

    /// A log whose tree is at hand whole, and in slices.
    async fn log() -> (Arc<MemoryStore>, Tree, LogTree) {
        let (store, mut whole, sliced) = (MemoryStore::new(), Tree::new(), LogTree::default());
        let mut events = Vec::new();
        for index in 0..EVENTS {
            let at = Timestamp::from_secs(1);
            let body = index.to_string();
            let entry = Entry::seal("journal", index, &at.to_string(), &[7; 16], body.as_bytes()).unwrap();
            whole.append(entry.leaf_hash());
            let content = Content::Whole { json: body, salt: [7; 16] };
            let (stream, digest) = ("journal".to_owned(), *entry.digest());
            events.push(StoredEvent { index, stream, version: index, at, content, digest });
            sliced.extend([entry.leaf_hash()]);
        }
        store.append(Batch { events, ..Batch::default() }).await.unwrap();
        (store, whole, sliced)
    }

    #[tokio::test]
    async fn proofs_are_those_of_the_whole_tree() {
        let (store, whole, sliced) = log().await;
        assert_eq!(Frontier::of(&sliced.upper(), EVENTS).unwrap().root(), whole.root());
        for size in [1, 2, 255, 256, 257, 511, 512, 513, EVENTS - 1, EVENTS] {
            for index in (0..size).step_by(51).chain([size - 1]) {
                let nodes = sliced.around(&*store, [index, size - 1]).await.unwrap();
                assert_eq!(
                    inclusion_proof(&nodes, index, size),
                    inclusion_proof(&whole, index, size),
                    "{index} of {size}"
                );
                let from = index + 1;
                assert_eq!(
                    consistency_proof(&nodes, from, size),
                    consistency_proof(&whole, from, size),
                    "{from} to {size}"
                );
            }
        }
    }

    #[tokio::test]
    async fn leaves_that_are_not_those_of_the_log_prove_nothing() {
        let (store, _, _) = log().await;
        let other = LogTree::default();
        other.extend((0..EVENTS).map(|index| Hash::of_leaf(&index.to_be_bytes())));
        let error = other.around(&*store, [3]).await.unwrap_err();
        assert!(matches!(error, NodesError::Damaged { from: 0, to: 256 }), "{error}");
    }
}
