use quarterdeck_core::signal::Signal;

use super::*;
use crate::{
    rehearsal::{HOT, TOKEN, approval, taking},
    testing,
};

const SPENDER: Address = Address::repeat_byte(0xee);
const THIEF: Address = Address::repeat_byte(0xef);

fn dollars(amount: u64) -> U256 {
    U256::from(amount) * U256::from(1_000_000)
}

fn owner(n: u8) -> Address {
    Address::repeat_byte(n)
}

fn approves(owner: Address, nonce: u64) -> Transaction {
    Transaction { nonce: Some(nonce), ..approval(TOKEN, owner, SPENDER, U256::MAX) }
}

fn takes(owner: Address, amount: u64) -> Transaction {
    taking(TOKEN, (THIEF, SPENDER), owner, THIEF, dollars(amount))
}

fn said(chain: &Rehearsal) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&ApprovalPhishing, &rehearsal::knowledge(), &[]);
    let mut out = Vec::new();
    for event in &chain.events {
        detector.observe(event, &mut out);
    }
    let signals = out.into_iter().filter_map(|change| match change {
        SignalChange::Raised { signal } => Some(signal),
        _ => None,
    });
    signals.collect()
}

/// So many owners approve, and each loses so much, one in a block.
fn phished(owners: u8, nonce: u64, each: u64) -> Rehearsal {
    let mut chain = Rehearsal::default();
    for n in 1..=owners {
        chain.block(vec![approves(owner(n), nonce)]);
    }
    for n in 1..=owners {
        chain.block(vec![takes(owner(n), each)]);
    }
    chain
}

#[test]
fn the_third_victim_is_told_and_then_each_doubling() {
    let all = said(&phished(12, 40, 20_000));
    let owners: Vec<&str> = all
        .iter()
        .map(|signal| signal.explanation.numbers.first().map_or("", |number| number.value.as_str()))
        .collect();
    assert_eq!(owners, ["3", "6", "12"]);
    assert_eq!((all[0].loudness, all[2].loudness), (Loudness::Warning, Loudness::Error));
    assert!(all[0].title.contains("took $60,000 by approvals of 3 owners"), "{}", all[0].title);
    assert!(all.iter().all(|signal| signal.fingerprint == all[0].fingerprint));
}

#[test]
fn two_victims_little_money_and_new_addresses_are_nothing() {
    assert_eq!(said(&phished(2, 40, 1_000_000)), [], "two");
    assert_eq!(said(&phished(8, 40, 1_000)), [], "together $8,000");
    assert_eq!(said(&phished(8, 2, 1_000_000)), [], "addresses that were made to approve, as exchanges make them");
}

#[test]
fn a_watched_owner_is_told_at_once() {
    let mut chain = Rehearsal::default();
    chain.block(vec![approves(HOT, 0)]);
    chain.block(vec![takes(HOT, 5_000)]);
    let all = said(&chain);
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Error);
    assert_eq!(signal.service.as_ref().map(ToString::to_string).as_deref(), Some("custody"));
}

#[test]
fn without_an_approval_or_after_it_was_taken_back_nothing_is_known() {
    let mut chain = Rehearsal::default();
    chain.block(vec![takes(HOT, 5_000)]);
    chain.block(vec![approves(HOT, 40)]);
    chain.block(vec![approval(TOKEN, HOT, SPENDER, U256::ZERO)]);
    chain.block(vec![takes(HOT, 5_000)]);
    assert_eq!(said(&chain), []);
}

/// An exchange that people use: it takes from whoever sends the transaction.
#[test]
fn a_spender_that_owners_use_themselves_is_none() {
    let mut chain = Rehearsal::default();
    chain.block(vec![Transaction {
        from: owner(9),
        ..taking(TOKEN, (owner(9), SPENDER), owner(9), THIEF, dollars(10))
    }]);
    for n in 1..=4 {
        chain.block(vec![approves(owner(n), 40)]);
        chain.block(vec![takes(owner(n), 100_000)]);
    }
    assert_eq!(said(&chain), []);
}

#[test]
fn whoever_gets_something_is_no_victim() {
    let mut chain = Rehearsal::default();
    for n in 1..=4 {
        chain.block(vec![approves(owner(n), 40)]);
        let mut trade = takes(owner(n), 100_000);
        let other = rehearsal::token(Address::repeat_byte(0x71), THIEF, owner(n), dollars(1));
        trade.logs.extend(other.logs);
        chain.block(vec![trade]);
    }
    assert_eq!(said(&chain), []);
}

#[test]
fn an_approval_on_a_dropped_block_was_never_given() {
    let mut chain = Rehearsal::default();
    let tip = chain.block(vec![approves(HOT, 40)]);
    chain.reorg(&[tip], vec![Vec::new()]);
    chain.block(vec![takes(HOT, 5_000)]);
    assert_eq!(said(&chain), []);
}

/// The same with nothing but traces, and given and taken in one transaction.
#[test]
fn a_trace_alone_tells_the_spender() {
    use crate::rehearsal::calls::{DAI, MACHINE, SENDER, Story, VAULT, dai, word};
    let mut story = Story::begin(MACHINE);
    for n in 1..=3 {
        let from = Address::repeat_byte(n);
        story.call(from, DAI, "approve(address,uint256)", &[word(VAULT), U256::MAX], |_| {});
        story.call(
            VAULT,
            DAI,
            "transferFrom(address,address,uint256)",
            &[word(from), word(SENDER), dai(9_000)],
            |_| {},
        );
    }
    let block = story.end();
    let event = ChainEvent::Block(Arc::new(block).into());
    let catalogue = Catalogue::default();
    let evidence = Evidence::of(&event, &catalogue);
    let case = evidence.cases().next().unwrap();
    let takings = reading::takings(case);
    assert_eq!((reading::approvals(case).len(), takings.len()), (3, 3));
    assert!(takings.iter().all(|taking| taking.spenders == [VAULT] && taking.to == SENDER));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut grants = Grants::new();
    let block = Block::default().reference();
    let address = |n: u32| Address::left_padding_from(&n.to_be_bytes());
    for n in 0..200_u32 {
        grants.take(block, Lesson::Took { spender: SPENDER, owner: address(n + 1), cents: 100 });
        grants.take(block, Lesson::Used { spender: THIEF });
    }
    let known = grants.spender((block.chain, SPENDER)).unwrap();
    assert_eq!((known.victims.len(), known.lost()), (64, 6_400));
    assert!(grants.spender((block.chain, THIEF)).unwrap().is_established());
}
