//! What handlers may use.

use std::sync::Arc;

use quarterdeck_core::time::Timestamp;
use quarterdeck_host::clock::Clock;
use quarterdeck_ledger::note::VerifierKey;
use quarterdeck_sources::Sources;
use quarterdeck_store::Store;

use crate::{
    chats::Mirroring,
    guesses::Guesses,
    in_force::Live,
    loops::{
        audit::Audited, checks::Checker, engine::EngineHandle, expire::Expiries, heartbeat::Heartbeats,
        presence::Presence, pulse::Pulse, steps::Steps, watchdog::Watched,
    },
    reaching::Reaching,
    reload::Reloader,
    room::Rooms,
    sessions::Sessions,
    writing::Writing,
};

/// What handlers may use.
pub struct App {
    /// The write path and the published board.
    pub engine: EngineHandle,
    /// For lists that the board does not hold.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is in force of the configuration.
    pub live: Arc<Live>,
    /// Has the configuration read anew.
    pub reloader: Arc<Reloader>,
    /// Until when what monitors claim holds.
    pub expiries: Arc<Expiries>,
    /// Which monitors are heard of.
    pub heartbeats: Arc<Heartbeats>,
    /// When the program started.
    pub started: Timestamp,
    /// The health of the chain sources.
    pub sources: Arc<Sources>,
    /// Detectors that did not hear their canary at the start.
    pub deaf: Vec<quarterdeck_core::id::DetectorId>,
    /// How the ways to people do.
    pub reaching: Arc<Reaching>,
    /// How writing does.
    pub writing: Arc<Writing>,
    /// Steps of the machine's clock.
    pub steps: Arc<Steps>,
    /// What the signs of life rest on.
    pub pulse: Arc<Pulse>,
    /// What the watchdog saw.
    pub watched: Arc<Watched>,
    /// What the audit of the log found.
    pub audited: Arc<Audited>,
    /// The log's verifier key.
    pub key: VerifierKey,
    /// Told when the program stops: streams end then, so that stopping does not wait for listeners.
    pub stopping: tokio::sync::watch::Receiver<bool>,
    /// Who is logged in to the console.
    pub sessions: Arc<Sessions>,
    /// What was tried at the doors.
    pub guesses: Arc<Guesses>,
    /// Places for those who listen to a stream.
    pub streams: Arc<tokio::sync::Semaphore>,
    /// Makes checks, and knows what each said last.
    pub checker: Arc<Checker>,
    /// The rooms that somebody listens to.
    pub rooms: Arc<Rooms>,
    /// How the chats do that incidents are mirrored to.
    pub mirroring: Arc<Mirroring>,
    /// Who is in which room.
    pub presence: Arc<Presence>,
    /// Renders the metrics.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
}

/// Shared by all handlers.
pub type Shared = Arc<App>;
