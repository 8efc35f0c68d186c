//! The Merkle tree of RFC 6962 section 2.1: its root, and the proofs that a log hands out.
//!
//! A [`Frontier`] is all that appending needs: the roots of the complete subtrees, about log₂(size) hashes. Proofs need
//! older nodes too; they come from a [`HashSource`]: a database, the tiles of a folder, or a [`Tree`] in memory.
//! Must never look at what a leaf says. Tests: below, `tests/it/laws.rs` (every size against the definition).

use std::{convert::Infallible, fmt};

use crate::hash::{HASH_BYTES, Hash};

/// Leaves of the largest tree handled here: at a billion leaves a second it fills in two years.
pub const TREE_SIZE_MAX: u64 = 1 << 56;

/// A complete subtree: the one over leaves `index · 2^level .. (index + 1) · 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height above the leaves; leaves have level 0.
    pub level: u8,
    /// Place among the nodes of the level, from 0.
    pub index: u64,
}

/// The right edge of a growing tree. Appending costs one hash on average.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees from left to right, one per set bit of `size`, the highest bit first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }
    /// Leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }
    /// Adds a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_with(leaf, |_, _| ());
    }
    /// Adds a leaf by its hash and names every node that it completes, the leaf first, so that a store can keep them.
    pub fn append_with(&mut self, leaf: Hash, mut completed: impl FnMut(Node, Hash)) {
        let (mut node, mut hash) = (Node { level: 0, index: self.size }, leaf);
        completed(node, hash);
        while node.index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = Hash::of_node(&left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            completed(node, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.root_beside(None)
    }
    /// The root of a tree that goes on to the right of this one with a subtree smaller than any here.
    pub(crate) fn root_beside(&self, right: Option<Hash>) -> Hash {
        let from_right = right.into_iter().chain(self.peaks.iter().rev().copied());
        from_right.reduce(|right, left| Hash::of_node(&left, &right)).unwrap_or(Hash::EMPTY_ROOT)
    }
    /// The frontier of the first `size` leaves of a stored tree.
    pub fn of<S: HashSource>(source: &S, size: u64) -> Result<Self, BuildError<S::Error>> {
        check_size(size)?;
        let mut peaks = Vec::new();
        let mut begin = 0;
        for level in (0..64).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(fetch(source, level, begin >> level)?);
            begin += 1 << level;
        }
        Ok(Self { size, peaks })
    }
    /// As bytes: the size (8 bytes, big-endian), then the hashes from left to right.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.peaks.iter().flat_map(Hash::bytes));
        bytes
    }
    /// From what [`Frontier::to_bytes`] gave; the number of hashes must be the one that the size demands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, rest) = bytes.split_first_chunk().ok_or(FrontierError { bytes: bytes.len() })?;
        let size = u64::from_be_bytes(*size);
        let (peaks, left_over) = rest.as_chunks::<HASH_BYTES>();
        let fits = left_over.is_empty() && size <= TREE_SIZE_MAX && peaks.len() == size.count_ones() as usize;
        if !fits {
            return Err(FrontierError { bytes: bytes.len() });
        }
        Ok(Self { size, peaks: peaks.iter().copied().map(Hash::from_bytes).collect() })
    }
}

impl Extend<Hash> for Frontier {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.append(leaf));
    }
}

/// The root over these hashes taken as leaves; for hashes of a higher level, the root of the subtree over them.
pub fn root_over(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    frontier.extend(hashes.iter().copied());
    frontier.root()
}

/// Where the nodes of a tree are kept.
pub trait HashSource {
    /// What can go wrong while reading.
    type Error;
    /// The hash of a complete subtree; `None` if the source does not hold it.
    fn hash(&self, node: Node) -> Result<Option<Hash>, Self::Error>;
}

/// A whole tree in memory, about 64 bytes a leaf: for small logs and for tests.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
    frontier: Frontier,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let Self { levels, frontier } = self;
        frontier.append_with(leaf, |node, hash| match levels.get_mut(usize::from(node.level)) {
            Some(level) => level.push(hash),
            None => levels.push(vec![hash]),
        });
    }
    /// Leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }
    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}
impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.append(leaf));
    }
}
impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}
impl HashSource for Tree {
    type Error = Infallible;
    fn hash(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        let level = self.levels.get(usize::from(node.level));
        Ok(usize::try_from(node.index).ok().and_then(|index| level?.get(index)).copied())
    }
}

/// The root of the first `size` leaves.
pub fn root_at<S: HashSource>(source: &S, size: u64) -> Result<Hash, BuildError<S::Error>> {
    check_size(size)?;
    range_root(source, 0, size)
}

/// The proof that leaf `index` is in the tree of the first `size` leaves, from the leaf up (RFC 6962 section 2.1.1).
pub fn inclusion_proof<S: HashSource>(source: &S, index: u64, size: u64) -> Result<Vec<Hash>, BuildError<S::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(BuildError::Range { from: index, size });
    }
    let mut path = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + left_width(end - begin);
        if index < middle {
            path.push(range_root(source, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(source, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `size` leaves begins with that of `from` leaves (RFC 6962 section 2.1.2). There is none from
/// a tree without leaves: every tree extends it.
pub fn consistency_proof<S: HashSource>(source: &S, from: u64, size: u64) -> Result<Vec<Hash>, BuildError<S::Error>> {
    check_size(size)?;
    if from == 0 || from > size {
        return Err(BuildError::Range { from, size });
    }
    let mut path = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end != from {
        let middle = begin + left_width(end - begin);
        if from <= middle {
            path.push(range_root(source, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(source, begin, middle)?);
            begin = middle;
        }
    }
    // At the left edge the verifier already holds this hash: it is the old root.
    if begin != 0 {
        path.push(range_root(source, begin, end)?);
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below `width`, which is at least 2: how many leaves go left.
const fn left_width(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The root over leaves `begin .. end`, where `begin` is a multiple of the largest power of two within the range, as it is
/// for every range that a proof names.
fn range_root<S: HashSource>(source: &S, begin: u64, end: u64) -> Result<Hash, BuildError<S::Error>> {
    let (mut right_end, mut root) = (end, None);
    for level in (0..64).filter(|level| (end - begin) >> level & 1 == 1) {
        right_end -= 1 << level;
        let left = fetch(source, level, right_end >> level)?;
        root = Some(root.map_or(left, |right| Hash::of_node(&left, &right)));
    }
    Ok(root.unwrap_or(Hash::EMPTY_ROOT))
}

fn fetch<S: HashSource>(source: &S, level: u8, index: u64) -> Result<Hash, BuildError<S::Error>> {
    let node = Node { level, index };
    source.hash(node).map_err(BuildError::Source)?.ok_or(BuildError::Missing(node))
}

const fn check_size<E>(size: u64) -> Result<(), BuildError<E>> {
    if size > TREE_SIZE_MAX { Err(BuildError::Range { from: size, size: TREE_SIZE_MAX }) } else { Ok(()) }
}

/// Why a root or a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildError<E> {
    /// The source failed.
    Source(E),
    /// The source does not hold a node that the tree of this size has.
    Missing(Node),
    /// The index or older size does not lie inside the tree.
    Range {
        /// The index or older size asked for.
        from: u64,
        /// The size it must lie in.
        size: u64,
    },
}

impl<E> fmt::Display for BuildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(_) => f.write_str("read a hash of the tree"),
            Self::Missing(node) => write!(f, "no hash for node {} of level {}", node.index, node.level),
            Self::Range { from, size } => write!(f, "{from} does not lie in a tree of {size} leaves"),
        }
    }
}
impl<E: std::error::Error + 'static> std::error::Error for BuildError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Missing(_) | Self::Range { .. } => None,
        }
    }
}

/// Bytes are not a frontier: not a size below [`TREE_SIZE_MAX`] and one hash per set bit of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontierError {
    bytes: usize,
}
impl fmt::Display for FrontierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are not the frontier of a tree", self.bytes)
    }
}
impl std::error::Error for FrontierError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frontier_survives_its_bytes_and_only_those() {
        let mut frontier = Frontier::new();
        for leaf in 0..100_u8 {
            let bytes = frontier.to_bytes();
            assert_eq!(Frontier::from_bytes(&bytes), Ok(frontier.clone()));
            let longer = [&bytes[..], &[0; 32]].concat();
            assert!(Frontier::from_bytes(&longer).is_err());
            assert!(Frontier::from_bytes(&bytes[..bytes.len() - 1]).is_err());
            frontier.append(Hash::of_leaf(&[leaf]));
        }
        assert!(Frontier::from_bytes(&u64::MAX.to_be_bytes()).is_err());
    }

    #[test]
    fn a_frontier_can_be_taken_from_any_point_of_a_stored_tree() {
        let tree: Tree = (0..70_u8).map(|leaf| Hash::of_leaf(&[leaf])).collect();
        let mut frontier = Frontier::new();
        for size in 0..=70_u8 {
            assert_eq!(Frontier::of(&tree, size.into()), Ok(frontier.clone()));
            assert_eq!(root_at(&tree, size.into()), Ok(frontier.root()));
            frontier.append(Hash::of_leaf(&[size]));
        }
        assert_eq!(root_at(&tree, 71), Err(BuildError::Missing(Node { level: 0, index: 70 })));
    }

    #[test]
    fn what_lies_outside_the_tree_is_refused() {
        let tree: Tree = (0..5_u8).map(|leaf| Hash::of_leaf(&[leaf])).collect();
        assert_eq!(inclusion_proof(&tree, 5, 5), Err(BuildError::Range { from: 5, size: 5 }));
        assert_eq!(inclusion_proof(&tree, 0, 0), Err(BuildError::Range { from: 0, size: 0 }));
        assert_eq!(consistency_proof(&tree, 0, 5), Err(BuildError::Range { from: 0, size: 5 }));
        assert_eq!(consistency_proof(&tree, 6, 5), Err(BuildError::Range { from: 6, size: 5 }));
        assert_eq!(consistency_proof(&tree, 5, 5), Ok(vec![]));
        assert!(matches!(inclusion_proof(&tree, 0, u64::MAX), Err(BuildError::Range { .. })));
    }
}
