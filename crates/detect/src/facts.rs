//! What an event shows, worked out once for all detectors: movements, openings, extraction.
//!
//! Lazily: what no detector asks for is not worked out, and a detector that asks for nothing costs nothing. Must never depend on
//! what was seen before: memory belongs to detectors. See docs/adr/0042-facts-are-computed-once.md. Tests below, and in each part.

pub mod selector;
pub mod prices;
pub mod flow;
pub mod rates;
pub mod sheet;
pub mod openings;
pub mod pools;
pub mod sways;
pub mod side;
pub mod loans;
pub mod signs;
pub mod extraction;
pub mod table;

use std::cell::OnceCell;

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, ChainEvent, Transaction},
};

use self::{
    extraction::Extraction,
    flow::{Flow, Flows},
    openings::Openings,
};

/// What one event shows. (Not `Facts`: those are what a signal claims about impact.)
pub struct Evidence<'a> {
    catalogue: &'a Catalogue,
    block: Option<&'a Block>,
    /// For each transaction of the block, from the first question on.
    found: OnceCell<Vec<Found>>,
}

/// What was worked out about one transaction.
#[derive(Default)]
struct Found {
    flows: OnceCell<Flows>,
    openings: OnceCell<Box<Openings>>,
    extraction: OnceCell<Box<Extraction>>,
}

impl<'a> Evidence<'a> {
    /// What `event` shows to those who know this catalogue. Nothing is worked out yet.
    pub fn of(event: &'a ChainEvent, catalogue: &'a Catalogue) -> Self {
        let block = match event {
            ChainEvent::Block(block) => block.account().map(|block| &**block),
            ChainEvent::Reorg(_) | ChainEvent::Finalized(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => None,
        };
        Self { catalogue, block, found: OnceCell::new() }
    }

    /// The transactions of the block, in its order; none of an event that is no block.
    pub fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        let all = self.block.map(|block| (block, self.found.get_or_init(|| fresh(block))));
        all.into_iter().flat_map(|(block, found)| {
            let each = block.transactions.iter().zip(found);
            each.map(|(transaction, found)| Case { catalogue: self.catalogue, block, transaction, found })
        })
    }
}

fn fresh(block: &Block) -> Vec<Found> {
    std::iter::repeat_with(Found::default).take(block.transactions.len()).collect()
}

/// One transaction and what it shows.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    catalogue: &'a Catalogue,
    /// The block that has it.
    pub block: &'a Block,
    /// The transaction.
    pub transaction: &'a Transaction,
    found: &'a Found,
}

impl<'a> Case<'a> {
    /// Everything it moved, in order.
    pub fn flows(&self) -> &'a [Flow] {
        self.found.flows.get_or_init(|| Flows::of(self.block, self.transaction)).as_slice()
    }
    /// What was there before it.
    pub fn openings(&self) -> &'a Openings {
        self.found.openings.get_or_init(|| Box::new(Openings::of(self.block, self.transaction)))
    }
    /// Who gave and who got what, net, one row for each party and asset.
    pub fn table(&self) -> Vec<table::Row> {
        table::rows(self.catalogue, self.block.chain, self.flows(), self.extraction())
    }
    /// Who took what from whom, and how.
    pub fn extraction(&self) -> &'a Extraction {
        let Self { catalogue, block, transaction, .. } = *self;
        let work = || Box::new(Extraction::of(catalogue, block, transaction, self.flows(), self.openings()));
        self.found.extraction.get_or_init(work)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rehearsal::calls;

    #[test]
    fn what_was_worked_out_once_is_handed_out_again_and_nothing_unasked() {
        let event = ChainEvent::Block(Arc::new(calls::flash_loan_theft(400_000)).into());
        let catalogue = Catalogue::default();
        let evidence = Evidence::of(&event, &catalogue);
        assert!(evidence.found.get().is_none());
        let first = evidence.cases().next().unwrap();
        assert!(!first.flows().is_empty() && first.found.extraction.get().is_none());
        let again = evidence.cases().next().unwrap();
        assert!(std::ptr::eq(first.extraction(), again.extraction()) && std::ptr::eq(first.flows(), again.flows()));
        let plain = Extraction::of(
            &catalogue,
            first.block,
            first.transaction,
            Flows::of(first.block, first.transaction).as_slice(),
            &Openings::of(first.block, first.transaction),
        );
        assert_eq!(*first.extraction(), plain);
        assert_eq!(Evidence::of(&ChainEvent::Tick(first.block.time), &catalogue).cases().count(), 0);
    }
}
