//! B1: coins leave an address that did not hold them a day before.
//!
//! Balances are not read: what is known comes from the movements in the blocks seen, and the claim says no more than that.
//! Tests: `tests.rs`, and `scenarios/detectors/sudden_outflow.md`.

use quarterdeck_core::{
    chain::{Address, AnyBlock, Block, BlockRef, ChainEvent, ChainId, Transaction, U256},
    detector::{Knowledge, ParamSpec, Params},
    money::Usd,
    signal::{Facts, Loudness, SignalChange},
};
use serde::{Deserialize, Serialize};

use crate::{
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Case, Evidence, flow::Flow},
    figures,
    memory::{Learned, Memory, Unlearnt},
    rehearsal::{self, Rehearsal},
    statistics::{Bounded, bounded::Saved},
    watch::Watch,
};

#[cfg(test)]
mod tests;

const ID: &str = "sudden_outflow";
/// Addresses whose flow is kept, about 200 bytes each, and as much again as they were settled.
const ADDRESSES_MAX: usize = 32_768;
/// Parts of the window. The oldest is left out as a whole, so that the window is never longer than said.
const QUARTERS: usize = 4;
/// Smaller movements than this share of the least outflow are not kept, and with them most addresses of a busy chain.
const KEPT_SHARE: u64 = 100;
/// Wei of a gwei, the unit of the books here: a `u64` of them holds 18 billion coins.
const GWEI: u64 = 1_000_000_000;
/// Decimals of a coin counted in gwei.
const GWEI_DECIMALS: u8 = 9;

const OUT_MIN_MILLI: ParamSpec = ParamSpec {
    name: "out_min_milli",
    unit: "thousandths of the chain's coin",
    doc: "The least outflow in one transaction, on a chain whose coin has no price.",
    default: 50_000,
    min: 1,
    max: 1_000_000_000_000,
};
const OUT_MIN_USD: ParamSpec = ParamSpec {
    name: "out_min_usd",
    unit: "USD",
    doc: "The least outflow in one transaction, where the coin has a price.",
    default: 100_000,
    min: 100,
    max: 100_000_000_000,
};
const HELD_MAX_PERMILLE: ParamSpec = ParamSpec {
    name: "held_max_permille",
    unit: "thousandths of the least outflow",
    doc: "An address that is known to have held this much before the window is not judged.",
    default: 400,
    min: 0,
    max: 1_000,
};
const WINDOW_BLOCKS: ParamSpec = ParamSpec {
    name: "window_blocks",
    unit: "blocks",
    doc: "How long ago is before: a day of Ethereum by default. Set it for faster chains.",
    default: 7_200,
    min: 8,
    max: 10_000_000,
};
const NONCE_MAX: ParamSpec = ParamSpec {
    name: "nonce_max",
    unit: "transactions",
    doc: "Senders on chains without watched addresses that sent more than this before are not judged.",
    default: 10,
    min: 0,
    max: 1_000_000,
};

const PARAMS: &[ParamSpec] = &[OUT_MIN_MILLI, OUT_MIN_USD, HELD_MAX_PERMILLE, WINDOW_BLOCKS, NONCE_MAX];

const DOC: &str = "## What it watches

The chain's own coin. It speaks when at least `out_min_usd` (without a price: `out_min_milli`) leaves a watched address in one
transaction, nearly all of it arrived within the last `window_blocks`, and the address is not known to have held
`held_max_permille` of that sum before. What passes through within one transaction is netted; moves between watched addresses are
quiet.

What is known: every movement in the blocks seen; and therefore a lower bound of what an address held, since it cannot send what
it does not have. What is not known: balances from before the first block seen, movements in blocks that were missed, coins moved
by contract calls where traces are not read, and block rewards. The explanation gives the bound, not a balance. The window
advances in quarters, so it covers between three quarters and all of `window_blocks`.

On a chain without watched addresses it looks at accounts with at most `nonce_max` earlier transactions, and only notes them.

## Why it matters

A wallet that is filled and emptied within the day is a stop on somebody's way out: the proceeds of a theft on the move, or one
of your own addresses used as such.

## When it is wrong

Deposit addresses that are swept, market makers, hot wallets that are topped up before payouts, when the program has watched
them for less than a window. Movements of a block that was dropped do not count, unless the fork began before the last 256 blocks.

## First steps

1. Look where the coins came from: a withdrawal of yours, or a contract that was just attacked?
2. If the address is yours and nobody ordered the payment, treat its key as lost.
3. If it is not yours, add the sender and the receiver to your list of addresses to hold deposits from.
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct SuddenOutflow;

impl DetectorKind for SuddenOutflow {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "B1"
    }
    fn title(&self) -> &'static str {
        "Coins leave that were not held a day before"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        let limits = Limits::of(params);
        let purses = Memory::new(Purses::new(limits.quarter_blocks));
        Box::new(Observer {
            voice: Voice::new(ID, params),
            limits,
            watch: Watch::new(knowledge),
            purses,
            taught: Vec::new(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let stranger = Address::repeat_byte(0xee);
        chain.block(vec![rehearsal::coin(stranger, rehearsal::HOT, 300_000)]);
        chain.block(vec![rehearsal::coin(rehearsal::HOT, stranger, 290_000)]);
        (rehearsal::knowledge(), chain.events)
    }
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    out_min_gwei: u64,
    out_min_usd: Usd,
    held_max_permille: u64,
    quarter_blocks: u64,
    nonce_max: u64,
}

/// The limits on one chain, in gwei of its coin.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    out_min: u64,
    held_max: u64,
    kept_min: u64,
}

impl Limits {
    fn of(params: &Params) -> Self {
        let whole = |spec: &ParamSpec| u64::try_from(params.get(spec)).unwrap_or(0);
        Self {
            out_min_gwei: whole(&OUT_MIN_MILLI).saturating_mul(1_000_000),
            out_min_usd: Usd::from_dollars(whole(&OUT_MIN_USD)),
            held_max_permille: whole(&HELD_MAX_PERMILLE),
            quarter_blocks: (whole(&WINDOW_BLOCKS) / 4).max(1),
            nonce_max: whole(&NONCE_MAX),
        }
    }
    fn on(&self, chain: ChainId, watch: &Watch) -> Bounds {
        let priced = watch.asset(chain, None).map(|asset| asset.price).filter(|price| price.micro_usd > 0);
        let out_min = priced.map_or(self.out_min_gwei, |price| {
            // Cents × 10^4 are millionths of a dollar; × 10^9 gwei a coin, ÷ the price of a coin.
            let micro = U256::from(self.out_min_usd.cents()) * U256::from(10_000);
            gwei(micro * U256::from(GWEI) / U256::from(price.micro_usd) * U256::from(GWEI))
        });
        let held_max =
            gwei(U256::from(out_min) * U256::from(self.held_max_permille) / U256::from(1_000) * U256::from(GWEI));
        Bounds { out_min, held_max, kept_min: out_min / KEPT_SHARE }
    }
}

/// What is known of an address's coins, in gwei, from the movements seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Purse {
    /// Number of the open quarter of a window.
    quarter: u64,
    /// Received in the open quarter and in the ones before it.
    received: [u64; QUARTERS],
    /// `run` as it stood when each of these quarters began.
    began: [i64; QUARTERS],
    /// Received less sent, since the address was first seen.
    run: i64,
    /// The least that `run` ever was: the address must have held as much as this is below zero before it was seen.
    least: i64,
    /// The quarter in which it was last told, plus one; zero: never.
    told: u64,
}

impl Purse {
    fn new(quarter: u64) -> Self {
        Self { quarter, ..Self::default() }
    }
    /// Opens the quarter `now`, and the silent ones before it.
    fn advance(&mut self, now: u64) {
        let steps = usize::try_from(now.saturating_sub(self.quarter)).unwrap_or(QUARTERS).min(QUARTERS);
        for _ in 0..steps {
            self.received.rotate_right(1);
            self.began.rotate_right(1);
            if let (Some(received), Some(began)) = (self.received.first_mut(), self.began.first_mut()) {
                (*received, *began) = (0, self.run);
            }
        }
        self.quarter = self.quarter.max(now);
    }
    fn receive(&mut self, amount: u64) {
        if let Some(open) = self.received.first_mut() {
            *open = open.saturating_add(amount);
        }
        self.run = self.run.saturating_add_unsigned(amount);
    }
    fn send(&mut self, amount: u64) {
        self.run = self.run.saturating_sub_unsigned(amount);
        self.least = self.least.min(self.run);
    }
    /// Received within the window.
    fn fresh(&self) -> u64 {
        self.received.iter().copied().fold(0, u64::saturating_add)
    }
    /// What it is known to have held when the window began, once `amount` has left: at least.
    fn held_before(&self, amount: u64) -> u64 {
        let least = self.least.min(self.run.saturating_sub_unsigned(amount));
        let began = self.began.last().copied().unwrap_or(0);
        u64::try_from(began.saturating_sub(least)).unwrap_or(0)
    }
}

/// What is known of all addresses.
#[derive(Clone)]
struct Purses {
    quarter_blocks: u64,
    all: Bounded<(ChainId, Address), Purse>,
}

/// What a block teaches, in its order.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Lesson {
    /// The address has so many gwei more, or fewer.
    Moved(Address, i64),
    /// The address was told.
    Told(Address),
    /// What was told on this chain may have been retracted.
    Untold,
}

impl Purses {
    fn new(quarter_blocks: u64) -> Self {
        Self { quarter_blocks, all: Bounded::new(ADDRESSES_MAX) }
    }
    fn take(&mut self, block: BlockRef, lesson: Lesson) {
        let quarter = block.number / self.quarter_blocks;
        match lesson {
            Lesson::Moved(address, change) => {
                let purse = self.all.entry((block.chain, address), || Purse::new(quarter)).0;
                let Some(purse) = purse else { return };
                purse.advance(quarter);
                match change {
                    0.. => purse.receive(change.unsigned_abs()),
                    _ => purse.send(change.unsigned_abs()),
                }
            }
            Lesson::Told(address) => {
                if let Some(purse) = self.all.get_mut(&(block.chain, address)) {
                    purse.told = quarter.saturating_add(1);
                }
            }
            Lesson::Untold => {
                for (_, purse) in self.all.iter_mut().filter(|((chain, _), _)| *chain == block.chain) {
                    purse.told = 0;
                }
            }
        }
    }
}

impl Learned for Purses {
    type Lesson = Vec<Lesson>;
    type AtRest = Saved<(ChainId, Address), Purse>;
    fn learn(&mut self, block: BlockRef, lesson: &Vec<Lesson>) {
        for lesson in lesson {
            self.take(block, *lesson);
        }
    }
    fn weight(lesson: &Vec<Lesson>) -> usize {
        1 + lesson.len()
    }
    fn save(&self) -> Self::AtRest {
        self.all.save()
    }
    fn load(&mut self, saved: Self::AtRest) {
        self.all = Bounded::load(ADDRESSES_MAX, saved);
    }
}

struct Observer {
    voice: Voice,
    limits: Limits,
    watch: Watch,
    purses: Memory<Purses>,
    /// What the block that is being looked at teaches.
    taught: Vec<Lesson>,
}

/// What left an address in one transaction.
#[derive(Debug, Clone, Copy)]
struct Outflow {
    from: Address,
    to: Address,
    gwei: u64,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(AnyBlock::Account(block)) => {
                let bounds = self.limits.on(block.chain, &self.watch);
                let watching = self.watch.chain(block.chain).is_some();
                for case in evidence.cases() {
                    if watching {
                        self.follow_watched(case, bounds, out);
                    } else {
                        self.follow_everyone(case, bounds, out);
                    }
                }
                let taught = std::mem::take(&mut self.taught);
                self.purses.keep(block.reference(), (!taught.is_empty()).then_some(taught));
            }
            ChainEvent::Reorg(reorg) => {
                if self.purses.unlearn(reorg) == Unlearnt::Part {
                    // What was told on a block too deep to unlearn is retracted by others, and may be told again.
                    self.purses.learn(reorg.ancestor, vec![Lesson::Untold]);
                }
            }
            ChainEvent::Finalized(block) => self.purses.finalized(*block),
            ChainEvent::Block(AnyBlock::Output(_)) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }
    fn snapshot(&self) -> Vec<u8> {
        self.purses.save()
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let fresh = || Memory::new(Purses::new(self.limits.quarter_blocks));
        self.purses = fresh();
        self.purses.load(snapshot).map_err(|source| {
            self.purses = fresh();
            SnapshotError { detector: ID, source }
        })
    }
}

impl Observer {
    /// Watched addresses: all their coin movements, netted within the transaction, so that what only passes through is nothing.
    fn follow_watched(&mut self, case: Case<'_>, bounds: Bounds, out: &mut Vec<SignalChange>) {
        let (block, transaction) = (case.block, case.transaction);
        let Some(ours) = self.watch.chain(block.chain) else { return };
        let mut nets: Vec<(Address, i64, Option<Flow>)> = Vec::new();
        let mut add = |address: Address, change: i64, leaving: Option<Flow>| match nets
            .iter_mut()
            .find(|(had, ..)| *had == address)
        {
            Some((_, net, largest)) => {
                *net = net.saturating_add(change);
                if leaving.is_some_and(|new| largest.is_none_or(|old| new.amount > old.amount)) {
                    *largest = leaving;
                }
            }
            None => nets.push((address, change, leaving)),
        };
        for flow in case.flows().iter().filter(|flow| flow.token.is_none()) {
            let amount = i64::try_from(gwei(flow.amount)).unwrap_or(i64::MAX);
            let (from_ours, to_ours) = (ours.contains_key(&flow.from), ours.contains_key(&flow.to));
            if from_ours {
                // Between our own addresses it is booked, and named as leaving nothing.
                add(flow.from, -amount, Some(*flow).filter(|_| !to_ours));
            }
            if to_ours {
                add(flow.to, amount, None);
            }
        }
        for (address, net, largest) in nets {
            let amount = net.unsigned_abs();
            if let Some(largest) = largest.filter(|_| net < 0) {
                let outflow = Outflow { from: address, to: largest.to, gwei: amount };
                self.judge(block, transaction, outflow, bounds, out);
            }
            self.book(block, Lesson::Moved(address, net));
        }
    }

    /// Without watched addresses: accounts with a key and a short history, by their transactions' own coins.
    fn follow_everyone(&mut self, case: Case<'_>, bounds: Bounds, out: &mut Vec<SignalChange>) {
        let (block, transaction) = (case.block, case.transaction);
        let sent = gwei(transaction.value);
        let judged = sent >= bounds.out_min && transaction.nonce.is_some_and(|nonce| nonce <= self.limits.nonce_max);
        if let Some(to) = transaction.to.filter(|_| judged && transaction.status != Some(false)) {
            let outflow = Outflow { from: transaction.from, to, gwei: sent };
            self.judge(block, transaction, outflow, bounds, out);
        }
        let mut booked: Vec<(Address, i64)> = Vec::new();
        for flow in case.flows().iter().filter(|flow| flow.token.is_none()) {
            let amount = gwei(flow.amount);
            if amount >= bounds.kept_min {
                let amount = i64::try_from(amount).unwrap_or(i64::MAX);
                booked.extend([(flow.from, -amount), (flow.to, amount)]);
            }
        }
        for (address, change) in booked {
            self.book(block, Lesson::Moved(address, change));
        }
    }

    fn book(&mut self, block: &Block, lesson: Lesson) {
        self.purses.now_mut().take(block.reference(), lesson);
        self.taught.push(lesson);
    }

    fn judge(
        &mut self,
        block: &Block,
        transaction: &Transaction,
        outflow: Outflow,
        bounds: Bounds,
        out: &mut Vec<SignalChange>,
    ) {
        if outflow.gwei < bounds.out_min {
            return;
        }
        let quarter = block.number / self.limits.quarter_blocks;
        let Some(mut purse) = self.purses.now().all.get(&(block.chain, outflow.from)).copied() else { return };
        purse.advance(quarter);
        let (fresh, held) = (purse.fresh(), purse.held_before(outflow.gwei));
        let covered = fresh.saturating_add(bounds.held_max) > outflow.gwei;
        if covered && held < bounds.held_max && purse.told != quarter.saturating_add(1) {
            self.book(block, Lesson::Told(outflow.from));
            out.push(self.claim(block, transaction, outflow, bounds, (fresh, held)).raised());
        }
    }

    fn claim(
        &self,
        block: &Block,
        transaction: &Transaction,
        outflow: Outflow,
        bounds: Bounds,
        known: (u64, u64),
    ) -> Claim {
        let amount = |gwei: u64| self.watch.amount(block.chain, None, U256::from(gwei) * U256::from(GWEI));
        let exact = |gwei: u64| figures::exact(U256::from(gwei), GWEI_DECIMALS);
        let (_, unit) = self.watch.exact(block.chain, None, U256::ZERO);
        let (fresh, held) = known;
        let watched = self.watch.find(block.chain, outflow.from);
        let worth = self.watch.value(block.chain, None, U256::from(outflow.gwei) * U256::from(GWEI));
        let name = self.watch.name(block.chain, outflow.from);
        let whose =
            watched.map_or_else(|| outflow.from.to_string(), |ours| format!("{} ({})", ours.label, outflow.from));
        let blocks = self.limits.quarter_blocks * 4;
        let age = match watched {
            Some(_) => String::new(),
            None => transaction
                .nonce
                .map(|nonce| format!(" It is the sender's transaction number {}.", nonce.saturating_add(1)))
                .unwrap_or_default(),
        };
        let claim = Claim::on_block(&self.voice, block, "outflow", &[&block.chain.bytes(), outflow.from.as_slice()])
            .transaction(transaction)
            .loudness(if watched.is_some() { Loudness::Warning } else { Loudness::Info })
            .service(watched.map(|watched| watched.service.clone()))
            .title(format!("{name} sent {} that it had just received", amount(outflow.gwei)))
            .text(format!(
                "{} left {whose} for {}. In the last {} blocks we saw {} arrive there; from before them it is known to have held at least {}. Balances are not read, so it may have held more.{age}",
                amount(outflow.gwei), outflow.to, figures::grouped(blocks), amount(fresh), amount(held)
            ))
            .number("sent", exact(outflow.gwei), &unit)
            .number("least outflow", exact(bounds.out_min), &unit)
            .number("received within the window", exact(fresh), &unit)
            .number("known to be held before, at least", exact(held), &unit)
            .number("held limit", exact(bounds.held_max), &unit)
            .number("window", blocks, "blocks")
            .party("sender", outflow.from)
            .party("receiver", outflow.to)
            .facts(Facts {
                money_at_risk: watched.and(worth).unwrap_or_default(),
                irreversible: watched.is_some(),
                ..Facts::default()
            })
            .confidence(if watched.is_some() { 400 } else { 200 });
        match transaction.nonce {
            Some(nonce) => claim.number("sender's nonce", nonce, ""),
            None => claim,
        }
    }
}

/// Whole gwei of an amount of wei; what is more than a `u64` of them counts as that.
fn gwei(wei: U256) -> u64 {
    u64::try_from(wei / U256::from(GWEI)).unwrap_or(u64::MAX)
}
