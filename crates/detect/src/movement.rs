//! What moved in a transaction: coins by the transaction and its calls, tokens by their logs.
//!
//! A movement is what a source showed, nothing more. Without receipts, tokens are read from the call data of a plain
//! `transfer`; without traces, only the transaction's own coins are seen. A failed transaction moves nothing.

use alloy_primitives::b256;
use quarterdeck_core::chain::{Address, B256, Block, CallKind, Log, Transaction, U256};

/// `Transfer(address,address,uint256)` (ERC-20; ERC-721 has the same with a fourth topic).
pub const TRANSFER_TOPIC: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `transfer(address,uint256)`.
const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// One amount from one address to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// The token's contract; none for the chain's own coin.
    pub token: Option<Address>,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// Raw units, never zero.
    pub amount: U256,
}

/// Visits every movement of a transaction: coins first, then tokens, each in the order in which they happened.
pub fn each_movement(block: &Block, transaction: &Transaction, mut visit: impl FnMut(Movement)) {
    if transaction.status == Some(false) {
        return;
    }
    each_coin_movement(transaction, &mut visit);
    if block.has_receipts {
        transaction.logs.iter().filter_map(of_log).for_each(visit);
    } else if let Some(movement) = of_call_data(transaction) {
        visit(movement);
    }
}

/// Visits every movement of the chain's own coin in a transaction that did not fail.
pub fn each_coin_movement(transaction: &Transaction, mut visit: impl FnMut(Movement)) {
    if transaction.status == Some(false) {
        return;
    }
    let mut coin = |from: Address, to: Option<Address>, amount: U256| {
        if let Some(to) = to.filter(|to| !amount.is_zero() && *to != from) {
            visit(Movement { token: None, from, to, amount });
        }
    };
    if transaction.calls.is_empty() {
        coin(transaction.from, transaction.to, transaction.value);
    }
    for call in transaction.calls.iter().filter(|call| !call.reverted) {
        if matches!(call.kind, CallKind::Call | CallKind::Create | CallKind::SelfDestruct) {
            coin(call.from, call.to, call.value);
        }
    }
}

fn of_log(log: &Log) -> Option<Movement> {
    let [topic, from, to] = log.topics.as_slice() else { return None };
    if *topic != TRANSFER_TOPIC || log.data.len() != 32 {
        return None;
    }
    let amount = U256::try_from_be_slice(&log.data).filter(|amount| !amount.is_zero())?;
    Some(Movement { token: Some(log.address), from: Address::from_word(*from), to: Address::from_word(*to), amount })
}

fn of_call_data(transaction: &Transaction) -> Option<Movement> {
    let rest = transaction.input.strip_prefix(&TRANSFER_SELECTOR)?;
    let (to, rest) = rest.split_first_chunk::<32>()?;
    let (amount, _) = rest.split_first_chunk::<32>()?;
    let amount = U256::from_be_bytes(*amount);
    let (to, token) = (Address::from_word(B256::from(*to)), transaction.to?);
    (!amount.is_zero()).then_some(Movement { token: Some(token), from: transaction.from, to, amount })
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::chain::Call;

    use super::*;
    use crate::rehearsal;

    const ALICE: Address = Address::repeat_byte(0xa);
    const BOB: Address = Address::repeat_byte(0xb);
    const TOKEN: Address = Address::repeat_byte(0x7);

    fn movements(has_receipts: bool, transaction: &Transaction) -> Vec<Movement> {
        let mut all = Vec::new();
        each_movement(&Block { has_receipts, ..Block::default() }, transaction, |movement| all.push(movement));
        all
    }

    #[test]
    fn a_token_transfer_is_seen_once_with_and_without_receipts() {
        let transfer = rehearsal::token(TOKEN, ALICE, BOB, U256::from(5));
        let wanted = [Movement { token: Some(TOKEN), from: ALICE, to: BOB, amount: U256::from(5) }];
        assert_eq!(movements(true, &transfer), wanted);
        assert_eq!(movements(false, &Transaction { logs: Vec::new(), ..transfer }), wanted);
    }

    #[test]
    fn what_failed_or_reverted_moved_nothing() {
        let coin = rehearsal::coin(ALICE, BOB, 5_000);
        assert_eq!(movements(true, &Transaction { status: Some(false), ..coin.clone() }), []);
        let call = Call { from: ALICE, to: Some(BOB), value: U256::from(9), ..Call::default() };
        let reverted = Call { reverted: true, depth: 1, ..call.clone() };
        let delegate = Call { kind: CallKind::Delegate, depth: 1, ..call.clone() };
        let traced = Transaction { calls: vec![call, reverted, delegate], ..coin };
        assert_eq!(movements(true, &traced).len(), 1);
    }

    #[test]
    fn nonsense_is_no_movement() {
        let log = |topics: Vec<B256>, data: Vec<u8>| Log { address: TOKEN, topics, data: data.into() };
        for log in [
            log(vec![], vec![0; 32]),
            log(vec![TRANSFER_TOPIC; 4], vec![1; 32]),
            log(vec![TRANSFER_TOPIC; 3], vec![1; 31]),
            log(vec![TRANSFER_TOPIC; 3], vec![0; 32]),
        ] {
            assert_eq!(of_log(&log), None);
        }
        for length in 0..68 {
            let input = [&TRANSFER_SELECTOR[..], &[1; 64]].concat()[..length].to_vec().into();
            assert_eq!(of_call_data(&Transaction { to: Some(TOKEN), input, ..Transaction::default() }), None);
        }
    }
}
