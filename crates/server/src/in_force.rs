//! What is in force of the configuration: everything that may change while the program runs, as one value that is swapped whole.
//!
//! Whoever needs something of it takes the value as it is now and keeps that until the end of what they do: half of one
//! configuration never meets half of another. Tests: `tests/reload.rs`.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::{
    detector::Params,
    id::{ChannelId, CheckId},
    setting::Setting,
    time::Timestamp,
};
use quarterdeck_formats::severity::SeverityWords;
use quarterdeck_reach::{heartbeat::Heartbeat, notify::Notifier};
use tokio::sync::watch;

use crate::{auth::Token, chats::Chats, checks::Probe, config::Integration, doors::tls::Encryption};

/// Ways to reach people, by name.
pub type Channels = BTreeMap<ChannelId, Arc<dyn Notifier>>;

/// What is in force.
pub struct InForce {
    /// People, services, rules.
    pub setting: Arc<Setting>,
    /// Ways to reach people.
    pub channels: Arc<Channels>,
    /// Chat services that incidents are mirrored to.
    pub chats: Arc<Chats>,
    /// Who may use the API.
    pub tokens: Vec<Token>,
    /// Monitors that may post signals.
    pub integrations: Vec<Integration>,
    /// What the operator's own words of severity mean.
    pub words: SeverityWords,
    /// How each check is made that is made outside.
    pub checks: Arc<BTreeMap<CheckId, Probe>>,
    /// A watcher outside who is told that we are well.
    pub heartbeat: Option<Heartbeat>,
    /// Parameters of the detectors that are on.
    pub detectors: BTreeMap<String, Params>,
    /// With what new connections are encrypted; none: they are not.
    pub encryption: Option<Encryption>,
    /// Whether a proxy stands in front, which encrypts and says where a request comes from.
    pub behind_proxy: bool,
    /// The address people reach the console at.
    pub base_url: String,
    /// Digest of the file, in hex.
    pub digest: String,
    /// Since when.
    pub since: Timestamp,
    /// Settings of the file that count only after a restart, because they changed since the start: `server.listen`.
    pub needs_restart: Vec<&'static str>,
}

/// The value in force now. Cheap to ask for.
pub struct Live(watch::Sender<Arc<InForce>>);

impl Live {
    /// Begins with a value.
    pub fn new(first: InForce) -> Self {
        Self(watch::Sender::new(Arc::new(first)))
    }
    /// What is in force. It stays as it is when the next one is swapped in.
    pub fn now(&self) -> Arc<InForce> {
        Arc::clone(&self.0.borrow())
    }
    /// Puts another in its place.
    pub fn swap(&self, next: InForce) {
        self.0.send_replace(Arc::new(next));
    }
    /// Tells when it is swapped.
    pub fn watch(&self) -> watch::Receiver<Arc<InForce>> {
        self.0.subscribe()
    }
}
