//! Doors for what chains tell us: live nodes (`evm`) and recordings (`recorded`). Monitors come in over HTTP, in the server.
//!
//! A source hands every event to the detectors with the cursor after it, and keeps its health in [`Sources`].

pub mod evm;
pub mod recorded;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use quarterdeck_core::{
    chain::{BlockRef, ChainEvent, Gap},
    id::SourceId,
    time::Timestamp,
};

/// A chain to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSource {
    /// Its name.
    pub id: SourceId,
    /// EIP-155 chain number; the node must agree.
    pub chain: u64,
    /// JSON-RPC over HTTP.
    pub http: String,
    /// Other nodes of the same chain, asked whether they agree about the head. Never the same node twice.
    pub witnesses: Vec<String>,
    /// JSON-RPC over WebSocket, for heads without polling.
    pub ws: Option<String>,
    /// Whether to read call traces.
    pub traces: Traces,
    /// Requests per second that this endpoint allows us.
    pub requests_per_second: u32,
    /// How long the head may stand still before that is a gap.
    pub stale_after: std::time::Duration,
    /// Blocks until a block counts as final where the node does not say.
    pub confirmations: u64,
    /// How often to ask for the head where there is no WebSocket.
    pub poll_every: std::time::Duration,
}

/// Whether to read call traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traces {
    /// If the node offers them.
    Auto,
    /// Always; their absence is a gap.
    Required,
    /// They are not asked for, and detectors that want them stay quiet.
    Off,
}

/// What a source hands over: an event and where the source stands after it.
#[derive(Debug)]
pub struct Seen {
    /// Which source.
    pub source: SourceId,
    /// What the chain did, or the gap in which we could not look.
    pub event: ChainEvent,
    /// Where the source stands after it: JSON; none: nowhere new.
    pub cursor: Option<String>,
    /// The source's world is invented: what is seen there is part of an exercise.
    pub drill: bool,
}

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
    /// Forgets a source that is no longer followed.
    pub fn forget(&self, id: &SourceId) {
        self.lock().remove(id);
    }
    /// A copy of all.
    pub fn all(&self) -> BTreeMap<SourceId, SourceHealth> {
        self.lock().clone()
    }
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceId, SourceHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
