//! What watched vaults, pools and bridges hold, as far as traces and logs have shown it, and how fast it falls.
//!
//! A balance becomes known when some transaction asks for it (`balanceOf` in a trace) and is kept up to date by every movement
//! seen. An unknown balance is never taken for zero: then nothing is claimed.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{Address, U256};
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{BlockRef, ChainId},
};
use serde::{Deserialize, Serialize};

use crate::{
    at_rest,
    facts::{Case, prices},
    taking,
};

/// Entries kept for one reserve: a reserve with more movements in the window forgets the oldest and sees a smaller fall.
const MOVEMENTS_MAX: usize = 4_096;

/// When a fall is worth a signal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) transaction_permille: u32,
    pub(super) window_permille: u32,
    pub(super) window_blocks: u64,
}

/// A fall of a watched reserve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fall {
    pub(super) address: Address,
    pub(super) asset: Option<Address>,
    pub(super) lost: U256,
    pub(super) held: U256,
    pub(super) permille: u32,
    pub(super) blocks: u64,
}

/// All watched reserves.
#[derive(Debug, Clone)]
pub(super) struct Reserves {
    limits: Limits,
    held: BTreeMap<Key, Reserve>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    chain: ChainId,
    address: Address,
    asset: Option<Address>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Reserve {
    /// None: nobody asked yet.
    balance: Option<U256>,
    movements: VecDeque<Movement>,
    /// The window's fall was told; told again only after it went below the limit.
    told: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Movement {
    block: u64,
    before: Option<U256>,
    told: bool,
    out: U256,
    back: U256,
}

impl Reserves {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, held: BTreeMap::new() }
    }

    /// Takes in one transaction, in block order.
    pub(super) fn observe(&mut self, catalogue: &Catalogue, case: Case<'_>) -> Vec<Fall> {
        let block = case.block;
        let is_held = |address: Address| {
            catalogue.watched(block.chain, address).is_some_and(|(_, watched)| taking::holds_funds(watched.role))
        };
        if !catalogue.watches_any(block.chain) {
            return Vec::new();
        }
        let mut moved: BTreeMap<Key, (U256, U256)> = BTreeMap::new();
        for flow in case.flows() {
            let asset = flow.token.filter(|token| !prices::wraps_coin(block.chain, *token));
            for (address, gives) in [(flow.from, true), (flow.to, false)] {
                if is_held(address) {
                    let (out, back) = moved.entry(Key { chain: block.chain, address, asset }).or_default();
                    let total = if gives { out } else { back };
                    *total = total.saturating_add(flow.amount);
                }
            }
        }
        for (address, token, held) in case.openings().balances() {
            if is_held(address) {
                let asset = Some(token).filter(|token| !prices::wraps_coin(block.chain, *token));
                let key = Key { chain: block.chain, address, asset };
                self.held.entry(key).or_default().balance = Some(held);
            }
        }
        moved.into_iter().filter_map(|(key, (out, back))| self.take(key, block.number, out, back)).collect()
    }

    fn take(&mut self, key: Key, block: u64, out: U256, back: U256) -> Option<Fall> {
        let limits = self.limits;
        let reserve = self.held.entry(key).or_default();
        let before = reserve.balance;
        reserve.movements.push_back(Movement { block, before, told: reserve.told, out, back });
        let oldest = block.saturating_sub(limits.window_blocks - 1);
        while reserve.movements.len() > MOVEMENTS_MAX || reserve.movements.front().is_some_and(|m| m.block < oldest) {
            reserve.movements.pop_front();
        }
        let before = before?;
        reserve.balance = Some(before.saturating_add(back).saturating_sub(out));
        let fall = |held: U256, out: U256, back: U256, blocks: u64| {
            let lost = out.saturating_sub(back);
            let permille = lost.saturating_mul(U256::from(1_000)).checked_div(held)?.saturating_to::<u32>().min(1_000);
            let Key { address, asset, .. } = key;
            Some(Fall { address, asset, lost, held, permille, blocks })
        };
        let at_once = fall(before, out, back, 1).filter(|fall| fall.permille > limits.transaction_permille);
        if at_once.is_some() {
            reserve.told = true;
            return at_once;
        }
        let first = reserve.movements.iter().find(|movement| movement.before.is_some())?;
        let (held, since) = (first.before?, first.block);
        let sum =
            |part: fn(&Movement) -> U256| reserve.movements.iter().map(part).fold(U256::ZERO, U256::saturating_add);
        let over = fall(held, sum(|m| m.out), sum(|m| m.back), block.saturating_sub(since) + 1)
            .filter(|fall| fall.permille > limits.window_permille);
        let again = std::mem::replace(&mut reserve.told, over.is_some());
        over.filter(|_| !again)
    }

    /// Forgets what happened above `ancestor`.
    pub(super) fn rewind(&mut self, ancestor: BlockRef) {
        for (_, reserve) in self.held.iter_mut().filter(|(key, _)| key.chain == ancestor.chain) {
            while let Some(movement) = reserve.movements.pop_back_if(|movement| movement.block > ancestor.number) {
                reserve.balance = movement.before;
                reserve.told = movement.told;
            }
        }
    }

    pub(super) fn snapshot(&self) -> Vec<u8> {
        let rows: Vec<(&Key, &Reserve)> = self.held.iter().collect();
        at_rest::save(&rows)
    }

    pub(super) fn restore(&mut self, snapshot: &[u8]) -> Result<(), serde_json::Error> {
        self.held.clear();
        self.held = serde_json::from_slice::<Vec<(Key, Reserve)>>(snapshot)?.into_iter().collect();
        Ok(())
    }
}
