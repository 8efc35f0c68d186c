use super::*;
use crate::rehearsal::{COLD, HOT, VAULT, coin};
use crate::testing::{build, observe, raised};
use quarterdeck_core::chain::Call;

const OUTSIDE: Address = Address::repeat_byte(0xee);
const FRESH: Address = Address::repeat_byte(0xfe);

fn told(knowledge: &Knowledge, chain: &Rehearsal) -> Vec<std::sync::Arc<quarterdeck_core::signal::Signal>> {
    raised(&observe(&SuddenOutflow, knowledge, &chain.events))
}

#[test]
fn coins_that_came_today_and_leave_are_told() {
    let mut chain = Rehearsal::default();
    chain.block(vec![coin(OUTSIDE, HOT, 60_000)]);
    chain.block(vec![coin(HOT, FRESH, 50_000)]);
    let signals = told(&rehearsal::knowledge(), &chain);
    assert_eq!(signals[0].title, "hot wallet sent 50 ETH that it had just received");
    assert!(
        signals[0]
            .explanation
            .text
            .contains("60 ETH arrive there; from before them it is known to have held at least 0 ETH")
    );
    assert_eq!((signals.len(), signals[0].loudness), (1, Loudness::Warning));
}

#[test]
fn below_the_least_outflow_is_quiet() {
    let mut chain = Rehearsal::default();
    chain.block(vec![coin(OUTSIDE, HOT, 60_000)]);
    chain.block(vec![coin(HOT, FRESH, 49_999)]);
    assert!(told(&rehearsal::knowledge(), &chain).is_empty());
}

#[test]
fn what_must_have_been_held_before_is_no_sudden_outflow() {
    let after = |received: u64| {
        let mut chain = Rehearsal::default();
        chain.block(vec![coin(OUTSIDE, HOT, received)]);
        chain.block(vec![coin(HOT, FRESH, 100_000)]);
        told(&rehearsal::knowledge(), &chain).len()
    };
    // 80 in and 100 out: 20 were there before, and 20 is the limit. With 81 in, 19 were.
    assert_eq!((after(80_000), after(81_000)), (0, 1));
}

#[test]
fn a_wallet_known_to_be_full_yesterday_is_quiet() {
    let mut chain = Rehearsal::default();
    chain.block(vec![coin(OUTSIDE, HOT, 500_000)]);
    let mut events = chain.events.clone();
    let mut later = Rehearsal::from_height(20_007_201);
    later.block(vec![coin(OUTSIDE, HOT, 60_000)]);
    later.block(vec![coin(HOT, FRESH, 60_000)]);
    events.extend(later.events.clone());
    assert!(observe(&SuddenOutflow, &rehearsal::knowledge(), &events).is_empty());
    // Without that knowledge it is told.
    assert_eq!(told(&rehearsal::knowledge(), &later).len(), 1);
}

#[test]
fn own_moves_and_what_passes_through_are_quiet() {
    let mut chain = Rehearsal::default();
    chain.block(vec![coin(OUTSIDE, HOT, 100_000)]);
    chain.block(vec![coin(HOT, COLD, 90_000)]);
    let hop = |depth, from, to: Address| Call {
        depth,
        from,
        to: Some(to),
        value: coin(from, to, 80_000).value,
        ..Call::default()
    };
    let calls = vec![hop(0, OUTSIDE, VAULT), hop(1, VAULT, FRESH)];
    chain.block(vec![quarterdeck_core::chain::Transaction { calls, ..coin(OUTSIDE, VAULT, 80_000) }]);
    assert!(told(&rehearsal::knowledge(), &chain).is_empty());
}

#[test]
fn without_watched_addresses_only_young_accounts_are_noted() {
    let prices = quarterdeck_core::catalogue::Catalogue::new(Vec::new(), rehearsal::prices());
    let knowledge = Knowledge { catalogue: prices.into() };
    let after = |nonce: u64| {
        let mut chain = Rehearsal::default();
        chain.block(vec![coin(OUTSIDE, FRESH, 60_000)]);
        chain.block(vec![quarterdeck_core::chain::Transaction { nonce: Some(nonce), ..coin(FRESH, OUTSIDE, 55_000) }]);
        let signals = told(&knowledge, &chain);
        assert!(signals.iter().all(|signal| signal.loudness == Loudness::Info));
        signals.len()
    };
    assert_eq!((after(10), after(11)), (1, 0));
}

#[test]
fn without_a_price_the_limit_is_in_coins() {
    let catalogue = quarterdeck_core::catalogue::Catalogue::default();
    let mut detector = build(&SuddenOutflow, &Knowledge { catalogue: catalogue.into() }, &[("out_min_milli", 1_000)]);
    let mut chain = Rehearsal::default();
    chain.block(vec![coin(OUTSIDE, FRESH, 1_000)]);
    chain.block(vec![coin(FRESH, OUTSIDE, 1_000)]);
    let mut out = Vec::new();
    chain.events.iter().for_each(|event| detector.observe(event, &mut out));
    assert_eq!(out.len(), 1);
}

#[test]
fn it_is_told_once_in_a_quarter_of_the_window_and_again_after_a_reorganization() {
    let mut chain = Rehearsal::default();
    chain.block(vec![coin(OUTSIDE, HOT, 200_000)]);
    let dropped = chain.block(vec![coin(HOT, FRESH, 60_000)]);
    chain.block(vec![coin(HOT, FRESH, 60_000)]);
    assert_eq!(told(&rehearsal::knowledge(), &chain).len(), 1);
    let tip = chain.tip().clone();
    chain.reorg(&[dropped, tip], vec![vec![coin(HOT, FRESH, 60_000)], vec![]]);
    assert_eq!(told(&rehearsal::knowledge(), &chain).len(), 2);
}
