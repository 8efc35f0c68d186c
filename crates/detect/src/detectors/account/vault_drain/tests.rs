use std::collections::BTreeSet;

use proptest::prelude::*;
use quarterdeck_core::{
    catalogue::{AddressRole, Criticality, Service, WatchedAddress},
    chain::{BlockRef, Reorg, U256},
    id::Name,
    money::Usd,
    signal::Signal,
};

use super::*;
use crate::{
    detector::Alone,
    rehearsal::calls::{
        CHAIN, DAI, MACHINE, OTHER_TOKEN, SENDER, Story, VAULT, dai, reentrant_drain, withdrawal, word,
    },
    testing,
};

fn detector(knowledge: &Knowledge) -> Alone {
    testing::build(&VaultDrain, knowledge, &[])
}

fn watching(role: AddressRole) -> Knowledge {
    let watched = WatchedAddress { chain: CHAIN, address: VAULT.into(), role, label: "main vault".to_owned() };
    let service = Service {
        id: Name::new("lending").unwrap(),
        title: "Lending".to_owned(),
        criticality: Criticality::Critical,
        users: 10,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::from_dollars(1_000_000),
        regulated: false,
        depends_on: BTreeSet::new(),
        policy: Name::new("default").unwrap(),
        addresses: vec![watched],
    };
    Knowledge { catalogue: Arc::new(Catalogue::new(vec![service], Vec::new())) }
}

fn observe(detector: &mut Alone, block: Block) -> Vec<Arc<Signal>> {
    let mut out = Vec::new();
    detector.observe(&ChainEvent::Block(Arc::new(block).into()), &mut out);
    out.into_iter()
        .map(|change| match change {
            SignalChange::Raised { signal } => signal,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn alone(block: Block) -> Vec<Arc<Signal>> {
    observe(&mut detector(&Knowledge::default()), block)
}

#[test]
fn called_again_while_it_waits_fires() {
    let all = alone(reentrant_drain(300_000));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Error);
    assert!(signal.facts.theft && signal.facts.money_at_risk > Usd::from_dollars(299_000));
    assert!(signal.explanation.text.contains("called into a contract that was still waiting"));
    assert!(signal.title.ends_with("drained of $299,999"), "{}", signal.title);
}

#[test]
fn one_call_and_one_payment_is_a_withdrawal() {
    assert!(alone(withdrawal(7, 5_000_000, None)).is_empty());
    assert!(alone(withdrawal(7, 5_000_000, Some(5_000_000))).is_empty());
}

#[test]
fn the_bound_of_the_loss() {
    // Rounded down to the wei three times over: a few dollars around the bound.
    assert!(alone(reentrant_drain(19_990)).is_empty());
    assert_eq!(alone(reentrant_drain(20_010)).len(), 1);
}

#[test]
fn other_peoples_approvals_fire() {
    let mut story = Story::begin(MACHINE);
    for owner in [0xc1, 0xc2] {
        let owner = quarterdeck_core::chain::Address::repeat_byte(owner);
        let words = [word(owner), word(MACHINE), dai(40_000)];
        story.call(MACHINE, DAI, "transferFrom(address,address,uint256)", &words, |_| {});
    }
    let all = alone(story.end());
    assert!(all[0].explanation.text.contains("spent other people's approvals"));
}

/// The seller of an item takes the bidder's approved money and gives the item: a trade.
#[test]
fn an_accepted_bid_is_a_trade() {
    let mut story = Story::begin(MACHINE);
    let bidder = quarterdeck_core::chain::Address::repeat_byte(0xc1);
    story.call(
        MACHINE,
        DAI,
        "transferFrom(address,address,uint256)",
        &[word(bidder), word(SENDER), dai(90_000)],
        |_| {},
    );
    let item = [word(SENDER), word(bidder), U256::from(77)];
    story.call(MACHINE, OTHER_TOKEN, "safeTransferFrom(address,address,uint256)", &item, |_| {});
    assert!(alone(story.end()).is_empty());
}

#[test]
fn a_watched_reserve_that_falls_by_a_fifth_fires_whatever_the_way() {
    let mut watch = detector(&watching(AddressRole::Vault));
    assert!(observe(&mut watch, withdrawal(1, 200_000, Some(1_000_000))).is_empty(), "exactly a fifth is not more");
    let all = observe(&mut watch, withdrawal(2, 200_000, Some(800_000)));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].title, "main vault: reserve fell by 25.0 % in one transaction");
    assert_eq!(all[0].service.as_ref().map(Name::as_str), Some("lending"));
    assert_eq!(all[0].facts.money_at_risk, Usd::from_dollars(200_000));
    assert!(!all[0].facts.theft, "one large withdrawal is no proof");
}

#[test]
fn a_watched_reserve_that_falls_by_a_third_over_ten_blocks_fires_once() {
    let mut watch = detector(&watching(AddressRole::Bridge));
    assert!(observe(&mut watch, withdrawal(1, 150_000, Some(1_000_000))).is_empty());
    assert!(observe(&mut watch, withdrawal(4, 150_000, None)).is_empty());
    let all = observe(&mut watch, withdrawal(10, 100_000, None));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].title, "main vault: reserve fell by 40.0 % in 10 blocks");
    assert!(observe(&mut watch, withdrawal(10, 1_000, None)).is_empty(), "told already");
    assert!(observe(&mut watch, withdrawal(40, 50_000, None)).is_empty(), "the window moved on");
}

#[test]
fn an_unknown_reserve_claims_nothing() {
    let mut watch = detector(&watching(AddressRole::Vault));
    assert!(observe(&mut watch, withdrawal(1, 900_000, None)).is_empty());
    let mut wallet = detector(&watching(AddressRole::Wallet));
    assert!(
        observe(&mut wallet, withdrawal(1, 900_000, Some(1_000_000))).is_empty(),
        "wallets have their own detectors"
    );
}

#[test]
fn a_dropped_block_takes_its_fall_with_it() {
    let mut watch = detector(&watching(AddressRole::Vault));
    observe(&mut watch, withdrawal(1, 100_000, Some(1_000_000)));
    let before = watch.snapshot();
    observe(&mut watch, withdrawal(2, 170_000, None));
    let ancestor = BlockRef { chain: CHAIN, number: 1, hash: withdrawal(1, 1, None).hash };
    let reorg = Reorg {
        chain: CHAIN,
        ancestor,
        dropped: Vec::new(),
        adopted: Vec::new(),
        observed: quarterdeck_core::time::Timestamp::from_secs(0),
    };
    watch.observe(&ChainEvent::Reorg(Arc::new(reorg)), &mut Vec::new());
    assert_eq!(watch.snapshot(), before);
}

proptest! {
    /// The snapshot law with a watched reserve, where there is something to remember.
    #[test]
    fn a_restored_detector_behaves_as_the_original(
        before in proptest::collection::vec((0..30_u64, 0..400_000_u64, proptest::option::of(1_u64..2_000_000)), 0..20),
        after in proptest::collection::vec((0..30_u64, 0..400_000_u64, proptest::option::of(1_u64..2_000_000)), 0..20),
    ) {
        let knowledge = watching(AddressRole::Vault);
        let mut original = detector(&knowledge);
        for (number, dollars, held) in before {
            observe(&mut original, withdrawal(number, dollars, held));
        }
        let kept = original.snapshot();
        let mut restored = detector(&knowledge);
        restored.restore(&kept).unwrap();
        for (number, dollars, held) in after {
            let (one, other) = (withdrawal(number, dollars, held), withdrawal(number, dollars, held));
            prop_assert_eq!(observe(&mut original, one), observe(&mut restored, other));
        }
        prop_assert_eq!(original.snapshot(), restored.snapshot());
    }
}

/// A vault is called again while it waits, and pays tokens that nobody has a price for.
fn unpriced_loot(called: quarterdeck_core::chain::Address) -> Block {
    let mut story = Story::begin(called);
    story.call(called, VAULT, "withdraw(uint256)", &[U256::from(1)], |story| {
        story.call(VAULT, called, "onReceived()", &[], |story| {
            story.call(called, VAULT, "withdraw(uint256)", &[U256::from(1)], |story| {
                story.pay(OTHER_TOKEN, VAULT, called, dai(5));
            });
        });
    });
    story.end()
}

#[test]
fn loot_without_a_price_counts_when_the_vault_was_called_while_it_waited() {
    let all = alone(unpriced_loot(MACHINE));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((signal.loudness, signal.facts.money_at_risk), (Loudness::Warning, Usd::ZERO));
    assert_eq!(signal.title, format!("{VAULT} drained of assets without a known price"));
}

/// Tokens that pay dividends call their own book-keeping back.
#[test]
fn a_token_that_calls_its_own_books_is_quiet() {
    assert!(alone(unpriced_loot(OTHER_TOKEN)).is_empty());
}
