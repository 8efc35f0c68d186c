//! What is kept of a mirror, beside the log: how far it came, which channel is whose, and what a message is called there. Each is a
//! small text of its own in the store, written by the engine like the places of sources, so that one that changes costs one.
//! Tests: `tests/it/chat.rs`.

use std::collections::BTreeMap;

use quarterdeck_core::id::{IncidentId, MessageId};
use quarterdeck_store::StoreError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::one::Mirror;
use crate::engine::{EngineError, Work};

/// How a message is called on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Called {
    pub(super) incident: IncidentId,
    pub(super) message: MessageId,
}

/// What a message is called there: what it was first, and each change of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    /// Whether we said it there. Else it was written there, and only its author can change it.
    pub(super) ours: bool,
    pub(super) names: Vec<String>,
}

/// Which channel is whose.
pub(super) type Channels = BTreeMap<IncidentId, String>;

/// Why something could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error("read `{name}`")]
    Store {
        name: String,
        #[source]
        source: StoreError,
    },
    #[error("read `{name}`: it is not what was written: {detail}")]
    Damaged { name: String, detail: String },
    #[error("keep it")]
    Engine(#[from] EngineError),
}

/// What is to be kept, all of it or nothing.
#[derive(Debug, Default)]
pub(super) struct Keeping(Vec<(String, String)>);

impl Keeping {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Mirror {
    fn name_of(&self, what: &str) -> String {
        format!("chat/{}/{what}", self.name)
    }

    async fn found<T: DeserializeOwned>(&self, what: &str) -> Result<Option<T>, KeptError> {
        let name = self.name_of(what);
        let text = self.app.store.cursor(&name).await;
        let Some(text) = text.map_err(|source| KeptError::Store { name: name.clone(), source })? else {
            return Ok(None);
        };
        serde_json::from_str(&text).map_err(|error| KeptError::Damaged { name, detail: error.to_string() })
    }

    fn put<T: Serialize>(&self, keeping: &mut Keeping, what: &str, thing: &T) {
        // Strings, numbers and maps with names for keys: always JSON.
        if let Ok(text) = serde_json::to_string(thing) {
            keeping.0.push((self.name_of(what), text));
        }
    }

    /// Makes it durable.
    pub(super) async fn keep(&self, keeping: Keeping) -> Result<(), KeptError> {
        if keeping.is_empty() {
            return Ok(());
        }
        let work = Work::Hear { changes: Vec::new(), cursors: keeping.0, snapshots: Vec::new() };
        self.app.engine.ask(work).await?;
        Ok(())
    }

    /// The place of the log that is to be looked at next.
    pub(super) async fn told(&self) -> Result<Option<u64>, KeptError> {
        self.found("told").await
    }
    pub(super) fn keep_told(&self, keeping: &mut Keeping, next: u64) {
        self.put(keeping, "told", &next);
    }

    /// Where to go on hearing, in the service's own words.
    pub(super) async fn heard(&self) -> Result<Option<String>, KeptError> {
        self.found("heard").await
    }
    pub(super) fn keep_heard(&self, keeping: &mut Keeping, next: &str) {
        self.put(keeping, "heard", &next);
    }

    /// Which incident has which channel.
    pub(super) async fn channels(&self) -> Result<Channels, KeptError> {
        Ok(self.found("channels").await?.unwrap_or_default())
    }
    pub(super) fn keep_channels(&self, keeping: &mut Keeping, channels: &Channels) {
        self.put(keeping, "channels", channels);
    }

    /// What a message is called there.
    pub(super) async fn names(&self, message: MessageId) -> Result<Names, KeptError> {
        Ok(self.found(&format!("out/{message}")).await?.unwrap_or_default())
    }
    pub(super) fn keep_names(&self, keeping: &mut Keeping, called: &Called, names: &Names) {
        self.put(keeping, &format!("out/{}", called.message), names);
        if let Some(name) = names.names.last() {
            self.put(keeping, &format!("in/{name}"), called);
        }
    }

    /// What something said there is called here; none: it was not a message.
    pub(super) async fn called(&self, name: &str) -> Result<Option<Called>, KeptError> {
        self.found(&format!("in/{name}")).await
    }
}
