//! What owners held before a transaction, as far as its own calls asked.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use quarterdeck_core::chain::{Block, Call, CallKind, Transaction};

use super::{
    flow,
    selector::{self, Selector},
    sheet::Net,
};

/// Balances before the transaction: each first answer, corrected by what had moved until then. A pool of two tokens also tells
/// by its reserves. Empty where the source does not give what calls returned: absence is never taken for zero.
#[derive(Debug, Default)]
pub struct Openings {
    balances: BTreeMap<(Address, Address), U256>,
    reserves: BTreeMap<Address, [U256; 2]>,
}

/// What had moved until now, by owner and token.
type Moved = BTreeMap<(Address, Address), Net>;

impl Openings {
    /// Reads the answers of a trace.
    pub fn of(block: &Block, transaction: &Transaction) -> Self {
        let mut found = Self::default();
        let mut moved = Moved::new();
        for call in transaction.calls.iter().filter(|call| !call.reverted) {
            let Some(to) = call.to else { continue };
            if let Some(flow) = flow::token_flow(block.chain, call) {
                let from = moved.entry((flow.from, to)).or_default();
                from.gave = from.gave.saturating_add(flow.amount);
                let into = moved.entry((flow.to, to)).or_default();
                into.got = into.got.saturating_add(flow.amount);
            } else if matches!(call.kind, CallKind::Static | CallKind::Call) {
                found.answer(call, to, &moved);
            }
        }
        found
    }

    fn answer(&mut self, call: &Call, to: Address, moved: &Moved) {
        let word = |place: usize| call.output.get(32 * place..32 * place + 32).and_then(U256::try_from_be_slice);
        match selector::of_call(call) {
            Some(BALANCE_OF) => {
                let Some((owner, balance)) = flow::address_argument(call, 0).zip(word(0)) else { return };
                let net = moved.get(&(owner, to)).copied().unwrap_or_default();
                if let Some(before) = balance.saturating_add(net.gave).checked_sub(net.got) {
                    self.balances.entry((owner, to)).or_insert(before);
                }
            }
            Some(GET_RESERVES) => {
                if let Some((first, second)) = word(0).zip(word(1)) {
                    self.reserves.entry(to).or_insert([first, second]);
                }
            }
            _ => {}
        }
    }

    /// What `owner` held of `token`. `pair`: the two tokens of the owner, if it has dealt in exactly two.
    pub fn held(&self, owner: Address, token: Address, pair: Option<[Address; 2]>) -> Option<U256> {
        self.balances.get(&(owner, token)).copied().or_else(|| {
            let [first, second] = self.reserves.get(&owner)?;
            let [one, other] = pair?;
            // Pairs keep their tokens in the order of the addresses.
            Some(if token == one.min(other) { *first } else { *second })
        })
    }

    /// Every balance that was asked for: owner, token, amount.
    pub fn balances(&self) -> impl Iterator<Item = (Address, Address, U256)> {
        self.balances.iter().map(|((owner, token), balance)| (*owner, *token, *balance))
    }
}

/// `balanceOf(address)`.
const BALANCE_OF: Selector = [0x70, 0xa0, 0x82, 0x31];
/// `getReserves()` of pools of two tokens.
const GET_RESERVES: Selector = [0x09, 0x02, 0xf1, 0xac];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::calls::{DAI, MACHINE, POOL, Story, VAULT, dai};

    fn openings(story: Story) -> Openings {
        let block = story.end();
        Openings::of(&block, &block.transactions[0])
    }

    #[test]
    fn an_answer_after_a_payment_tells_what_was_there_before_it() {
        let mut story = Story::begin(MACHINE);
        story.pay(DAI, VAULT, MACHINE, dai(60));
        story.balance(DAI, VAULT, dai(40));
        story.pay(DAI, MACHINE, VAULT, dai(10));
        story.balance(DAI, VAULT, dai(50));
        assert_eq!(openings(story).held(VAULT, DAI, None), Some(dai(100)));
    }

    #[test]
    fn reserves_are_in_the_order_of_the_addresses() {
        let mut story = Story::begin(MACHINE);
        story.call(MACHINE, POOL, "getReserves()", &[], |_| {});
        let other = Address::repeat_byte(0x01);
        let mut block = story.end();
        let answer = [U256::from(7).to_be_bytes::<32>(), dai(3).to_be_bytes::<32>(), [0; 32]].concat();
        block.transactions[0].calls[1].output = answer.into();
        let found = Openings::of(&block, &block.transactions[0]);
        assert_eq!(found.held(POOL, DAI, Some([DAI, other])), Some(dai(3)));
        assert_eq!(found.held(POOL, other, Some([DAI, other])), Some(U256::from(7)));
        assert_eq!((found.held(POOL, DAI, None), found.held(VAULT, DAI, None)), (None, None));
    }
}
