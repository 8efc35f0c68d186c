//! What the program needs to start, after everything was checked.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use quarterdeck_core::{
    detector::Params,
    id::{ChannelId, CheckId, SourceId},
    setting::Setting,
};
pub use quarterdeck_formats::severity::SeverityWords;
use quarterdeck_reach::{heartbeat::Heartbeat, notify::Notifier};
use quarterdeck_sources::ChainSource;

use super::Mistake;
use crate::{auth::Token, chats::Chats, checks::Probe, doors::tls::Encryption};

/// Everything the program needs to start, checked.
pub struct Configuration {
    /// The file it was read from; none: it stands in no file.
    pub path: Option<PathBuf>,
    /// Where the console and the API listen; none: nowhere.
    pub listen: Option<SocketAddr>,
    /// With what connections are encrypted; none: they are not.
    pub encryption: Option<Encryption>,
    /// Whether a proxy stands in front, which encrypts and says where a request comes from.
    pub behind_proxy: bool,
    /// The address people reach the console at.
    pub base_url: String,
    /// Where the store, the log folder and the key live.
    pub data: PathBuf,
    /// Which store.
    pub store: StoreKind,
    /// The log's name in its checkpoints.
    pub origin: String,
    /// People, services, rules.
    pub setting: Arc<Setting>,
    /// Ways to reach people.
    pub channels: Arc<BTreeMap<ChannelId, Arc<dyn Notifier>>>,
    /// Chat services that incidents are mirrored to.
    pub chats: Arc<Chats>,
    /// Who may use the API.
    pub tokens: Vec<Token>,
    /// Chains to watch.
    pub sources: Vec<ChainSource>,
    /// Monitors that may post signals.
    pub integrations: Vec<Integration>,
    /// What the operator's own words of severity mean.
    pub words: SeverityWords,
    /// Parameters of every detector of THE LIST that is on.
    pub detectors: BTreeMap<String, Params>,
    /// How each check is made that is made outside.
    pub checks: Arc<BTreeMap<CheckId, Probe>>,
    /// A watcher outside who is told that we are well.
    pub heartbeat: Option<Heartbeat>,
    /// Digest of the file and of what it names, for the log.
    pub digest: String,
    /// Things that are allowed and probably not meant.
    pub warnings: Vec<Mistake>,
}

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// A file in the data folder: the default.
    Sqlite,
    /// A server, by URL.
    Postgres {
        /// `postgres://…`
        url: String,
        /// A file of certificate authorities to trust besides the public ones.
        authorities: Option<PathBuf>,
    },
    /// Nothing is kept: for tries.
    Memory,
}

/// A monitor that may post signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its name.
    pub id: SourceId,
    /// SHA-256 of its key (PagerDuty's routing key, or the token in the path).
    pub digest: [u8; 32],
    /// How often something is to be heard of it; none: whenever it has something to say.
    pub heartbeat: Option<Duration>,
    /// The labels that its claims about no known service are grouped by; none: as its format says.
    pub group_by: Option<Vec<String>>,
}
