//! What a transaction moved: coin and tokens, from whom to whom. The arithmetic that the asset detectors share.
//!
//! Tokens come from the logs where the block has receipts, else from the successful calls of the trace; the coin always from
//! the trace, or without one from the transaction's own value. Never both for the same asset, so nothing counts twice.
//! Must never take the absence of logs for silence where receipts were not read. Tests below.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256, b256};
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Block, Call, CallKind, ChainNumber, Log, Transaction},
};

use crate::{reference_assets, selector};

/// `Transfer(address,address,uint256)`, ERC-20. With a fourth topic it is an ERC-721 transfer of one item.
pub const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `Deposit(address,uint256)` of wrapped coins: the contract gives tokens for coin.
const DEPOSIT: B256 = b256!("e1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c");
/// `Withdrawal(address,uint256)` of wrapped coins.
const WITHDRAWAL: B256 = b256!("7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65");

/// One movement of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The token's contract; none for the chain's own coin.
    pub token: Option<Address>,
    /// Who gave. Zero: created.
    pub from: Address,
    /// Who got. Zero: destroyed.
    pub to: Address,
    /// Raw units.
    pub amount: U256,
}

/// Everything that `transaction` of `block` moved, in order. A failed transaction moved nothing.
pub fn flows(block: &Block, transaction: &Transaction) -> Vec<Flow> {
    if transaction.status == Some(false) || transaction.calls.first().is_some_and(|call| call.reverted) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if transaction.calls.is_empty()
        && let Some(to) = transaction.to
    {
        found.push(Flow { token: None, from: transaction.from, to, amount: transaction.value });
    }
    for call in transaction.calls.iter().filter(|call| !call.reverted) {
        found.extend(coin_flow(call));
        if !block.has_receipts {
            found.extend(token_flow(block.chain, call));
        }
    }
    if block.has_receipts {
        found.extend(transaction.logs.iter().filter_map(|log| log_flow(block.chain, log)));
    }
    found.retain(|flow| !flow.amount.is_zero() && flow.from != flow.to);
    found
}

fn coin_flow(call: &Call) -> Option<Flow> {
    // CALLCODE runs foreign code at home: its value goes from the caller to the caller.
    let moves = matches!(call.kind, CallKind::Call | CallKind::Create | CallKind::SelfDestruct);
    moves.then_some(Flow { token: None, from: call.from, to: call.to?, amount: call.value })
}

fn log_flow(chain: ChainNumber, log: &Log) -> Option<Flow> {
    let token = Some(log.address);
    let party = |place: usize| log.topics.get(place).map(|topic| Address::from_word(*topic));
    let amount = match log.topics.len() {
        // ERC-721: one item, whose number is the fourth topic.
        4 => U256::from(1),
        _ => U256::try_from_be_slice(log.data.get(..32)?)?,
    };
    match *log.topics.first()? {
        TRANSFER => Some(Flow { token, from: party(1)?, to: party(2)?, amount }),
        // The coin that was paid in or out is in the trace; this is the token's side of it.
        DEPOSIT if reference_assets::wraps_coin(chain, log.address) => {
            Some(Flow { token, from: log.address, to: party(1)?, amount })
        }
        WITHDRAWAL if reference_assets::wraps_coin(chain, log.address) => {
            Some(Flow { token, from: party(1)?, to: log.address, amount })
        }
        _ => None,
    }
}

/// The argument at `place` of a call, as a word.
pub fn argument(call: &Call, place: usize) -> Option<U256> {
    let start = 4_usize.checked_add(place.checked_mul(32)?)?;
    U256::try_from_be_slice(call.input.get(start..start.checked_add(32)?)?)
}

/// The argument at `place` of a call, as an address; none where its upper bytes are not zero.
pub fn address_argument(call: &Call, place: usize) -> Option<Address> {
    let word = B256::from(argument(call, place)?);
    word.get(..12)?.iter().all(|byte| *byte == 0).then(|| Address::from_word(word))
}

/// What a successful call to a token moved, by its function; none for any other call.
pub fn token_flow(chain: ChainNumber, call: &Call) -> Option<Flow> {
    if call.kind != CallKind::Call {
        return None;
    }
    let callee = call.to?;
    let token = Some(callee);
    let wraps = reference_assets::wraps_coin(chain, callee);
    match selector::of_call(call) {
        // transfer(address,uint256), send(address,uint256,bytes), transferAndCall(address,uint256,bytes)
        Some([0xa9, 0x05, 0x9c, 0xbb] | [0x9b, 0xd9, 0xbb, 0xc6] | [0x40, 0x00, 0xae, 0xa0]) => {
            Some(Flow { token, from: call.from, to: address_argument(call, 0)?, amount: argument(call, 1)? })
        }
        // transferFrom(address,address,uint256), operatorSend(address,address,uint256,bytes,bytes)
        Some([0x23, 0xb8, 0x72, 0xdd] | [0x62, 0xad, 0x1b, 0x83]) => {
            let (from, to) = (address_argument(call, 0)?, address_argument(call, 1)?);
            Some(Flow { token, from, to, amount: argument(call, 2)? })
        }
        // safeTransferFrom(address,address,uint256), the same with data: one item of ERC-721
        Some([0x42, 0x84, 0x2e, 0x0e] | [0xb8, 0x8d, 0x4f, 0xde]) => {
            let (from, to) = (address_argument(call, 0)?, address_argument(call, 1)?);
            Some(Flow { token, from, to, amount: U256::from(1) })
        }
        // safeTransferFrom(address,address,uint256,uint256,bytes): some items of ERC-1155
        Some([0xf2, 0x42, 0x43, 0x2a]) => {
            let (from, to) = (address_argument(call, 0)?, address_argument(call, 1)?);
            Some(Flow { token, from, to, amount: argument(call, 3)? })
        }
        // mint(address,uint256)
        Some([0x40, 0xc1, 0x0f, 0x19]) => {
            Some(Flow { token, from: Address::ZERO, to: address_argument(call, 0)?, amount: argument(call, 1)? })
        }
        // burn(address,uint256), burnFrom(address,uint256)
        Some([0x9d, 0xc2, 0x9f, 0xac] | [0x79, 0xcc, 0x67, 0x90]) => {
            Some(Flow { token, from: address_argument(call, 0)?, to: Address::ZERO, amount: argument(call, 1)? })
        }
        // burn(address,address,uint256,uint256): interest-bearing deposit tokens, from the first to the profit of the second
        Some([0xd7, 0x02, 0x0d, 0x0a]) => {
            Some(Flow { token, from: address_argument(call, 0)?, to: Address::ZERO, amount: argument(call, 2)? })
        }
        // withdraw(uint256) of wrapped coins
        Some([0x2e, 0x1a, 0x7d, 0x4d]) if wraps => {
            Some(Flow { token, from: call.from, to: callee, amount: argument(call, 0)? })
        }
        // deposit(), or a plain payment, to wrapped coins
        None | Some([0xd0, 0xe3, 0x0d, 0xb0]) if wraps => {
            Some(Flow { token, from: callee, to: call.from, amount: call.value })
        }
        _ => None,
    }
}

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
    pub fn new(chain: ChainNumber, flows: &[Flow], side: &BTreeSet<Address>, head: Address) -> Self {
        let mut sheet = Self::default();
        let party = |address: Address| if side.contains(&address) { head } else { address };
        for flow in flows {
            let asset = flow.token.filter(|token| !reference_assets::wraps_coin(chain, *token));
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
pub fn worth(catalogue: &Catalogue, chain: ChainNumber, sheet: &Sheet, party: Address) -> Worth {
    let mut worth = Worth::default();
    for (asset, net) in sheet.of(party) {
        let cents = |raw: U256| value(catalogue, chain, asset, raw);
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

/// What `raw` units are worth in cents; none where nobody knows.
pub fn value(catalogue: &Catalogue, chain: ChainNumber, asset: Option<Address>, raw: U256) -> Option<i128> {
    let coin = asset.is_none().then(|| reference_assets::wrapped_coin(chain)).flatten();
    let usd = catalogue
        .value(chain, asset, raw)
        .or_else(|| coin.and_then(|wrapped| catalogue.value(chain, Some(wrapped), raw)))
        .or_else(|| reference_assets::price(chain, asset).map(|price| price.value(raw)))?;
    Some(i128::from(usd.cents()))
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

#[cfg(test)]
mod tests;
