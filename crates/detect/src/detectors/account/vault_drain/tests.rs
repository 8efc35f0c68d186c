use std::collections::BTreeSet;

use proptest::prelude::*;
use quarterdeck_core::{
    catalogue::{AddressRole, Criticality, Service, WatchedAddress},
    chain::{Address, BlockRef, Reorg, U256},
    id::Name,
    money::Usd,
    signal::Signal,
};

use super::*;
use crate::{
    detector::Alone,
    rehearsal::calls::{
        CHAIN, DAI, MACHINE, OTHER_TOKEN, POOL as OTHER_VAULT, SENDER, Story, VAULT, dai, reentrant_drain, withdrawal,
        word,
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
    assert!(alone(reentrant_drain(990)).is_empty());
    assert_eq!(alone(reentrant_drain(1_010)).len(), 1);
    let helped = |dollars: u64| {
        let mut story = Story::begin(MACHINE);
        for _ in 0..2 {
            story.call(MACHINE, VAULT, "claim()", &[], |story| {
                story.call(VAULT, MACHINE, "onClaim()", &[], |story| {
                    story.call(MACHINE, VAULT, "again()", &[], |_| {});
                });
                story.pay(DAI, VAULT, MACHINE, dai(dollars / 2));
            });
        }
        story.end()
    };
    assert!(alone(helped(19_998)).is_empty());
    assert_eq!(alone(helped(20_000)).len(), 1);
}

const ROUTER: Address = Address::repeat_byte(0x0f);
const OWNER: Address = Address::repeat_byte(0xc1);
const OTHER_OWNER: Address = Address::repeat_byte(0xc2);
const TAKE: &str = "transferFrom(address,address,uint256)";

fn taken(spender: Address, story: &mut Story) {
    for owner in [OWNER, OTHER_OWNER] {
        story.call(spender, DAI, TAKE, &[word(owner), word(SENDER), dai(40_000)], |_| {});
    }
}

#[test]
fn approvals_given_to_a_router_that_others_make_it_spend_fire() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, ROUTER, "swap(address)", &[word(OWNER)], |story| taken(ROUTER, story));
    let all = alone(story.end());
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert!(signal.explanation.text.contains("spent other people's approvals"));
    assert_eq!(signal.facts.money_at_risk, Usd::from_dollars(80_000));
}

/// An issuer or custodian moves what its client approved it to move.
#[test]
fn an_approved_operator_who_asks_the_token_himself_is_quiet() {
    let mut story = Story::default();
    story.call(SENDER, DAI, TAKE, &[word(OWNER), word(OTHER_OWNER), dai(29_900_000)], |_| {});
    assert!(alone(story.end()).is_empty());
}

/// The contract that is called is the one that was approved: it collects, and pays on.
#[test]
fn an_operator_s_own_contract_that_collects_by_approval_and_pays_on_is_quiet() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, DAI, TAKE, &[word(OWNER), word(MACHINE), dai(900_000)], |_| {});
    story.pay(DAI, MACHINE, OTHER_OWNER, dai(900_000));
    assert!(alone(story.end()).is_empty());
    let mut story = Story::begin(MACHINE);
    taken(MACHINE, &mut story);
    assert!(alone(story.end()).is_empty());
}

/// A router that runs whatever call it is handed is made to take from those who approved it.
fn handed_over() -> Block {
    let mut story = Story::default();
    story.call(SENDER, VAULT, "run(address,bytes)", &[word(DAI), U256::from(64), U256::from(100)], |story| {
        taken(VAULT, story);
    });
    let mut block = story.end();
    let handed: Vec<_> = block.transactions[0].calls[1..].iter().map(|call| call.input.to_vec()).collect();
    let input = [block.transactions[0].input.to_vec(), handed.concat()].concat();
    block.transactions[0].input = input.into();
    block
}

#[test]
fn a_router_that_is_handed_the_very_call_fires_and_watching_it_does_not_silence() {
    assert_eq!(alone(handed_over()).len(), 1);
    let all = observe(&mut detector(&watching(AddressRole::Contract)), handed_over());
    assert_eq!(all.len(), 1, "the contract called is watched: {all:?}");
    assert_eq!(all[0].facts.money_at_risk, Usd::from_dollars(80_000));
}

#[test]
fn watching_the_contract_that_is_called_silences_no_theft() {
    let called_again = |story: &mut Story| {
        for _ in 0..3 {
            story.call(VAULT, OTHER_VAULT, "claim()", &[], |story| story.pay(DAI, OTHER_VAULT, VAULT, dai(50_000)));
        }
        story.pay(DAI, VAULT, SENDER, dai(150_000));
    };
    let theft = || {
        let mut story = Story::begin(VAULT);
        called_again(&mut story);
        story.end()
    };
    let (unwatched, watched) = (alone(theft()), observe(&mut detector(&watching(AddressRole::Vault)), theft()));
    assert_eq!((unwatched.len(), watched.len()), (1, 1));
    assert_eq!(unwatched[0].facts, watched[0].facts);
}

/// A contract that ends some cents poorer than it was is still the sender's own.
#[test]
fn small_change_left_behind_keeps_nobody_off_the_side() {
    let mut story = Story::begin(MACHINE);
    for _ in 0..3 {
        story.call(MACHINE, VAULT, "claim()", &[], |story| story.pay(DAI, VAULT, MACHINE, dai(50_000)));
    }
    story.pay(DAI, MACHINE, SENDER, dai(150_003));
    let all = alone(story.end());
    assert_eq!(all.len(), 1);
    assert!(all[0].title.starts_with(&VAULT.to_string()), "{}", all[0].title);
}

/// The loot goes to somebody whom the call names and who gave nothing.
#[test]
fn what_goes_to_a_beneficiary_is_the_sender_s_gain() {
    let mut story = Story::begin(MACHINE);
    for _ in 0..3 {
        story.call(MACHINE, VAULT, "claim(address)", &[word(OWNER)], |story| {
            story.pay(DAI, VAULT, OWNER, dai(50_000));
        });
    }
    assert_eq!(alone(story.end()).len(), 1);
}

fn made(story: &mut Story, helper: Address) {
    story.create(MACHINE, helper);
}

/// A helper made on the spot is richer for nothing: little is enough, and so is what nobody prices.
#[test]
fn what_was_made_on_the_spot_and_is_richer_fires() {
    for token in [DAI, OTHER_TOKEN] {
        let mut story = Story::begin(MACHINE);
        made(&mut story, OWNER);
        story.call(OWNER, VAULT, "claim()", &[], |story| story.pay(token, VAULT, OWNER, dai(40)));
        let all = alone(story.end());
        let [signal] = all.as_slice() else { panic!("{all:?}") };
        assert!(signal.explanation.text.contains("a contract made on the spot is richer"));
    }
}

/// A factory makes a pool or a wallet for its user, who pays into it.
#[test]
fn what_was_made_on_the_spot_and_is_paid_by_its_maker_is_quiet() {
    let mut story = Story::begin(MACHINE);
    made(&mut story, OWNER);
    story.pay(DAI, SENDER, OWNER, dai(900_000));
    story.call(OWNER, VAULT, "deposit()", &[], |story| story.pay(DAI, OWNER, VAULT, dai(900_000)));
    assert!(alone(story.end()).is_empty());
}

/// A token that the sender made itself pays for nothing.
#[test]
fn a_token_made_on_the_spot_is_no_payment() {
    let mut story = Story::begin(MACHINE);
    made(&mut story, ROUTER);
    for _ in 0..3 {
        story.pay(ROUTER, MACHINE, VAULT, dai(1_000_000));
        story.call(MACHINE, VAULT, "swap()", &[], |story| story.pay(DAI, VAULT, MACHINE, dai(50_000)));
    }
    assert_eq!(alone(story.end())[0].facts.money_at_risk, Usd::from_dollars(150_000));
}

/// The vault is paid with a "token" that is the sender's own contract, and pays in earnest.
#[test]
fn a_vault_that_takes_the_sender_s_contract_for_a_token_fires() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, VAULT, "redeem(address,uint256)", &[word(MACHINE), dai(1)], |story| {
        story.call(VAULT, MACHINE, "burn(address,uint256)", &[word(MACHINE), dai(1)], |_| {});
        story.pay(DAI, VAULT, MACHINE, dai(9_000));
    });
    let all = alone(story.end());
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert!(signal.explanation.text.contains("the sender's own contract taken for a token"));
}

/// A token that is called sells what it collected on the way: its pool asks it to pay, and pays for that.
#[test]
fn a_called_token_that_trades_with_its_pool_is_quiet() {
    let mut story = Story::begin(OTHER_TOKEN);
    story.call(OTHER_TOKEN, VAULT, "swap()", &[], |story| {
        story.call(VAULT, OTHER_TOKEN, TAKE, &[word(OTHER_TOKEN), word(VAULT), dai(500)], |_| {});
        story.pay(DAI, VAULT, OTHER_TOKEN, dai(9_000));
    });
    assert!(alone(story.end()).is_empty());
}

/// Ten deposits and ten withdrawals of a little more by a helper that was there before, all of it handed back.
#[test]
fn what_goes_through_a_helper_made_beforehand_is_the_sender_s() {
    let mut story = Story::begin(MACHINE);
    for _ in 0..10 {
        story.pay(OTHER_TOKEN, MACHINE, OWNER, dai(100));
        story.call(MACHINE, OWNER, "go()", &[], |story| {
            story.call(OWNER, VAULT, "deposit()", &[], |story| story.pay(OTHER_TOKEN, OWNER, VAULT, dai(100)));
            story.call(OWNER, VAULT, "withdraw()", &[], |story| story.pay(OTHER_TOKEN, VAULT, OWNER, dai(130)));
            story.pay(OTHER_TOKEN, OWNER, MACHINE, dai(130));
        });
    }
    let all = alone(story.end());
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert!(signal.title.starts_with(&VAULT.to_string()), "{}", signal.title);
}

/// The seller of an item takes the bidder's approved money and gives the item: a trade.
#[test]
fn an_accepted_bid_is_a_trade() {
    let mut story = Story::begin(MACHINE);
    let bidder = Address::repeat_byte(0xc1);
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
fn unpriced_loot(called: Address) -> Block {
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
