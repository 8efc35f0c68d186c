//! Tells of damage that a reader came upon: the history is set aside, the journal says so once, and people are paged.
//! Tests: `tests/it/altered.rs`.

use tokio::sync::watch;

use super::engine::EngineHandle;
use crate::engine::{Doubt, EngineError, Subject, Work};

/// Tells until `stop` says so.
pub async fn run(engine: EngineHandle, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = engine.published().doubts.notified() => {}
        }
        for (subject, doubt) in engine.published().doubted() {
            // What cannot be told now is found again by whoever reads it next, and by the next start.
            if let Err(error) = tell(&engine, subject, doubt).await {
                tracing::error!(%error, ?subject, "nobody can be told of a damaged history");
            }
        }
    }
}

async fn tell(engine: &EngineHandle, subject: Subject, Doubt { place, reason }: Doubt) -> Result<(), EngineError> {
    if let Some(place) = place {
        // Somebody may have read it while it was being erased: the store is a moment ahead of what is known to be left.
        engine.ask(Work::Wake).await?;
        match engine.published().stands(place).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, place, "a doubtful event cannot be looked at again"),
        }
    }
    engine.ask(Work::Damaged { subject, reason }).await.map(drop)
}
