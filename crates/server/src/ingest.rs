//! Doors for what the world tells us: chains (`ingest/evm`), recordings (`ingest/recorded`) and monitors (`http/ingest`).
//!
//! A source hands every event to the detectors with the cursor after it, and keeps its health in [`Sources`].

pub mod evm;
pub mod recorded;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use quarterdeck_core::{
    chain::{BlockRef, Gap},
    id::SourceId,
    time::Timestamp,
};

/// How a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceState {
    /// Not yet through to the node.
    #[default]
    Connecting,
    /// Behind the node's head and reading.
    CatchingUp,
    /// At the head.
    Live,
    /// Cannot look.
    Blind,
}

impl SourceState {
    /// As the API calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::CatchingUp => "catching_up",
            Self::Live => "live",
            Self::Blind => "blind",
        }
    }
}

/// The health of one source.
#[derive(Debug, Clone, Default)]
pub struct SourceHealth {
    /// EIP-155 chain number.
    pub chain: u64,
    /// The endpoint without credentials.
    pub endpoint: String,
    /// How it is.
    pub state: SourceState,
    /// The last block handed to the detectors.
    pub head: Option<BlockRef>,
    /// The height that the node says it has.
    pub node_head: Option<u64>,
    /// When the last block was handed over.
    pub last_block: Option<Timestamp>,
    /// Blocks handed over since the start.
    pub blocks: u64,
    /// Reorganizations since the start.
    pub reorgs: u64,
    /// Gaps open now.
    pub gaps: Vec<Gap>,
    /// What the endpoint offers.
    pub capabilities: Vec<String>,
}

/// The health of all sources, for the console, the API and the metrics.
#[derive(Debug, Default)]
pub struct Sources(Mutex<BTreeMap<SourceId, SourceHealth>>);

impl Sources {
    /// Changes the health of one source.
    pub fn update(&self, id: &SourceId, change: impl FnOnce(&mut SourceHealth)) {
        change(self.lock().entry(id.clone()).or_default());
    }
    /// A copy of all.
    pub fn all(&self) -> BTreeMap<SourceId, SourceHealth> {
        self.lock().clone()
    }
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceId, SourceHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
