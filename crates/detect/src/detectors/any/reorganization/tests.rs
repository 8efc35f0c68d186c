use std::sync::Arc;

use quarterdeck_core::{chain::Block, signal::Signal};

use super::*;
use crate::rehearsal::{HOT, coin};
use crate::testing::{observe, raised};

const STRANGER: Address = Address::repeat_byte(0xee);

fn told(chain: &Rehearsal) -> Vec<Arc<Signal>> {
    raised(&observe(&Reorganization, &rehearsal::knowledge(), &chain.events))
}
fn number(signal: &Signal, name: &str) -> String {
    signal.explanation.numbers.iter().find(|number| number.name == name).unwrap().value.clone()
}
fn deposit() -> Transaction {
    Transaction { nonce: Some(5), ..coin(STRANGER, HOT, 100_000) }
}

#[test]
fn a_shallow_one_without_impact_is_for_the_record() {
    let mut chain = Rehearsal::default();
    let dropped = chain.block(vec![coin(STRANGER, STRANGER, 1)]);
    chain.reorg(&[dropped], vec![vec![]]);
    let signals = told(&chain);
    assert_eq!((signals.len(), signals[0].loudness), (1, Loudness::Info));
    assert_eq!(signals[0].position.as_ref().unwrap().block, chain.tip().reference());
    assert_eq!(number(&signals[0], "transactions dropped"), "1");
}

#[test]
fn two_of_depth_one_at_a_height_are_not_one_of_depth_two() {
    let mut chain = Rehearsal::default();
    let first = chain.block(vec![]);
    let second = chain.reorg(&[first], vec![vec![]]);
    chain.reorg(&second, vec![vec![]]);
    let signals = told(&chain);
    assert_eq!(signals.iter().map(|s| number(s, "depth")).collect::<Vec<_>>(), ["1", "1"]);
    assert!(signals.iter().all(|signal| signal.loudness == Loudness::Info));
}

#[test]
fn depth_alone_makes_it_louder() {
    let loudness = |depth: usize| {
        let mut chain = Rehearsal::default();
        let dropped: Vec<_> = (0..depth).map(|_| chain.block(vec![])).collect();
        chain.reorg(&dropped, vec![vec![]; depth]);
        told(&chain)[0].loudness
    };
    assert_eq!([1, 2, 6, 7].map(loudness), [Loudness::Info, Loudness::Warning, Loudness::Warning, Loudness::Error]);
}

#[test]
fn a_replaced_deposit_is_critical_and_named() {
    let mut chain = Rehearsal::default();
    let dropped = chain.block(vec![deposit()]);
    let theft = Transaction { nonce: Some(5), ..coin(STRANGER, STRANGER, 100_000) };
    let adopted = chain.reorg(&[Arc::clone(&dropped)], vec![vec![theft]]);
    let signal = &told(&chain)[0];
    assert_eq!((signal.loudness, signal.facts.money_at_risk), (Loudness::Critical, Usd::from_dollars(200_000)));
    let arrow =
        format!("{} of hot wallet → {} ($200,000)", dropped.transactions[0].hash, adopted[0].transactions[0].hash);
    assert!(signal.explanation.text.contains(&arrow), "{}", signal.explanation.text);
}

#[test]
fn a_repriced_or_included_deposit_is_not_replaced() {
    for (hash_kept, name) in [(true, "ours included again"), (false, "ours repriced")] {
        let mut chain = Rehearsal::default();
        let dropped = chain.block(vec![deposit()]);
        let again =
            if hash_kept { dropped.transactions[0].clone() } else { Transaction { gas_price: Some(9), ..deposit() } };
        chain.reorg(&[dropped], vec![vec![again]]);
        let signal = &told(&chain)[0];
        assert_eq!((signal.loudness, number(signal, name).as_str()), (Loudness::Info, "1"));
        assert_eq!(signal.facts.money_at_risk, Usd::ZERO);
    }
}

#[test]
fn a_dropped_deposit_waits_and_is_followed_until_it_is_replaced_or_returns() {
    for (again, wanted) in [(true, 1), (false, 2)] {
        let mut chain = Rehearsal::default();
        let dropped = chain.block(vec![deposit()]);
        chain.reorg(&[Arc::clone(&dropped)], vec![vec![]]);
        chain.block(vec![]);
        let theft = Transaction { nonce: Some(5), ..coin(STRANGER, STRANGER, 100_000) };
        chain.block(vec![if again { dropped.transactions[0].clone() } else { theft }]);
        let signals = told(&chain);
        assert_eq!((signals.len(), signals[0].loudness), (wanted, Loudness::Warning));
        assert!(signals[0].title.ends_with("left 1 block with 1 of our transactions"), "{}", signals[0].title);
        assert_eq!(signals.last().unwrap().loudness, if again { Loudness::Warning } else { Loudness::Critical });
    }
}

#[test]
fn blocks_that_were_never_seen_are_said_to_be_unknown() {
    let mut chain = Rehearsal::default();
    let dropped = chain.block(vec![deposit()]);
    chain.reorg(&[dropped], vec![vec![]]);
    let signals = raised(&observe(&Reorganization, &rehearsal::knowledge(), &chain.events[1..]));
    assert!(signals[0].explanation.text.contains("1 of the blocks left were never seen by us"));
    assert_eq!(signals[0].loudness, Loudness::Warning);
}

/// Reasons of the retractions that it says itself.
fn reasons(chain: &Rehearsal) -> Vec<String> {
    let changes = observe(&Reorganization, &rehearsal::knowledge(), &chain.events);
    let reason = |change| match change {
        SignalChange::Retracted { reason, .. } => Some(reason),
        _ => None,
    };
    changes.into_iter().filter_map(reason).collect()
}

#[test]
fn a_claim_that_falls_says_what_became_of_what_it_named() {
    let theft = || Transaction { nonce: Some(5), ..coin(STRANGER, STRANGER, 100_000) };
    let mut chain = Rehearsal::default();
    let dropped = chain.block(vec![deposit()]);
    let paid = dropped.transactions[0].clone();
    let first = chain.reorg(&[dropped], vec![vec![theft()]]);
    let second = chain.reorg(&first, vec![vec![]]);
    chain.reorg(&second, vec![vec![], vec![paid.clone()]]);
    let left = |block: &Block| format!("block {} ({}) left the best chain; {}", block.number, block.hash, paid.hash);
    let wanted = [
        format!("{} is still missing", left(&first[0])),
        format!("{} is back, in block {}", left(&second[0]), second[0].number + 1),
    ];
    assert_eq!(reasons(&chain), wanted);
}

#[test]
fn a_loss_that_an_ordinary_block_undoes_is_retracted_and_the_rest_said_again() {
    let theft = || Transaction { nonce: Some(5), ..coin(STRANGER, STRANGER, 100_000) };
    let other = Transaction { nonce: Some(6), ..coin(STRANGER, HOT, 50_000) };
    let mut chain = Rehearsal::default();
    let dropped = chain.block(vec![deposit(), other]);
    let paid = dropped.transactions[0].clone();
    let first = chain.reorg(&[dropped], vec![vec![theft()]]);
    chain.reorg(&first, vec![vec![]]);
    chain.block(vec![paid.clone()]);
    let back = chain.tip().number;
    assert_eq!(reasons(&chain)[1], format!("{} is back, in block {back}", paid.hash));
    let signals = told(&chain);
    assert_eq!(
        signals.iter().map(|signal| signal.loudness).collect::<Vec<_>>(),
        [Loudness::Critical, Loudness::Critical, Loudness::Warning]
    );
    assert_eq!(signals[2].title, "chain 1: 1 of our transactions still missing ($100,000)");
}
