//! The rooms of incidents, mirrored to chat services both ways.
//!
//! Outward (`mirror/outward.rs`) the log itself is read in its order, from a place that is kept: what was decided while a chat was away
//! is said there when it is back. What is said carries the event's place as its key, so that the last one, said again after a crash,
//! is said once. Inward (`mirror/inward.rs`) what is heard is durable before its place is kept, under a key made of its name there.
//! So neither way loses anything or says it twice, for as long as the service remembers keys.
//!
//! Decides nothing about an incident: what is asked in a chat takes the same way as everywhere, with the right of the person whose
//! account it is. Never says back where it heard. Tests: `tests/it/chat.rs`, with a real homeserver.

mod one;
mod kept;
mod words;
mod outward;
mod inward;

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet};

use self::one::Mirror;
use crate::http::Shared;

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
