//! Follows one source until it is told to stop, whatever kind it is.
//!
//! The place moves only over a verified parent link. A block that does not link is a reorganization: the walk goes back by
//! parent hashes until a block we know, and everything between is told. What cannot be read stays above the place and is a
//! gap until it can: nothing is skipped in silence. Tests: `follow/tests.rs`, `compliance.rs`, and `run/tests.rs` for what is
//! taken up.

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use quarterdeck_core::chain::ChainId;
use quarterdeck_host::clock::Clock;
use quarterdeck_store::Store;
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    follow::{Follower, Place},
    health::{SourceState, Sources},
    reader::{Doors, Heads},
    seen::Seen,
    source::ChainSource,
    tell::{Cursor, Teller},
};

/// The pause after a step that could not look. The node's own back-off comes on top.
const AFTER_GAP: Duration = Duration::from_millis(500);
/// Where heads are heard, the head is still asked for, this many times less often: who tells them can fall silent.
const POLL_LESS_WITH_HEADS: u32 = 10;

/// What may be asked of a source that runs.
pub struct Orders {
    /// It is to stop.
    pub stop: watch::Receiver<bool>,
    /// A person says that the chain which the node shows is the one to follow from here on: [`Follower::begin_anew`].
    pub anew: Arc<Notify>,
}

/// Follows the chain until `orders` say otherwise.
pub async fn run(
    source: ChainSource,
    seen: mpsc::Sender<Seen>,
    store: Arc<dyn Store>,
    sources: Arc<Sources>,
    clock: Arc<dyn Clock>,
    mut orders: Orders,
) {
    let Doors { node, witnesses, listener } = match source.kind.open(&source) {
        Ok(doors) => doors,
        Err(error) => {
            tracing::error!(%error, source = %source.id, "cannot be opened: this source stays blind");
            sources.update(&source.id, |health| (health.chain, health.state) = (source.chain, SourceState::Blind));
            return;
        }
    };
    sources.update(&source.id, |health| {
        health.chain = source.chain;
        source.kind.id().clone_into(&mut health.kind);
        node.shown().clone_into(&mut health.endpoint);
        health.began = Some(clock.now());
    });
    let Some(kept) = kept(&source, &*store, &sources, &mut orders.stop).await else { return };
    let (place, cursor) = taken_up(kept.as_deref(), source.chain);
    let how = source.pace();
    let mut teller = Teller::new(seen, sources, source.id.clone(), source.chain, cursor);
    let mut follower = Follower::new(source.chain, how, node, witnesses, place);
    let heads = Arc::new(Heads::default());
    let listening = listener.map(|listen| tokio::spawn(listen(Arc::clone(&heads), orders.stop.clone())));
    loop {
        let began = clock.now();
        let found = tokio::select! {
            biased;
            _ = orders.stop.changed() => break,
            found = follower.step(began) => found,
        };
        let (more, failed) = (found.more, found.gap.is_some());
        if !teller.tell(found, &follower, began, clock.now()).await {
            break;
        }
        if more {
            continue;
        }
        let pause = match (failed, heads.listening.load(Ordering::Relaxed)) {
            (true, _) => AFTER_GAP,
            (false, true) => how.poll_every * POLL_LESS_WITH_HEADS,
            (false, false) => how.poll_every,
        };
        tokio::select! {
            biased;
            _ = orders.stop.changed() => break,
            () = orders.anew.notified() => follower.begin_anew(),
            () = heads.heard.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some(listening) = listening {
        listening.abort();
    }
}

/// What the store kept of this source; waits for a store that does not answer, since beginning at the head would skip blocks.
/// None: the program stops.
async fn kept(
    source: &ChainSource,
    store: &dyn Store,
    sources: &Sources,
    stop: &mut watch::Receiver<bool>,
) -> Option<Option<String>> {
    loop {
        match store.cursor(source.id.as_str()).await {
            Ok(cursor) => return Some(cursor),
            Err(error) => tracing::error!(%error, source = %source.id, "cannot read where this source stood, waiting"),
        }
        sources.update(&source.id, |health| health.state = SourceState::Blind);
        tokio::select! {
            biased;
            _ = stop.changed() => return None,
            () = tokio::time::sleep(AFTER_GAP) => {}
        }
    }
}

/// Where a kept cursor says that a source stood; none: nowhere on this chain.
pub fn place_in(kept: &str, chain: ChainId) -> Result<Option<Place>, String> {
    taken_up(Some(kept), chain).0
}

/// Where to begin, and the gaps that were open. A source that keeps its name and watches another chain now stood nowhere on it;
/// the gaps of the chain before are closed by whoever knows that it is not watched any more.
fn taken_up(kept: Option<&str>, chain: ChainId) -> (Result<Option<Place>, String>, Cursor) {
    let Some(text) = kept else { return (Ok(None), Cursor::default()) };
    match serde_json::from_str::<Cursor>(text) {
        Ok(cursor) => {
            // Older programs did not keep the chain with the place; their gaps have it.
            let of = cursor.place.chain.or(cursor.gaps.first().map(|gap| gap.chain));
            if of.is_some_and(|of| of != chain) {
                tracing::warn!(before = ?of, now = %chain, "this source watches another chain now: it begins at the head");
                return (Ok(None), Cursor::default());
            }
            // Gaps can be kept before the first block was read.
            (Ok(Some(cursor.place.clone()).filter(|place| !place.hashes.is_empty())), cursor)
        }
        Err(error) => (Err(format!("where this source stood cannot be read: {error}")), Cursor::default()),
    }
}
