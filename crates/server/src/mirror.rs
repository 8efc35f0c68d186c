//! The rooms of incidents, mirrored to chat services both ways.
//!
//! Outward (`mirror/outward.rs`) the log itself is read in its order, from a place that is kept: what was decided while a chat was away
//! is said there when it is back. What is said carries the event's place as its key, so that the last one, said again after a crash,
//! is said once. Inward (`mirror/inward.rs`) what is heard is durable before its place is kept, under a key made of its name there.
//! So neither way loses anything or says it twice, for as long as the service remembers keys.
//!
//! Decides nothing about an incident: what is asked in a chat takes the same way as everywhere, with the right of the person whose
//! account it is. Never says back where it heard. Tests: `tests/chat.rs`, with a real homeserver.

mod kept;
mod words;
mod outward;
mod inward;

use std::{sync::Arc, time::Duration};

use quarterdeck_reach::notify::SendError;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    chats::{Joined, Way},
    http::{App, Shared},
};

/// The pause after the first failure; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause: an operator who mends a chat does not wait longer to see that it works.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Mirrors to every chat of the configuration until `stop` says so. A chat that is new, or not there any more, or set otherwise, is
/// taken up with the next reload.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    let mut live = app.live.watch();
    loop {
        let chats = Arc::clone(&live.borrow_and_update().chats);
        app.mirroring.keep_only(&chats);
        let mut tasks = JoinSet::new();
        for (name, joined) in &*chats {
            let mirror = Arc::new(Mirror { name: name.clone(), joined: joined.clone(), app: Arc::clone(&app) });
            tasks.spawn(outward::run(Arc::clone(&mirror)));
            tasks.spawn(inward::run(mirror));
        }
        // What is cut off in the middle is done again by the next, and by its key only once.
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            changed = live.changed() => if changed.is_err() { return },
        }
    }
}

/// One chat, and what it is joined to.
struct Mirror {
    name: String,
    joined: Joined,
    app: Arc<App>,
}

impl Mirror {
    /// Asks the service until it has an answer that stands: the thing, or why it will never be. Says meanwhile that it is away.
    async fn insist<T, F>(&self, way: Way, mut ask: impl FnMut() -> F) -> Result<T, String>
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
