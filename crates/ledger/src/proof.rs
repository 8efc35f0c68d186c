//! Checking what a log hands out: that a leaf is in a tree, and that a tree extends an older one.
//!
//! The steps are those of RFC 9162 sections 2.1.3.2 and 2.1.4.2. Nothing is recovered or guessed: a proof with a hash too
//! many, or in the wrong order, is refused. Hashes of a length other than 32 bytes cannot get here (see `hash`).
//! Consistency from a tree without leaves is refused: it proves nothing, and a caller who relies on it has a mistake.
//! (Witnesses accept it, with an empty proof, when they meet a log for the first time; that is their layer's rule.)
//! Tests: below, `tests/it/laws.rs`, and the vectors of others in `tests/it/vectors.rs`.

use std::fmt;

use crate::hash::Hash;

/// Checks that the leaf with hash `leaf` is at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutsideTree { index, size });
    }
    let (mut place, mut last, mut got) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if place & 1 == 1 || place == last {
            got = Hash::of_node(sibling, &got);
            // A right edge without a sibling climbs unchanged until it is a right child.
            let climb = place.trailing_zeros();
            (place, last) = (place >> climb, last >> climb);
        } else {
            got = Hash::of_node(&got, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    same_root(root, got)
}

/// Checks that the tree of `size` leaves with root `root` begins with the tree of `old_size` leaves with root `old_root`.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size == 0 {
        return Err(ProofError::FromEmpty);
    }
    if old_size > size {
        return Err(ProofError::Shrunk { old_size, size });
    }
    if old_size == size {
        return if proof.is_empty() { same_root(root, *old_root) } else { Err(ProofError::TooLong) };
    }
    // An old tree that is a complete subtree is its own first hash.
    let (first, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_root, proof),
        Some(split) => split,
        None => return Err(ProofError::TooShort),
    };
    if rest.is_empty() {
        return Err(ProofError::TooShort);
    }
    let climb = (old_size - 1).trailing_ones();
    let (mut place, mut last) = ((old_size - 1) >> climb, (size - 1) >> climb);
    let (mut got_old, mut got) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if place & 1 == 1 || place == last {
            got_old = Hash::of_node(sibling, &got_old);
            got = Hash::of_node(sibling, &got);
            let climb = place.trailing_zeros();
            (place, last) = (place >> climb, last >> climb);
        } else {
            got = Hash::of_node(&got, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    if got_old != *old_root {
        return Err(ProofError::OldRoot { want: *old_root, got: got_old });
    }
    same_root(root, got)
}

fn same_root(want: &Hash, got: Hash) -> Result<(), ProofError> {
    if got == *want { Ok(()) } else { Err(ProofError::Root { want: *want, got }) }
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofError {
    /// The leaf lies outside the tree.
    OutsideTree {
        /// Index of the leaf.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// The newer tree has fewer leaves than the older one.
    Shrunk {
        /// Leaves of the older tree.
        old_size: u64,
        /// Leaves of the newer tree.
        size: u64,
    },
    /// Consistency from a tree without leaves proves nothing.
    FromEmpty,
    /// The proof has hashes left over.
    TooLong,
    /// The proof has too few hashes.
    TooShort,
    /// The proof leads to another root.
    Root {
        /// The root that was claimed.
        want: Hash,
        /// The root that the proof gives.
        got: Hash,
    },
    /// The proof leads to another root of the older tree.
    OldRoot {
        /// The root that was claimed.
        want: Hash,
        /// The root that the proof gives.
        got: Hash,
    },
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideTree { index, size } => write!(f, "leaf {index} lies outside a tree of {size} leaves"),
            Self::Shrunk { old_size, size } => write!(f, "a tree of {size} leaves cannot extend one of {old_size}"),
            Self::FromEmpty => f.write_str("consistency from a tree without leaves proves nothing"),
            Self::TooLong => f.write_str("the proof has hashes left over"),
            Self::TooShort => f.write_str("the proof has too few hashes"),
            Self::Root { want, got } => write!(f, "the proof leads to root {got}, not {want}"),
            Self::OldRoot { want, got } => write!(f, "the proof leads to older root {got}, not {want}"),
        }
    }
}
impl std::error::Error for ProofError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tree, consistency_proof, inclusion_proof, root_at};

    #[test]
    fn errors_name_the_reason() {
        let tree: Tree = (0..7_u8).map(|leaf| Hash::of_leaf(&[leaf])).collect();
        let (root, leaf) = (tree.root(), Hash::of_leaf(&[2]));
        let proof = inclusion_proof(&tree, 2, 7).unwrap();
        assert_eq!(verify_inclusion(&leaf, 2, 7, &proof, &root), Ok(()));
        assert_eq!(verify_inclusion(&leaf, 2, 7, &proof[1..], &root), Err(ProofError::TooShort));
        let longer = [&proof[..], &[leaf]].concat();
        assert_eq!(verify_inclusion(&leaf, 2, 7, &longer, &root), Err(ProofError::TooLong));
        assert_eq!(verify_inclusion(&leaf, 7, 7, &proof, &root), Err(ProofError::OutsideTree { index: 7, size: 7 }));
        assert!(matches!(verify_inclusion(&leaf, 3, 7, &proof, &root), Err(ProofError::Root { .. })));

        let old = root_at(&tree, 3).unwrap();
        let proof = consistency_proof(&tree, 3, 7).unwrap();
        assert_eq!(verify_consistency(3, &old, 7, &root, &proof), Ok(()));
        assert!(matches!(verify_consistency(3, &leaf, 7, &root, &proof), Err(ProofError::OldRoot { .. })));
        assert!(matches!(verify_consistency(3, &old, 7, &leaf, &proof), Err(ProofError::Root { .. })));
        assert_eq!(verify_consistency(0, &old, 7, &root, &[]), Err(ProofError::FromEmpty));
        let shrunk = ProofError::Shrunk { old_size: 7, size: 3 };
        assert_eq!(verify_consistency(7, &root, 3, &old, &proof), Err(shrunk));
        assert_eq!(verify_consistency(3, &old, 7, &root, &[]), Err(ProofError::TooShort));
        assert_eq!(verify_consistency(4, &old, 7, &root, &[]), Err(ProofError::TooShort));
    }

    #[test]
    fn sizes_at_the_edge_of_the_integers_are_ordinary_input() {
        let hash = Hash::of_leaf(b"");
        for size in [1 << 63, u64::MAX - 1, u64::MAX] {
            assert!(verify_inclusion(&hash, size - 1, size, &[hash; 64], &hash).is_err());
            assert!(verify_consistency(size - 1, &hash, size, &hash, &[hash; 64]).is_err());
            assert!(verify_consistency(1, &hash, size, &hash, &[hash; 70]).is_err());
        }
    }
}
