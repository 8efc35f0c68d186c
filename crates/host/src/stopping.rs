//! When somebody tells the program to stop, or to look at its configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Hang-ups (SIGHUP). Without it one would end the program.
pub struct HangUps(Signal);

impl HangUps {
    /// Listens from this call on.
    pub fn listen() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }
    /// Until the next one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // No more can come, which is no reason to do anything.
            std::future::pending::<()>().await;
        }
    }
}
