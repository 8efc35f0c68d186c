//! One chat, and what it is joined to. What is asked of it is asked until there is an answer. Tests: `tests/it/chat.rs`.

use std::{sync::Arc, time::Duration};

use quarterdeck_reach::notify::SendError;

use crate::{
    chats::{Joined, Way},
    http::App,
};

/// The pause after the first failure; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause: an operator who mends a chat does not wait longer to see that it works.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// One chat, and what it is joined to.
pub(super) struct Mirror {
    pub(super) name: String,
    pub(super) joined: Joined,
    pub(super) app: Arc<App>,
}

impl Mirror {
    /// Asks the service until it has an answer that stands: the thing, or why it will never be. Says meanwhile that it is away.
    pub(super) async fn insist<T, F>(&self, way: Way, mut ask: impl FnMut() -> F) -> Result<T, String>
    where
        F: Future<Output = Result<T, SendError>>,
    {
        let mut pause = PAUSE_MIN;
        loop {
            let (reason, wait) = match ask().await {
                Ok(thing) => {
                    self.works(way);
                    return Ok(thing);
                }
                Err(SendError::Permanent { reason }) if !is_ours(&reason) => {
                    self.works(way);
                    return Err(reason);
                }
                Err(SendError::Retry { after, reason }) => (reason, after.unwrap_or(pause)),
                // Said again by the same key, it is said once. What a wrong token was to say is said when there is a right one.
                Err(SendError::Permanent { reason } | SendError::Unknown { reason }) => (reason, pause),
            };
            if self.app.mirroring.failed(&self.name, way, self.app.clock.now(), reason.clone()) {
                tracing::warn!(chat = self.name, reason, "a chat is away; what it misses is said when it is back");
            }
            tokio::time::sleep(wait.min(PAUSE_MAX)).await;
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    fn works(&self, way: Way) {
        if let Some(since) = self.app.mirroring.works(&self.name, way) {
            tracing::info!(chat = self.name, %since, "a chat is back");
        }
    }
}

/// Whether a refusal is about us and not about what was asked: the token is not known, or not any more.
fn is_ours(reason: &str) -> bool {
    ["401", "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"].iter().any(|word| reason.contains(word))
}
