//! One step at a time along the chain: from what the node says to events, with every doubt told.

use std::{collections::VecDeque, sync::Arc};

use quarterdeck_core::{
    chain::{B256, Block, BlockRef, ChainEvent, GapKind, Reorg},
    limits::{BACKFILL_BLOCKS_PER_STEP_MAX, FORK_WALK_BLOCKS_MAX},
    time::Timestamp,
};
use quarterdeck_formats::evm::{DecodeError, attach_receipts, attach_traces, decode_block};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rpc::{Rpc, RpcError};
use crate::config::{ChainSource, Traces};

/// Receipts asked for in one request where a node cannot give a block's at once.
const RECEIPTS_PER_REQUEST: usize = 100;
/// How long nodes may differ about a height before that is told: a block spreads within a few seconds, P99 13 s on Bitcoin.
const DISAGREE_AFTER: std::time::Duration = std::time::Duration::from_secs(15);

/// What one step brought.
#[derive(Debug, Default)]
pub struct Step {
    /// Events, in order.
    pub events: Vec<ChainEvent>,
    /// Why the step could not go on.
    pub gap: Option<(GapKind, String)>,
    /// The head stands still for too long.
    pub stale: Option<String>,
    /// What witnesses say: none, not asked; `Some(None)`, they agree; otherwise who says what.
    pub disagreement: Option<Option<String>>,
    /// Blocks that were wanted: first and last.
    pub wanted: Option<(u64, u64)>,
    /// The head that the node says it has.
    pub node_head: Option<u64>,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// Why a step stopped.
#[derive(Debug)]
struct Stop(GapKind, String);

impl From<RpcError> for Stop {
    fn from(error: RpcError) -> Self {
        let kind = match &error {
            RpcError::Unreachable { .. } | RpcError::TooMany { .. } => GapKind::Unreachable,
            RpcError::NoMethod { .. } | RpcError::Refused { .. } | RpcError::Nonsense { .. } => GapKind::BadAnswer,
        };
        Self(kind, error.to_string())
    }
}

/// A header as the follower needs it.
#[derive(Debug, Clone, Deserialize)]
struct Header {
    #[serde(with = "alloy_number")]
    number: u64,
    hash: B256,
    #[serde(rename = "parentHash")]
    parent: B256,
}

mod alloy_number {
    use serde::{Deserialize, Deserializer, de::Error as _};
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or("x");
        u64::from_str_radix(digits, 16).map_err(|error| D::Error::custom(format!("number `{text}`: {error}")))
    }
}

/// A height as the node writes it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Quantity(#[serde(with = "alloy_number")] u64);

/// Where a source stands: the last blocks it verified, newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    recent: Vec<(u64, B256)>,
    finalized: u64,
}

/// What the node offers, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    Untried,
    Yes,
    No,
}

/// Follows one chain through one node.
pub struct Follower {
    source: ChainSource,
    node: Arc<Rpc>,
    witnesses: Vec<Arc<Rpc>>,
    recent: VecDeque<BlockRef>,
    finalized: u64,
    checked_chain: bool,
    block_receipts: Offer,
    debug_trace: Offer,
    parity_trace: Offer,
    moved: Option<Timestamp>,
    differ_since: Option<Timestamp>,
}

impl Follower {
    /// Begins where the cursor says, else at the node's head.
    pub fn new(source: ChainSource, node: Arc<Rpc>, witnesses: Vec<Arc<Rpc>>, cursor: Option<&str>) -> Self {
        let cursor: Cursor = match cursor.map(serde_json::from_str).transpose() {
            Ok(cursor) => cursor.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, source = %source.id, "the cursor cannot be read: beginning at the head");
                Cursor::default()
            }
        };
        let chain = source.chain;
        Self {
            source,
            node,
            witnesses,
            recent: cursor.recent.into_iter().map(|(number, hash)| BlockRef { chain, number, hash }).collect(),
            finalized: cursor.finalized,
            checked_chain: false,
            block_receipts: Offer::Untried,
            debug_trace: Offer::Untried,
            parity_trace: Offer::Untried,
            moved: None,
            differ_since: None,
        }
    }

    /// Where it stands, for the store.
    pub fn cursor(&self) -> String {
        let recent = self.recent.iter().map(|block| (block.number, block.hash)).collect();
        serde_json::to_string(&Cursor { recent, finalized: self.finalized }).unwrap_or_default()
    }

    /// What the node offers.
    pub fn capabilities(&self) -> Vec<String> {
        let offers = [
            ("block receipts", self.block_receipts),
            ("call traces", self.debug_trace),
            ("parity traces", self.parity_trace),
        ];
        offers.into_iter().filter(|(_, offer)| *offer == Offer::Yes).map(|(name, _)| name.to_owned()).collect()
    }

    /// Reads on from where it stands, a bounded number of blocks.
    pub async fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        if let Err(Stop(kind, detail)) = self.read_on(now, &mut step).await {
            step.gap = Some((kind, detail));
            step.more = false;
        }
        let moved = *self.moved.get_or_insert(now);
        let still = now.since(moved);
        if step.gap.is_none() && still > self.source.stale_after {
            let height = self.recent.back().map_or(0, |block| block.number);
            step.stale = Some(format!("{}: head {height} stands still for {} s", self.node.shown(), still.as_secs()));
        }
        step
    }

    async fn read_on(&mut self, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        self.check_chain().await?;
        let head = self.header("latest").await?;
        step.node_head = Some(head.number);
        let Some(last) = self.recent.back().copied() else {
            let block = self.block(head.number).await?;
            return self.accept(block, now, step).await;
        };
        if head.hash == last.hash {
            self.finality(step).await?;
            return self.ask_witnesses(now, step).await;
        }
        if head.number <= last.number && self.known(head.number) == Some(head.hash) {
            // The node is behind what it said before: it lags, or it was rolled back without anything in its place yet.
            return Ok(());
        }
        if head.number <= last.number {
            return self.reorganize(head, now, step).await;
        }
        let to = head.number.min(last.number.saturating_add(BACKFILL_BLOCKS_PER_STEP_MAX));
        step.wanted = Some((last.number + 1, head.number));
        for number in last.number + 1..=to {
            let parent = self.recent.back().map(|block| block.hash);
            let block = self.block(number).await?;
            if Some(block.parent) != parent {
                let header = Header { number: block.number, hash: block.hash, parent: block.parent };
                self.reorganize(header, now, step).await?;
                step.more = true;
                return Ok(());
            }
            self.accept(block, now, step).await?;
        }
        step.more = to < head.number;
        if !step.more {
            self.finality(step).await?;
            self.ask_witnesses(now, step).await?;
        }
        Ok(())
    }

    async fn check_chain(&mut self) -> Result<(), Stop> {
        if self.checked_chain {
            return Ok(());
        }
        let Quantity(chain) = self.small("eth_chainId", json!([])).await?;
        if chain != self.source.chain {
            let detail =
                format!("{} is on chain {chain}, the configuration says {}", self.node.shown(), self.source.chain);
            return Err(Stop(GapKind::BadAnswer, detail));
        }
        self.checked_chain = true;
        Ok(())
    }

    async fn small<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: serde_json::Value,
    ) -> Result<T, Stop> {
        let found = self.node.small(method, params).await?;
        found.ok_or_else(|| Stop(GapKind::BadAnswer, format!("{method} at {}: answered null", self.node.shown())))
    }

    async fn header(&self, tag: &str) -> Result<Header, Stop> {
        self.small("eth_getBlockByNumber", json!([tag, false])).await
    }

    fn known(&self, number: u64) -> Option<B256> {
        self.recent.iter().rev().find(|block| block.number == number).map(|block| block.hash)
    }

    /// Reads a full block by height with its receipts and traces.
    async fn block(&mut self, number: u64) -> Result<Block, Stop> {
        let bytes = self.node.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await?;
        let block = self.decoded(&bytes, number)?;
        if block.number != number {
            let detail = format!("{}: asked for block {number}, got block {}", self.node.shown(), block.number);
            return Err(Stop(GapKind::BadAnswer, detail));
        }
        self.complete(block).await
    }

    /// Reads a full block by hash: the blocks of a branch.
    async fn block_by_hash(&mut self, header: &Header) -> Result<Block, Stop> {
        let bytes = self.node.ask("eth_getBlockByHash", json!([header.hash, true])).await?;
        let block = self.decoded(&bytes, header.number)?;
        if block.hash != header.hash || block.number != header.number {
            let detail = format!("{}: asked for block {}, got {}", self.node.shown(), header.hash, block.hash);
            return Err(Stop(GapKind::BadAnswer, detail));
        }
        self.complete(block).await
    }

    fn decoded(&self, bytes: &[u8], number: u64) -> Result<Block, Stop> {
        decode_block(bytes, Some(self.source.chain)).map_err(|error| match error {
            DecodeError::NullBlock => Stop(
                GapKind::MissingBlock,
                format!("{}: block {number} is null although it is below the head", self.node.shown()),
            ),
            error => Stop(GapKind::BadAnswer, format!("{}: block {number}: {error}", self.node.shown())),
        })
    }

    async fn complete(&mut self, mut block: Block) -> Result<Block, Stop> {
        self.receipts(&mut block).await?;
        self.traces(&mut block).await?;
        Ok(block)
    }

    /// A block's receipts at once, or one by one where the node cannot.
    async fn receipts(&mut self, block: &mut Block) -> Result<(), Stop> {
        if block.transactions.is_empty() {
            block.has_receipts = true;
            return Ok(());
        }
        if self.block_receipts != Offer::No {
            match self.node.ask("eth_getBlockReceipts", json!([block.hash])).await {
                Ok(bytes) => {
                    self.block_receipts = Offer::Yes;
                    return self.attached(attach_receipts(block, &bytes), block.number, "receipts");
                }
                Err(RpcError::NoMethod { .. } | RpcError::Refused { .. }) if self.block_receipts == Offer::Untried => {
                    self.block_receipts = Offer::No;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut all = Vec::new();
        let hashes: Vec<_> = block.transactions.iter().map(|transaction| json!([transaction.hash])).collect();
        for some in hashes.chunks(RECEIPTS_PER_REQUEST) {
            let bytes = self.node.many("eth_getTransactionReceipt", some).await?;
            if !all.is_empty() {
                all.pop();
                all.push(b',');
            }
            all.extend_from_slice(bytes.get(usize::from(!all.is_empty())..).unwrap_or_default());
        }
        self.attached(attach_receipts(block, &all), block.number, "receipts")
    }

    fn attached(&self, result: Result<(), DecodeError>, number: u64, what: &str) -> Result<(), Stop> {
        let kind = if what == "receipts" { GapKind::MissingReceipts } else { GapKind::MissingTraces };
        result.map_err(|error| Stop(kind, format!("{}: {what} of block {number}: {error}", self.node.shown())))
    }

    /// Call traces where the node offers them; geth's form first, then Parity's.
    async fn traces(&mut self, block: &mut Block) -> Result<(), Stop> {
        if self.source.traces == Traces::Off {
            return Ok(());
        }
        if block.transactions.is_empty() {
            block.has_traces = true;
            return Ok(());
        }
        if self.debug_trace != Offer::No {
            let params = json!([block.hash, {"tracer": "callTracer"}]);
            match self.node.ask("debug_traceBlockByHash", params).await {
                Ok(bytes) => {
                    self.debug_trace = Offer::Yes;
                    return self.attached(attach_traces(block, &bytes), block.number, "traces");
                }
                Err(RpcError::NoMethod { .. } | RpcError::Refused { .. }) if self.debug_trace == Offer::Untried => {
                    self.debug_trace = Offer::No;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if self.parity_trace != Offer::No {
            match self.node.ask("trace_block", json!([format!("{:#x}", block.number)])).await {
                Ok(bytes) => {
                    self.parity_trace = Offer::Yes;
                    return self.attached(attach_traces(block, &bytes), block.number, "traces");
                }
                Err(RpcError::NoMethod { .. } | RpcError::Refused { .. }) if self.parity_trace == Offer::Untried => {
                    self.parity_trace = Offer::No;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if self.source.traces == Traces::Required {
            let detail = format!("{} offers no call traces, and the configuration requires them", self.node.shown());
            return Err(Stop(GapKind::MissingTraces, detail));
        }
        Ok(())
    }

    /// Takes a block whose parent is the last one, or the first of all.
    async fn accept(&mut self, block: Block, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        self.moved = Some(now);
        self.remember(block.reference());
        step.events.push(ChainEvent::Block(Arc::new(block)));
        Ok(())
    }

    fn remember(&mut self, block: BlockRef) {
        self.recent.push_back(block);
        while self.recent.len() > usize::try_from(FORK_WALK_BLOCKS_MAX).unwrap_or(usize::MAX) {
            self.recent.pop_front();
        }
    }

    /// Walks back from `tip` by parent hashes to a block we know, and tells the reorganization.
    async fn reorganize(&mut self, tip: Header, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let mut branch = vec![tip];
        let ancestor = loop {
            let Some(lowest) = branch.last() else { return Ok(()) };
            if let Some(known) = self.recent.iter().find(|block| block.hash == lowest.parent) {
                break *known;
            }
            let below = self.recent.front().is_none_or(|oldest| lowest.number <= oldest.number);
            if below || branch.len() as u64 >= FORK_WALK_BLOCKS_MAX {
                return self.start_over(branch.swap_remove(0), step);
            }
            let parent: Header = self.small("eth_getBlockByHash", json!([lowest.parent, false])).await?;
            if parent.hash != lowest.parent || parent.number.checked_add(1) != Some(lowest.number) {
                let detail = format!("{}: the parent of block {} is no parent of it", self.node.shown(), lowest.number);
                return Err(Stop(GapKind::BadAnswer, detail));
            }
            branch.push(parent);
        };
        let mut adopted = Vec::with_capacity(branch.len());
        for header in branch.iter().rev() {
            adopted.push(Arc::new(self.block_by_hash(header).await?));
        }
        let dropped: Vec<BlockRef> =
            self.recent.iter().filter(|block| block.number > ancestor.number).copied().collect();
        self.recent.retain(|block| block.number <= ancestor.number);
        let chain = self.source.chain;
        let reorg = Reorg { chain, ancestor, dropped, adopted: adopted.clone(), observed: now };
        step.events.push(ChainEvent::Reorg(Arc::new(reorg)));
        for block in adopted {
            self.moved = Some(now);
            self.remember(block.reference());
            step.events.push(ChainEvent::Block(block));
        }
        Ok(())
    }

    /// The fork is deeper than we walk: say so, and begin again at the head.
    fn start_over(&mut self, tip: Header, step: &mut Step) -> Result<(), Stop> {
        let last = self.recent.back().map_or(0, |block| block.number);
        step.wanted = Some((last.saturating_add(1).min(tip.number), tip.number));
        self.recent.clear();
        let detail = format!(
            "{}: block {} shares no block with the last {FORK_WALK_BLOCKS_MAX} we verified: beginning again at the head",
            self.node.shown(),
            tip.number
        );
        Err(Stop(GapKind::ForkTooDeep, detail))
    }

    /// What will not change any more: by the node's own word, else by depth.
    async fn finality(&mut self, step: &mut Step) -> Result<(), Stop> {
        let Some(head) = self.recent.back().map(|block| block.number) else { return Ok(()) };
        let said = match self.node.small::<Header>("eth_getBlockByNumber", json!(["finalized", false])).await {
            Ok(header) => header.map_or(0, |header| header.number),
            Err(RpcError::Refused { .. } | RpcError::NoMethod { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        let final_now = if said > 0 { said } else { head.saturating_sub(self.source.confirmations) };
        let found = self.recent.iter().rev().find(|block| block.number <= final_now).copied();
        if let Some(block) = found.filter(|block| block.number > self.finalized) {
            self.finalized = block.number;
            step.events.push(ChainEvent::Finalized(block));
        }
        Ok(())
    }

    /// Asks the other nodes what they have at our height. One that does not answer, or is behind, says nothing.
    async fn ask_witnesses(&mut self, now: Timestamp, step: &mut Step) -> Result<(), Stop> {
        let Some(last) = self.recent.back().copied() else { return Ok(()) };
        let mut others = Vec::new();
        for witness in &self.witnesses {
            let params = json!([format!("{:#x}", last.number), false]);
            if let Ok(Some(header)) = witness.small::<Header>("eth_getBlockByNumber", params).await
                && header.hash != last.hash
            {
                others.push(format!("{} says {}", witness.shown(), header.hash));
            }
        }
        if others.is_empty() {
            self.differ_since = None;
            step.disagreement = Some(None);
            return Ok(());
        }
        let since = *self.differ_since.get_or_insert(now);
        if now.since(since) >= DISAGREE_AFTER {
            let ours = format!("{} says {} at height {}", self.node.shown(), last.hash, last.number);
            step.disagreement = Some(Some(format!("{ours}, {}", others.join(", "))));
        }
        Ok(())
    }
}
