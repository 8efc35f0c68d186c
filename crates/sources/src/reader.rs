//! What reads one node of a chain, whatever it speaks. Following, keeping track and telling (`follow`, `tell`, `run`) know no more
//! of a chain than this; a new kind of node is one more of these.
//!
//! The contract: every question ends, at the latest when the reader loses patience. An answer is about the block that was asked
//! for, in all its parts, or it is a [`Stop`]. Words of a node pass through [`Stop`], which makes them fit to be shown. Held to it
//! by `compliance.rs`.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
};

use async_trait::async_trait;
use quarterdeck_core::chain::{AnyBlock, B256, GapKind};
use tokio::sync::{Notify, watch};

use crate::words::clean;

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// As what it is told.
    pub kind: GapKind,
    /// For a person: the node, what was asked, what came.
    pub detail: String,
    /// The node says, in plain words, that it does not have what was asked for.
    pub absent: bool,
}

impl Stop {
    /// Something is wrong with the answer, or there is none.
    pub fn new(kind: GapKind, detail: &str) -> Self {
        Self { kind, detail: clean(detail), absent: false }
    }
    /// The node does not have it.
    pub fn absent(kind: GapKind, detail: &str) -> Self {
        Self { absent: true, ..Self::new(kind, detail) }
    }
}

/// A block without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its height.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block before.
    pub parent: B256,
}

/// A block, and which of its parts could not be had.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The block, with what there is.
    pub block: AnyBlock,
    /// What there is not, and why.
    pub missing: Vec<(GapKind, String)>,
}

/// Reads one chain from one node.
#[async_trait]
pub trait ChainReader: Send + Sync {
    /// Its address without credentials.
    fn shown(&self) -> &str;
    /// What the node offers beyond blocks.
    fn capabilities(&self) -> Vec<String> {
        Vec::new()
    }
    /// It failed a moment ago and is left alone for a while.
    fn is_resting(&self) -> bool {
        false
    }
    /// The connection was lost: behind the same address there may be another node, or another version of it.
    fn forget(&self) {}
    /// That the node is on the chain of the configuration; and the hash of that chain's first block, where the node still has it.
    async fn identity(&self) -> Result<Option<B256>, Stop>;
    /// The newest block.
    async fn head(&self) -> Result<Header, Stop>;
    /// The header of this hash.
    async fn header(&self, hash: B256) -> Result<Header, Stop>;
    /// The header at this height, on the node's best chain.
    async fn header_at(&self, number: u64) -> Result<Header, Stop>;
    /// The last block that the node calls final, where it knows the word.
    async fn finalized(&self) -> Result<Option<Header>, Stop>;
    /// The block at this height, on the node's best chain.
    async fn block_at(&self, number: u64) -> Result<Fetched, Stop>;
    /// The block of this header.
    async fn block(&self, header: Header) -> Result<Fetched, Stop>;
}

/// New heads, heard rather than asked for. They only wake the follower: a lost or doubled one costs nothing but time.
#[derive(Debug, Default)]
pub struct Heads {
    /// Woken at each new head, and when a connection is lost.
    pub heard: Notify,
    /// Whether the node has confirmed the subscription that is open now. If not, the follower polls.
    pub listening: AtomicBool,
}

/// Listens for heads until it is told to stop.
pub type Listener =
    Box<dyn FnOnce(Arc<Heads>, watch::Receiver<bool>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The ways to one chain.
pub struct Doors {
    /// The node that is read.
    pub node: Arc<dyn ChainReader>,
    /// Others of the same chain, which are asked whether they agree.
    pub witnesses: Vec<Arc<dyn ChainReader>>,
    /// How new heads are heard, where they can be.
    pub listener: Option<Listener>,
}
