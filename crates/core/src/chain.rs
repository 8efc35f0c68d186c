//! What a chain tells us, in one form for every family of chains and every source: blocks, reorganizations, finality, gaps and the
//! passing of time.
//!
//! Sources (in the server) fill these; detectors read them. See docs/adr/0041-chain-neutral-words.md.

mod id;
mod unread;
mod account;
pub mod output;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use alloy_primitives::{Address, B256, Bytes, U256};

pub use self::{
    account::{Block, Call, CallKind, Held, Log, Transaction},
    id::{BadChain, BlockRef, ChainId, ChainNumber, Family},
    unread::{Part, Unread, UnreadParts},
};
use crate::{id::SourceId, time::Timestamp};

/// A block of either kind of chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyBlock {
    /// Of an account chain.
    Account(Arc<Block>),
    /// Of an output chain.
    Output(Arc<output::Block>),
}

impl AnyBlock {
    /// This block by chain, height and hash.
    pub fn reference(&self) -> BlockRef {
        match self {
            Self::Account(block) => block.reference(),
            Self::Output(block) => block.reference(),
        }
    }
    /// Hash of the block before.
    pub fn parent(&self) -> B256 {
        match self {
            Self::Account(block) => block.parent,
            Self::Output(block) => block.parent,
        }
    }
    /// Whether it has no transaction.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Account(block) => block.transactions.is_empty(),
            Self::Output(block) => block.transactions.is_empty(),
        }
    }
    /// What the header says, to the second.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Account(block) => block.time,
            Self::Output(block) => block.time,
        }
    }
    /// The hash of each transaction with its place, in block order.
    pub fn hashes(&self) -> Vec<(B256, u32)> {
        match self {
            Self::Account(block) => block.transactions.iter().map(|found| (found.hash, found.index)).collect(),
            Self::Output(block) => block.transactions.iter().map(|found| (found.hash, found.index)).collect(),
        }
    }
    /// The block, if it is one of an account chain.
    pub const fn account(&self) -> Option<&Arc<Block>> {
        match self {
            Self::Account(block) => Some(block),
            Self::Output(_) => None,
        }
    }
}

impl From<Arc<Block>> for AnyBlock {
    fn from(block: Arc<Block>) -> Self {
        Self::Account(block)
    }
}

impl From<Arc<output::Block>> for AnyBlock {
    fn from(block: Arc<output::Block>) -> Self {
        Self::Output(block)
    }
}

/// A reorganization: the chain left some blocks for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reorg {
    /// The chain.
    pub chain: ChainId,
    /// The last block that both branches share.
    pub ancestor: BlockRef,
    /// Blocks left, lowest first. Their number is the depth.
    pub dropped: Vec<BlockRef>,
    /// Blocks joined, lowest first. They follow as ordinary block events.
    pub adopted: Vec<AnyBlock>,
    /// When we saw it.
    pub observed: Timestamp,
}

/// Why we could not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The endpoint did not answer, or the connection broke.
    Unreachable,
    /// The node answered what cannot be: nonsense, another chain, a header that does not match.
    BadAnswer,
    /// The node says that it has no such block although it is below its head.
    MissingBlock,
    /// Block read, receipts not.
    MissingReceipts,
    /// Block read, traces asked for and not given.
    MissingTraces,
    /// The fork is deeper than we walk.
    ForkTooDeep,
    /// The head has not moved for longer than this chain allows.
    StaleHead,
    /// Our own queue was full for too long.
    Overload,
    /// Nodes of the same chain say different things about the same height, for longer than a block takes to spread.
    Disagreement,
    /// The node shows another chain than the one that we know: another first block, or a block that was final is gone.
    OtherChain,
}

/// A stretch in which we could not look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which source.
    pub source: SourceId,
    /// The chain.
    pub chain: ChainId,
    /// Why we could not look.
    pub kind: GapKind,
    /// First height not seen, where known.
    pub from_block: Option<u64>,
    /// Last height not seen, where known. Of receipts and traces: the last block that was handed over without them; none while a block
    /// is still waited for.
    pub to_block: Option<u64>,
    /// When it began.
    pub since: Timestamp,
    /// When it was closed by back-fill; none while it lasts.
    pub closed: Option<Timestamp>,
    /// What happened, for a person: names the endpoint (without credentials) and the value.
    pub detail: String,
}

impl Gap {
    /// The gap without the words about it.
    #[must_use]
    pub fn redacted(&self) -> Self {
        Self { detail: String::new(), ..self.clone() }
    }
}

/// What a detector observes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// A new block on the best chain; provisional until finalized.
    Block(AnyBlock),
    /// The chain left some blocks. The adopted ones follow as `Block`.
    Reorg(Arc<Reorg>),
    /// Everything up to here will not change.
    Finalized(BlockRef),
    /// We could not look, or can again.
    Gap(Arc<Gap>),
    /// Time passed. Lets a detector notice silence.
    Tick(Timestamp),
}
