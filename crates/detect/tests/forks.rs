//! Depth and classes of reorganizations are exact on generated trees: branches of several blocks, forks upon forks, transactions of
//! a few senders that return, are repriced, replaced or lost. The oracle compares the two branches as plain sets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use quarterdeck_core::{
    chain::{Address, B256, Block, ChainEvent, Transaction},
    detector::Params,
    id::SignalId,
    signal::{Loudness, Signal, SignalChange},
};
use quarterdeck_detect::{
    detector::{Alone, DetectorKind},
    detectors::any::reorganization::Reorganization,
    pipeline::{GivenParams, Pipeline},
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
    Transaction { nonce: Some(*count), ..rehearsal::coin(Address::repeat_byte(0xe1), to, 10_000) }
}

/// The transactions of the new branch.
fn adopt(dropped: &[Arc<Block>], fork: &Fork) -> Vec<Vec<Transaction>> {
    let old = dropped.iter().flat_map(|block| &block.transactions);
    let new = old.zip(fork.fates.iter().cycle()).filter_map(|(transaction, fate)| match fate {
        Fate::Same => Some(transaction.clone()),
        Fate::Repriced => Some(Transaction { hash: B256::ZERO, gas_price: Some(99), ..transaction.clone() }),
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
    let mut detector = Alone::new(&Reorganization, &params, rehearsal::knowledge());
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
    let deposit = Transaction { nonce: Some(5), ..rehearsal::coin(Address::repeat_byte(0xe1), HOT, 10_000) };
    let theft = Transaction { to: Some(Address::repeat_byte(0x66)), ..deposit.clone() };
    let dropped = chain.block(vec![deposit]);
    let adopted = chain.reorg(&[dropped], vec![vec![]]);
    chain.reorg(&adopted, vec![vec![theft]]);
    let loudness: Vec<Loudness> = told(&chain).iter().map(|signal| signal.loudness).collect();
    assert_eq!(loudness, [Loudness::Warning, Loudness::Info, Loudness::Critical]);
}

/// One step of a history in which a few deposits come, go, return and are replaced.
#[derive(Debug, Clone)]
enum Move {
    /// A block with these versions of the deposits: number, and 0 the payment itself, 1 repriced, 2 and 3 to somebody else.
    Block(Vec<(u64, u8)>),
    Reorg(usize, Vec<Vec<(u64, u8)>>),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let version = prop_oneof![3 => Just(0_u8), 1 => Just(1_u8), 2 => Just(2_u8), 1 => Just(3_u8)];
    let block = prop::collection::vec((1_u64..5, version), 0..3);
    let reorg = (1_usize..6, prop::collection::vec(block.clone(), 1..6));
    prop::collection::vec(
        prop_oneof![2 => block.prop_map(Move::Block), 1 => reorg.prop_map(|(depth, new)| Move::Reorg(depth, new))],
        1..30,
    )
}

/// Deposits by number; the same version is the same transaction wherever it is.
fn version(number: u64, version: u8) -> Transaction {
    let to = match version {
        0 | 1 => HOT,
        other => Address::repeat_byte(0x60 + other),
    };
    let hash = B256::with_last_byte(u8::try_from(number * 16).unwrap() + version);
    let paid = rehearsal::coin(Address::repeat_byte(0xe1), to, 10_000);
    Transaction { nonce: Some(number), hash, gas_price: Some(u128::from(version == 1)), ..paid }
}

/// Those of `wanted` whose nonce the branch has not used yet: a chain takes a nonce once.
fn possible(branch: &[Arc<Block>], wanted: &[(u64, u8)], earlier: &[Vec<Transaction>]) -> Vec<Transaction> {
    let mut made: Vec<Transaction> = Vec::new();
    for (number, which) in wanted {
        let on_branch = branch.iter().flat_map(|block| &block.transactions);
        let used = on_branch.chain(earlier.iter().flatten()).chain(&made).any(|t| t.nonce == Some(*number));
        if !used {
            made.push(version(*number, *which));
        }
    }
    made
}

/// What must be claimed: ours that a dropped block had and the branch has not; and whether another was seen in its place since.
#[derive(Default)]
struct Owed(BTreeMap<B256, bool>);

impl Owed {
    fn dropped(&mut self, block: &Block) {
        self.0.extend(block.transactions.iter().filter(|t| t.to == Some(HOT)).map(|t| (t.hash, false)));
    }
    fn joined(&mut self, block: &Block) {
        for found in &block.transactions {
            let paid = found.to == Some(HOT);
            let same_nonce = |hash: &B256| Some(u64::from(hash.0[31] / 16)) == found.nonce;
            // Paid again, whatever the fee, is there; anything else takes its place.
            self.0.retain(|hash, _| !(same_nonce(hash) && paid));
            self.0.iter_mut().filter(|(hash, _)| same_nonce(hash)).for_each(|(_, lost)| *lost = true);
        }
    }
}

/// Transactions that each claim standing calls lost, and those that all of them name.
fn named(standing: &BTreeMap<SignalId, Arc<Signal>>) -> (Vec<BTreeSet<B256>>, BTreeSet<B256>) {
    let (mut lost, mut all) = (Vec::new(), BTreeSet::new());
    for signal in standing.values() {
        let mut calls_lost = BTreeSet::new();
        let text = &signal.explanation.text;
        for (at, _) in text.match_indices(" of hot wallet") {
            let (before, rest) = text.split_at(at);
            let hash: B256 = before.rsplit(' ').next().unwrap().parse().unwrap();
            let rest = rest.strip_prefix(" of hot wallet").unwrap();
            if rest.starts_with(" →") || rest.starts_with(" is in neither branch ($20,000), and its sender has signed")
            {
                calls_lost.insert(hash);
            }
            all.insert(hash);
        }
        lost.push(calls_lost);
    }
    (lost, all)
}

fn settle(standing: &mut BTreeMap<SignalId, Arc<Signal>>, changes: Vec<SignalChange>) {
    for change in changes {
        match change {
            SignalChange::Raised { signal } => drop(standing.insert(signal.id, signal)),
            SignalChange::Retracted { id, .. } => drop(standing.remove(&id).unwrap()),
            SignalChange::Confirmed { .. } | SignalChange::Ended { .. } | SignalChange::Silent { .. } => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// However often the chain changes its mind: a critical claim stands as long as something that it calls lost is (a dropped block
    /// had it, the branch that stands has not, and another was seen in its place); whatever is lost is called so by a claim that
    /// stands, and whatever is missing is named by one.
    #[test]
    fn what_is_claimed_follows_from_the_branch_that_stands(moves in moves()) {
        let kinds: &[&dyn DetectorKind] = &[&Reorganization];
        let mut pipeline = Pipeline::new(kinds, &GivenParams::new(), &rehearsal::knowledge()).unwrap();
        let (mut chain, mut branch, mut owed) = (Rehearsal::default(), Vec::<Arc<Block>>::new(), Owed::default());
        let (mut standing, mut shown) = (BTreeMap::new(), 0);
        for step in &moves {
            match step {
                Move::Block(wanted) => {
                    let block = chain.block(possible(&branch, wanted, &[]));
                    owed.joined(&block);
                    branch.push(block);
                }
                Move::Reorg(depth, wanted) => {
                    let dropped = branch.split_off(branch.len().saturating_sub(*depth));
                    let mut adopted = Vec::new();
                    for wanted in wanted {
                        adopted.push(possible(&branch, wanted, &adopted));
                    }
                    for block in &dropped {
                        owed.dropped(block);
                    }
                    let adopted = chain.reorg(&dropped, if dropped.is_empty() { Vec::new() } else { adopted });
                    for block in &adopted {
                        owed.joined(block);
                    }
                    branch.extend(adopted);
                }
            }
            for event in &chain.events[shown..] {
                let mut out = Vec::new();
                pipeline.observe(event, &mut out);
                settle(&mut standing, out);
                if !matches!(event, ChainEvent::Block(_)) {
                    let kept = pipeline.snapshot();
                    pipeline = Pipeline::new(kinds, &GivenParams::new(), &rehearsal::knowledge()).unwrap();
                    prop_assert!(pipeline.restore(&kept).is_empty());
                }
            }
            shown = chain.events.len();
            let (lost, all) = named(&standing);
            let owed_lost: BTreeSet<B256> = owed.0.iter().filter(|(_, lost)| **lost).map(|(hash, _)| *hash).collect();
            for (signal, calls_lost) in standing.values().zip(&lost) {
                let critical = signal.loudness == Loudness::Critical;
                prop_assert_eq!(critical, !calls_lost.is_empty(), "{:?}", signal);
                prop_assert!(!critical || !calls_lost.is_disjoint(&owed_lost), "{:?} of {:?}", owed_lost, signal);
            }
            let lost: BTreeSet<B256> = lost.into_iter().flatten().collect();
            prop_assert!(owed_lost.is_subset(&lost), "{:?} of {:?}", owed_lost, standing);
            let missing: BTreeSet<B256> = owed.0.keys().copied().collect();
            prop_assert!(missing.is_subset(&all), "{:?} of {:?}", missing, standing);
        }
    }
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
            // What an earlier one took and no claim that stands says is said again, as loud as it was.
            let again = number(signal, "ours still missing from before") > 0;
            let critical = signal.loudness == Loudness::Critical;
            prop_assert!(critical == replaced || (critical && again));
        }
    }
}
