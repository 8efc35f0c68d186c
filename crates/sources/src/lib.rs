//! Doors for what chains tell us: live nodes (`evm`) and recordings (`recorded`). Monitors come in over HTTP, in the server.
//!
//! A source hands every event to the detectors with the cursor after it, and keeps its health in [`Sources`].

mod health;
pub mod evm;
pub mod recorded;

use quarterdeck_core::{chain::ChainEvent, id::SourceId};

pub use self::health::{SourceHealth, SourceState, Sources};

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
