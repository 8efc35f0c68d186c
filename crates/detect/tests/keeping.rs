//! Killed at any moment, and whatever the chain does meanwhile: after a restart the store has the signals that an undisturbed program
//! would have, and no signal stands on a block that the chain has left. The store is a model that keeps what the plan says, in the
//! order that the plan says; a kill forgets everything else. The source is a model that goes on from its cursor.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use quarterdeck_core::{
    chain::{Address, AnyBlock, Block, BlockRef, ChainEvent, Gap, GapKind, Reorg, Transaction},
    id::{Name, SignalId, kind},
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_detect::{
    detector::DetectorKind,
    detectors::{
        DETECTORS,
        account::{sudden_outflow::SuddenOutflow, unusual_size::UnusualSize},
        any::{observation_loss::ObservationLoss, reorganization::Reorganization},
    },
    keeping::{Keeping, Plan},
    pipeline::{GivenParams, Pipeline, kept::Pieces},
    rehearsal::{self, COLD, HOT, Rehearsal},
};

/// Detectors that learn; the one of blindness for what reading again does not bring back.
const KINDS: &[&dyn DetectorKind] = &[&UnusualSize, &SuddenOutflow, &ObservationLoss];

type Kinds = &'static [&'static dyn DetectorKind];

fn pipeline(kinds: Kinds) -> Pipeline {
    let few = |pairs: &[(&str, i64)]| -> BTreeMap<String, i64> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    let mut given = GivenParams::from([
        ("unusual_size".to_owned(), few(&[("samples_min", 20), ("tail_exponent", 1), ("floor_usd", 0)])),
        ("sudden_outflow".to_owned(), few(&[("window_blocks", 16), ("out_min_usd", 3_000)])),
    ]);
    given.retain(|id, _| kinds.iter().any(|kind| kind.id() == id));
    Pipeline::new(kinds, &given, &rehearsal::knowledge()).unwrap()
}

/// What is durable.
#[derive(Debug, Clone, Default)]
struct Store {
    /// Signals that were raised and not retracted.
    live: BTreeSet<SignalId>,
    ended: usize,
    parts: Pieces,
    /// The branch up to where the source stands.
    cursor: Vec<BlockRef>,
}

impl Store {
    fn hear(&mut self, changes: &[SignalChange], parts: &Pieces) {
        for change in changes {
            match change {
                SignalChange::Raised { signal } => drop(self.live.insert(signal.id)),
                SignalChange::Retracted { id, .. } => drop(self.live.remove(id)),
                SignalChange::Ended { .. } | SignalChange::Silent { .. } => self.ended += 1,
                SignalChange::Confirmed { .. } => {}
            }
        }
        self.parts.extend(parts.clone());
    }
}

/// When the program is killed, counted from the event that it looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    BeforeSignals,
    AfterSignals,
    AfterAll,
}

/// The program: dies at the end of every life and begins again from the store.
struct Program {
    pipeline: Pipeline,
    keeping: Keeping,
    /// Where the source stands.
    place: Vec<BlockRef>,
}

impl Program {
    fn start(store: &Store) -> Self {
        Self::start_with(KINDS, store)
    }

    fn start_with(kinds: Kinds, store: &Store) -> Self {
        let mut pipeline = pipeline(kinds);
        assert!(pipeline.restore(&store.parts).is_empty());
        Self { pipeline, keeping: Keeping::new(&store.parts), place: store.cursor.clone() }
    }

    /// Looks at one event and stores what is planned, as far as it lives.
    fn see(&mut self, event: &ChainEvent, store: &mut Store, kill: Option<Kill>) {
        let mut changes = Vec::new();
        self.pipeline.observe(event, &mut changes);
        let plan = self.keeping.plan(event, &changes, &self.pipeline);
        if kill == Some(Kill::BeforeSignals) {
            return;
        }
        match plan {
            Plan::Nothing => assert!(changes.is_empty()),
            Plan::Signals(parts) => store.hear(&changes, &parts),
            Plan::Together(parts) => {
                store.hear(&changes, &parts);
                store.cursor.clone_from(&self.place);
                self.keeping.kept(&parts, &mut self.pipeline);
            }
            Plan::Apart(first, then) => {
                store.hear(&changes, &first);
                if kill == Some(Kill::AfterSignals) {
                    return;
                }
                store.parts.extend(then.clone());
                store.cursor.clone_from(&self.place);
                self.keeping.kept(&then, &mut self.pipeline);
            }
        }
    }

    /// What the source tells so that it stands at the end of the chain: a reorganization if its place was left, then blocks.
    fn owed(&self, chain: &[Arc<Block>]) -> Vec<(ChainEvent, usize)> {
        let shared = self.place.iter().zip(chain).take_while(|(known, block)| **known == block.reference()).count();
        let mut told = Vec::new();
        if shared < self.place.len() {
            let adopted: Vec<AnyBlock> = chain[shared..].iter().cloned().map(Into::into).collect();
            let (ancestor, dropped) = (chain[shared - 1].reference(), self.place[shared..].to_vec());
            let observed = chain.last().unwrap().time;
            let reorg = Reorg { chain: rehearsal::CHAIN, ancestor, dropped, adopted, observed };
            told.push((ChainEvent::Reorg(Arc::new(reorg)), shared));
        }
        let blocks = chain.iter().enumerate().skip(shared);
        told.extend(blocks.map(|(place, block)| (ChainEvent::Block(Arc::clone(block).into()), place + 1)));
        told
    }

    /// Follows the chain; true if it was killed on the way.
    fn follow(&mut self, chain: &[Arc<Block>], store: &mut Store, kill: Option<(usize, Kill)>) -> bool {
        for (count, (event, length)) in self.owed(chain).into_iter().enumerate() {
            let now = kill.filter(|(at, _)| *at == count).map(|(_, kill)| kill);
            self.place = chain[..length].iter().map(|block| block.reference()).collect();
            self.see(&event, store, now);
            if now.is_some() {
                return true;
            }
        }
        false
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// The chain grows by so many blocks, some with a large payment.
    Grow(usize, Option<u64>),
    /// It leaves so many blocks for one more.
    Fork(usize),
    /// The program is killed at the so-manieth event that it is owed, and stays down for so many steps.
    Kill(usize, Kill, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kill = prop::sample::select(vec![Kill::BeforeSignals, Kill::AfterSignals, Kill::AfterAll]);
    let step = prop_oneof![
        4 => (1_usize..12, prop::option::of(5_000_u64..500_000)).prop_map(|(blocks, large)| Step::Grow(blocks, large)),
        1 => Just(Step::Grow(70, Some(90_000))),
        2 => (1_usize..8).prop_map(Step::Fork),
        3 => (0_usize..20, kill, 0_usize..3).prop_map(|(at, kill, down)| Step::Kill(at, kill, down)),
    ];
    prop::collection::vec(step, 1..16)
}

/// The chain as it is now.
struct World {
    chain: Vec<Arc<Block>>,
    rehearsal: Rehearsal,
    count: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self { chain: Vec::new(), rehearsal: Rehearsal::default(), count: 0 };
        world.grow(40, None);
        world
    }
    /// Ordinary payments, in the last block also a large one.
    fn payments(&mut self, large: Option<u64>) -> Vec<Transaction> {
        self.count += 1;
        let stranger = Address::repeat_byte(0xe1);
        let usual = [
            rehearsal::coin(stranger, COLD, 900 + self.count % 7),
            rehearsal::coin(HOT, stranger, 1_000 + self.count % 9),
        ];
        usual.into_iter().chain(large.map(|milli| rehearsal::coin(HOT, stranger, milli))).collect()
    }
    fn grow(&mut self, blocks: usize, large: Option<u64>) {
        for left in (0..blocks).rev() {
            let payments = self.payments(large.filter(|_| left == 0));
            let block = self.rehearsal.block(payments);
            self.chain.push(block);
        }
    }
    fn fork(&mut self, depth: usize) {
        let dropped = self.chain.split_off(self.chain.len() - depth);
        let new = (0..=depth).map(|place| self.payments((place == 0).then_some(70_000))).collect();
        self.chain.extend(self.rehearsal.reorg(&dropped, new));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_kill_at_any_moment_leaves_the_signals_of_the_chain_that_stands(steps in steps()) {
        let mut world = World::new();
        let mut store = Store::default();
        let mut program = Program::start(&store);
        let (mut down, mut kill) = (0_usize, None);
        for step in steps {
            match step {
                Step::Grow(blocks, large) => world.grow(blocks, large),
                Step::Fork(depth) => world.fork(depth),
                Step::Kill(at, how, rest) => kill = Some((at, how, rest)),
            }
            if down > 0 {
                down -= 1;
                continue;
            }
            let at = kill.map(|(at, how, _)| (at, how));
            if program.follow(&world.chain, &mut store, at) {
                down = kill.take().map_or(0, |(_, _, rest)| rest);
                program = Program::start(&store);
            }
        }
        world.grow(1, None);
        program.follow(&world.chain, &mut store, None);

        let mut straight = pipeline(KINDS);
        let mut wanted = Store::default();
        for block in &world.chain {
            let mut changes = Vec::new();
            straight.observe(&ChainEvent::Block(Arc::clone(block).into()), &mut changes);
            wanted.hear(&changes, &Pieces::new());
        }
        prop_assert_eq!(&store.live, &wanted.live);
        prop_assert_eq!(program.pipeline.standing(), straight.standing());
    }
}

/// The histories of this law do raise and retract, and do not always write everything.
#[test]
fn the_histories_of_this_law_are_not_silent() {
    let mut world = World::new();
    let mut store = Store::default();
    let mut program = Program::start(&store);
    program.follow(&world.chain, &mut store, None);
    assert!(store.cursor.is_empty(), "nothing is kept before its time");
    let before = store.live.clone();
    world.grow(3, Some(400_000));
    program.follow(&world.chain, &mut store, None);
    let raised: BTreeSet<SignalId> = store.live.difference(&before).copied().collect();
    assert!(!raised.is_empty() && store.cursor.is_empty() && store.parts.contains_key("pipeline/since"));
    // Killed, and the chain leaves the block while nobody looks: the reorganization is told to nobody.
    let mut program = Program::start(&store);
    world.fork(3);
    program.follow(&world.chain, &mut store, None);
    assert!(
        store.live.is_disjoint(&raised) && store.live.difference(&before).count() > 0,
        "{:?} {raised:?}",
        store.live
    );
}

/// A gap as a source reports it; no block brings it back.
fn gap(kind: GapKind, since: Timestamp, closed: Option<Timestamp>) -> ChainEvent {
    let source = Name::<kind::Source>::new("eth").unwrap();
    let (from_block, to_block, detail) = (None, None, String::new());
    ChainEvent::Gap(Arc::new(Gap {
        source,
        chain: rehearsal::CHAIN,
        kind,
        from_block,
        to_block,
        since,
        closed,
        detail,
    }))
}

/// What was said about a gap is known after a restart, at whatever moment the kill comes: else nobody would say that it is over.
#[test]
fn a_gap_told_before_a_kill_is_ended_after_it() {
    let world = World::new();
    let since = world.chain.last().unwrap().time;
    for kill in [Kill::AfterSignals, Kill::AfterAll] {
        let mut store = Store::default();
        let mut program = Program::start(&store);
        program.follow(&world.chain, &mut store, None);
        program.see(&gap(GapKind::BadAnswer, since, None), &mut store, Some(kill));
        assert_eq!(store.live.len(), 1, "nonsense from a node is told at once");
        let mut program = Program::start(&store);
        program.see(&gap(GapKind::BadAnswer, since, Some(since)), &mut store, None);
        assert_eq!(store.ended, 1);
    }
}

/// And a gap of which nothing was said yet is still open.
#[test]
fn a_gap_opened_before_a_kill_is_told_after_it() {
    let world = World::new();
    let since = world.chain.last().unwrap().time;
    let mut store = Store::default();
    let mut program = Program::start(&store);
    program.follow(&world.chain, &mut store, None);
    program.see(&gap(GapKind::Unreachable, since, None), &mut store, None);
    assert_eq!(store.live.len(), 0, "it may be closed within its grace");
    let mut program = Program::start(&store);
    program.see(&ChainEvent::Tick(since.plus(Duration::from_mins(2))), &mut store, None);
    assert_eq!(store.live.len(), 1);
}

/// What a reorganization took is followed over a kill: reading the blocks again would not bring the reorganization back.
#[test]
fn a_deposit_dropped_before_a_kill_is_missed_after_it() {
    let kinds: Kinds = &[&Reorganization];
    let mut world = World::new();
    let stranger = Address::repeat_byte(0xe1);
    let deposit = Transaction { nonce: Some(500), ..rehearsal::coin(stranger, HOT, 100_000) };
    let theft = Transaction { nonce: Some(500), ..rehearsal::coin(stranger, stranger, 100_000) };
    let mut store = Store::default();
    let mut program = Program::start_with(kinds, &store);
    let with_deposit = world.rehearsal.block(vec![deposit]);
    world.chain.push(Arc::clone(&with_deposit));
    program.follow(&world.chain, &mut store, None);
    world.chain.pop();
    world.chain.extend(world.rehearsal.reorg(&[with_deposit], vec![vec![], vec![]]));
    program.follow(&world.chain, &mut store, None);
    let told = store.live.len();
    let mut program = Program::start_with(kinds, &store);
    world.chain.push(world.rehearsal.block(vec![theft]));
    program.follow(&world.chain, &mut store, None);
    assert_eq!((told, store.live.len()), (1, 2), "the theft is told");
}

/// Only what changed is written: a detector that saw nothing new costs nothing.
#[test]
fn what_did_not_change_is_not_stored_again() {
    let mut world = World::new();
    let mut store = Store::default();
    let mut program = Program::start(&store);
    program.follow(&world.chain, &mut store, None);
    let all = program.keeping.changed(&program.pipeline);
    assert!(all.contains_key("detector/unusual_size") && all.contains_key("pipeline"));
    program.keeping.kept(&all, &mut program.pipeline);
    assert_eq!(program.keeping.changed(&program.pipeline), BTreeMap::new());
    world.grow(1, None);
    program.follow(&world.chain, &mut store, None);
    let some: Vec<String> = program.keeping.changed(&program.pipeline).into_keys().collect();
    assert!(some.contains(&"detector/unusual_size".to_owned()) && !some.contains(&"pipeline".to_owned()), "{some:?}");
}

/// A reload changes a parameter: what was learned is taken up by every detector with any value that its parameter may have, is heard with, and
/// is taken up again when the parameter is set back.
#[test]
fn what_was_learned_outlives_a_change_of_any_parameter() {
    let with = |given: &GivenParams| Pipeline::new(DETECTORS, given, &rehearsal::knowledge()).unwrap();
    let mut chain = Rehearsal::from_height(100);
    let mut blocks: Vec<Arc<Block>> = (0..80_u64)
        .map(|n| chain.block(vec![rehearsal::coin(HOT, COLD, 1_000 + n), rehearsal::coin(COLD, HOT, 900 + n)]))
        .collect();
    let later = blocks.split_off(60);
    let mut told = Vec::new();
    let mut before = with(&GivenParams::new());
    for block in &blocks {
        before.observe(&ChainEvent::Block(Arc::clone(block).into()), &mut told);
    }
    let learned = before.snapshot();
    let mut tried = 0;
    for kind in DETECTORS {
        for spec in kind.params() {
            for value in [spec.min, spec.max].into_iter().filter(|value| *value != spec.default) {
                let given: GivenParams = [(kind.id().to_owned(), [(spec.name.to_owned(), value)].into())].into();
                // Some values are refused together with the others: then nothing is changed.
                let Ok(mut changed) = Pipeline::new(DETECTORS, &given, &rehearsal::knowledge()) else { continue };
                tried += 1;
                let what = format!("{} with {} = {value}", kind.id(), spec.name);
                assert!(changed.restore(&learned).is_empty(), "{what}");
                let names = |parts: &Pieces| parts.keys().cloned().collect::<Vec<_>>();
                assert_eq!(names(&changed.snapshot()), names(&learned), "{what}");
                let mut told = Vec::new();
                for block in &later {
                    changed.observe(&ChainEvent::Block(Arc::clone(block).into()), &mut told);
                }
                assert!(with(&GivenParams::new()).restore(&changed.snapshot()).is_empty(), "back from {what}");
            }
        }
    }
    assert!(tried > 20, "{tried} values");
}
