//! A2: far more calls of one kind in a window than that kind ever has.
//!
//! Must never learn from windows it saw only in part, nor from blocks that were dropped. Tests: `tests.rs`, and `scenarios/detectors/frequency_spike.md`.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::{
    chain::{Address, B256, Block, BlockRef, CallKind, ChainEvent, ChainNumber, Reorg, Transaction},
    detector::{Detector, DetectorKind, Knowledge, ParamSpec, Params, SnapshotError},
    signal::{Loudness, SignalChange},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    at_rest,
    claim::{Claim, Voice},
    figures,
    memory::{Learned, Memory, Unlearnt},
    rehearsal::{self, Rehearsal},
    statistics::{Bounded, EwmaRate, bounded::Saved, magnitude::f64_of, tail::negative_binomial_ln},
    watch::Watch,
};

#[cfg(test)]
mod tests;

const ID: &str = "frequency_spike";
const RULE: &str = "frequency";
/// Subjects counted: selectors are chosen by callers, so their number is not ours to limit. About 200 bytes each, and as much again
/// as they were settled.
const SUBJECTS_MAX: usize = 4_096;
/// Unusual windows in a row before they are learned: what has lasted this long is no spike but a new level.
const ADAPT_WINDOWS: u32 = 30;
/// Silent windows closed one by one when a chain was quiet for long; the rest would only fade what has faded already.
const SILENT_WINDOWS_MAX: i64 = 1_000;
/// Below this many standard deviations above the mean no tail is below a millionth, so none is computed.
const CANDIDATE_SIGMA: f64 = 3.0;

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "window_seconds",
        unit: "seconds",
        doc: "The length of a window, by block time.",
        default: 60,
        min: 12,
        max: 86_400,
    },
    ParamSpec {
        name: "tail_exponent",
        unit: "powers of ten",
        doc: "A count is unusual if one as high has a probability below ten to minus this.",
        default: 6,
        min: 2,
        max: 300,
    },
    ParamSpec {
        name: "hysteresis_windows",
        unit: "windows",
        doc: "So many unusual windows in a row begin a spike, and so many usual ones end it.",
        default: 2,
        min: 1,
        max: 60,
    },
    ParamSpec {
        name: "floor_calls",
        unit: "calls per window",
        doc: "Fewer calls than this are never a spike.",
        default: 20,
        min: 2,
        max: 1_000_000,
    },
    ParamSpec {
        name: "warmup_windows",
        unit: "windows",
        doc: "So many whole windows of a chain are seen before anything on it is judged.",
        default: 30,
        min: 5,
        max: 10_000,
    },
    ParamSpec {
        name: "memory_windows",
        unit: "windows",
        doc: "What is usual forgets a window after about this many.",
        default: 1_440,
        min: 10,
        max: 100_000,
    },
];

const DOC: &str = "## What it watches

For every watched address: the transactions it sends, and the calls it receives by selector, counted per window of
`window_seconds` by block time. Calls by other contracts are counted apart where traces are read. The usual count and its variance
are learned; a window is unusual when a count as high would come with a probability below ten to minus `tail_exponent`
(negative binomial, or Poisson where the counts vary no more than chance) and is at least `floor_calls`. After
`hysteresis_windows` unusual windows in a row it speaks, in the middle of the last one if need be; after as many usual ones it
says that it is over. A level that lasts for 30 windows is learned as the new usual one. Failed transactions count too.

## Why it matters

Drains, brute-forced parameters, stuck bots and broken retry loops all show first as too many calls, often long before a
balance does. Many transactions from one of your wallets is what a stolen hot key looks like.

## When it is wrong

A launch, an airdrop, a campaign, a liquidation wave. It knows no hours of the day or week: an address that is busy for one hour a
day learns a high variance and is judged mildly. A window with a missing block is neither judged nor learned. What dropped blocks
taught is unlearnt, unless the fork began before the last 256 blocks: then the window is as one with a missing block. It is silent on chains where you watch no address.

## First steps

1. Open the signal's transaction: who calls, with which arguments, and do the calls succeed?
2. If the caller is one of yours: look at its job's logs; stop it before it empties the gas account.
3. If not, and balances move: pause the contract, then investigate.
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct FrequencySpike;

impl DetectorKind for FrequencySpike {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "A2"
    }
    fn title(&self) -> &'static str {
        "Far more calls than usual"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        let limits = Limits::of(params);
        let levels = Memory::new(Levels::new(limits));
        Box::new(Observer { voice: Voice::new(ID, params), limits, watch: Watch::new(knowledge), levels })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let stranger = Address::repeat_byte(0xee);
        for _ in 0..5 * 40 {
            chain.block(vec![rehearsal::call(stranger, rehearsal::VAULT, *b"draw")]);
        }
        for _ in 0..12 {
            chain.block(vec![rehearsal::call(stranger, rehearsal::VAULT, *b"draw"); 30]);
        }
        (rehearsal::knowledge(), chain.events)
    }
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    window_ms: i64,
    ln_tail: f64,
    hysteresis: u32,
    floor: u64,
    warmup: u32,
    memory: u32,
}

impl Limits {
    fn of(params: &Params) -> Self {
        let whole = |name: &str| u32::try_from(params.get(name)).unwrap_or(u32::MAX);
        Self {
            window_ms: params.get("window_seconds").saturating_mul(1_000).max(1),
            ln_tail: -f64::from(whole("tail_exponent")) * std::f64::consts::LN_10,
            hysteresis: whole("hysteresis_windows"),
            floor: u64::from(whole("floor_calls")),
            warmup: whole("warmup_windows"),
            memory: whole("memory_windows"),
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Subject {
    chain: ChainNumber,
    /// The watched address.
    address: Address,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Transactions to it with this selector; zeros for a plain payment.
    Calls([u8; 4]),
    /// Calls to it by other contracts, from traces. Counted apart, so that traces that begin or stop are no change.
    InnerCalls([u8; 4]),
    /// Transactions it sends.
    Sends,
}

impl Subject {
    fn entity(&self) -> Vec<u8> {
        let (tag, selector) = match self.what {
            What::Calls(selector) => (0, selector),
            What::InnerCalls(selector) => (1, selector),
            What::Sends => (2, [0; 4]),
        };
        [&self.chain.to_be_bytes(), self.address.as_slice(), &[tag], &selector].concat()
    }
}

/// How often a subject comes, and where it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Frequency {
    rate: EwmaRate,
    /// In the window that is open.
    count: u64,
    /// The open window is unusual already.
    unusual: bool,
    /// Unusual windows in a row, and usual ones, both closed.
    unusual_run: u32,
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
struct Levels {
    limits: Limits,
    clocks: BTreeMap<ChainNumber, Clock>,
    subjects: Bounded<Subject, Frequency>,
}

#[derive(Serialize, Deserialize)]
struct LevelsAtRest {
    clocks: BTreeMap<ChainNumber, Clock>,
    subjects: Saved<Subject, Frequency>,
}

/// What a block teaches.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Lesson {
    /// Its time, and what it has, in order: neighbours that are equal as one with their number.
    Block { time: Timestamp, met: Vec<(Subject, u32)> },
    /// After a reorganization: spikes that nobody holds to be going on.
    Hushed(Vec<Subject>),
    /// After a reorganization too deep to unlearn: the open window is not whole.
    Broken,
}

/// A call or transaction that was counted.
struct Counted {
    /// A spike that can no longer be followed, since its subject had to make room.
    gone: Option<Subject>,
    /// A spike that begins, as it stands, and ln of its tail.
    spike: Option<(Frequency, f64)>,
}

impl Learned for Levels {
    type Lesson = Lesson;
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
    fn save(&self) -> Value {
        at_rest::save(&LevelsAtRest { clocks: self.clocks.clone(), subjects: self.subjects.save() })
    }
    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        let LevelsAtRest { clocks, subjects } = LevelsAtRest::deserialize(saved)?;
        (self.clocks, self.subjects) = (clocks, Bounded::load(SUBJECTS_MAX, subjects));
        Ok(())
    }
}

impl Levels {
    fn new(limits: Limits) -> Self {
        Self { limits, clocks: BTreeMap::new(), subjects: Bounded::new(SUBJECTS_MAX) }
    }

    /// Closes the windows that are over by this block's time, and gives the spikes that are over with them.
    fn advance(&mut self, block: BlockRef, time: Timestamp) -> Vec<Subject> {
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

    fn bump(&mut self, block: BlockRef, subject: Subject) -> Counted {
        let clock = self.clocks.get(&block.chain).copied().unwrap_or_default();
        let rate = || EwmaRate::silent_for(clock.closed.min(self.limits.memory));
        let (frequency, evicted) = self.subjects.entry(subject, || Frequency { rate: rate(), ..Frequency::default() });
        let gone = evicted.filter(|(_, frequency)| frequency.raised_on.is_some()).map(|(gone, _)| gone);
        let spike = frequency.and_then(|frequency| frequency.bump(block, clock, &self.limits));
        Counted { gone, spike }
    }

    /// Subjects of a chain whose spike is told and not over.
    fn raised(&mut self, chain: ChainNumber) -> BTreeMap<Subject, B256> {
        let all = self.subjects.iter_mut().filter(|(subject, _)| subject.chain == chain);
        all.filter_map(|(subject, frequency)| Some((subject, frequency.raised_on?))).collect()
    }
}

struct Observer {
    voice: Voice,
    limits: Limits,
    watch: Watch,
    levels: Memory<Levels>,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(block) if self.watch.chain(block.chain).is_some() => self.look(block, out),
            ChainEvent::Reorg(reorg) => self.step_back(reorg),
            ChainEvent::Finalized(block) => self.levels.finalized(*block),
            ChainEvent::Block(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Value {
        self.levels.save()
    }
    fn restore(&mut self, snapshot: &Value) -> Result<(), SnapshotError> {
        let fresh = || Memory::new(Levels::new(self.limits));
        self.levels = fresh();
        self.levels.load(snapshot).map_err(|source| {
            self.levels = fresh();
            SnapshotError { detector: ID, source }
        })
    }
}

impl Observer {
    fn look(&mut self, block: &Block, out: &mut Vec<SignalChange>) {
        let (on, time) = (block.reference(), block.time);
        for subject in self.levels.now_mut().advance(on, time) {
            out.push(self.voice.ended(RULE, &[&subject.entity()], time));
        }
        let mut met: Vec<(Subject, u32)> = Vec::new();
        for transaction in &block.transactions {
            for subject in self.subjects(block.chain, transaction) {
                match met.last_mut() {
                    Some((last, times)) if *last == subject => *times = times.saturating_add(1),
                    _ => met.push((subject, 1)),
                }
                let Counted { gone, spike } = self.levels.now_mut().bump(on, subject);
                out.extend(gone.map(|gone| self.voice.ended(RULE, &[&gone.entity()], time)));
                if let Some((frequency, ln_tail)) = spike {
                    self.claim(block, transaction, subject, &frequency, ln_tail).raise(out);
                }
            }
        }
        self.levels.keep(on, Some(Lesson::Block { time, met }));
    }

    /// Unlearns what the dropped blocks taught. Two things stay, since others heard them: a spike that was raised on a dropped
    /// block is retracted, and one that ended there is over. If it still goes on it is raised anew.
    fn step_back(&mut self, reorg: &Reorg) {
        let told = self.levels.now_mut().raised(reorg.chain);
        let unlearnt = self.levels.unlearn(reorg);
        let dropped: BTreeSet<B256> = reorg.dropped.iter().map(|block| block.hash).collect();
        let mut hushed = self.levels.now_mut().raised(reorg.chain);
        hushed.retain(|subject, on| dropped.contains(on) || told.get(subject) != Some(on));
        if !hushed.is_empty() {
            self.levels.learn(reorg.ancestor, Lesson::Hushed(hushed.into_keys().collect()));
        }
        if unlearnt == Unlearnt::Part {
            self.levels.learn(reorg.ancestor, Lesson::Broken);
        }
    }

    /// What of ours a transaction calls or comes from.
    fn subjects(&self, chain: ChainNumber, transaction: &Transaction) -> Vec<Subject> {
        let Some(ours) = self.watch.chain(chain) else { return Vec::new() };
        let selector = |input: &[u8]| input.first_chunk::<4>().copied().unwrap_or_default();
        let mut met: Vec<Subject> = Vec::new();
        let mut note = |address: Address, what: What| met.push(Subject { chain, address, what });
        if ours.contains_key(&transaction.from) {
            note(transaction.from, What::Sends);
        }
        if let Some(to) = transaction.to.filter(|to| ours.contains_key(to)) {
            note(to, What::Calls(selector(&transaction.input)));
        }
        // The first call is the transaction itself.
        for call in transaction.calls.iter().skip(1).filter(|call| call.kind != CallKind::Static) {
            if let Some(to) = call.to.filter(|to| ours.contains_key(to)) {
                note(to, What::InnerCalls(selector(&call.input)));
            }
        }
        met
    }

    fn claim(
        &self,
        block: &Block,
        transaction: &Transaction,
        subject: Subject,
        found: &Frequency,
        ln_tail: f64,
    ) -> Claim {
        let watched = self.watch.find(subject.chain, subject.address);
        let label = self.watch.name(subject.chain, subject.address);
        let hex = alloy_primitives::hex::encode;
        let what = match subject.what {
            What::Calls([0, 0, 0, 0]) => format!("payments to {label}"),
            What::Calls(selector) => format!("calls of 0x{} on {label}", hex(selector)),
            What::InnerCalls(selector) => format!("calls of 0x{} on {label} by other contracts", hex(selector)),
            What::Sends => format!("transactions from {label}"),
        };
        let seconds = self.limits.window_ms / 1_000;
        let (count, expected) = (found.count, found.rate.expected());
        let usual = usual_count(expected);
        let into = block.time.as_ms().rem_euclid(self.limits.window_ms) / 1_000;
        let log10 = ln_tail / std::f64::consts::LN_10;
        Claim::on_block(&self.voice, block, RULE, &[&subject.entity()])
            .transaction(transaction)
            .loudness(Loudness::Warning)
            .service(watched.map(|watched| watched.service.clone()))
            .title(format!("{count} {what} within {seconds} s, {usual} expected"))
            .text(format!(
                "{count} {what} in the first {into} s of a window of {seconds} s; {usual} are expected in a whole one. By what {} windows have taught, as many come by chance {} windows. It is the {} such window in a row.",
                figures::grouped(u64::from(found.rate.windows())),
                figures::once_in(log10),
                ordinal(found.unusual_run.saturating_add(1))
            ))
            .number("count", count, "calls")
            .number("expected", format!("{expected:.4}"), "per window")
            .number("dispersion", format!("{:.3}", found.rate.dispersion()), "")
            .number("log10 of the tail", format!("{log10:.2}"), "")
            .number("limit", format!("{:.0}", self.limits.ln_tail / std::f64::consts::LN_10), "")
            .number("window", seconds, "seconds")
            .number("windows learned", found.rate.windows(), "windows")
            .party("watched", subject.address)
            .party("caller", transaction.from)
            .confidence(500)
    }
}

/// An expected count as people read it: `0.03`, `2.5`, `10`, `1,200`.
fn usual_count(expected: f64) -> String {
    match expected {
        ..0.005 => "none".to_owned(),
        ..1.0 => format!("{expected:.2}"),
        ..10.0 => format!("{expected:.1}"),
        _ => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "above ten, rounded; saturates"
            )]
            let whole = expected.round() as u64;
            figures::grouped(whole)
        }
    }
}

/// `1st`, `2nd`, `3rd`, `4th`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
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
