//! E2: the chain left blocks for others, and what that did to our transactions.
//!
//! Must never read two reorganizations of depth one at a height as one of depth two: depth is what one event dropped. Must never
//! call a transaction lost without having compared both branches. Tests: `tests.rs`, and `scenarios/detectors/reorganization.md`.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{keccak256, map::HashMap};
use quarterdeck_core::{
    chain::{Address, B256, Block, ChainEvent, ChainNumber, Reorg, Transaction, U256},
    detector::{Detector, DetectorKind, Knowledge, ParamSpec, Params, SnapshotError},
    id::ServiceId,
    money::Usd,
    signal::{Facts, Loudness, SignalChange},
};
use serde::{Deserialize, Serialize};

use crate::{
    at_rest,
    claim::{Claim, Voice},
    movement::each_movement,
    rehearsal::{self, Rehearsal},
    watch::Watch,
};

#[cfg(test)]
mod tests;

const ID: &str = "reorganization";
/// Blocks kept per chain: as far as a fork is walked back (`FORK_WALK_BLOCKS_MAX`).
const BLOCKS_MAX: usize = 256;
/// Transactions kept per chain, about 80 bytes each: 256 blocks of 2,000. Of larger blocks fewer are kept.
const ENTRIES_MAX: usize = 512_000;
/// Chains followed.
const CHAINS_MAX: usize = 256;
/// Our dropped transactions that are followed until they return or are replaced.
const PENDING_MAX: usize = 1_024;
/// Conflicts named one by one in an explanation; the rest are counted.
const NAMED_MAX: usize = 8;

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "warn_depth_blocks",
        unit: "blocks",
        doc: "From this depth on a reorganization is a warning even if none of your transactions was touched.",
        default: 2,
        min: 1,
        max: 256,
    },
    ParamSpec {
        name: "error_depth_blocks",
        unit: "blocks",
        doc: "From this depth on it is an error.",
        default: 7,
        min: 1,
        max: 256,
    },
];

const DOC: &str = "## What it watches

Every time a chain leaves blocks for others: how many, and what became of their transactions. A transaction of the old branch is
in the new one too, in neither, or replaced: another with the same sender and nonce took its place. Replaced by one that pays the
same to the same is a fee bump and harmless; replaced by anything else is a double spend. A transaction of yours that is in neither
branch is followed for 256 blocks, and told if it is replaced later.

For the record at a depth below `warn_depth_blocks` if nothing of yours was touched. A warning from that depth on, when one of yours
is in neither branch, or when a block that was left had never reached us. An error from `error_depth_blocks`. Critical when one of
your payments was replaced, with both hashes and the sum.

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
        let depth = |name: &str| usize::try_from(params.get(name)).unwrap_or(usize::MAX);
        Box::new(Observer {
            voice: Voice::new(ID, params),
            warn_depth: depth("warn_depth_blocks"),
            error_depth: depth("error_depth_blocks"),
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

/// One of ours: what it was for, and what hung on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ours {
    hash: B256,
    from: Address,
    nonce: u64,
    purpose: Purpose,
    /// Watched addresses that it touched, and the larger of what they got and gave.
    watched: Vec<Address>,
    worth: Usd,
}

/// What a transaction does, so that a fee bump can be told from a changed payee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Purpose {
    to: Option<Address>,
    value: U256,
    input: B256,
}

impl Purpose {
    fn of(transaction: &Transaction) -> Self {
        Self { to: transaction.to, value: transaction.value, input: keccak256(&transaction.input) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    number: u64,
    hash: B256,
    entries: Vec<Entry>,
    ours: Vec<Ours>,
}

/// Our transaction that a reorganization dropped and no block has had since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    ours: Ours,
    /// Height of the block that had it.
    number: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Branches {
    /// In the order in which they were seen; both branches of a fork are here.
    blocks: VecDeque<Remembered>,
    pending: VecDeque<Pending>,
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
    waiting: Vec<Ours>,
    ours_again: usize,
}

impl Detector for Observer {
    fn observe(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Block(block) => {
                self.resolve_pending(block, out);
                self.remember(block);
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
    fn remember(&mut self, block: &Block) {
        let ours = block.transactions.iter().filter_map(|transaction| self.ours(block, transaction)).collect();
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
    fn ours(&self, block: &Block, transaction: &Transaction) -> Option<Ours> {
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
        each_movement(block, transaction, |movement| {
            if watched.contains_key(&movement.from) || watched.contains_key(&movement.to) {
                note(movement.from);
                note(movement.to);
                worth = worth + self.watch.value(block.chain, movement.token, movement.amount).unwrap_or_default();
            }
        });
        let Transaction { hash, from, nonce, .. } = *transaction;
        (!met.is_empty()).then(|| Ours { hash, from, nonce, purpose: Purpose::of(transaction), watched: met, worth })
    }

    fn compare(&mut self, reorg: &Reorg, out: &mut Vec<SignalChange>) {
        let adopted: HashMap<(Address, u64), &Transaction> =
            reorg.adopted.iter().flat_map(|block| &block.transactions).map(|t| ((t.from, t.nonce), t)).collect();
        let branches = self.chains.entry(reorg.chain).or_default();
        let mut impact = Impact::default();
        for left in &reorg.dropped {
            let Some(block) = branches.blocks.iter().find(|known| known.hash == left.hash) else {
                impact.blocks_unknown += 1;
                continue;
            };
            for Entry(hash, from, nonce) in &block.entries {
                match adopted.get(&(*from, *nonce)) {
                    Some(found) if found.hash == *hash => impact.included_again += 1,
                    Some(_) => impact.conflicted += 1,
                    None => impact.dropped += 1,
                }
            }
            for ours in &block.ours {
                match adopted.get(&(ours.from, ours.nonce)) {
                    Some(found) if found.hash == ours.hash => impact.ours_again += 1,
                    Some(found) => impact.conflicts.push(Conflict::new(ours, found)),
                    None => impact.waiting.push(ours.clone()),
                }
            }
            branches.wait(left.number, &impact.waiting);
        }
        self.claim(reorg, &impact).raise(out);
    }

    fn claim(&self, reorg: &Reorg, impact: &Impact) -> Claim {
        let (tip, time) = reorg.adopted.last().map_or((reorg.ancestor, reorg.observed), |b| (b.reference(), b.time));
        let depth = reorg.dropped.len();
        let stolen: Vec<&Conflict> = impact.conflicts.iter().filter(|conflict| !conflict.same_purpose).collect();
        let loudness = match depth {
            _ if !stolen.is_empty() => Loudness::Critical,
            _ if depth >= self.error_depth => Loudness::Error,
            _ if depth >= self.warn_depth || !impact.waiting.is_empty() || impact.blocks_unknown > 0 => {
                Loudness::Warning
            }
            _ => Loudness::Info,
        };
        let at_risk: Usd =
            stolen.iter().map(|conflict| conflict.ours.worth).chain(impact.waiting.iter().map(|w| w.worth)).sum();
        // Shallow ones without impact are one claim over and over; any other is its own.
        let chain = reorg.chain.to_be_bytes();
        let entity: &[&[u8]] = if loudness == Loudness::Info { &[&chain] } else { &[&chain, tip.hash.as_slice()] };
        let blocks = if depth == 1 { "1 block".to_owned() } else { format!("{depth} blocks") };
        let title = match (stolen.len(), impact.waiting.len()) {
            (0, 0) => format!("chain {} left {blocks}", reorg.chain),
            (0, waiting) => format!("chain {} left {blocks} with {waiting} of our transactions", reorg.chain),
            (stolen, _) => format!("chain {} left {blocks}: {stolen} of our transactions replaced", reorg.chain),
        };
        let claim = Claim::on_reference(&self.voice, tip, time, "reorganization", entity)
            .loudness(loudness)
            .service(self.service(reorg.chain, impact))
            .title(title)
            .text(self.explain(reorg, impact, &stolen, at_risk))
            .number("depth", depth, "blocks")
            .number("blocks adopted", reorg.adopted.len(), "blocks")
            .number("transactions dropped", impact.dropped, "")
            .number("included again", impact.included_again, "")
            .number("conflicted", impact.conflicted, "")
            .number("ours included again", impact.ours_again, "")
            .number("ours waiting", impact.waiting.len(), "")
            .number("ours repriced", impact.conflicts.len() - stolen.len(), "")
            .number("ours replaced", stolen.len(), "")
            .number("common ancestor", reorg.ancestor.number, "height")
            .facts(Facts { money_at_risk: at_risk, irreversible: !stolen.is_empty(), ..Facts::default() });
        parties(claim, stolen.iter().map(|conflict| &conflict.ours).chain(&impact.waiting))
    }

    fn explain(&self, reorg: &Reorg, impact: &Impact, stolen: &[&Conflict], at_risk: Usd) -> String {
        let mut sentences = vec![format!(
            "Chain {} left {} of its blocks after height {} and joined {} others. Of the transactions in what it left, {} are in the new branch too, {} are in neither yet, {} were replaced by another of the same sender and nonce.",
            reorg.chain,
            reorg.dropped.len(),
            reorg.ancestor.number,
            reorg.adopted.len(),
            impact.included_again,
            impact.dropped,
            impact.conflicted
        )];
        if impact.blocks_unknown > 0 {
            let unknown = impact.blocks_unknown;
            sentences.push(format!("{unknown} of the blocks left were never seen by us: what they had is unknown."));
        }
        if !impact.waiting.is_empty() || !stolen.is_empty() {
            let (waiting, replaced) = (impact.waiting.len(), stolen.len());
            sentences.push(format!("Ours: {waiting} wait, {replaced} replaced, {at_risk} at risk."));
        }
        sentences.extend(stolen.iter().take(NAMED_MAX).map(|conflict| self.name(reorg.chain, conflict)));
        sentences.join(" ")
    }

    fn name(&self, chain: ChainNumber, conflict: &Conflict) -> String {
        let whose: Vec<String> = conflict.ours.watched.iter().map(|address| self.watch.name(chain, *address)).collect();
        format!("{} of {} → {} ({}).", conflict.ours.hash, whose.join(", "), conflict.by, conflict.ours.worth)
    }

    /// The service of our touched transactions, if it is one; without any, the chain's only one.
    fn service(&self, chain: ChainNumber, impact: &Impact) -> Option<ServiceId> {
        let ours = impact.conflicts.iter().map(|conflict| &conflict.ours).chain(&impact.waiting);
        let mut services = ours.flat_map(|ours| &ours.watched).filter_map(|address| self.watch.find(chain, *address));
        match services.next() {
            None => self.watch.only_service(chain),
            Some(first) => services.all(|other| other.service == first.service).then(|| first.service.clone()),
        }
    }

    /// A dropped transaction of ours may be replaced many blocks later: that is the double spend that matters.
    fn resolve_pending(&mut self, block: &Block, out: &mut Vec<SignalChange>) {
        let Some(branches) = self.chains.get_mut(&block.chain).filter(|branches| !branches.pending.is_empty()) else {
            return;
        };
        let reach = BLOCKS_MAX as u64;
        branches.pending.retain(|pending| pending.number.saturating_add(reach) > block.number);
        let mut met: Vec<(Ours, &Transaction)> = Vec::new();
        branches.pending.retain(|pending| {
            let spender =
                block.transactions.iter().find(|t| t.from == pending.ours.from && t.nonce == pending.ours.nonce);
            met.extend(spender.map(|transaction| (pending.ours.clone(), transaction)));
            spender.is_none()
        });
        for (ours, transaction) in met {
            let conflict = Conflict::new(&ours, transaction);
            if ours.hash == transaction.hash || conflict.same_purpose {
                continue;
            }
            let text = format!(
                "A reorganization dropped a transaction of ours, and block {} now has another of the same sender and nonce in its place: {}",
                block.number,
                self.name(block.chain, &conflict)
            );
            let impact = Impact { conflicts: vec![conflict], ..Impact::default() };
            let claim = Claim::on_block(&self.voice, block, "replaced", &[ours.hash.as_slice()])
                .transaction(transaction)
                .loudness(Loudness::Critical)
                .service(self.service(block.chain, &impact))
                .title(format!("chain {}: our dropped transaction was replaced ({})", block.chain, ours.worth))
                .text(text)
                .number("nonce", ours.nonce, "")
                .number("worth", ours.worth, "USD")
                .facts(Facts { money_at_risk: ours.worth, irreversible: true, ..Facts::default() });
            parties(claim, [&ours]).raise(out);
        }
    }
}

impl Branches {
    fn wait(&mut self, number: u64, waiting: &[Ours]) {
        for ours in waiting {
            if self.pending.iter().any(|known| known.ours.hash == ours.hash) {
                continue;
            }
            if self.pending.len() >= PENDING_MAX {
                self.pending.pop_front();
            }
            self.pending.push_back(Pending { ours: ours.clone(), number });
        }
    }
}

impl Conflict {
    fn new(ours: &Ours, found: &Transaction) -> Self {
        Self { ours: ours.clone(), by: found.hash, same_purpose: Purpose::of(found) == ours.purpose }
    }
}

/// Names who sent, and whom of us it touched.
fn parties<'a>(claim: Claim, ours: impl IntoIterator<Item = &'a Ours>) -> Claim {
    ours.into_iter().fold(claim, |claim, ours| {
        ours.watched.iter().fold(claim.party("sender", ours.from), |claim, address| claim.party("watched", *address))
    })
}
