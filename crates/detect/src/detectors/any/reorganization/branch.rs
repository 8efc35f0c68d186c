//! A branch, looked up by what its transactions used up.

use alloy_primitives::map::HashMap;
use quarterdeck_core::chain::{AnyBlock, B256, BlockRef};

use super::ours::{AnyTransaction, Slot};

/// A transaction and the block that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) block: BlockRef,
    pub(super) transaction: AnyTransaction<'a>,
}

impl Found<'_> {
    pub(super) const fn hash(&self) -> B256 {
        self.transaction.hash()
    }
}

/// All transactions of some blocks, by slot.
pub(super) struct Branch<'a>(HashMap<Slot, Found<'a>>);

impl<'a> Branch<'a> {
    pub(super) fn of(blocks: impl IntoIterator<Item = &'a AnyBlock>) -> Self {
        let mut all = HashMap::default();
        for block in blocks {
            for transaction in transactions(block) {
                let found = Found { block: block.reference(), transaction };
                all.extend(transaction.uses().slots().into_iter().map(|slot| (slot, found)));
            }
        }
        Self(all)
    }

    /// What uses one of these slots: the transaction `hash` itself if it is there, else one that took its place.
    pub(super) fn find(&self, slots: Vec<Slot>, hash: B256) -> Option<Found<'a>> {
        let mut rival = None;
        for slot in slots {
            match self.0.get(&slot) {
                Some(found) if found.hash() == hash => return Some(*found),
                Some(found) => rival = rival.or(Some(*found)),
                None => {}
            }
        }
        rival
    }
}

/// The transactions of a block, in its order.
pub(super) fn transactions(block: &AnyBlock) -> Vec<AnyTransaction<'_>> {
    match block {
        AnyBlock::Account(block) => block.transactions.iter().map(AnyTransaction::Account).collect(),
        AnyBlock::Output(block) => block.transactions.iter().map(AnyTransaction::Output).collect(),
    }
}
