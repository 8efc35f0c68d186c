//! What a chat service is: what it is asked, what it answers, and how its kind describes itself. Tests: `compliance.rs`.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::words::{Heard, Saying, Wanted};
use crate::notify::{Parts, SendError, SettingError, SettingSpec, Settings};

/// One configured chat service. Its `Debug` shows no secret: the compliance test looks.
#[async_trait]
pub trait Chat: Send + Sync + fmt::Debug {
    /// Our own account there. Also shows whether the service knows us.
    async fn account(&self) -> Result<String, SendError>;
    /// The channel of an incident, made if there is none. Asked twice, it is the same one.
    async fn channel(&self, wanted: &Wanted<'_>) -> Result<String, SendError>;
    /// Lets an account into a channel. One that is there already stays there.
    async fn invite(&self, channel: &str, account: &str) -> Result<(), SendError>;
    /// Says something, and returns its name there. The same key twice in one channel says it once, as far back as the service remembers
    /// keys: see the file of each.
    async fn say(&self, channel: &str, key: &str, saying: &Saying) -> Result<String, SendError>;
    /// Takes back what we said or what somebody said there, with all its edits.
    async fn withdraw(&self, channel: &str, key: &str, said: &[String]) -> Result<(), SendError>;
    /// What was said since, in the order in which it was said; waits for it up to `wait`. Without a place to begin: from now on.
    async fn hear(&self, since: Option<&str>, wait: Duration) -> Result<Heard, SendError>;
}

/// A kind of chat service: its description and its maker.
pub trait ChatKind: Sync {
    /// `matrix`: equals the file's name.
    fn id(&self) -> &'static str;
    /// One line for lists.
    fn title(&self) -> &'static str;
    /// What a person's account is called there.
    fn account(&self) -> &'static str;
    /// Why somebody cannot have this account, if that shows before anything is asked.
    fn check_account(&self, account: &str) -> Result<(), String>;
    /// Its settings.
    fn settings(&self) -> &'static [SettingSpec];
    /// A chat with these settings. Reads files that a setting names; opens no connection.
    fn build(&self, settings: &Settings, parts: &Parts) -> Result<Arc<dyn Chat>, SettingError>;
}
