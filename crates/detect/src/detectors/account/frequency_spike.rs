//! A2: far more calls of one kind in a window than that kind ever has.
//!
//! Must never learn from windows it saw only in part, nor from blocks that were dropped. Tests: `tests.rs`, and
//! `scenarios/detectors/frequency_spike.md`.

use std::collections::BTreeSet;

use quarterdeck_core::{
    chain::{Address, AnyBlock, B256, Block, CallKind, ChainEvent, ChainId, Reorg, Transaction},
    detector::{Knowledge, ParamSpec, Params},
    signal::{Loudness, SignalChange},
};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::Evidence,
    figures,
    memory::{Memory, Unlearnt},
    rehearsal::{self, Rehearsal},
    watch::Watch,
};

use self::{
    levels::{Counted, Frequency, Lesson, Levels, Subject, What},
    limits::Limits,
};

mod limits;
mod levels;
#[cfg(test)]
mod tests;

const ID: &str = "frequency_spike";
const RULE: &str = "frequency";

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
        limits::PARAMS
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

struct Observer {
    voice: Voice,
    limits: Limits,
    watch: Watch,
    levels: Memory<Levels>,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, _: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(AnyBlock::Account(block)) if self.watch.chain(block.chain).is_some() => {
                self.look(block, out);
            }
            ChainEvent::Reorg(reorg) => self.step_back(reorg),
            ChainEvent::Finalized(block) => self.levels.finalized(*block),
            ChainEvent::Block(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        self.levels.save()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
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
                    out.push(self.claim(block, transaction, subject, &frequency, ln_tail).raised());
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
    fn subjects(&self, chain: ChainId, transaction: &Transaction) -> Vec<Subject> {
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
