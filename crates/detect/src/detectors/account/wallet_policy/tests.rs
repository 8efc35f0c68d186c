use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::{
    chain::{Log, Transaction, U256},
    signal::Signal,
    wallet::{Destinations, Hours},
};

use super::*;
use crate::{
    rehearsal::{COLD, HOT, TOKEN},
    testing,
};

const STRANGER: Address = Address::repeat_byte(0xee);
const KRAKEN: Address = Address::repeat_byte(0x0c);

/// The house of rehearsals with a policy on its hot wallet.
fn house(policy: WalletPolicy) -> Knowledge {
    let mut catalogue = Catalogue::clone(&rehearsal::knowledge().catalogue);
    catalogue.guard(rehearsal::CHAIN, HOT, Arc::new(policy));
    Knowledge { catalogue: Arc::new(catalogue) }
}

fn listed(ours: bool) -> WalletPolicy {
    let destinations = Destinations { ours, addresses: BTreeSet::from([KRAKEN]) };
    WalletPolicy { destinations: Some(destinations), ..WalletPolicy::default() }
}

fn told(knowledge: &Knowledge, chain: &Rehearsal) -> Vec<Arc<Signal>> {
    testing::raised(&testing::observe(&WalletGuard, knowledge, &chain.events))
}

/// Titles of what is told but for what is only recorded.
fn titles(knowledge: &Knowledge, chain: &Rehearsal) -> Vec<String> {
    let loud = told(knowledge, chain).into_iter().filter(|signal| signal.loudness > Loudness::Info);
    loud.map(|signal| signal.title.clone()).collect()
}

#[test]
fn half_of_a_wallet_is_told_in_the_first_block_and_less_is_not() {
    let bare = rehearsal::knowledge();
    let of_a_hundred = |coins: u64| {
        let mut chain = Rehearsal::default();
        chain.holding(HOT, 100_000);
        chain.block(vec![rehearsal::coin(HOT, STRANGER, coins * 1_000)]);
        chain
    };
    assert!(titles(&bare, &of_a_hundred(49)).is_empty());
    let found = told(&bare, &of_a_hundred(50));
    let [signal] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(signal.title, "50 % of what hot wallet holds left in one transaction");
    assert_eq!((signal.loudness, signal.facts.money_at_risk), (Loudness::Error, Usd::from_dollars(100_000)));
    assert!(signal.facts.irreversible && !signal.facts.theft && !signal.facts.key_compromise);
}

#[test]
fn half_of_a_wallet_within_an_hour_is_told_and_over_two_hours_is_not() {
    let every = |blocks: usize| {
        let mut chain = Rehearsal::default();
        chain.holding(HOT, 100_000);
        for n in 0..6 {
            chain.block(vec![rehearsal::coin(HOT, STRANGER, 10_000)]);
            (1..blocks).filter(|_| n < 5).for_each(|_| drop(chain.block(Vec::new())));
        }
        titles(&rehearsal::knowledge(), &chain)
    };
    // Five payments of a tenth are half; the sixth is more.
    let half = "50 % of what hot wallet holds left within an hour";
    assert_eq!(every(1), [half, "60 % of what hot wallet holds left within an hour"]);
    // One each 25 minutes: three within the hour, and never half of what was there at its beginning.
    assert!(every(125).is_empty());
}

#[test]
fn moves_between_our_own_and_trades_are_no_loss() {
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 100_000);
    chain.block(vec![rehearsal::coin(HOT, COLD, 90_000)]);
    assert!(told(&rehearsal::knowledge(), &chain).is_empty());
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 100_000);
    let mut trade = rehearsal::coin(HOT, STRANGER, 90_000);
    trade.logs = rehearsal::token(TOKEN, STRANGER, HOT, U256::from(179_000_000_000_u64)).logs;
    chain.block(vec![trade]);
    assert!(told(&rehearsal::knowledge(), &chain).is_empty());
}

#[test]
fn a_balance_that_nobody_knows_is_said_once_and_ends_when_it_is_known() {
    let mut chain = Rehearsal::default();
    chain.block(vec![rehearsal::coin(HOT, STRANGER, 10_000)]);
    chain.block(vec![rehearsal::coin(HOT, STRANGER, 10_000)]);
    chain.holding(HOT, 500_000);
    chain.block(vec![rehearsal::coin(HOT, STRANGER, 10_000)]);
    let changes = testing::observe(&WalletGuard, &rehearsal::knowledge(), &chain.events);
    let raised = testing::raised(&changes);
    let [blind] = raised.as_slice() else { panic!("{raised:?}") };
    assert_eq!(blind.title, "what hot wallet holds is not known: its share limits are not judged");
    assert_eq!((blind.loudness, testing::ended(&changes)), (Loudness::Info, vec![blind.fingerprint]));
    let asked =
        WalletPolicy { share_permille: Spans { day: Some(100), ..Spans::default() }, ..WalletPolicy::default() };
    assert_eq!(told(&house(asked), &chain)[0].loudness, Loudness::Warning, "whoever set a share must hear it");
}

#[test]
fn a_destination_off_the_list_is_told_whatever_the_sum() {
    let mut chain = Rehearsal::default();
    chain.block(vec![rehearsal::coin(HOT, KRAKEN, 400), rehearsal::coin(HOT, COLD, 400)]);
    assert!(told(&house(listed(true)), &chain).is_empty());
    chain.block(vec![rehearsal::coin(HOT, STRANGER, 1)]);
    let found = told(&house(listed(true)), &chain);
    let [signal] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(signal.title, "allow-list of hot wallet: 0xeeee…eeee is not on it");
    assert!(signal.loudness == Loudness::Error && signal.facts.theft);
    assert!(signal.parties.contains(&("receiver".to_owned(), STRANGER.into())));
    // Our own address is told too where the list leaves it out, and more quietly.
    let strict = told(&house(listed(false)), &chain);
    assert_eq!(strict.len(), 2);
    assert!(strict[0].loudness == Loudness::Warning && !strict[0].facts.theft);
}

fn approval(of: Transaction, spender: Address, amount: u64) -> Transaction {
    let topics = [
        alloy_primitives::b256!("8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"),
        HOT.into_word(),
        spender.into_word(),
    ];
    let data = U256::from(amount).to_be_bytes::<32>().to_vec().into();
    Transaction { logs: vec![Log { address: TOKEN, topics: topics.to_vec(), data }], ..of }
}

#[test]
fn who_may_take_must_be_on_the_list_too() {
    let call = || rehearsal::call(HOT, TOKEN, *b"appr");
    let mut chain = Rehearsal::default();
    chain.block(vec![approval(call(), KRAKEN, 7), approval(call(), STRANGER, 0)]);
    assert!(told(&house(listed(true)), &chain).is_empty(), "one that is listed, and one that is taken back");
    chain.block(vec![approval(call(), STRANGER, 7)]);
    let titles = titles(&house(listed(true)), &chain);
    assert_eq!(titles, ["allow-list of hot wallet: 0xeeee…eeee is not on it and may now take its USDX"]);
    assert!(told(&rehearsal::knowledge(), &chain).is_empty(), "without a list nothing is said");
}

#[test]
fn a_token_that_anybody_made_says_nothing_about_our_wallets() {
    let fake = Address::repeat_byte(0xfa);
    let mut poison = rehearsal::call(STRANGER, fake, *b"fake");
    poison.logs = rehearsal::token(fake, HOT, STRANGER, U256::from(1_000_000)).logs;
    let mut chain = Rehearsal::default();
    chain.block(vec![poison]);
    assert!(told(&house(listed(true)), &chain).is_empty());
    chain.block(vec![rehearsal::token(fake, HOT, STRANGER, U256::from(1_000_000))]);
    assert_eq!(titles(&house(listed(true)), &chain).len(), 1, "where the wallet itself acted it did it");
}

#[test]
fn fixed_limits_count_what_left_in_the_span() {
    let usd = Spans { transaction: Some(Usd::from_dollars(10_000)), hour: Some(Usd::from_dollars(20_000)), day: None };
    let policy = WalletPolicy { usd, ..WalletPolicy::default() };
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 10_000_000);
    for coins in [5, 5, 1] {
        chain.block(vec![rehearsal::coin(HOT, STRANGER, coins * 1_000)]);
    }
    assert_eq!(
        titles(&house(policy.clone()), &chain),
        ["limit of hot wallet: $22,000 left within an hour, $20,000 may"]
    );
    let mut chain = Rehearsal::default();
    chain.block(vec![rehearsal::coin(HOT, STRANGER, 6_000)]);
    assert_eq!(titles(&house(policy), &chain), ["limit of hot wallet: $12,000 left in one transaction, $10,000 may"]);
    let coin = Spans { day: Some(U256::from(3) * U256::from(10).pow(U256::from(18))), ..Spans::default() };
    let policy = WalletPolicy { units: BTreeMap::from([(None, coin)]), ..WalletPolicy::default() };
    let mut chain = Rehearsal::default();
    (0..2).for_each(|_| drop(chain.block(vec![rehearsal::coin(HOT, STRANGER, 2_000)])));
    assert_eq!(titles(&house(policy), &chain), ["limit of hot wallet: 4 ETH left within a day, 3 ETH may"]);
}

#[test]
fn a_nonce_is_judged_only_where_every_block_was_seen() {
    let policy = || house(WalletPolicy { nonce_gaps: true, ..WalletPolicy::default() });
    let signed = |nonce: u64| Transaction {
        nonce: Some(nonce),
        hash: U256::from(nonce).into(),
        ..rehearsal::coin(HOT, STRANGER, 1)
    };
    let mut chain = Rehearsal::default();
    for nonce in [7, 8, 11] {
        chain.block(vec![signed(nonce)]);
    }
    let found = told(&policy(), &chain);
    let [signal] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(signal.title, "nonces of hot wallet: its key was used 2 times where we saw nothing");
    // All that the key controls is at risk; nobody knows what it holds, so it is what the service holds.
    assert!(signal.facts.key_compromise && signal.facts.money_at_risk == Usd::from_dollars(50_000_000));
    chain.events.remove(1);
    assert!(told(&policy(), &chain).is_empty(), "the block that is missing may hold the transactions");
}

#[test]
fn new_counterparties_and_hours_are_told_by_the_policy_alone() {
    let above = WalletPolicy { new_counterparty: Some(Usd::from_dollars(1_000)), ..WalletPolicy::default() };
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 10_000_000);
    let pay = |milli| vec![rehearsal::coin(HOT, STRANGER, milli)];
    chain.block(pay(100));
    chain.block(pay(5_000));
    assert!(titles(&house(above.clone()), &chain).is_empty(), "it is known by then");
    chain.block(vec![rehearsal::coin(HOT, KRAKEN, 5_000)]);
    assert_eq!(titles(&house(above), &chain), ["hot wallet sent $10,000 to 0x0c0c…0c0c, where it never sent before"]);
    // 2023-11-14 is a Tuesday, 22:13 UTC.
    let rules = quarterdeck_core::policy::zone("UTC").unwrap();
    let hours = Hours { zone: "UTC".to_owned(), rules, days: [true; 7], from: 8 * 60, until: 18 * 60 };
    let policy = WalletPolicy { hours: Some(hours), ..WalletPolicy::default() };
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 10_000_000);
    chain.block(pay(100));
    assert_eq!(titles(&house(policy), &chain), ["hours of hot wallet: it was used on Tue 22:13"]);
}

#[test]
fn all_broken_lines_of_a_transaction_are_one_claim() {
    let usd = Spans { transaction: Some(Usd::from_dollars(10)), ..Spans::default() };
    let policy = WalletPolicy { usd, new_counterparty: Some(Usd::ZERO), ..listed(true) };
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 100_000);
    chain.block(vec![rehearsal::coin(HOT, STRANGER, 80_000)]);
    let found = told(&house(policy.clone()), &chain);
    let [signal] = found.as_slice() else { panic!("{found:?}") };
    insta::assert_snapshot!(signal.explanation.text, @"hot wallet sent 80 ETH to 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, which is not on its allow-list. hot wallet lost $160,000 of $200,000 in one transaction, 80 % of what it is known to hold; from 50 % on that is told. $160,000 left hot wallet in one transaction; its policy allows $10. hot wallet never paid 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE since it is watched; above $0 that is told.");
    assert_eq!(signal.facts.money_at_risk, Usd::from_dollars(160_000));
    let wallet = rehearsal::knowledge().catalogue.services.values().next().unwrap().addresses[0].clone();
    let params = Params::resolve(ID, PARAMS, &BTreeMap::new()).unwrap();
    let lines = guarded_by(&house(policy).catalogue, &wallet, Some(&params));
    insta::assert_snapshot!(lines.join("\n"), @r"
    sends only to any watched address and 0x0c0c…0c0c
    told if 50 % of what it holds leaves in one transaction, as for every wallet
    told if 50 % of what it holds leaves within an hour, as for every wallet
    at most $10 in one transaction
    told above $0 to where it never sent before
    ");
}
