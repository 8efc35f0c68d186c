use quarterdeck_core::signal::Signal;

use super::*;
use crate::{
    rehearsal::calls::{DAI, MACHINE, OTHER_TOKEN, POOL, Story, VAULT, dai, price_swayed},
    testing,
};

fn signals(block: Block) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&PriceManipulation, &Knowledge::default(), &[]);
    let mut out = Vec::new();
    detector.observe(&ChainEvent::Block(Arc::new(block).into()), &mut out);
    out.into_iter()
        .map(|change| match change {
            SignalChange::Raised { signal } => signal,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_vault_that_paid_by_a_moved_price_is_told_with_the_pool_and_the_factor() {
    let all = signals(price_swayed(300_000));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Error);
    assert!(signal.title.contains("by a price that was moved 4 times and back"), "{}", signal.title);
    assert!(signal.facts.theft && signal.parties.iter().any(|(part, _)| part == "pool"));
}

#[test]
fn a_small_loss_of_a_stranger_is_nothing() {
    assert_eq!(signals(price_swayed(19_000)), []);
}

/// Bought in one pool and sold in another: the price of the first stays where it went, and the second makes an honest trade.
#[test]
fn arbitrage_between_pools_is_nothing() {
    let mut story = Story::begin(MACHINE);
    let other = Address::repeat_byte(0x9b);
    for pool in [POOL, other] {
        story.balance(OTHER_TOKEN, pool, dai(1_000_000));
        story.balance(DAI, pool, dai(1_000_000));
    }
    story.pay(DAI, MACHINE, POOL, dai(500_000));
    story.pay(OTHER_TOKEN, POOL, MACHINE, dai(330_000));
    story.pay(OTHER_TOKEN, MACHINE, other, dai(330_000));
    story.pay(DAI, other, MACHINE, dai(600_000));
    assert_eq!(signals(story.end()), []);
}

/// What the vault pays before the price is moved, or after it is back, was not paid by it.
#[test]
fn what_is_paid_at_the_right_price_is_nothing() {
    for before in [true, false] {
        let mut story = Story::begin(MACHINE);
        story.balance(OTHER_TOKEN, POOL, dai(1_000_000));
        story.balance(DAI, POOL, dai(1_000_000));
        let pay = |story: &mut Story| story.pay(DAI, VAULT, MACHINE, dai(300_000));
        if before {
            pay(&mut story);
        }
        story.pay(DAI, MACHINE, POOL, dai(1_000_000));
        story.pay(OTHER_TOKEN, POOL, MACHINE, dai(500_000));
        story.pay(OTHER_TOKEN, MACHINE, POOL, dai(500_000));
        story.pay(DAI, POOL, MACHINE, dai(990_000));
        if !before {
            pay(&mut story);
        }
        assert_eq!(signals(story.end()), [], "{before}");
    }
}
