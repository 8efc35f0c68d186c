//! What watched accounts held before a block in which they pay.
//!
//! Asked of the block's parent, by its hash, and at most once a minute for each account: between, those who look at the block count what
//! moves. A balance that the node does not give is left out, never taken for zero, and costs the block nothing else. Tests:
//! `tests.rs`, and `anvil.rs` in the server against a real node.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alloy_primitives::b256;
use quarterdeck_core::{
    chain::{Address, B256, Block, CallKind, Held, U256},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::rpc::{Rpc, RpcError};
use crate::source::Balances;

/// How long a balance is good for, by the time of the blocks: a busy wallet pays in each.
const GOOD_FOR: Duration = Duration::from_mins(1);
/// Balances asked for before one block: ten wallets with five tokens each. Those left out are asked for with the next.
const ASKED_MAX: usize = 64;
/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `balanceOf(address)`.
const BALANCE_OF: &str = "0x70a08231";

/// Whose balances are read, and when each was.
#[derive(Debug, Default)]
pub(super) struct Purses {
    balances: Balances,
    read: Mutex<BTreeMap<Address, Timestamp>>,
}

impl Purses {
    pub(super) fn new(balances: Balances) -> Self {
        Self { balances, read: Mutex::default() }
    }

    /// What those who pay in the block held before it, as far as the node says.
    pub(super) async fn read(&self, node: &Rpc, block: &Block) -> Vec<Held> {
        let each = 1 + self.balances.tokens.len();
        let due = self.due(block);
        let payers = due.get(..due.len().min((ASKED_MAX / each).max(1))).unwrap_or_default();
        if payers.is_empty() {
            return Vec::new();
        }
        let mut held = self.ask(node, payers, json!({ "blockHash": block.parent })).await;
        if held.is_empty() {
            // Not every node takes a hash there.
            let parent = format!("{:#x}", block.number.saturating_sub(1));
            held = self.ask(node, payers, json!(parent)).await;
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // An account of which nothing is known is asked for again with the next block.
        let known = |account: &&Address| held.iter().any(|one| one.account == **account);
        read.extend(payers.iter().filter(known).map(|account| (*account, block.time)));
        held
    }

    /// The accounts that pay in the block and whose balances are older than they are good for.
    fn due(&self, block: &Block) -> Vec<Address> {
        if self.balances.accounts.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<Address> = Vec::new();
        let mut note = |address: Address| {
            if self.balances.accounts.contains(&address) && !found.contains(&address) {
                found.push(address);
            }
        };
        for transaction in &block.transactions {
            note(transaction.from);
            let calls = transaction.calls.iter().filter(|call| call.kind != CallKind::Static && !call.reverted);
            calls.for_each(|call| note(call.from));
            let transfers = transaction.logs.iter().filter(|log| log.topics.first() == Some(&TRANSFER));
            transfers.filter_map(|log| log.topics.get(1)).for_each(|from| note(Address::from_word(*from)));
        }
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // A block of an earlier time is one of another branch, or read again.
        let is_good = |at: &Timestamp| *at <= block.time && block.time.since(*at) < GOOD_FOR;
        found.retain(|account| !read.get(account).is_some_and(is_good));
        found
    }

    async fn ask(&self, node: &Rpc, accounts: &[Address], at: Value) -> Vec<Held> {
        let coins: Vec<Value> = accounts.iter().map(|account| json!([account, at])).collect();
        let pairs =
            accounts.iter().flat_map(|account| self.balances.tokens.iter().map(move |token| (*account, *token)));
        let pairs: Vec<(Address, Address)> = pairs.collect();
        let call = |(account, token): &(Address, Address)| {
            let data = format!("{BALANCE_OF}{}", alloy_primitives::hex::encode(account.into_word()));
            json!([{ "to": token, "data": data }, at])
        };
        let calls: Vec<Value> = pairs.iter().map(call).collect();
        let coins = answers(node, "eth_getBalance", &coins).await;
        let tokens = if coins.is_empty() { Vec::new() } else { answers(node, "eth_call", &calls).await };
        let coin = accounts.iter().zip(coins).map(|(account, found)| (*account, None, found));
        let token = pairs.iter().zip(tokens).map(|((account, token), found)| (*account, Some(*token), found));
        let known = |(account, token, amount): (Address, Option<Address>, Option<U256>)| {
            amount.map(|amount| Held { account, token, amount })
        };
        coin.chain(token).filter_map(known).collect()
    }
}

/// The numbers that the node answers, in order; nothing where it does not answer at all.
async fn answers(node: &Rpc, method: &'static str, params: &[Value]) -> Vec<Option<U256>> {
    match node.many(method, params).await {
        Ok(all) => all.into_iter().map(|one| one.ok().and_then(|text| number(&text))).collect(),
        Err(error) => {
            log(&error);
            Vec::new()
        }
    }
}

fn log(error: &RpcError) {
    tracing::debug!(%error, "balances cannot be read");
}

/// A number as a node writes it, or a word that a call returned; none for anything else.
fn number(json: &str) -> Option<U256> {
    let digits =
        json.trim().trim_matches('"').strip_prefix("0x").filter(|digits| !digits.is_empty() && digits.len() <= 64)?;
    U256::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_balances() {
        assert_eq!(number("\"0x1bc\""), Some(U256::from(0x1bc)));
        assert_eq!(number(&format!("\"0x{:064x}\"", 7)), Some(U256::from(7)));
        for text in ["\"0x\"", "null", "\"1\"", "\"0xzz\"", &format!("\"0x{:0128x}\"", 7)] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
