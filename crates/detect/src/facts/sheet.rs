//! Who is richer and who is poorer after a transaction. Tests: `flow/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::chain::{Address, ChainId, U256};

use super::{flow::Flow, prices, rates::Values};

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
    /// The part of it whose price only the pools of the transaction know: what was sold there was paid for there.
    pub lost_by_estimate: i128,
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

/// Adds up a party's sheet, as far as prices are known.
pub fn worth(values: &Values<'_>, sheet: &Sheet, party: Address) -> Worth {
    let mut worth = Worth::default();
    for (asset, net) in sheet.of(party) {
        match (values.cents(asset, net.gain()), values.cents(asset, net.loss())) {
            (Some(gain), Some(loss)) => {
                worth.gained = worth.gained.saturating_add(gain);
                worth.lost = worth.lost.saturating_add(loss);
                if values.estimates(asset) {
                    worth.lost_by_estimate = worth.lost_by_estimate.saturating_add(loss);
                }
            }
            _ if net.got > net.gave => worth.unpriced_gains += 1,
            _ if net.gave > net.got => worth.unpriced_losses += 1,
            _ => {}
        }
    }
    worth
}
