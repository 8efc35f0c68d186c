//! When somebody tells the program to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Until ctrl-C (SIGINT) or a polite kill (SIGTERM).
pub async fn until_told() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::error!(%error, "cannot listen for SIGTERM: stopping");
            return;
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => {
            if let Err(error) = interrupted {
                tracing::error!(%error, "cannot listen for ctrl-C: stopping");
            }
        }
        _ = terminate.recv() => {}
    }
}
