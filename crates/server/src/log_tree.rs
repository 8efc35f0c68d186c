//! The Merkle tree of the whole log in memory, for proofs: follows the store when asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use quarterdeck_ledger::tree::Tree;

use crate::{
    engine::{StartError, entry_of},
    store::Store,
};

/// Events read at once.
const EVENTS: usize = 10_000;

/// About 64 bytes a leaf.
#[derive(Default)]
pub struct LogTree(Mutex<Tree>);

impl LogTree {
    /// Brings it to where the stored log stands.
    pub async fn follow(&self, store: &dyn Store) -> Result<(), StartError> {
        loop {
            let from = self.lock().size();
            let events = store.events(from, EVENTS).await?;
            if events.is_empty() {
                return Ok(());
            }
            let mut leaves = Vec::with_capacity(events.len());
            for event in &events {
                leaves.push(entry_of(event)?.leaf_hash());
            }
            let mut tree = self.lock();
            // Somebody else may have followed in between.
            if tree.size() == from {
                tree.extend(leaves);
            }
        }
    }

    /// The tree as it is.
    pub fn lock(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
