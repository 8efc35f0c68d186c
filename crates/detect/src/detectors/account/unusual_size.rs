//! A1: a transfer far larger than the ones before it.
//!
//! Must never speak about chains it has no samples of, nor about moves between the operator's own addresses. Tests: `tests.rs`, and
//! `scenarios/detectors/unusual_size.md`.

use std::time::Duration;

use quarterdeck_core::{
    catalogue::AddressRole,
    chain::{Address, AnyBlock, Block, BlockRef, ChainEvent, ChainId, U256},
    detector::{Knowledge, ParamSpec, Params},
    money::Usd,
    signal::{Facts, Loudness, SignalChange},
};
use serde::{Deserialize, Serialize};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Evidence, flow::Flow},
    figures,
    memory::{Learned, Memory},
    rehearsal::{self, Rehearsal},
    statistics::{Bounded, Deviation, Magnitude, RobustWindow, bounded::Saved},
    watch::{Watch, Watched, short},
};

#[cfg(test)]
mod tests;

const ID: &str = "unusual_size";
/// Populations kept. A window is at most 4 KiB, so all of them at most 4 MiB, and as much again as they were settled.
const POPULATIONS_MAX: usize = 1_024;
/// Signals about one transaction: past this, one more says nothing new.
const PER_TRANSACTION_MAX: u32 = 16;
/// What the subtraction of two logarithms may leave over: at the limit is not above it.
const ROUNDING: f64 = 1e-9;
/// The share of samples that must be smaller where more than half of them are equal.
const RANK_MIN: f64 = 0.9995;

const LIMIT_HUNDREDTHS_SIGMA: ParamSpec = ParamSpec {
    name: "limit_hundredths_sigma",
    unit: "hundredths of σ",
    doc: "A transfer is unusual above this robust z of the logarithm of its amount.",
    default: 350,
    min: 200,
    max: 2_000,
};
const TAIL_EXPONENT: ParamSpec = ParamSpec {
    name: "tail_exponent",
    unit: "powers of ten",
    doc: "And only if the largest amounts seen make one as large less likely than ten to minus this.",
    default: 4,
    min: 1,
    max: 15,
};
const LOUD_HUNDREDTHS_SIGMA: ParamSpec = ParamSpec {
    name: "loud_hundredths_sigma",
    unit: "hundredths of σ",
    doc: "From this robust z on, and from `loud_usd` on, an outgoing transfer is an error instead of a warning.",
    default: 700,
    min: 200,
    max: 5_000,
};
const SAMPLES_MIN: ParamSpec = ParamSpec {
    name: "samples_min",
    unit: "transfers",
    doc: "A population with fewer transfers is not judged.",
    default: 50,
    min: 20,
    max: 1_024,
};
const SPREAD_MIN_HUNDREDTHS_DECADE: ParamSpec = ParamSpec {
    name: "spread_min_hundredths_decade",
    unit: "hundredths of a factor of ten",
    doc: "The least standard deviation assumed, so that a wallet of equal amounts does not find every other amount unusual.",
    default: 10,
    min: 1,
    max: 100,
};
const FLOOR_USD: ParamSpec = ParamSpec {
    name: "floor_usd",
    unit: "USD",
    doc: "Smaller transfers of watched addresses are never unusual.",
    default: 10_000,
    min: 0,
    max: 1_000_000_000,
};
const FLOOR_UNPRICED_MILLI: ParamSpec = ParamSpec {
    name: "floor_unpriced_milli",
    unit: "thousandths of the chain's coin",
    doc: "The floor for a chain's coin without a price. Tokens without a price are not judged at all.",
    default: 5_000,
    min: 0,
    max: 1_000_000_000,
};
const LOUD_USD: ParamSpec = ParamSpec {
    name: "loud_usd",
    unit: "USD",
    doc: "See `loud_hundredths_sigma`.",
    default: 1_000_000,
    min: 0,
    max: 100_000_000_000,
};
const CHAIN_FLOOR_USD: ParamSpec = ParamSpec {
    name: "chain_floor_usd",
    unit: "USD",
    doc: "The floor on a chain without watched addresses, where everyone's transfers are one population and only noted.",
    default: 10_000_000,
    min: 100_000,
    max: 100_000_000_000,
};

const PARAMS: &[ParamSpec] = &[
    LIMIT_HUNDREDTHS_SIGMA,
    TAIL_EXPONENT,
    LOUD_HUNDREDTHS_SIGMA,
    SAMPLES_MIN,
    SPREAD_MIN_HUNDREDTHS_DECADE,
    FLOOR_USD,
    FLOOR_UNPRICED_MILLI,
    LOUD_USD,
    CHAIN_FLOOR_USD,
];

const DOC: &str = "## What it watches

Every transfer of a priced asset into or out of a watched address, by the logarithm of its amount. It is compared with the
last 1,024 transfers of the same address, asset and direction; while there are fewer than `samples_min`, with those of all
watched addresses of the same role. It speaks when the robust z, `0.6745 · (x − median) / MAD`, passes
`limit_hundredths_sigma` and the transfer is worth at least `floor_usd`. Money has heavy tails, so the largest amounts of the same
window must also make one as large less likely than ten to minus `tail_exponent`; and where more than half of the amounts are equal
(MAD of zero) it must be larger than 99.95 % of them, which for so few is all. On a chain without watched addresses all transfers of an asset are one
population, the floor is `chain_floor_usd`, and what is found is only noted.

Seen are the transaction's own coins, coins moved by calls where traces are read, and token transfers by their logs (without
receipts: by the calls of the trace, or a plain `transfer`). Wrapping the coin and unwrapping it moves nothing. Tokens without a price are ignored, since anyone can make a token say that you moved it.

## Why it matters

A thief empties a wallet in amounts that its owner never sends. So does a payout job with its decimals wrong.

## When it is wrong

A real but rare payment: a quarterly settlement, a wallet being retired, a new large customer. Moves between watched addresses
are quiet, so name all of your own addresses. Transfers of a block that was dropped do not count, unless the fork began before the
last 256 blocks. An attacker who sends many medium amounts stays below it; the frequency and outflow detectors look there.

## First steps

1. Ask the wallet's owner whether the payment was intended; look for its ticket or withdrawal number.
2. If nobody knows it: stop the signer of this wallet, then move what is left to the cold wallet.
3. Look at the receiver: a known exchange can freeze if asked within minutes.
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct UnusualSize;

impl DetectorKind for UnusualSize {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "A1"
    }
    fn title(&self) -> &'static str {
        "A transfer far larger than the ones before it"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        Box::new(Observer {
            voice: Voice::new(ID, params),
            limits: Limits::of(params),
            watch: Watch::new(knowledge),
            windows: Memory::new(Windows(Bounded::new(POPULATIONS_MAX))),
            taught: Sizes::default(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        for day in 0..60_u64 {
            chain.block(vec![rehearsal::coin(rehearsal::HOT, Address::repeat_byte(0xee), 900 + day * 5)]);
        }
        chain.block(vec![rehearsal::coin(rehearsal::HOT, Address::repeat_byte(0xef), 900_000)]);
        chain.tick(Duration::from_secs(1));
        (rehearsal::knowledge(), chain.events)
    }
}

/// The parameters in the units of the arithmetic.
#[derive(Debug, Clone, Copy)]
struct Limits {
    sigma: f64,
    tail: f64,
    loud_sigma: f64,
    samples_min: usize,
    spread_min_decades: f64,
    floor: Usd,
    floor_unpriced: U256,
    loud: Usd,
    chain_floor: Usd,
}

impl Limits {
    fn of(params: &Params) -> Self {
        let whole = |spec: &ParamSpec| u64::try_from(params.get(spec)).unwrap_or(0);
        let hundredths = |spec: &ParamSpec| crate::statistics::magnitude::f64_of(whole(spec)) / 100.0;
        Self {
            sigma: hundredths(&LIMIT_HUNDREDTHS_SIGMA),
            tail: 10_f64.powi(-i32::try_from(params.get(&TAIL_EXPONENT)).unwrap_or(4)),
            loud_sigma: hundredths(&LOUD_HUNDREDTHS_SIGMA),
            samples_min: usize::try_from(whole(&SAMPLES_MIN)).unwrap_or(usize::MAX),
            spread_min_decades: hundredths(&SPREAD_MIN_HUNDREDTHS_DECADE),
            floor: Usd::from_dollars(whole(&FLOOR_USD)),
            floor_unpriced: U256::from(whole(&FLOOR_UNPRICED_MILLI)) * U256::from(1_000_000_000_000_000_u64),
            loud: Usd::from_dollars(whole(&LOUD_USD)),
            chain_floor: Usd::from_dollars(whole(&CHAIN_FLOOR_USD)),
        }
    }
    fn unusual(&self, found: &Deviation) -> bool {
        found.samples >= self.samples_min
            && found.sigma > self.sigma + ROUNDING
            && found.tail < self.tail
            && (found.mad_decades > 0.0 || found.rank > RANK_MIN)
    }
}

/// Whose transfers are compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Population {
    chain: ChainId,
    token: Option<Address>,
    who: Who,
    outgoing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    /// One watched address.
    One(Address),
    /// All watched addresses of a role: judged by where the one has too few samples.
    AddressRole(AddressRole),
    /// Everyone on a chain without watched addresses.
    Everyone,
}

/// The last sizes of every population.
#[derive(Clone)]
struct Windows(Bounded<Population, RobustWindow>);

/// What a block teaches: sizes in their order, each with the place of its population in the list.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sizes {
    of: Vec<Population>,
    all: Vec<(usize, Magnitude)>,
}

/// Populations looked through for one that a block has named already; the next is named again.
const NAMED_LOOKED_AT: usize = 32;

impl Sizes {
    fn note(&mut self, of: Population, size: Magnitude) {
        let known = self.of.iter().rev().take(NAMED_LOOKED_AT).position(|known| *known == of);
        let place = known.map_or(self.of.len(), |back| self.of.len() - 1 - back);
        if known.is_none() {
            self.of.push(of);
        }
        self.all.push((place, size));
    }
}

impl Learned for Windows {
    type Lesson = Sizes;
    type AtRest = Saved<Population, RobustWindow>;
    fn learn(&mut self, _: BlockRef, lesson: &Sizes) {
        for (place, size) in &lesson.all {
            if let Some(window) = lesson.of.get(*place).and_then(|of| self.0.entry(*of, RobustWindow::default).0) {
                window.push(*size);
            }
        }
    }
    fn weight(lesson: &Sizes) -> usize {
        // A population takes as much room as two sizes.
        1 + lesson.of.len() * 2 + lesson.all.len()
    }
    fn save(&self) -> Self::AtRest {
        self.0.save()
    }
    fn load(&mut self, saved: Self::AtRest) {
        self.0 = Bounded::load(POPULATIONS_MAX, saved);
    }
}

struct Observer {
    voice: Voice,
    limits: Limits,
    watch: Watch,
    windows: Memory<Windows>,
    /// What the block that is being looked at teaches.
    taught: Sizes,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        let block = match event {
            ChainEvent::Block(AnyBlock::Account(block)) => block,
            ChainEvent::Finalized(block) => return self.windows.finalized(*block),
            ChainEvent::Reorg(reorg) => {
                // What lies too deep to unlearn is a few samples of many.
                self.windows.unlearn(reorg);
                return;
            }
            ChainEvent::Block(AnyBlock::Output(_)) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => return,
        };
        let watching = self.watch.chain(block.chain).is_some();
        for case in evidence.cases() {
            let mut said = 0;
            // What is wrapped stays its owner's: no transfer, and never one of unusual size.
            for flow in case.flows().iter().filter(|flow| !flow.wraps) {
                let claim = if watching { self.judge_watched(block, flow) } else { self.judge_everyone(block, flow) };
                if let Some(claim) = claim.filter(|_| said < PER_TRANSACTION_MAX) {
                    out.push(claim.transaction(case.transaction).place(said).raised());
                    said += 1;
                }
            }
        }
        let taught = std::mem::take(&mut self.taught);
        self.windows.keep(block.reference(), (!taught.all.is_empty()).then_some(taught));
    }
    fn snapshot(&self) -> Vec<u8> {
        self.windows.save()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let fresh = || Memory::new(Windows(Bounded::new(POPULATIONS_MAX)));
        self.windows = fresh();
        self.windows.load(snapshot).map_err(|source| {
            self.windows = fresh();
            SnapshotError { detector: ID, source }
        })
    }
}

impl Observer {
    fn judge_watched(&mut self, block: &Block, flow: &Flow) -> Option<Claim> {
        let ours = self.watch.chain(block.chain)?;
        let (one, watched, outgoing) = match (ours.get(&flow.from), ours.get(&flow.to)) {
            (Some(watched), None) => (flow.from, watched.clone(), true),
            (None, Some(watched)) => (flow.to, watched.clone(), false),
            // Strangers, or a move between our own addresses.
            _ => return None,
        };
        let worth = self.watch.value(block.chain, flow.token, flow.amount);
        let high_enough = match worth {
            Some(worth) => worth >= self.limits.floor,
            None if flow.token.is_some() => return None,
            None => flow.amount >= self.limits.floor_unpriced,
        };
        let key = |who| Population { chain: block.chain, token: flow.token, who, outgoing };
        let own = self.compare(key(Who::One(one)), flow.amount, high_enough);
        let role = self.compare(key(Who::AddressRole(watched.role)), flow.amount, high_enough);
        // Its own history decides as soon as there is enough of it; until then, that of its kind.
        let (found, whose) = match own.filter(|found| found.samples >= self.limits.samples_min) {
            Some(found) => (found, "its own"),
            None => (role?, "those of its kind"),
        };
        let worth = worth.unwrap_or_default();
        self.limits.unusual(&found).then(|| self.claim_watched(block, flow, &watched, outgoing, worth, &found, whose))
    }

    fn judge_everyone(&mut self, block: &Block, flow: &Flow) -> Option<Claim> {
        let worth = self.watch.value(block.chain, flow.token, flow.amount)?;
        let key = Population { chain: block.chain, token: flow.token, who: Who::Everyone, outgoing: true };
        let found = self.compare(key, flow.amount, worth >= self.limits.chain_floor)?;
        if !self.limits.unusual(&found) {
            return None;
        }
        let amount = self.watch.amount(block.chain, flow.token, flow.amount);
        let text = format!(
            "{amount} ({worth}) moved from {} to {}: {} the median of the last {} transfers of this asset on chain {}. No address is watched on this chain, so this is for the record.",
            flow.from,
            flow.to,
            times(flow.amount, found.median.amount()),
            found.samples,
            block.chain
        );
        let claim = Claim::on_block(&self.voice, block, "everyone", &[&block.chain.bytes(), token_bytes(flow)])
            .loudness(Loudness::Info)
            .title(format!("{amount} ({worth}) moved at once on chain {}", block.chain))
            .text(text)
            .confidence(300);
        Some(self.numbers(claim, block, flow, worth, &found))
    }

    /// Compares an amount with its population, if it is above the floor and the median, and takes it in.
    fn compare(&mut self, key: Population, amount: U256, high_enough: bool) -> Option<Deviation> {
        let size = Magnitude::of(amount)?;
        let Limits { sigma, spread_min_decades, .. } = self.limits;
        let window = self.windows.now_mut().0.entry(key, RobustWindow::default).0?;
        let found = high_enough.then(|| window.deviation(size, spread_min_decades)).flatten();
        // Whether it was told or could not be judged yet: what is far outside is not usual by having happened once.
        let learned = window.within_reach(size, sigma, spread_min_decades);
        window.push(learned);
        self.taught.note(key, learned);
        found
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is said in one sentence")]
    fn claim_watched(
        &self,
        block: &Block,
        flow: &Flow,
        watched: &Watched,
        outgoing: bool,
        worth: Usd,
        found: &Deviation,
        whose: &str,
    ) -> Claim {
        let amount = self.watch.amount(block.chain, flow.token, flow.amount);
        let usual = self.watch.amount(block.chain, flow.token, found.median.amount());
        let (ours, other) = if outgoing { (flow.from, flow.to) } else { (flow.to, flow.from) };
        let (verb, with) = if outgoing { ("sent", "to") } else { ("received", "from") };
        let loudness = match outgoing {
            false => Loudness::Info,
            true if found.sigma >= self.limits.loud_sigma && worth >= self.limits.loud => Loudness::Error,
            true => Loudness::Warning,
        };
        let entity: [&[u8]; 4] = [&block.chain.bytes(), ours.as_slice(), token_bytes(flow), &[u8::from(outgoing)]];
        let claim = Claim::on_block(&self.voice, block, "size", &entity)
            .loudness(loudness)
            .service(Some(watched.service.clone()))
            .title(format!("{} {verb} {amount} ({worth}) {with} {}", watched.label, short(other)))
            .text(format!(
                "{} {verb} {amount} ({worth}) {with} {other}. That is {} the usual {usual}, the median of {} earlier transfers ({whose}). By the largest of those, a transfer this large comes {}.",
                watched.label,
                times(flow.amount, found.median.amount()),
                found.samples,
                figures::once_in(found.tail.log10())
            ))
            .facts(Facts {
                money_at_risk: if outgoing { worth } else { Usd::ZERO },
                irreversible: outgoing,
                ..Facts::default()
            })
            .confidence(if loudness == Loudness::Error { 700 } else { 500 });
        self.numbers(claim, block, flow, worth, found)
    }

    fn numbers(&self, claim: Claim, block: &Block, flow: &Flow, worth: Usd, found: &Deviation) -> Claim {
        let usual = self.watch.amount(block.chain, flow.token, found.median.amount());
        let (amount, unit) = self.watch.exact(block.chain, flow.token, flow.amount);
        claim
            .number("robust z", format!("{:.2}", found.sigma), "σ")
            .number("limit of z", format!("{:.2}", self.limits.sigma), "σ")
            .number("tail", format!("{:.1e}", found.tail), "per transfer")
            .number("limit of the tail", format!("{:.0e}", self.limits.tail), "per transfer")
            .number("amount", amount, &unit)
            .number("worth", worth, "USD")
            .number("median", usual, "")
            .number("MAD", format!("{:.4}", found.mad_decades), "decades")
            .number("samples", found.samples, "transfers")
            .party("sender", flow.from)
            .party("receiver", flow.to)
    }
}

/// How many times the usual an amount is: `95 times`, `2.4 times`.
fn times(amount: U256, usual: U256) -> String {
    format!("{} times", figures::amount(amount.saturating_mul(U256::from(10)) / usual.max(U256::ONE), 1))
}

fn token_bytes(flow: &Flow) -> &[u8] {
    flow.token.as_ref().map_or(&[], |token| token.as_slice())
}
