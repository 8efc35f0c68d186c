//! What a detector learns from blocks that may still be dropped, and how that is unlearnt.
//!
//! The state is kept as it is now and as it was before the oldest block that can still leave; between the two lie the lessons of the
//! blocks since, in the order in which they came. A reorganization takes out the lessons of what it dropped, and the others are
//! learnt again from the older state, so that a dropped block leaves no trace: neither in a statistic, nor in which entry of a
//! full table had to go. Undoing step by step was rejected: a sample that fell out of a window and an entry that was evicted would
//! each need their own way back. See docs/adr/0024-what-a-dropped-block-taught.md.
//!
//! Must never change the state other than by lessons, or the two would part. Tests below, and the law in `tests/unlearning.rs`.

use std::collections::{BTreeMap, VecDeque};

use quarterdeck_core::{
    chain::{BlockRef, ChainId, Reorg},
    limits::FORK_WALK_BLOCKS_MAX,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::at_rest;

/// Lessons kept of all chains together, in the parts that [`Learned::weight`] counts, of at most 40 bytes each: 10 MB. That is 256
/// blocks of 1,000 transfers. Past it the oldest block counts as settled, whatever its depth.
pub const LESSON_PARTS_MAX: usize = 262_144;

/// A state that is made of lessons and nothing else.
pub trait Learned: Clone {
    /// What one block teaches.
    type Lesson: Serialize + DeserializeOwned;
    /// Takes a lesson in. The same lessons in the same order must give the same state.
    fn learn(&mut self, block: BlockRef, lesson: &Self::Lesson);
    /// The parts of a lesson, for the bound.
    fn weight(lesson: &Self::Lesson) -> usize;
    /// Its form at rest.
    type AtRest: Serialize + DeserializeOwned;
    /// At rest.
    fn save(&self) -> Self::AtRest;
    /// From rest.
    fn load(&mut self, saved: Self::AtRest);
}

/// How much of what was dropped could be unlearnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlearnt {
    /// All that was ever learnt from it.
    All,
    /// The fork began below what is settled: the state still has the lessons of some dropped blocks.
    Part,
}

/// A state with the lessons that can still be taken back.
pub struct Memory<S: Learned> {
    now: S,
    settled: S,
    young: VecDeque<Young<S::Lesson>>,
    /// The parts of all of `young`.
    parts: usize,
    /// By chain: what was learnt at this height or below stays.
    settled_to: BTreeMap<ChainId, u64>,
}

#[derive(Serialize, Deserialize)]
struct Young<L> {
    block: BlockRef,
    lesson: L,
}

impl<S: Learned> Memory<S> {
    /// A memory that begins with this state.
    pub fn new(state: S) -> Self {
        Self { settled: state.clone(), now: state, young: VecDeque::new(), parts: 0, settled_to: BTreeMap::new() }
    }
    /// The state with all lessons.
    pub const fn now(&self) -> &S {
        &self.now
    }
    /// The same, for a detector that learns while it judges: what it changes must be what the lesson, once told to
    /// [`Memory::keep`], changes.
    pub const fn now_mut(&mut self) -> &mut S {
        &mut self.now
    }
    /// Learns a lesson and keeps it.
    pub fn learn(&mut self, block: BlockRef, lesson: S::Lesson) {
        self.now.learn(block, &lesson);
        self.keep(block, Some(lesson));
    }
    /// Keeps what `block` taught, if anything, until the block is too deep to leave. It has been learnt already.
    pub fn keep(&mut self, block: BlockRef, lesson: Option<S::Lesson>) {
        if let Some(lesson) = lesson {
            self.parts = self.parts.saturating_add(S::weight(&lesson));
            self.young.push_back(Young { block, lesson });
        }
        self.settle(block.chain, block.number.saturating_sub(FORK_WALK_BLOCKS_MAX));
    }
    /// What is final does not leave.
    pub fn finalized(&mut self, block: BlockRef) {
        self.settle(block.chain, block.number);
    }
    /// Unlearns what the blocks above the ancestor taught.
    pub fn unlearn(&mut self, reorg: &Reorg) -> Unlearnt {
        let left = |block: &BlockRef| block.chain == reorg.chain && block.number > reorg.ancestor.number;
        let before = self.young.len();
        self.young.retain(|young| !left(&young.block));
        if self.young.len() < before {
            self.parts = self.young.iter().map(|young| S::weight(&young.lesson)).sum();
            self.relearn();
        }
        let deepest = self.settled_to.get(&reorg.chain).copied().unwrap_or(0);
        if reorg.ancestor.number < deepest { Unlearnt::Part } else { Unlearnt::All }
    }

    /// At rest: the settled state and the lessons; the state now follows from them.
    pub fn save(&self) -> Vec<u8> {
        let young: Vec<&Young<S::Lesson>> = self.young.iter().collect();
        at_rest::save(&Saved { settled: self.settled.save(), settled_to: self.settled_to.clone(), young })
    }
    /// From rest; also from a state that was saved before lessons were kept. On error the memory must be made anew.
    pub fn load(&mut self, saved: &[u8]) -> Result<(), serde_json::Error> {
        let saved: Saved<S::AtRest, Young<S::Lesson>> = match serde_json::from_slice(saved) {
            Ok(saved) => saved,
            Err(error) => {
                let Ok(settled) = serde_json::from_slice(saved) else { return Err(error) };
                Saved { settled, settled_to: BTreeMap::new(), young: Vec::new() }
            }
        };
        self.settled.load(saved.settled);
        self.parts = saved.young.iter().map(|young| S::weight(&young.lesson)).sum();
        (self.young, self.settled_to) = (saved.young.into(), saved.settled_to);
        self.relearn();
        Ok(())
    }

    fn relearn(&mut self) {
        self.now = self.settled.clone();
        for young in &self.young {
            self.now.learn(young.block, &young.lesson);
        }
    }

    /// Settles from the oldest on, so that the order stays: a chain that stands still keeps others waiting, within the bound.
    fn settle(&mut self, chain: ChainId, height: u64) {
        let reach = self.settled_to.entry(chain).or_default();
        *reach = (*reach).max(height);
        while let Some(Young { block, .. }) = self.young.front() {
            let reach = self.settled_to.entry(block.chain).or_default();
            if self.parts <= LESSON_PARTS_MAX && block.number > *reach {
                return;
            }
            *reach = (*reach).max(block.number);
            let Some(Young { block, lesson }) = self.young.pop_front() else { return };
            self.parts = self.parts.saturating_sub(S::weight(&lesson));
            self.settled.learn(block, &lesson);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Saved<A, Y> {
    settled: A,
    settled_to: BTreeMap<ChainId, u64>,
    young: Vec<Y>,
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::{chain::B256, time::Timestamp};

    use super::*;

    /// Remembers every lesson: any difference shows.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    struct Diary(Vec<(u64, u64, u32)>);

    impl Learned for Diary {
        type Lesson = (u32, usize);
        fn learn(&mut self, block: BlockRef, lesson: &Self::Lesson) {
            self.0.push((block.chain.number().unwrap_or(0), block.number, lesson.0));
        }
        fn weight(lesson: &Self::Lesson) -> usize {
            lesson.1
        }
        type AtRest = Self;
        fn save(&self) -> Self {
            self.clone()
        }
        fn load(&mut self, saved: Self) {
            *self = saved;
        }
    }

    const fn block(chain: u64, number: u64) -> BlockRef {
        BlockRef { chain: ChainId::evm(chain), number, hash: B256::ZERO }
    }

    fn reorg(chain: u64, ancestor: u64) -> Reorg {
        let observed = Timestamp::from_secs(0);
        Reorg {
            chain: ChainId::evm(chain),
            ancestor: block(chain, ancestor),
            dropped: Vec::new(),
            adopted: Vec::new(),
            observed,
        }
    }

    fn memory(heights: std::ops::RangeInclusive<u64>) -> Memory<Diary> {
        let mut memory = Memory::new(Diary::default());
        for number in heights {
            memory.learn(block(1, number), (0, 1));
        }
        memory
    }

    #[test]
    fn a_fork_of_256_blocks_is_unlearnt_and_one_more_only_in_part() {
        let mut deep = memory(1..=1_000);
        assert_eq!(deep.unlearn(&reorg(1, 744)), Unlearnt::All);
        assert_eq!(deep.now(), memory(1..=744).now());
        let mut deeper = memory(1..=1_000);
        assert_eq!(deeper.unlearn(&reorg(1, 743)), Unlearnt::Part);
        assert_eq!(deeper.now(), memory(1..=744).now());
    }

    #[test]
    fn what_is_final_is_settled_and_other_chains_are_not_touched() {
        let mut memory = memory(1..=10);
        memory.learn(block(2, 5), (7, 1));
        memory.finalized(block(1, 8));
        assert_eq!((memory.young.len(), memory.unlearn(&reorg(2, 4))), (3, Unlearnt::All));
        assert_eq!(memory.now().0.len(), 10);
        assert_eq!((memory.unlearn(&reorg(1, 7)), memory.now().0.len()), (Unlearnt::Part, 8));
    }

    #[test]
    fn lessons_are_bounded_and_what_gives_way_is_said_to_be_settled() {
        let mut memory = memory(1..=3);
        memory.learn(block(1, 4), (0, LESSON_PARTS_MAX));
        assert_eq!((memory.young.len(), memory.parts), (1, LESSON_PARTS_MAX));
        assert_eq!(memory.unlearn(&reorg(1, 2)), Unlearnt::Part);
        assert_eq!(memory.now().0.len(), 3);
    }

    proptest::proptest! {
        /// Whatever happened on dropped blocks, of several chains between each other: as if they had never been.
        #[test]
        fn a_dropped_block_leaves_no_trace(
            steps in proptest::collection::vec((1_u64..3, 0_u64..6, 0_u32..1_000), 1..200),
            cut in 0_usize..200,
        ) {
            let (mut memory, mut plain, mut tips) = (Memory::new(Diary::default()), Vec::new(), [1_000_u64; 3]);
            for (place, (chain, back, lesson)) in steps.into_iter().enumerate() {
                let tip = &mut tips[usize::try_from(chain).unwrap()];
                if back > 3 {
                    *tip -= back;
                    memory.unlearn(&reorg(chain, *tip));
                    plain.retain(|(on, number, _)| *on != chain || *number <= *tip);
                }
                *tip += 1;
                memory.learn(block(chain, *tip), (lesson, 1));
                plain.push((chain, *tip, lesson));
                if place == cut {
                    let kept = memory.save();
                    memory = Memory::new(Diary::default());
                    memory.load(&kept).unwrap();
                    proptest::prop_assert_eq!(memory.save(), kept);
                }
                proptest::prop_assert_eq!(&memory.now().0, &plain);
            }
        }
    }

    #[test]
    fn a_state_saved_before_lessons_were_kept_is_taken_up() {
        let old = at_rest::save(&Diary(vec![(1, 2, 3)]));
        let mut memory = Memory::new(Diary::default());
        memory.load(&old).unwrap();
        assert_eq!(memory.now().0, [(1, 2, 3)]);
        assert!(memory.load(br#"{ "settled": 7, "settled_to": {}, "young": [] }"#).is_err());
    }
}
