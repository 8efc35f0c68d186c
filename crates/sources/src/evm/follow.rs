//! One step at a time along the chain: from what the node says to events, with every doubt told.
//!
//! Laws: the events handed over, replayed, always give exactly the chain that the node had (`Block` extends the last block,
//! `Reorg` takes off exactly the last ones); a step that fails keeps what it verified before and changes nothing else; where we
//! stand after each event goes with that event, so that a crash between two of them repeats but never skips.

mod track;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all, stream::FuturesOrdered};
use quarterdeck_core::{
    chain::{B256, BlockRef, ChainEvent, ChainId, GapKind, Reorg},
    limits::{BACKFILL_BLOCKS_PER_STEP_MAX, FORK_WALK_BLOCKS_MAX},
    time::Timestamp,
};
use serde_json::json;

pub use self::track::Place;
use self::track::Track;
use super::{
    read::{Fetched, Header, Reader, Stop},
    rpc::Rpc,
};
use crate::ChainSource;

/// Blocks asked for at once while reading on: enough to keep a node on the same machine busy, few enough for any provider.
const BLOCKS_IN_FLIGHT: usize = 8;
/// How long nodes may differ about a height before that is told: a block spreads within a few seconds, P99 13 s on Bitcoin.
const DISAGREE_AFTER: Duration = Duration::from_secs(15);
/// Tries for a block's receipts and traces before it is handed over without them …
const PART_TRIES: u32 = 5;
/// … which also take at least this long: a node writes receipts within seconds, and a rate limit passes.
const PART_PATIENCE: Duration = Duration::from_secs(30);

/// An event, and where we stand after it.
#[derive(Debug)]
pub struct Told {
    /// What the chain did.
    pub event: ChainEvent,
    /// From where to go on once the event is durable.
    pub place: Place,
}

/// What one step brought.
#[derive(Debug, Default)]
pub struct Step {
    /// Events, in order. Also those from before the step failed.
    pub events: Vec<Told>,
    /// Why the step could not go on.
    pub gap: Option<(GapKind, String)>,
    /// The blocks that were wanted are given up: to be told at once, since nothing will bring them.
    pub given_up: bool,
    /// The head stands still for too long.
    pub stale: Option<String>,
    /// Blocks that were wanted: first, and last where known.
    pub wanted: Option<(u64, Option<u64>)>,
    /// The head that the node says it has.
    pub node_head: Option<u64>,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// Blocks handed over without a part, because it could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bare {
    /// The first.
    pub from: u64,
    /// The last so far.
    pub to: u64,
    /// Why the first was.
    pub detail: String,
}

/// A block whose parts are waited for.
struct Waiting {
    block: B256,
    since: Timestamp,
    tries: u32,
}

/// Follows one chain through one node.
pub struct Follower {
    source: ChainSource,
    reader: Arc<Reader>,
    witnesses: Vec<Arc<Rpc>>,
    track: Track,
    /// What is to be told first: that we do not know where we stood.
    lost: Option<String>,
    checked_chain: bool,
    moved: Option<Timestamp>,
    waiting: Option<Waiting>,
    bare: BTreeMap<GapKind, Bare>,
    differ_since: Option<Timestamp>,
    disagreement: Option<String>,
}

impl Follower {
    /// Begins at `place`, else at the node's head. `Err`: there was a place, and it cannot be read; that will be told as a gap.
    pub fn new(
        source: ChainSource,
        node: Arc<Rpc>,
        witnesses: Vec<Arc<Rpc>>,
        place: Result<Option<Place>, String>,
    ) -> Self {
        let track = place.and_then(|place| place.map(|place| Track::at(source.chain, &place)).transpose());
        let (track, lost) = match track {
            Ok(track) => (track, None),
            Err(error) => (None, Some(format!("{error}: beginning at the head; blocks since then were not seen"))),
        };
        Self {
            reader: Arc::new(Reader::new(node, source.chain, source.traces)),
            source,
            witnesses,
            track: track.unwrap_or_default(),
            lost,
            checked_chain: false,
            moved: None,
            waiting: None,
            bare: BTreeMap::new(),
            differ_since: None,
            disagreement: None,
        }
    }

    /// The node's address without credentials.
    pub fn shown(&self) -> &str {
        self.reader.shown()
    }

    /// What the node offers.
    pub fn capabilities(&self) -> Vec<String> {
        self.reader.capabilities()
    }

    /// Which blocks, up to now, were handed over without receipts or traces. Empty again once a block has them again.
    pub const fn bare(&self) -> &BTreeMap<GapKind, Bare> {
        &self.bare
    }

    /// What the witnesses say otherwise, for long enough.
    pub fn disagreement(&self) -> Option<&str> {
        self.disagreement.as_deref()
    }

    /// The last block handed over.
    pub fn last(&self) -> Option<BlockRef> {
        self.track.last()
    }

    /// Reads on from where it stands, a bounded number of blocks.
    pub async fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        if let Some(last) = self.last() {
            step.wanted = Some((last.number.saturating_add(1), None));
        }
        if let Err(Stop(kind, detail)) = self.read_on(now, &mut step).await {
            if kind == GapKind::Unreachable {
                self.checked_chain = false;
                self.reader.forget_offers();
            }
            step.gap = Some((kind, detail));
            step.more = false;
        }
        let still = now.since(*self.moved.get_or_insert(now));
        if step.gap.is_none() && !step.more && still > self.source.stale_after {
            let height = self.last().map_or(0, |block| block.number);
            step.stale = Some(format!("{}: head {height} stands still for {} s", self.reader.shown(), still.as_secs()));
        }
        step
    }

    async fn read_on(&mut self, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        if let Some(lost) = self.lost.take() {
            step.given_up = true;
            return Err(Stop(GapKind::MissingBlock, lost));
        }
        if !self.checked_chain {
            self.reader.check_chain().await?;
            self.checked_chain = true;
        }
        let head = self.reader.head().await?;
        step.node_head = Some(head.number);
        let Some(last) = self.last() else {
            let first = self.reader.by_header(head).await?;
            self.judge(&first, now)?;
            self.accept(first, now, step);
            step.more = true;
            return Ok(());
        };
        let ours = self.track.known(head.number);
        if ours == Some(head.hash) {
            // The same head, or one that we passed: the node lags, or was rolled back and has nothing in its place yet.
            if head.number < last.number {
                return Ok(());
            }
        } else if head.number <= last.number {
            step.more = true;
            return self.reorganize(head, now, step).await;
        } else {
            self.fill(last, head, now, step).await?;
        }
        if !step.more {
            self.finality(step).await?;
            self.ask_witnesses(now).await;
        }
        Ok(())
    }

    /// Reads the blocks above `last` towards `head`: several at once, taken in order.
    async fn fill(&mut self, last: BlockRef, head: Header, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let to = head.number.min(last.number.saturating_add(BACKFILL_BLOCKS_PER_STEP_MAX));
        step.wanted = Some((last.number.saturating_add(1), Some(head.number)));
        let reader = Arc::clone(&self.reader);
        let mut numbers = last.number.saturating_add(1)..=to;
        let mut ahead = FuturesOrdered::new();
        let mut parent = last.hash;
        loop {
            let free = BLOCKS_IN_FLIGHT.saturating_sub(ahead.len());
            numbers.by_ref().take(free).for_each(|number| ahead.push_back(reader.by_number(number)));
            let Some(fetched) = ahead.next().await else { break };
            let fetched = fetched?;
            let block = &fetched.block;
            if block.parent != parent {
                let header = Header { number: block.number, hash: block.hash, parent: block.parent };
                drop(ahead);
                step.more = true;
                return self.reorganize(header, now, step).await;
            }
            parent = block.hash;
            self.judge(&fetched, now)?;
            self.accept(fetched, now, step);
        }
        step.more = to < head.number;
        Ok(())
    }

    /// Whether a block may be handed over. One that lacks receipts or traces is waited for; but not for ever, and not one
    /// after the other: once a block went without, the next ones do too until one has them again.
    fn judge(&mut self, fetched: &Fetched, now: Timestamp) -> Result<(), Stop> {
        let Fetched { block, missing } = fetched;
        let lacking = missing.iter().find(|(kind, _)| !self.bare.contains_key(kind));
        if let Some((kind, detail)) = lacking {
            let waiting = self.waiting.take().filter(|waiting| waiting.block == block.hash);
            let mut waiting = waiting.unwrap_or(Waiting { block: block.hash, since: now, tries: 0 });
            waiting.tries = waiting.tries.saturating_add(1);
            let enough = waiting.tries >= PART_TRIES && now.since(waiting.since) >= PART_PATIENCE;
            if !enough {
                self.waiting = Some(waiting);
                return Err(Stop(*kind, detail.clone()));
            }
        }
        self.waiting = None;
        for (kind, detail) in missing {
            let bare = self.bare.entry(*kind).or_insert_with(|| Bare {
                from: block.number,
                to: block.number,
                detail: detail.clone(),
            });
            bare.to = block.number;
        }
        // A block without transactions says nothing about what the node has.
        if !block.transactions.is_empty() {
            self.bare.retain(|kind, _| missing.iter().any(|(lacks, _)| lacks == kind));
        }
        Ok(())
    }

    /// Takes a block whose parent is the last one, or the first of all.
    fn accept(&mut self, fetched: Fetched, now: Timestamp, step: &mut Step) {
        self.moved = Some(now);
        self.track.push(fetched.block.reference());
        self.tell(ChainEvent::Block(Arc::new(fetched.block).into()), step);
    }

    fn tell(&self, event: ChainEvent, step: &mut Step) {
        step.events.push(Told { event, place: self.track.place() });
    }

    /// Walks back from `tip` by parent hashes to a block we know, reads the branch, and only then changes anything.
    async fn reorganize(&mut self, tip: Header, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let Some((ancestor, branch)) = self.walk(tip).await? else {
            // Before what we know is given up: is this still our chain?
            self.reader.check_chain().await?;
            return Err(self.start_over(tip, step));
        };
        let reader = Arc::clone(&self.reader);
        let mut headers = branch.into_iter().rev();
        let (mut ahead, mut adopted) = (FuturesOrdered::new(), Vec::new());
        loop {
            let free = BLOCKS_IN_FLIGHT.saturating_sub(ahead.len());
            headers.by_ref().take(free).for_each(|header| ahead.push_back(reader.by_header(header)));
            let Some(fetched) = ahead.next().await else { break };
            let fetched = fetched?;
            self.judge(&fetched, now)?;
            adopted.push(fetched);
        }
        let dropped = self.track.cut(ancestor);
        let blocks = adopted.iter().map(|fetched| Arc::new(fetched.block.clone()).into()).collect();
        let reorg = Reorg { chain: ChainId::evm(self.source.chain), ancestor, dropped, adopted: blocks, observed: now };
        self.tell(ChainEvent::Reorg(Arc::new(reorg)), step);
        for fetched in adopted {
            self.accept(fetched, now, step);
        }
        Ok(())
    }

    /// The block that both branches share, and the headers above it, highest first; none: not within what we know.
    async fn walk(&self, tip: Header) -> Result<Option<(BlockRef, Vec<Header>)>, Stop> {
        let mut branch = vec![tip];
        let mut lowest = tip;
        loop {
            if let Some(known) = self.track.find(lowest.parent) {
                if known.number.checked_add(1) == Some(lowest.number) {
                    return Ok(Some((known, branch)));
                }
                return Err(self.no_parent(lowest));
            }
            let below = self.track.first().is_none_or(|first| lowest.number <= first.number);
            if below || branch.len() as u64 >= FORK_WALK_BLOCKS_MAX {
                return Ok(None);
            }
            let parent = self.reader.header(lowest.parent).await?;
            if parent.hash != lowest.parent || parent.number.checked_add(1) != Some(lowest.number) {
                return Err(self.no_parent(lowest));
            }
            branch.push(parent);
            lowest = parent;
        }
    }

    fn no_parent(&self, header: Header) -> Stop {
        let detail = format!("{}: what it gives as parent of block {} is none", self.reader.shown(), header.number);
        Stop(GapKind::BadAnswer, detail)
    }

    /// The fork is deeper than we walk: say so, and begin again at the head.
    fn start_over(&mut self, tip: Header, step: &mut Step) -> Stop {
        let first = self.track.first().map_or(tip.number, |block| block.number);
        let last = self.last().map_or(tip.number, |block| block.number);
        // Of the blocks from the first that we verified on, the node has others, and none of those was shown to the detectors.
        step.wanted = Some((first.min(tip.number), Some(tip.number)));
        step.given_up = true;
        self.track = Track::default();
        let detail = format!(
            "{}: block {} shares no block with those we verified last, {first} to {last}: what was claimed on them is taken back, \
             what is in their place was not seen; beginning again at the head",
            self.reader.shown(),
            tip.number
        );
        Stop(GapKind::ForkTooDeep, detail)
    }

    /// What will not change any more: by the node's own word, else by depth.
    async fn finality(&mut self, step: &mut Step) -> Result<(), Stop> {
        let Some(last) = self.last() else { return Ok(()) };
        let said = self.reader.finalized().await?.filter(|header| header.number > 0);
        let height = said.map_or(last.number.saturating_sub(self.source.confirmations), |header| header.number);
        if said.is_some_and(|said| self.track.known(said.number).is_some_and(|ours| ours != said.hash)) {
            // Another branch is final than the one we are on: we will be told of a reorganization, not of finality.
            return Ok(());
        }
        if let Some(block) = self.track.finalize(height) {
            self.tell(ChainEvent::Finalized(block), step);
        }
        Ok(())
    }

    /// Asks the other nodes what they have at our height. One that does not answer, or is behind, says nothing; one that failed
    /// is left alone for a while, so that a dead witness does not hold us up.
    async fn ask_witnesses(&mut self, now: Timestamp) {
        let Some(last) = self.last() else { return };
        let ask = async |witness: &Rpc| {
            let params = json!([format!("{:#x}", last.number), false]);
            let header = witness.small::<Header>("eth_getBlockByNumber", params).await.ok()??;
            (header.hash != last.hash).then(|| format!("{} says {}", witness.shown(), header.hash))
        };
        let ready = self.witnesses.iter().filter(|witness| !witness.is_resting());
        let others: Vec<String> = join_all(ready.map(|witness| ask(witness))).await.into_iter().flatten().collect();
        if others.is_empty() {
            (self.differ_since, self.disagreement) = (None, None);
            return;
        }
        if now.since(*self.differ_since.get_or_insert(now)) >= DISAGREE_AFTER {
            let ours = format!("{} says {} at height {}", self.reader.shown(), last.hash, last.number);
            self.disagreement = Some(format!("{ours}, {}", others.join(", ")));
        }
    }
}
