//! The configuration file: its shape, and its way into validated core types.
//!
//! One TOML file. Unknown keys are refused. Every fault is told with its line and what to do about it, and all of them at once.
//! A value `env:NAME` or `file:PATH` is read from the environment or a file (paths are relative to the configuration file), so
//! that secrets need not stand in it. `examples/` has a commented file for each kind of operator; a test loads every one.

pub mod duration;
pub mod near;
pub mod fault;
pub mod shape;
pub mod resolve;

use std::{
    collections::BTreeMap,
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::{
    detector::Params,
    id::{ChannelId, SourceId},
    setting::Setting,
};

pub use self::fault::{ConfigError, Fault};
use crate::{auth::Token, doors::tls::Encryption};
pub use quarterdeck_formats::severity::SeverityWords;
use quarterdeck_reach::{
    heartbeat::Heartbeat,
    notify::{Notifier, Parts},
};
use quarterdeck_sources::ChainSource;

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
    /// A watcher outside who is told that we are well.
    pub heartbeat: Option<Heartbeat>,
    /// Digest of the file and of what it names, for the log.
    pub digest: String,
    /// Things that are allowed and probably not meant.
    pub warnings: Vec<Fault>,
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
}

/// Bytes of the file and of what it names: the longest public list of addresses is a few megabytes.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The text of a file, a pipe or what else the system gives by that name, as far as it ends.
fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)?;
    match u64::try_from(read) {
        Ok(read) if read <= TEXT_BYTES_MAX => Ok(text),
        _ => Err(std::io::Error::other(format!("it is longer than {TEXT_BYTES_MAX} bytes"))),
    }
}

/// Reads and checks the file. `parts` is what notifiers share.
pub fn load(path: &Path, parts: &Parts) -> Result<Configuration, ConfigError> {
    let text = read_text(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let read = parse(&text, folder, parts)?;
    Ok(Configuration { path: Some(path.to_owned()), ..read })
}

/// Checks the text of a file; relative paths start at `folder`.
pub fn parse(text: &str, folder: &Path, parts: &Parts) -> Result<Configuration, ConfigError> {
    let raw: shape::File = toml::from_str(text).map_err(|error| ConfigError::shape(text, &error))?;
    let lines = fault::Lines::of(text);
    resolve::resolve(raw, text, folder, &lines, parts)
}
