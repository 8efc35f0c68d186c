//! The Merkle tree of the whole log in memory, for proofs. The engine lets it grow with what it publishes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use quarterdeck_ledger::{hash::Hash, tree::Tree};

/// About 64 bytes a leaf.
#[derive(Default)]
pub struct LogTree(Mutex<Tree>);

impl LogTree {
    /// Adds the leaves that follow.
    pub(crate) fn extend(&self, leaves: Vec<Hash>) {
        self.lock().extend(leaves);
    }

    /// The tree as it is.
    pub fn lock(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
