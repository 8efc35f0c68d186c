//! Which pools a transaction dealt with, and what they make of tokens that nobody else prices.
//!
//! By what a pool held before, where the trace shows it: what it was made to say afterwards may be the attack. Else by what was
//! paid there in fact. Never by a pool of the sender's side. Tests: below.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use quarterdeck_core::{catalogue::Catalogue, chain::ChainId};

use super::{
    flow::Flow,
    openings::Openings,
    prices,
    rates::{Rate, Rates, Values},
    sheet::{self, Sheet},
};

/// The prices of those who are not of `side` and dealt in exactly one priced asset and one other.
pub fn rates(
    catalogue: &Catalogue,
    chain: ChainId,
    flows: &[Flow],
    openings: &Openings,
    side: &BTreeSet<Address>,
) -> Rates {
    let known = Values { catalogue, chain, rates: None };
    let sheet = Sheet::new(chain, flows, side, Address::ZERO);
    let mut rates = Rates::default();
    for pool in sheet.parties().into_iter().filter(|party| !party.is_zero()) {
        if let Some(rate) = share_rate(&known, &sheet, pool) {
            rates.offer(pool, rate);
        }
        // Its own share token says nothing about the two that it deals in.
        let dealt: Vec<_> = sheet.of(pool).filter(|(asset, _)| *asset != Some(pool)).take(3).collect();
        let [(one, first), (other, second)] = dealt.as_slice() else { continue };
        let (priced, its, token, of_token) = match (known.cents(*one, U256::ONE), known.cents(*other, U256::ONE)) {
            (Some(_), None) => (*one, first, *other, second),
            (None, Some(_)) => (*other, second, *one, first),
            _ => continue,
        };
        let (Some(token), Some(quote)) = (token, priced.or(prices::wrapped_coin(chain))) else { continue };
        let pair = Some([token, quote]);
        let held = openings.held(pool, token, pair).zip(openings.held(pool, quote, pair));
        let rate = match held {
            Some((token, quote)) => known.cents(priced, quote).map(|cents| Rate::Held { token, cents }),
            None if its.gain().is_zero() == of_token.gain().is_zero() => None,
            None => known
                .cents(priced, its.gain().max(its.loss()))
                .map(|cents| Rate::Paid { token: of_token.gain().max(of_token.loss()), cents }),
        };
        if let Some(rate) = rate {
            rates.offer(token, rate);
        }
    }
    rates
}

/// What a share of a pool or vault that is its own share token paid when shares were destroyed: all that went out, for all of them.
fn share_rate(known: &Values<'_>, sheet: &Sheet, pool: Address) -> Option<Rate> {
    let destroyed = sheet.nets.get(&(Address::ZERO, Some(pool)))?.gain();
    let worth = sheet::worth(known, sheet, pool);
    (!destroyed.is_zero() && worth.gained == 0 && worth.lost > 0)
        .then_some(Rate::Paid { token: destroyed, cents: worth.lost })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::flow::Flows,
        rehearsal::calls::{CHAIN, DAI, MACHINE, OTHER_TOKEN, POOL, Story, dai},
    };

    fn value(story: Story, raw: u64) -> Option<i128> {
        let block = story.end();
        let transaction = &block.transactions[0];
        let (flows, openings) = (Flows::of(&block, transaction), Openings::of(&block, transaction));
        let (catalogue, side) = (Catalogue::default(), BTreeSet::from([transaction.from, MACHINE]));
        let found = rates(&catalogue, CHAIN, flows.as_slice(), &openings, &side);
        Values { catalogue: &catalogue, chain: CHAIN, rates: Some(&found) }.cents(Some(OTHER_TOKEN), dai(raw))
    }

    fn sale(mut story: Story) -> Story {
        story.pay(OTHER_TOKEN, MACHINE, POOL, dai(100));
        story.pay(DAI, POOL, MACHINE, dai(500));
        story
    }

    #[test]
    fn what_was_paid_is_the_price_where_nothing_else_shows() {
        assert_eq!(value(sale(Story::begin(MACHINE)), 100), Some(500 * 100));
        assert_eq!(
            value(sale(Story::begin(MACHINE)), 1_000_000),
            Some(5_000 * 100),
            "ten times what was sold at the most"
        );
    }

    #[test]
    fn what_the_pool_held_before_is_the_better_price() {
        let mut story = Story::begin(MACHINE);
        story.balance(OTHER_TOKEN, POOL, dai(1_000));
        story.balance(DAI, POOL, dai(4_000));
        let told = value(sale(story), 1_000);
        assert_eq!(told, Some(2_000 * 100), "selling as much as the pool holds brings half of its other side");
    }

    #[test]
    fn a_pool_that_only_gave_says_nothing() {
        let mut story = Story::begin(MACHINE);
        story.pay(OTHER_TOKEN, POOL, MACHINE, dai(100));
        story.pay(DAI, POOL, MACHINE, dai(500));
        assert_eq!(value(story, 100), None);
    }
}
