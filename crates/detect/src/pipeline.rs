//! All detectors side by side, and what is common to them: which signals stand on which block.
//!
//! Detectors raise and end. The pipeline retracts what stood on a dropped block and confirms what stands on a final one, so that
//! no detector can forget to; a detector that knows more may retract a claim of its own, with its own reason. Must never lose a signal in silence. Tests below; the laws of single detectors are with
//! them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{AnyBlock, B256, BlockRef, ChainEvent, ChainId, Gap, GapKind, Reorg},
    detector::{Knowledge, ParamError, Params},
    id::{SignalId, SourceId},
    limits::FORK_WALK_BLOCKS_MAX,
    signal::{ChainPosition, Loudness, Signal, SignalChange},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    detector::{Detector, DetectorKind},
    facts::Evidence,
};

pub mod kept;

/// Blocks above a signal's own after which it counts as confirmed even where nobody reports finality. A fork deeper than
/// [`FORK_WALK_BLOCKS_MAX`] is not followed but handed to a person, so nothing that deep is ever retracted; sixteen times that
/// leaves room, and bounds the memory.
pub const CONFIRM_DEPTH_BLOCKS: u64 = 16 * FORK_WALK_BLOCKS_MAX;

/// What a detector has said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Claims raised, repeated ones included.
    pub raised: u64,
    /// Of these, for the record only.
    pub info: u64,
    /// Claims that are over.
    pub ended: u64,
    /// Claims whose block was dropped.
    pub retracted: u64,
    /// Claims whose block is final.
    pub confirmed: u64,
}

/// Why no pipeline could be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// Parameters for a detector that does not exist.
    #[error("no detector `{detector}`: there are {known}")]
    UnknownDetector {
        /// What was given.
        detector: String,
        /// What there is, comma-separated.
        known: String,
    },
    /// A parameter that a detector does not have, or out of bounds.
    #[error(transparent)]
    Param(#[from] ParamError),
}

/// Parameters by detector and name, as the operator gave them.
pub type GivenParams = BTreeMap<String, BTreeMap<String, i64>>;

/// Detectors, run over the same events.
pub struct Pipeline {
    catalogue: Arc<Catalogue>,
    slots: Vec<Slot>,
    /// Provisional signals by block, with the slot that raised them.
    standing: BTreeMap<ChainId, Standing>,
    /// What a standing signal about a transaction said, to say it again if the transaction moves to another block.
    said: BTreeMap<SignalId, Arc<Signal>>,
    /// What was retracted with its block, by transaction: said again if the transaction is in a block of the new branch.
    dropped: BTreeMap<(ChainId, B256), Vec<Dropped>>,
    /// What was raised on a block since the last snapshot that was stored.
    since: Vec<(BlockRef, SignalId, usize)>,
    /// Blocks that had signals before a restart and have not been read again: the chain may have left them meanwhile.
    doubtful: BTreeSet<BlockRef>,
}

/// A signal whose block was dropped.
#[derive(Clone, Serialize, Deserialize)]
struct Dropped {
    signal: Arc<Signal>,
    place: usize,
}

/// By height and block: the signals, each with the place of its detector.
type Standing = BTreeMap<(u64, BlockRef), BTreeSet<(SignalId, usize)>>;

struct Slot {
    id: &'static str,
    params: Params,
    detector: Box<dyn Detector>,
    counts: Counts,
}

impl Pipeline {
    /// Every detector of `kinds`, with `given` over its default parameters.
    pub fn new(
        kinds: &[&'static dyn DetectorKind],
        given: &GivenParams,
        knowledge: &Knowledge,
    ) -> Result<Self, PipelineError> {
        if let Some(unknown) = given.keys().find(|name| !kinds.iter().any(|kind| kind.id() == name.as_str())) {
            let known: Vec<&str> = kinds.iter().map(|kind| kind.id()).collect();
            return Err(PipelineError::UnknownDetector { detector: unknown.clone(), known: known.join(", ") });
        }
        let none = BTreeMap::new();
        let mut slots = Vec::new();
        for kind in kinds {
            let params = Params::resolve(kind.id(), kind.params(), given.get(kind.id()).unwrap_or(&none))?;
            let detector = kind.build(&params, knowledge);
            slots.push(Slot { id: kind.id(), params, detector, counts: Counts::default() });
        }
        let catalogue = Arc::clone(&knowledge.catalogue);
        Ok(Self {
            catalogue,
            slots,
            standing: BTreeMap::new(),
            said: BTreeMap::new(),
            dropped: BTreeMap::new(),
            since: Vec::new(),
            doubtful: BTreeSet::new(),
        })
    }

    /// Shows `event` to every detector. `observed` of each signal stays what the detector put there.
    pub fn observe(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        match event {
            ChainEvent::Reorg(reorg) => return self.step_back(reorg, event, out),
            ChainEvent::Block(block) => {
                self.resolve_doubt(block.reference(), out);
                self.confirm_deep(block.reference(), out);
            }
            ChainEvent::Gap(gap) => self.retract_lost(gap, out),
            ChainEvent::Finalized(_) | ChainEvent::Tick(_) => {}
        }
        let first = out.len();
        self.ask(event, out);
        match event {
            ChainEvent::Block(block) => self.say_again(block, first, out),
            ChainEvent::Finalized(block) => self.confirm(block.chain, block.number, out),
            ChainEvent::Reorg(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
        }
    }

    /// Shows `event` to every detector and books what they say.
    fn ask(&mut self, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        let catalogue = Arc::clone(&self.catalogue);
        let evidence = Evidence::of(event, &catalogue);
        for place in 0..self.slots.len() {
            let from = out.len();
            if let Some(slot) = self.slots.get_mut(place) {
                slot.detector.observe(event, &evidence, out);
            }
            for change in out.get(from..).unwrap_or_default() {
                self.book(place, change);
            }
        }
    }

    /// First what fell, then what the detectors say of the reorganization. What one of them retracts is not retracted again, nor
    /// said again with its transaction: it knows better.
    fn step_back(&mut self, reorg: &Reorg, event: &ChainEvent, out: &mut Vec<SignalChange>) {
        let mut said = Vec::new();
        self.ask(event, &mut said);
        let (fell, rest): (Vec<_>, Vec<_>) =
            said.into_iter().partition(|change| matches!(change, SignalChange::Retracted { .. }));
        out.extend(fell);
        self.retract(reorg, out);
        out.extend(rest);
    }

    /// A transaction that moved to another block did what it did: what was said about it is said again, unless its detector
    /// has just said so itself. Below what a detector can unlearn, it may find the second sight ordinary.
    fn say_again(&mut self, block: &AnyBlock, first: usize, out: &mut Vec<SignalChange>) {
        let on = block.reference();
        self.dropped.retain(|(chain, _), all| {
            let near = |one: &Dropped| {
                one.signal.position.as_ref().is_some_and(|p| on.number <= p.block.number + FORK_WALK_BLOCKS_MAX)
            };
            *chain != on.chain || all.iter().any(near)
        });
        if self.dropped.is_empty() {
            return;
        }
        for (transaction, index) in block.hashes() {
            for Dropped { signal, place } in self.dropped.remove(&(on.chain, transaction)).unwrap_or_default() {
                let same = |change: &SignalChange| {
                    matches!(change, SignalChange::Raised { signal: new } if new.detector == signal.detector
                        && new.position.as_ref().and_then(|p| p.transaction) == Some(transaction))
                };
                if out.get(first..).unwrap_or_default().iter().any(same) {
                    continue;
                }
                let mut again = (*signal).clone();
                again.id = SignalId::digest(&[signal.id.bytes(), on.hash.as_slice()]);
                again.position = Some(ChainPosition {
                    block: on,
                    block_time: block.time(),
                    transaction: Some(transaction),
                    index: Some(index),
                });
                let change = SignalChange::Raised { signal: Arc::new(again) };
                self.book(place, &change);
                out.push(change);
            }
        }
    }

    /// As [`Pipeline::observe`], with the instant at which we saw the event put into its signals.
    pub fn observe_at(&mut self, event: &ChainEvent, now: Timestamp, out: &mut Vec<SignalChange>) {
        let from = out.len();
        self.observe(event, out);
        for change in out.iter_mut().skip(from) {
            if let SignalChange::Raised { signal } = change {
                Arc::make_mut(signal).observed = now;
            }
        }
    }

    /// Tells every detector which sources are watched now: after a start, and when the configuration changes.
    pub fn watched(&mut self, sources: &BTreeMap<SourceId, ChainId>, now: Timestamp, out: &mut Vec<SignalChange>) {
        for place in 0..self.slots.len() {
            let from = out.len();
            if let Some(slot) = self.slots.get_mut(place) {
                slot.detector.watched(sources, now, out);
            }
            for change in out.get(from..).unwrap_or_default() {
                self.book(place, change);
            }
        }
    }

    /// What each detector has said so far, in the order of the list.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, Counts)> {
        self.slots.iter().map(|slot| (slot.id, slot.counts))
    }

    /// The parameters of each detector, in the order of the list.
    pub fn params(&self) -> impl Iterator<Item = (&'static str, &Params)> {
        self.slots.iter().map(|slot| (slot.id, &slot.params))
    }

    /// Signals that still wait for their block to become final.
    pub fn standing(&self) -> usize {
        self.standing.values().flat_map(BTreeMap::values).map(BTreeSet::len).sum()
    }

    fn book(&mut self, place: usize, change: &SignalChange) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        match change {
            SignalChange::Raised { signal } => {
                slot.counts.raised += 1;
                slot.counts.info += u64::from(signal.loudness == Loudness::Info);
                if let Some(position) = &signal.position {
                    if position.transaction.is_some() {
                        self.said.insert(signal.id, Arc::clone(signal));
                    }
                    self.stand(position.block, signal.id, place);
                    self.since.push((position.block, signal.id, place));
                }
            }
            SignalChange::Ended { .. } | SignalChange::Silent { .. } => slot.counts.ended += 1,
            SignalChange::Confirmed { .. } => slot.counts.confirmed += 1,
            SignalChange::Retracted { id, .. } => {
                slot.counts.retracted += 1;
                self.withdraw(*id);
            }
        }
    }

    fn stand(&mut self, block: BlockRef, signal: SignalId, place: usize) {
        let chain = self.standing.entry(block.chain).or_default();
        chain.entry((block.number, block)).or_default().insert((signal, place));
    }

    /// Takes a signal out of the books, on whatever block it stands. Rare, so it may look at all of them.
    fn withdraw(&mut self, id: SignalId) {
        self.said.remove(&id);
        for blocks in self.standing.values_mut() {
            blocks.retain(|_, signals| {
                signals.retain(|(standing, _)| *standing != id);
                !signals.is_empty()
            });
        }
    }

    fn retract(&mut self, reorg: &Reorg, out: &mut Vec<SignalChange>) {
        for block in &reorg.dropped {
            self.retract_block(*block, "left the best chain", out);
        }
    }

    /// A fork deeper than anybody walked: from the gap's first height on, what we knew is not on the chain that the node has
    /// now. Below it nobody knows, and what stands there stays until a finality or a depth that covers it.
    fn retract_lost(&mut self, gap: &Gap, out: &mut Vec<SignalChange>) {
        let (GapKind::ForkTooDeep, None, Some(from)) = (gap.kind, gap.closed, gap.from_block) else { return };
        let Some(chain) = self.standing.get(&gap.chain) else { return };
        let lost: Vec<BlockRef> = chain.keys().filter(|(height, _)| *height >= from).map(|(_, block)| *block).collect();
        for block in lost {
            self.retract_block(block, "is on a branch that the node left, with no block in common that we know", out);
        }
    }

    fn retract_block(&mut self, block: BlockRef, why: &str, out: &mut Vec<SignalChange>) {
        let Some(chain) = self.standing.get_mut(&block.chain) else { return };
        for (id, place) in chain.remove(&(block.number, block)).unwrap_or_default() {
            out.push(SignalChange::Retracted { id, reason: format!("block {} ({}) {why}", block.number, block.hash) });
            if let Some(slot) = self.slots.get_mut(place) {
                slot.counts.retracted += 1;
            }
            let Some(signal) = self.said.remove(&id) else { continue };
            let about = signal.position.as_ref().and_then(|position| position.transaction);
            if let Some(transaction) = about {
                self.dropped.entry((block.chain, transaction)).or_default().push(Dropped { signal, place });
            }
        }
    }

    /// After a restart blocks are read again from where the snapshot was. If another block comes at the height of one that had
    /// signals before, the chain left it while nobody looked, and no reorganization will be told.
    fn resolve_doubt(&mut self, seen: BlockRef, out: &mut Vec<SignalChange>) {
        let from = BlockRef { hash: B256::ZERO, ..seen };
        let at_this_height = |block: &BlockRef| (block.chain, block.number) == (seen.chain, seen.number);
        let doubtful: Vec<BlockRef> = self.doubtful.range(from..).copied().take_while(at_this_height).collect();
        for block in doubtful {
            self.doubtful.remove(&block);
            if block != seen {
                self.retract_block(block, "was not there any more when it was read again after a restart", out);
            }
        }
    }

    fn confirm_deep(&mut self, head: BlockRef, out: &mut Vec<SignalChange>) {
        if let Some(deep) = head.number.checked_sub(CONFIRM_DEPTH_BLOCKS) {
            self.confirm(head.chain, deep, out);
        }
    }

    /// Confirms what stands at `height` or below.
    fn confirm(&mut self, chain: ChainId, height: u64, out: &mut Vec<SignalChange>) {
        let Some(blocks) = self.standing.get_mut(&chain) else { return };
        if blocks.first_key_value().is_none_or(|((lowest, _), _)| *lowest > height) {
            return;
        }
        let open = |block: &BlockRef| block.chain != chain || block.number > height;
        self.since.retain(|(block, ..)| open(block));
        self.doubtful.retain(open);
        while let Some(first) = blocks.first_entry().filter(|entry| entry.key().0 <= height) {
            for (id, place) in first.remove() {
                self.said.remove(&id);
                out.push(SignalChange::Confirmed { id });
                if let Some(slot) = self.slots.get_mut(place) {
                    slot.counts.confirmed += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
