//! Who is richer and who is poorer after a transaction, and which addresses act for its sender. Tests: `flow/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Address, Block, Call, CallKind, ChainId, Transaction, U256},
};

use super::{flow::Flow, prices};

/// What one party got and gave of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Net {
    /// Raw units received.
    pub got: U256,
    /// Raw units given.
    pub gave: U256,
}

impl Net {
    /// What is left over; zero for a loss.
    pub fn gain(self) -> U256 {
        self.got.saturating_sub(self.gave)
    }
    /// What is missing; zero for a gain.
    pub fn loss(self) -> U256 {
        self.gave.saturating_sub(self.got)
    }
}

/// The balance sheet of a transaction: what each party got and gave of each asset. The wrapped coin counts as the coin.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// By party and asset.
    pub nets: BTreeMap<(Address, Option<Address>), Net>,
}

impl Sheet {
    /// Adds up `flows`, with every party of `side` counted as `head`.
    pub fn new(chain: ChainId, flows: &[Flow], side: &BTreeSet<Address>, head: Address) -> Self {
        let mut sheet = Self::default();
        let party = |address: Address| if side.contains(&address) { head } else { address };
        for flow in flows {
            let asset = flow.token.filter(|token| !prices::wraps_coin(chain, *token));
            let (from, to) = (party(flow.from), party(flow.to));
            if from != to {
                let net = sheet.nets.entry((from, asset)).or_default();
                net.gave = net.gave.saturating_add(flow.amount);
                let net = sheet.nets.entry((to, asset)).or_default();
                net.got = net.got.saturating_add(flow.amount);
            }
        }
        sheet
    }

    /// The assets of one party.
    pub fn of(&self, party: Address) -> impl Iterator<Item = (Option<Address>, Net)> {
        let from = (party, None);
        self.nets
            .range(from..)
            .take_while(move |((found, _), _)| *found == party)
            .map(|((_, asset), net)| (*asset, *net))
    }

    /// Every party once.
    pub fn parties(&self) -> Vec<Address> {
        let mut all: Vec<Address> = self.nets.keys().map(|(party, _)| *party).collect();
        all.dedup();
        all
    }
}

/// What one party's gains and losses are worth, in cents, as far as prices are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worth {
    /// Of the assets it has more of.
    pub gained: i128,
    /// Of the assets it has less of.
    pub lost: i128,
    /// Assets without a price that it has more of.
    pub unpriced_gains: u32,
    /// Assets without a price that it has less of.
    pub unpriced_losses: u32,
}

impl Worth {
    /// Gains less losses.
    pub const fn net(self) -> i128 {
        self.gained - self.lost
    }
}

/// Adds up a party's sheet with the prices of the catalogue, or the reference prices where it has none.
pub fn worth(catalogue: &Catalogue, chain: ChainId, sheet: &Sheet, party: Address) -> Worth {
    let mut worth = Worth::default();
    for (asset, net) in sheet.of(party) {
        let cents = |raw: U256| prices::value_in(catalogue, chain, asset, raw);
        match (cents(net.gain()), cents(net.loss())) {
            (Some(gain), Some(loss)) => {
                worth.gained = worth.gained.saturating_add(gain);
                worth.lost = worth.lost.saturating_add(loss);
            }
            _ if net.got > net.gave => worth.unpriced_gains += 1,
            _ if net.gave > net.got => worth.unpriced_losses += 1,
            _ => {}
        }
    }
    worth
}

/// The addresses that act for the sender: the sender, the contract it called, what these created in this transaction, and where
/// they sent the proceeds.
///
/// The called contract is left out where the operator watches it or where it is poorer afterwards: then it is what was acted
/// upon. A router that passes everything on stays in and changes nothing. An address that only receives, from this side only,
/// and calls nobody is taken for the sender's own pocket: an ordinary payment then nets to nothing, and hidden proceeds come to light.
pub fn sender_side(
    catalogue: &Catalogue,
    block: &Block,
    transaction: &Transaction,
    flows: &[Flow],
) -> BTreeSet<Address> {
    let chain = block.chain;
    let mut side = BTreeSet::from([transaction.from]);
    let created = |call: &&Call| call.kind == CallKind::Create && !call.reverted;
    match transaction.to {
        None if !transaction.is_creation() => {}
        None => side.extend(transaction.calls.iter().filter(created).take(1).filter_map(|call| call.to)),
        Some(called) if catalogue.watched(chain, called).is_none() => {
            let alone = Sheet::new(chain, flows, &BTreeSet::new(), Address::ZERO);
            if worth(catalogue, chain, &alone, called).net() >= 0 {
                side.insert(called);
            }
        }
        Some(_) => {}
    }
    // In the order of the trace, so that what a creature creates belongs to the side too.
    for call in transaction.calls.iter().filter(created) {
        if side.contains(&call.from) {
            side.extend(call.to);
        }
    }
    let mut outsiders: BTreeMap<Address, bool> = BTreeMap::new();
    for flow in flows {
        outsiders.insert(flow.from, false);
        let only_from_us = outsiders.entry(flow.to).or_insert(true);
        *only_from_us &= side.contains(&flow.from);
    }
    // What runs code of its own is no pocket but somebody's contract.
    let busy: BTreeSet<Address> = transaction.calls.iter().map(|call| call.from).collect();
    let is_pocket = |address: &Address| {
        !address.is_zero() && !busy.contains(address) && catalogue.watched(chain, *address).is_none()
    };
    side.extend(
        outsiders.into_iter().filter(|(address, only)| *only && is_pocket(address)).map(|(address, _)| address),
    );
    side
}
