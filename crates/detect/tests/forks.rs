//! Depth and classes of reorganizations are exact on generated trees: branches of several blocks, forks upon forks, transactions of
//! a few senders that return, are repriced, replaced or lost. The oracle compares the two branches as plain sets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use quarterdeck_core::{
    chain::{Address, B256, Block, Transaction},
    detector::{DetectorKind, Params},
    signal::{Loudness, Signal, SignalChange},
};
use quarterdeck_detect::{
    detectors::reorganization::Reorganization,
    rehearsal::{self, HOT, Rehearsal},
};

/// How a transaction of the old branch comes into the new one.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Same,
    Repriced,
    Replaced,
    Lost,
}

#[derive(Debug, Clone)]
struct Fork {
    /// Blocks built before it, each with this many payments.
    before: Vec<usize>,
    depth: usize,
    /// For each payment of the old branch in turn, and whether it pays the watched wallet.
    fates: Vec<Fate>,
    longer: usize,
}

fn fork() -> impl Strategy<Value = Fork> {
    let fate = prop::sample::select(vec![Fate::Same, Fate::Repriced, Fate::Replaced, Fate::Lost]);
    (prop::collection::vec(0_usize..4, 1..6), 1_usize..6, prop::collection::vec(fate, 1..8), 0_usize..3)
        .prop_map(|(before, depth, fates, longer)| Fork { before, depth, fates, longer })
}

/// A payment with a nonce of its own; every third is to the watched wallet.
fn payment(count: &mut u64) -> Transaction {
    *count += 1;
    let to = if count.is_multiple_of(3) { HOT } else { Address::repeat_byte(0xe2) };
    Transaction { nonce: *count, ..rehearsal::coin(Address::repeat_byte(0xe1), to, 10_000) }
}

/// The transactions of the new branch.
fn adopt(dropped: &[Arc<Block>], fork: &Fork) -> Vec<Vec<Transaction>> {
    let old = dropped.iter().flat_map(|block| &block.transactions);
    let new = old.zip(fork.fates.iter().cycle()).filter_map(|(transaction, fate)| match fate {
        Fate::Same => Some(transaction.clone()),
        Fate::Repriced => Some(Transaction { hash: B256::ZERO, gas_price: 99, ..transaction.clone() }),
        Fate::Replaced => {
            let to = Some(Address::repeat_byte(0x66));
            Some(Transaction { hash: B256::ZERO, to, ..transaction.clone() })
        }
        Fate::Lost => None,
    });
    let mut blocks = vec![Vec::new(); dropped.len() + fork.longer];
    for (place, transaction) in new.enumerate() {
        let block = place % blocks.len();
        blocks[block].push(transaction);
    }
    blocks
}

/// What the detector must count: by name, as its numbers are.
fn oracle(dropped: &[Arc<Block>], adopted: &[Arc<Block>]) -> BTreeMap<&'static str, usize> {
    let new: Vec<&Transaction> = adopted.iter().flat_map(|block| &block.transactions).collect();
    let mut counts = BTreeMap::from([("depth", dropped.len()), ("blocks adopted", adopted.len())]);
    for old in dropped.iter().flat_map(|block| &block.transactions) {
        let ours = old.to == Some(HOT);
        let same = new.iter().any(|t| t.hash == old.hash);
        let rival = new.iter().find(|t| (t.from, t.nonce) == (old.from, old.nonce) && t.hash != old.hash);
        let names = match (same, rival) {
            (true, _) => ["included again", "ours included again"],
            (false, None) => ["transactions dropped", "ours waiting"],
            (false, Some(rival)) if rival.to == old.to => ["conflicted", "ours repriced"],
            (false, Some(_)) => ["conflicted", "ours replaced"],
        };
        *counts.entry(names[0]).or_default() += 1;
        *counts.entry(names[1]).or_default() += usize::from(ours);
    }
    counts
}

fn number(signal: &Signal, name: &str) -> usize {
    signal.explanation.numbers.iter().find(|number| number.name == name).unwrap().value.parse().unwrap()
}

/// What the detector with default parameters raises.
fn told(chain: &Rehearsal) -> Vec<Arc<Signal>> {
    let params = Params::resolve("reorganization", Reorganization.params(), &BTreeMap::new()).unwrap();
    let mut detector = Reorganization.build(&params, &rehearsal::knowledge());
    let mut out = Vec::new();
    for event in &chain.events {
        detector.observe(event, &mut out);
    }
    let signal = |change| match change {
        SignalChange::Raised { signal } => Some(signal),
        _ => None,
    };
    out.into_iter().filter_map(signal).collect()
}

#[test]
fn a_deposit_lost_in_one_fork_and_replaced_in_the_next_is_told() {
    let mut chain = Rehearsal::default();
    let deposit = Transaction { nonce: 5, ..rehearsal::coin(Address::repeat_byte(0xe1), HOT, 10_000) };
    let theft = Transaction { to: Some(Address::repeat_byte(0x66)), ..deposit.clone() };
    let dropped = chain.block(vec![deposit]);
    let adopted = chain.reorg(&[dropped], vec![vec![]]);
    chain.reorg(&adopted, vec![vec![theft]]);
    let loudness: Vec<Loudness> = told(&chain).iter().map(|signal| signal.loudness).collect();
    assert_eq!(loudness, [Loudness::Warning, Loudness::Info, Loudness::Critical]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn depth_and_classes_are_exact(forks in prop::collection::vec(fork(), 1..5)) {
        let mut chain = Rehearsal::default();
        let (mut branch, mut count, mut wanted) = (Vec::new(), 0, Vec::new());
        for fork in &forks {
            for payments in &fork.before {
                branch.push(chain.block((0..*payments).map(|_| payment(&mut count)).collect()));
            }
            let dropped = branch.split_off(branch.len().saturating_sub(fork.depth));
            let adopted = chain.reorg(&dropped, adopt(&dropped, fork));
            wanted.push(oracle(&dropped, &adopted));
            branch.extend(adopted);
        }
        // Each reorganization; not what became of a waiting transaction later.
        let mut signals = told(&chain);
        signals.retain(|signal| signal.title.contains(" left "));
        prop_assert_eq!(signals.len(), wanted.len());
        for (signal, counts) in signals.iter().zip(&wanted) {
            for (name, count) in counts {
                prop_assert_eq!(number(signal, name), *count, "{} of {:?}", name, signal.explanation);
            }
            let replaced = counts.get("ours replaced").is_some_and(|count| *count > 0);
            prop_assert_eq!(signal.loudness == Loudness::Critical, replaced);
        }
    }
}
