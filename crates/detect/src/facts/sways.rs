//! Pools whose price a transaction moved and moved back: by what they held before and by every flow in and out of them.
//!
//! The price of a pool of two tokens is the proportion of what it holds. That is exact for the most common kind of pool; for others it
//! says how far the pool was put out of balance. Must never guess: a pool of which the trace does not show what it held is passed
//! over. Tests: below, and in `detectors/account/price_manipulation/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use quarterdeck_core::chain::ChainId;

use super::{flow::Flow, openings::Openings, prices};

/// A pool whose price left where it was and came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sway {
    /// The pool.
    pub pool: Address,
    /// The token that became dearer at first.
    pub token: Address,
    /// The other one.
    pub quote: Address,
    /// The farthest price over the one before, in thousandths: 6,200 is 6.2 times as dear.
    pub peak_permille: u64,
    /// The price at the end over the one before, in thousandths.
    pub end_permille: u64,
    /// The place among the flows from which on the price was off.
    pub from: usize,
    /// The place of the flow with which it was back.
    pub to: usize,
}

/// The unit in which prices are compared.
const ONE: u64 = 1_000_000_000;
const PERMILLE: u64 = ONE / 1_000;

/// Pools that are not of `side`, whose price was off by at least `move_min_permille` and of which at most half was left at the end.
/// In order of their addresses.
pub fn sways(
    chain: ChainId,
    flows: &[Flow],
    openings: &Openings,
    side: &BTreeSet<Address>,
    move_min_permille: u64,
) -> Vec<Sway> {
    let least = ONE.saturating_add(move_min_permille.saturating_mul(PERMILLE));
    let mut found = Vec::new();
    for (pool, pair) in candidates(chain, flows, side) {
        let held = pair.map(|token| openings.held(pool, token, Some(pair)).filter(|held| !held.is_zero()));
        let [Some(first), Some(second)] = held else { continue };
        let books = Books { before: [first, second], now: [first, second], moved: [[false; 2]; 2] };
        found.extend(walk(chain, flows, (pool, pair), books, least));
    }
    found
}

/// Those that got and gave each of exactly two tokens. A pool's own shares are no third token.
fn candidates(chain: ChainId, flows: &[Flow], side: &BTreeSet<Address>) -> Vec<(Address, [Address; 2])> {
    let mut dealt: BTreeMap<Address, BTreeMap<Address, [bool; 2]>> = BTreeMap::new();
    for flow in flows {
        let Some(token) = flow.token.or(prices::wrapped_coin(chain)) else { continue };
        for (party, place) in [(flow.from, 0), (flow.to, 1)] {
            if party != token
                && !party.is_zero()
                && !side.contains(&party)
                && let Some(way) = dealt.entry(party).or_default().entry(token).or_default().get_mut(place)
            {
                *way = true;
            }
        }
    }
    let pair = |tokens: BTreeMap<Address, [bool; 2]>| {
        let both = tokens.values().all(|ways| *ways == [true, true]);
        <[Address; 2]>::try_from(tokens.into_keys().collect::<Vec<_>>()).ok().filter(|_| both)
    };
    dealt.into_iter().filter_map(|(pool, tokens)| Some((pool, pair(tokens)?))).collect()
}

/// What a pool holds as its flows go by.
struct Books {
    before: [U256; 2],
    now: [U256; 2],
    /// For each token whether it came in, and went out, since the price was last looked at.
    moved: [[bool; 2]; 2],
}

impl Books {
    /// Takes a flow in. Gives the price of the first token over the one before where a trade is complete: one token came in and the
    /// other went out.
    fn take(&mut self, token: usize, amount: U256, into: bool) -> Option<u64> {
        let now = self.now.get_mut(token)?;
        *now = if into { now.saturating_add(amount) } else { now.saturating_sub(amount) };
        *self.moved.get_mut(token)?.get_mut(usize::from(!into))? = true;
        let [[in_first, out_first], [in_second, out_second]] = self.moved;
        if !(in_first && out_second || in_second && out_first) {
            return None;
        }
        self.moved = [[false; 2]; 2];
        // Dearer by as much as there is more of the other, and less of it.
        let [first, second] = [0, 1].map(|place| self.share(place));
        let (first, second) = (first?, second?);
        second.checked_mul(U256::from(ONE))?.checked_div(first).map(|price| price.saturating_to())
    }

    /// What is held of a token over what was before.
    fn share(&self, place: usize) -> Option<U256> {
        self.now.get(place)?.checked_mul(U256::from(ONE))?.checked_div(*self.before.get(place)?)
    }
}

/// How far a price is from where it was, as a price above it: half of it is as far as twice.
fn distance(price: u64) -> u64 {
    if price >= ONE { price } else { ONE.saturating_mul(ONE).checked_div(price).unwrap_or(u64::MAX) }
}

fn walk(
    chain: ChainId,
    flows: &[Flow],
    (pool, pair): (Address, [Address; 2]),
    mut books: Books,
    least: u64,
) -> Option<Sway> {
    let [one, other] = pair;
    let (mut off, mut back, mut peak, mut end) = (None, None, ONE, ONE);
    for (place, flow) in flows.iter().enumerate() {
        let token = flow.token.or(prices::wrapped_coin(chain));
        let Some(which) = [Some(one), Some(other)].iter().position(|of| *of == token) else { continue };
        let price = match (flow.from == pool, flow.to == pool) {
            (false, true) => books.take(which, flow.amount, true),
            (true, false) => books.take(which, flow.amount, false),
            _ => None,
        };
        let Some(price) = price else { continue };
        end = price;
        if distance(price) >= least {
            off = off.or(Some(place));
        }
        if distance(price) > distance(peak) {
            (peak, back) = (price, None);
        } else if back.is_none() && distance(price) - ONE <= (distance(peak) - ONE) / 2 {
            back = Some(place);
        }
    }
    let (from, to) = off.zip(back)?;
    let dearer = peak >= ONE;
    let (token, quote) = if dearer { (one, other) } else { (other, one) };
    let over =
        |price: u64| (if dearer { price } else { ONE.saturating_mul(ONE).checked_div(price)? }).checked_div(PERMILLE);
    Some(Sway { pool, token, quote, peak_permille: over(peak)?, end_permille: over(end)?, from, to })
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::chain::Block;

    use super::*;
    use crate::{
        facts::flow::Flows,
        rehearsal::calls::{CHAIN, DAI, MACHINE, OTHER_TOKEN, POOL, SENDER, Story, VAULT, dai},
    };

    fn found(block: &Block) -> Vec<Sway> {
        let transaction = &block.transactions[0];
        let (flows, openings) = (Flows::of(block, transaction), Openings::of(block, transaction));
        sways(CHAIN, flows.as_slice(), &openings, &BTreeSet::from([SENDER, MACHINE]), 200)
    }

    /// A pool of 1,000 each; 1,000 go in and 500 come out; something happens; then as much of them is sold back as is said.
    fn swayed(sold: u64, returned: u64) -> Story {
        let mut story = Story::begin(MACHINE);
        story.balance(OTHER_TOKEN, POOL, dai(1_000));
        story.balance(DAI, POOL, dai(1_000));
        story.pay(DAI, MACHINE, POOL, dai(1_000));
        story.pay(OTHER_TOKEN, POOL, MACHINE, dai(500));
        story.pay(DAI, VAULT, MACHINE, dai(300));
        story.pay(OTHER_TOKEN, MACHINE, POOL, dai(sold));
        story.pay(DAI, POOL, MACHINE, dai(returned));
        story
    }

    #[test]
    fn there_and_back_is_a_sway_and_its_place_is_known() {
        let all = found(&swayed(490, 980).end());
        let [sway] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((sway.pool, sway.token, sway.quote), (POOL, OTHER_TOKEN, DAI));
        assert_eq!((sway.peak_permille, sway.from, sway.to), (4_000, 1, 4));
        assert!((1_000..1_100).contains(&sway.end_permille), "{sway:?}");
    }

    #[test]
    fn a_price_that_stays_where_it_went_is_none() {
        assert_eq!(found(&swayed(10, 20).end()), []);
    }

    #[test]
    fn a_pool_of_which_nobody_asked_what_it_holds_is_passed_over() {
        let mut block = swayed(490, 980).end();
        block.transactions[0].calls.retain(|call| call.output.is_empty());
        assert_eq!(found(&block), []);
    }

    #[test]
    fn a_small_move_is_none() {
        let mut story = Story::begin(MACHINE);
        story.balance(OTHER_TOKEN, POOL, dai(1_000));
        story.balance(DAI, POOL, dai(1_000));
        for (give, get, amount) in [(DAI, OTHER_TOKEN, 50), (OTHER_TOKEN, DAI, 48)] {
            story.pay(give, MACHINE, POOL, dai(amount));
            story.pay(get, POOL, MACHINE, dai(amount - 2));
        }
        assert_eq!(found(&story.end()), []);
    }

    /// Amounts beyond any supply are passed over, not a panic.
    #[test]
    fn absurd_amounts_are_passed_over() {
        let mut story = Story::begin(MACHINE);
        story.balance(OTHER_TOKEN, POOL, U256::MAX);
        story.balance(DAI, POOL, U256::from(1));
        for (give, get) in [(DAI, OTHER_TOKEN), (OTHER_TOKEN, DAI)] {
            story.pay(give, MACHINE, POOL, U256::MAX);
            story.pay(get, POOL, MACHINE, U256::MAX);
        }
        assert_eq!(found(&story.end()), []);
    }
}
