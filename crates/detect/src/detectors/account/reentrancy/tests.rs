use alloy_primitives::U256;
use quarterdeck_core::{chain::Block, signal::Signal};

use super::*;
use crate::{
    rehearsal::calls::{DAI, LENDER, MACHINE, OTHER_TOKEN, Story, VAULT, dai, reentrant_drain, withdrawal},
    testing,
};

fn signals(block: Block) -> Vec<Arc<Signal>> {
    let mut detector = testing::build(&Reentrancy, &Knowledge::default(), &[]);
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
fn however_little_was_lost_it_fires() {
    let all = signals(reentrant_drain(12));
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(signal.loudness, Loudness::Warning);
    assert!(
        signal.explanation.text.contains("was called again 2 times while it waited, in the function that was waiting.")
    );
    assert_eq!(signals(reentrant_drain(3_000_000))[0].loudness, Loudness::Critical);
}

/// The books are open in one function, and another is called.
#[test]
fn another_function_of_the_waiting_contract_counts() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, VAULT, "supply(uint256)", &[U256::from(1)], |story| {
        story.call(VAULT, MACHINE, "tokensToSend()", &[], |story| {
            story.call(MACHINE, VAULT, "withdraw(uint256)", &[U256::MAX], |story| {
                story.pay(OTHER_TOKEN, VAULT, MACHINE, dai(5));
            });
        });
    });
    let all = signals(story.end());
    let [signal] = all.as_slice() else { panic!("{all:?}") };
    assert!(signal.explanation.text.contains("was called again once while it waited."), "{}", signal.explanation.text);
    assert!(signal.title.ends_with("lost assets without a known price"), "{}", signal.title);
}

#[test]
fn one_call_and_being_called_again_for_nothing_are_quiet() {
    assert!(signals(withdrawal(7, 5_000_000, None)).is_empty());
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, VAULT, "deposit(uint256)", &[U256::from(1)], |story| {
        story.call(VAULT, MACHINE, "onDeposit()", &[], |story| {
            story.call(MACHINE, VAULT, "note()", &[], |_| {});
            story.pay(DAI, MACHINE, VAULT, dai(500));
        });
    });
    assert!(signals(story.end()).is_empty());
}

#[test]
fn a_lender_is_called_back_as_its_trade() {
    let mut story = Story::begin(MACHINE);
    story.call(MACHINE, LENDER, "flashLoan(address,uint256,bytes)", &[], |story| {
        story.pay(DAI, LENDER, MACHINE, dai(1_000));
        story.call(LENDER, MACHINE, "onMorphoFlashLoan(uint256,bytes)", &[], |story| {
            story.call(MACHINE, LENDER, "note()", &[], |_| {});
            story.pay(DAI, VAULT, MACHINE, dai(50));
            story.pay(DAI, MACHINE, LENDER, dai(1_000));
        });
    });
    assert!(signals(story.end()).is_empty());
}
