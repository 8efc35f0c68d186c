//! Writes to the log that wrong tokens and keys were tried: at once when it begins, then less and less often while it goes on, so that
//! whoever guesses cannot fill the log as well. Tests: `tests/it/login.rs`.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::journal::JournalEvent;
use tokio::sync::watch;

use super::engine::EngineHandle;
use crate::{engine::Work, guesses::Guesses};

/// The shortest span between two events, and that after which the next is told at once again.
const EVERY: Duration = Duration::from_mins(1);
/// The longest span between two events of tries that do not end.
const EVERY_MAX: Duration = Duration::from_hours(1);

/// Runs until told to stop; what is not written then is written last.
pub async fn run(guesses: Arc<Guesses>, engine: EngineHandle, mut stopping: watch::Receiver<bool>) {
    let mut every = EVERY;
    loop {
        tokio::select! {
            () = guesses.news() => {}
            // An error means that the sender is gone, which is a reason to stop as well.
            _ = stopping.changed() => return tell(&guesses, &engine).await,
        }
        tell(&guesses, &engine).await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = stopping.changed() => return tell(&guesses, &engine).await,
        }
        every = if guesses.is_quiet() { EVERY } else { EVERY_MAX.min(every * 2) };
    }
}

async fn tell(guesses: &Guesses, engine: &EngineHandle) {
    let tally = guesses.take();
    let Some(since) = tally.since else { return };
    tracing::warn!(tries = tally.tries, unheard = tally.unheard, from = ?tally.most(), "wrong tokens or keys were tried");
    let event = JournalEvent::SecretsRefused { since, tries: tally.tries, unheard: tally.unheard, from: tally.most() };
    if let Err(error) = engine.ask(Work::Journal(event)).await {
        tracing::warn!(%error, "the log does not say so");
    }
}
