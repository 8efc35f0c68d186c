//! Made-up transactions for canaries and tests: small, complete, and of the shape that real ones have.

use alloy_primitives::{Address, B256, Bytes, U256, address};
use quarterdeck_core::{
    chain::{Block, Call, CallKind, ChainId, Log, Transaction},
    time::Timestamp,
};

use crate::facts::selector;

/// Ethereum mainnet, where reference prices are known.
pub(crate) const CHAIN: ChainId = ChainId::evm(1);
/// A stablecoin with a reference price of one dollar and 18 decimals.
pub(crate) const DAI: Address = address!("6B175474E89094C44Da98b954EedeAC495271d0F");
/// A token that nobody has a price for.
pub(crate) const OTHER_TOKEN: Address = Address::repeat_byte(0x70);
/// The account that sends.
pub(crate) const SENDER: Address = Address::repeat_byte(0xa1);
/// Its contract.
pub(crate) const MACHINE: Address = Address::repeat_byte(0xa2);
/// Lends for one transaction.
pub(crate) const LENDER: Address = Address::repeat_byte(0x1e);
/// Holds deposits.
pub(crate) const VAULT: Address = Address::repeat_byte(0x5a);
/// A pool at which tokens are traded.
pub(crate) const POOL: Address = Address::repeat_byte(0x9a);
/// Trades too.
#[cfg(test)]
pub(crate) const OTHER_POOL: Address = Address::repeat_byte(0x9b);
/// A contract whose code can be replaced.
pub(crate) const PROXY: Address = Address::repeat_byte(0x8e);

/// Dollars as raw units of [`DAI`].
pub(crate) fn dai(dollars: u64) -> U256 {
    U256::from(dollars) * U256::from(10).pow(U256::from(18))
}

/// Calls as they happen.
#[derive(Default)]
pub(crate) struct Story {
    calls: Vec<Call>,
    depth: u32,
}

impl Story {
    /// The sender calls `to`.
    pub(crate) fn begin(to: Address) -> Self {
        let mut story = Self::default();
        story.push(CallKind::Call, SENDER, to, U256::ZERO, Bytes::from_static(b"\x01\x02\x03\x04"));
        story.depth = 1;
        story
    }
    fn push(&mut self, kind: CallKind, from: Address, to: Address, value: U256, input: Bytes) {
        self.calls.push(Call { kind, depth: self.depth, from, to: Some(to), value, input, ..Call::default() });
    }
    /// A call of `signature` with these words, during which `inner` happens.
    pub(crate) fn call(
        &mut self,
        from: Address,
        to: Address,
        signature: &str,
        words: &[U256],
        inner: impl FnOnce(&mut Self),
    ) {
        self.push(CallKind::Call, from, to, U256::ZERO, input(signature, words));
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }
    /// Somebody makes a contract.
    #[cfg(test)]
    pub(crate) fn create(&mut self, maker: Address, made: Address) {
        self.push(CallKind::Create, maker, made, U256::ZERO, Bytes::from_static(b"\x60\x80\x60\x40"));
    }
    /// A token transfer.
    pub(crate) fn pay(&mut self, token: Address, from: Address, to: Address, amount: U256) {
        self.call(from, token, "transfer(address,uint256)", &[word(to), amount], |_| {});
    }
    /// A payment in coin, during which `inner` happens.
    pub(crate) fn pay_coin(&mut self, from: Address, to: Address, wei: U256, inner: impl FnOnce(&mut Self)) {
        self.push(CallKind::Call, from, to, wei, Bytes::new());
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }
    /// Somebody asks for a balance and gets this answer.
    pub(crate) fn balance(&mut self, token: Address, owner: Address, amount: U256) {
        self.push(CallKind::Static, MACHINE, token, U256::ZERO, input("balanceOf(address)", &[word(owner)]));
        if let Some(call) = self.calls.last_mut() {
            call.output = Bytes::from(amount.to_be_bytes::<32>());
        }
    }
    /// The block that holds it all.
    pub(crate) fn end(self) -> Block {
        block(7, vec![transaction(0, self.calls, Vec::new())], false)
    }
    /// The calls alone.
    #[cfg(test)]
    pub(crate) fn calls(self) -> Vec<Call> {
        self.calls
    }
}

/// A transaction of these calls and logs.
pub(crate) fn transaction(index: u32, calls: Vec<Call>, logs: Vec<Log>) -> Transaction {
    let to = calls.first().and_then(|call| call.to);
    let input = calls.first().map(|call| call.input.clone()).unwrap_or_default();
    let hash = B256::from(U256::from(index + 1));
    Transaction { hash, index, from: SENDER, to, input, calls, logs, status: Some(true), ..Transaction::default() }
}

/// A block of these transactions.
pub(crate) fn block(number: u64, transactions: Vec<Transaction>, has_receipts: bool) -> Block {
    Block {
        chain: CHAIN,
        number,
        hash: B256::from(U256::from(1_000 + number)),
        parent: B256::from(U256::from(999 + number)),
        time: Timestamp::from_secs(1_700_000_000 + 12 * number),
        transactions,
        has_receipts,
        has_traces: true,
        ..Block::default()
    }
}

/// An address as an argument.
pub(crate) fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

/// Call data.
pub(crate) fn input(signature: &str, words: &[U256]) -> Bytes {
    let mut bytes = selector::of_signature(signature).to_vec();
    for word in words {
        bytes.extend_from_slice(&word.to_be_bytes::<32>());
    }
    Bytes::from(bytes)
}

/// A million borrowed, a vault relieved of `dollars`, the million paid back.
pub(crate) fn flash_loan_theft(dollars: u64) -> Block {
    flash_loan(|story| {
        story.call(MACHINE, VAULT, "withdraw(uint256)", &[U256::from(1)], |story| {
            story.pay(DAI, VAULT, MACHINE, dai(dollars));
        });
    })
}

/// A million borrowed, one pool bought from, another sold to at a price better by `dollars`.
#[cfg(test)]
pub(crate) fn flash_loan_arbitrage(dollars: u64) -> Block {
    let swap = "swap(uint256,uint256,address,bytes)";
    flash_loan(|story| {
        story.pay(DAI, MACHINE, POOL, dai(1_000_000));
        story.call(MACHINE, POOL, swap, &[], |story| story.pay(OTHER_TOKEN, POOL, MACHINE, dai(500)));
        story.pay(OTHER_TOKEN, MACHINE, OTHER_POOL, dai(500));
        story.call(MACHINE, OTHER_POOL, swap, &[], |story| {
            story.pay(DAI, OTHER_POOL, MACHINE, dai(1_000_000 + dollars));
        });
    })
}

fn flash_loan(during: impl FnOnce(&mut Story)) -> Block {
    let mut story = Story::begin(MACHINE);
    let loan = "flashLoan(address,address,uint256,bytes)";
    story.call(MACHINE, LENDER, loan, &[word(MACHINE), word(DAI), dai(1_000_000)], |story| {
        story.pay(DAI, LENDER, MACHINE, dai(1_000_000));
        let callback = "onFlashLoan(address,address,uint256,uint256,bytes)";
        story.call(LENDER, MACHINE, callback, &[], |story| {
            during(story);
            story.pay(DAI, MACHINE, LENDER, dai(1_000_000));
        });
    });
    story.end()
}

/// A pool of a million each is bought from until its price is four times as high; a vault pays `dollars` for a little of what was
/// bought; the rest is sold back.
pub(crate) fn price_swayed(dollars: u64) -> Block {
    let mut story = Story::begin(MACHINE);
    let swap = "swap(uint256,uint256,address,bytes)";
    story.balance(OTHER_TOKEN, POOL, dai(1_000_000));
    story.balance(DAI, POOL, dai(1_000_000));
    story.pay(DAI, MACHINE, POOL, dai(1_000_000));
    story.call(MACHINE, POOL, swap, &[], |story| story.pay(OTHER_TOKEN, POOL, MACHINE, dai(500_000)));
    story.pay(OTHER_TOKEN, MACHINE, VAULT, dai(1_000));
    story
        .call(MACHINE, VAULT, "borrow(uint256)", &[dai(dollars)], |story| story.pay(DAI, VAULT, MACHINE, dai(dollars)));
    story.pay(OTHER_TOKEN, MACHINE, POOL, dai(499_000));
    story.call(MACHINE, POOL, swap, &[], |story| story.pay(DAI, POOL, MACHINE, dai(990_000)));
    story.end()
}

/// A vault pays coin before it books the payment, and is called again while it waits: three times a third of `dollars`.
pub(crate) fn reentrant_drain(dollars: u64) -> Block {
    fn withdraw(story: &mut Story, wei: U256, times: u32) {
        if times > 0 {
            story.call(MACHINE, VAULT, "withdraw(uint256)", &[wei], |story| {
                story.pay_coin(VAULT, MACHINE, wei, |story| withdraw(story, wei, times - 1));
            });
        }
    }
    let mut story = Story::begin(MACHINE);
    let third = dai(dollars) / U256::from(3 * 1_900);
    withdraw(&mut story, third, 3);
    story.end()
}

/// One call, one payment: an honest withdrawal of `dollars`.
#[cfg(test)]
pub(crate) fn withdrawal(number: u64, dollars: u64, held: Option<u64>) -> Block {
    let mut story = Story::begin(VAULT);
    if let Some(held) = held {
        story.balance(DAI, VAULT, dai(held));
    }
    story.pay(DAI, VAULT, SENDER, dai(dollars));
    block(number, vec![transaction(0, story.calls(), Vec::new())], false)
}
