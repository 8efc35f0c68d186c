//! A node in memory for tests: it has a chain, and trouble where a test wants it. It speaks no protocol, so that what is common to
//! all sources is tried without one; heights without a block, which EVM development nodes do not have, are tried here.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_core::{
    chain::{B256, Block, ChainId, GapKind, Transaction},
    time::Timestamp,
};

use crate::reader::{ChainReader, Fetched, Header, Stop};

/// What is wrong with its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody answers.
    Dead,
    /// Questions are taken and never answered.
    Hung,
    /// Blocks are refused.
    Refuses,
    /// Blocks are not there.
    Absent,
    /// Blocks come without receipts.
    Short,
    /// Another block is given than the one that was asked for.
    Other,
}

/// How long it waits for itself before it gives up, as every reader must.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct World {
    made: u64,
    canonical: Vec<Header>,
    finalized: Option<u64>,
    trouble: Option<Trouble>,
}

/// The node, and its reader.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Mutex<World>>);

impl Scripted {
    /// With so many blocks.
    pub(crate) fn start(blocks: usize) -> Self {
        let node = Self(Arc::default());
        node.mine(blocks);
        node
    }
    pub(crate) fn mine(&self, count: usize) {
        (0..count).for_each(|_| self.mine_after(0));
    }
    /// One block, after so many heights without one.
    pub(crate) fn mine_after(&self, empty: u64) {
        let mut world = self.lock();
        world.made += 1;
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&world.made.to_be_bytes());
        hash[31] = 1;
        let last = world.canonical.last().copied();
        let number = last.map_or(0, |last| last.number + 1 + empty);
        let parent = last.map_or(B256::ZERO, |last| last.hash);
        world.canonical.push(Header { number, hash: B256::from(hash), parent });
    }
    pub(crate) fn roll_back(&self, count: usize) {
        let mut world = self.lock();
        let keep = world.canonical.len() - count;
        world.canonical.truncate(keep);
    }
    /// Its disk is emptied, and it begins again with so many blocks.
    pub(crate) fn restart(&self, blocks: usize) {
        self.lock().canonical.clear();
        self.mine(blocks);
    }
    pub(crate) fn finalize(&self, height: u64) {
        self.lock().finalized = Some(height);
    }
    pub(crate) fn trouble(&self, trouble: Option<Trouble>) {
        self.lock().trouble = trouble;
    }
    pub(crate) fn canonical(&self) -> Vec<Header> {
        self.lock().canonical.clone()
    }
    /// Puts its chain back to what it was.
    pub(crate) fn put_back(&self, canonical: Vec<Header>) {
        self.lock().canonical = canonical;
    }
    pub(crate) fn reader(&self) -> Arc<dyn ChainReader> {
        Arc::new(self.clone())
    }
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
    /// Whether anybody answers.
    async fn answers(&self) -> Result<(), Stop> {
        let trouble = self.lock().trouble;
        match trouble {
            Some(Trouble::Dead) => Err(Stop::new(GapKind::Unreachable, "nobody answers")),
            Some(Trouble::Hung) => {
                tokio::time::sleep(PATIENCE).await;
                Err(Stop::new(GapKind::Unreachable, "no answer in time"))
            }
            _ => Ok(()),
        }
    }
    async fn find(&self, is: impl Fn(&Header) -> bool + Send) -> Result<Header, Stop> {
        self.answers().await?;
        let found = self.lock().canonical.iter().copied().find(is);
        found.ok_or_else(|| Stop::absent(GapKind::MissingBlock, "there is no such block"))
    }
    fn fetched(&self, header: Header) -> Result<Fetched, Stop> {
        let trouble = self.lock().trouble;
        match trouble {
            Some(Trouble::Refuses) => return Err(Stop::absent(GapKind::BadAnswer, "no")),
            Some(Trouble::Absent) => return Err(Stop::absent(GapKind::MissingBlock, "there is no such block")),
            Some(Trouble::Other) => return Err(Stop::new(GapKind::BadAnswer, "got another block")),
            Some(Trouble::Short | Trouble::Dead | Trouble::Hung) | None => {}
        }
        let whole = trouble != Some(Trouble::Short);
        let block = Block {
            chain: ChainId::evm(1),
            number: header.number,
            hash: header.hash,
            parent: header.parent,
            time: Timestamp::from_secs(1_700_000_000 + header.number),
            transactions: vec![Transaction { hash: header.hash, ..Transaction::default() }],
            has_receipts: whole,
            has_traces: true,
            ..Block::default()
        };
        let lacks = (GapKind::MissingReceipts, "there are no receipts".to_owned());
        let missing = if whole { Vec::new() } else { vec![lacks] };
        Ok(Fetched { block: Arc::new(block).into(), missing })
    }
}

#[async_trait]
impl ChainReader for Scripted {
    fn shown(&self) -> &'static str {
        "a scripted node"
    }
    async fn identity(&self) -> Result<Option<B256>, Stop> {
        self.answers().await?;
        Ok(self.lock().canonical.first().filter(|first| first.number == 0).map(|first| first.hash))
    }
    async fn head(&self) -> Result<Header, Stop> {
        self.answers().await?;
        self.lock().canonical.last().copied().ok_or_else(|| Stop::absent(GapKind::MissingBlock, "there is no block"))
    }
    async fn header(&self, hash: B256) -> Result<Header, Stop> {
        self.find(|header| header.hash == hash).await
    }
    async fn header_at(&self, number: u64) -> Result<Header, Stop> {
        self.find(|header| header.number == number).await
    }
    async fn finalized(&self) -> Result<Option<Header>, Stop> {
        let height = self.lock().finalized;
        match height {
            Some(height) => self.header_at(height).await.map(Some),
            None => Ok(None),
        }
    }
    async fn block_at(&self, number: u64) -> Result<Fetched, Stop> {
        let header = self.header_at(number).await?;
        self.fetched(header)
    }
    async fn block(&self, header: Header) -> Result<Fetched, Stop> {
        let header = self.header(header.hash).await?;
        self.fetched(header)
    }
}
