//! E2: the chain left blocks for others, and what that did to our transactions.
//!
//! Must never read two reorganizations of depth one at a height as one of depth two: depth is what one event dropped. Must never
//! call a transaction lost without having compared both branches, nor let a loss be forgotten because the block that its claim
//! hung on was dropped as well: what is claimed follows from the branch that stands now (`missing.rs`). Tests: `tests.rs`, the law
//! over fork trees in `tests/forks.rs`, and `scenarios/detectors/reorganization.md`.

use std::collections::{BTreeMap, VecDeque};

use quarterdeck_core::{
    account::Account,
    chain::{
        Address, AnyBlock, B256, BlockRef, ChainEvent, ChainId, Reorg, Transaction, U256,
        output::{self, Output},
    },
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
mod branch;
mod missing;
#[cfg(test)]
mod tests;

use self::{
    branch::{Branch, Found, transactions},
    missing::{AllMissing, Missing, Rival},
    ours::{AnyTransaction, Entry, Ours, Uses},
};

const ID: &str = "reorganization";
/// Blocks kept per chain: as far as a fork is walked back (`FORK_WALK_BLOCKS_MAX`).
const BLOCKS_MAX: usize = 256;
/// Transactions kept per chain, about 80 bytes each (on an output chain each two of the outputs spent count as one more): 256 blocks of 2,000. Of larger blocks fewer are kept.
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
in the new one too, in neither, or replaced: another with the same sender and nonce, or on an output chain one that spends the
same output, took its place. Replaced by one that pays the
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
        let deposit = Transaction { nonce: Some(5), ..rehearsal::coin(stranger, rehearsal::HOT, 100_000) };
        let theft = Transaction { nonce: Some(5), ..rehearsal::coin(stranger, stranger, 100_000) };
        let dropped = chain.block(vec![deposit]);
        chain.reorg(&[dropped], vec![vec![theft]]);
        (rehearsal::knowledge(), chain.events)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    number: u64,
    hash: B256,
    entries: Vec<Entry>,
    ours: Vec<Ours>,
    /// Of all entries, for the bound: added up once, since a look at each of 256 blocks' for every new block shows.
    #[serde(skip)]
    weight: usize,
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
    chains: BTreeMap<ChainId, Branches>,
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
    fn snapshot(&self) -> Vec<u8> {
        at_rest::save(&self.chains)
    }
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        self.chains = BTreeMap::new();
        self.chains = at_rest::load(ID, snapshot)?;
        for branches in self.chains.values_mut() {
            branches.blocks = std::mem::take(&mut branches.blocks).into_iter().map(Remembered::weighed).collect();
        }
        Ok(())
    }
}

impl Observer {
    fn remember(&mut self, block: &AnyBlock, evidence: &Evidence<'_>) {
        let on = block.reference();
        let ours = match block {
            AnyBlock::Account(_) => evidence.cases().filter_map(|case| self.ours(case)).collect(),
            AnyBlock::Output(block) => block
                .transactions
                .iter()
                .filter_map(|transaction| self.ours_of_outputs(block.chain, transaction))
                .collect(),
        };
        if !self.chains.contains_key(&on.chain) && self.chains.len() >= CHAINS_MAX {
            return;
        }
        let blocks = &mut self.chains.entry(on.chain).or_default().blocks;
        if blocks.iter().rev().any(|known| known.hash == on.hash) {
            return;
        }
        let entries = transactions(block).into_iter().filter_map(Entry::of).take(ENTRIES_MAX).collect();
        let new = Remembered { number: on.number, hash: on.hash, entries, ours, weight: 0 }.weighed();
        let mut weight = new.weight + blocks.iter().map(|known| known.weight).sum::<usize>();
        while blocks.len() >= BLOCKS_MAX || (weight > ENTRIES_MAX && !blocks.is_empty()) {
            weight -= blocks.pop_front().map_or(0, |oldest| oldest.weight);
        }
        blocks.push_back(new);
    }

    /// What to remember of a transaction if it touches a watched address.
    fn ours(&self, case: Case<'_>) -> Option<Ours> {
        let (chain, transaction) = (case.block.chain, case.transaction);
        let watched = self.watch.chain(chain)?;
        let mut met: Vec<Account> = Vec::new();
        let mut worth = Usd::ZERO;
        let mut note = |address: Address| {
            if watched.contains_key(&address) && !met.contains(&address.into()) {
                met.push(address.into());
            }
        };
        note(transaction.from);
        transaction.to.into_iter().for_each(&mut note);
        for flow in case.flows().iter().filter(|flow| !flow.wraps) {
            if watched.contains_key(&flow.from) || watched.contains_key(&flow.to) {
                note(flow.from);
                note(flow.to);
                worth = worth + self.watch.value(chain, flow.token, flow.amount).unwrap_or_default();
            }
        }
        (!met.is_empty()).then(|| Ours::new(AnyTransaction::Account(transaction), met, worth))
    }

    /// The same on an output chain: what comes back to us of what we spend is change, and no loss.
    fn ours_of_outputs(&self, chain: ChainId, transaction: &output::Transaction) -> Option<Ours> {
        let watched = self.watch.scripts(chain)?;
        let is_ours = |output: &&Output| watched.contains_key(&output.script);
        let mut met: Vec<Account> = Vec::new();
        for output in transaction.outputs.iter().chain(ours::spent(transaction)).filter(is_ours) {
            let account = Account::Script(output.script.clone());
            if !met.contains(&account) {
                met.push(account);
            }
        }
        let got = Output::sum(transaction.outputs.iter().filter(is_ours));
        let gave = Output::sum(ours::spent(transaction).filter(is_ours));
        let moved = got.zip(gave).map(|(got, gave)| U256::from(got.abs_diff(gave)));
        let worth = moved.and_then(|moved| self.watch.value(chain, None, moved)).unwrap_or_default();
        (!met.is_empty()).then(|| Ours::new(AnyTransaction::Output(transaction), met, worth))
    }

    fn compare(&mut self, reorg: &Reorg, out: &mut Vec<SignalChange>) {
        let adopted = Branch::of(&reorg.adopted);
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
        let (tip, time) = reorg.adopted.last().map_or((reorg.ancestor, reorg.observed), |b| (b.reference(), b.time()));
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
        let chain = reorg.chain.bytes();
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
            "Chain {} left {} after height {} and joined {}. Of the transactions in what it left, {} are in the new branch too, {} in neither yet, and {} replaced by another {}.",
            reorg.chain,
            blocks(reorg.dropped.len()),
            reorg.ancestor.number,
            blocks(reorg.adopted.len()),
            impact.included_again,
            impact.dropped,
            impact.conflicted,
            in_its_place(reorg.chain)
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

    fn name(&self, chain: ChainId, conflict: &Conflict) -> String {
        let ours = &conflict.ours;
        format!("{} of {} → {} ({}).", ours.hash, self.whose(chain, ours), conflict.by, ours.worth)
    }

    fn name_missing(&self, chain: ChainId, ours: &Ours, rival: Option<Rival>) -> String {
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

    fn whose(&self, chain: ChainId, ours: &Ours) -> String {
        let names: Vec<String> = ours.watched.iter().map(|account| self.watch.name_account(chain, account)).collect();
        names.join(", ")
    }

    /// The service of our touched transactions, if it is one; without any, the chain's only one.
    fn service<'a>(&self, chain: ChainId, ours: impl Iterator<Item = &'a Ours>) -> Option<ServiceId> {
        let mut services =
            ours.flat_map(|ours| &ours.watched).filter_map(|account| self.watch.find_account(chain, account));
        match services.next() {
            None => self.watch.only_service(chain),
            Some(first) => services.all(|other| other.service == first.service).then(|| first.service.clone()),
        }
    }

    /// A dropped transaction of ours may be replaced, or come back, many blocks later.
    fn meet_missing(&mut self, block: &AnyBlock, out: &mut Vec<SignalChange>) {
        let on = block.reference();
        let Some(branches) = self.chains.get_mut(&on.chain) else { return };
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
            if let Some(branches) = self.chains.get_mut(&on.chain) {
                branches.missing.told(signal.id, on, &named);
            }
            out.push(SignalChange::Raised { signal });
        }
    }

    /// That is the double spend that matters.
    fn replaced(&self, block: &AnyBlock, ours: &Ours, found: Found<'_>) -> Claim {
        let BlockRef { chain, number, .. } = block.reference();
        let text = format!(
            "A reorganization dropped a transaction of ours, and block {number} now has another {} in its place: {}",
            in_its_place(chain),
            self.name(chain, &Conflict::new(ours, found))
        );
        let claim =
            Claim::on_reference(&self.voice, block.reference(), block.time(), "replaced", &[ours.hash.as_slice()])
                .at(found.hash(), found.transaction.index())
                .loudness(Loudness::Critical)
                .service(self.service(chain, std::iter::once(ours)))
                .title(format!("chain {chain}: our dropped transaction was replaced ({})", ours.worth))
                .text(text);
        let claim = match &ours.uses {
            Uses::Nonce { nonce, .. } => claim.number("nonce", nonce, ""),
            Uses::Outputs { spends } => claim.number("outputs spent", spends.len(), ""),
        };
        claim
            .number("worth", ours.worth, "USD")
            .facts(Facts { money_at_risk: ours.worth, irreversible: true, ..Facts::default() })
            .parties(parties(ours))
    }

    /// What is left of a claim when the rest of what it named came back.
    fn still_missing(&self, block: &AnyBlock, all: &[Missing]) -> Claim {
        let (on, time) = (block.reference(), block.time());
        let (count, worth): (usize, Usd) = (all.len(), all.iter().map(|missing| missing.ours.worth).sum());
        let named = all.iter().take(NAMED_MAX).map(|one| self.name_missing(on.chain, &one.ours, one.rival));
        let named: Vec<String> = named.collect();
        let ours = || all.iter().map(|missing| &missing.ours);
        Claim::on_reference(&self.voice, on, time, "still missing", &[&on.chain.bytes(), on.hash.as_slice()])
            .loudness(if all.iter().any(|one| one.rival.is_some()) { Loudness::Critical } else { Loudness::Warning })
            .service(self.service(on.chain, ours()))
            .title(format!("chain {}: {count} of our transactions still missing ({worth})", on.chain))
            .text(format!(
                "Of what a reorganization took from us, some is back in block {}; {count} are not: {}",
                on.number,
                named.join(" ")
            ))
            .number("still missing", count, "")
            .number("worth", worth, "USD")
            .money(worth)
            .parties(ours().flat_map(parties))
    }
}

impl Remembered {
    /// With its entries added up.
    fn weighed(self) -> Self {
        let weight = self.entries.iter().map(Entry::weight).sum();
        Self { weight, ..self }
    }
}

impl Impact {
    /// Compares a block that was left with the branch that was joined.
    fn add(&mut self, left: &Remembered, adopted: &Branch<'_>) {
        for entry in &left.entries {
            match adopted.find(entry.slots(), entry.hash()) {
                Some(found) if found.hash() == entry.hash() => self.included_again += 1,
                Some(_) => self.conflicted += 1,
                None => self.dropped += 1,
            }
        }
        for ours in &left.ours {
            match adopted.find(ours.uses.slots(), ours.hash) {
                Some(found) if found.hash() == ours.hash => self.ours_again += 1,
                Some(found) => self.conflicts.push(Conflict::new(ours, found)),
                None => self.waiting.push((ours.clone(), left.number)),
            }
        }
    }
}

impl Conflict {
    fn new(ours: &Ours, found: Found<'_>) -> Self {
        let same_purpose = ours.purpose.is_served_by(&found.transaction.purpose(), &ours.watched);
        Self { ours: ours.clone(), by: found.hash(), block: found.block, same_purpose }
    }
}

/// What makes another transaction take the place of one.
const fn in_its_place(chain: ChainId) -> &'static str {
    match chain {
        ChainId::Eip155(_) => "of the same sender and nonce",
        ChainId::Bip122(_) => "that spends the same output",
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

/// Who sent, where a transaction has one sender, and whom of us it touched.
fn parties(ours: &Ours) -> impl Iterator<Item = (&'static str, Account)> {
    let sender = match &ours.uses {
        Uses::Nonce { from, .. } => Some(("sender", Account::Evm(*from))),
        Uses::Outputs { .. } => None,
    };
    sender.into_iter().chain(ours.watched.iter().map(|account| ("watched", account.clone())))
}
