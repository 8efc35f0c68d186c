//! What every detector must keep, and the books of what stands.

use proptest::prelude::*;
use quarterdeck_core::{
    chain::{Address, AnyBlock, Block},
    signal::SignalStatus,
};

use super::{
    kept::{Pieces, WHOLE},
    *,
};
use crate::detectors::DETECTORS;

fn pipeline() -> Pipeline {
    Pipeline::new(DETECTORS, &GivenParams::new(), &Knowledge::default()).unwrap()
}

fn canary(id: &str) -> ChainEvent {
    let kind = DETECTORS.iter().find(|kind| kind.id() == id).unwrap();
    kind.canary().1.remove(0)
}

fn block_of(event: &ChainEvent) -> Arc<Block> {
    match event {
        ChainEvent::Block(AnyBlock::Account(block)) => Arc::clone(block),
        other => panic!("{other:?}"),
    }
}

fn raised(changes: &[SignalChange]) -> Vec<SignalId> {
    let ids = changes.iter().filter_map(|change| match change {
        SignalChange::Raised { signal } => Some(signal.id),
        _ => None,
    });
    ids.collect()
}

#[test]
fn a_dropped_block_retracts_and_a_final_one_confirms() {
    // Only the one: the detector of reorganizations has its own say about them.
    let kinds: &[&dyn DetectorKind] = &[&crate::detectors::account::flash_loan_profit::FlashLoanProfit];
    let mut pipeline = Pipeline::new(kinds, &GivenParams::new(), &Knowledge::default()).unwrap();
    let mut out = Vec::new();
    let event = canary("flash_loan_profit");
    let block = block_of(&event);
    pipeline.observe(&event, &mut out);
    let ids = raised(&out);
    assert!(!ids.is_empty() && pipeline.standing() == ids.len());
    assert!(
        out.iter().all(|c| matches!(c, SignalChange::Raised { signal } if signal.status == SignalStatus::Provisional))
    );

    let mut dropped = Vec::new();
    let ancestor = BlockRef { number: block.number - 1, hash: block.parent, ..block.reference() };
    let reorg = Reorg {
        chain: block.chain,
        ancestor,
        dropped: vec![block.reference()],
        adopted: Vec::new(),
        observed: block.time,
    };
    pipeline.observe(&ChainEvent::Reorg(Arc::new(reorg)), &mut dropped);
    let gone: Vec<SignalId> = dropped
        .iter()
        .map(|change| match change {
            SignalChange::Retracted { id, reason } if reason.contains("left the best chain") => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(BTreeSet::from_iter(gone), BTreeSet::from_iter(ids.clone()));

    // The block comes back: the same ids; final: confirmed once, and no reorganization can touch them any more.
    let mut again = Vec::new();
    pipeline.observe(&event, &mut again);
    assert_eq!(raised(&again), ids);
    let mut confirmed = Vec::new();
    for _ in 0..2 {
        pipeline.observe(&ChainEvent::Finalized(block.reference()), &mut confirmed);
    }
    assert_eq!(confirmed.iter().filter(|c| matches!(c, SignalChange::Confirmed { .. })).count(), ids.len());
    assert_eq!(pipeline.standing(), 0);
    let (_, counts) = pipeline.counts().find(|(id, _)| *id == "flash_loan_profit").unwrap();
    assert_eq!((counts.raised, counts.retracted, counts.confirmed), (2, 1, 1));
}

#[test]
fn a_fork_that_nobody_walked_retracts_what_is_known_to_be_lost_and_nothing_below() {
    let kinds: &[&dyn DetectorKind] = &[&crate::detectors::account::flash_loan_profit::FlashLoanProfit];
    let mut pipeline = Pipeline::new(kinds, &GivenParams::new(), &Knowledge::default()).unwrap();
    let event = canary("flash_loan_profit");
    let block = block_of(&event);
    let gap = |kind, from: u64, closed| {
        let gap = Gap {
            source: "node".parse().unwrap(),
            chain: block.chain,
            kind,
            from_block: Some(from),
            to_block: Some(block.number + 9),
            since: block.time,
            closed,
            detail: String::new(),
        };
        ChainEvent::Gap(Arc::new(gap))
    };
    let mut out = Vec::new();
    pipeline.observe(&event, &mut out);
    let ids = raised(&out);

    let mut none = Vec::new();
    pipeline.observe(&gap(GapKind::ForkTooDeep, block.number + 1, None), &mut none);
    pipeline.observe(&gap(GapKind::ForkTooDeep, block.number, Some(block.time)), &mut none);
    pipeline.observe(&gap(GapKind::MissingBlock, block.number, None), &mut none);
    // A node that shows another chain is not believed, and takes nothing back.
    pipeline.observe(&gap(GapKind::OtherChain, 0, None), &mut none);
    assert_eq!((none.len(), pipeline.standing()), (0, ids.len()), "below it, when it is over, or for another reason");

    let mut lost = Vec::new();
    pipeline.observe(&gap(GapKind::ForkTooDeep, block.number, None), &mut lost);
    let told: Vec<SignalId> = lost
        .iter()
        .map(|change| match change {
            SignalChange::Retracted { id, reason } if reason.contains("a branch that the node left") => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ids);
    assert_eq!(pipeline.standing(), 0);
    let mut later = Vec::new();
    pipeline.observe(&ChainEvent::Finalized(block.reference()), &mut later);
    assert!(later.is_empty(), "what was lost is never confirmed: {later:?}");

    // The transaction is in a block of the other branch: what it did is said again.
    let moved = Block { number: block.number + 3, hash: B256::repeat_byte(0x77), ..(*block).clone() };
    let mut again = Vec::new();
    pipeline.observe(&ChainEvent::Block(Arc::new(moved).into()), &mut again);
    assert_eq!(raised(&again).len(), ids.len());
}

#[test]
fn without_finality_depth_confirms() {
    let mut pipeline = pipeline();
    let mut out = Vec::new();
    let event = canary("vault_drain");
    let block = block_of(&event);
    pipeline.observe(&event, &mut out);
    let head = |number| ChainEvent::Block(Arc::new(Block { chain: block.chain, number, ..Block::default() }).into());
    let mut later = Vec::new();
    pipeline.observe(&head(block.number + CONFIRM_DEPTH_BLOCKS - 1), &mut later);
    assert!(later.is_empty());
    pipeline.observe(&head(block.number + CONFIRM_DEPTH_BLOCKS), &mut later);
    assert_eq!(later.len(), raised(&out).len());
}

#[test]
fn a_block_delivered_twice_stands_once() {
    let mut pipeline = pipeline();
    let mut out = Vec::new();
    let event = canary("vault_drain");
    pipeline.observe(&event, &mut out);
    let once = pipeline.standing();
    pipeline.observe_at(&event, Timestamp::from_secs(5), &mut out);
    assert_eq!(pipeline.standing(), once);
    assert!(matches!(out.last(), Some(SignalChange::Raised { signal }) if signal.observed == Timestamp::from_secs(5)));
}

#[test]
fn bad_parameters_name_what_there_is() {
    let given = |detector: &str, name: &str, value| {
        let params = BTreeMap::from([(detector.to_owned(), BTreeMap::from([(name.to_owned(), value)]))]);
        Pipeline::new(DETECTORS, &params, &Knowledge::default()).err().map(|error| error.to_string()).unwrap()
    };
    assert!(given("nonsense", "x", 1).starts_with("no detector `nonsense`: there are "));
    assert!(given("vault_drain", "x", 1).contains("has no parameter `x`"));
    assert!(given("vault_drain", "window_blocks", 1).contains("want 2 to 1000 blocks"));
}

/// The books and each detector's memory are parts of their own: what is damaged costs itself only.
#[test]
fn a_part_that_cannot_be_taken_up_costs_itself_only_and_is_said() {
    let mut before = pipeline();
    let mut out = Vec::new();
    before.observe(&canary("vault_drain"), &mut out);
    let parts = before.snapshot();
    let damaged = |name: &str| {
        let mut parts = parts.clone();
        *parts.get_mut(name).unwrap() = b"rubbish".to_vec();
        let mut after = pipeline();
        let failed = after.restore(&parts);
        (failed.iter().map(|error| error.detector).collect::<Vec<_>>(), after)
    };
    let (failed, after) = damaged("detector/unusual_size");
    assert_eq!((failed, after.standing()), (vec!["unusual_size"], before.standing()));
    let mut expected = parts.clone();
    expected.insert("detector/unusual_size".to_owned(), pipeline().snapshot()["detector/unusual_size"].clone());
    assert_eq!(after.snapshot(), expected);
    let (failed, after) = damaged("pipeline");
    assert_eq!((failed, after.standing()), (vec!["pipeline"], 0));
    assert_eq!(after.snapshot()["detector/reorganization"], parts["detector/reorganization"]);
}

/// Parts belong together: what a detector remembers from before it was switched off is of another instant than the cursors.
#[test]
fn a_detector_that_was_off_starts_as_new() {
    let mut long_ago = pipeline();
    let mut out = Vec::new();
    let kind = DETECTORS.iter().find(|kind| kind.id() == "sudden_outflow").unwrap();
    kind.canary().1.iter().for_each(|event| long_ago.observe(event, &mut out));
    let others: Vec<_> = DETECTORS.iter().copied().filter(|other| other.id() != "sudden_outflow").collect();
    let without = Pipeline::new(&others, &GivenParams::new(), &Knowledge::default()).unwrap();
    let mut parts = long_ago.snapshot();
    let fresh = pipeline().snapshot();
    assert_ne!(parts["detector/sudden_outflow"], fresh["detector/sudden_outflow"]);
    parts.extend(without.snapshot());
    let mut after = pipeline();
    assert!(after.restore(&parts).is_empty());
    assert_eq!(after.snapshot()["detector/sudden_outflow"], fresh["detector/sudden_outflow"]);
}

/// As it was kept in one piece before each detector's memory had a name of its own.
#[test]
fn what_was_kept_in_one_piece_is_taken_up() {
    let mut before = pipeline();
    let mut out = Vec::new();
    for kind in DETECTORS {
        kind.canary().1.iter().for_each(|event| before.observe(event, &mut out));
    }
    let parts = before.snapshot();
    let books: serde_json::Value = serde_json::from_slice(&parts["pipeline"]).unwrap();
    let state = |id: &str| -> serde_json::Value {
        serde_json::from_slice(&parts[&format!("detector/{id}")]).unwrap_or_default()
    };
    let detectors: BTreeMap<&str, serde_json::Value> = DETECTORS
        .iter()
        .map(|kind| (kind.id(), serde_json::json!({ "counts": books["counts"][kind.id()], "state": state(kind.id()) })))
        .collect();
    let whole = serde_json::json!({
        "version": 2, "detectors": detectors, "standing": books["standing"], "dropped": books["dropped"]
    });
    let mut after = pipeline();
    let parts_of_old = Pieces::from([(WHOLE.to_owned(), whole.to_string().into_bytes())]);
    assert!(after.restore(&parts_of_old).is_empty());
    assert_eq!(after.snapshot(), parts);
    // Once there are parts, the old piece is no longer asked.
    let both = parts.into_iter().chain([(WHOLE.to_owned(), b"rubbish".to_vec())]).collect();
    assert!(pipeline().restore(&both).is_empty());
    assert_eq!(pipeline().restore(&Pieces::from([(WHOLE.to_owned(), b"rubbish".to_vec())])).len(), 1);
}

/// Blocks from the canaries, in any order and number, with finality between.
fn events() -> impl Strategy<Value = Vec<ChainEvent>> {
    let block = |event| match event {
        ChainEvent::Block(AnyBlock::Account(block)) => Some(block),
        _ => None,
    };
    let known: Vec<Arc<Block>> = DETECTORS.iter().flat_map(|kind| kind.canary().1).filter_map(block).collect();
    let one = (0..known.len(), 0..40_u64, 0..4_u8).prop_map(move |(which, number, kind)| {
        let mut block = Block::clone(&known[which]);
        block.number = number;
        block.hash = alloy_primitives::B256::from(alloy_primitives::U256::from(number));
        match kind {
            0 => ChainEvent::Finalized(block.reference()),
            1 => ChainEvent::Tick(block.time),
            _ => ChainEvent::Block(Arc::new(block).into()),
        }
    });
    proptest::collection::vec(one, 0..24)
}

proptest! {
    /// The snapshot law, for all detectors at once: a restored pipeline behaves as the original.
    #[test]
    fn a_restored_pipeline_behaves_as_the_original(before in events(), after in events()) {
        let mut original = pipeline();
        let mut ignored = Vec::new();
        for event in &before {
            original.observe(event, &mut ignored);
        }
        let kept = original.snapshot();
        let mut restored = pipeline();
        prop_assert!(restored.restore(&kept).is_empty());
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for event in &after {
            original.observe(event, &mut one);
            restored.observe(event, &mut other);
        }
        prop_assert_eq!(one, other);
        prop_assert_eq!(original.snapshot(), restored.snapshot());
        prop_assert_eq!(original.counts().collect::<Vec<_>>(), restored.counts().collect::<Vec<_>>());
    }
}

#[test]
fn what_nobody_watches_has_no_service() {
    let mut out = Vec::new();
    pipeline().observe(&canary("vault_drain"), &mut out);
    let Some(SignalChange::Raised { signal }) = out.first() else { panic!() };
    assert_eq!(signal.service, None);
    assert!(signal.parties.iter().all(|(_, address)| *address != Address::ZERO.into()));
}
