use super::*;
use crate::rehearsal::{COLD, HOT, TOKEN, coin, token};
use crate::testing::{build, observe, raised};

const OUTSIDE: Address = Address::repeat_byte(0xee);

fn usual(chain: &mut Rehearsal, transfers: u64) {
    for n in 0..transfers {
        chain.block(vec![coin(HOT, OUTSIDE, 8_000 + n % 40 * 100)]);
    }
}

fn told(chain: &Rehearsal) -> Vec<String> {
    raised(&observe(&UnusualSize, &rehearsal::knowledge(), &chain.events)).iter().map(|s| s.title.clone()).collect()
}

#[test]
fn a_transfer_far_above_the_usual_is_told_with_its_numbers() {
    let mut chain = Rehearsal::default();
    usual(&mut chain, 50);
    chain.block(vec![coin(HOT, OUTSIDE, 900_000)]);
    let changes = observe(&UnusualSize, &rehearsal::knowledge(), &chain.events);
    let signal = &raised(&changes)[0];
    assert_eq!(signal.title, "hot wallet sent 900 ETH ($1.8 M) to 0xeeee…eeee");
    assert_eq!(signal.loudness, Loudness::Error);
    assert_eq!(signal.facts.money_at_risk, Usd::from_dollars(1_800_000));
    let wanted = "That is 95.3 times the usual 9.441 ETH, the median of 50 earlier transfers (its own). By the largest of those, a transfer this large comes once in more than a million.";
    assert!(signal.explanation.text.contains(wanted), "{}", signal.explanation.text);
}

#[test]
fn too_few_samples_are_not_judged() {
    let mut chain = Rehearsal::default();
    usual(&mut chain, 49);
    chain.block(vec![coin(HOT, OUTSIDE, 900_000)]);
    assert_eq!(told(&chain), [""; 0]);
}

/// The first one came before there were enough samples to judge it. It must not teach that its size is usual.
#[test]
fn a_theft_that_could_not_be_judged_does_not_hide_the_next() {
    let mut chain = Rehearsal::default();
    usual(&mut chain, 40);
    chain.block(vec![coin(HOT, OUTSIDE, 900_000)]);
    usual(&mut chain, 15);
    assert_eq!(told(&chain), [""; 0]);
    chain.block(vec![coin(HOT, OUTSIDE, 900_000)]);
    assert_eq!(told(&chain).len(), 1);
}

/// A new level is learned by being repeated: first told, then usual.
#[test]
fn a_new_level_becomes_usual_as_it_is_repeated() {
    let mut chain = Rehearsal::default();
    usual(&mut chain, 60);
    (0..120).for_each(|n| drop(chain.block(vec![coin(HOT, OUTSIDE, 80_000 + n % 40 * 1_000)])));
    let early = told(&chain).len();
    assert!(early > 0);
    (0..60).for_each(|n| drop(chain.block(vec![coin(HOT, OUTSIDE, 80_000 + n % 40 * 1_000)])));
    assert_eq!(told(&chain).len(), early);
}

#[test]
fn the_limits_are_not_above_the_limits() {
    let near = |tail_exponent: i64, milli: u64| {
        let mut chain = Rehearsal::default();
        for _ in 0..61 {
            chain.block(vec![coin(HOT, OUTSIDE, 10_000)]);
        }
        chain.block(vec![coin(HOT, OUTSIDE, milli)]);
        let mut detector = build(&UnusualSize, &rehearsal::knowledge(), &[("tail_exponent", tail_exponent)]);
        let mut out = Vec::new();
        for event in &chain.events {
            detector.observe(event, &mut out);
        }
        out.len()
    };
    // Equal amounts: the spread is the floor of 0.1 decades, so 3.5σ is a factor of 10^0.35 = 2.2387.
    assert_eq!((near(1, 22_380), near(1, 22_470)), (0, 1));
    // A tail of 10/61 · (1 + d / (10 · 0.05))^-10 is 10^-4 at d = 0.548 decades, a factor of 3.533.
    assert_eq!((near(4, 35_200), near(4, 35_450)), (0, 1));
}

#[test]
fn own_moves_and_small_change_are_quiet() {
    let mut chain = Rehearsal::default();
    (0..60).for_each(|_| drop(chain.block(vec![coin(HOT, OUTSIDE, 10)])));
    chain.block(vec![coin(HOT, COLD, 900_000)]);
    // 4.9 ETH is 490 times the usual, and below $10,000.
    chain.block(vec![coin(HOT, OUTSIDE, 4_900)]);
    assert_eq!(told(&chain), [""; 0]);
}

#[test]
fn a_young_wallet_is_compared_with_its_kind() {
    let mut chain = Rehearsal::default();
    usual(&mut chain, 60);
    chain.block(vec![coin(COLD, OUTSIDE, 900_000)]);
    let changes = observe(&UnusualSize, &rehearsal::knowledge(), &chain.events);
    assert!(raised(&changes)[0].explanation.text.contains("those of its kind"));
}

#[test]
fn tokens_without_a_price_are_ignored_and_others_are_judged() {
    for (address, wanted) in [(TOKEN, 1), (Address::repeat_byte(0x66), 0)] {
        let mut chain = Rehearsal::default();
        for n in 0..60_u64 {
            chain.block(vec![token(address, HOT, OUTSIDE, U256::from(1_000_000_000 + n * 10_000_000))]);
        }
        chain.block(vec![token(address, HOT, OUTSIDE, U256::from(5_000_000_000_000_u64))]);
        assert_eq!(told(&chain).len(), wanted);
    }
}

#[test]
fn a_chain_without_watched_addresses_is_only_noted() {
    let catalogue = quarterdeck_core::catalogue::Catalogue::new(Vec::new(), rehearsal::prices());
    let knowledge = Knowledge { catalogue: catalogue.into() };
    let mut chain = Rehearsal::default();
    usual(&mut chain, 60);
    chain.block(vec![coin(HOT, OUTSIDE, 900_000), coin(HOT, OUTSIDE, 9_000_000)]);
    let changes = observe(&UnusualSize, &knowledge, &chain.events);
    let signals = raised(&changes);
    assert_eq!(signals.len(), 1);
    assert_eq!(signals[0].loudness, Loudness::Info);
}
