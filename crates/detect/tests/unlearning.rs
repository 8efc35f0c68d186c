//! A dropped block leaves no trace in what a detector has learned: after a reorganization from A to B it says about the blocks that
//! follow what it says after B alone. For the detectors with a memory, on random forks; `src/memory.rs` has the bound.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Address, Block, ChainEvent, Transaction, U256},
    detector::{Knowledge, Params},
    limits::FORK_WALK_BLOCKS_MAX,
    signal::SignalChange,
};
use quarterdeck_detect::{
    detector::{Alone, DetectorKind},
    detectors::account::{
        approval_phishing::ApprovalPhishing, frequency_spike::FrequencySpike, sudden_outflow::SuddenOutflow,
        unbacked_mint::UnbackedMint, unusual_size::UnusualSize, wallet_policy::WalletGuard,
    },
    rehearsal::{self, COLD, HOT, Rehearsal, TOKEN, VAULT},
};

type Tuned = (&'static dyn DetectorKind, &'static [(&'static str, i64)]);

/// All of them, with parameters under which a short history is enough to learn from.
const KINDS: [Tuned; 6] = [
    (&WalletGuard, &[("share_min_usd", 0), ("share_transaction_permille", 30), ("share_hour_permille", 100)]),
    (&UnusualSize, &[("samples_min", 20), ("tail_exponent", 1), ("floor_usd", 0), ("chain_floor_usd", 100_000)]),
    (
        &FrequencySpike,
        &[
            ("window_seconds", 12),
            ("warmup_windows", 5),
            ("memory_windows", 10),
            ("floor_calls", 3),
            ("tail_exponent", 2),
        ],
    ),
    (&SuddenOutflow, &[("window_blocks", 16), ("out_min_usd", 3_000)]),
    (&UnbackedMint, &[("worth_min_usd", 0), ("unknown_min_usd", 0), ("known_after_issues", 2), ("jump_times", 2)]),
    (&ApprovalPhishing, &[("victims_min", 2), ("loss_min_usd", 0), ("watched_loss_min_usd", 0), ("nonce_min", 0)]),
];

/// A transaction to be: what it does, and how large or often.
type Deed = (u8, u64);

fn deeds() -> impl Strategy<Value = Vec<Vec<Deed>>> {
    blocks(1..6)
}

fn blocks(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<Deed>>> {
    let size = prop_oneof![4 => 1_u64..2_000, 1 => 2_000_u64..200_000];
    prop::collection::vec(prop::collection::vec((0_u8..10, size), 0..5), count)
}

fn transactions(deeds: &[Deed]) -> Vec<Transaction> {
    let stranger = Address::repeat_byte(0xe1);
    let made = deeds.iter().flat_map(|(what, size)| match what {
        0 => vec![rehearsal::coin(HOT, stranger, *size)],
        1 => vec![rehearsal::coin(stranger, HOT, *size)],
        2 => vec![rehearsal::coin(stranger, COLD, *size)],
        3 => vec![rehearsal::coin(COLD, stranger, *size)],
        6 => vec![rehearsal::issue(
            TOKEN,
            [stranger, HOT, COLD][usize::try_from(*size % 3).unwrap()],
            HOT,
            U256::from(*size),
        )],
        7 => vec![rehearsal::approval(TOKEN, owner(*size), spender(*size), U256::from(*size % 5))],
        8 => vec![rehearsal::taking(TOKEN, (stranger, spender(*size)), owner(*size / 2), stranger, U256::from(*size))],
        9 => vec![rehearsal::taking(TOKEN, (owner(*size), spender(*size)), owner(*size), stranger, U256::from(1))],
        _ => vec![rehearsal::call(stranger, VAULT, *b"draw"); usize::try_from(*size % 12).unwrap()],
    });
    made.collect()
}

/// One of a few owners, and of fewer spenders.
fn owner(size: u64) -> Address {
    if size.is_multiple_of(7) { HOT } else { Address::repeat_byte(0xb0 + u8::try_from(size % 4).unwrap()) }
}
fn spender(size: u64) -> Address {
    Address::repeat_byte(0xd0 + u8::try_from(size % 2).unwrap())
}

fn worlds() -> [Knowledge; 3] {
    let bare = Catalogue::new(Vec::new(), rehearsal::prices());
    [rehearsal::knowledge(), Knowledge { catalogue: Arc::new(bare) }, rehearsal::issuer()]
}

fn build(kind: &dyn DetectorKind, given: &[(&str, i64)], knowledge: &Knowledge) -> Alone {
    let given: BTreeMap<String, i64> = given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Alone::new(kind, &Params::resolve(kind.id(), kind.params(), &given).unwrap(), knowledge.clone())
}

fn tell(detector: &mut Alone, events: &[ChainEvent]) -> Vec<SignalChange> {
    let mut out = Vec::new();
    for event in events {
        detector.observe(event, &mut out);
    }
    out
}

/// Something to learn from, then whatever is given.
fn begin(before: &[Vec<Deed>]) -> Rehearsal {
    let mut chain = Rehearsal::default();
    chain.holding(HOT, 200_000);
    chain.holding(COLD, 200_000);
    for n in 0..30_u64 {
        let usual = [(1, 1_000 + n % 7), (0, 1_000 + n % 7), (4, 2)];
        chain.block(transactions(&usual));
    }
    chain.events.push(ChainEvent::Finalized(chain.tip().reference()));
    for deeds in before {
        chain.block(transactions(deeds));
    }
    chain
}

/// Both ways to the same branch: over the blocks that were dropped, and straight.
fn both_ways(
    before: &[Vec<Deed>],
    left: &[Vec<Vec<Deed>>],
    joined: &[Vec<Deed>],
    after: &[Vec<Deed>],
) -> [Vec<ChainEvent>; 2] {
    let mut chain = begin(before);
    let start = chain.events.len();
    let mut tips: Vec<Arc<Block>> = Vec::new();
    for (place, left) in left.iter().enumerate() {
        tips = if place == 0 {
            left.iter().map(|deeds| chain.block(transactions(deeds))).collect()
        } else {
            chain.reorg(&tips, left.iter().map(|deeds| transactions(deeds)).collect())
        };
    }
    chain.reorg(&tips, joined.iter().map(|deeds| transactions(deeds)).collect());
    for deeds in after {
        chain.block(transactions(deeds));
    }
    let is_reorg = |event: &ChainEvent| matches!(event, ChainEvent::Reorg(_));
    let last = chain.events.iter().rposition(is_reorg).unwrap();
    let straight = chain.events[..start].iter().chain(&chain.events[last + 1..]).cloned().collect();
    [chain.events, straight]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_a_reorganization_is_as_if_it_had_not_been(
        before in blocks(0..20),
        left in prop::collection::vec(deeds(), 1..4),
        joined in blocks(5..8),
        after in blocks(1..30),
    ) {
        let [over, straight] = both_ways(&before, &left, &joined, &after);
        let following = joined.len() + after.len();
        for knowledge in worlds() {
            for (kind, given) in KINDS {
                let (mut one, mut other) = (build(kind, given, &knowledge), build(kind, given, &knowledge));
                let was = tell(&mut one, &over[..over.len() - following]);
                tell(&mut other, &straight[..straight.len() - following]);
                let mut said = tell(&mut one, &over[over.len() - following..]);
                let mut wanted = tell(&mut other, &straight[straight.len() - following..]);
                // An end that was told on a dropped block stays told: such a claim may be raised once more, and ends once less.
                if was.iter().any(|change| matches!(change, SignalChange::Ended { .. })) {
                    said.clear();
                    wanted.clear();
                } else {
                    prop_assert_eq!(one.snapshot(), other.snapshot(), "{}", kind.id());
                }
                prop_assert_eq!(said, wanted, "{}", kind.id());
            }
        }
    }
}

/// The histories above do make the detectors speak, on the branch that was left and on the one that was joined.
#[test]
fn the_histories_of_this_law_are_not_silent() {
    let theft =
        vec![vec![(0, 190_000), (6, 5_000), (7, 7), (8, 15)], vec![(4, 11); 4], vec![(4, 11); 4], vec![(4, 11); 4]];
    let [over, straight] = both_ways(&[vec![(1, 200_000)]], std::slice::from_ref(&theft), &theft, &[vec![]]);
    for (kind, given) in KINDS {
        let said = |events: &[ChainEvent]| {
            let raised = |change: &SignalChange| matches!(change, SignalChange::Raised { .. });
            let in_world = |world: &Knowledge| {
                tell(&mut build(kind, given, world), events).iter().filter(|change| raised(change)).count()
            };
            worlds().iter().map(in_world).sum::<usize>()
        };
        let (both, once) = (said(&over), said(&straight));
        assert!(once > 0 && both > once, "{}: {once} straight, {both} over the fork", kind.id());
    }
}

/// As deep as a fork is followed.
#[test]
fn the_deepest_fork_is_unlearnt_whole() {
    let depth = usize::try_from(FORK_WALK_BLOCKS_MAX).unwrap();
    let left: Vec<Vec<Deed>> =
        (0..depth).map(|n| vec![(0, 1_000 + n as u64 * 10), (1, 5_000), (4, n as u64 % 12)]).collect();
    let joined: Vec<Vec<Deed>> = (0..depth).map(|n| vec![(0, 800 + n as u64 % 9), (4, 2)]).collect();
    let [over, straight] = both_ways(&[], &[left], &joined, &[vec![(0, 150_000)]]);
    for (kind, given) in KINDS {
        let (mut one, mut other) =
            (build(kind, given, &rehearsal::knowledge()), build(kind, given, &rehearsal::knowledge()));
        tell(&mut one, &over);
        tell(&mut other, &straight);
        assert_eq!(one.snapshot(), other.snapshot(), "{}", kind.id());
    }
}
