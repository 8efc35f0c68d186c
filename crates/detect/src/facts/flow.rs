//! What a transaction moved: coin and tokens, from whom to whom. There is no other answer to that question.
//!
//! Tokens come from the logs where the block has receipts, else from the successful calls of the trace, else from the call data of
//! a plain `transfer`; the coin always from the trace, or without one from the transaction's own value. Never both for the same
//! asset, so nothing counts twice. What counts and what does not is decided in docs/adr/0042-facts-are-computed-once.md.
//! Must never take the absence of logs for silence where receipts were not read. Tests below.

use alloy_primitives::b256;
use quarterdeck_core::chain::{Address, B256, Block, Call, CallKind, ChainId, Log, Transaction, U256};

use super::{prices, selector};

/// `Transfer(address,address,uint256)`, ERC-20. With a fourth topic it is an ERC-721 transfer of one item.
pub const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `Approval(address,address,uint256)`: the owner lets the spender take.
pub const APPROVAL: B256 = b256!("8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925");
/// `ApprovalForAll(address,address,bool)`: of everything that a contract of items or of several tokens keeps.
pub const APPROVAL_FOR_ALL: B256 = b256!("17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31");
/// `TransferSingle(address,address,address,uint256,uint256)`, ERC-1155.
pub const TRANSFER_SINGLE: B256 = b256!("c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62");
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
    /// Raw units, never zero. An item (ERC-721) counts as one.
    pub amount: U256,
    /// The coin was wrapped, or unwrapped: it changed its form, not its owner.
    pub wraps: bool,
}

/// The flows of one transaction. Most move one thing or nothing, and need no room on the heap.
#[derive(Debug, Default)]
pub enum Flows {
    /// Nothing moved.
    #[default]
    None,
    /// One thing did.
    One(Flow),
    /// Several did, in order.
    More(Vec<Flow>),
}

impl Flows {
    /// Everything that `transaction` of `block` moved, in order. A failed transaction moved nothing, and neither does a party to
    /// itself.
    pub fn of(block: &Block, transaction: &Transaction) -> Self {
        let mut found = Self::None;
        if transaction.status == Some(false) || transaction.calls.first().is_some_and(|call| call.reverted) {
            return found;
        }
        let (chain, has_receipt) = (block.chain, block.has_receipt_of(transaction));
        if transaction.calls.is_empty() {
            found.add(transaction.to.map(|to| coin(chain, transaction.from, to, transaction.value)));
            if !has_receipt {
                found.add(own_transfer(transaction));
            }
        }
        for call in transaction.calls.iter().filter(|call| !call.reverted) {
            found.add(coin_flow(chain, call));
            if !has_receipt {
                found.add(token_flow(chain, call));
            }
        }
        if has_receipt {
            transaction.logs.iter().for_each(|log| found.add(log_flow(chain, log)));
        }
        found
    }

    fn add(&mut self, flow: Option<Flow>) {
        let Some(flow) = flow.filter(|flow| !flow.amount.is_zero() && flow.from != flow.to) else { return };
        match self {
            Self::None => *self = Self::One(flow),
            Self::One(first) => *self = Self::More(vec![*first, flow]),
            Self::More(all) => all.push(flow),
        }
    }

    /// All of them, in order.
    pub fn as_slice(&self) -> &[Flow] {
        match self {
            Self::None => &[],
            Self::One(flow) => std::slice::from_ref(flow),
            Self::More(all) => all,
        }
    }
}

fn coin(chain: ChainId, from: Address, to: Address, amount: U256) -> Flow {
    let wraps = prices::wraps_coin(chain, from) || prices::wraps_coin(chain, to);
    Flow { token: None, from, to, amount, wraps }
}

fn coin_flow(chain: ChainId, call: &Call) -> Option<Flow> {
    // CALLCODE runs foreign code at home: its value goes from the caller to the caller.
    let moves = matches!(call.kind, CallKind::Call | CallKind::Create | CallKind::SelfDestruct);
    if moves { Some(coin(chain, call.from, call.to?, call.value)) } else { None }
}

/// The transaction's own `transfer`, where neither a receipt nor a trace shows what came of it. Only this function: it can name
/// nobody but the sender as the one who paid, so that a call that failed cannot put a payment into somebody else's mouth.
fn own_transfer(transaction: &Transaction) -> Option<Flow> {
    let call = Call { from: transaction.from, to: transaction.to, input: transaction.input.clone(), ..Call::default() };
    let plain = selector::of_call(&call) == Some([0xa9, 0x05, 0x9c, 0xbb]);
    let (token, to) = (call.to.filter(|_| plain)?, address_argument(&call, 0)?);
    Some(Flow { token: Some(token), from: call.from, to, amount: argument(&call, 1)?, wraps: false })
}

fn log_flow(chain: ChainId, log: &Log) -> Option<Flow> {
    let party = |place: usize| log.topics.get(place).map(|topic| Address::from_word(*topic));
    let word = |place: usize| U256::try_from_be_slice(log.data.get(32 * place..32 * place + 32)?);
    let wrapper = || prices::wraps_coin(chain, log.address);
    // A log whose parts are not where its signature puts them is somebody's invention.
    let (from, to, amount, wraps) = match (*log.topics.first()?, log.topics.len(), log.data.len()) {
        (TRANSFER, 3, 32) => (party(1)?, party(2)?, word(0)?, false),
        // ERC-721: one item, whose number is the fourth topic.
        (TRANSFER, 4, 0) => (party(1)?, party(2)?, U256::ONE, false),
        // ERC-1155: some items of one number.
        (TRANSFER_SINGLE, 4, 64) => (party(2)?, party(3)?, word(1)?, false),
        // The coin that was paid in or out is in the trace; this is the token's side of it.
        (DEPOSIT, 2, 32) if wrapper() => (log.address, party(1)?, word(0)?, true),
        (WITHDRAWAL, 2, 32) if wrapper() => (party(1)?, log.address, word(0)?, true),
        _ => return None,
    };
    Some(Flow { token: Some(log.address), from, to, amount, wraps })
}

/// The argument at `place` of a call, as a word.
pub fn argument(call: &Call, place: usize) -> Option<U256> {
    let start = 4_usize.checked_add(place.checked_mul(32)?)?;
    U256::try_from_be_slice(call.input.get(start..start.checked_add(32)?)?)
}

/// The argument at `place` of a call, as an address: the lower twenty bytes, whatever stands above them. Tokens that check them fail the
/// call; the older ones, which hold most of the money, cut them off and pay, and so do topics of logs. A payment that is hidden behind a
/// dirty word is a payment.
pub fn address_argument(call: &Call, place: usize) -> Option<Address> {
    argument(call, place).map(|word| Address::from_word(B256::from(word)))
}

/// What a successful call to a token moved, by its function; none for any other call.
pub fn token_flow(chain: ChainId, call: &Call) -> Option<Flow> {
    if call.kind != CallKind::Call {
        return None;
    }
    let callee = call.to?;
    let wrapper = prices::wraps_coin(chain, callee);
    let party = |place: usize| address_argument(call, place);
    let word = |place: usize| argument(call, place);
    let (from, to, amount, wraps) = match selector::of_call(call) {
        // transfer(address,uint256), send(address,uint256,bytes), transferAndCall(address,uint256,bytes)
        Some([0xa9, 0x05, 0x9c, 0xbb] | [0x9b, 0xd9, 0xbb, 0xc6] | [0x40, 0x00, 0xae, 0xa0]) => {
            (call.from, party(0)?, word(1)?, false)
        }
        // transferFrom(address,address,uint256), operatorSend(address,address,uint256,bytes,bytes)
        Some([0x23, 0xb8, 0x72, 0xdd] | [0x62, 0xad, 0x1b, 0x83]) => (party(0)?, party(1)?, word(2)?, false),
        // safeTransferFrom(address,address,uint256), the same with data: one item of ERC-721
        Some([0x42, 0x84, 0x2e, 0x0e] | [0xb8, 0x8d, 0x4f, 0xde]) => (party(0)?, party(1)?, U256::ONE, false),
        // safeTransferFrom(address,address,uint256,uint256,bytes): some items of ERC-1155
        Some([0xf2, 0x42, 0x43, 0x2a]) => (party(0)?, party(1)?, word(3)?, false),
        // mint(address,uint256)
        Some([0x40, 0xc1, 0x0f, 0x19]) => (Address::ZERO, party(0)?, word(1)?, false),
        // burn(address,uint256), burnFrom(address,uint256)
        Some([0x9d, 0xc2, 0x9f, 0xac] | [0x79, 0xcc, 0x67, 0x90]) => (party(0)?, Address::ZERO, word(1)?, false),
        // burn(address,address,uint256,uint256): interest-bearing deposit tokens, from the first to the profit of the second
        Some([0xd7, 0x02, 0x0d, 0x0a]) => (party(0)?, Address::ZERO, word(2)?, false),
        // withdraw(uint256) of wrapped coins
        Some([0x2e, 0x1a, 0x7d, 0x4d]) if wrapper => (call.from, callee, word(0)?, true),
        // deposit(), or a plain payment, to wrapped coins
        None | Some([0xd0, 0xe3, 0x0d, 0xb0]) if wrapper => (callee, call.from, call.value, true),
        _ => return None,
    };
    Some(Flow { token: Some(callee), from, to, amount, wraps })
}

#[cfg(test)]
mod tests;
