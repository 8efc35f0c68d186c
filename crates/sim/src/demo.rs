//! The demo: the real program on an embedded chain, with invented people and a chosen attack.
//!
//! Two forms. Headless, on a paused runtime with seeded identifiers, keys and salts: the same seed gives the same events and the
//! same log root, in a second or two. Live, by the clock on the wall, with the console on loopback and an inbox page for the
//! pages (`live`).

pub mod headless;
pub mod live;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::{
    chain::{ChainEvent, ChainId},
    detector::Params,
    id::{BadName, ChannelId, Name, SourceId},
    incident::Incident,
    priority::Weights,
    setting::{Rules, Setting},
    time::Timestamp,
};
use quarterdeck_detect::detectors::DETECTORS;
use quarterdeck_reach::notify::Notifier;
use quarterdeck_server::{
    app::{RunError, Running},
    auth::{Role, Token},
    config::{Configuration, SeverityWords, StoreKind},
    engine::read,
};
use quarterdeck_sources::Seen;
use quarterdeck_sources::SourceState;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    people,
    story::{Attack, StoryError, World},
};

/// Blocks of ordinary traffic before anything happens: what the detectors learn from.
const HISTORY_BLOCKS: u64 = 150;
/// The name of the embedded chain among the sources.
const SOURCE: &str = "embedded";
/// The log's name in the demo's checkpoints.
const ORIGIN: &str = "quarterdeck.invalid/demo";

/// What a demo is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything invented follows from it.
    pub seed: u64,
    /// Which attack.
    pub attack: Attack,
    /// Where the store, the log and the review go.
    pub data: PathBuf,
}

/// Why a demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The program did not run.
    #[error("run the program")]
    Run(#[from] RunError),
    /// The story could not be told.
    #[error("play the story")]
    Story(#[from] StoryError),
    /// A name of ours is not a name: a defect.
    #[error("name the people")]
    Name(#[from] BadName),
    /// The program stopped listening.
    #[error("the program stopped before the story ended")]
    Stopped,
    /// A file could not be written or read.
    #[error("{what} `{path}`")]
    File {
        /// What was being done.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something that cannot be: a defect.
    #[error("{0}")]
    Defect(String),
}

/// What a demo did, for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The incident that the attack opened; none: it was not noticed.
    pub incident: Option<IncidentOutcome>,
    /// The attack.
    pub attack: AttackOutcome,
    /// The incident's signals.
    pub signals: Vec<SignalOutcome>,
    /// Its pages.
    pub pages: Vec<PageOutcome>,
    /// The log.
    pub log: LogOutcome,
    /// Where the review is; none without an incident.
    pub review_path: Option<String>,
}

/// The incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentOutcome {
    /// `inc_…`
    pub id: String,
    /// `SEV1` to `SEV5`: the worst it was.
    pub severity: String,
    /// One line.
    pub title: String,
    /// Where it stands at the end.
    pub phase: String,
    /// The block in which it was noticed.
    pub block: Option<u64>,
}

/// The attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttackOutcome {
    /// The attack's name as in `--attack`, `flash-loan` for instance.
    pub name: String,
    /// Its block.
    pub block: u64,
    /// Its transaction.
    pub transaction: String,
}

/// A signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignalOutcome {
    /// Who says so.
    pub detector: String,
    /// How it stands at the end.
    pub status: String,
    /// The block it stands on.
    pub block: Option<u64>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageOutcome {
    /// To whom.
    pub person: String,
    /// By which notifier.
    pub channel: String,
    /// `delivered`, `failed`, `unknown`.
    pub outcome: String,
    /// From the decision to the outcome.
    pub latency_ms: u64,
    /// Whether this person acknowledged.
    pub acknowledged: bool,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogOutcome {
    /// How many events are in the log.
    pub size: u64,
    /// Root, hex.
    pub root: String,
    /// Whether the folder verifies from the outside.
    pub verified: bool,
}

/// 32 bytes that follow from the seed: keys and tokens of a demo.
fn derived(seed: u64, what: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"quarterdeck demo")
        .chain_update(seed.to_be_bytes())
        .chain_update(what)
        .finalize()
        .into()
}

/// The configuration of a demo.
fn configuration(
    world: &World,
    plan: &Plan,
    start: Timestamp,
    store: StoreKind,
    listen: Option<SocketAddr>,
    token: &str,
) -> Result<Configuration, DemoError> {
    let policy = Name::new(people::POLICY)?;
    let setting = Setting {
        roster: people::roster(start)?,
        catalogue: Arc::new(world.catalogue(&policy)?),
        rules: Rules::default(),
        default_policy: policy,
        weights: Weights::default(),
    };
    let mut detectors = BTreeMap::new();
    for kind in DETECTORS {
        let params = Params::resolve(kind.id(), kind.params(), &BTreeMap::new());
        detectors.insert(kind.id().to_owned(), params.map_err(|error| DemoError::Defect(error.to_string()))?);
    }
    let token = Token {
        name: "demo".to_owned(),
        role: Role::Admin,
        person: Some(Name::new(people::VISITOR)?),
        digest: Sha256::digest(token.as_bytes()).into(),
    };
    Ok(Configuration {
        path: None,
        listen,
        encryption: None,
        behind_proxy: false,
        base_url: listen.map(|address| format!("http://{address}")).unwrap_or_default(),
        data: plan.data.clone(),
        store,
        origin: ORIGIN.to_owned(),
        setting: Arc::new(setting),
        channels: Arc::default(),
        chats: std::sync::Arc::default(),
        tokens: vec![token],
        sources: Vec::new(),
        integrations: Vec::new(),
        words: SeverityWords::default(),
        heartbeat: None,
        checks: Arc::default(),
        detectors,
        digest: format!("demo seed {} attack {}", plan.seed, plan.attack.name()),
        warnings: Vec::new(),
    })
}

/// The channel map of a demo.
fn channels(inbox: Arc<dyn Notifier>) -> Result<BTreeMap<ChannelId, Arc<dyn Notifier>>, BadName> {
    Ok([(Name::new(people::INBOX)?, inbox)].into())
}

/// Tells the program what the chain did.
async fn tell(running: &Running, events: Vec<ChainEvent>) -> Result<(), DemoError> {
    let source: SourceId = Name::new(SOURCE)?;
    for event in events {
        running.sources.update(&source, |health| {
            "in this process".clone_into(&mut health.endpoint);
            health.chain = ChainId::evm(crate::chain::CHAIN);
            "invented".clone_into(&mut health.kind);
            health.state = SourceState::Live;
            health.capabilities = vec!["receipts".to_owned(), "call traces".to_owned()];
            match &event {
                ChainEvent::Block(block) => {
                    health.head = Some(block.reference());
                    health.node_head = Some(block.reference().number);
                    health.last_block = Some(block.time());
                    health.blocks += 1;
                }
                ChainEvent::Reorg(_) => health.reorgs += 1,
                ChainEvent::Finalized(_) | ChainEvent::Gap(_) | ChainEvent::Tick(_) => {}
            }
        });
        let seen = Seen { source: source.clone(), event, cursor: None, drill: true };
        running.seen.send(seen).await.map_err(|_| DemoError::Stopped)?;
    }
    Ok(())
}

/// How long before the story's start the history begins.
fn history() -> Duration {
    crate::chain::BLOCK_TIME * u32::try_from(HISTORY_BLOCKS).unwrap_or(u32::MAX)
}

/// The world with its history told.
async fn with_history(running: &Running, world: &mut World) -> Result<(), DemoError> {
    for _ in 0..HISTORY_BLOCKS {
        let due = world.due();
        let events = world.advance(due)?;
        tell(running, events).await?;
    }
    Ok(())
}

/// The incident that is about this transaction, else the worst one.
fn incident_about(running: &Running, transaction: alloy_primitives::B256) -> Option<Incident> {
    let board = read(&running.engine.published().board);
    let about = |incident: &&Incident| {
        let mut signals = incident.signals().values();
        signals.any(|one| one.signal.position.as_ref().and_then(|p| p.transaction) == Some(transaction))
    };
    let found = board.incidents().filter(about).max_by_key(|incident| incident.severity());
    found.or_else(|| board.incidents().max_by_key(|incident| incident.severity())).cloned()
}

/// Writes the review of an incident beside the log, in its three forms; gives the Markdown's path.
async fn write_review(running: &Running, incident: &Incident, data: &Path) -> Result<PathBuf, DemoError> {
    let defect = |error: &dyn std::error::Error| DemoError::Defect(error.to_string());
    let events = quarterdeck_server::history::whole(&*running.store, running.engine.published(), incident.id()).await;
    let events = events.map_err(|error| defect(&error))?;
    let head = read(&running.engine.published().head).clone();
    let setting = Arc::clone(&running.live.now().setting);
    let review = quarterdeck_server::history::review(&setting, incident.id(), &events, running.key.name(), &head);
    let review = review.map_err(|error| defect(&error))?;
    let json = serde_json::to_string_pretty(&review).map_err(|error| defect(&error))?;
    let path = data.join(format!("review-{}.md", incident.id()));
    for (path, text) in [
        (path.clone(), review.markdown()),
        (path.with_extension("html"), review.html()),
        (path.with_extension("json"), json),
    ] {
        std::fs::write(&path, text).map_err(|source| DemoError::File { what: "write", path, source })?;
    }
    Ok(path)
}
