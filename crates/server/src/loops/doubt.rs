//! Tells of damage that a reader came upon: the history is set aside, the journal says so once, and people are paged.
//! Tests: `tests/it/altered.rs`.

use tokio::sync::watch;

use super::engine::EngineHandle;
use crate::engine::Work;

/// Tells until `stop` says so.
pub async fn run(engine: EngineHandle, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = engine.published().doubts.notified() => {}
        }
        for (id, reason) in engine.published().doubted() {
            // What cannot be told now is found again by whoever reads it next, and by the next start.
            if let Err(error) = engine.ask(Work::Damaged { subject: Ok(id), reason }).await {
                tracing::error!(%error, %id, "nobody can be told of a damaged history");
            }
        }
    }
}
