//! Ways to reach a person, and THE LIST of them.
//!
//! A notifier is one file in `notify/` and one line in [`NOTIFIERS`]. It describes itself (settings with their meaning, which of
//! them are secret), sends one [`Message`] and classifies the answer; it never retries, never logs a secret and never decides
//! whom to page. All are held to `notify/compliance.rs`.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{IncidentId, PageId},
    incident::Severity,
    time::Timestamp,
};
use serde::Serialize;

pub mod message;

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
}

/// What a message says of its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Somebody is needed.
    Page,
    /// It is over.
    Resolved,
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
    /// The channel did not take it and says so; try again.
    #[error("{reason}")]
    Retry {
        /// Not earlier than this, if the channel said.
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

/// One configured way to reach people.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Hands the message over, within [`quarterdeck_core::limits::DELIVERY_TIMEOUT`].
    async fn send(&self, message: &Message) -> Result<Receipt, SendError>;
}

/// One setting of a notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SettingSpec {
    /// `url`.
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
    /// Its settings.
    fn settings(&self) -> &'static [SettingSpec];
    /// A notifier with these settings.
    fn build(&self, settings: &Settings) -> Result<Arc<dyn Notifier>, SettingError>;
}

/// Settings by name, as the configuration gave them. Prints without values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<String, String>);

impl Settings {
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
    #[error("notifier kind `{kind}` needs the setting `{name}`: {doc}")]
    Missing {
        /// The kind.
        kind: &'static str,
        /// The setting.
        name: &'static str,
        /// What it is.
        doc: &'static str,
    },
    /// No such setting.
    #[error("notifier kind `{kind}` has no setting `{name}`: it has {known}")]
    Unknown {
        /// The kind.
        kind: &'static str,
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// The value cannot be.
    #[error("setting `{name}` of notifier kind `{kind}`: {reason}")]
    Bad {
        /// The kind.
        kind: &'static str,
        /// The setting.
        name: &'static str,
        /// Why not, without the value if it is secret.
        reason: String,
    },
}

/// Every kind of notifier. One that is not here does not exist.
pub const NOTIFIERS: &[&dyn NotifierKind] = &[];
