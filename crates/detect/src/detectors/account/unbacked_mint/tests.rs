use quarterdeck_core::{catalogue::AddressRole, chain::Transaction, signal::Signal};

use super::*;
use crate::{
    rehearsal::{
        TOKEN,
        calls::{DAI, MACHINE, OTHER_TOKEN, POOL, SENDER, Story, dai},
        issue,
    },
    testing,
};

const RELAYER: Address = Address::repeat_byte(0x4e);
const STRANGER: Address = Address::repeat_byte(0xee);

fn raised(changes: Vec<SignalChange>) -> Vec<Arc<Signal>> {
    let signals = changes.into_iter().filter_map(|change| match change {
        SignalChange::Raised { signal } => Some(signal),
        _ => None,
    });
    signals.collect()
}

/// A chain on which the relayer had the token issued so often, a thousand dollars each time.
fn history(issues: u64) -> Rehearsal {
    let mut chain = Rehearsal::default();
    for _ in 0..issues {
        chain.block(vec![issue(TOKEN, RELAYER, rehearsal::HOT, dollars(1_000))]);
    }
    chain
}

fn said(chain: &Rehearsal) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&UnbackedMint, &rehearsal::issuer(), &[]);
    let mut out = Vec::new();
    for event in &chain.events {
        detector.observe(event, &mut out);
    }
    raised(out)
}

#[test]
fn somebody_who_never_issued_is_told_and_named() {
    let mut chain = history(5);
    chain.block(vec![issue(TOKEN, STRANGER, STRANGER, dollars(2_000_000))]);
    let all = said(&chain);
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((signal.loudness, signal.facts.theft), (Loudness::Critical, true));
    assert!(signal.explanation.text.contains("One account has USDX issued as a rule"), "{}", signal.explanation.text);
    assert!(signal.parties.contains(&("sender".to_owned(), STRANGER.into())), "{:?}", signal.parties);
}

#[test]
fn as_long_as_nothing_is_known_only_a_large_issue_is_told() {
    for (amount, told) in [(999_999, 0), (1_000_000, 1)] {
        let mut chain = history(0);
        chain.block(vec![issue(TOKEN, STRANGER, STRANGER, dollars(amount))]);
        assert_eq!(said(&chain).len(), told, "{amount}");
    }
}

#[test]
fn whoever_issues_as_a_rule_is_told_from_twenty_times_the_largest_on() {
    for (amount, told) in [(19_999, 0), (20_000, 1)] {
        let mut chain = history(5);
        chain.block(vec![issue(TOKEN, RELAYER, rehearsal::HOT, dollars(amount))]);
        assert_eq!(said(&chain).len(), told, "{amount}");
    }
}

#[test]
fn a_token_that_anybody_may_have_issued_knows_no_newcomers() {
    let mut chain = Rehearsal::default();
    for n in 0..9_u8 {
        chain.block(vec![issue(TOKEN, Address::repeat_byte(n + 1), STRANGER, dollars(1_000))]);
    }
    let before = said(&chain).len();
    chain.block(vec![issue(TOKEN, STRANGER, STRANGER, dollars(11_000))]);
    assert_eq!(said(&chain).len(), before);
}

/// What was paid for is the buyer's; a tenth of what it is worth is a bad price, and less is none.
#[test]
fn what_was_paid_for_is_nothing() {
    for (coins, told) in [(100, 0), (99, 1)] {
        let mut chain = history(5);
        let value = rehearsal::coin(STRANGER, TOKEN, coins * 1_000).value;
        chain.block(vec![Transaction { value, ..issue(TOKEN, STRANGER, STRANGER, dollars(2_000_000)) }]);
        assert_eq!(said(&chain).len(), told, "{coins} coins at $2,000");
    }
}

#[test]
fn an_issuer_of_a_dropped_block_is_a_newcomer_again() {
    let mut chain = history(5);
    let tip = chain.block(vec![issue(TOKEN, STRANGER, STRANGER, dollars(1_000))]);
    chain.reorg(&[tip], vec![Vec::new()]);
    chain.block(vec![issue(TOKEN, STRANGER, STRANGER, dollars(50_000))]);
    let all = said(&chain);
    assert_eq!(all.len(), 1, "{all:?}");
}

#[test]
fn sixty_four_issuers_are_remembered_and_no_more() {
    let mut issuers = Issuers::default();
    let block = Block::default().reference();
    for n in 0..200_u8 {
        issuers.take(block, Lesson { token: TOKEN, issuer: Address::repeat_byte(n), amount: U256::from(1) });
    }
    let record = issuers.of((block.chain, TOKEN)).unwrap();
    assert_eq!((record.issuers.len(), record.issues), (64, 200));
}

fn of_stranger(story: Story) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&UnbackedMint, &Knowledge::default(), &[]);
    let mut out = Vec::new();
    detector.observe(&ChainEvent::Block(Arc::new(story.end()).into()), &mut out);
    raised(out)
}

/// A million is issued for nothing and sold to a pool that has a million of each: it loses half.
fn issued_and_sold(paid: bool, brought: u64) -> Story {
    let mut story = Story::begin(MACHINE);
    story.balance(DAI, POOL, dai(1_000_000));
    if paid {
        story.pay(DAI, MACHINE, OTHER_TOKEN, dai(900_000));
    }
    story.call(
        MACHINE,
        OTHER_TOKEN,
        "mint(address,uint256)",
        &[crate::rehearsal::calls::word(MACHINE), dai(1_000_000)],
        |_| {},
    );
    story.pay(OTHER_TOKEN, MACHINE, POOL, dai(1_000_000));
    story.pay(DAI, POOL, MACHINE, dai(brought));
    story.pay(DAI, MACHINE, SENDER, dai(brought));
    story
}

#[test]
fn issued_for_nothing_and_sold_is_told_of_tokens_that_nobody_watches() {
    let all = of_stranger(issued_and_sold(false, 500_000));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Error);
    assert_eq!(of_stranger(issued_and_sold(true, 500_000)), [], "it was paid for");
    assert_eq!(of_stranger(issued_and_sold(false, 499_000)), [], "less than half of what the pool held");
}

#[test]
fn the_rehearsals_issuer_watches_its_token() {
    let knowledge = rehearsal::issuer();
    let (_, watched) = knowledge.catalogue.watched(rehearsal::CHAIN, TOKEN).unwrap();
    assert_eq!(watched.role, AddressRole::Token);
}
