//! How often everything comes: windows by block time, and what is usual in one. Made of lessons, so that a dropped block leaves no
//! trace ([`crate::memory`]). Tests with the detector.

use std::collections::BTreeMap;

use quarterdeck_core::{
    chain::{Address, B256, BlockRef, ChainId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use crate::{
    memory::Learned,
    statistics::{Bounded, EwmaRate, bounded::Saved, magnitude::f64_of, tail::negative_binomial_ln},
};

/// Subjects counted: selectors are chosen by callers, so their number is not ours to limit. About 200 bytes each, and as much again
/// as they were settled.
const SUBJECTS_MAX: usize = 4_096;
/// Unusual windows in a row before they are learned: what has lasted this long is no spike but a new level.
const ADAPT_WINDOWS: u32 = 30;
/// Silent windows closed one by one when a chain was quiet for long; the rest would only fade what has faded already.
const SILENT_WINDOWS_MAX: i64 = 1_000;
/// Below this many standard deviations above the mean no tail is below a millionth, so none is computed.
const CANDIDATE_SIGMA: f64 = 3.0;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) chain: ChainId,
    /// The watched address.
    pub(super) address: Address,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// Transactions to it with this selector; zeros for a plain payment.
    Calls([u8; 4]),
    /// Calls to it by other contracts, from traces. Counted apart, so that traces that begin or stop are no change.
    InnerCalls([u8; 4]),
    /// Transactions it sends.
    Sends,
}

impl Subject {
    pub(super) fn entity(&self) -> Vec<u8> {
        let (tag, selector) = match self.what {
            What::Calls(selector) => (0, selector),
            What::InnerCalls(selector) => (1, selector),
            What::Sends => (2, [0; 4]),
        };
        [&self.chain.bytes(), self.address.as_slice(), &[tag], &selector].concat()
    }
}

/// How often a subject comes, and where it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Frequency {
    pub(super) rate: EwmaRate,
    /// In the window that is open.
    pub(super) count: u64,
    /// The open window is unusual already.
    unusual: bool,
    /// Unusual windows in a row, and usual ones, both closed.
    pub(super) unusual_run: u32,
    usual_run: u32,
    /// Windows in a row with too small a tail, whether or not they reached the floor.
    odd_run: u32,
    /// The block on which a spike was raised that has not ended.
    raised_on: Option<B256>,
}

/// Where the windows of a chain stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Clock {
    last_block: u64,
    /// Number of the open window since 1970.
    window: i64,
    /// Whether the open window was seen from its beginning, without a hole.
    whole: bool,
    /// Whole windows closed.
    closed: u32,
}

/// How often everything comes, and where the windows stand.
#[derive(Clone)]
pub(super) struct Levels {
    limits: Limits,
    clocks: BTreeMap<ChainId, Clock>,
    subjects: Bounded<Subject, Frequency>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LevelsAtRest {
    clocks: BTreeMap<ChainId, Clock>,
    subjects: Saved<Subject, Frequency>,
}

/// What a block teaches.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lesson {
    /// Its time, and what it has, in order: neighbours that are equal as one with their number.
    Block { time: Timestamp, met: Vec<(Subject, u32)> },
    /// After a reorganization: spikes that nobody holds to be going on.
    Hushed(Vec<Subject>),
    /// After a reorganization too deep to unlearn: the open window is not whole.
    Broken,
}

/// A call or transaction that was counted.
pub(super) struct Counted {
    /// A spike that can no longer be followed, since its subject had to make room.
    pub(super) gone: Option<Subject>,
    /// A spike that begins, as it stands, and ln of its tail.
    pub(super) spike: Option<(Frequency, f64)>,
}

impl Learned for Levels {
    type Lesson = Lesson;
    type AtRest = LevelsAtRest;
    fn learn(&mut self, block: BlockRef, lesson: &Lesson) {
        match lesson {
            Lesson::Block { time, met } => {
                self.advance(block, *time);
                for (subject, times) in met {
                    for _ in 0..*times {
                        self.bump(block, *subject);
                    }
                }
            }
            Lesson::Hushed(subjects) => {
                for subject in subjects {
                    if let Some(frequency) = self.subjects.get_mut(subject) {
                        frequency.raised_on = None;
                    }
                }
            }
            Lesson::Broken => {
                if let Some(clock) = self.clocks.get_mut(&block.chain) {
                    clock.last_block = block.number;
                    clock.whole = false;
                }
            }
        }
    }
    fn weight(lesson: &Lesson) -> usize {
        match lesson {
            Lesson::Block { met, .. } => 1 + met.len(),
            Lesson::Hushed(subjects) => 1 + subjects.len(),
            Lesson::Broken => 1,
        }
    }
    fn save(&self) -> LevelsAtRest {
        LevelsAtRest { clocks: self.clocks.clone(), subjects: self.subjects.save() }
    }
    fn load(&mut self, saved: LevelsAtRest) {
        (self.clocks, self.subjects) = (saved.clocks, Bounded::load(SUBJECTS_MAX, saved.subjects));
    }
}

impl Levels {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, clocks: BTreeMap::new(), subjects: Bounded::new(SUBJECTS_MAX) }
    }

    /// Closes the windows that are over by this block's time, and gives the spikes that are over with them.
    pub(super) fn advance(&mut self, block: BlockRef, time: Timestamp) -> Vec<Subject> {
        let now = time.as_ms().div_euclid(self.limits.window_ms);
        let fresh = Clock { last_block: block.number.wrapping_sub(1), window: now, ..Clock::default() };
        let clock = self.clocks.entry(block.chain).or_insert(fresh);
        let mut before = *clock;
        // A clock that goes back was wrong before, or is now: either way this window is not whole.
        let follows = block.number == clock.last_block.wrapping_add(1) && now >= clock.window;
        clock.last_block = block.number;
        if !follows {
            // Blocks are missing: what this window had is unknown, and so is everything between.
            clock.window = now;
            clock.whole = false;
            before.whole = false;
        }
        if follows && now <= clock.window {
            return Vec::new();
        }
        if follows {
            (clock.window, clock.whole) = (now, true);
        }
        let silent = if before.whole && follows { (now - before.window - 1).clamp(0, SILENT_WINDOWS_MAX) } else { 0 };
        if before.whole {
            let closed = u32::try_from(silent + 1).unwrap_or(1);
            clock.closed = clock.closed.saturating_add(closed);
        }
        let mut over = Vec::new();
        for (subject, frequency) in self.subjects.iter_mut().filter(|(subject, _)| subject.chain == block.chain) {
            for _ in 0..=silent {
                if frequency.close(before.whole, &self.limits) {
                    over.push(subject);
                }
            }
        }
        over
    }

    pub(super) fn bump(&mut self, block: BlockRef, subject: Subject) -> Counted {
        let clock = self.clocks.get(&block.chain).copied().unwrap_or_default();
        let rate = || EwmaRate::silent_for(clock.closed.min(self.limits.memory));
        let (frequency, evicted) = self.subjects.entry(subject, || Frequency { rate: rate(), ..Frequency::default() });
        let gone = evicted.filter(|(_, frequency)| frequency.raised_on.is_some()).map(|(gone, _)| gone);
        let spike = frequency.and_then(|frequency| frequency.bump(block, clock, &self.limits));
        Counted { gone, spike }
    }

    /// Subjects of a chain whose spike is told and not over.
    pub(super) fn raised(&mut self, chain: ChainId) -> BTreeMap<Subject, B256> {
        let all = self.subjects.iter_mut().filter(|(subject, _)| subject.chain == chain);
        all.filter_map(|(subject, frequency)| Some((subject, frequency.raised_on?))).collect()
    }
}

impl Frequency {
    /// Counts one more; a spike with ln of its tail if that begins one.
    fn bump(&mut self, block: BlockRef, clock: Clock, limits: &Limits) -> Option<(Self, f64)> {
        self.count += 1;
        let judged = clock.whole && self.rate.windows() >= limits.warmup && !self.unusual;
        if !judged || self.count < limits.floor || !self.candidate() {
            return None;
        }
        let ln_tail = self.ln_tail();
        if ln_tail >= limits.ln_tail {
            return None;
        }
        self.unusual = true;
        self.usual_run = 0;
        if self.raised_on.is_some() || self.unusual_run + 1 < limits.hysteresis {
            return None;
        }
        self.raised_on = Some(block.hash);
        Some((*self, ln_tail))
    }
    fn ln_tail(&self) -> f64 {
        negative_binomial_ln(self.count, self.rate.expected(), self.rate.variance())
    }
    fn candidate(&self) -> bool {
        f64_of(self.count) > self.rate.expected() + CANDIDATE_SIGMA * self.rate.variance().sqrt()
    }
    /// Closes the open window and opens the next. True if a spike is over. A window seen in part teaches nothing, and an unusual
    /// one, even below the floor, nothing either, until it has lasted: then it is what is usual now.
    fn close(&mut self, whole: bool, limits: &Limits) -> bool {
        let warm = self.rate.windows() >= limits.warmup;
        let odd = warm && self.candidate() && self.ln_tail() < limits.ln_tail;
        let (count, unusual) = (std::mem::take(&mut self.count), std::mem::take(&mut self.unusual));
        if !whole {
            return false;
        }
        self.odd_run = if odd { self.odd_run.saturating_add(1) } else { 0 };
        if !odd || self.odd_run > ADAPT_WINDOWS {
            self.rate.learn(count, limits.memory);
        }
        if unusual {
            self.unusual_run = self.unusual_run.saturating_add(1);
            return false;
        }
        self.unusual_run = 0;
        self.usual_run = self.usual_run.saturating_add(1);
        self.usual_run >= limits.hysteresis && self.raised_on.take().is_some()
    }
}
