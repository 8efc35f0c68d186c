//! What a notifier is: what it is given, what it answers, and how its kind describes itself.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{IncidentId, PageId},
    incident::Severity,
    time::Timestamp,
};
use serde::Serialize;

use quarterdeck_host::clock::Clock;

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The page. Also the idempotency key for channels that have one.
    pub page: PageId,
    /// The incident.
    pub incident: IncidentId,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// A short paragraph: what is wrong, why this severity, why you, why now.
    pub text: String,
    /// The person's name among people.
    pub person: String,
    /// Where on the channel: a mailbox, a user, a key's name. May be empty.
    pub address: String,
    /// The console's page of the incident, with the acknowledge button.
    pub link: String,
    /// Whether an earlier attempt may have arrived. Shown to the person.
    pub repeat: bool,
    /// An exercise. Shown first, in capitals.
    pub drill: bool,
    /// The channel is told that the incident is over, where it has such a notion (PagerDuty `resolve`).
    pub kind: MessageKind,
    /// When the page was decided.
    pub at: Timestamp,
    /// The others that are in the same message; the first of all is told above. Empty: it is one by itself.
    pub also: Vec<Bundled>,
}

/// One of several in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bundled {
    /// The page.
    pub page: PageId,
    /// The incident.
    pub incident: IncidentId,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The console's page of the incident, with the acknowledge button.
    pub link: String,
    /// Whether an earlier attempt may have arrived.
    pub repeat: bool,
    /// When the page was decided.
    pub at: Timestamp,
}

impl Message {
    /// What the program says of itself, where no incident says it: to be filled in. The link leads to the console.
    pub fn of_the_program(base_url: &str, severity: Severity, kind: MessageKind, at: Timestamp) -> Self {
        Self {
            page: PageId::from_bytes([0; 16]),
            incident: IncidentId::from_bytes([0; 16]),
            severity,
            title: String::new(),
            text: String::new(),
            person: String::new(),
            address: String::new(),
            link: format!("{}/sources", base_url.trim_end_matches('/')),
            repeat: false,
            drill: false,
            kind,
            at,
            also: Vec::new(),
        }
    }
}

/// What a message says of its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Somebody is needed.
    Page,
    /// It is over.
    Resolved,
    /// It is another team's now: nobody of the old one has to get up.
    HandedOver,
    /// Something that a person set is to end, or did: nobody has to get up.
    Notice,
}

/// A channel's word that it took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// A message id or a status line. Bounded, without secrets.
    pub text: String,
}

/// Why a message was not taken: named for what the caller must do.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The channel did not take it and says so, or was never reached; try again.
    #[error("{reason}")]
    Retry {
        /// Not earlier than this, if the channel said. At most a day, and not cut to
        /// [`quarterdeck_core::limits::RETRY_AFTER_MAX`]: the caller must see that another channel is better.
        after: Option<Duration>,
        /// Why, without secrets.
        reason: String,
    },
    /// The channel will never take it: a wrong key, a wrong address.
    #[error("{reason}")]
    Permanent {
        /// Why, without secrets.
        reason: String,
    },
    /// We asked and did not learn: the connection broke or fell silent after the request left.
    #[error("{reason}")]
    Unknown {
        /// Why, without secrets.
        reason: String,
    },
}

impl SendError {
    /// Try again, and the channel did not say when.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }
    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent { reason: reason.into() }
    }
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }
}

/// One configured way to reach people. Its `Debug` shows no secret: the compliance test looks.
#[async_trait]
pub trait Notifier: Send + Sync + fmt::Debug {
    /// Hands the message over, within [`quarterdeck_core::limits::DELIVERY_TIMEOUT`].
    async fn send(&self, message: &Message) -> Result<Receipt, SendError>;
    /// Whether one message may be about several incidents. Not where the channel keeps a state for each: an incident that it was
    /// never told of by itself could not be ended there.
    fn bundles(&self) -> bool {
        true
    }
}

/// One setting of a notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SettingSpec {
    /// The key in the configuration, `url` for instance.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// Whether a notifier cannot be made without it.
    pub required: bool,
    /// Whether it is shown as `***` everywhere.
    pub secret: bool,
}

/// A kind of notifier: its description and its maker.
pub trait NotifierKind: Sync {
    /// `smtp`: equals the file's name.
    fn id(&self) -> &'static str;
    /// One line for lists.
    fn title(&self) -> &'static str;
    /// What its address means: `a mailbox`, `nothing: the URL is the place`.
    fn address(&self) -> &'static str;
    /// Why a page cannot go to this address, if that shows before anything is sent.
    fn check_address(&self, _address: &str) -> Result<(), String> {
        Ok(())
    }
    /// Its settings.
    fn settings(&self) -> &'static [SettingSpec];
    /// A notifier with these settings. Reads files that a setting names; opens no connection.
    fn build(&self, settings: &Settings, parts: &Parts) -> Result<Arc<dyn Notifier>, SettingError>;
}

/// What notifiers share.
#[derive(Clone)]
pub struct Parts {
    /// Tells them the time: signatures and `Retry-After` dates need the present, not the instant of the page.
    pub clock: Arc<dyn Clock>,
    /// Follows no redirect, keeps no connection, asks no proxy. See [`Parts::new`].
    pub http: reqwest::Client,
}

/// The HTTP client cannot be made: usually because the machine has no certificate authorities.
#[derive(Debug, thiserror::Error)]
#[error("make the HTTP client for pages")]
pub struct PartsError(#[source] pub(super) reqwest::Error);

/// Settings by name, as the configuration gave them. Prints without values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<String, String>);

impl Settings {
    /// Refuses names that a notifier's kind does not have and values that are missing.
    pub(super) fn check(&self, kind: &dyn NotifierKind) -> Result<(), SettingError> {
        self.fit(kind.id(), kind.settings())
    }
    /// Refuses names that are not among `specs` and values that are missing.
    pub(crate) fn fit(&self, kind: &'static str, specs: &[SettingSpec]) -> Result<(), SettingError> {
        if let Some(name) = self.0.keys().find(|name| !specs.iter().any(|spec| spec.name == name.as_str())) {
            let known: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
            return Err(SettingError::Unknown { kind, name: name.clone(), known: known.join(", ") });
        }
        match specs.iter().find(|spec| spec.required && self.get(spec.name).is_none_or(str::is_empty)) {
            Some(spec) => Err(SettingError::Missing { kind, name: spec.name, doc: spec.doc }),
            None => Ok(()),
        }
    }
    /// A setting's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a notifier cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A required setting is not there.
    #[error("kind `{kind}` needs the setting `{name}`: {doc}")]
    Missing {
        /// The kind.
        kind: &'static str,
        /// The setting.
        name: &'static str,
        /// What it is.
        doc: &'static str,
    },
    /// No such setting.
    #[error("kind `{kind}` has no setting `{name}`: it has {known}")]
    Unknown {
        /// The kind.
        kind: &'static str,
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// The value cannot be.
    #[error("setting `{name}` of kind `{kind}`: {reason}")]
    Bad {
        /// The kind.
        kind: &'static str,
        /// The setting.
        name: &'static str,
        /// Why not, without the value if it is secret.
        reason: String,
    },
}
