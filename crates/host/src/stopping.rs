//! When somebody tells the program to stop, or to look at its configuration again. Tests: `crates/cli/tests/it/doors.rs` on the program itself.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C (SIGINT) and polite kills (SIGTERM). Without it one ends the program where it stands.
pub struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    /// Listens from this call on.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
    /// Until somebody says so; at once if somebody did since it listens.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
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
