//! Forgets old signals that no incident holds. What an incident holds is in its events, for ever.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use quarterdeck_host::clock::Clock;
use quarterdeck_store::Store;

/// How long a signal without an incident is kept: a month of context for whoever looks back.
pub const KEPT: Duration = Duration::from_hours(30 * 24);
/// How often old ones are dropped.
const EVERY: Duration = Duration::from_hours(1);

/// Forgets until `stop` says so.
pub async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match store.forget_signals(clock.now().minus(KEPT)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "forgot old signals that no incident holds"),
            Err(error) => tracing::error!(%error, "cannot forget old signals"),
        }
    }
}
