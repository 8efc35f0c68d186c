use quarterdeck_core::{money::Usd, signal::Signal};

use super::*;
use crate::{
    rehearsal::calls::{
        DAI, LENDER, MACHINE, OTHER_TOKEN, POOL, SENDER, Story, VAULT, dai, flash_loan_arbitrage, flash_loan_theft,
        word,
    },
    testing,
};

fn signals(block: Block) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&FlashLoanProfit, &Knowledge::default(), &[]);
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
fn a_vault_relieved_with_borrowed_money_fires() {
    let all = signals(flash_loan_theft(400_000));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Error);
    assert_eq!(signal.facts.money_at_risk, Usd::from_dollars(400_000));
    assert!(signal.facts.theft && signal.facts.irreversible && !signal.facts.key_compromise);
    assert!(
        signal.parties.contains(&("victim".to_owned(), VAULT.into()))
            && signal.parties.contains(&("lender".to_owned(), LENDER.into()))
    );
    assert_eq!(signal.title, format!("flash loan: {VAULT} lost $400,000"));
    assert!(
        signal
            .explanation
            .text
            .starts_with("The sender borrowed 1.0 M DAI for one transaction, paid it back and is $400,000 richer.")
    );
    let gain = signal.explanation.numbers.iter().find(|number| number.name == "gain of the sender").unwrap();
    assert_eq!((gain.value.as_str(), gain.unit.as_str()), ("400000", "USD"));
}

#[test]
fn arbitrage_is_only_recorded() {
    let all = signals(flash_loan_arbitrage(3_000));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((signal.loudness, signal.facts.theft), (Loudness::Info, false));
    assert!(signals(flash_loan_arbitrage(100)).is_empty());
}

#[test]
fn a_trade_far_beyond_arbitrage_is_a_warning() {
    assert_eq!(signals(flash_loan_arbitrage(50_000))[0].loudness, Loudness::Info);
    assert_eq!(signals(flash_loan_arbitrage(50_001))[0].loudness, Loudness::Warning);
}

#[test]
fn the_bound_of_the_warning() {
    assert_eq!(signals(flash_loan_theft(4_999))[0].loudness, Loudness::Info);
    assert_eq!(signals(flash_loan_theft(5_000))[0].loudness, Loudness::Warning);
    assert_eq!(signals(flash_loan_theft(1_000_000))[0].loudness, Loudness::Critical);
}

#[test]
fn a_loan_without_gain_and_a_gain_without_loan_are_quiet() {
    assert!(signals(flash_loan_theft(0)).is_empty());
    let mut story = Story::begin(MACHINE);
    story.pay(DAI, VAULT, MACHINE, dai(400_000));
    assert!(signals(story.end()).is_empty());
}

#[test]
fn what_failed_took_nothing() {
    let mut block = flash_loan_theft(400_000);
    for call in &mut block.transactions[0].calls {
        call.reverted = true;
    }
    assert!(signals(block).is_empty());
}

#[test]
fn a_lender_nobody_knows_is_known_by_the_shape() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, LENDER, "fastMoney()", &[], |story| {
        story.pay(DAI, LENDER, MACHINE, dai(1_000_000));
        story.call(LENDER, MACHINE, "hereYouAre()", &[], |story| {
            story.pay(DAI, VAULT, MACHINE, dai(60_000));
            story.pay(DAI, MACHINE, LENDER, dai(1_003_000));
        });
    });
    assert_eq!(signals(story.end())[0].loudness, Loudness::Warning);
}

/// A flash loan pays the sender's debt, and the sender's own collateral comes out: no theft.
#[test]
fn closing_a_position_is_only_recorded() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, LENDER, "flashLoan(address,uint256,bytes)", &[word(DAI), dai(1_000_000)], |story| {
        story.pay(DAI, LENDER, MACHINE, dai(1_000_000));
        story.call(LENDER, MACHINE, "onMorphoFlashLoan(uint256,bytes)", &[], |story| {
            story.call(MACHINE, POOL, "repayBorrow(uint256)", &[dai(1_000_000)], |story| {
                story.pay(DAI, MACHINE, POOL, dai(1_000_000));
            });
            story.pay_coin(VAULT, SENDER, dai(1_500_000) / alloy_primitives::U256::from(1_900), |_| {});
            story.pay(DAI, POOL, MACHINE, dai(1_000_000));
            story.pay(DAI, MACHINE, LENDER, dai(1_000_000));
        });
    });
    assert!(signals(story.end()).iter().all(|signal| signal.loudness == Loudness::Info));
}

/// The lender sold something too, and that is no robbery: who got nothing is named.
#[test]
fn the_lender_is_not_the_victim() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, LENDER, "flashLoan(address,uint256,bytes)", &[], |story| {
        story.pay(DAI, LENDER, MACHINE, dai(1_000_000));
        story.call(LENDER, MACHINE, "hereYouAre()", &[], |story| {
            story.pay(DAI, VAULT, MACHINE, dai(60_000));
            story.pay(DAI, MACHINE, LENDER, dai(1_003_000));
        });
    });
    story.pay(OTHER_TOKEN, MACHINE, LENDER, dai(1));
    story.pay(DAI, LENDER, MACHINE, dai(200_000));
    let all = signals(story.end());
    assert!(all[0].parties.contains(&("victim".to_owned(), VAULT.into())), "{:?}", all[0].parties);
    assert!(all[0].title.contains(&VAULT.to_string()), "{}", all[0].title);
}

/// Vaults that others leave and enter in the same transaction lost nothing to the sender, who keeps a small part.
#[test]
fn funds_that_move_between_others_are_no_theft() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, LENDER, "flashLoan(address,address,uint256,bytes)", &[], |story| {
        story.pay(DAI, LENDER, MACHINE, dai(5_000_000));
        story.call(LENDER, MACHINE, "onFlashLoan(address,address,uint256,uint256,bytes)", &[], |story| {
            story.balance(DAI, VAULT, dai(4_000_000));
            story.pay(DAI, VAULT, POOL, dai(3_900_000));
            story.pay(DAI, POOL, MACHINE, dai(40_000));
            story.pay(DAI, MACHINE, LENDER, dai(5_000_000));
        });
    });
    assert!(signals(story.end()).iter().all(|signal| signal.loudness == Loudness::Info));
}
