//! Ways to reach a person, and THE LIST of them.
//!
//! A notifier is one file in `notify/` and one line in [`NOTIFIERS`]. It describes itself (settings with their meaning, which of
//! them are secret), sends one [`Message`] and classifies the answer; it never retries, never logs a secret and never decides
//! whom to page. All are held to `notify/compliance.rs`: a scripted provider that answers, refuses, babbles, falls silent and
//! hangs up, and a sentinel secret that may appear in no error, receipt or debug output.

mod notifier;
pub(crate) mod exchange;
pub mod message;
mod words;
pub mod file;
pub mod pagerduty;
pub mod slack;
pub mod smtp;
pub mod webhook;
#[cfg(test)]
pub(crate) mod compliance;

use std::sync::Arc;

use quarterdeck_core::limits::DELIVERY_TIMEOUT;
use quarterdeck_host::clock::Clock;

pub use notifier::{
    Bundled, Message, MessageKind, Notifier, NotifierKind, Parts, PartsError, Receipt, SendError, SettingError,
    SettingSpec, Settings,
};

impl Parts {
    /// Parts with an HTTP client that trusts the machine's certificate authorities.
    ///
    /// Each page gets a fresh connection: one that idled since the last incident may have been dropped by something in between,
    /// and a page written into it is neither delivered nor refused.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, PartsError> {
        Ok(Self { clock, http: exchange::client(&[], DELIVERY_TIMEOUT).map_err(PartsError)? })
    }
}

/// Every kind of notifier. One that is not here does not exist.
pub const NOTIFIERS: &[&dyn NotifierKind] =
    &[&file::File, &pagerduty::PagerDuty, &slack::Slack, &smtp::Smtp, &webhook::Webhook];

/// The kind of this name.
pub fn kind(id: &str) -> Option<&'static dyn NotifierKind> {
    NOTIFIERS.iter().copied().find(|kind| kind.id() == id)
}
