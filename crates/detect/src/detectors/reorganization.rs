//! E2: the chain left blocks for others, and what that did to our transactions.
//!
//! Must never read two reorganizations of depth one at a height as one of depth two: depth is what one event dropped. Must never
//! call a transaction lost without having compared both branches, nor let a loss be forgotten because the block that its claim
//! hung on was dropped as well: what is claimed follows from the branch that stands now (`missing.rs`). Tests: `tests.rs`, the law
//! over fork trees in `tests/forks.rs`, and `scenarios/detectors/reorganization.md`.

use std::collections::{BTreeMap, VecDeque};

use quarterdeck_core::{
    chain::{Address, B256, Block, BlockRef, ChainEvent, ChainNumber, Reorg, Transaction},
    detector::{Knowledge, ParamSpec, Params},
    id::ServiceId,
    money::Usd,
    signal::{Facts, Loudness, SignalChange},
};
use serde::{Deserialize, Serialize};

use crate::{
    at_rest,
    claim::{Claim, Voice},
    detector::{Detector, DetectorKind, SnapshotError},
    facts::{Case, Evidence},
    rehearsal::{self, Rehearsal},
    watch::Watch,
};

mod ours;
mod missing;
#[cfg(test)]
mod tests;

use self::{
    missing::{AllMissing, Branch, Missing, Rival},
    ours::{Ours, Purpose},
};

const ID: &str = "reorganization";
/// Blocks kept per chain: as far as a fork is walked back (`FORK_WALK_BLOCKS_MAX`).
const BLOCKS_MAX: usize = 256;
/// Transactions kept per chain, about 80 bytes each: 256 blocks of 2,000. Of larger blocks fewer are kept.
const ENTRIES_MAX: usize = 512_000;
/// Chains followed.
const CHAINS_MAX: usize = 256;
/// Transactions named one by one in an explanation; the rest are counted.
const NAMED_MAX: usize = 8;

const WARN_DEPTH_BLOCKS: ParamSpec = ParamSpec {
    name: "warn_depth_blocks",
    unit: "blocks",
    doc: "From this depth on a reorganization is a warning even if none of your transactions was touched.",
    default: 2,
    min: 1,
    max: 256,
};
const ERROR_DEPTH_BLOCKS: ParamSpec = ParamSpec {
    name: "error_depth_blocks",
    unit: "blocks",
    doc: "From this depth on it is an error.",
    default: 7,
    min: 1,
    max: 256,
};

const PARAMS: &[ParamSpec] = &[WARN_DEPTH_BLOCKS, ERROR_DEPTH_BLOCKS];

const DOC: &str = "## What it watches

Every time a chain leaves blocks for others: how many, and what became of their transactions. A transaction of the old branch is
in the new one too, in neither, or replaced: another with the same sender and nonce took its place. Replaced by one that pays the
same to the same is a fee bump and harmless; replaced by anything else is a double spend. A transaction of yours that is in neither
branch is followed for 256 blocks, and told if it is replaced later. A further reorganization changes nothing about a loss: what is
claimed is compared with the branch that stands now, said again if it is still so, and retracted with the reason if the transaction
is back.

For the record at a depth below `warn_depth_blocks` if nothing of yours was touched. A warning from that depth on, when one of yours
is in neither branch, or when a block that was left had never reached us. An error from `error_depth_blocks`. Critical when one of
your payments was replaced, with both hashes and the sum; that stays so while it is missing, even if the other left as well.

## Why it matters

A deposit that was credited and then replaced is money paid out for nothing. Depth is how many confirmations were worthless.

## When it is wrong

A depth of one is ordinary on proof of work, and after network trouble elsewhere. What is dropped usually returns within a few
blocks. A node that was itself on a fork shows a reorganization that the rest of the network never had: ask a second one. Two
of depth one at the same height are two, not one of depth two.

## First steps

1. If a payment was replaced: stop crediting deposits of this chain, and freeze what was credited for it.
2. Raise the confirmations required beyond the depth seen.
3. Compare with a second node of another client: is this the network, or our node?
";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct Reorganization;

impl DetectorKind for Reorganization {
    fn id(&self) -> &'static str {
        ID
    }
    fn code(&self) -> &'static str {
        "E2"
    }
    fn title(&self) -> &'static str {
        "The chain left blocks for others"
    }
    fn doc(&self) -> &'static str {
        DOC
    }
    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }
    fn build(&self, params: &Params, knowledge: &Knowledge) -> Box<dyn Detector> {
        let depth = |spec: &ParamSpec| usize::try_from(params.get(spec)).unwrap_or(usize::MAX);
        Box::new(Observer {
            voice: Voice::new(ID, params),
            warn_depth: depth(&WARN_DEPTH_BLOCKS),
            error_depth: depth(&ERROR_DEPTH_BLOCKS),
            watch: Watch::new(knowledge),
            chains: BTreeMap::new(),
        })
    }
    fn canary(&self) -> (Knowledge, Vec<ChainEvent>) {
        let mut chain = Rehearsal::default();
        let stranger = Address::repeat_byte(0xee);
        let deposit = Transaction { nonce: 5, ..rehearsal::coin(stranger, rehearsal::HOT, 100_000) };
        let theft = Transaction { nonce: 5, ..rehearsal::coin(stranger, stranger, 100_000) };
        let dropped = chain.block(vec![deposit]);
        chain.reorg(&[dropped], vec![vec![theft]]);
        (rehearsal::knowledge(), chain.events)
    }
}

/// A transaction as a branch remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry(B256, Address, u64);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    number: u64,
    hash: B256,
    entries: Vec<Entry>,
    ours: Vec<Ours>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Branches {
    /// In the order in which they were seen; both branches of a fork are here.
    blocks: VecDeque<Remembered>,
    #[serde(alias = "pending")]
    missing: AllMissing,
}

struct Observer {
    voice: Voice,
    warn_depth: usize,
    error_depth: usize,
    watch: Watch,
    chains: BTreeMap<ChainNumber, Branches>,
}

/// One of ours, and the transaction that took its place.
struct Conflict {
    ours: Ours,
    by: B256,
    /// The block that has it.
    block: BlockRef,
    /// It does the same: a higher fee, not another payee.
    same_purpose: bool,
}

/// Both branches compared.
#[derive(Default)]
struct Impact {
    dropped: usize,
    included_again: usize,
    conflicted: usize,
    /// Dropped blocks that we never saw, whose transactions are therefore unknown.
    blocks_unknown: usize,
    conflicts: Vec<Conflict>,
    /// Ours in neither branch, each with the height of the block that had it.
    waiting: Vec<(Ours, u64)>,
    ours_again: usize,
    /// Ours that an earlier reorganization took, still not there, and no claim that stands says so.
    still_missing: Vec<Missing>,
}

impl Impact {
    fn stolen(&self) -> impl Iterator<Item = &Conflict> {
        self.conflicts.iter().filter(|conflict| !conflict.same_purpose)
    }
    fn still_lost(&self) -> usize {
        self.still_missing.iter().filter(|missing| missing.rival.is_some()).count()
    }
    /// Ours that are gone, the lost ones first.
    fn gone(&self) -> impl Iterator<Item = &Ours> {
        let stolen = self.stolen().map(|conflict| &conflict.ours);
        let waiting = self.waiting.iter().map(|(ours, _)| ours);
        stolen.chain(waiting).chain(self.still_missing.iter().map(|missing| &missing.ours))
    }
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, evidence: &Evidence<'_>, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(block) => {
                self.meet_missing(block, out);
                self.remember(block, evidence);
            }
            ChainEvent::Reorg(reorg) => self.compare(reorg, out),
            _ => {}
        }
    }
    fn snapshot(&self) -> serde_json::Value {
        at_rest::save(&self.chains)
    }
    fn restore(&mut self, snapshot: &serde_json::Value) -> Result<(), SnapshotError> {
        self.chains = BTreeMap::new();
        self.chains = at_rest::load(ID, snapshot)?;
        Ok(())
    }
}

impl Observer {
    fn remember(&mut self, block: &Block, evidence: &Evidence<'_>) {
        let ours = evidence.cases().filter_map(|case| self.ours(case)).collect();
        if !self.chains.contains_key(&block.chain) && self.chains.len() >= CHAINS_MAX {
            return;
        }
        let blocks = &mut self.chains.entry(block.chain).or_default().blocks;
        if blocks.iter().rev().any(|known| known.hash == block.hash) {
            return;
        }
        let mut entries = block.transactions.len() + blocks.iter().map(|known| known.entries.len()).sum::<usize>();
        while blocks.len() >= BLOCKS_MAX || (entries > ENTRIES_MAX && !blocks.is_empty()) {
            entries -= blocks.pop_front().map_or(0, |oldest| oldest.entries.len());
        }
        let entries = block.transactions.iter().take(ENTRIES_MAX).map(|t| Entry(t.hash, t.from, t.nonce)).collect();
        blocks.push_back(Remembered { number: block.number, hash: block.hash, entries, ours });
    }

    /// What to remember of a transaction if it touches a watched address.
    fn ours(&self, case: Case<'_>) -> Option<Ours> {
        let (block, transaction) = (case.block, case.transaction);
        let watched = self.watch.chain(block.chain)?;
        let mut met: Vec<Address> = Vec::new();
        let mut worth = Usd::ZERO;
        let mut note = |address: Address| {
            if watched.contains_key(&address) && !met.contains(&address) {
                met.push(address);
            }
        };
        note(transaction.from);
        transaction.to.into_iter().for_each(&mut note);
        for flow in case.flows().iter().filter(|flow| !flow.wraps) {
            if watched.contains_key(&flow.from) || watched.contains_key(&flow.to) {
                note(flow.from);
                note(flow.to);
                worth = worth + self.watch.value(block.chain, flow.token, flow.amount).unwrap_or_default();
            }
        }
        let Transaction { hash, from, nonce, .. } = *transaction;
        (!met.is_empty()).then(|| Ours { hash, from, nonce, purpose: Purpose::of(transaction), watched: met, worth })
    }

    fn compare(&mut self, reorg: &Reorg, out: &mut Vec<SignalChange>) {
        let adopted: Branch<'_> = reorg
            .adopted
            .iter()
            .flat_map(|block| {
                block.transactions.iter().map(move |found| ((found.from, found.nonce), (&**block, found)))
            })
            .collect();
        let branches = self.chains.entry(reorg.chain).or_default();
        let mut impact =
            Impact { still_missing: branches.missing.step_back(reorg, &adopted, out), ..Impact::default() };
        for left in &reorg.dropped {
            let Some(block) = branches.blocks.iter().find(|known| known.hash == left.hash) else {
                impact.blocks_unknown += 1;
                continue;
            };
            impact.add(block, &adopted);
        }
        let signal = self.claim(reorg, &impact).build();
        let on = signal.position.as_ref().map_or(reorg.ancestor, |position| position.block);
        let missing = &mut self.chains.entry(reorg.chain).or_default().missing;
        for conflict in impact.stolen() {
            let rival = Rival { by: conflict.by, block: Some(conflict.block) };
            missing.follow(Missing::new(conflict.ours.clone(), conflict.block.number, Some(rival)));
        }
        for (ours, number) in &impact.waiting {
            missing.follow(Missing::new(ours.clone(), *number, None));
        }
        missing.told(signal.id, on, impact.gone());
        out.push(SignalChange::Raised { signal });
    }

    fn claim(&self, reorg: &Reorg, impact: &Impact) -> Claim {
        let (tip, time) = reorg.adopted.last().map_or((reorg.ancestor, reorg.observed), |b| (b.reference(), b.time));
        let depth = reorg.dropped.len();
        let (stolen, still_lost) = (impact.stolen().count(), impact.still_lost());
        let gone = impact.gone().next().is_some();
        let loudness = match depth {
            _ if stolen + still_lost > 0 => Loudness::Critical,
            _ if depth >= self.error_depth => Loudness::Error,
            _ if depth >= self.warn_depth || gone || impact.blocks_unknown > 0 => Loudness::Warning,
            _ => Loudness::Info,
        };
        let at_risk: Usd = impact.gone().map(|ours| ours.worth).sum();
        // Shallow ones without impact are one claim over and over; any other is its own.
        let chain = reorg.chain.to_be_bytes();
        let entity: &[&[u8]] = if loudness == Loudness::Info { &[&chain] } else { &[&chain, tip.hash.as_slice()] };
        Claim::on_reference(&self.voice, tip, time, "reorganization", entity)
            .loudness(loudness)
            .service(self.service(reorg.chain, impact.conflicts.iter().map(|c| &c.ours).chain(impact.gone())))
            .title(title(reorg, impact))
            .text(self.explain(reorg, impact, at_risk))
            .number("depth", depth, "blocks")
            .number("blocks adopted", reorg.adopted.len(), "blocks")
            .number("transactions dropped", impact.dropped, "")
            .number("included again", impact.included_again, "")
            .number("conflicted", impact.conflicted, "")
            .number("ours included again", impact.ours_again, "")
            .number("ours waiting", impact.waiting.len(), "")
            .number("ours repriced", impact.conflicts.len() - stolen, "")
            .number("ours replaced", stolen, "")
            .number("ours still missing from before", impact.still_missing.len(), "")
            .number("common ancestor", reorg.ancestor.number, "height")
            .facts(Facts { money_at_risk: at_risk, irreversible: stolen + still_lost > 0, ..Facts::default() })
            .parties(impact.gone().flat_map(parties))
    }

    fn explain(&self, reorg: &Reorg, impact: &Impact, at_risk: Usd) -> String {
        let mut sentences = vec![format!(
            "Chain {} left {} after height {} and joined {}. Of the transactions in what it left, {} are in the new branch too, {} in neither yet, and {} replaced by another of the same sender and nonce.",
            reorg.chain,
            blocks(reorg.dropped.len()),
            reorg.ancestor.number,
            blocks(reorg.adopted.len()),
            impact.included_again,
            impact.dropped,
            impact.conflicted
        )];
        if impact.blocks_unknown > 0 {
            let unknown = impact.blocks_unknown;
            sentences.push(format!("{unknown} of the blocks left were never seen by us: what they had is unknown."));
        }
        let (waiting, replaced) = (impact.waiting.len(), impact.stolen().count());
        if waiting + replaced > 0 {
            sentences.push(format!("Ours: {waiting} in neither, {replaced} replaced, {at_risk} at risk."));
        }
        let before = impact.still_missing.len();
        if before > 0 {
            sentences.push(format!(
                "{before} of ours that an earlier reorganization took are still not on the chain, {at_risk} at risk in all."
            ));
        }
        let replaced = impact.stolen().map(|conflict| self.name(reorg.chain, conflict));
        let waiting = impact.waiting.iter().map(|(ours, _)| self.name_missing(reorg.chain, ours, None));
        let before = impact.still_missing.iter().map(|one| self.name_missing(reorg.chain, &one.ours, one.rival));
        sentences.extend(replaced.chain(before).chain(waiting).take(NAMED_MAX));
        sentences.join(" ")
    }

    fn name(&self, chain: ChainNumber, conflict: &Conflict) -> String {
        let ours = &conflict.ours;
        format!("{} of {} → {} ({}).", ours.hash, self.whose(chain, ours), conflict.by, ours.worth)
    }

    fn name_missing(&self, chain: ChainNumber, ours: &Ours, rival: Option<Rival>) -> String {
        let (hash, whose, worth) = (ours.hash, self.whose(chain, ours), ours.worth);
        match rival {
            None => format!("{hash} of {whose} is in neither branch ({worth})."),
            Some(Rival { by, block: Some(block) }) => {
                format!("{hash} of {whose} → {by} ({worth}), in block {} as before.", block.number)
            }
            Some(Rival { by, block: None }) => format!(
                "{hash} of {whose} is in neither branch ({worth}), and its sender has signed {by} to take its place."
            ),
        }
    }

    fn whose(&self, chain: ChainNumber, ours: &Ours) -> String {
        let names: Vec<String> = ours.watched.iter().map(|address| self.watch.name(chain, *address)).collect();
        names.join(", ")
    }

    /// The service of our touched transactions, if it is one; without any, the chain's only one.
    fn service<'a>(&self, chain: ChainNumber, ours: impl Iterator<Item = &'a Ours>) -> Option<ServiceId> {
        let mut services = ours.flat_map(|ours| &ours.watched).filter_map(|address| self.watch.find(chain, *address));
        match services.next() {
            None => self.watch.only_service(chain),
            Some(first) => services.all(|other| other.service == first.service).then(|| first.service.clone()),
        }
    }

    /// A dropped transaction of ours may be replaced, or come back, many blocks later.
    fn meet_missing(&mut self, block: &Block, out: &mut Vec<SignalChange>) {
        let Some(branches) = self.chains.get_mut(&block.chain) else { return };
        let met = branches.missing.meet(block, BLOCKS_MAX as u64, out);
        let mut told = Vec::new();
        for (ours, found) in met.replaced {
            told.push((self.replaced(block, &ours, found).build(), vec![ours]));
        }
        if !met.unsaid.is_empty() {
            let claim = self.still_missing(block, &met.unsaid).build();
            told.push((claim, met.unsaid.into_iter().map(|missing| missing.ours).collect()));
        }
        for (signal, named) in told {
            if let Some(branches) = self.chains.get_mut(&block.chain) {
                branches.missing.told(signal.id, block.reference(), &named);
            }
            out.push(SignalChange::Raised { signal });
        }
    }

    /// That is the double spend that matters.
    fn replaced(&self, block: &Block, ours: &Ours, found: &Transaction) -> Claim {
        let text = format!(
            "A reorganization dropped a transaction of ours, and block {} now has another of the same sender and nonce in its place: {}",
            block.number,
            self.name(block.chain, &Conflict::new(ours, block.reference(), found))
        );
        Claim::on_block(&self.voice, block, "replaced", &[ours.hash.as_slice()])
            .transaction(found)
            .loudness(Loudness::Critical)
            .service(self.service(block.chain, std::iter::once(ours)))
            .title(format!("chain {}: our dropped transaction was replaced ({})", block.chain, ours.worth))
            .text(text)
            .number("nonce", ours.nonce, "")
            .number("worth", ours.worth, "USD")
            .facts(Facts { money_at_risk: ours.worth, irreversible: true, ..Facts::default() })
            .parties(parties(ours))
    }

    /// What is left of a claim when the rest of what it named came back.
    fn still_missing(&self, block: &Block, all: &[Missing]) -> Claim {
        let (count, worth): (usize, Usd) = (all.len(), all.iter().map(|missing| missing.ours.worth).sum());
        let named = all.iter().take(NAMED_MAX).map(|one| self.name_missing(block.chain, &one.ours, one.rival));
        let named: Vec<String> = named.collect();
        let ours = || all.iter().map(|missing| &missing.ours);
        Claim::on_block(&self.voice, block, "still missing", &[&block.chain.to_be_bytes(), block.hash.as_slice()])
            .loudness(if all.iter().any(|one| one.rival.is_some()) { Loudness::Critical } else { Loudness::Warning })
            .service(self.service(block.chain, ours()))
            .title(format!("chain {}: {count} of our transactions still missing ({worth})", block.chain))
            .text(format!(
                "Of what a reorganization took from us, some is back in block {}; {count} are not: {}",
                block.number,
                named.join(" ")
            ))
            .number("still missing", count, "")
            .number("worth", worth, "USD")
            .money(worth)
            .parties(ours().flat_map(parties))
    }
}

impl Impact {
    /// Compares a block that was left with the branch that was joined.
    fn add(&mut self, left: &Remembered, adopted: &Branch<'_>) {
        for Entry(hash, from, nonce) in &left.entries {
            match adopted.get(&(*from, *nonce)) {
                Some((_, found)) if found.hash == *hash => self.included_again += 1,
                Some(_) => self.conflicted += 1,
                None => self.dropped += 1,
            }
        }
        for ours in &left.ours {
            match adopted.get(&(ours.from, ours.nonce)) {
                Some((_, found)) if found.hash == ours.hash => self.ours_again += 1,
                Some((block, found)) => self.conflicts.push(Conflict::new(ours, block.reference(), found)),
                None => self.waiting.push((ours.clone(), left.number)),
            }
        }
    }
}

impl Conflict {
    fn new(ours: &Ours, block: BlockRef, found: &Transaction) -> Self {
        Self { ours: ours.clone(), by: found.hash, block, same_purpose: Purpose::of(found) == ours.purpose }
    }
}

fn title(reorg: &Reorg, impact: &Impact) -> String {
    let (stolen, waiting, before) = (impact.stolen().count(), impact.waiting.len(), impact.still_missing.len());
    let blocks =
        if reorg.dropped.len() == 1 { "1 block".to_owned() } else { format!("{} blocks", reorg.dropped.len()) };
    let left = format!("chain {} left {blocks}", reorg.chain);
    let left = match (stolen, waiting) {
        (0, 0) => left,
        (0, waiting) => format!("{left} with {waiting} of our transactions"),
        (stolen, _) => format!("{left}: {stolen} of our transactions replaced"),
    };
    match (stolen + waiting, before) {
        (_, 0) => left,
        (0, before) => format!("{left}: {before} of our transactions still missing"),
        (_, before) => format!("{left}, {before} more still missing"),
    }
}

fn blocks(count: usize) -> String {
    if count == 1 { "1 block".to_owned() } else { format!("{count} blocks") }
}

/// Who sent, and whom of us it touched.
fn parties(ours: &Ours) -> impl Iterator<Item = (&'static str, Address)> {
    std::iter::once(("sender", ours.from)).chain(ours.watched.iter().map(|address| ("watched", *address)))
}
