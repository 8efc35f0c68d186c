//! One step at a time along the chain: from what the node says to events, with every doubt told.
//!
//! Laws: the events handed over, replayed, always give exactly the chain that the node had (`Block` extends the last block,
//! `Reorg` takes off exactly the last ones); a step that fails keeps what it verified before and changes nothing else; where we
//! stand after each event goes with that event, so that a crash between two of them repeats but never skips; what was told as
//! final is not given up on the word of one node (docs/adr/0053-another-chain-is-no-reorganization.md).

mod track;
mod fork;

#[cfg(test)]
pub(crate) mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all, stream::FuturesOrdered};
use quarterdeck_core::{
    chain::{B256, BlockRef, ChainEvent, ChainId, GapKind, Reorg},
    limits::{BACKFILL_BLOCKS_PER_STEP_MAX, FORK_WALK_BLOCKS_MAX},
    time::Timestamp,
};

pub use self::track::Place;
use self::{
    fork::{Branch, agreed, walk},
    track::Track,
};
use crate::{
    reader::{ChainReader, Fetched, Header, Stop},
    source::Pace,
};

/// Blocks asked for at once while reading on: enough to keep a node on the same machine busy, few enough for any provider.
const BLOCKS_IN_FLIGHT: usize = 8;
/// Heights in a row that may be without a block: rounds in which nobody was chosen are one in a hundred where there are any.
const EMPTY_HEIGHTS_MAX: usize = 16;
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
    chain: ChainId,
    pace: Pace,
    reader: Arc<dyn ChainReader>,
    witnesses: Vec<Arc<dyn ChainReader>>,
    track: Track,
    /// What is to be told first: that we do not know where we stood.
    lost: Option<String>,
    /// The node has said which chain it is on.
    identified: bool,
    /// The first block of that chain, believed once a block of it links to ours.
    genesis: Option<B256>,
    /// The block to begin with, and since when: a newer head does not replace it.
    first: Option<(Header, Timestamp)>,
    /// The node shows another chain than ours: why it is not believed.
    unfit: Option<String>,
    /// A person said that the chain of the node is ours from here on.
    anew: bool,
    moved: Option<Timestamp>,
    waiting: Option<Waiting>,
    bare: BTreeMap<GapKind, Bare>,
    differ_since: Option<Timestamp>,
    disagreement: Option<String>,
}

impl Follower {
    /// Begins at the place `from`, else at the node's head. `Err`: there was a place, and it cannot be read; that will be told as a gap.
    pub fn new(
        chain: ChainId,
        pace: Pace,
        node: Arc<dyn ChainReader>,
        witnesses: Vec<Arc<dyn ChainReader>>,
        from: Result<Option<Place>, String>,
    ) -> Self {
        let track = from.and_then(|place| place.map(|place| Track::at(chain, &place)).transpose());
        let (track, lost) = match track {
            Ok(track) => (track, None),
            Err(error) => (None, Some(format!("{error}: beginning at the head; blocks since then were not seen"))),
        };
        Self {
            chain,
            pace,
            reader: node,
            witnesses,
            track: track.unwrap_or_else(|| Track::new(chain)),
            lost,
            identified: false,
            genesis: None,
            first: None,
            unfit: None,
            anew: false,
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

    /// Why the node is not believed: it shows another chain than the one that we know. None: it shows ours.
    pub fn unfit(&self) -> Option<&str> {
        self.unfit.as_deref()
    }

    /// The last block handed over.
    pub fn last(&self) -> Option<BlockRef> {
        self.track.last()
    }

    /// A person says that the chain of the node is ours from here on: what was claimed on the blocks that it lacks is taken back,
    /// and we begin again at its head. Does nothing to a source whose node shows our chain.
    pub const fn begin_anew(&mut self) {
        self.anew = true;
    }

    /// Reads on from where it stands, a bounded number of blocks.
    pub async fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        if let Some(last) = self.last() {
            step.wanted = Some((last.number.saturating_add(1), None));
        }
        match self.read_on(now, &mut step).await {
            Ok(()) => self.unfit = None,
            Err(Stop { kind, detail, .. }) => {
                if kind == GapKind::Unreachable {
                    self.reader.forget();
                }
                self.identified &= !matches!(kind, GapKind::Unreachable | GapKind::OtherChain);
                if kind == GapKind::OtherChain {
                    self.unfit = Some(detail.clone());
                } else if step.given_up {
                    self.unfit = None;
                }
                step.gap = Some((kind, detail));
                step.more = false;
            }
        }
        let still = now.since(*self.moved.get_or_insert(now));
        if step.gap.is_none() && !step.more && still > self.pace.stale_after {
            let height = self.last().map_or(0, |block| block.number);
            step.stale = Some(format!("{}: head {height} stands still for {} s", self.reader.shown(), still.as_secs()));
        }
        step
    }

    async fn read_on(&mut self, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        if let Some(lost) = self.lost.take() {
            step.given_up = true;
            return Err(Stop::new(GapKind::MissingBlock, &lost));
        }
        // What a person said is not forgotten because the node does not answer just now.
        self.anew &= self.unfit.is_some();
        if self.anew {
            let head = self.reader.head().await?;
            self.anew = false;
            return Err(self.start_over(head, "a person said so", step));
        }
        if !self.identified {
            self.identify().await?;
        }
        let head = self.reader.head().await?;
        step.node_head = Some(head.number);
        if let Some(why) = self.unfit.clone() {
            self.is_ours_again(head, &why).await?;
        }
        let Some(last) = self.last() else { return self.begin(head, now, step).await };
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

    /// Which chain this is. Another first block is another chain, whatever number it goes by.
    async fn identify(&mut self) -> Result<(), Stop> {
        let genesis = self.reader.identity().await?;
        if let (Some(known), Some(shown)) = (self.track.genesis, genesis)
            && known != shown
        {
            let detail = format!(
                "{} is on another chain of the same name: its first block is {shown}, that of the chain we know is {known}; \
                 what was claimed stands, nothing of this node is believed",
                self.reader.shown()
            );
            return Err(Stop::new(GapKind::OtherChain, &detail));
        }
        self.genesis = genesis;
        self.identified = true;
        Ok(())
    }

    /// The first block of all. It is the same at each try as long as the node has it: were it always the newest, a chain with
    /// short blocks would never begin.
    async fn begin(&mut self, head: Header, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let patient = |(_, since): &(Header, Timestamp)| now.since(*since) < PART_PATIENCE * 2;
        let (header, since) = self.first.take().filter(patient).unwrap_or((head, now));
        step.wanted = Some((header.number, Some(head.number)));
        let first = match self.reader.block(header).await {
            Err(gone) if gone.absent => return Err(gone),
            found => {
                self.first = Some((header, since));
                found?
            }
        };
        self.judge(&first, now)?;
        self.accept(first, now, step);
        self.first = None;
        step.more = true;
        Ok(())
    }

    /// Reads the blocks above `last` towards `head`: several at once, taken in order. A height that the node says is empty is
    /// believed once the next block names `last` as its parent.
    async fn fill(&mut self, last: BlockRef, head: Header, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let to = head.number.min(last.number.saturating_add(BACKFILL_BLOCKS_PER_STEP_MAX));
        step.wanted = Some((last.number.saturating_add(1), Some(head.number)));
        let reader = Arc::clone(&self.reader);
        let mut numbers = last.number.saturating_add(1)..=to;
        let mut ahead = FuturesOrdered::new();
        let mut parent = last.hash;
        let mut empty: Vec<Stop> = Vec::new();
        loop {
            let free = BLOCKS_IN_FLIGHT.saturating_sub(ahead.len());
            numbers.by_ref().take(free).for_each(|number| ahead.push_back(reader.block_at(number)));
            let fetched = match ahead.next().await {
                None => break,
                Some(Err(why)) if why.absent && empty.len() < EMPTY_HEIGHTS_MAX => {
                    empty.push(why);
                    continue;
                }
                Some(fetched) => fetched?,
            };
            if fetched.block.parent() != parent {
                drop(ahead);
                return self.does_not_link(header_of(&fetched), empty, now, step).await;
            }
            empty.clear();
            parent = fetched.block.reference().hash;
            self.judge(&fetched, now)?;
            self.accept(fetched, now, step);
        }
        // The head itself is there: heights below it that are empty to the end were only not given.
        if let Some(stop) = empty.into_iter().next().filter(|_| parent == last.hash || to == head.number) {
            return Err(stop);
        }
        step.more = to < head.number;
        Ok(())
    }

    /// A block that does not name our last one as its parent: another branch; or heights between that the node did not give.
    async fn does_not_link(
        &mut self,
        tip: Header,
        empty: Vec<Stop>,
        now: Timestamp,
        step: &mut Step,
    ) -> Result<(), Stop> {
        if let Some(stop) = empty.into_iter().next() {
            let branch = walk(&*self.reader, &self.track, tip).await?;
            if branch.ancestor.is_some() && branch.ancestor == self.last() {
                return Err(stop);
            }
        }
        step.more = true;
        self.reorganize(tip, now, step).await
    }

    /// Whether a block may be handed over. One that lacks receipts or traces is waited for; but not for ever, and not one
    /// after the other: once a block went without, the next ones do too until one has them again.
    fn judge(&mut self, fetched: &Fetched, now: Timestamp) -> Result<(), Stop> {
        let Fetched { block, missing } = fetched;
        let on = block.reference();
        let lacking = missing.iter().find(|(kind, _)| !self.bare.contains_key(kind));
        if let Some((kind, detail)) = lacking {
            let waiting = self.waiting.take().filter(|waiting| waiting.block == on.hash);
            let mut waiting = waiting.unwrap_or(Waiting { block: on.hash, since: now, tries: 0 });
            waiting.tries = waiting.tries.saturating_add(1);
            let enough = waiting.tries >= PART_TRIES && now.since(waiting.since) >= PART_PATIENCE;
            if !enough {
                self.waiting = Some(waiting);
                return Err(Stop::new(*kind, detail));
            }
        }
        self.waiting = None;
        for (kind, detail) in missing {
            let bare = self.bare.entry(*kind).or_insert_with(|| Bare {
                from: on.number,
                to: on.number,
                detail: detail.clone(),
            });
            bare.to = on.number;
        }
        // A block without transactions says nothing about what the node has.
        if !block.is_empty() {
            self.bare.retain(|kind, _| missing.iter().any(|(lacks, _)| lacks == kind));
        }
        Ok(())
    }

    /// Takes a block whose parent is the last one, or the first of all.
    fn accept(&mut self, fetched: Fetched, now: Timestamp, step: &mut Step) {
        self.moved = Some(now);
        self.track.push(fetched.block.reference());
        self.track.genesis = self.genesis.or(self.track.genesis);
        self.tell(ChainEvent::Block(fetched.block), step);
    }

    fn tell(&self, event: ChainEvent, step: &mut Step) {
        step.events.push(Told { event, place: self.track.place() });
    }

    /// Finds where a branch leaves ours, reads it, and only then changes anything.
    async fn reorganize(&mut self, tip: Header, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let branch = walk(&*self.reader, &self.track, tip).await?;
        if self.gives_up_what_is_final(&branch) {
            // Before that: is this still our chain?
            self.identify().await?;
            if !agreed(&self.witnesses, tip).await {
                return Err(self.not_ours(tip, branch.ancestor));
            }
        }
        let Branch { ancestor: Some(ancestor), headers } = branch else {
            self.identify().await?;
            return Err(self.start_over(tip, "the fork is younger than what we know, or another node agrees", step));
        };
        let reader = Arc::clone(&self.reader);
        let mut headers = headers.into_iter().rev();
        let (mut ahead, mut adopted) = (FuturesOrdered::new(), Vec::new());
        loop {
            let free = BLOCKS_IN_FLIGHT.saturating_sub(ahead.len());
            headers.by_ref().take(free).for_each(|header| ahead.push_back(reader.block(header)));
            let Some(fetched) = ahead.next().await else { break };
            let fetched = fetched?;
            self.judge(&fetched, now)?;
            adopted.push(fetched);
        }
        let dropped = self.track.cut(ancestor);
        let blocks = adopted.iter().map(|fetched| fetched.block.clone()).collect();
        let reorg = Reorg { chain: self.chain, ancestor, dropped, adopted: blocks, observed: now };
        self.tell(ChainEvent::Reorg(Arc::new(reorg)), step);
        for fetched in adopted {
            self.accept(fetched, now, step);
        }
        Ok(())
    }

    /// Whether a branch drops what was told as final. Where it shares nothing that we know, it does unless all that we know is
    /// younger than what becomes final: then it left the chain just below where we began.
    fn gives_up_what_is_final(&self, branch: &Branch) -> bool {
        let Some(ancestor) = branch.ancestor else {
            let (first, last) = (self.track.first(), self.last());
            let (first, last) = (first.map_or(0, |block| block.number), last.map_or(0, |block| block.number));
            let starts_below = branch.headers.first().is_none_or(|tip| tip.number < first);
            let walked_all = branch.headers.len() as u64 >= FORK_WALK_BLOCKS_MAX;
            let deep = last.saturating_sub(first).saturating_add(1) > self.pace.confirmations;
            return starts_below || walked_all || deep || self.track.finalized() > 0;
        };
        ancestor.number < self.track.finalized()
    }

    /// The node shows a chain on which something final is gone, and nobody agrees with it.
    fn not_ours(&self, tip: Header, ancestor: Option<BlockRef>) -> Stop {
        let (first, last) = (self.track.first(), self.last());
        let heights = |block: Option<BlockRef>| block.map_or(0, |block| block.number);
        let shares = ancestor.map_or_else(
            || format!("shares no block with those we verified last, {} to {}", heights(first), heights(last)),
            |ancestor| format!("shares block {} with ours, and {} was final", ancestor.number, self.track.finalized()),
        );
        let witnesses = if self.witnesses.is_empty() { "there is no witness to ask" } else { "no witness agrees" };
        let detail = format!(
            "{}: its block {} ({}) {shares}: that is another chain, and no reorganization; {witnesses}; \
             what was claimed stands, nothing of this node is believed",
            self.reader.shown(),
            tip.number,
            tip.hash
        );
        Stop::new(GapKind::OtherChain, &detail)
    }

    /// Whether the node has come back to our chain, or others have come to agree with it. `Ok`: go on as ever.
    async fn is_ours_again(&mut self, head: Header, why: &str) -> Result<(), Stop> {
        let height = self.track.finalized();
        let settled = self.track.known(height).map(|hash| (height, hash));
        let Some((height, ours)) = settled.or(self.track.first().map(|block| (block.number, block.hash))) else {
            return Ok(());
        };
        let back = match self.reader.header_at(height).await {
            Ok(header) => header.hash == ours,
            Err(stop) if stop.absent => false,
            Err(stop) => return Err(stop),
        };
        if back || agreed(&self.witnesses, head).await {
            return Ok(());
        }
        Err(Stop::new(GapKind::OtherChain, why))
    }

    /// Gives up what we know: say so, and begin again at the head.
    fn start_over(&mut self, tip: Header, why: &str, step: &mut Step) -> Stop {
        let first = self.track.first().map_or(tip.number, |block| block.number);
        let last = self.last().map_or(tip.number, |block| block.number);
        // Of the blocks from the first that we verified on, the node has others, and none of those was shown to the detectors.
        step.wanted = Some((first.min(tip.number), Some(tip.number)));
        step.given_up = true;
        self.track = Track::new(self.chain);
        (self.identified, self.first, self.waiting) = (false, None, None);
        let detail = format!(
            "{}: block {} shares no block with those we verified last, {first} to {last} ({why}): what was claimed on them is \
             taken back, what is in their place was not seen; beginning again at the head",
            self.reader.shown(),
            tip.number
        );
        Stop::new(GapKind::ForkTooDeep, &detail)
    }

    /// What will not change any more: by the node's own word, else by depth.
    async fn finality(&mut self, step: &mut Step) -> Result<(), Stop> {
        let Some(last) = self.last() else { return Ok(()) };
        let said = self.reader.finalized().await?.filter(|header| header.number > 0);
        let height = said.map_or(last.number.saturating_sub(self.pace.confirmations), |header| header.number);
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
        let ask = async |witness: &dyn ChainReader| {
            let header = witness.header_at(last.number).await.ok()?;
            (header.hash != last.hash).then(|| format!("{} says {}", witness.shown(), header.hash))
        };
        let ready = self.witnesses.iter().filter(|witness| !witness.is_resting());
        let others: Vec<String> = join_all(ready.map(|witness| ask(&**witness))).await.into_iter().flatten().collect();
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

fn header_of(fetched: &Fetched) -> Header {
    let on = fetched.block.reference();
    Header { number: on.number, hash: on.hash, parent: fetched.block.parent() }
}
