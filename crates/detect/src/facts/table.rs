//! The money-flow table of a transaction: who gave and who got what, net, and what it was worth as far as anyone knows.
//!
//! The sender's side is one party, so that what only went from one of its pockets to another is not there. Tests below.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use quarterdeck_core::{catalogue::Catalogue, chain::ChainId};

use super::{extraction::Extraction, flow::Flow, prices, rates::Values, sheet::Sheet};

/// What one party has more or less of afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The party; the sender stands for its whole side. Zero: created, or destroyed.
    pub party: Address,
    /// Whether that is the sender's side.
    pub is_side: bool,
    /// The token; none for the chain's own coin.
    pub asset: Option<Address>,
    /// Raw units, never zero.
    pub amount: U256,
    /// Whether it has more of it, or less.
    pub got: bool,
    /// The amount as people read it.
    pub text: String,
    /// What it was worth in cents; none where nobody knows.
    pub cents: Option<i128>,
    /// Whether only the pools of this transaction know the price.
    pub estimated: bool,
}

/// The rows of a transaction whose flows and extraction are known, the side's first.
pub(super) fn rows(catalogue: &Catalogue, chain: ChainId, flows: &[Flow], found: &Extraction) -> Vec<Row> {
    let values = Values { catalogue, chain, rates: Some(&found.rates) };
    let head = found.sender;
    let side: &BTreeSet<Address> = &found.side;
    let sheet = Sheet::new(chain, flows, side, head);
    let mut rows: Vec<Row> = Vec::new();
    for ((party, asset), net) in &sheet.nets {
        let got = net.got > net.gave;
        let amount = if got { net.gain() } else { net.loss() };
        if !amount.is_zero() {
            rows.push(Row {
                party: *party,
                is_side: *party == head,
                asset: *asset,
                amount,
                got,
                text: prices::display_in(catalogue, chain, *asset, amount),
                cents: values.cents(*asset, amount),
                estimated: values.estimates(*asset),
            });
        }
    }
    rows.sort_by_key(|row| (!row.is_side, row.party, row.got, std::cmp::Reverse(row.cents), row.asset));
    rows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quarterdeck_core::chain::ChainEvent;

    use super::*;
    use crate::{
        facts::Evidence,
        rehearsal::calls::{DAI, SENDER, VAULT, dai, flash_loan_theft},
    };

    #[test]
    fn a_theft_is_one_row_for_who_lost_and_one_for_who_got() {
        let event = ChainEvent::Block(Arc::new(flash_loan_theft(400_000)).into());
        let catalogue = Catalogue::default();
        let evidence = Evidence::of(&event, &catalogue);
        let rows = evidence.cases().next().unwrap().table();
        let told: Vec<_> = rows.iter().map(|row| (row.party, row.is_side, row.got, row.cents)).collect();
        // What was lent came back: it is in nobody's row.
        let cents = Some(400_000 * 100);
        assert_eq!(told, [(SENDER, true, true, cents), (VAULT, false, false, cents)]);
        assert!(
            rows.iter().all(|row| row.asset == Some(DAI) && row.amount == dai(400_000) && row.text == "400,000 DAI")
        );
    }
}
