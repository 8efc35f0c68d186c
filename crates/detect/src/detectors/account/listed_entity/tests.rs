use alloy_primitives::{U256, keccak256};
use quarterdeck_core::chain::Call;

use super::*;
use crate::rehearsal::{HOT, TOKEN, coin, token};
use crate::testing::{ended, observe, raised};

const LISTED: Address = Address::repeat_byte(0xbd);
const OUTSIDE: Address = Address::repeat_byte(0xee);

fn knowledge(age_days: u64) -> Knowledge {
    let as_of = Rehearsal::default().tip().time.minus(Duration::from_secs(age_days * 86_400));
    let mut catalogue = Catalogue::clone(&rehearsal::knowledge().catalogue);
    catalogue.add_list(AddressList { name: "ofac-sdn".to_owned(), as_of }, [(LISTED, "mixer".to_owned())]);
    Knowledge { catalogue: Arc::new(catalogue) }
}

fn loudness(transaction: Transaction) -> Vec<Loudness> {
    let mut chain = Rehearsal::default();
    chain.block(vec![transaction]);
    raised(&observe(&ListedEntity, &knowledge(1), &chain.events)).iter().map(|signal| signal.loudness).collect()
}

#[test]
fn signatures_are_what_they_say() {
    assert_eq!(keccak256("Transfer(address,address,uint256)"), TRANSFER);
    assert_eq!(keccak256("TransferSingle(address,address,address,uint256,uint256)"), TRANSFER_SINGLE);
    assert_eq!(keccak256("TransferBatch(address,address,address,uint256[],uint256[])"), TRANSFER_BATCH);
}

#[test]
fn how_near_it_came_decides_how_loud() {
    assert_eq!(loudness(coin(HOT, LISTED, 1)), [Loudness::Error]);
    assert_eq!(loudness(coin(LISTED, HOT, 1_000)), [Loudness::Error]);
    assert_eq!(loudness(token(TOKEN, HOT, LISTED, U256::from(1))), [Loudness::Error]);
    assert_eq!(loudness(coin(LISTED, OUTSIDE, 1_000)), [Loudness::Info]);
    assert_eq!(loudness(coin(OUTSIDE, HOT, 1_000)), []);
}

#[test]
fn dust_and_invented_tokens_do_not_wake_anyone() {
    // $98 and $100 at $2,000.
    assert_eq!(loudness(coin(LISTED, HOT, 49)), [Loudness::Warning]);
    assert_eq!(loudness(coin(LISTED, HOT, 50)), [Loudness::Error]);
    let mut invented = token(Address::repeat_byte(0x66), HOT, LISTED, U256::from(1_000));
    invented.from = OUTSIDE;
    assert_eq!(loudness(invented), [Loudness::Warning]);
}

#[test]
fn a_listed_address_inside_the_transaction_is_found() {
    let call = |depth, from, to| Call { depth, from, to: Some(to), ..Call::default() };
    let near = Transaction { calls: vec![call(0, HOT, OUTSIDE), call(1, OUTSIDE, LISTED)], ..coin(HOT, OUTSIDE, 10) };
    assert_eq!(loudness(near), [Loudness::Warning]);
    let failed = Transaction { status: Some(false), ..coin(HOT, LISTED, 10) };
    assert_eq!(loudness(failed), [Loudness::Warning]);
}

#[test]
fn a_stale_list_is_told_once_a_day_and_in_every_hit() {
    let mut chain = Rehearsal::default();
    for _ in 0..3 {
        chain.block(vec![coin(HOT, LISTED, 10)]);
    }
    chain.tick(Duration::from_hours(24));
    let changes = observe(&ListedEntity, &knowledge(8), &chain.events);
    let titles: Vec<String> = raised(&changes).iter().map(|signal| signal.title.clone()).collect();
    assert_eq!(titles.iter().filter(|title| title.starts_with("the list ofac-sdn is")).count(), 2);
    assert!(raised(&changes)[1].explanation.text.contains("old: what was listed since is unknown"));
    assert!(observe(&ListedEntity, &knowledge(6), &chain.events[..2]).iter().all(|change| {
        matches!(change, SignalChange::Raised { signal } if !signal.explanation.text.contains("old:"))
    }));
}

#[test]
fn a_list_drawn_up_anew_ends_its_signal() {
    let mut chain = Rehearsal::default();
    chain.block(vec![]);
    chain.tick(Duration::from_mins(2));
    let mut before = crate::testing::build(&ListedEntity, &knowledge(8), &[]);
    let mut out = Vec::new();
    before.observe(&chain.events[0], &mut out);
    let fingerprint = raised(&out)[0].fingerprint;
    let mut after = crate::testing::build(&ListedEntity, &knowledge(0), &[]);
    after.restore(&before.snapshot()).unwrap();
    out.clear();
    after.observe(&chain.events[1], &mut out);
    assert_eq!(ended(&out), [fingerprint]);
}
